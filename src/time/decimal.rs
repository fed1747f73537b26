//! Numeric times: decimal text to microseconds, exactly, never through a double.
//!
//! It knows digits, a point and an exponent, and floors what is finer than a microsecond.
//! Which unit a source has is decided elsewhere.

use super::{LIMIT, Unit};
use crate::number;

/// Why a text is not a numeric time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is no number at all.
    NotANumber,
    /// A number, but beyond the times there are.
    OutOfRange,
}

impl Unit {
    /// A unit is `10^exponent` microseconds.
    fn exponent(self) -> i64 {
        match self {
            Unit::Seconds => 6,
            Unit::Millis => 3,
            Unit::Micros => 0,
            Unit::Nanos => -3,
        }
    }
}

/// Reads a number of `unit`s since the Unix epoch and floors it to microseconds.
/// JSON's grammar, plus a leading `+` and leading zeros.
#[inline]
pub(super) fn micros(text: &str, unit: Unit) -> Result<i64, Fault> {
    match quick(text.as_bytes(), unit) {
        Some(micros) => Ok(micros),
        None => Digits::read(text).ok_or(Fault::NotANumber)?.floor(unit.exponent()),
    }
}

/// The fast path: whole numbers, and seconds with a fraction; `None` says nothing.
#[inline(always)]
pub(super) fn quick(text: &[u8], unit: Unit) -> Option<i64> {
    match whole(text) {
        Some(number) => in_micros(number, unit),
        None if unit == Unit::Seconds => seconds(text),
        None => None,
    }
}

/// A number of these units in microseconds, if that is in range.
#[inline(always)]
fn in_micros(number: i64, unit: Unit) -> Option<i64> {
    let micros = match unit {
        Unit::Seconds => number.checked_mul(1_000_000)?,
        Unit::Millis => number.checked_mul(1000)?,
        Unit::Micros => number,
        Unit::Nanos => number.div_euclid(1000),
    };
    (-LIMIT < micros && micros < LIMIT).then_some(micros)
}

/// The unit that a time of this magnitude is taken to be in; `None` for what is no number.
pub(super) fn unit_by_magnitude(text: &str) -> Option<Unit> {
    // The first digit is not zero, so fewer than n digits before the point is less than 10^n.
    let digits = Digits::read(text)?.point;
    let units = [(11, Unit::Seconds), (14, Unit::Millis), (17, Unit::Micros)];
    Some(units.iter().find(|(most, _)| digits <= *most).map_or(Unit::Nanos, |(_, unit)| *unit))
}

/// Whether a text reads as a number.
pub(super) fn is_number(text: &str) -> bool {
    Digits::read(text).is_some()
}

/// The fast path: 1 to 18 digits, with a minus or without, and nothing else.
#[inline(always)]
fn whole(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => number::whole(digits).map(|number| -(number as i64)),
        digits => number::whole(digits).map(|number| number as i64),
    }
}

/// The fast path for seconds with a fraction, `1517365101.235`: not negative, below 10^12 seconds.
#[inline(never)]
fn seconds(text: &[u8]) -> Option<i64> {
    let point = text.iter().take(13).position(|byte| *byte == b'.')?;
    let whole = whole(&text[..point]).filter(|_| text[0] != b'-')?;
    let digits = &text[point + 1..];
    let (mut micros, mut unit) = (0, 100_000);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // From the seventh digit on the unit is 0, which floors.
        micros += i64::from(digit) * unit;
        unit /= 10;
    }
    if digits.is_empty() { None } else { Some(whole * 1_000_000 + micros) }
}

/// A number as `0.WHOLE FRACTION * 10^point`: its digits in two runs, without leading zeros.
struct Digits<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// Digits before the point, the exponent counted in; 0 for zero.
    point: i64,
}

impl<'a> Digits<'a> {
    /// Takes a text apart; `None` when it is not a number.
    fn read(text: &'a str) -> Option<Digits<'a>> {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (whole, rest) = split_digits(bytes);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => {
                let (fraction, rest) = split_digits(rest);
                if fraction.is_empty() {
                    return None;
                }
                (fraction, rest)
            }
            rest => (&[][..], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => read_exponent(rest)?,
            _ => return None,
        };
        if whole.is_empty() {
            return None;
        }
        let whole = strip_zeros(whole);
        let (point, fraction) = if whole.is_empty() {
            let stripped = strip_zeros(fraction);
            (-((fraction.len() - stripped.len()) as i64), stripped)
        } else {
            (whole.len() as i64, fraction)
        };
        let zero = whole.is_empty() && fraction.is_empty();
        let point = if zero { 0 } else { point.saturating_add(exponent) };
        Some(Digits { negative, whole, fraction, point })
    }

    /// The number times `10^exponent`, floored.
    fn floor(&self, exponent: i64) -> Result<i64, Fault> {
        let wanted = self.point.saturating_add(exponent);
        if self.whole.is_empty() && self.fraction.is_empty() {
            return Ok(0);
        }
        // LIMIT has 19 digits.
        if wanted > 19 {
            return Err(Fault::OutOfRange);
        }
        let wanted = usize::try_from(wanted).unwrap_or(0);
        let (whole, below) = self.whole.split_at(wanted.min(self.whole.len()));
        let (fraction, rest) = self.fraction.split_at((wanted - whole.len()).min(self.fraction.len()));
        let join = |number: u64, digit: &u8| number * 10 + u64::from(digit - b'0');
        let number = fraction.iter().fold(whole.iter().fold(0, join), join);
        // 19 digits fit in a u64, so only the zeros at the end, which the text leaves out, stay to be added.
        let number = number * 10u64.pow((wanted - whole.len() - fraction.len()) as u32);
        let inexact = below.iter().chain(rest).any(|digit| *digit != b'0');
        let size = number + u64::from(self.negative && inexact);
        let micros = i64::try_from(size).ok().filter(|size| *size < LIMIT).ok_or(Fault::OutOfRange)?;
        Ok(if self.negative { -micros } else { micros })
    }
}

/// An exponent after its `e`; one beyond all reason is as good as a million million.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (digits, rest) = split_digits(text);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let size = digits.iter().fold(0i64, |n, digit| (n * 10 + i64::from(digit - b'0')).min(1_000_000_000_000));
    Some(if negative { -size } else { size })
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

fn strip_zeros(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, unit: Unit, micros_expected: i64) {
        assert_eq!(micros(text, unit), Ok(micros_expected), "{text} {unit:?}");
    }

    #[test]
    fn exact_and_floored() {
        check("1517365101.2350019", Unit::Seconds, 1_517_365_101_235_001);
        check("1517365101", Unit::Seconds, 1_517_365_101_000_000);
        check("1517365101235", Unit::Millis, 1_517_365_101_235_000);
        check("1517365101235.0019", Unit::Millis, 1_517_365_101_235_001);
        check("1517365101235001999", Unit::Nanos, 1_517_365_101_235_001);
        check("1.5173651012350019e9", Unit::Seconds, 1_517_365_101_235_001);
        check("15173651012350019E-7", Unit::Seconds, 1_517_365_101_235_001);
        check("-0.0000001", Unit::Seconds, -1);
        check("-0.000001", Unit::Seconds, -1);
        check("-0.0000010000000000000000000000000000000000001", Unit::Seconds, -2);
        check("0.0000009", Unit::Seconds, 0);
        check("-1", Unit::Nanos, -1);
        check("-1000", Unit::Nanos, -1);
        check("-1001", Unit::Nanos, -2);
        check("1e-400", Unit::Seconds, 0);
        check("-1e-400", Unit::Seconds, -1);
        check("-1e-99999999999999999999", Unit::Seconds, -1);
        check("0e99999999999999999999", Unit::Seconds, 0);
        check("-0", Unit::Seconds, 0);
        check("-0.000", Unit::Seconds, 0);
        check("+5", Unit::Micros, 5);
        check("0000000000000000000000000005", Unit::Micros, 5);
        check("5.000000000000000000000000000000000000000000", Unit::Micros, 5);
        check("4611686018427387903", Unit::Micros, LIMIT - 1);
        check("-4611686018427387903", Unit::Micros, 1 - LIMIT);
    }

    #[test]
    fn refuses() {
        for text in [
            "", "-", "+", ".", ".5", "5.", "1e", "1e+", "1.e5", "1x", " 1", "1 ", "0x10", "--1", "NaN",
            "1_0", "１",
        ] {
            assert_eq!(micros(text, Unit::Seconds), Err(Fault::NotANumber), "{text}");
            assert!(!is_number(text));
        }
        for text in [
            "4611686018427387904",
            "-4611686018427387904",
            "1e19",
            "99999999999999999999",
            "1e99999999999999999999",
        ] {
            assert_eq!(micros(text, Unit::Micros), Err(Fault::OutOfRange), "{text}");
        }
        assert_eq!(micros("-4611686018427387903.5", Unit::Micros), Err(Fault::OutOfRange));
        assert_eq!(micros("999999999999999999", Unit::Seconds), Err(Fault::OutOfRange));
    }

    #[test]
    fn magnitudes() {
        for (text, unit) in [
            ("0", Unit::Seconds),
            ("99999999999", Unit::Seconds),
            ("99999999999.9", Unit::Seconds),
            ("-99999999999", Unit::Seconds),
            ("100000000000", Unit::Millis),
            ("1e11", Unit::Millis),
            ("0.1e12", Unit::Millis),
            ("99999999999999", Unit::Millis),
            ("-100000000000000", Unit::Micros),
            ("99999999999999999", Unit::Micros),
            ("100000000000000000", Unit::Nanos),
            ("0.0000001", Unit::Seconds),
        ] {
            assert_eq!(unit_by_magnitude(text), Some(unit), "{text}");
        }
        assert_eq!(unit_by_magnitude("x"), None);
    }

    #[test]
    fn the_fast_path_agrees_with_the_long_one() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let length = random.usize(0..20);
            let mut text: String = (0..length).map(|_| random.char('0'..='9')).collect();
            if random.u8(0..4) == 0 {
                text.insert(0, '-');
            }
            if random.u8(0..4) == 0 && !text.is_empty() {
                let at = random.usize(0..text.len());
                text.replace_range(at..=at, &random.char('\0'..='\u{7f}').to_string());
            }
            if let Some(number) = whole(text.as_bytes()) {
                assert_eq!(text.parse::<i64>(), Ok(number));
                assert_eq!(Digits::read(&text).map(|d| d.floor(0)), Some(micros(&text, Unit::Micros)));
            }
            if !text.is_empty() {
                text.insert(random.usize(0..text.len().min(14)), '.');
            }
            if let Some(number) = seconds(text.as_bytes()) {
                assert_eq!(Digits::read(&text).map(|d| d.floor(6)), Some(Ok(number)), "{text}");
            }
        }
    }
}
