//! Times as output rows show them: numbers in a unit, or RFC 3339 text.
//!
//! It appends bytes and cannot fail; every time in range has a form, also beyond the year 9999.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::civil::civil_from_days;
use super::{Form, Unit};
use crate::number::short_text;

/// Writes a time in a form: numbers bare, text without quotes. RFC 3339 is in UTC (`Z`) without a zone,
/// else in the zone with its offset; a fraction only when it is not zero.
///
/// Numbers have decimals only where they are not whole in their unit. Years outside 0 to 9999 are written
/// with a sign (`+10000`, `-0001`), as ISO 8601 has it. An offset with seconds (local mean time) is cut to
/// minutes, and the time shown goes with the offset shown, so that the text always names the same instant.
pub fn write_time(micros: i64, form: Form, zone: Option<&TimeZone>, out: &mut Vec<u8>) {
    match form {
        Form::Number(Unit::Seconds) => write_number(micros, 1_000_000, 6, out),
        Form::Number(Unit::Millis) => write_number(micros, 1000, 3, out),
        Form::Number(Unit::Micros) => out.extend_from_slice(itoa::Buffer::new().format(micros).as_bytes()),
        Form::Number(Unit::Nanos) => {
            let nanos = i128::from(micros) * 1000;
            out.extend_from_slice(itoa::Buffer::new().format(nanos).as_bytes());
        }
        Form::Text => write_text(micros, zone, out),
    }
}

/// A time as a number that is whole in its unit: its text, the first byte lowest, and how long that is. `None` says nothing.
#[inline(always)]
pub fn short_number(micros: i64, unit: Unit) -> Option<(u128, usize)> {
    let micros = u64::try_from(micros).ok()?;
    // Each divided by a constant.
    let (whole, rest) = match unit {
        Unit::Seconds => (micros / 1_000_000, micros % 1_000_000),
        Unit::Millis => (micros / 1000, micros % 1000),
        Unit::Micros => (micros, 0),
        Unit::Nanos => return None,
    };
    if rest == 0 { short_text(whole, 0) } else { None }
}

/// A time for people: as [`write_time`] has it, and where that is a number, as RFC 3339 beside it.
pub fn shown_time(micros: i64, form: Form, zone: Option<&TimeZone>) -> String {
    let written = |form| {
        let mut out = Vec::new();
        write_time(micros, form, zone, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    match form {
        Form::Text => written(Form::Text),
        Form::Number(_) => format!("{} ({})", written(form), written(Form::Text)),
    }
}

/// The offset of a zone at a time, in seconds. Beyond jiff's years the nearest that it knows.
fn offset_seconds(micros: i64, zone: &TimeZone) -> i64 {
    let timestamp = Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    i64::from(zone.to_offset(timestamp).seconds())
}

#[inline(always)]
fn write_number(micros: i64, unit: u64, decimals: usize, out: &mut Vec<u8>) {
    let size = micros.unsigned_abs();
    if micros < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(size / unit).as_bytes());
    write_fraction(size % unit, decimals, out);
}

/// Writes `.5` for 500,000 of 6 decimals; nothing for 0.
fn write_fraction(fraction: u64, decimals: usize, out: &mut Vec<u8>) {
    if fraction == 0 {
        return;
    }
    let mut rest = fraction;
    let mut digits = *b".000000";
    for digit in digits[1..=decimals].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut end = decimals + 1;
    while digits[end - 1] == b'0' {
        end -= 1;
    }
    out.extend_from_slice(&digits[..end]);
}

fn write_text(micros: i64, zone: Option<&TimeZone>, out: &mut Vec<u8>) {
    let offset_minutes = zone.map(|zone| offset_seconds(micros, zone) / 60);
    let local = micros + offset_minutes.unwrap_or(0) * 60_000_000;
    let (seconds, fraction) = (local.div_euclid(1_000_000), local.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    write_year(year, out);
    let mut text = *b"-00-00T00:00:00";
    for (at, value) in [(1, month), (4, day), (7, second / 3600), (10, second / 60 % 60), (13, second % 60)] {
        put_pair(&mut text, at, value);
    }
    out.extend_from_slice(&text);
    write_fraction(fraction as u64, 6, out);
    match offset_minutes {
        None => out.push(b'Z'),
        Some(minutes) => {
            let mut text = *b"+00:00";
            if minutes < 0 {
                text[0] = b'-';
            }
            put_pair(&mut text, 1, minutes.abs() / 60);
            put_pair(&mut text, 4, minutes.abs() % 60);
            out.extend_from_slice(&text);
        }
    }
}

fn put_pair(text: &mut [u8], at: usize, value: i64) {
    text[at] = b'0' + (value / 10) as u8;
    text[at + 1] = b'0' + (value % 10) as u8;
}

fn write_year(year: i64, out: &mut Vec<u8>) {
    if !(0..=9999).contains(&year) {
        out.push(if year < 0 { b'-' } else { b'+' });
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(year.unsigned_abs());
    out.extend_from_slice(&b"0000"[digits.len().min(4)..]);
    out.extend_from_slice(digits.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::LIMIT;

    #[track_caller]
    fn check(micros: i64, form: Form, zone: Option<&str>, expected: &str) {
        let zone = zone.map(|name| crate::time::zone::parse(name).expect("a known zone"));
        let mut out = Vec::new();
        write_time(micros, form, zone.as_ref(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn numbers() {
        let seconds = Form::Number(Unit::Seconds);
        check(1_517_365_101_500_000, seconds, None, "1517365101.5");
        check(1_517_365_101_000_000, seconds, None, "1517365101");
        check(1, seconds, None, "0.000001");
        check(-1, seconds, None, "-0.000001");
        check(-1_500_000, seconds, None, "-1.5");
        check(0, seconds, None, "0");
        check(1_517_365_101_235_000, Form::Number(Unit::Millis), None, "1517365101235");
        check(1, Form::Number(Unit::Millis), None, "0.001");
        check(-1010, Form::Number(Unit::Millis), None, "-1.01");
        check(-7, Form::Number(Unit::Micros), None, "-7");
        check(-7, Form::Number(Unit::Nanos), None, "-7000");
        check(0, Form::Number(Unit::Nanos), None, "0");
        check(LIMIT - 1, Form::Number(Unit::Nanos), None, "4611686018427387903000");
    }

    #[test]
    fn text() {
        check(0, Form::Text, None, "1970-01-01T00:00:00Z");
        check(1_625_097_600_000_000, Form::Text, None, "2021-07-01T00:00:00Z");
        check(-1, Form::Text, None, "1969-12-31T23:59:59.999999Z");
        check(1_500_000, Form::Text, None, "1970-01-01T00:00:01.5Z");
        check(1_362_891_600_000_000, Form::Text, Some("America/New_York"), "2013-03-10T00:00:00-05:00");
        check(1_362_974_400_000_000, Form::Text, Some("America/New_York"), "2013-03-11T00:00:00-04:00");
        check(0, Form::Text, Some("+05:30"), "1970-01-01T05:30:00+05:30");
        check(0, Form::Text, Some("UTC"), "1970-01-01T00:00:00+00:00");
        check(0, Form::Text, Some("-00:30"), "1969-12-31T23:30:00-00:30");
        check(253_402_300_800_000_000, Form::Text, None, "+10000-01-01T00:00:00Z");
        check(-62_167_219_200_000_001, Form::Text, None, "-0001-12-31T23:59:59.999999Z");
        check(-62_167_219_200_000_000, Form::Text, None, "0000-01-01T00:00:00Z");
        check(LIMIT - 1, Form::Text, Some("Europe/Berlin"), "+148108-07-06T15:00:27.387903+01:00");
        // Local mean time, -04:56:02, is shown as -04:56: the text still names the same instant.
        check(-2_717_650_801_000_000, Form::Text, Some("America/New_York"), "1883-11-18T12:03:59-04:56");
    }

    #[test]
    fn reads_back() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "-12:34"]
            .map(|name| crate::time::zone::parse(name).expect("a known zone"));
        for _ in 0..20_000 {
            let micros = random.i64(-62_100_000_000_000_000..253_402_200_000_000_000);
            let mut out = Vec::new();
            write_time(micros, Form::Text, random.choice(&zones), &mut out);
            let text = String::from_utf8(out).expect("ASCII");
            assert_eq!(crate::time::rfc3339::parse(&text), Ok(micros), "{text}");
        }
    }
}
