//! `avg(x)`: the exact sum divided once.

use serde::{Deserialize, Serialize};

use super::slots::{Accumulator, Slots, numbers};
use super::total::{Total, TotalV1};
use super::{Definition, Gives, Span, Takes, params, written};
use crate::number::{Number, ShortText};
use crate::parse::batch::{Input, NumberColumn};
use crate::value::Value;

/// The entry of `avg`.
pub const AVG: Definition = Definition {
    name: "avg",
    usage: "avg(x)",
    help: "mean: the exact sum divided once, as the nearest double",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Avg>::boxed(calls, |_| ()),
};

#[derive(Default)]
struct Avg {
    total: Total,
    count: u64,
}

/// The written form.
#[derive(Serialize, Deserialize)]
struct AvgV1 {
    total: TotalV1,
    count: u64,
}

impl Avg {
    fn mean(&self) -> Option<Number> {
        self.total.mean(self.count).and_then(Number::from_f64)
    }
}

impl Accumulator for Avg {
    type Setup = ();
    type View<'a> = &'a NumberColumn;
    type Written = AvgV1;

    fn view(input: Input<'_>) -> &NumberColumn {
        numbers(input)
    }

    #[inline]
    fn add(&mut self, _: &(), column: &NumberColumn, row: u32) {
        self.count += u64::from(self.total.add(column, row));
    }

    fn merge(&mut self, _: &(), other: &Avg) {
        self.total.merge(&other.total);
        self.count += other.count;
    }

    const RETRACTS: bool = true;

    fn retract(&mut self, other: &Avg) -> bool {
        self.count -= other.count;
        self.total.retract(&other.total)
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        self.mean().map_or(Value::Null, Value::Number)
    }

    #[inline]
    fn write_short(&self, _: &(), _: Span, short: &mut ShortText) -> bool {
        match self.total.short_mean(self.count).or_else(|| self.mean()) {
            Some(mean) => short.put(&mean),
            None => short.put_text(b""),
        }
    }

    fn written(&self) -> AvgV1 {
        AvgV1 { total: self.total.written(), count: self.count }
    }

    fn read(_: &(), AvgV1 { total, count }: AvgV1) -> Option<Avg> {
        let avg = Avg { total: Total::read(total)?, count: written::count(count)? };
        (matches!(avg.total, Total::Empty) == (count == 0)).then_some(avg)
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::check;
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn divides_the_exact_sum_once() {
        check("avg", "", "", "null");
        check("avg", "", "null", "null");
        check("avg", "", "1 2", "1.5");
        check("avg", "", "1 2 null", "1.5");
        check("avg", "", "0.1 0.2", "0.15");
        check("avg", "", "0.1 0.2 0.3", "0.2");
        check("avg", "", "1 1 0", "0.6666666666666666");
        check("avg", "", "-1 -2", "-1.5");
        check("avg", "", "3 3", "3");
        check("avg", "", "1e300 0.1 0.2 -1e300", "0.07500000000000001");
        check("avg", "", "1e308 1e308", "1e308");
        check("avg", "", "9007199254740993 9007199254740993", "9007199254740992");
        check("avg", "", "12345678901234567890.5 1.5", "6172839450617284000");
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "avg",
            "",
            &[
                ("1 2 null 5", "2.6666666666666665"),
                ("", "null"),
                ("0.1 -7.25 12", "1.6166666666666667"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "6.172839450617284e28"),
                ("1e300 0.1 0.2 -1e300", "0.07500000000000001"),
                ("9007199254740993 0.5", "4503599627370497"),
            ],
            &[],
        );
    }
}
