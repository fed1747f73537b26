//! Time zones by name: IANA names, `UTC`, fixed offsets such as `+02:00`.
//!
//! The system's zone data come first, the copy inside the program where it has none.
//! The machine's own zone is not offered: results must not depend on the machine.

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// Finds a zone. The error says what is wrong and, where a name comes close, which one may be meant.
pub(crate) fn parse(text: &str) -> Result<TimeZone, Unknown> {
    if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    if text.starts_with(['+', '-']) {
        return parse_offset(text).map(TimeZone::fixed).ok_or_else(|| Unknown {
            message: format!("`{}` is not an offset from UTC", super::cut(text)),
            help: "write it as `+02:00` or `-0530`".to_owned(),
        });
    }
    // Found by name although it is a placeholder that acts as UTC.
    let placeholder = text.eq_ignore_ascii_case("etc/unknown");
    let found = jiff::tz::db().get(text).or_else(|_| TimeZoneDatabase::bundled().get(text));
    found.ok().filter(|_| !placeholder).ok_or_else(|| Unknown {
        message: format!("unknown time zone `{}`", super::cut(text)),
        help: match suggest(text) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "zones are named as in `Europe/Berlin`, `UTC` or `+02:00`".to_owned(),
        },
    })
}

/// Why there is no such zone, and a way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// What is wrong.
    pub message: String,
    /// A way out.
    pub help: String,
}

/// `+hh`, `+hhmm` or `+hh:mm`, up to 23:59.
fn parse_offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.as_bytes() {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (h0, h1, m0, m1) = match *digits {
        [h0, h1] => (h0, h1, b'0', b'0'),
        [h0, h1, m0, m1] | [h0, h1, b':', m0, m1] => (h0, h1, m0, m1),
        _ => return None,
    };
    if ![h0, h1, m0, m1].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |tens: u8, ones: u8| i32::from(tens - b'0') * 10 + i32::from(ones - b'0');
    let (hours, minutes) = (number(h0, h1), number(m0, m1));
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// The zone name nearest to a text: one whose city it is, else one a few letters away.
fn suggest(text: &str) -> Option<String> {
    // A long pasted text is no typing mistake, and the distance costs the product of the lengths.
    if text.len() > 64 {
        return None;
    }
    let wanted = text.trim().replace(' ', "_").to_lowercase();
    let mut best: Option<(usize, String)> = None;
    for name in jiff::tz::db().available() {
        let name = name.as_str();
        let lower = name.to_lowercase();
        let city = lower.rsplit('/').next().unwrap_or(&lower);
        // A city alone is a better guess than any misspelling.
        let distance = if city == wanted {
            0
        } else {
            let whole = strsim::damerau_levenshtein(&lower, &wanted);
            whole.min(strsim::damerau_levenshtein(city, &wanted)).max(1)
        };
        let nearest = best.as_ref().is_none_or(|(least, other)| {
            // The list comes in no certain order: equals go by name.
            distance < *least || (distance == *least && name < other.as_str())
        });
        if distance <= wanted.len() / 4 && name.contains('/') && !lower.starts_with("etc/") && nearest {
            best = Some((distance, name.to_owned()));
        }
    }
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_offset(text: &str, seconds: Option<i32>) {
        let offset = parse(text).ok().and_then(|zone| zone.to_fixed_offset().ok());
        assert_eq!(offset.map(|offset| offset.seconds()), seconds, "{text}");
    }

    #[test]
    fn offsets() {
        check_offset("UTC", Some(0));
        check_offset("utc", Some(0));
        check_offset("Z", Some(0));
        check_offset("+02:00", Some(7200));
        check_offset("+02", Some(7200));
        check_offset("-0530", Some(-19_800));
        check_offset("+23:59", Some(86_340));
        for text in ["+24:00", "+02:60", "+2", "+02:0", "+", "+02:00:00", "+0a", "２"] {
            check_offset(text, None);
        }
    }

    #[test]
    fn names() {
        for name in ["Europe/Berlin", "america/new_york", "US/Eastern", "Asia/Kolkata", "GMT"] {
            assert!(parse(name).is_ok(), "{name}");
        }
        for (name, help) in [
            ("Berlin", "did you mean `Europe/Berlin`?"),
            ("Europe/Berln", "did you mean `Europe/Berlin`?"),
            ("new york", "did you mean `America/New_York`?"),
            ("Amercia/New_York", "did you mean `America/New_York`?"),
            ("Middle-earth", "zones are named as in `Europe/Berlin`, `UTC` or `+02:00`"),
            ("", "zones are named as in `Europe/Berlin`, `UTC` or `+02:00`"),
            ("Etc/Unknown", "zones are named as in `Europe/Berlin`, `UTC` or `+02:00`"),
        ] {
            assert_eq!(parse(name).expect_err(name).help, help, "{name}");
        }
    }
}
