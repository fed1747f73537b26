//! Exact rationals, rounded once to a double: what divisions and means end in.
//!
//! Rounding is to the nearest double, ties to the even one, subnormal numbers included.

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};

use super::Number;

/// Powers of ten that doubles hold exactly.
const POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];
/// Doubles hold every whole number up to here.
const WHOLE_MAX: u64 = 1 << 53;
/// Every finite double is a multiple of 2 to the power of this.
pub const DOUBLE_EXPONENT_MIN: i32 = -1074;

/// The double nearest to `mantissa * 10^-scale`; the scale is at most 18.
#[inline]
pub fn decimal_to_f64(mantissa: i64, scale: u8) -> f64 {
    if mantissa.unsigned_abs() <= WHOLE_MAX {
        // Both sides are exact, so that the one division rounds correctly.
        return mantissa as f64 / POWERS[usize::from(scale)];
    }
    let divisor = 10u128.pow(u32::from(scale));
    let widened = u128::from(mantissa.unsigned_abs()) << 64;
    // The quotient has at least 57 bits; a remainder, folded into the last one, can only break ties.
    let quotient = (widened / divisor) | u128::from(!widened.is_multiple_of(divisor));
    let value = quotient as f64 / 2f64.powi(64);
    if mantissa < 0 { -value } else { value }
}

/// `numerator / denominator`, rounded once. The denominator is positive.
pub fn ratio_to_f64(numerator: i128, denominator: i128) -> f64 {
    let whole = |value: i128| (value.unsigned_abs() <= u128::from(WHOLE_MAX)).then_some(value as f64);
    match (whole(numerator), whole(denominator)) {
        (Some(numerator), Some(denominator)) => numerator / denominator + 0.0,
        _ => big_ratio_to_f64(&BigInt::from(numerator), &BigInt::from(denominator)),
    }
}

/// `numerator / denominator`, rounded once; an infinity beyond the range of a double.
/// The denominator is not zero.
pub fn big_ratio_to_f64(numerator: &BigInt, denominator: &BigInt) -> f64 {
    if numerator.sign() == Sign::NoSign {
        return 0.0;
    }
    let (n, d) = (numerator.magnitude(), denominator.magnitude());
    // The quotient gets 65 or 66 bits: more than a double has, and a remainder can only break ties.
    let shift = 65 - (n.bits() as i64 - d.bits() as i64);
    let (n, d) = match shift.cmp(&0) {
        Ordering::Less => (n.clone(), d << shift.unsigned_abs()),
        _ => (n << shift.unsigned_abs(), d.clone()),
    };
    let quotient = &n / &d;
    let sticky = &quotient * &d != n;
    let quotient = u128::try_from(&quotient).expect("it has 66 bits") | u128::from(sticky);
    let value = scaled_to_f64(quotient, -shift);
    if numerator.sign() != denominator.sign() { -value + 0.0 } else { value }
}

/// `value * 2^exponent`, rounded once.
fn scaled_to_f64(value: u128, exponent: i64) -> f64 {
    let bits = i64::from(128 - value.leading_zeros());
    // How many of the lowest bits a double has no room for.
    let dropped = (bits - 53).max(i64::from(DOUBLE_EXPONENT_MIN) - exponent);
    if dropped > 127 || dropped > bits + 1 {
        return 0.0;
    }
    let (kept, exponent) = if dropped <= 0 {
        (value, exponent)
    } else {
        let (kept, rest) = (value >> dropped, value & ((1 << dropped) - 1));
        let up = match rest.cmp(&(1 << (dropped - 1))) {
            Ordering::Less => 0,
            Ordering::Equal => kept & 1,
            Ordering::Greater => 1,
        };
        (kept + up, exponent + dropped)
    };
    kept as f64 * power_of_two(exponent)
}

fn power_of_two(exponent: i64) -> f64 {
    match exponent {
        -1074..=-1023 => f64::from_bits(1 << (exponent + 1074)),
        -1022..=1023 => f64::from_bits(((exponent + 1023) as u64) << 52),
        1024.. => f64::INFINITY,
        _ => 0.0,
    }
}

/// A finite double's exact value as `mantissa * 2^exponent`.
#[inline]
pub fn decompose(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let (fraction, exponent) = ((bits & ((1 << 52) - 1)) as i64, (bits >> 52 & 0x7ff) as i32);
    let (mantissa, exponent) =
        if exponent == 0 { (fraction, DOUBLE_EXPONENT_MIN) } else { (fraction | 1 << 52, exponent - 1075) };
    (if value < 0.0 { -mantissa } else { mantissa }, exponent)
}

/// A finite double's exact value in units of 2^-1074.
pub fn double_units(value: f64) -> BigInt {
    let (mantissa, exponent) = decompose(value);
    BigInt::from(mantissa) << (exponent - DOUBLE_EXPONENT_MIN).unsigned_abs()
}

impl Number {
    /// The exact value as numerator and (positive) denominator; a double's is that of its bits.
    pub fn to_ratio(&self) -> (BigInt, BigInt) {
        if let Number::Double(value) = self {
            return match decompose(*value) {
                (mantissa, exponent @ 0..) => {
                    (BigInt::from(mantissa) << exponent.unsigned_abs(), BigInt::from(1))
                }
                (mantissa, exponent) => (BigInt::from(mantissa), BigInt::from(1) << exponent.unsigned_abs()),
            };
        }
        let (mantissa, scale) = self.decimal_parts();
        (mantissa, BigInt::from(BigUint::from(10u8).pow(scale as u32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(numerator: &str, denominator: &str, want: f64) {
        let big = |text: &str| -> BigInt {
            let (digits, zeros) = text.split_once('e').unwrap_or((text, "0"));
            digits.parse::<BigInt>().unwrap() * BigInt::from(10).pow(zeros.parse().unwrap())
        };
        let (n, d) = (big(numerator), big(denominator));
        assert_eq!(big_ratio_to_f64(&n, &d).to_bits(), want.to_bits(), "{numerator} / {denominator}");
        if let (Ok(n), Ok(d)) = (i128::try_from(&n), i128::try_from(&d)) {
            assert_eq!(ratio_to_f64(n, d).to_bits(), want.to_bits(), "{numerator} / {denominator}");
        }
    }

    #[test]
    fn rounds_once() {
        check("0", "7", 0.0);
        check("1", "3", 1.0 / 3.0);
        check("-2", "3", -2.0 / 3.0);
        check("9007199254740993", "1", 9007199254740992.0);
        check("9007199254740995", "1", 9007199254740996.0);
        check("90071992547409930000000000000000000001", "10000000000000000000000", 9007199254740994.0);
        check("1", "1e400", 0.0);
        check("-1", "1e400", 0.0);
        check("5", "1e324", 5e-324);
        check("24", "1e325", 0.0);
        check("25", "1e325", 5e-324);
        check("22250738585072011", "1e324", 2.225073858507201e-308);
        check("17976931348623157", "1", 17976931348623157.0);
        check("17976931348623157e292", "1", f64::MAX);
        check("1e400", "1", f64::INFINITY);
        check("1e400", "1e399", 10.0);
    }

    #[test]
    fn agrees_with_the_reader_of_the_standard_library() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let value = f64::from_bits(random.u64(..) >> 1);
            if !value.is_finite() {
                continue;
            }
            let (digits, scale) = (random.u64(1..), random.u32(0..340));
            let want: f64 = format!("{digits}e-{scale}").parse().unwrap();
            let denominator = BigInt::from(10).pow(scale);
            assert_eq!(big_ratio_to_f64(&BigInt::from(digits), &denominator), want, "seed {seed}");
            let (n, d) = Number::Double(value).to_ratio();
            assert_eq!(big_ratio_to_f64(&n, &d), value, "seed {seed}");
            assert_eq!(
                big_ratio_to_f64(&double_units(value), &(BigInt::from(1) << 1074u32)),
                value,
                "seed {seed}"
            );
        }
    }
}
