//! `arg_min(x, by)`, `arg_max(x, by)`: x of the event whose `by` is least or greatest.

use super::extreme::{Held, Ranked, wins};
use serde::{Deserialize, Serialize};

use super::slots::{Accumulator, Slots};
use super::stored::{Stored, StoredV1};
use super::written::PlaceV1;
use super::{Definition, Gives, Span, Takes, params};
use crate::parse::batch::{Input, Place};
use crate::value::Value;

/// The entry of `arg_min`.
pub const ARG_MIN: Definition = Definition {
    name: "arg_min",
    usage: "arg_min(x, by)",
    help: "x of the event with the least by; of equals the earliest event",
    takes: Takes::AnyBy,
    gives: Gives::AsGiven,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<ArgExtreme<false>>::boxed(calls, |_| ()),
};

/// The entry of `arg_max`.
pub const ARG_MAX: Definition = Definition {
    name: "arg_max",
    usage: "arg_max(x, by)",
    help: "x of the event with the greatest by; of equals the earliest event",
    takes: Takes::AnyBy,
    gives: Gives::AsGiven,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<ArgExtreme<true>>::boxed(calls, |_| ()),
};

#[derive(Clone)]
struct Best {
    by: Held,
    place: Place,
    value: Stored,
}

/// Keeps x: a CSV field that reads as a number stays one, as `min` and `max` have it.
fn keep(value: &Value<'_>) -> Option<Stored> {
    match value {
        Value::Untyped(_) => Ranked::of(value).map(|ranked| ranked.store()),
        _ => Stored::of(value),
    }
}

#[derive(Default)]
struct ArgExtreme<const MAX: bool>(Option<Best>);

/// The written form.
#[derive(Serialize, Deserialize)]
struct ArgExtremeV1(Option<BestV1>);

#[derive(Serialize, Deserialize)]
struct BestV1 {
    /// A number or text.
    by: StoredV1,
    place: PlaceV1,
    value: StoredV1,
}

impl Best {
    fn written(&self) -> BestV1 {
        BestV1 { by: self.by.written(), place: PlaceV1::of(self.place), value: self.value.written() }
    }

    fn read(BestV1 { by, place, value }: BestV1) -> Option<Best> {
        Some(Best { by: Held::read(by)?, place: place.read(), value: Stored::read(value)? })
    }
}

impl<const MAX: bool> ArgExtreme<MAX> {
    fn wins(&self, by: &Ranked<'_>, place: Place) -> bool {
        self.0.as_ref().is_none_or(|best| match by.compare(&best.by) {
            std::cmp::Ordering::Equal => place < best.place,
            order => wins::<MAX>(order),
        })
    }
}

impl<const MAX: bool> Accumulator for ArgExtreme<MAX> {
    type Setup = ();
    type View<'a> = Input<'a>;
    type Written = ArgExtremeV1;

    fn view(input: Input<'_>) -> Input<'_> {
        input
    }

    /// An event counts if neither of its values is null.
    fn add(&mut self, _: &(), input: Input<'_>, row: u32) {
        let by = input.by(row);
        let place = input.place(row);
        if let Some(by) = Ranked::of(&by)
            && self.wins(&by, place)
            && let Some(value) = keep(&input.value(row))
        {
            self.0 = Some(Best { by: by.hold(), place, value });
        }
    }

    fn merge(&mut self, _: &(), other: &Self) {
        if let Some(best) = &other.0
            && self.wins(&best.by.ranked(), best.place)
        {
            self.0 = Some(best.clone());
        }
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        self.0.as_ref().map_or(Value::Null, |best| best.value.value())
    }

    fn beside(&self) -> Option<usize> {
        Some(self.0.as_ref().map_or(0, |best| best.by.beside() + best.value.beside()))
    }

    fn written(&self) -> ArgExtremeV1 {
        ArgExtremeV1(self.0.as_ref().map(Best::written))
    }

    fn read(_: &(), ArgExtremeV1(best): ArgExtremeV1) -> Option<Self> {
        Some(ArgExtreme(match best {
            Some(best) => Some(Best::read(best)?),
            None => None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::{check_pairs, check_pairs_csv};
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn finds_the_value_of_the_extreme() {
        check_pairs("arg_min", "", "null");
        check_pairs("arg_min", "\"a\"=2 \"b\"=1 \"c\"=3", "\"b\"");
        check_pairs("arg_max", "\"a\"=2 \"b\"=1 \"c\"=3", "\"c\"");
        check_pairs("arg_max", "\"a\"=9 \"b\"=10", "\"b\"");
        check_pairs("arg_max", "1.50=1 2=\"x\"", "2");
        check_pairs("arg_min", "true=1 {\"k\":[]}=0", "{\"k\":[]}");
    }

    #[test]
    fn skips_nulls_on_either_side() {
        check_pairs("arg_min", "null=1 \"b\"=2 \"c\"=null", "\"b\"");
        check_pairs("arg_min", "null=1", "null");
    }

    #[test]
    fn equal_values_give_the_earliest() {
        check_pairs("arg_min", "\"a\"=1.0 \"b\"=1 \"c\"=1", "\"a\"");
        check_pairs("arg_max", "\"a\"=0 \"b\"=\"x\" \"c\"=\"x\"", "\"b\"");
    }

    #[test]
    fn csv_fields_are_numbers_where_they_read_as_such() {
        check_pairs_csv("arg_max", "5=9 6=10 x=8", "6");
        check_pairs_csv("arg_min", "5=9 6=10 x=8", "\"x\"");
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "arg_min",
            "",
            &[
                (r#""a"=2 1.50=1 true=3"#, "1.50"),
                ("", "null"),
                (
                    r#""a-text-that-is-too-long-to-stay-inline"="a-text-that-is-too-long-to-stay-inline" 1="x""#,
                    r#""a-text-that-is-too-long-to-stay-inline""#,
                ),
                (r#"{"k":[1]}=1e400"#, r#"{"k":[1]}"#),
                ("null=1 false=null", "null"),
            ],
            &[("+5=+9 x=10 007=9", r#""+5""#)],
        );
        check_golden(
            "arg_max",
            "",
            &[
                (r#""a"=2 1.50=1 true=3"#, "true"),
                ("", "null"),
                (
                    r#""a-text-that-is-too-long-to-stay-inline"="a-text-that-is-too-long-to-stay-inline" 1="x""#,
                    "1",
                ),
                (r#"{"k":[1]}=1e400"#, r#"{"k":[1]}"#),
                ("null=1 false=null", "null"),
            ],
            &[("+5=+9 x=10 007=9", r#""x""#)],
        );
    }
}
