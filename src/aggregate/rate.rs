//! `rate(*)`, `rate(x)`: events per second of window.

use super::count::{Count, CountV1};
use super::slots::{Accumulator, Slots, presence};
use super::{Definition, Gives, Span, Takes, params};
use crate::number::Number;
use crate::number::rational::ratio_to_f64;
use crate::parse::batch::Input;
use crate::value::Value;

/// The entry of `rate`.
pub const RATE: Definition = Definition {
    name: "rate",
    usage: "rate(*), rate(x)",
    help: "count per second of window; null where windows have no bounds",
    takes: Takes::Presence,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Rate>::boxed(calls, |_| ()),
};

#[derive(Default)]
struct Rate(Count);

impl Accumulator for Rate {
    type Setup = ();
    type View<'a> = Option<&'a [bool]>;
    type Written = CountV1;

    fn view(input: Input<'_>) -> Option<&[bool]> {
        presence(input)
    }

    fn add(&mut self, setup: &(), present: Option<&[bool]>, row: u32) {
        self.0.add(setup, present, row);
    }

    fn merge(&mut self, setup: &(), other: &Rate) {
        self.0.merge(setup, &other.0);
    }

    const RETRACTS: bool = true;

    fn retract(&mut self, other: &Rate) -> bool {
        self.0.retract(&other.0)
    }

    fn finish(&self, _: &(), span: Span) -> Value<'_> {
        const MICROS_PER_SECOND: i128 = 1_000_000;
        let Some((start, end)) = span.bounds else { return Value::Null };
        let micros = i128::from(end) - i128::from(start);
        if micros <= 0 {
            return Value::Null;
        }
        let rate = ratio_to_f64(i128::from((self.0).0) * MICROS_PER_SECOND, micros);
        Number::from_f64(rate).map_or(Value::Null, Value::Number)
    }

    fn written(&self) -> CountV1 {
        self.0.written()
    }

    fn read(setup: &(), written: CountV1) -> Option<Rate> {
        Count::read(setup, written).map(Rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::model_tests::text;
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn divides_by_the_length_of_the_window() {
        let check = |count: u64, bounds: Option<(i64, i64)>, want: &str| {
            assert_eq!(text(&Rate(Count(count)).finish(&(), Span { bounds })), want);
        };
        check(3, Some((-60_000_000, 0)), "0.05");
        check(1, Some((0, 3_000_000)), "0.3333333333333333");
        check(120, Some((0, 60_000_000)), "2");
        check(5, Some((0, 1)), "5000000");
        check(0, Some((0, 1)), "0");
        check(7, None, "null");
        check(1, Some((-(1 << 62), 1 << 62)), "1.0842021724855044e-13");
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "rate",
            "",
            &[(r#"1 null "x" {}"#, "0.05"), ("", "0"), ("1", "0.016666666666666666")],
            &[],
        );
    }
}
