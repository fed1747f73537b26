//! Arithmetic: exact on decimals, rounded once where a double must do.
//!
//! Results are `None` where they lie beyond the range of a double. SQL's nulls are not known here.

use num_bigint::BigInt;

use super::{Number, power_of_ten, rational};

impl Number {
    /// The sum; `None` beyond the range of a double.
    pub fn add(&self, other: &Number) -> Option<Number> {
        match (self, other) {
            (Number::Double(_), _) | (_, Number::Double(_)) => {
                Number::from_f64(self.to_f64() + other.to_f64())
            }
            (Number::Decimal { mantissa: a, scale: s }, Number::Decimal { mantissa: b, scale: t }) => {
                let scale = *s.max(t);
                let sum = || align(*a, scale - s)?.checked_add(align(*b, scale - t)?);
                match sum() {
                    Some(mantissa) => Some(Number::Decimal { mantissa, scale }),
                    None => self.add_big(other),
                }
            }
            _ => self.add_big(other),
        }
    }

    fn add_big(&self, other: &Number) -> Option<Number> {
        let (a, b, scale) = align_big(self, other);
        Number::from_big_parts(&(a + b), scale)
    }

    /// The difference; `None` beyond the range of a double.
    pub fn sub(&self, other: &Number) -> Option<Number> {
        self.add(&other.neg())
    }

    /// The product; `None` beyond the range of a double.
    pub fn mul(&self, other: &Number) -> Option<Number> {
        match (self, other) {
            (Number::Double(_), _) | (_, Number::Double(_)) => {
                Number::from_f64(self.to_f64() * other.to_f64())
            }
            (Number::Decimal { mantissa: a, scale: s }, Number::Decimal { mantissa: b, scale: t }) => {
                match a.checked_mul(*b) {
                    Some(mantissa) => Number::from_parts(mantissa, i64::from(*s) + i64::from(*t)),
                    None => self.mul_big(other),
                }
            }
            _ => self.mul_big(other),
        }
    }

    fn mul_big(&self, other: &Number) -> Option<Number> {
        let ((a, s), (b, t)) = (self.decimal_parts(), other.decimal_parts());
        Number::from_big_parts(&(a * b), s + t)
    }

    /// The quotient as the nearest double; `None` by zero and beyond the range of a double.
    pub fn div(&self, other: &Number) -> Option<Number> {
        if other.is_zero() {
            return None;
        }
        if let (Some(a), Some(b)) = (self.as_exact_f64(), other.as_exact_f64()) {
            return Number::from_f64(a / b);
        }
        if let (Number::Decimal { mantissa: a, scale: s }, Number::Decimal { mantissa: b, scale: t }) =
            (self, other)
        {
            let scale = *s.max(t);
            let divisor = b.checked_abs().and_then(|b| align(b, scale - t));
            if let (Some(a), Some(b)) = (align(*a, scale - s), divisor) {
                let quotient = rational::ratio_to_f64(a, b);
                return Number::from_f64(if other.is_negative() { -quotient } else { quotient });
            }
        }
        let ((a, a_below), (b, b_below)) = (self.to_ratio(), other.to_ratio());
        Number::from_f64(rational::big_ratio_to_f64(&(a * b_below), &(a_below * b)))
    }

    /// The remainder of the division that truncates, exactly: it has the sign of the dividend.
    /// `None` by zero.
    pub fn rem(&self, other: &Number) -> Option<Number> {
        if other.is_zero() {
            return None;
        }
        if let (Number::Decimal { mantissa: a, scale: s }, Number::Decimal { mantissa: b, scale: t }) =
            (self, other)
        {
            let scale = *s.max(t);
            if let (Some(a), Some(b)) = (align(*a, scale - s), align(*b, scale - t)) {
                // The one overflow, of the least i128 by -1, has no remainder.
                return Some(Number::Decimal { mantissa: a.checked_rem(b).unwrap_or(0), scale });
            }
        }
        let (a, b, scale) = align_big(self, other);
        Number::from_big_parts(&(a % b), scale)
    }

    /// The number with the other sign.
    pub fn neg(&self) -> Number {
        match self {
            Number::Decimal { mantissa, scale } => match mantissa.checked_neg() {
                Some(mantissa) => Number::Decimal { mantissa, scale: *scale },
                None => Number::from_big(-BigInt::from(*mantissa), *scale),
            },
            Number::Big(big) => Number::from_big(-&big.mantissa, big.scale),
            Number::Double(value) => Number::Double(0.0 - value),
        }
    }

    /// The number without its sign.
    pub fn abs(&self) -> Number {
        if self.is_negative() { self.neg() } else { self.clone() }
    }

    /// Whether this is below zero.
    pub fn is_negative(&self) -> bool {
        self.sign() == num_bigint::Sign::Minus
    }

    /// This number as a double, where that is the same number.
    fn as_exact_f64(&self) -> Option<f64> {
        match self {
            Number::Double(value) => Some(*value),
            Number::Decimal { mantissa, scale: 0 } if mantissa.unsigned_abs() <= 1 << 53 => {
                Some(*mantissa as f64)
            }
            _ => None,
        }
    }
}

/// `mantissa * 10^up`.
fn align(mantissa: i128, up: u8) -> Option<i128> {
    if up == 0 { Some(mantissa) } else { mantissa.checked_mul(power_of_ten(u32::from(up))?) }
}

/// The digits of both at the larger of their scales, and that scale.
fn align_big(a: &Number, b: &Number) -> (BigInt, BigInt, i64) {
    let ((a, s), (b, t)) = (a.decimal_parts(), b.decimal_parts());
    let scale = s.max(t);
    // Scales lie within those of doubles, so that the powers stay small.
    let aligned = |mantissa: BigInt, up: i64| mantissa * BigInt::from(10).pow(up.max(0) as u32);
    (aligned(a, scale - s), aligned(b, scale - t), scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, operator: char, b: &str, want: &str) {
        let (x, y) = (Number::parse(a).unwrap(), Number::parse(b).unwrap());
        let result = match operator {
            '+' => x.add(&y),
            '-' => x.sub(&y),
            '*' => x.mul(&y),
            '/' => x.div(&y),
            _ => x.rem(&y),
        };
        let mut text = Vec::new();
        match result {
            Some(number) => number.write(&mut text),
            None => text.extend_from_slice(b"none"),
        }
        assert_eq!(String::from_utf8(text).unwrap(), want, "{a} {operator} {b}");
    }

    #[test]
    fn adds_and_multiplies_exactly() {
        check("0.1", '+', "0.2", "0.3");
        check("1.50", '-', "1.5", "0");
        check("0.1", '*', "0.2", "0.02");
        check("-3", '*', "1.5", "-4.5");
        check("1e20", '+', "1e-18", "100000000000000000000.000000000000000001");
        check(
            "999999999999999999999999999999",
            '+',
            "0.000000000000000001",
            "999999999999999999999999999999.000000000000000001",
        );
        check("170141183460469231731687303715884105727", '+', "1", "1.7014118346046923e38");
        check("123456789012345678901234567890", '*', "0.1", "12345678901234567890123456789");
        check("12345678901234567890", '*', "12345678901234567890", "152415787532388367501905199875019052100");
        check("1e300", '*', "1e300", "none");
        check("1e308", '+', "1e308", "none");
        check("1e-300", '*', "1e-300", "0");
        check("1e300", '-', "1e300", "0");
    }

    #[test]
    fn divides_to_the_nearest_double() {
        check("1", '/', "3", "0.3333333333333333");
        check("1", '/', "-4", "-0.25");
        check("6", '/', "3", "2");
        check("0.3", '/', "0.1", "3");
        check("0", '/', "-5", "0");
        check("5", '/', "0", "none");
        check("5", '/', "0e9", "none");
        check("1e300", '/', "1e-300", "none");
        check("1e-300", '/', "1e300", "0");
        check("123456789012345678901234567890", '/', "1e29", "1.2345678901234567");
        check("9007199254740993", '/', "1", "9007199254740992");
        check("1e300", '/', "0.1", "1e301");
    }

    #[test]
    fn remainders_are_exact() {
        check("7", '%', "3", "1");
        check("-7", '%', "3", "-1");
        check("7", '%', "-3", "1");
        check("0.3", '%', "0.1", "0");
        check("5.5", '%', "2", "1.5");
        check("1e300", '%', "7", "1");
        check("1e30", '%', "1e-18", "0");
        check("1", '%', "1e300", "1");
        check("7", '%', "0", "none");
        let third = Number::from_int(3).div(&Number::from_int(10)).unwrap();
        assert!(third.rem(&Number::parse("0.1").unwrap()).unwrap().is_zero());
    }

    #[test]
    fn negates() {
        let check = |text: &str, negated: &str, absolute: &str| {
            let write = |number: Number| {
                let mut out = Vec::new();
                number.write(&mut out);
                String::from_utf8(out).unwrap()
            };
            let number = Number::parse(text).unwrap();
            assert_eq!((write(number.neg()).as_str(), write(number.abs()).as_str()), (negated, absolute));
        };
        check("0", "0", "0");
        check("-1.5", "1.5", "1.5");
        check("1e300", "-1e300", "1e300");
        check(
            "-123456789012345678901234567890.123456789012345678",
            "123456789012345678901234567890.123456789012345678",
            "123456789012345678901234567890.123456789012345678",
        );
        // As 85070591730234615865843651857942052864 * -2 gives it.
        let least = Number::Decimal { mantissa: i128::MIN, scale: 0 };
        assert!(matches!(least.div(&least), Some(Number::Double(1.0))));
        let tenth = Number::Decimal { mantissa: 1, scale: 1 };
        assert!(matches!(least.div(&tenth), Some(Number::Double(-1.7014118346046923e39))));
        assert!(matches!(tenth.div(&least), Some(Number::Double(-5.877471754111438e-40))));
        assert!(least.abs().add(&least).unwrap().is_zero());
    }
}
