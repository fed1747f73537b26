//! Reading numbers: the one scanner that all number texts go through.
//!
//! Accepted is JSON's grammar, and for CSV also a leading `+`, leading zeros, `.5` and `5.`. Neither
//! NaN, infinities nor other bases are numbers.

use num_bigint::BigInt;

use super::digits::with_point;
use super::{BIG_SCALE_MAX, BIG_WHOLE_DIGITS_MAX, Big, Number, SCALE_MAX};

impl Number {
    /// Reads a decimal number (JSON's grammar, plus a leading `+`, leading zeros, `.5` and `5.` for CSV).
    /// `None` when it is not one, or beyond the range of a double.
    #[inline]
    pub fn parse(text: &str) -> Option<Number> {
        match short(text.as_bytes()) {
            Some((mantissa, scale)) => Some(Number::Decimal { mantissa: i128::from(mantissa), scale }),
            None => parse_long(text),
        }
    }
}

/// Mantissa and scale of a number written with at most 18 digits and without an exponent;
/// `None` for all else.
#[inline(always)]
pub fn short(text: &[u8]) -> Option<(i64, u8)> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (mantissa, scale) = if digits.len() <= 16 { with_point(digits)? } else { longer(digits)? };
    let mantissa = mantissa as i64;
    Some((if negative { -mantissa } else { mantissa }, scale))
}

/// 17 to 19 bytes: up to 18 digits and a point.
#[inline(never)]
fn longer(text: &[u8]) -> Option<(u64, u8)> {
    // 19 digits still fit the u64, so that the count can be checked at the end.
    if text.len() > 19 {
        return None;
    }
    let mut mantissa = 0u64;
    let mut behind_point = None;
    for (n, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa * 10 + u64::from(digit);
        } else if *byte == b'.' && behind_point.is_none() {
            behind_point = Some(text.len() - 1 - n);
        } else {
            return None;
        }
    }
    let count = text.len() - usize::from(behind_point.is_some());
    (count <= 18).then_some((mantissa, behind_point.unwrap_or(0) as u8))
}

/// Whether the text is a number, whatever its size.
pub fn is_number(text: &str) -> bool {
    short(text.as_bytes()).is_some() || Parts::of(text.as_bytes()).is_some()
}

/// Whether the text is a number in JSON's grammar, whatever its size.
pub fn is_json_number(text: &str) -> bool {
    let Some(parts) = Parts::of(text.as_bytes()) else { return false };
    let has_point = text.as_bytes().contains(&b'.');
    !text.starts_with('+')
        && !parts.whole.is_empty()
        && (parts.whole.len() == 1 || parts.whole[0] != b'0')
        && (!has_point || !parts.fraction.is_empty())
}

/// The parts of a number's text.
pub(super) struct Parts<'a> {
    pub negative: bool,
    /// Digits before the point; may be empty if `fraction` is not.
    pub whole: &'a [u8],
    /// Digits behind the point; may be empty.
    pub fraction: &'a [u8],
    pub exponent_negative: bool,
    /// Digits of the exponent without leading zeros; empty for none or zero.
    pub exponent: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Splits a number's text; `None` if it is not a number.
    pub fn of(text: &'a [u8]) -> Option<Parts<'a>> {
        let (negative, rest) = signed(text);
        let (whole, rest) = digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            _ => (&rest[..0], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (exponent_negative, exponent) = match rest {
            [] => (false, rest),
            [b'e' | b'E', rest @ ..] => {
                let (negative, rest) = signed(rest);
                match digits(rest) {
                    (exponent @ [_, ..], []) => (negative, exponent),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let zeros = exponent.iter().take_while(|digit| **digit == b'0').count();
        Some(Parts { negative, whole, fraction, exponent_negative, exponent: &exponent[zeros..] })
    }

    /// The digits from the first to the last that is not zero, and how many digits before the point
    /// the first of them stands (the exponent left aside): 1 for `5`, 0 for `.5`, -1 for `.05`.
    /// `None` for zero.
    pub fn significant(&self) -> Option<(impl Iterator<Item = u8> + Clone + use<'a>, usize, i64)> {
        let all = self.whole.iter().chain(self.fraction).copied();
        let first = all.clone().position(|digit| digit != b'0')?;
        let behind_last = all.clone().rev().take_while(|digit| *digit == b'0').count();
        let count = self.whole.len() + self.fraction.len() - behind_last - first;
        let position = self.whole.len() as i64 - first as i64;
        Some((all.skip(first).take(count), count, position))
    }
}

fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Reads what [`short`] does not, in time linear in the length of the text.
#[cold]
fn parse_long(text: &str) -> Option<Number> {
    let parts = Parts::of(text.as_bytes())?;
    let Some((digits, count, position)) = parts.significant() else { return Some(Number::ZERO) };
    // Exponents of more than 17 digits are beyond everything: nothing is lost where they are cut.
    let exponent = parts.exponent.iter().take(17).fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let exponent = if parts.exponent_negative { -exponent } else { exponent };
    // The value is 0.d1d2d3... * 10^whole.
    let whole = position + exponent;
    let scale = count as i64 - whole;
    if count <= 38 && whole <= 38 && scale <= SCALE_MAX {
        let digits = digits.fold(0i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        // At most 38 digits in all, so that it fits.
        let mantissa = digits * 10i128.pow((-scale).max(0) as u32);
        let mantissa = if parts.negative { -mantissa } else { mantissa };
        return Some(Number::Decimal { mantissa, scale: scale.max(0) as u8 });
    }
    if whole <= BIG_WHOLE_DIGITS_MAX && scale <= BIG_SCALE_MAX {
        let digits: Vec<u8> = digits.collect();
        let magnitude = BigInt::parse_bytes(&digits, 10).expect("digits are a number");
        let mantissa = if parts.negative { -magnitude } else { magnitude };
        // More than 38 digits with at most 30 of them before the point: the scale is positive.
        return Some(Number::Big(Box::new(Big { mantissa, scale: scale as u8 })));
    }
    Number::from_f64(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<&str>) {
        let written = Number::parse(text).map(|number| {
            let mut out = Vec::new();
            number.write(&mut out);
            String::from_utf8(out).unwrap()
        });
        assert_eq!(written.as_deref(), want, "{text}");
        assert!(is_number(text) || want.is_none(), "{text}");
    }

    #[test]
    fn reads_what_json_and_csv_hold() {
        check("0", Some("0"));
        check("-0", Some("0"));
        check("-0.0e5", Some("0"));
        check("+007.50", Some("7.5"));
        check(".5", Some("0.5"));
        check("-5.", Some("-5"));
        check("1.5e3", Some("1500"));
        check("1500E-3", Some("1.5"));
        check("1e+2", Some("100"));
        check("123456789012345678", Some("123456789012345678"));
        check("1234567890123456789", Some("1234567890123456789"));
        check("00000000000000000000000000000000000000000000000000001", Some("1"));
        check(
            "-123456789012345678901234567890.123456789012345678",
            Some("-123456789012345678901234567890.123456789012345678"),
        );
        check("1e37", Some("10000000000000000000000000000000000000"));
        check("1e40", Some("1e40"));
        check("1e-40", Some("1e-40"));
        check("1e-400", Some("0"));
        check("0e999999999999999999999999999999", Some("0"));
        check(&"9".repeat(100), Some("1e100"));
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "--1", "+-1", "1 ", " 1", "0x10", "1_0"] {
            check(text, None);
            assert!(!is_number(text), "{text}");
        }
        for text in ["NaN", "nan", "inf", "Infinity", "1e5x", "1.e", "١"] {
            check(text, None);
        }
        check("1e309", None);
        check("1e99999999999999999999999999", None);
        check(&format!("1{}", "0".repeat(100_000)), None);
        assert!(is_number("1e309"));
    }

    #[test]
    fn knows_jsons_grammar() {
        let check = |text, want| assert_eq!(is_json_number(text), want, "{text}");
        for text in ["0", "-0", "10", "0.5", "1e5", "1.5E+05", "1e400"] {
            check(text, true);
        }
        for text in ["+1", "01", "-01", ".5", "5.", "5.e3", "", "x"] {
            check(text, false);
        }
    }
}
