//! `count(distinct x)`: how many different values, by their text as written.

use super::count::count_value;
use super::slots::{Accumulator, Slots};
use super::tally::{Tally, TallyV1};
use super::{Definition, Gives, Span, Takes, params};
use crate::parse::batch::Input;
use crate::value::Value;

/// The entry of `count(distinct x)`.
pub const COUNT_DISTINCT: Definition = Definition {
    name: "count distinct",
    usage: "count(distinct x)",
    help: "how many different values, by their text as written: 1 and 1.0 are two",
    takes: Takes::Any,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<CountDistinct>::boxed(calls, |_| ()),
};

#[derive(Default)]
struct CountDistinct(Option<Box<Tally>>);

impl Accumulator for CountDistinct {
    type Setup = ();
    type View<'a> = Input<'a>;
    type Written = TallyV1;

    fn view(input: Input<'_>) -> Input<'_> {
        input
    }

    const LOOKS_FAR: bool = true;

    #[inline(always)]
    fn soon(input: Input<'_>, row: u32) {
        input.prefetch(row);
    }

    fn add(&mut self, _: &(), input: Input<'_>, row: u32) {
        self.0.get_or_insert_default().add(&input.value(row));
    }

    fn merge(&mut self, _: &(), other: &Self) {
        if let Some(other) = &other.0 {
            self.0.get_or_insert_default().merge(other);
        }
    }

    fn absorb(&mut self, _: &(), other: Self) {
        if let Some(other) = other.0 {
            self.0.get_or_insert_default().absorb(*other);
        }
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        count_value(self.0.as_ref().map_or(0, |tally| tally.len() as u64))
    }

    fn beside(&self) -> Option<usize> {
        Some(self.0.as_ref().map_or(0, |tally| tally.bytes()))
    }

    fn written(&self) -> TallyV1 {
        Tally::written(self.0.as_deref())
    }

    fn read(_: &(), written: TallyV1) -> Option<Self> {
        Tally::read(written).map(CountDistinct)
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::{check, check_csv};
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn counts_texts_with_types_kept_apart() {
        check("count distinct", "", "", "0");
        check("count distinct", "", "null", "0");
        check("count distinct", "", "1 1.0 \"1\" 1", "3");
        check("count distinct", "", "true false \"true\" true", "3");
        check("count distinct", "", "[] {} \"[]\" []", "3");
        check("count distinct", "", "\"a-text-that-is-too-long-to-stay-inline\" \"a\"", "2");
        check_csv("count distinct", "", "1 1.0 1", "2");
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "count distinct",
            "",
            &[
                (r#"1.50 "b" null 1.5"#, "3"),
                ("", "0"),
                (r#""a-text-that-is-too-long-to-stay-inline" "é""#, "2"),
                ("-1e400 12345678901234567890.123456789012345678901234567890", "2"),
                (r#"true {"k":["v",1e5]}"#, "2"),
                ("false", "1"),
            ],
            &[("007 x", "2")],
        );
    }
}
