//! RFC 3339 times to microseconds: `2021-07-01T12:00:00.25Z`, `2021-07-01t14:00:00+02:00`.
//!
//! Written by hand because every event of most logs passes here; strict, and equal to jiff wherever both
//! accept. It must not guess: a text without an offset is no instant.

use super::civil::{days_from_civil, days_in_month};

/// Reads one time; finer fractions are floored. `T` and `Z` may be lower case, and a space may stand for
/// the `T`. A leap second counts as the second before it. The error says what is missing.
#[inline]
pub(super) fn parse(text: &str) -> Result<i64, &'static str> {
    match read(text.as_bytes()) {
        Some(micros) => Ok(micros),
        None => Err(why_not(text)),
    }
}

/// The value of two digits; beyond 99 when one of them is none.
#[inline(always)]
fn pair(tens: u8, ones: u8) -> u32 {
    let (tens, ones) = (u32::from(tens.wrapping_sub(b'0')), u32::from(ones.wrapping_sub(b'0')));
    if tens > 9 || ones > 9 { 1000 } else { tens * 10 + ones }
}

/// [`parse`], without saying what is missing.
#[inline]
pub(super) fn read(text: &[u8]) -> Option<i64> {
    let (head, tail) = text.split_first_chunk::<19>()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b't' | b' ', h0, h1, b':', n0, n1, b':', s0, s1] =
        *head
    else {
        return None;
    };
    let (century, year) = (pair(y0, y1), pair(y2, y3));
    let (month, day) = (pair(m0, m1), pair(d0, d1));
    let (hour, minute, second) = (pair(h0, h1), pair(n0, n1), pair(s0, s1));
    if century > 99 || year > 99 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (year, month, day) = (i64::from(century * 100 + year), i64::from(month), i64::from(day));
    // Only the end of a month needs the calendar.
    if day == 0 || (day > 28 && day > days_in_month(year, month)) {
        return None;
    }
    let (fraction, zone) = read_fraction(tail)?;
    let offset_minutes = match *zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let (hours, minutes) = (pair(h0, h1), pair(m0, m1));
            if hours > 23 || minutes > 59 {
                return None;
            }
            let size = i64::from(hours * 60 + minutes);
            if sign == b'-' { -size } else { size }
        }
        _ => return None,
    };
    let seconds = i64::from(hour * 3600 + minute * 60 + second.min(59)) - offset_minutes * 60;
    Some((days_from_civil(year, month, day) * 86_400 + seconds) * 1_000_000 + fraction)
}

/// Reads `.25` as microseconds, or nothing as 0; the second is what follows.
#[inline]
fn read_fraction(tail: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', digits @ ..] = tail else {
        return Some((0, tail));
    };
    let (mut micros, mut unit, mut count) = (0, 100_000, 0);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        // From the seventh digit on the unit is 0, which floors: the fraction counts forward before 1970 too.
        micros += i64::from(digit) * unit;
        unit /= 10;
        count += 1;
    }
    if count == 0 { None } else { Some((micros, &digits[count..])) }
}

/// What keeps a text from being a time, for the message.
#[cold]
fn why_not(text: &str) -> &'static str {
    let bytes = text.as_bytes();
    let completed = |rest: &str| read(format!("{text}{rest}").as_bytes()).is_some();
    // Digits replaced by one digit show the shape.
    let shape: Vec<u8> = bytes.iter().map(|b| if b.is_ascii_digit() { b'1' } else { *b }).collect();
    if completed("T00:00:00Z") {
        "it has a date only; a time and an offset such as Z are needed"
    } else if completed("Z") {
        "it has no offset; end it with Z or +01:00, or give --time-format as a pattern, with --time-zone"
    } else if super::decimal::is_number(text) {
        "it is a number in quotes; --time-format s, ms, us or ns reads those"
    } else if read(&shape).is_some() || read(&[&shape[..], b"Z"].concat()).is_some() {
        "there is no such date or time of day"
    } else if bytes.get(..19).is_some_and(|head| read(&[head, b"Z"].concat()).is_some()) {
        "what follows the seconds is not a fraction and an offset like Z or +01:00"
    } else {
        "a time looks like 2021-07-01T12:00:00Z; --time-format reads others"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, micros: i64) {
        assert_eq!(parse(text), Ok(micros), "{text}");
    }

    #[track_caller]
    fn check_error(text: &str, reason: &str) {
        let error = parse(text).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }

    #[test]
    fn reads() {
        check("1970-01-01T00:00:00Z", 0);
        check("1970-01-01t00:00:00z", 0);
        check("1970-01-01 00:00:00Z", 0);
        check("2021-07-01T00:00:00Z", 1_625_097_600_000_000);
        check("2021-07-01T02:00:00+02:00", 1_625_097_600_000_000);
        check("2021-06-30T19:30:00-04:30", 1_625_097_600_000_000);
        check("1970-01-01T00:00:00.5Z", 500_000);
        check("1970-01-01T00:00:00.1234569Z", 123_456);
        check("1970-01-01T00:00:00.000000000000000000000001Z", 0);
        check("1969-12-31T23:59:59.9999999Z", -1);
        check("2016-12-31T23:59:60Z", 1_483_228_799_000_000);
        check("2016-12-31T23:59:60.5Z", 1_483_228_799_500_000);
        check("2000-02-29T00:00:00-00:00", 951_782_400_000_000);
        check("0000-01-01T00:00:00+23:59", -62_167_305_540_000_000);
        check("9999-12-31T23:59:59.999999-23:59", 253_402_387_139_999_999);
    }

    #[test]
    fn refuses_and_says_why() {
        check_error("2021-07-01", "date only");
        check_error("2021-07-01T12:00:00", "no offset");
        check_error("2021-07-01 12:00:00.5", "no offset");
        check_error("1625097600", "number in quotes");
        check_error("2021-02-29T12:00:00Z", "no such date");
        check_error("1900-02-29T12:00:00Z", "no such date");
        check_error("2021-13-01T12:00:00Z", "no such date");
        check_error("2021-00-01T12:00:00Z", "no such date");
        check_error("2021-04-31T12:00:00Z", "no such date");
        check_error("2021-04-00T12:00:00Z", "no such date");
        check_error("2021-07-01T24:00:00Z", "no such date");
        check_error("2021-07-01T12:60:00Z", "no such date");
        check_error("2021-07-01T12:00:61Z", "no such date");
        check_error("2021-07-01T12:00:00+24:00", "no such date");
        check_error("2021-07-01T12:00:00+0000", "follows the seconds");
        check_error("2021-07-01T12:00:00+00", "follows the seconds");
        check_error("2021-07-01T12:00:00.Z", "follows the seconds");
        check_error("2021-07-01T12:00:00,5Z", "follows the seconds");
        check_error("2021-07-01T12:00:00Zjunk", "follows the seconds");
        check_error("2021-07-01T12:00:00 Z", "follows the seconds");
        check_error("2021-07-01T12:00:00Ä", "follows the seconds");
        for text in [
            "",
            "Z",
            "now",
            "2021-07-01T12:00Z",
            "20210701T120000Z",
            "+02021-07-01T12:00:00Z",
            " 2021-07-01T12:00:00Z",
        ] {
            check_error(text, "looks like");
        }
    }

    /// Whatever both accept they read alike; and what jiff accepts in this grammar, so does this reader.
    #[test]
    fn agrees_with_jiff() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut accepted = 0;
        for _ in 0..50_000 {
            let mut text = random_time(&mut random);
            if random.u8(0..3) == 0 {
                let at = random.usize(0..text.len());
                let other = *random.choice(b"0123456789-+:.TtZz ").expect("not empty");
                text.replace_range(at..=at, &char::from(other).to_string());
            }
            let theirs = text.parse::<jiff::Timestamp>();
            match (read(text.as_bytes()), theirs) {
                (Some(ours), Ok(theirs)) => {
                    accepted += 1;
                    assert_eq!(i128::from(ours), theirs.as_nanosecond().div_euclid(1000), "{text}");
                }
                // jiff ends a day before the year 10000, and at nine digits of fraction.
                (Some(ours), Err(error)) => assert!(
                    !(-377_705_023_201_000_000..253_402_207_200_000_000).contains(&ours) || text.len() > 35,
                    "{text}: {error}"
                ),
                (None, Ok(_)) => assert!(!is_in_grammar(text.as_bytes()), "{text}"),
                (None, Err(_)) => {}
            }
        }
        assert!(accepted > 20_000);
    }

    /// jiff takes offsets up to 25:59, RFC 3339 up to 23:59.
    fn is_in_grammar(text: &[u8]) -> bool {
        let (Some(head), Some(tail)) = (text.get(..19), text.get(19..)) else { return false };
        let like = |text: &[u8], shape: &[u8]| {
            text.len() == shape.len()
                && text.iter().zip(shape).all(|(byte, shape)| match shape {
                    b'0' => byte.is_ascii_digit(),
                    b'T' => b"Tt ".contains(byte),
                    _ => byte == shape,
                })
        };
        let tail = match tail {
            [b'.', rest @ ..] => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                if digits == 0 {
                    return false;
                }
                &rest[digits..]
            }
            tail => tail,
        };
        like(head, b"0000-00-00T00:00:00")
            && (matches!(tail, b"Z" | b"z")
                || ((like(tail, b"+00:00") || like(tail, b"-00:00")) && tail[1..3] < b"24"[..]))
    }

    fn random_time(random: &mut fastrand::Rng) -> String {
        let mut text = format!(
            "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}",
            random.u32(0..10_000),
            random.u32(0..14),
            random.u32(0..33),
            random.choice(["T", "t", " "]).expect("not empty"),
            random.u32(0..25),
            random.u32(0..61),
            random.u32(0..62),
        );
        if random.bool() {
            text.push('.');
            let digits = random.u32(1..=9);
            text.extend((0..digits).map(|_| random.char('0'..='9')));
        }
        match random.u8(0..3) {
            0 => text.push('Z'),
            1 => text.push('z'),
            _ => text.push_str(&format!(
                "{}{:02}:{:02}",
                random.choice(["+", "-"]).expect("not empty"),
                random.u32(0..25),
                random.u32(0..61)
            )),
        }
        text
    }
}
