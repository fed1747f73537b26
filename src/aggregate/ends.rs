//! `first(x)`, `last(x)`: the value of the earliest or latest event that has one.

use serde::{Deserialize, Serialize};

use super::slots::{Accumulator, Slots};
use super::stored::{Stored, StoredV1};
use super::written::PlaceV1;
use super::{Definition, Gives, Span, Takes, params};
use crate::parse::batch::{Input, Place};
use crate::value::Value;

/// The entry of `first`.
pub const FIRST: Definition = Definition {
    name: "first",
    usage: "first(x)",
    help: "value of the earliest event by event time, then source, then position",
    takes: Takes::Any,
    gives: Gives::AsGiven,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<End<false>>::boxed(calls, |_| ()),
};

/// The entry of `last`.
pub const LAST: Definition = Definition {
    name: "last",
    usage: "last(x)",
    help: "value of the latest event by event time, then source, then position",
    takes: Takes::Any,
    gives: Gives::AsGiven,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<End<true>>::boxed(calls, |_| ()),
};

#[derive(Default)]
struct End<const LAST: bool>(Option<(Place, Stored)>);

/// The written form.
#[derive(Serialize, Deserialize)]
struct EndV1(Option<(PlaceV1, StoredV1)>);

impl<const LAST: bool> End<LAST> {
    fn wins(&self, place: Place) -> bool {
        self.0.as_ref().is_none_or(|(best, _)| if LAST { place > *best } else { place < *best })
    }
}

impl<const LAST: bool> Accumulator for End<LAST> {
    type Setup = ();
    type View<'a> = Input<'a>;
    type Written = EndV1;

    fn view(input: Input<'_>) -> Input<'_> {
        input
    }

    fn add(&mut self, _: &(), input: Input<'_>, row: u32) {
        let place = input.place(row);
        if self.wins(place)
            && let Some(stored) = Stored::of(&input.value(row))
        {
            self.0 = Some((place, stored));
        }
    }

    fn merge(&mut self, _: &(), other: &Self) {
        if let Some((place, _)) = &other.0
            && self.wins(*place)
        {
            self.0.clone_from(&other.0);
        }
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        self.0.as_ref().map_or(Value::Null, |(_, stored)| stored.value())
    }

    fn beside(&self) -> Option<usize> {
        Some(self.0.as_ref().map_or(0, |(_, stored)| stored.beside()))
    }

    fn written(&self) -> EndV1 {
        EndV1(self.0.as_ref().map(|(place, stored)| (PlaceV1::of(*place), stored.written())))
    }

    fn read(_: &(), EndV1(end): EndV1) -> Option<Self> {
        Some(End(match end {
            Some((place, stored)) => Some((place.read(), Stored::read(stored)?)),
            None => None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::{check, check_csv, check_placed};
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn goes_by_place() {
        check("first", "", "", "null");
        check("last", "", "null", "null");
        check("first", "", "null 1.50 \"b\"", "1.50");
        check("last", "", "1 \"b\\n\" null", "\"b\\n\"");
        check("first", "", "{\"a\":1} 2", "{\"a\":1}");
        check("last", "", "2 false", "false");
        check_csv("first", "", "007 8", "\"007\"");
        check_csv("last", "", "7 8", "\"8\"");
    }

    #[test]
    fn ties_go_by_source_then_position() {
        let rows = [(5, 1, 0, "1"), (5, 0, 7, "2"), (5, 0, 8, "3"), (9, 0, 1, "null")];
        check_placed("first", "", &rows, "2");
        check_placed("last", "", &rows, "1");
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "first",
            "",
            &[
                (r#"1.50 "b" null 1.5"#, "1.50"),
                ("", "null"),
                (
                    r#""a-text-that-is-too-long-to-stay-inline" "é""#,
                    r#""a-text-that-is-too-long-to-stay-inline""#,
                ),
                ("-1e400 12345678901234567890.123456789012345678901234567890", "-1e400"),
                (r#"true {"k":["v",1e5]}"#, "true"),
                ("false", "false"),
            ],
            &[("007 x", r#""007""#)],
        );
        check_golden(
            "last",
            "",
            &[
                (r#"1.50 "b" null 1.5"#, "1.5"),
                ("", "null"),
                (r#""a-text-that-is-too-long-to-stay-inline" "é""#, r#""é""#),
                (
                    "-1e400 12345678901234567890.123456789012345678901234567890",
                    "12345678901234567890.123456789012345678901234567890",
                ),
                (r#"true {"k":["v",1e5]}"#, r#"{"k":["v",1e5]}"#),
                ("false", "false"),
            ],
            &[("007 x", r#""x""#)],
        );
    }
}
