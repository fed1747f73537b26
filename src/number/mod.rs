//! Numbers as written: exact decimals, and doubles only where a decimal would not do.
//!
//! Everything that reads, compares, computes or writes a number goes through here. Nothing here knows
//! of records, columns or SQL's nulls.

use num_bigint::{BigInt, BigUint, Sign};

mod arithmetic;
mod compare;
mod digits;
mod parse;
pub mod rational;
mod rounding;
mod short;
mod write;

pub use compare::{compare_short, compare_written};
pub(crate) use digits::{decimal_in, has_below, has_byte, short_text, whole, whole_in, word_of};
pub use parse::{is_json_number, is_number, short};
pub use short::ShortText;

/// The most digits behind the point that [`Number::Decimal`] has.
const SCALE_MAX: i64 = 36;
/// Beyond i128, digits behind the point that are kept exactly; so are 30 digits before it.
const BIG_SCALE_MAX: i64 = 18;
/// Numbers from `10^30` on are beyond what sums take as decimals.
const BIG_WHOLE_DIGITS_MAX: i64 = 30;

/// A number. Decimals are exact: `0.1 + 0.2` is `0.3`.
///
/// Every multiple of 1e-18 below 1e30 is held exactly. A double stands for the shortest decimal that
/// reads back as it, which is also how it is written; so `x / 10` equals `0.1` when x is 1.
#[derive(Debug, Clone)]
pub enum Number {
    /// `mantissa * 10^-scale`.
    Decimal {
        /// The digits, signed.
        mantissa: i128,
        /// How many of them stand behind the point, at most 36.
        scale: u8,
    },
    /// A decimal whose digits do not fit in an i128.
    Big(Box<Big>),
    /// A finite double: beyond what a decimal holds, or the result of a division or function.
    Double(f64),
}

/// A decimal of any size: `mantissa * 10^-scale`.
#[derive(Debug, Clone)]
pub struct Big {
    mantissa: BigInt,
    scale: u8,
}

impl Number {
    /// Zero.
    pub const ZERO: Number = Number::Decimal { mantissa: 0, scale: 0 };

    /// A whole number.
    pub fn from_int(value: i64) -> Number {
        Number::Decimal { mantissa: i128::from(value), scale: 0 }
    }

    /// A double; `None` for infinities and NaN.
    pub fn from_f64(value: f64) -> Option<Number> {
        // Adding zero turns -0 into 0.
        value.is_finite().then_some(Number::Double(value + 0.0))
    }

    /// The exact decimal `mantissa * 10^-scale`, however large: what sums result in.
    pub fn from_big(mantissa: BigInt, scale: u8) -> Number {
        if let Ok(small) = i128::try_from(&mantissa)
            && i64::from(scale) <= SCALE_MAX
        {
            return Number::Decimal { mantissa: small, scale };
        }
        Number::Big(Box::new(Big { mantissa, scale }))
    }

    /// `mantissa * 10^-scale`: a decimal where that holds it exactly, else the nearest double;
    /// `None` beyond the range of a double.
    pub(crate) fn from_parts(mantissa: i128, scale: i64) -> Option<Number> {
        if (0..=SCALE_MAX).contains(&scale) {
            return Some(Number::Decimal { mantissa, scale: scale as u8 });
        }
        Number::parse(&format!("{mantissa}e{}", -scale))
    }

    /// As [`Number::from_parts`], for any number of digits.
    pub(crate) fn from_big_parts(mantissa: &BigInt, scale: i64) -> Option<Number> {
        Number::parse(&format!("{mantissa}e{}", -scale))
    }

    /// The digits and scale of the decimal this number is or, for a double, stands for.
    pub(crate) fn decimal_parts(&self) -> (BigInt, i64) {
        match self {
            Number::Decimal { mantissa, scale } => (BigInt::from(*mantissa), i64::from(*scale)),
            Number::Big(big) => (big.mantissa.clone(), i64::from(big.scale)),
            Number::Double(value) => {
                let (negative, digits, exponent) = write::shortest(*value);
                let digits = BigInt::from(digits);
                (if negative { -digits } else { digits }, -i64::from(exponent))
            }
        }
    }

    /// This number in units of 1e-18 if it is a multiple of that below 1e30, as sums take decimals;
    /// `None` for all that lies beyond.
    pub fn to_units(&self) -> Option<BigInt> {
        let (mantissa, scale) = match self {
            // Texts that end as doubles lie beyond, even those so small that they read as zero.
            Number::Double(_) => return None,
            _ => self.decimal_parts(),
        };
        let units = if scale <= BIG_SCALE_MAX {
            mantissa * BigInt::from(10).pow((BIG_SCALE_MAX - scale) as u32)
        } else {
            let divisor = BigInt::from(10).pow((scale - BIG_SCALE_MAX) as u32);
            let quotient = &mantissa / &divisor;
            if &quotient * &divisor != mantissa {
                return None;
            }
            quotient
        };
        let limit = BigUint::from(10u8).pow((BIG_WHOLE_DIGITS_MAX + BIG_SCALE_MAX) as u32);
        (*units.magnitude() < limit).then_some(units)
    }

    /// The nearest double. Sums beyond the range of a double, and only they, give an infinity.
    pub fn to_f64(&self) -> f64 {
        match self {
            Number::Double(value) => *value,
            Number::Decimal { mantissa, scale } => match i64::try_from(*mantissa) {
                Ok(short) if *scale <= 18 => rational::decimal_to_f64(short, *scale),
                _ => self.reread(),
            },
            Number::Big(_) => self.reread(),
        }
    }

    /// The nearest double by way of the text, whose reader rounds correctly.
    fn reread(&self) -> f64 {
        let mut text = Vec::with_capacity(64);
        self.write(&mut text);
        let text = std::str::from_utf8(&text).expect("numbers are written in ASCII");
        text.parse().expect("what is written reads as a number")
    }

    /// The whole number this is, if it is one within an i64.
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            Number::Decimal { mantissa, scale } => {
                let unit = power_of_ten(u32::from(*scale))?;
                (mantissa % unit == 0).then(|| i64::try_from(mantissa / unit).ok()).flatten()
            }
            // More than 38 digits, at most 18 of them behind the point, are beyond an i64.
            Number::Big(_) => None,
            Number::Double(value) => {
                let fits = value.trunc() == *value && (-(2f64.powi(63))..2f64.powi(63)).contains(value);
                fits.then_some(*value as i64)
            }
        }
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.sign() == Sign::NoSign
    }

    fn sign(&self) -> Sign {
        let (negative, zero) = match self {
            Number::Decimal { mantissa, .. } => (*mantissa < 0, *mantissa == 0),
            Number::Double(value) => (*value < 0.0, *value == 0.0),
            Number::Big(big) => return big.mantissa.sign(),
        };
        if zero {
            Sign::NoSign
        } else if negative {
            Sign::Minus
        } else {
            Sign::Plus
        }
    }
}

/// `10^exponent`, up to `10^38`.
pub(crate) fn power_of_ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).expect("test numbers are numbers")
    }

    #[test]
    fn becomes_an_integer() {
        let check = |text: &str, want: Option<i64>| assert_eq!(number(text).to_i64(), want, "{text}");
        check("0", Some(0));
        check("-12.000", Some(-12));
        check("1.5e3", Some(1500));
        check("1.5", None);
        check("9223372036854775807", Some(i64::MAX));
        check("9223372036854775808", None);
        check("1e40", None);
        check("-1e300", None);
        assert_eq!(Number::Double(3.0).to_i64(), Some(3));
        assert_eq!(Number::Double(-(2f64.powi(63))).to_i64(), Some(i64::MIN));
        assert_eq!(Number::Double(2f64.powi(63)).to_i64(), None);
    }

    #[test]
    fn becomes_the_nearest_double() {
        let check = |text: &str| {
            assert_eq!(number(text).to_f64().to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}")
        };
        for text in ["0", "0.1", "9007199254740993", "-0.30000000000000004", "123456789.123456789"] {
            check(text);
        }
        check("999999999999999999999999999999.999999999999999999");
        check("0.000000000000000000000000000000000001");
        check("1.7976931348623157e308");
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let (digits, scale) = (random.u64(..) >> random.u8(0..64), random.usize(0..25));
            let text = format!("{digits}e-{scale}");
            assert_eq!(number(&text).to_f64(), text.parse::<f64>().unwrap(), "{text}, seed {seed}");
        }
    }

    #[test]
    fn knows_what_sums_take_exactly() {
        let check = |text: &str, want: Option<&str>| {
            assert_eq!(number(text).to_units().map(|units| units.to_string()).as_deref(), want, "{text}")
        };
        check("0", Some("0"));
        check("-0.5", Some("-500000000000000000"));
        check("0.000000000000000001", Some("1"));
        check("0.0000000000000000010", Some("1"));
        check("0.0000000000000000001", None);
        check("1e30", None);
        check("1e-400", None);
        check("1e300", None);
        check(
            "999999999999999999999999999999.999999999999999999",
            Some("999999999999999999999999999999999999999999999999"),
        );
    }
}
