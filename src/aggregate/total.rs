//! The exact sum of one group's numbers, under `sum` and `avg`.
//!
//! Two sums run side by side: of the decimals as written, and of the double nearest to each. The
//! second is wanted only if some value of the group lies beyond what decimals are summed as (multiples
//! of 1e-18 below 1e30), but which values came before that one must not matter, so that it runs from
//! the first fraction on. Both are whole numbers of a fixed unit: no addition ever rounds.

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::spilling::{Spilling, SpillingV1};
use crate::number::Number;
use crate::number::rational::{
    DOUBLE_EXPONENT_MIN, big_ratio_to_f64, decimal_to_f64, decompose, double_units, ratio_to_f64,
};
use crate::parse::batch::{NumberColumn, Packed};

/// Doubles are summed in units of 2 to the minus this while that is exact: it leaves room for sums up
/// to 2^51 and takes every double from 2^-24 on.
const FIXED_BITS: i32 = 76;
/// Wide decimal sums count units of 1e-18.
const UNIT_SCALE: u8 = 18;
/// Powers of ten up to `UNIT_SCALE`.
const POWERS: [u64; 1 + UNIT_SCALE as usize] = {
    let mut powers = [1; 1 + UNIT_SCALE as usize];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};
/// Per count, what to multiply by and how many places to move the point by in order to divide by it; a factor of 0 where
/// that takes more than three places or never ends.
const TENTHS: [(i64, u8); 126] = {
    let mut tenths = [(0, 0); 126];
    let mut places = 4;
    while places > 0 {
        places -= 1;
        let power = POWERS[places];
        let mut count = 1;
        while count < tenths.len() {
            if power.is_multiple_of(count as u64) {
                tenths[count] = ((power / count as u64) as i64, places as u8);
            }
            count += 1;
        }
    }
    tenths
};
/// Not known, or too many to count.
const UNKNOWN: u32 = u32::MAX;
/// The whole numbers that are the same as a double.
const WHOLE_MAX: u64 = 1 << 53;

/// An exact sum; 32 bytes while the numbers are small.
#[derive(Debug, Default)]
pub enum Total {
    /// Over nothing.
    #[default]
    Empty,
    /// All values so far had at most `scale` digits behind the point.
    Small {
        /// Digits behind the point of `decimal`, at most 18.
        scale: u8,
        /// How many values it is of, or [`UNKNOWN`].
        values: u32,
        /// The sum of the decimals.
        decimal: i64,
        /// The sum of the doubles. Not kept while the scale is 0: then both sums are the same.
        doubles: Halves,
    },
    /// What does not fit above.
    Wide(Box<Wide>),
}

/// An i128 that is aligned as its halves are, which saves 8 bytes per group.
#[derive(Debug, Clone, Copy, Default)]
pub struct Halves {
    low: u64,
    high: i64,
}

impl Halves {
    fn new(value: i128) -> Halves {
        Halves { low: value as u64, high: (value >> 64) as i64 }
    }

    fn get(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }
}

/// Sums of any size.
#[derive(Debug, Clone, Default)]
pub struct Wide {
    /// The sum of the decimals in units of 1e-18, of no use once `beyond`.
    decimal: Spilling<0>,
    /// The sum of the doubles.
    doubles: Spilling<{ -DOUBLE_EXPONENT_MIN - FIXED_BITS }>,
    /// Whether some value lay beyond the decimals.
    beyond: bool,
}

/// The written form of a sum.
#[derive(Serialize, Deserialize)]
pub enum TotalV1 {
    /// Over nothing.
    Empty,
    /// Of whole numbers, each of which is the same as a double.
    Whole(i64),
    /// Of decimals with 1 to 18 digits behind the point.
    Decimal {
        /// Digits behind the point of `decimal`.
        scale: u8,
        /// The sum of the decimals.
        decimal: i64,
        /// The sum of the doubles nearest to them, in units of 2^-76.
        doubles: HalvesV1,
    },
    /// Of any numbers.
    Wide(Box<WideV1>),
}

/// An i128 by its halves, as it is held; its bytes are those of the i128.
#[derive(Serialize, Deserialize)]
pub struct HalvesV1 {
    low: u64,
    high: i64,
}

/// The written form of a sum of any size.
#[derive(Serialize, Deserialize)]
pub struct WideV1 {
    /// Both parts in units of 1e-18.
    decimal: SpillingV1,
    /// The low part in units of 2^-76, the high one of 2^-1074.
    doubles: SpillingV1,
    beyond: bool,
}

/// A whole number, if it is the same as a double.
#[inline(always)]
fn whole(mantissa: i64) -> Option<i64> {
    (mantissa.unsigned_abs() <= WHOLE_MAX).then_some(mantissa)
}

impl Total {
    /// Adds a number of a column; a null adds nothing.
    #[inline(always)]
    pub fn add(&mut self, column: &NumberColumn, row: u32) -> bool {
        let Packed { mantissa, scale } = column.packed[row as usize];
        // What most sums are of, before anything else is asked.
        self.add_alike(mantissa, scale).is_some() || self.add_any(column, mantissa, scale)
    }

    /// Adds a decimal with as many digits behind the point as those before it, if it fits; else the sum is as before.
    #[inline(always)]
    fn add_alike(&mut self, mantissa: i64, scale: i8) -> Option<()> {
        let double = |scale: i8| fixed(decimal_to_f64(whole(mantissa)?, scale as u8));
        match self {
            Total::Small { scale: 0, decimal, values, .. } if scale == 0 => {
                *decimal = decimal.checked_add(whole(mantissa)?)?;
                *values = values.saturating_add(1);
            }
            Total::Small { scale: own, decimal, values, doubles } if *own as i8 == scale => {
                let (sum, of_doubles) =
                    (decimal.checked_add(mantissa)?, doubles.get().checked_add(double(scale)?)?);
                (*decimal, *doubles) = (sum, Halves::new(of_doubles));
                *values = values.saturating_add(1);
            }
            Total::Empty if scale == 0 => {
                let (decimal, doubles) = (whole(mantissa)?, Halves::default());
                *self = Total::Small { scale: 0, values: 1, decimal, doubles };
            }
            Total::Empty if scale > 0 => {
                let doubles = Halves::new(double(scale)?);
                *self = Total::Small { scale: scale as u8, values: 1, decimal: mantissa, doubles };
            }
            _ => return None,
        }
        Some(())
    }

    /// [`Total::add`] of any number to any sum.
    #[inline(never)]
    fn add_any(&mut self, column: &NumberColumn, mantissa: i64, scale: i8) -> bool {
        match scale {
            Packed::NULL => return false,
            Packed::WIDE => self.widen().add_number(&column.wide(mantissa).unwrap_or(Number::ZERO)),
            scale => {
                let scale = scale as u8;
                if self.add_small(mantissa, scale).is_none() {
                    self.widen().add_decimal(mantissa, scale);
                }
            }
        }
        true
    }

    /// Adds a decimal that [`Total::add_alike`] has not added, if it fits; else the sum is as before.
    fn add_small(&mut self, mantissa: i64, scale: u8) -> Option<()> {
        if let Total::Empty = self {
            *self = Total::Small { scale: 0, values: 0, decimal: 0, doubles: Halves::default() };
        }
        let Total::Small { scale: own, values, decimal, doubles } = self else { return None };
        if scale == 0 && *own == 0 {
            // Too large: of whole numbers no doubles are kept.
            return None;
        }
        let mut mantissa = mantissa;
        let double = fixed(decimal_to_f64(mantissa, scale))?;
        if scale != *own {
            let (from, to) = ((*decimal, *own, *doubles), scale.max(*own));
            mantissa = mantissa.checked_mul(10i64.pow(u32::from(to - scale)))?;
            let (moved, moved_doubles) = rescale(from, to)?;
            (*decimal, *own, *doubles) = (moved, to, moved_doubles);
        }
        let sum = decimal.checked_add(mantissa)?;
        *doubles = Halves::new(doubles.get().checked_add(double)?);
        (*decimal, *values) = (sum, values.saturating_add(1));
        Some(())
    }

    /// This sum in its wide form.
    #[cold]
    fn widen(&mut self) -> &mut Wide {
        if !matches!(self, Total::Wide(_)) {
            let mut wide = Wide::default();
            if let Total::Small { scale, decimal, doubles, .. } = self {
                wide.decimal.add(i128::from(*decimal) * 10i128.pow(u32::from(UNIT_SCALE - *scale)));
                match scale {
                    0 => wide.doubles.add_high(BigInt::from(*decimal) << -DOUBLE_EXPONENT_MIN),
                    _ => wide.doubles.add(doubles.get()),
                }
            }
            *self = Total::Wide(Box::new(wide));
        }
        match self {
            Total::Wide(wide) => wide,
            _ => unreachable!("the sum was made wide"),
        }
    }

    /// Adds all of another sum.
    #[inline]
    pub fn merge(&mut self, other: &Total) {
        // What most sums are, before anything else is asked.
        if let (
            Total::Small { scale, values, decimal, doubles },
            Total::Small {
                scale: other_scale,
                values: others,
                decimal: other_decimal,
                doubles: other_doubles,
            },
        ) = (&mut *self, other)
            && scale == other_scale
            && let Some(sum) = decimal.checked_add(*other_decimal)
            && let Some(of_doubles) = doubles.get().checked_add(other_doubles.get())
        {
            (*decimal, *doubles) = (sum, Halves::new(of_doubles));
            *values = values.saturating_add(*others);
            return;
        }
        self.merge_any(other);
    }

    /// [`Total::merge`] of all sums.
    fn merge_any(&mut self, other: &Total) {
        match other {
            Total::Empty => {}
            &Total::Small { scale, values, decimal, doubles } => {
                if self.merge_small((decimal, scale, doubles), values).is_none() {
                    let mut copy = Total::Small { scale, values, decimal, doubles };
                    let copy = copy.widen();
                    self.widen().merge(copy);
                }
            }
            Total::Wide(wide) => self.widen().merge(wide),
        }
    }

    fn merge_small(&mut self, other: (i64, u8, Halves), others: u32) -> Option<()> {
        if let Total::Empty = self {
            *self = Total::Small { scale: other.1, values: others, decimal: other.0, doubles: other.2 };
            return Some(());
        }
        let Total::Small { scale, values, decimal, doubles } = self else { return None };
        let to = other.1.max(*scale);
        let (a, a_doubles) = rescale((*decimal, *scale, *doubles), to)?;
        let (b, b_doubles) = rescale(other, to)?;
        let sum = a.checked_add(b)?;
        *doubles = Halves::new(a_doubles.get().checked_add(b_doubles.get())?);
        (*decimal, *scale, *values) = (sum, to, values.saturating_add(others));
        Some(())
    }

    /// Takes away what another sum has added. `false` if it cannot: then this one means nothing any more.
    #[inline]
    pub fn retract(&mut self, other: &Total) -> bool {
        match *other {
            Total::Empty => true,
            Total::Small { scale, values, decimal, doubles } => {
                self.retract_small((decimal, scale, doubles), values).is_some()
            }
            Total::Wide(_) => false,
        }
    }

    #[inline]
    fn retract_small(&mut self, other: (i64, u8, Halves), others: u32) -> Option<()> {
        let Total::Small { scale, values, decimal, doubles } = self else { return None };
        if *values == UNKNOWN || others == UNKNOWN || other.1 > *scale {
            return None;
        }
        *values = values.checked_sub(others)?;
        if *values == 0 {
            // Over nothing, which is not the same as zero.
            *self = Total::Empty;
            return Some(());
        }
        let (other, other_doubles) = rescale(other, *scale)?;
        *decimal = decimal.checked_sub(other)?;
        *doubles = Halves::new(doubles.get().checked_sub(other_doubles.get())?);
        Some(())
    }

    /// The sum; `None` over nothing.
    pub fn sum(&self) -> Option<Number> {
        match self {
            Total::Empty => None,
            Total::Small { scale, decimal, .. } => {
                Some(Number::Decimal { mantissa: i128::from(*decimal), scale: *scale })
            }
            Total::Wide(wide) if wide.beyond => {
                let units = wide.doubles.value();
                let sum = big_ratio_to_f64(&units, &(BigInt::from(1) << -DOUBLE_EXPONENT_MIN));
                // Beyond the range of doubles the sum is a whole number, which can be told exactly.
                let whole = || Number::from_big(&units >> -DOUBLE_EXPONENT_MIN, 0);
                Some(Number::from_f64(sum).unwrap_or_else(whole))
            }
            Total::Wide(wide) => Some(Number::from_big(wide.decimal.value(), UNIT_SCALE)),
        }
    }

    /// What [`Total::mean`] gives, as a decimal that is written alike, where the sum divided by the count is a short
    /// one. No two decimals of up to 15 digits read as the same double (`DBL_DIG` of C's `float.h`), so that there is no
    /// shorter one for it; and it is not so small that a double would be written with an exponent.
    #[inline]
    pub fn short_mean(&self, count: u64) -> Option<Number> {
        let Total::Small { scale, decimal, .. } = *self else { return None };
        let (factor, places) = *TENTHS.get(usize::try_from(count).ok()?)?;
        let mantissa = decimal.checked_mul(factor)?;
        let scale = scale + places;
        (factor > 0 && mantissa.unsigned_abs() < 1_000_000_000_000_000 && scale <= 6)
            .then(|| Number::Decimal { mantissa: i128::from(mantissa), scale })
    }

    /// The sum divided by the count of its values, rounded once; `None` over nothing.
    pub fn mean(&self, count: u64) -> Option<f64> {
        match self {
            Total::Empty => None,
            Total::Small { scale, decimal, .. } => {
                let divisor = POWERS[usize::from(*scale)].checked_mul(count);
                let short = divisor.filter(|divisor| *divisor <= WHOLE_MAX);
                if let (Some(divisor), true) = (short, decimal.unsigned_abs() <= WHOLE_MAX) {
                    // Both sides are exact, so that the one division rounds correctly. Zero has no sign.
                    return Some(*decimal as f64 / divisor as f64 + 0.0);
                }
                let divisor = 10i128.pow(u32::from(*scale)) * i128::from(count);
                Some(ratio_to_f64(i128::from(*decimal), divisor))
            }
            Total::Wide(wide) => {
                let (sum, unit) = match wide.beyond {
                    true => (wide.doubles.value(), BigInt::from(1) << -DOUBLE_EXPONENT_MIN),
                    false => (wide.decimal.value(), BigInt::from(10).pow(u32::from(UNIT_SCALE))),
                };
                Some(big_ratio_to_f64(&sum, &(unit * count)))
            }
        }
    }
}

/// Between the live and the written form.
impl Total {
    /// The written form.
    #[inline]
    pub fn written(&self) -> TotalV1 {
        match self {
            Total::Empty => TotalV1::Empty,
            Total::Small { scale: 0, decimal, .. } => TotalV1::Whole(*decimal),
            Total::Small { scale, decimal, doubles, .. } => {
                let doubles = HalvesV1 { low: doubles.low, high: doubles.high };
                TotalV1::Decimal { scale: *scale, decimal: *decimal, doubles }
            }
            Total::Wide(wide) => TotalV1::Wide(Box::new(WideV1 {
                decimal: wide.decimal.written(),
                doubles: wide.doubles.written(),
                beyond: wide.beyond,
            })),
        }
    }

    /// The sum again; `None` if it makes no sense.
    pub fn read(written: TotalV1) -> Option<Total> {
        Some(match written {
            TotalV1::Empty => Total::Empty,
            TotalV1::Whole(decimal) => {
                Total::Small { scale: 0, values: UNKNOWN, decimal, doubles: Halves::default() }
            }
            TotalV1::Decimal { scale: scale @ 1..=UNIT_SCALE, decimal, doubles } => {
                let HalvesV1 { low, high } = doubles;
                Total::Small { scale, values: UNKNOWN, decimal, doubles: Halves { low, high } }
            }
            TotalV1::Decimal { .. } => return None,
            TotalV1::Wide(wide) => Total::Wide(Box::new(Wide {
                decimal: Spilling::read(wide.decimal)?,
                doubles: Spilling::read(wide.doubles)?,
                beyond: wide.beyond,
            })),
        })
    }
}

/// A small sum's parts with `to` digits behind the point, of which it has no more now.
fn rescale((decimal, scale, doubles): (i64, u8, Halves), to: u8) -> Option<(i64, Halves)> {
    if scale == to {
        return Some((decimal, doubles));
    }
    let doubles = match scale {
        // The sum of whole numbers starts the sum of the doubles.
        0 if decimal.unsigned_abs() < 1 << 50 => Halves::new(i128::from(decimal) << FIXED_BITS),
        0 => return None,
        _ => doubles,
    };
    Some((decimal.checked_mul(10i64.pow(u32::from(to - scale)))?, doubles))
}

/// A double in units of `2^-FIXED_BITS`, if it is a multiple of them and leaves room to add.
#[inline]
fn fixed(value: f64) -> Option<i128> {
    let (mantissa, exponent) = decompose(value);
    match exponent + FIXED_BITS {
        shift @ 0..=72 => Some(i128::from(mantissa) << shift),
        _ if mantissa == 0 => Some(0),
        shift @ -52..0 if mantissa.trailing_zeros() >= shift.unsigned_abs() => {
            Some(i128::from(mantissa >> -shift))
        }
        _ => None,
    }
}

impl Wide {
    fn add_decimal(&mut self, mantissa: i64, scale: u8) {
        self.decimal.add(i128::from(mantissa) * 10i128.pow(u32::from(UNIT_SCALE - scale)));
        self.add_double(decimal_to_f64(mantissa, scale));
    }

    fn add_number(&mut self, number: &Number) {
        match number.to_units() {
            Some(units) => self.decimal.add_high(units),
            None => self.beyond = true,
        }
        self.add_double(number.to_f64());
    }

    fn add_double(&mut self, value: f64) {
        match fixed(value) {
            Some(fixed) => self.doubles.add(fixed),
            None => self.doubles.add_high(double_units(value)),
        }
    }

    fn merge(&mut self, other: &Wide) {
        self.decimal.merge(&other.decimal);
        self.doubles.merge(&other.doubles);
        self.beyond |= other.beyond;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sums_stay_small() {
        assert_eq!(size_of::<Total>(), 32);
        let mut column = NumberColumn::default();
        let mut total = Total::default();
        for (row, text) in ["12.5", "7", "-0.001", "12345678.25"].iter().enumerate() {
            assert!(column.push_text(text) && total.add(&column, row as u32));
        }
        assert!(matches!(total, Total::Small { scale: 3, decimal: 12_345_697_749, .. }), "{total:?}");
    }

    /// Sums that are merged and taken away again are those of what is left, also in what is not seen yet.
    #[test]
    fn what_is_taken_away_leaves_no_trace() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut retracted, huge) = (0, "1e300");
        for _ in 0..2_000 {
            let mut column = NumberColumn::default();
            let mut value = || match random.u8(0..30) {
                0 => "9007199254740993".to_owned(),
                1 => "0.00000001".to_owned(),
                2..15 => random.i32(-9..9).to_string(),
                _ => format!("{}.{}", random.i16(..), random.u16(..)),
            };
            for _ in 0..12 {
                assert!(column.push_text(&value()));
            }
            column.push_null();
            assert!(column.push_text(huge));
            let total = |rows: &mut dyn Iterator<Item = u32>| {
                let mut total = Total::default();
                rows.for_each(|row| _ = total.add(&column, row));
                total
            };
            let parts = [0..4, 4..8, 8..12, 12..13].map(|mut rows| total(&mut rows));
            let mut sum = Total::default();
            parts.iter().for_each(|part| sum.merge(part));
            let kept = random.usize(0..4);
            if !(0..4).filter(|part| *part != kept).all(|part| sum.retract(&parts[part])) {
                continue;
            }
            retracted += 1;
            let rows = [0..4, 4..8, 8..12, 12..13][kept].clone();
            let (count, text) = (rows.len() as u64, |number: Option<Number>| {
                let mut out = Vec::new();
                number.iter().for_each(|number| number.write(&mut out));
                out
            });
            let mut fresh = total(&mut rows.clone());
            for _ in 0..2 {
                assert_eq!(text(sum.sum()), text(fresh.sum()));
                let mean = |total: &Total| text(total.mean(count).and_then(Number::from_f64));
                assert_eq!(mean(&sum), mean(&fresh));
                // From here on the sums of the doubles count.
                assert!(sum.add(&column, 13) && fresh.add(&column, 13));
            }
        }
        assert!((500..2_000).contains(&retracted), "{retracted}");
        // What has been read back does not know how many values it is of.
        let part = Total::Small { scale: 0, values: 1, decimal: 1, doubles: Halves::default() };
        let mut sum = Total::read(part.written()).expect("it was written so");
        sum.merge(&part);
        assert!(!sum.retract(&part));
    }

    /// Short means are written as the doubles are.
    #[test]
    fn short_means_are_written_alike() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let text = |number: Number| {
            let mut out = Vec::new();
            number.write(&mut out);
            String::from_utf8(out).expect("numbers are ASCII")
        };
        let mut short = 0;
        for _ in 0..200_000 {
            let size = 10i64.pow(random.u32(0..17));
            let (decimal, scale) = (random.i64(-size..=size), random.u8(0..9));
            let (count, doubles) = (random.u64(1..140), Halves::default());
            let total = Total::Small { scale, values: UNKNOWN, decimal, doubles };
            let Some(mean) = total.short_mean(count) else { continue };
            short += 1;
            let double = total.mean(count).and_then(Number::from_f64).expect("it is finite");
            assert_eq!(text(mean), text(double), "{decimal}e-{scale} / {count}");
        }
        assert!(short > 1_000, "{short}");
        assert!(Total::Empty.short_mean(0).is_none() && Total::Empty.short_mean(1).is_none());
    }

    #[test]
    fn fixed_doubles_are_exact() {
        let check = |value: f64| {
            let units = BigInt::from(fixed(value).expect("it fits")) << (-DOUBLE_EXPONENT_MIN - FIXED_BITS);
            assert_eq!(units, double_units(value), "{value}");
        };
        for value in [0.0, 0.1, -0.3, 1.0, 2f64.powi(-24) * 1.1, 2f64.powi(-70), 2f64.powi(48) + 0.1] {
            check(value);
        }
        assert!(fixed(1e-9).is_none() && fixed(1e300).is_none() && fixed(5e-324).is_none());
    }
}
