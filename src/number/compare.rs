//! Comparing numbers by exact value, computed or as written.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use super::parse::{Parts, short};
use super::{Number, power_of_ten};

impl Number {
    /// Exact comparison by value, decimals against doubles included: a double counts as the shortest
    /// decimal that reads back as it.
    pub fn compare(&self, other: &Number) -> Ordering {
        match (self, other) {
            (Number::Decimal { mantissa: a, scale: s }, Number::Decimal { mantissa: b, scale: t }) => {
                if s == t {
                    return a.cmp(b);
                }
                let aligned = |mantissa: i128, up: u8| mantissa.checked_mul(power_of_ten(u32::from(up))?);
                match (aligned(*a, t.saturating_sub(*s)), aligned(*b, s.saturating_sub(*t))) {
                    (Some(a), Some(b)) => a.cmp(&b),
                    _ => self.compare_big(other),
                }
            }
            (Number::Double(a), Number::Double(b)) => a.partial_cmp(b).expect("doubles are never NaN here"),
            _ => self.compare_big(other),
        }
    }

    fn compare_big(&self, other: &Number) -> Ordering {
        let rank = |sign| match sign {
            Sign::Minus => -1,
            Sign::NoSign => 0,
            Sign::Plus => 1,
        };
        let by_sign = rank(self.sign()).cmp(&rank(other.sign()));
        if by_sign.is_ne() {
            return by_sign;
        }
        let ((a, s), (b, t)) = (self.decimal_parts(), other.decimal_parts());
        // Scales lie within those of doubles, so that the powers stay small.
        let aligned = |mantissa: BigInt, up: i64| mantissa * BigInt::from(10).pow(up.max(0) as u32);
        aligned(a, t - s).cmp(&aligned(b, s - t))
    }
}

/// Compares two number texts by exact value, whatever their size (`1e400` too), in linear time.
/// Texts that are no numbers stand behind all numbers, in order of their bytes.
pub fn compare_written(a: &str, b: &str) -> Ordering {
    if let (Some(a), Some(b)) = (short(a.as_bytes()), short(b.as_bytes())) {
        return compare_short(a, b);
    }
    match (Parts::of(a.as_bytes()), Parts::of(b.as_bytes())) {
        (Some(a), Some(b)) => compare_parts(&a, &b),
        (None, None) => a.cmp(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

/// Compares two numbers as [`short`] reads them.
#[inline]
pub fn compare_short((a, s): (i64, u8), (b, t): (i64, u8)) -> Ordering {
    if s == t {
        return a.cmp(&b);
    }
    // 18 digits moved by up to 18 places fit an i128.
    let aligned = |mantissa: i64, up: u8| i128::from(mantissa) * 10i128.pow(u32::from(up));
    aligned(a, t.saturating_sub(s)).cmp(&aligned(b, s.saturating_sub(t)))
}

fn compare_parts(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    let sign = |parts: &Parts<'_>, zero: bool| match (zero, parts.negative) {
        (true, _) => 0,
        (_, true) => -1,
        (_, false) => 1,
    };
    let (digits_a, digits_b) = (a.significant(), b.significant());
    let (sign_a, sign_b) = (sign(a, digits_a.is_none()), sign(b, digits_b.is_none()));
    let (Some((digits_a, _, position_a)), Some((digits_b, _, position_b))) = (digits_a, digits_b) else {
        return sign_a.cmp(&sign_b);
    };
    if sign_a != sign_b {
        return sign_a.cmp(&sign_b);
    }
    let by_exponent = (exponent_difference(a, b) + i128::from(position_a - position_b)).cmp(&0);
    // Neither has zeros at its end, so that digits compare as text does.
    let magnitude = by_exponent.then_with(|| digits_a.cmp(digits_b));
    if a.negative { magnitude.reverse() } else { magnitude }
}

/// The difference of the exponents as written; exact near zero, elsewhere only large with the right sign.
fn exponent_difference(a: &Parts<'_>, b: &Parts<'_>) -> i128 {
    const LIMIT: i128 = 1 << 100;
    let length = a.exponent.len().max(b.exponent.len());
    let digit = |parts: &Parts<'_>, n: usize| {
        let missing = length - parts.exponent.len();
        let digit = n.checked_sub(missing).map_or(0, |n| i128::from(parts.exponent[n] - b'0'));
        if parts.exponent_negative { -digit } else { digit }
    };
    // A difference that once passed the limit can only grow with further digits.
    (0..length).fold(0, |sum, n| (sum * 10 + digit(a, n) - digit(b, n)).clamp(-LIMIT, LIMIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, want: Ordering, b: &str) {
        assert_eq!(compare_written(a, b), want, "{a} {b}");
        assert_eq!(compare_written(b, a), want.reverse(), "{b} {a}");
        // Numbers closer to zero than any double are zero once they are read.
        let read = |text| Number::parse(text).filter(|number| !matches!(number, Number::Double(0.0)));
        if let (Some(x), Some(y)) = (read(a), read(b)) {
            assert_eq!(x.compare(&y), want, "{a} {b}");
            assert_eq!(y.compare(&x), want.reverse(), "{b} {a}");
        }
    }

    #[test]
    fn compares_by_value() {
        use Ordering::{Equal, Less};
        check("1", Equal, "1.0");
        check("1", Equal, "10e-1");
        check("-0", Equal, "0.00");
        check("-0", Equal, "0e7");
        check("0.1", Less, "0.10000000000000000000000000000000001");
        check("-2", Less, "-1.5");
        check("-1", Less, "0");
        check("9", Less, "10");
        check("0.99", Less, "1");
        check("1e300", Equal, "1000e297");
        check("1e300", Less, "1.1e300");
        check("-1e300", Less, "-1e299");
        check("1e40", Less, "10000000000000000000000000000000000000000.1e1");
        check("123456789012345678901234567890.5", Less, "123456789012345678901234567890.500000000000000001");
        check("170141183460469231731687303715884105727", Less, "1e39");
        check("99999999999999999999999999999999999999", Less, "1e38");
    }

    #[test]
    fn compares_beyond_all_ranges() {
        use Ordering::{Equal, Greater, Less};
        check("1e400", Less, "1e401");
        check("1e400", Equal, "0.1e401");
        check("1e400", Greater, "1e-400");
        check("-1e400", Less, "1");
        check("0e400", Equal, "0");
        check(
            "1e99999999999999999999999999999999999999999",
            Less,
            "2e99999999999999999999999999999999999999999",
        );
        check(
            "10e99999999999999999999999999999999999999999",
            Equal,
            "1e100000000000000000000000000000000000000000",
        );
        check(
            "1e-99999999999999999999999999999999999999999",
            Less,
            "1e99999999999999999999999999999999999999999",
        );
        check(
            "1e-100000000000000000000000000000000000000000",
            Less,
            "1e-99999999999999999999999999999999999999999",
        );
        let (long, longer) = (format!("1{}", "0".repeat(100_000)), format!("1{}1", "0".repeat(99_999)));
        check(&long, Equal, "1e100000");
        check(&long, Less, &longer);
    }

    #[test]
    fn takes_doubles_as_they_are_written() {
        let compare = |value: f64, text: &str| Number::Double(value).compare(&Number::parse(text).unwrap());
        assert_eq!(compare(0.1, "0.1"), Ordering::Equal);
        assert_eq!(compare(0.1, "0.1000000000000000055"), Ordering::Less);
        assert_eq!(compare(0.1 + 0.2, "0.3"), Ordering::Greater);
        assert_eq!(compare(5e-324, "0"), Ordering::Greater);
        assert_eq!(compare(-1e308, "-5"), Ordering::Less);
        assert_eq!(Number::Double(0.5).compare(&Number::Double(0.25)), Ordering::Greater);
    }
}
