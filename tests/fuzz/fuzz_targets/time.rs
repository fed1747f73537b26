//! Event times against jiff (RFC 3339) and exact decimal arithmetic (numbers), and written times read back.

#![no_main]

use std::borrow::Cow;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use num_bigint::BigInt;
use windrow::time::{Form, LIMIT, TimeFormat, Unit, write_time};
use windrow::value::Value;

const UNITS: [(&str, Unit, i64); 4] =
    [("s", Unit::Seconds, 6), ("ms", Unit::Millis, 3), ("us", Unit::Micros, 0), ("ns", Unit::Nanos, -3)];

/// The decimal number in a text, as digits and a power of ten; `None` where that is none, or too large to bother.
fn decimal(text: &str) -> Option<(BigInt, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let sound = !digits.is_empty() && digits.len() < 5 && digits.bytes().all(|b| b.is_ascii_digit());
            (mantissa, if sound { exponent.parse::<i64>().ok()? } else { return None })
        }
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = BigInt::parse_bytes(digits.as_bytes(), 10)?;
    Some((if negative { -number } else { number }, exponent - fraction.len() as i64))
}

/// A number times a power of ten, floored.
fn floored(number: BigInt, exponent: i64) -> BigInt {
    let power = BigInt::from(10).pow(u32::try_from(exponent.unsigned_abs()).expect("exponents are small"));
    if exponent >= 0 {
        return number * power;
    }
    let quotient = &number / &power;
    let inexact = &quotient * &power != number;
    if inexact && number < BigInt::ZERO { quotient - 1 } else { quotient }
}

fn numbers(text: &str) {
    for (name, unit, scale) in UNITS {
        let format = TimeFormat::new(name, None).expect("a known format");
        let ours = format.parse(&Value::Untyped(text), Form::Number(unit));
        let auto = TimeFormat::new("auto", None).expect("a known format");
        let written = auto.parse(&Value::Written(text), Form::Number(unit));
        assert_eq!(ours.clone().ok(), written.ok(), "{name}");
        let huge = text.split(['e', 'E']).nth(1).is_some_and(|exponent| exponent.len() > 4);
        match decimal(text) {
            Some((number, exponent)) => {
                let exact = floored(number, exponent + scale);
                let inside = exact > BigInt::from(-LIMIT) && exact < BigInt::from(LIMIT);
                assert_eq!(ours.ok().map(BigInt::from), inside.then_some(exact), "{name}");
            }
            None => assert!(ours.is_err() || huge, "{name}: {ours:?}"),
        }
    }
}

fn read_back(time: i64) {
    let auto = TimeFormat::new("auto", None).expect("a known format");
    for (_, unit, _) in UNITS {
        let mut out = Vec::new();
        write_time(time, Form::Number(unit), None, &mut out);
        let text = String::from_utf8(out).expect("times are ASCII");
        assert_eq!(auto.parse(&Value::Written(&text), Form::Number(unit)), Ok(time), "{text}");
    }
    let mut out = Vec::new();
    write_time(time, Form::Text, None, &mut out);
    let text = String::from_utf8(out).expect("times are ASCII");
    if text.as_bytes()[0].is_ascii_digit() {
        assert_eq!(auto.parse(&Value::Text(Cow::Borrowed(&text)), Form::Text), Ok(time), "{text}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    numbers(text);
    let rfc3339 = TimeFormat::new("rfc3339", None).expect("a known format");
    let ours = rfc3339.parse(&Value::Text(Cow::Borrowed(text)), Form::Text);
    if let (Ok(ours), Ok(theirs)) = (&ours, text.parse::<jiff::Timestamp>()) {
        assert_eq!(i128::from(*ours), theirs.as_nanosecond().div_euclid(1000));
    }
    if let Ok(time) = ours {
        read_back(time);
    }
    if let Some(eight) = data.first_chunk::<8>() {
        let time = i64::from_le_bytes(*eight);
        if -LIMIT < time && time < LIMIT {
            read_back(time);
        }
    }
    static OTHERS: LazyLock<[TimeFormat; 4]> = LazyLock::new(|| {
        ["rfc2822", "%Y-%m-%d %H:%M:%S%.f", "%d/%b/%Y:%H:%M:%S %z", "%s"]
            .map(|format| TimeFormat::new(format, Some("Europe/Berlin")).expect("a known format"))
    });
    for format in &*OTHERS {
        if let Ok(time) = format.parse(&Value::Untyped(text), Form::Text) {
            assert!(-LIMIT < time && time < LIMIT);
        }
    }
    let _ = TimeFormat::new(text, None);
    // An unknown zone is compared with all known ones, which takes long.
    if data.first().is_some_and(|byte| byte % 64 == 1) {
        let _ = TimeFormat::new("%H", Some(text));
    }
});
