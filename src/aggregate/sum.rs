//! `sum(x)`: exact, whatever the order.

use serde::{Deserialize, Serialize};

use super::slots::{Accumulator, Slots, numbers};
use super::total::{Total, TotalV1};
use super::{Definition, Gives, Span, Takes, params};
use crate::number::ShortText;
use crate::parse::batch::{Input, NumberColumn};
use crate::value::Value;

/// The entry of `sum`.
pub const SUM: Definition = Definition {
    name: "sum",
    usage: "sum(x)",
    help: "exact sum of the decimals as written; beyond 1e30 or 18 decimals the exact sum of the doubles, rounded once",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Sum>::boxed(calls, |_| ()),
};

#[derive(Default)]
struct Sum(Total);

/// The written form.
#[derive(Serialize, Deserialize)]
struct SumV1(TotalV1);

impl Accumulator for Sum {
    type Setup = ();
    type View<'a> = &'a NumberColumn;
    type Written = SumV1;

    fn view(input: Input<'_>) -> &NumberColumn {
        numbers(input)
    }

    #[inline]
    fn add(&mut self, _: &(), column: &NumberColumn, row: u32) {
        self.0.add(column, row);
    }

    fn merge(&mut self, _: &(), other: &Sum) {
        self.0.merge(&other.0);
    }

    const RETRACTS: bool = true;

    fn retract(&mut self, other: &Sum) -> bool {
        self.0.retract(&other.0)
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        self.0.sum().map_or(Value::Null, Value::Number)
    }

    #[inline]
    fn write_short(&self, _: &(), _: Span, short: &mut ShortText) -> bool {
        match self.0.sum() {
            Some(sum) => short.put(&sum),
            None => short.put_text(b""),
        }
    }

    fn written(&self) -> SumV1 {
        SumV1(self.0.written())
    }

    fn read(_: &(), SumV1(total): SumV1) -> Option<Sum> {
        Total::read(total).map(Sum)
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::check;
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn adds_decimals_exactly() {
        check("sum", "", "", "null");
        check("sum", "", "null", "null");
        check("sum", "", "0.1 0.2", "0.3");
        check("sum", "", "1.1 2.2 null", "3.3");
        check("sum", "", "1.5 1.5", "3");
        check("sum", "", "0.1 -0.1", "0");
        check("sum", "", "1 2 0.5", "3.5");
        check("sum", "", "9223372036854775807 1", "9223372036854775808");
        check("sum", "", "9007199254740993 0.1", "9007199254740993.1");
        check(
            "sum",
            "",
            "0.000000000000000001 999999999999999999999999999999",
            "999999999999999999999999999999.000000000000000001",
        );
        check(
            "sum",
            "",
            "999999999999999999999999999999 999999999999999999999999999999",
            "1999999999999999999999999999998",
        );
        check("sum", "", "0.123456789012345678 9 9 9 9", "36.123456789012345678");
        check("sum", "", "1e3 2.50e1", "1025");
    }

    #[test]
    fn adds_doubles_exactly_beyond() {
        check("sum", "", "1e300 0.1 0.2 -1e300", "0.30000000000000004");
        check("sum", "", "0.1 0.2 1e300 -1e300", "0.30000000000000004");
        check("sum", "", "0.1 0.2 1e-19", "0.30000000000000004");
        check("sum", "", "0.1 0.2 1e-400", "0.30000000000000004");
        check("sum", "", "1e30", "1e30");
        check("sum", "", "1e30 1 -1e30", "1");
        check("sum", "", "9007199254740993 1e300 -1e300", "9007199254740992");
        check("sum", "", "5e-324 5e-324", "1e-323");
        check("sum", "", "1e308 1e308 -1e308", "1e308");
        check("sum", "", "0.000000001 0.000000000000001 1e300 -1e300", "1.000001e-9");
    }

    #[test]
    fn sums_beyond_all_doubles_are_told_exactly() {
        let double = format!("{:.0}", 1e308);
        let twice: num_bigint::BigInt = double.parse::<num_bigint::BigInt>().unwrap() * 2;
        check("sum", "", "1e308 1e308", &twice.to_string());
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "sum",
            "",
            &[
                ("1 2 null 5", "8"),
                ("", "null"),
                ("0.1 -7.25 12", "4.85"),
                (
                    "123456789012345678901234567890.5 -0.000000000000000001",
                    "123456789012345678901234567890.499999999999999999",
                ),
                ("1e300 0.1 0.2 -1e300", "0.30000000000000004"),
                ("9007199254740993 0.5", "9007199254740993.5"),
            ],
            &[],
        );
    }
}
