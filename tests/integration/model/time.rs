//! The model's event times: numbers in a unit, or RFC 3339.

use num_bigint::BigInt;

use super::number;
use super::read::Value;

/// The form of a source's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Numbers, of so many nanoseconds each.
    Number(i64),
    Text,
}

/// The unit of a number whose source says nothing else.
fn unit_of(text: &str) -> Option<i64> {
    let size = BigInt::from(number::decimal(text)?.magnitude().clone());
    let below = |power: u32| size < BigInt::from(10).pow(power) * number::unit();
    Some(match () {
        () if below(11) => 1_000_000_000,
        () if below(14) => 1_000_000,
        () if below(17) => 1_000,
        () => 1,
    })
}

/// The event time in microseconds, floored; the form of the source is settled by the first usable one.
pub fn read(value: &Value, fixed: Option<Form>, form: &mut Option<Form>) -> Option<i64> {
    let (with, time) = match (value, value.number()) {
        (_, Some(text)) => {
            let with = fixed.or(*form).or_else(|| unit_of(text).map(Form::Number))?;
            let Form::Number(nanos) = with else { return None };
            let micros = number::decimal(text)? * nanos;
            (with, floor(&micros, &(number::unit() * 1000))?)
        }
        (Value::Text(text) | Value::Field(text), _) => {
            if matches!(fixed, Some(Form::Number(_))) {
                return None;
            }
            (form.unwrap_or(Form::Text), rfc3339(text)?)
        }
        _ => return None,
    };
    *form = Some(with);
    Some(time)
}

fn floor(numerator: &BigInt, denominator: &BigInt) -> Option<i64> {
    let quotient = numerator / denominator;
    let below = numerator % denominator < BigInt::ZERO;
    let micros = i64::try_from(quotient - i32::from(below)).ok()?;
    (micros.unsigned_abs() < 1 << 62).then_some(micros)
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction](Z|+HH:MM|-HH:MM)` in microseconds.
fn rfc3339(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let mark = |at: usize, c: &str| (text.get(at..=at)? == c).then_some(());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    for (at, c) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")] {
        mark(at, c)?;
    }
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let micros = match fraction.strip_prefix('.') {
        None => 0,
        Some(digits) => format!("{digits:0<6}").get(..6)?.parse::<i64>().ok()?,
    };
    let offset = match zone {
        "Z" => 0,
        _ => {
            let minutes = zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    if !(1..=12).contains(&month)
        || day < 1
        || day > days_in(year, month)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let days = (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1 + days_before(year);
    Some((((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1_000_000 + micros)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of January of a year, counted year by year.
fn days_before(year: i64) -> i64 {
    let length = |year| 365 + i64::from(is_leap(year));
    match year >= 1970 {
        true => (1970..year).map(length).sum(),
        false => -(year..1970).map(length).sum::<i64>(),
    }
}

/// A time in the form of the first source's times.
pub fn write(micros: i64, form: Form) -> Value {
    match form {
        Form::Number(nanos) => {
            Value::Number(number::plain(&(BigInt::from(micros) * 1000 * number::unit() / nanos)))
        }
        Form::Text => Value::Text(write_rfc3339(micros)),
    }
}

fn write_rfc3339(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let late = 1970 + days.div_euclid(365) + 1;
    let year = (1..=late).rev().find(|&year| days_before(year) <= days).expect("the model's years are AD");
    let mut day = days - days_before(year);
    let mut month = 1;
    while day >= days_in(year, month) {
        day -= days_in(year, month);
        month += 1;
    }
    let fraction = match fraction {
        0 => String::new(),
        _ => format!(".{fraction:06}").trim_end_matches('0').to_owned(),
    };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z", day + 1)
}

#[test]
fn times() {
    let check = |text: &str, want: i64| {
        assert_eq!(rfc3339(text), Some(want), "{text}");
        if text.ends_with('Z') {
            assert_eq!(write_rfc3339(want), text);
        }
    };
    check("1970-01-01T00:00:00Z", 0);
    check("1969-12-31T23:59:59.5Z", -500_000);
    check("2021-07-01T00:00:00Z", 1_625_097_600_000_000);
    check("2021-07-01T02:00:00+02:00", 1_625_097_600_000_000);
    assert_eq!(rfc3339("2021-02-29T00:00:00Z"), None);
}
