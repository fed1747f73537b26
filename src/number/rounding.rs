//! Rounding to whole numbers and to a number of digits.

use num_bigint::{BigInt, Sign};

use super::Number;

impl Number {
    /// The greatest whole number that is not above this one.
    pub fn floor(&self) -> Number {
        match self {
            Number::Decimal { mantissa, scale } => {
                let unit = 10i128.pow(u32::from(*scale));
                Number::Decimal { mantissa: mantissa.div_euclid(unit), scale: 0 }
            }
            Number::Big(big) => {
                let unit = BigInt::from(10).pow(u32::from(big.scale));
                let quotient = &big.mantissa / &unit;
                let below = big.mantissa.sign() == Sign::Minus && &quotient * &unit != big.mantissa;
                Number::from_big(if below { quotient - 1 } else { quotient }, 0)
            }
            Number::Double(value) => Number::Double(value.floor() + 0.0),
        }
    }

    /// The least whole number that is not below this one.
    pub fn ceil(&self) -> Number {
        self.neg().floor().neg()
    }

    /// Rounded to `digits` digits behind the point (before it, where negative), halves away from zero.
    /// A double is rounded as it is written. `None` beyond the range of a double.
    pub fn round(&self, digits: i32) -> Option<Number> {
        let digits = i64::from(digits);
        let (mantissa, scale) = self.decimal_parts();
        if scale <= digits {
            return Some(self.clone());
        }
        // No number has more than 400 digits before the point: beyond, all is zero.
        if digits < -400 {
            return Some(Number::ZERO);
        }
        let unit = BigInt::from(10).pow((scale - digits) as u32);
        let quotient = &mantissa / &unit;
        let rest: BigInt = (&mantissa - &quotient * &unit) * 2;
        let up = if *rest.magnitude() < *unit.magnitude() {
            0
        } else if mantissa.sign() == Sign::Minus {
            -1
        } else {
            1
        };
        Number::from_big_parts(&(quotient + up), digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: &Number) -> String {
        let mut out = Vec::new();
        number.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rounds_to_whole_numbers() {
        let check = |of: &str, floor: &str, ceil: &str| {
            let number = Number::parse(of).unwrap();
            assert_eq!(
                (text(&number.floor()).as_str(), text(&number.ceil()).as_str()),
                (floor, ceil),
                "{of}"
            );
        };
        check("1.5", "1", "2");
        check("-1.5", "-2", "-1");
        check("2", "2", "2");
        check("-0.1", "-1", "0");
        check("1e300", "1e300", "1e300");
        check("1e-300", "0", "1");
        check(
            "-123456789012345678901234567890.123456789012345678",
            "-123456789012345678901234567891",
            "-123456789012345678901234567890",
        );
    }

    #[test]
    fn rounds_halves_away_from_zero() {
        let check = |of: &str, digits: i32, want: &str| {
            assert_eq!(text(&Number::parse(of).unwrap().round(digits).unwrap()), want, "{of} {digits}");
        };
        check("2.5", 0, "3");
        check("-2.5", 0, "-3");
        check("2.4", 0, "2");
        check("2.675", 2, "2.68");
        check("2.675", 5, "2.675");
        check("1250", -2, "1300");
        check("1249", -2, "1200");
        check("49", -2, "0");
        check("50", -2, "100");
        check("5", i32::MIN, "0");
        check("5", i32::MAX, "5");
        check("1e300", 2, "1e300");
        check("1e-300", 2, "0");
        check("-0.4", 0, "0");
        check(
            "123456789012345678901234567890.123456789012345678",
            17,
            "123456789012345678901234567890.12345678901234568",
        );
        assert_eq!(text(&Number::Double(2.675).round(2).unwrap()), "2.68");
        assert_eq!(text(&Number::Double(f64::MAX).round(-300).unwrap()), "1.79769313e308");
        assert!(Number::Double(f64::MAX).round(-308).is_none());
    }
}
