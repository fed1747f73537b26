//! Exact decimals and rationals of the model, on big integers alone.

use std::cmp::Ordering;

use num_bigint::BigInt;

/// Decimal places kept of every number: the model's numbers are multiples of 1e-18.
const PLACES: u32 = 18;

/// The unit in which [`decimal`] counts: 10^18.
pub fn unit() -> BigInt {
    BigInt::from(10).pow(PLACES)
}

/// The value of a number by JSON's grammar, in units of 1e-18; `None` for other text and finer numbers.
pub fn decimal(text: &str) -> Option<BigInt> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: BigInt = format!("{whole}{fraction}").parse().ok()?;
    let power = exponent - i32::try_from(fraction.len()).ok()? + PLACES as i32;
    let value = if power < 0 {
        let divisor = BigInt::from(10).pow(power.unsigned_abs());
        assert!(&value % &divisor == BigInt::ZERO, "the model knows no number as fine as {text}");
        value / divisor
    } else {
        value * BigInt::from(10).pow(power.unsigned_abs())
    };
    Some(if negative { -value } else { value })
}

/// Compares two numbers by value, then by text.
pub fn compare(a: &str, b: &str) -> Ordering {
    decimal(a).cmp(&decimal(b)).then_with(|| a.cmp(b))
}

/// A count of 1e-18 in plain decimal, without trailing zeros.
pub fn plain(value: &BigInt) -> String {
    let text = value.magnitude().to_string();
    let text = format!("{text:0>19}");
    let (whole, fraction) = text.split_at(text.len() - PLACES as usize);
    let fraction = fraction.trim_end_matches('0');
    let sign = if *value < BigInt::ZERO { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A quotient, rounded once to a double, as the shortest text that reads back as that double.
pub fn quotient(numerator: &BigInt, denominator: &BigInt) -> String {
    // A hundred places decide about every rounding of numbers of this size, with what is left as a sticky digit.
    let scaled = numerator * BigInt::from(10).pow(100);
    let (digits, rest) = (&scaled / denominator, &scaled % denominator);
    let sticky = if rest == BigInt::ZERO { '0' } else { '1' };
    let double: f64 = format!("{digits}{sticky}e-101").parse().expect("digits and an exponent");
    shortest(if double == 0.0 { 0.0 } else { double })
}

/// The shortest text that reads back as this double; of two that are, the nearer, and of equally near ones the
/// one with an even last digit.
fn shortest(double: f64) -> String {
    let (plain, scientific) = (double.to_string(), format!("{double:e}"));
    let digits = scientific.split('e').next().map_or(0, |m| m.bytes().filter(u8::is_ascii_digit).count());
    let nearest = format!("{double:.*e}", digits - 1);
    let last = nearest.split('e').next().and_then(|mantissa| mantissa.chars().last());
    match last {
        // The two can differ in their last digit, which is the last one of the plain text too if it has a point.
        Some(last) if plain.contains('.') && nearest.parse() == Ok(double) => {
            format!("{}{last}", &plain[..plain.len() - 1])
        }
        _ => plain,
    }
}

#[test]
fn decimals() {
    let check = |text: &str, want: &str| assert_eq!(plain(&decimal(text).expect(text)), want, "{text}");
    check("1", "1");
    check("-0", "0");
    check("1.50", "1.5");
    check("-1e-3", "-0.001");
    check("12.5E+2", "1250");
    assert_eq!(decimal("x"), None);
    assert_eq!(decimal(""), None);
    assert_eq!(quotient(&1.into(), &3.into()), "0.3333333333333333");
    assert_eq!(shortest("249999375000.390625".parse().expect("a double")), "249999375000.39062");
    assert_eq!(quotient(&(-6).into(), &3.into()), "-2");
}
