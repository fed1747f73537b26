//! `median(x)`, `p50(x)` ... `p99.9(x)`, `percentile(x, q)`: exact, with linear interpolation.
//!
//! The value at rank `q * (n - 1)`, between two ranks in proportion, is computed as one exact rational
//! and rounded once (definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::params::Quantile;
use super::slots::{Accumulator, Slots, numbers};
use super::written::{self, NumberV1};
use super::{Definition, Gives, Params, Span, Takes, params};
use crate::number::Number;
use crate::number::rational::{big_ratio_to_f64, ratio_to_f64};
use crate::parse::batch::{Input, NumberColumn, Packed};
use crate::value::Value;

/// The entry of `median`.
pub const MEDIAN: Definition = Definition {
    name: "median",
    usage: "median(x)",
    help: "exact median, interpolated; an entry per distinct value",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_none,
    family: Some("percentile"),
    make: |calls| Slots::<Percentile>::boxed(calls, quantile),
};

/// The entry of the family `p50` ... `p99.9`; its parameter is derived from the name.
pub const P: Definition = Definition {
    name: "p",
    usage: "p50(x) ... p99.9(x)",
    help: "exact percentile, interpolated; an entry per distinct value",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_quantile,
    family: Some("percentile"),
    make: |calls| Slots::<Percentile>::boxed(calls, quantile),
};

/// The entry of `percentile`.
pub const PERCENTILE: Definition = Definition {
    name: "percentile",
    usage: "percentile(x, q)",
    help: "exact percentile for q between 0 and 1, interpolated; an entry per distinct value",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_quantile,
    family: Some("percentile"),
    make: |calls| Slots::<Percentile>::boxed(calls, quantile),
};

/// The quantile that a call of this family asks for; the median has no parameter.
fn quantile(params: &Params) -> Quantile {
    if params.is_empty() { Quantile::MEDIAN } else { params::quantile(params) }
}

/// Distinct values with their counts.
#[derive(Default)]
struct Percentile {
    /// Mantissa and scale without trailing zeros: a value has one key.
    packed: HashMap<(i64, i8), u64, RandomState>,
    /// Values that do not fit above.
    wide: BTreeMap<ByValue, u64>,
}

/// The written form. Counts are at least 1.
#[derive(Serialize, Deserialize)]
struct PercentileV1 {
    /// Mantissa, scale up to 18 and count, sorted; a mantissa with a scale above 0 does not end in a zero.
    packed: Vec<(i64, u8, u64)>,
    /// Other values and their counts, sorted by value.
    wide: Vec<(NumberV1, u64)>,
}

/// A number as a key, by value.
#[derive(Clone)]
struct ByValue(Number);

impl Ord for ByValue {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.compare(&other.0)
    }
}

impl PartialOrd for ByValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByValue {}

impl Percentile {
    fn is_empty(&self) -> bool {
        self.packed.is_empty() && self.wide.is_empty()
    }

    /// The values at this rank and at the next one (the same, at the last one), ranks from 0.
    fn at(&self, rank: u64) -> Option<(Number, Number)> {
        let packed = self.packed.iter().map(|((mantissa, scale), count)| {
            (Number::Decimal { mantissa: i128::from(*mantissa), scale: *scale as u8 }, *count)
        });
        let mut values: Vec<(Number, u64)> =
            packed.chain(self.wide.iter().map(|(number, count)| (number.0.clone(), *count))).collect();
        values.sort_unstable_by(|(a, _), (b, _)| a.compare(b));
        let mut values = values.into_iter();
        let mut passed = 0;
        let (low, _) = values.by_ref().find(|(_, count)| {
            passed += count;
            passed > rank
        })?;
        let high = if passed > rank + 1 { None } else { values.next() };
        Some((low.clone(), high.map_or(low, |(high, _)| high)))
    }
}

/// A value of the group itself: as a double, like all percentiles, unless that would round it.
fn unrounded(value: Number) -> Number {
    match Number::from_f64(value.to_f64()) {
        Some(double) if double.compare(&value).is_eq() => double,
        _ => value,
    }
}

/// `low + (high - low) * part / unit`, rounded once.
fn interpolate(low: &Number, high: &Number, part: u64, unit: u64) -> f64 {
    let small = || match (low, high) {
        (Number::Decimal { mantissa: a, scale: s }, Number::Decimal { mantissa: b, scale: t }) => {
            let scale = *s.max(t);
            let a = a.checked_mul(10i128.checked_pow(u32::from(scale - s))?)?;
            let b = b.checked_mul(10i128.checked_pow(u32::from(scale - t))?)?;
            let step = b.checked_sub(a)?.checked_mul(i128::from(part))?;
            let value = a.checked_mul(i128::from(unit))?.checked_add(step)?;
            Some(ratio_to_f64(value, 10i128.checked_pow(u32::from(scale))?.checked_mul(i128::from(unit))?))
        }
        _ => None,
    };
    small().unwrap_or_else(|| {
        let ((a, a_below), (b, b_below)) = (low.to_ratio(), high.to_ratio());
        // Over the common denominator, a has the weight `unit - part` and b the weight `part`.
        let value = a * &b_below * BigInt::from(unit - part) + b * &a_below * BigInt::from(part);
        big_ratio_to_f64(&value, &(a_below * b_below * BigInt::from(unit)))
    })
}

impl Accumulator for Percentile {
    type Setup = Quantile;
    type View<'a> = &'a NumberColumn;
    type Written = PercentileV1;

    fn view(input: Input<'_>) -> &NumberColumn {
        numbers(input)
    }

    fn add(&mut self, _: &Quantile, column: &NumberColumn, row: u32) {
        let Packed { mut mantissa, mut scale } = column.packed[row as usize];
        match scale {
            Packed::NULL => {}
            Packed::WIDE => {
                if let Some(number) = column.wide(mantissa) {
                    *self.wide.entry(ByValue(number)).or_default() += 1;
                }
            }
            _ => {
                while scale > 0 && mantissa % 10 == 0 {
                    mantissa /= 10;
                    scale -= 1;
                }
                *self.packed.entry((mantissa, scale)).or_default() += 1;
            }
        }
    }

    fn merge(&mut self, _: &Quantile, other: &Self) {
        for (key, count) in &other.packed {
            *self.packed.entry(*key).or_default() += count;
        }
        for (key, count) in &other.wide {
            *self.wide.entry(key.clone()).or_default() += count;
        }
    }

    fn absorb(&mut self, quantile: &Quantile, mut other: Self) {
        if other.packed.len() + other.wide.len() > self.packed.len() + self.wide.len() {
            std::mem::swap(self, &mut other);
        }
        self.merge(quantile, &other);
    }

    fn finish(&self, quantile: &Quantile, _: Span) -> Value<'_> {
        if self.is_empty() {
            return Value::Null;
        }
        let count: u64 = self.packed.values().chain(self.wide.values()).sum();
        let (rank, part) = quantile.rank(count);
        let value = self.at(rank).and_then(|(low, high)| match part {
            0 => Some(unrounded(low)),
            _ if low.compare(&high).is_eq() => Some(unrounded(low)),
            _ => Number::from_f64(interpolate(&low, &high, part, quantile.unit())),
        });
        value.map_or(Value::Null, Value::Number)
    }

    fn beside(&self) -> Option<usize> {
        Some(self.packed.allocation_size() + self.wide.len() * size_of::<(ByValue, u64)>())
    }

    fn written(&self) -> PercentileV1 {
        let packed = self.packed.iter().map(|((mantissa, scale), count)| (*mantissa, *scale as u8, *count));
        let mut packed: Vec<(i64, u8, u64)> = packed.collect();
        packed.sort_unstable();
        let wide = self.wide.iter().map(|(number, count)| (NumberV1::of(&number.0), *count)).collect();
        PercentileV1 { packed, wide }
    }

    fn read(_: &Quantile, PercentileV1 { packed, wide }: PercentileV1) -> Option<Self> {
        let counts = || packed.iter().map(|(_, _, count)| *count).chain(wide.iter().map(|(_, count)| *count));
        written::count_all(counts())?;
        let is_key = |(mantissa, scale, _): &(i64, u8, u64)| match scale {
            0 => true,
            1..=18 => mantissa % 10 != 0,
            _ => false,
        };
        let makes_sense = counts().all(|count| count > 0)
            && packed.iter().all(is_key)
            && written::is_strictly(&packed, |a, b| (a.0, a.1) < (b.0, b.1));
        if !makes_sense {
            return None;
        }
        let packed = packed.into_iter().map(|(mantissa, scale, count)| ((mantissa, scale as i8), count));
        let wide = wide.into_iter().map(|(number, count)| Some((ByValue(number.read()?), count)));
        let wide: Vec<(ByValue, u64)> = wide.collect::<Option<_>>()?;
        written::is_strictly(&wide, |(a, _), (b, _)| a < b)
            .then(|| Percentile { packed: packed.collect(), wide: wide.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::check;
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn interpolates_between_ranks() {
        check("median", "", "", "null");
        check("median", "", "null", "null");
        check("median", "", "5", "5");
        check("median", "", "1 2", "1.5");
        check("median", "", "3 1 2", "2");
        check("median", "", "1 1.0 1.00 9", "1");
        check("p", "0.95", "1 2 3 4 5 6 7 8 9 10 11", "10.5");
        check("percentile", "0.9", "1 2 3 4", "3.7");
        check("percentile", "0", "3 1 2", "1");
        check("percentile", "1", "3 1 2", "3");
        check("percentile", "0.25", "10 20 20 20", "17.5");
        check("percentile", "0.1", "0.1 0.2", "0.11");
        check("percentile", "0.5", "-3 -1", "-2");
    }

    #[test]
    fn is_exact_for_any_size() {
        check("median", "", "1e300 2e300", "1.5e300");
        check("median", "", "0.1 1e300 -1e300", "0.1");
        check("median", "", "1e308 1.5e308", "1.25e308");
        check("median", "", "9007199254740992 9007199254740994", "9007199254740992");
        check(
            "median",
            "",
            "123456789012345678901234567890 123456789012345678901234567892",
            "1.2345678901234568e29",
        );
        check("percentile", "0.999999999999999999", "0 1", "1");
        check("median", "", "5e-324 1e-323", "1e-323");
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "median",
            "",
            &[
                ("1 2 null 5", "2"),
                ("", "null"),
                ("0.1 -7.25 12", "0.1"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "6.172839450617284e28"),
                ("1e300 0.1 0.2 -1e300", "0.15"),
                ("9007199254740993 0.5", "4503599627370497"),
            ],
            &[],
        );
        check_golden(
            "p",
            "0.9",
            &[
                ("1 2 null 5", "4.4"),
                ("", "null"),
                ("0.1 -7.25 12", "9.62"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "1.111111101111111e29"),
                ("1e300 0.1 0.2 -1e300", "7e299"),
                ("9007199254740993 0.5", "8106479329266894"),
            ],
            &[],
        );
        check_golden(
            "percentile",
            "0.25",
            &[
                ("1 2 null 5", "1.5"),
                ("", "null"),
                ("0.1 -7.25 12", "-3.575"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "3.086419725308642e28"),
                ("1e300 0.1 0.2 -1e300", "-2.5e299"),
                ("9007199254740993 0.5", "2251799813685248.5"),
            ],
            &[],
        );
    }
}
