//! `array_agg(x)`: all values, in the order of their events.

use serde::{Deserialize, Serialize};

use super::slots::{Accumulator, Slots};
use super::stored::{Stored, StoredV1, split};
use super::written::PlaceV1;
use super::{Definition, Gives, Span, Takes, params};
use crate::output::json::write_json_value;
use crate::parse::batch::{Input, Place};
use crate::value::Value;

/// The entry of `array_agg`.
pub const ARRAY_AGG: Definition = Definition {
    name: "array_agg",
    usage: "array_agg(x)",
    help: "all values in an array, by event time, then source, then position",
    takes: Takes::Any,
    gives: Gives::List,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<ArrayAgg>::boxed(calls, |_| ()),
};

/// The values in the order in which they were added; sorted at the end.
#[derive(Default)]
struct ArrayAgg(Vec<(Place, Stored)>);

/// The written form, in the order of the live one.
#[derive(Serialize, Deserialize)]
struct ArrayAggV1(Vec<(PlaceV1, StoredV1)>);

impl Accumulator for ArrayAgg {
    type Setup = ();
    type View<'a> = Input<'a>;
    type Written = ArrayAggV1;

    fn view(input: Input<'_>) -> Input<'_> {
        input
    }

    const LOOKS_FAR: bool = true;

    #[inline(always)]
    fn soon(input: Input<'_>, row: u32) {
        input.prefetch(row);
    }

    fn add(&mut self, _: &(), input: Input<'_>, row: u32) {
        if let Some((kind, text)) = split(&input.value(row)) {
            self.0.push((input.place(row), Stored::new(kind, &text)));
        }
    }

    fn merge(&mut self, _: &(), other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    fn absorb(&mut self, _: &(), mut other: Self) {
        if other.0.len() > self.0.len() {
            std::mem::swap(self, &mut other);
        }
        self.0.append(&mut other.0);
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        if self.0.is_empty() {
            return Value::Null;
        }
        let mut values: Vec<&(Place, Stored)> = self.0.iter().collect();
        // No two events share a place.
        values.sort_unstable_by_key(|(place, _)| *place);
        let mut json = vec![b'['];
        for (n, (_, stored)) in values.into_iter().enumerate() {
            if n > 0 {
                json.push(b',');
            }
            write_json_value(&stored.value(), &mut json);
        }
        json.push(b']');
        Value::Json(String::from_utf8(json).expect("values are written in UTF-8").into())
    }

    fn beside(&self) -> Option<usize> {
        let texts: usize = self.0.iter().map(|(_, stored)| stored.beside()).sum();
        Some(self.0.capacity() * size_of::<(Place, Stored)>() + texts)
    }

    fn written(&self) -> ArrayAggV1 {
        ArrayAggV1(self.0.iter().map(|(place, stored)| (PlaceV1::of(*place), stored.written())).collect())
    }

    fn read(_: &(), ArrayAggV1(values): ArrayAggV1) -> Option<Self> {
        let values = values.into_iter().map(|(place, stored)| Some((place.read(), Stored::read(stored)?)));
        values.collect::<Option<_>>().map(ArrayAgg)
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::{check, check_csv, check_placed};
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn keeps_all_values_in_order() {
        check("array_agg", "", "", "null");
        check("array_agg", "", "null", "null");
        check("array_agg", "", "1.0 null \"a\\\"\" true {\"b\":[1]}", r#"[1.0,"a\"",true,{"b":[1]}]"#);
        check_csv("array_agg", "", "1 x", r#"["1","x"]"#);
        check_placed(
            "array_agg",
            "",
            &[(9, 0, 0, "1"), (5, 1, 0, "2"), (5, 0, 3, "3"), (5, 0, 2, "4")],
            "[4,3,2,1]",
        );
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "array_agg",
            "",
            &[
                (r#"1.50 "b" null 1.5"#, r#"[1.50,"b",1.5]"#),
                ("", "null"),
                (
                    r#""a-text-that-is-too-long-to-stay-inline" "é""#,
                    r#"["a-text-that-is-too-long-to-stay-inline","é"]"#,
                ),
                (
                    "-1e400 12345678901234567890.123456789012345678901234567890",
                    "[-1e400,12345678901234567890.123456789012345678901234567890]",
                ),
                (r#"true {"k":["v",1e5]}"#, r#"[true,{"k":["v",1e5]}]"#),
                ("false", "[false]"),
            ],
            &[("007 x", r#"["007","x"]"#)],
        );
    }
}
