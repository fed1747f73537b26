//! `stddev`, `variance` and their `_pop` variants, from the exact count, sum and sum of squares.
//!
//! A value beyond what sums take as decimals counts as its nearest double, exactly. The variance is one
//! exact rational, rounded once; the deviation is its square root.

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::slots::{Accumulator, Slots, numbers};
use super::written::{self, BigIntV1};
use super::{Definition, Gives, Span, Takes, params};
use crate::number::Number;
use crate::number::rational::{DOUBLE_EXPONENT_MIN, big_ratio_to_f64, double_units, ratio_to_f64};
use crate::parse::batch::{Input, NumberColumn, Packed};
use crate::value::Value;

/// The entry of `stddev`.
pub const STDDEV: Definition = Definition {
    name: "stddev",
    usage: "stddev(x)",
    help: "sample standard deviation; null below two values",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Deviation<SAMPLE, ROOT>>::boxed(calls, |_| ()),
};

/// The entry of `stddev_pop`.
pub const STDDEV_POP: Definition = Definition {
    name: "stddev_pop",
    usage: "stddev_pop(x)",
    help: "population standard deviation",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Deviation<POPULATION, ROOT>>::boxed(calls, |_| ()),
};

/// The entry of `variance`.
pub const VARIANCE: Definition = Definition {
    name: "variance",
    usage: "variance(x)",
    help: "sample variance; null below two values",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Deviation<SAMPLE, SQUARE>>::boxed(calls, |_| ()),
};

/// The entry of `variance_pop`.
pub const VARIANCE_POP: Definition = Definition {
    name: "variance_pop",
    usage: "variance_pop(x)",
    help: "population variance",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Deviation<POPULATION, SQUARE>>::boxed(calls, |_| ()),
};

const SAMPLE: bool = true;
const POPULATION: bool = false;
const ROOT: bool = true;
const SQUARE: bool = false;

/// Wide sums count units of 1e-18, and 1e-36 for squares.
const UNIT_SCALE: u8 = 18;

/// Count, sum and sum of squares. The sums are those of the small and the wide part together.
#[derive(Default)]
struct Deviation<const SAMPLE: bool, const ROOT: bool> {
    count: u64,
    /// In units of `10^-scale`.
    sum: i128,
    /// In units of `10^-(2 * scale)`.
    squares: i128,
    scale: u8,
    wide: Option<Box<Wide>>,
}

/// Sums of any size.
#[derive(Clone, Default)]
struct Wide {
    sum: BigInt,
    squares: BigInt,
    /// The doubles, in units of 2^-1074.
    double_sum: BigInt,
    /// Their squares, in units of 2^-2148.
    double_squares: BigInt,
}

/// The written form, in the units of the live one. Squares are never negative; the scale is at most 18.
#[derive(Serialize, Deserialize)]
struct DeviationV1 {
    count: u64,
    sum: i128,
    squares: i128,
    scale: u8,
    wide: Option<Box<WideV1>>,
}

#[derive(Serialize, Deserialize)]
struct WideV1 {
    sum: BigIntV1,
    squares: BigIntV1,
    double_sum: BigIntV1,
    double_squares: BigIntV1,
}

impl Wide {
    fn written(&self) -> WideV1 {
        WideV1 {
            sum: BigIntV1::of(&self.sum),
            squares: BigIntV1::of(&self.squares),
            double_sum: BigIntV1::of(&self.double_sum),
            double_squares: BigIntV1::of(&self.double_squares),
        }
    }

    fn read(written: WideV1) -> Option<Wide> {
        Some(Wide {
            sum: written.sum.read()?,
            squares: written.squares.read_unsigned()?,
            double_sum: written.double_sum.read()?,
            double_squares: written.double_squares.read_unsigned()?,
        })
    }
}

impl<const SAMPLE: bool, const ROOT: bool> Deviation<SAMPLE, ROOT> {
    /// Adds sums at a scale to the small part; `None` (and nothing changed) where they do not fit.
    fn add_small(&mut self, sum: i128, squares: i128, scale: u8) -> Option<()> {
        if scale > self.scale {
            let (sum, squares) = rescale(self.sum, self.squares, scale - self.scale)?;
            (self.sum, self.squares, self.scale) = (sum, squares, scale);
        }
        let (sum, squares) = rescale(sum, squares, self.scale - scale)?;
        let (sum, squares) = (self.sum.checked_add(sum)?, self.squares.checked_add(squares)?);
        (self.sum, self.squares) = (sum, squares);
        Some(())
    }

    /// Adds sums at a scale, moving the small part into the wide one where they do not fit.
    fn add_sums(&mut self, sum: i128, squares: i128, scale: u8) {
        if self.add_small(sum, squares, scale).is_none() {
            self.spill();
            (self.sum, self.squares, self.scale) = (sum, squares, scale);
        }
    }

    #[cold]
    fn spill(&mut self) {
        let (sum, squares) = wide_sums(self.sum, self.squares, self.scale);
        (self.sum, self.squares, self.scale) = (0, 0, 0);
        let wide = self.wide.get_or_insert_default();
        wide.sum += sum;
        wide.squares += squares;
    }

    fn add_number(&mut self, number: &Number) {
        let wide = self.wide.get_or_insert_default();
        match number.to_units() {
            Some(units) => {
                wide.squares += &units * &units;
                wide.sum += units;
            }
            None => {
                let units = double_units(number.to_f64());
                wide.double_squares += &units * &units;
                wide.double_sum += units;
            }
        }
    }

    /// The variance times `count * divisor`, where the divisor is the count or one less, as an exact
    /// ratio.
    fn spread(&self) -> (BigInt, BigInt) {
        let (mut sum, mut squares) = wide_sums(self.sum, self.squares, self.scale);
        let mut unit = BigInt::from(10).pow(u32::from(UNIT_SCALE));
        if let Some(wide) = &self.wide {
            sum += &wide.sum;
            squares += &wide.squares;
            // A common denominator with the doubles is costly and seldom needed.
            if wide.double_squares != BigInt::ZERO {
                let shift = DOUBLE_EXPONENT_MIN.unsigned_abs();
                sum = (sum << shift) + &wide.double_sum * &unit;
                squares = (squares << (2 * shift)) + &wide.double_squares * (&unit * &unit);
                unit <<= shift;
            }
        }
        (squares * self.count - &sum * &sum, &unit * &unit)
    }

    /// As [`Self::spread`], where all fits.
    fn small_spread(&self) -> Option<(i128, i128)> {
        let count = i128::from(self.count);
        let spread = self.squares.checked_mul(count)?.checked_sub(self.sum.checked_mul(self.sum)?)?;
        self.wide.is_none().then_some((spread, 10i128.checked_pow(2 * u32::from(self.scale))?))
    }

    fn result(&self) -> Option<Number> {
        let divisor = self.count.checked_sub(u64::from(SAMPLE)).filter(|divisor| *divisor > 0)?;
        if let Some((spread, unit)) = self.small_spread()
            && let Some(pairs) = i128::from(self.count).checked_mul(i128::from(divisor))
            && let Some(unit) = unit.checked_mul(pairs)
        {
            let variance = ratio_to_f64(spread, unit);
            return Number::from_f64(if ROOT { variance.sqrt() } else { variance });
        }
        let (spread, unit) = self.spread();
        let unit = unit * self.count * divisor;
        if ROOT {
            return Number::from_f64(root(&spread, &unit));
        }
        // Beyond the range of doubles the whole part tells more than nothing.
        let variance = big_ratio_to_f64(&spread, &unit);
        Some(Number::from_f64(variance).unwrap_or_else(|| Number::from_big(spread / unit, 0)))
    }
}

/// Sums moved by `up` digits.
fn rescale(sum: i128, squares: i128, up: u8) -> Option<(i128, i128)> {
    if up == 0 {
        return Some((sum, squares));
    }
    let factor = 10i128.checked_pow(u32::from(up))?;
    Some((sum.checked_mul(factor)?, squares.checked_mul(factor)?.checked_mul(factor)?))
}

/// Sums in the units of the wide ones.
fn wide_sums(sum: i128, squares: i128, scale: u8) -> (BigInt, BigInt) {
    let factor = BigInt::from(10).pow(u32::from(UNIT_SCALE - scale));
    (sum * &factor, squares * &factor * &factor)
}

/// The square root of a ratio, also where the ratio itself is beyond the range of doubles.
fn root(numerator: &BigInt, denominator: &BigInt) -> f64 {
    const SHIFT: u32 = 1200;
    let half = 2f64.powi(SHIFT as i32 / 2);
    match big_ratio_to_f64(numerator, denominator) {
        ratio if ratio == f64::INFINITY => big_ratio_to_f64(numerator, &(denominator << SHIFT)).sqrt() * half,
        ratio if ratio < 1e-290 => big_ratio_to_f64(&(numerator << SHIFT), denominator).sqrt() / half,
        ratio => ratio.sqrt(),
    }
}

impl<const SAMPLE: bool, const ROOT: bool> Accumulator for Deviation<SAMPLE, ROOT> {
    type Setup = ();
    type View<'a> = &'a NumberColumn;
    type Written = DeviationV1;

    fn view(input: Input<'_>) -> &NumberColumn {
        numbers(input)
    }

    fn add(&mut self, _: &(), column: &NumberColumn, row: u32) {
        let Packed { mantissa, scale } = column.packed[row as usize];
        match scale {
            Packed::NULL => return,
            Packed::WIDE => self.add_number(&column.wide(mantissa).unwrap_or(Number::ZERO)),
            // The square of an i64 fits.
            scale => self.add_sums(i128::from(mantissa), i128::from(mantissa).pow(2), scale as u8),
        }
        self.count += 1;
    }

    fn merge(&mut self, _: &(), other: &Self) {
        self.count += other.count;
        self.add_sums(other.sum, other.squares, other.scale);
        if let Some(theirs) = &other.wide {
            let wide = self.wide.get_or_insert_default();
            wide.sum += &theirs.sum;
            wide.squares += &theirs.squares;
            wide.double_sum += &theirs.double_sum;
            wide.double_squares += &theirs.double_squares;
        }
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        self.result().map_or(Value::Null, Value::Number)
    }

    fn written(&self) -> DeviationV1 {
        DeviationV1 {
            count: self.count,
            sum: self.sum,
            squares: self.squares,
            scale: self.scale,
            wide: self.wide.as_ref().map(|wide| Box::new(wide.written())),
        }
    }

    fn read(_: &(), written: DeviationV1) -> Option<Self> {
        let DeviationV1 { count, sum, squares, scale, wide } = written;
        let wide = match wide {
            Some(wide) => Some(Box::new(Wide::read(*wide)?)),
            None => None,
        };
        let makes_sense = squares >= 0 && scale <= UNIT_SCALE;
        makes_sense.then_some(Deviation { count: written::count(count)?, sum, squares, scale, wide })
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::check;
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn is_exact_before_the_one_rounding() {
        check("variance", "", "", "null");
        check("variance", "", "5", "null");
        check("variance_pop", "", "5", "0");
        check("variance_pop", "", "", "null");
        check("variance", "", "1 2 3 4", "1.6666666666666667");
        check("variance_pop", "", "1 2 3 4", "1.25");
        check("stddev", "", "1 2 3 4", "1.2909944487358056");
        check("stddev_pop", "", "2 4 4 4 5 5 7 9 null", "2");
        check("variance", "", "0.1 0.1 0.1", "0");
        check("variance", "", "1000000000.1 1000000000.2", "0.005");
        check("variance_pop", "", "0.1 0.3", "0.01");
        check("variance_pop", "", "1.5 1 0.25", "0.2638888888888889");
    }

    #[test]
    fn large_and_small_values_do_not_lose_digits() {
        check("variance_pop", "", "9007199254740993 9007199254740995", "1");
        check("variance_pop", "", "999999999999999999999999999999 999999999999999999999999999997", "1");
        check("variance_pop", "", "0.000000000000000001 0.000000000000000003", "1e-36");
        check("variance_pop", "", "1e200 -1e200 0.5 0.5", &variance_of_1e200());
        check("stddev_pop", "", "1e200 -1e200", "1e200");
        check("stddev_pop", "", "1e-200 -1e-200", "1e-200");
        check("stddev", "", "1e300 1e300", "0");
        check("variance_pop", "", "1e22 3 1e30", "2.2222222000000003e59");
    }

    /// The double nearest to 1e200, squared and halved, less a quarter of nothing: beyond doubles.
    fn variance_of_1e200() -> String {
        use num_bigint::BigInt;
        let value: BigInt = format!("{:.0}", 1e200).parse().unwrap();
        // (2 v^2 + 1/2) / 4 - (1/4)^2, whose whole part is v^2 / 2.
        let half: BigInt = &value * &value / 2;
        half.to_string()
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "stddev",
            "",
            &[
                ("1 2 null 5", "2.0816659994661326"),
                ("", "null"),
                ("0.1 -7.25 12", "9.714207807810853"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "8.729713269414648e28"),
                ("1e300 0.1 0.2 -1e300", "8.164965809277261e299"),
                ("9007199254740993 0.5", "6369051672525773"),
            ],
            &[],
        );
        check_golden(
            "stddev_pop",
            "",
            &[
                ("1 2 null 5", "1.699673171197595"),
                ("", "null"),
                ("0.1 -7.25 12", "7.931617461498982"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "6.172839450617284e28"),
                ("1e300 0.1 0.2 -1e300", "7.071067811865476e299"),
                ("9007199254740993 0.5", "4503599627370496"),
            ],
            &[],
        );
        check_golden(
            "variance",
            "",
            &[
                ("1 2 null 5", "4.333333333333333"),
                ("", "null"),
                ("0.1 -7.25 12", "94.36583333333333"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "7.620789376619419e57"),
                ("1e100 0.1 0.2 -1e100", "6.666666666666667e199"),
                ("9007199254740993 0.5", "4.056481920730335e31"),
            ],
            &[],
        );
        check_golden(
            "variance_pop",
            "",
            &[
                ("1 2 null 5", "2.888888888888889"),
                ("", "null"),
                ("0.1 -7.25 12", "62.910555555555554"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "3.8103946883097095e57"),
                ("1e100 0.1 0.2 -1e100", "5e199"),
                ("9007199254740993 0.5", "2.0282409603651675e31"),
            ],
            &[],
        );
    }
}
