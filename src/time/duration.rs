//! Durations as the command line takes them: `500ms`, `5s`, `1m`, `1h30m`, `1d`.
//!
//! `read` is the one reader, for plain durations and for the lengths of windows, which also know
//! months and years. It must not decide what a length means to a calendar; `window` does that.

use std::ops::Range;

use super::DURATION_LIMIT;

/// Microseconds of one day of 24 hours.
pub(crate) const DAY: i64 = 86_400_000_000;
/// Microseconds of one week of 7 such days.
pub(crate) const WEEK: i64 = 7 * DAY;

/// A length as written. Months stand apart because they have no fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    /// Whole months (a year is twelve).
    pub months: i64,
    /// Everything from weeks downward, in microseconds.
    pub micros: i64,
    /// Whether weeks were written.
    pub weeks: bool,
    /// Whether anything shorter than a week was written.
    pub shorter: bool,
}

/// What is wrong with a duration, and where: bytes of the text given to [`read`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The bytes at fault; empty where something is missing.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// A way out.
    pub help: Option<String>,
}

/// Whether months and years are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Months {
    /// They are lengths like others.
    Allowed,
    /// A fixed length is wanted.
    Refused,
}

/// A unit: its name, its length in nanoseconds or (calendar) in months, and its rank: large units come first.
struct Unit {
    name: &'static str,
    nanos: u64,
    months: u8,
}

const fn fixed(name: &'static str, nanos: u64) -> Unit {
    Unit { name, nanos, months: 0 }
}

/// All units, from the largest down.
const UNITS: [Unit; 11] = [
    Unit { name: "y", nanos: 0, months: 12 },
    Unit { name: "mo", nanos: 0, months: 1 },
    fixed("w", WEEK as u64 * 1000),
    fixed("d", DAY as u64 * 1000),
    fixed("h", 3_600_000_000_000),
    fixed("m", 60_000_000_000),
    fixed("s", 1_000_000_000),
    fixed("ms", 1_000_000),
    fixed("us", 1000),
    fixed("µs", 1000),
    fixed("ns", 1),
];

/// Parses a duration into microseconds, 0 to [`super::DURATION_LIMIT`]. The error says what is wrong.
///
/// A number and a unit (`w d h m s ms us ns`), or several from the largest unit down: `1h30m`, `1h 30m`.
/// Decimals are exact: `1.5h`; what is not a whole number of microseconds is refused. `0` needs no unit.
pub fn parse(text: &str) -> Result<i64, String> {
    read(text, Months::Refused).map(|written| written.micros).map_err(|fault| match fault.help {
        Some(help) => format!("{}; {help}", fault.message),
        None => fault.message,
    })
}

/// Writes a duration the way [`parse`] reads it, in the largest units that fit, up to days: `90s` is `1m30s`.
pub fn format(micros: i64) -> String {
    let mut rest = micros.unsigned_abs();
    let mut text = String::from(if micros < 0 { "-" } else { "" });
    for (name, length) in [
        ("d", DAY as u64),
        ("h", 3_600_000_000),
        ("m", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1000),
        ("us", 1),
    ] {
        if rest >= length {
            text.push_str(&format!("{}{name}", rest / length));
            rest %= length;
        }
    }
    if micros == 0 { "0s".to_owned() } else { text }
}

/// Reads a length; see [`parse`] for the grammar. Months and years must come out as whole months.
pub(crate) fn read(text: &str, months: Months) -> Result<Written, Fault> {
    let mut written = Written::default();
    let mut at = skip_spaces(text, 0);
    if at == text.len() {
        let fault = Fault { span: at..at, message: "a duration is missing".to_owned(), help: None };
        return Err(fault.or_help("write it as `5s`, `1h30m` or `1d`"));
    }
    let mut rank_min = 0;
    while at < text.len() {
        let start = at;
        let (digits, scale, after) = read_number(text, at)?;
        let unit_at = skip_spaces(text, after);
        let unit_end = text[unit_at..]
            .find(|c: char| !(c.is_alphabetic() || c == 'µ'))
            .map_or(text.len(), |length| unit_at + length);
        at = skip_spaces(text, unit_end);
        let name = &text[unit_at..unit_end];
        if name.is_empty() && digits == 0 && start == skip_spaces(text, 0) && at == text.len() {
            return Ok(written);
        }
        let number = &text[start..after];
        let rank = find_unit(name).ok_or_else(|| unknown_unit(number, name, start..unit_end, months))?;
        let fault = |message: &str| Fault { span: start..unit_end, message: message.to_owned(), help: None };
        if rank < rank_min {
            return Err(fault("units go from the largest down, each once"));
        }
        rank_min = rank + 1;
        add(&mut written, &UNITS[rank], digits, scale, months).map_err(|Wrong(message, help)| {
            let fault = fault(message);
            if help.is_empty() { fault } else { fault.or_help(help) }
        })?;
    }
    Ok(written)
}

/// A message, and a way out or nothing.
struct Wrong(&'static str, &'static str);

/// Adds `digits * 10^-scale` units.
fn add(written: &mut Written, unit: &Unit, digits: u128, scale: u32, months: Months) -> Result<(), Wrong> {
    const TOO_LONG: Wrong = Wrong("longer than 36,000 years", "");
    let divisor = 10u128.pow(scale);
    if unit.months > 0 {
        if months == Months::Refused {
            return Err(Wrong("months and years have no fixed length", "write days, as in `30d`"));
        }
        let product = digits.checked_mul(u128::from(unit.months)).ok_or(TOO_LONG)?;
        if product % divisor != 0 {
            return Err(Wrong("not a whole number of months", ""));
        }
        let total = i64::try_from(product / divisor).ok().and_then(|n| n.checked_add(written.months));
        // 31 days bound every month, so that no window of months is longer than the limit.
        written.months = total.filter(|n| *n <= DURATION_LIMIT / (31 * DAY)).ok_or(TOO_LONG)?;
        return Ok(());
    }
    let product = digits.checked_mul(u128::from(unit.nanos)).ok_or(TOO_LONG)?;
    let divisor = divisor * 1000;
    if product % divisor != 0 {
        return Err(Wrong("finer than a microsecond", ""));
    }
    let total = i64::try_from(product / divisor).ok().and_then(|n| n.checked_add(written.micros));
    written.micros = total.filter(|n| *n <= DURATION_LIMIT).ok_or(TOO_LONG)?;
    if unit.name == "w" {
        written.weeks = true;
    } else {
        written.shorter = true;
    }
    Ok(())
}

/// Reads `12` or `1.5` as digits and how many of them stand behind the point; the third is where it ends.
fn read_number(text: &str, start: usize) -> Result<(u128, u32, usize), Fault> {
    let bytes = text.as_bytes();
    let (mut digits, mut scale, mut at, mut point) = (0u128, 0, start, false);
    let fault = |span: Range<usize>, message: &str| Fault { span, message: message.to_owned(), help: None };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' => {
                // 19 digits times the largest unit stay below 10^34: no product can overflow.
                digits = digits * 10 + u128::from(byte - b'0');
                scale += u32::from(point);
                if digits >= 10u128.pow(19) || scale > 18 {
                    return Err(fault(start..at + 1, "a number with too many digits"));
                }
            }
            b'.' if !point && at > start => point = true,
            _ => break,
        }
        at += 1;
    }
    if at == start {
        let end = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
        return Err(match text[start..].chars().next() {
            Some('-') => fault(start..end, "a duration cannot be negative"),
            _ => fault(start..text.len(), "not a duration").or_help("write it as `5s`, `1h30m` or `1d`"),
        });
    }
    if bytes[at - 1] == b'.' {
        return Err(fault(start..at, "a digit is missing after the point"));
    }
    Ok((digits, scale, at))
}

fn skip_spaces(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches(' ').len()
}

fn find_unit(name: &str) -> Option<usize> {
    UNITS.iter().position(|unit| unit.name == name)
}

/// Words that people write for a unit.
const LONG_NAMES: [(&str, &str); 11] = [
    ("mon", "mo"),
    ("min", "m"),
    ("sec", "s"),
    ("hour", "h"),
    ("hr", "h"),
    ("day", "d"),
    ("week", "w"),
    ("year", "y"),
    ("yr", "y"),
    ("milli", "ms"),
    ("micro", "us"),
];

/// The error for a unit that is none, or is missing.
fn unknown_unit(number: &str, name: &str, span: Range<usize>, months: Months) -> Fault {
    let message = match name {
        "" => format!("`{number}` has no unit"),
        _ => format!("unknown unit `{}`", super::cut(name)),
    };
    let lower = name.to_lowercase();
    let long = LONG_NAMES.iter().find(|(long, _)| lower.starts_with(long)).map(|(_, unit)| *unit);
    let help = match name {
        "" => format!("did you mean `{number}s`?"),
        "M" if months == Months::Allowed => {
            format!("did you mean `{number}m` (minutes) or `{number}mo` (months)?")
        }
        _ => match find_unit(&lower).map(|rank| UNITS[rank].name).or(long) {
            Some(unit) => format!("did you mean `{number}{unit}`?"),
            None if months == Months::Allowed => "the units are ms, s, m, h, d, w, mo, y".to_owned(),
            None => "the units are us, ms, s, m, h, d, w".to_owned(),
        },
    };
    Fault { span, message, help: Some(help) }
}

impl Fault {
    fn or_help(mut self, help: &str) -> Fault {
        self.help = Some(help.to_owned());
        self
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
    fn check_error(text: &str, message: &str) {
        let error = parse(text).expect_err(text);
        assert!(error.contains(message), "{text}: {error}");
    }

    #[test]
    fn reads_what_people_write() {
        check("500ms", 500_000);
        check("5s", 5_000_000);
        check("1m", 60_000_000);
        check("1h30m", 5_400_000_000);
        check("1h 30m", 5_400_000_000);
        check(" 1 h  30 m ", 5_400_000_000);
        check("1.5h", 5_400_000_000);
        check("1d", DAY);
        check("2w", 2 * WEEK);
        check("7us", 7);
        check("7µs", 7);
        check("3000ns", 3);
        check("0.000001s", 1);
        check("0", 0);
        check("0s", 0);
        check("0.0", 0);
        check("1w2d3h4m5s6ms7us", WEEK + 2 * DAY + 11_045_006_007);
    }

    #[test]
    fn refuses_the_rest_and_says_why() {
        check_error("", "missing");
        check_error("  ", "missing");
        check_error("5", "`5` has no unit; did you mean `5s`?");
        check_error("1h5", "`5` has no unit");
        check_error("0 0", "has no unit");
        check_error("1M", "did you mean `1m`?");
        check_error("5S", "did you mean `5s`?");
        check_error("5min", "did you mean `5m`?");
        check_error("5 hours", "did you mean `5h`?");
        check_error("5parsecs", "the units are");
        check_error("1mo", "no fixed length; write days");
        check_error("1y", "no fixed length");
        check_error("-5s", "negative");
        check_error("+5s", "not a duration");
        check_error("s", "not a duration");
        check_error("5s!", "not a duration");
        check_error("5.s", "after the point");
        check_error(".5s", "not a duration");
        check_error("1.2.3s", "has no unit");
        check_error("30m1h", "from the largest down");
        check_error("1m1m", "from the largest down");
        check_error("1500ns", "finer than a microsecond");
        check_error("0.0000001s", "finer than a microsecond");
        check_error("99999999999999999999s", "too many digits");
        check_error("9999999999999999999w", "longer than");
        check_error("40000000d", "longer than");
        check_error("１s", "not a duration");
        check_error("5é", "unknown unit");
    }

    #[test]
    fn months_are_for_windows() {
        let months = |text| read(text, Months::Allowed).map(|w| (w.months, w.micros));
        assert_eq!(months("1y6mo"), Ok((18, 0)));
        assert_eq!(months("0.5y"), Ok((6, 0)));
        assert_eq!(months("3mo5d"), Ok((3, 5 * DAY)));
        assert_eq!(months("0.5mo").expect_err("half a month").message, "not a whole number of months");
        let fault = read("1M", Months::Allowed).expect_err("1M");
        assert_eq!(
            (fault.span, fault.help.as_deref()),
            (0..2, Some("did you mean `1m` (minutes) or `1mo` (months)?"))
        );
        assert_eq!(read("9999999mo", Months::Allowed).expect_err("too long").span, 0..9);
    }

    #[test]
    fn writes_what_it_reads() {
        for (micros, text) in [
            (0, "0s"),
            (90_000_000, "1m30s"),
            (DAY, "1d"),
            (WEEK, "7d"),
            (500_000, "500ms"),
            (1, "1us"),
            (-90_000_000, "-1m30s"),
            (DURATION_LIMIT, "13343998d21h30m6s846ms976us"),
        ] {
            assert_eq!(format(micros), text);
        }
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..2000 {
            let micros = random.i64(0..=DURATION_LIMIT) >> random.u32(0..60);
            check(&format(micros), micros);
        }
    }
}
