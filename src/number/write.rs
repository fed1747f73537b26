//! Writing numbers: the canonical text of each value.

use super::{Number, ShortText};

impl Number {
    /// Writes the canonical text: plain decimal without trailing zeros, or the shortest text that reads
    /// back as the double (plain from 1e-6 to below 1e21, else with an exponent: `1e21`, `1.5e-7`).
    /// Never `-0`, never `3.0`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut short = ShortText::EMPTY;
        if short.put_short(self) {
            out.extend_from_slice(short.text());
        } else {
            self.write_any(out);
        }
    }

    /// [`Number::write`] of all numbers.
    pub(super) fn write_any(&self, out: &mut Vec<u8>) {
        match self {
            Number::Decimal { mantissa, scale } => {
                let mut buffer = itoa::Buffer::new();
                let digits = buffer.format(mantissa.unsigned_abs());
                write_decimal(*mantissa < 0, digits, usize::from(*scale), out);
            }
            Number::Big(big) => {
                let digits = big.mantissa.magnitude().to_string();
                write_decimal(
                    big.mantissa.sign() == num_bigint::Sign::Minus,
                    &digits,
                    usize::from(big.scale),
                    out,
                );
            }
            Number::Double(value) => write_double(*value, out),
        }
    }
}

/// Writes digits with `scale` of them behind the point.
fn write_decimal(negative: bool, digits: &str, scale: usize, out: &mut Vec<u8>) {
    let zeros = digits.bytes().rev().take(scale).take_while(|digit| *digit == b'0').count();
    let behind = if digits == "0" { 0 } else { scale - zeros };
    let digits = if digits == "0" { "0" } else { &digits[..digits.len() - zeros] };
    if negative {
        out.push(b'-');
    }
    if behind == 0 {
        out.extend_from_slice(digits.as_bytes());
    } else if let Some(before) = digits.len().checked_sub(behind).filter(|before| *before > 0) {
        out.extend_from_slice(&digits.as_bytes()[..before]);
        out.push(b'.');
        out.extend_from_slice(&digits.as_bytes()[before..]);
    } else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + behind - digits.len(), b'0');
        out.extend_from_slice(digits.as_bytes());
    }
}

/// The text of a double that the printer writes plainly too, with at least one digit behind the point.
#[inline(always)]
pub(super) fn plain_double(value: f64, buffer: &mut zmij::Buffer) -> Option<&[u8]> {
    if !(1e-4..1e15).contains(&value.abs()) {
        return None;
    }
    let text = buffer.format_finite(value).as_bytes();
    Some(text.strip_suffix(b".0").unwrap_or(text))
}

fn write_double(value: f64, out: &mut Vec<u8>) {
    let (negative, digits, exponent) = shortest(value);
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(digits);
    // The value is 0.d1d2d3... * 10^whole. The bounds of plain text are those of JavaScript, whose
    // numbers JSON took over.
    let whole = digits.len() as i32 + exponent;
    if digits == "0" || (-5..=0).contains(&whole) || (1..=21).contains(&whole) && exponent < 0 {
        write_decimal(negative, digits, (-exponent).max(0) as usize, out);
    } else if (1..=21).contains(&whole) {
        write_decimal(negative, digits, 0, out);
        out.resize(out.len() + exponent.max(0) as usize, b'0');
    } else {
        write_decimal(negative, digits, digits.len() - 1, out);
        out.push(b'e');
        out.extend_from_slice(itoa::Buffer::new().format(whole - 1).as_bytes());
    }
}

/// The shortest decimal that reads back as this double: whether it is negative, its digits without
/// trailing zeros, and the power of ten they are to be multiplied by. Infinities give zero.
pub(super) fn shortest(value: f64) -> (bool, u64, i32) {
    if value == 0.0 || !value.is_finite() {
        return (false, 0, 0);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    let (text, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let mut exponent: i32 = exponent.parse().expect("the printer writes whole exponents");
    let point = text.find('.').map_or(0, |point| text.len() - 1 - point);
    let mut digits = text.bytes().filter(u8::is_ascii_digit).fold(0u64, |sum, digit| {
        // Plainly written doubles have at most 17 digits and one zero behind the point.
        sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
    });
    exponent -= point as i32;
    while digits != 0 && digits.is_multiple_of(10) {
        digits /= 10;
        exponent += 1;
    }
    (value < 0.0, digits, exponent)
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
    fn writes_decimals_plainly() {
        let check =
            |mantissa, scale, want: &str| assert_eq!(text(&Number::Decimal { mantissa, scale }), want);
        check(0, 0, "0");
        check(0, 5, "0");
        check(300, 2, "3");
        check(-330, 2, "-3.3");
        check(5, 3, "0.005");
        check(-50, 1, "-5");
        check(1200, 0, "1200");
        check(i128::MIN, 0, "-170141183460469231731687303715884105728");
        check(1, 36, "0.000000000000000000000000000000000001");
    }

    #[test]
    fn writes_doubles_as_short_as_they_can_be() {
        let check = |value: f64, want: &str| assert_eq!(text(&Number::Double(value)), want);
        check(0.0, "0");
        check(-0.0, "0");
        check(3.0, "3");
        check(0.1 + 0.2, "0.30000000000000004");
        check(-1.5e-7, "-1.5e-7");
        check(1e-6, "0.000001");
        check(1.25e-6, "0.00000125");
        check(1e-7, "1e-7");
        check(123456789012345680000.0, "123456789012345680000");
        check(1e20, "100000000000000000000");
        check(1e21, "1e21");
        check(1.5e300, "1.5e300");
        check(f64::MAX, "1.7976931348623157e308");
        check(5e-324, "5e-324");
        check(100.5, "100.5");
    }

    #[test]
    fn doubles_read_back_as_they_were() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let value = f64::from_bits(random.u64(..));
            if value.is_finite() {
                assert_eq!(text(&Number::Double(value)).parse::<f64>().unwrap(), value, "seed {seed}");
            }
        }
    }
}
