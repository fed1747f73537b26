//! Times in other people's forms: strptime patterns and RFC 2822, both read by jiff.
//!
//! It turns text into microseconds; RFC 3339 and numbers have readers of their own.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

/// A strptime pattern that can name an instant, and the zone of the texts that name none.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    zone: TimeZone,
}

impl Pattern {
    /// Checks a pattern: it must read back a time that it has written, so that a directive that can only be
    /// written, or a pattern without a day, is refused before any record is read.
    pub(super) fn new(text: &str, zone: TimeZone) -> Result<Pattern, String> {
        let pattern = Pattern { text: text.to_owned(), zone };
        let sample = Timestamp::constant(1_362_918_896, 0).to_zoned(TimeZone::UTC);
        let refused = |reason: String| {
            let reason = unusable(text, &reason).unwrap_or(reason);
            format!("the time format `{}` cannot be used: {reason}", super::cut(text))
        };
        let written =
            BrokenDownTime::from(&sample).to_string(text).map_err(|error| refused(error.to_string()))?;
        pattern.parse(&written).map_err(refused)?;
        Ok(pattern)
    }

    /// Reads a time, floored to microseconds. A local time that comes twice is the earlier one, and one that
    /// the clock jumps over counts as if it had not jumped. The error says where the text leaves the pattern, or is
    /// jiff's reason.
    pub(super) fn parse(&self, text: &str) -> Result<i64, String> {
        let read = |text: &str| -> Result<Timestamp, jiff::Error> {
            let time = BrokenDownTime::parse(&self.text, text)?;
            if let Some(whole) = time.timestamp() {
                // `%s%.f`: jiff keeps the fraction apart from the seconds.
                let fraction = time.subsec_nanosecond().unwrap_or(0);
                let toward = if text.trim_start().starts_with('-') { -1 } else { 1 };
                return whole.checked_add(jiff::SignedDuration::new(0, toward * fraction));
            }
            if time.iana_time_zone().is_some() || time.offset().is_some() {
                return Ok(time.to_zoned()?.timestamp());
            }
            self.zone.to_ambiguous_timestamp(time.to_datetime()?).compatible()
        };
        read(text).map(floor).map_err(|error| {
            let reason = error.to_string();
            self.departure(text).unwrap_or_else(|| {
                reason.strip_prefix("strptime parsing failed: ").unwrap_or(&reason).to_owned()
            })
        })
    }

    /// Where a text leaves the pattern; `None` if it does not, and is no time all the same.
    #[cold]
    fn departure(&self, text: &str) -> Option<String> {
        let ends = piece_ends(&self.text);
        // How much of the text the pieces before this end take; nothing if they do not fit.
        let taken = |end: usize| match end {
            0 => Some(0),
            end => BrokenDownTime::parse_prefix(&self.text[..end], text).ok().map(|(_, taken)| taken),
        };
        // A text that fits the first pieces fits fewer of them too.
        let fitting = ends.partition_point(|&end| taken(end).is_some());
        let end = fitting.checked_sub(1).map_or(0, |last| ends[last]);
        let rest = text.get(taken(end)?..)?;
        let wanted = ends.get(fitting).map(|&next| &self.text[end..next]);
        match (wanted, rest.is_empty()) {
            (Some(wanted), false) => {
                Some(format!("`{}` stands where `{wanted}` is wanted", super::cut(rest)))
            }
            (Some(wanted), true) => Some(format!("it ends where `{wanted}` is wanted")),
            (None, false) => Some(format!("`{}` stands behind it", super::cut(rest))),
            (None, true) => None,
        }
    }
}

/// Where the pieces of a pattern end: each is a directive (`%d`, `%.3f`, `%%`) or one other character.
fn piece_ends(pattern: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut directive = false;
    for (at, c) in pattern.char_indices() {
        let end = at + c.len_utf8();
        match (directive, c) {
            (false, '%') => directive = true,
            (true, c) if !(c.is_ascii_alphabetic() || c == '%') => {}
            _ => {
                ends.push(end);
                directive = false;
            }
        }
    }
    ends
}

/// Why a pattern cannot work and what to do, for what people bring along from logs.
fn unusable(pattern: &str, reason: &str) -> Option<String> {
    let mut start = 0;
    for end in piece_ends(pattern) {
        if &pattern[start..end] == "%Z" {
            return Some(
                "%Z, the name of a zone such as CET, does not say which one; %z reads offsets such as +0100, \
                 and --time-zone names the zone of times that have none"
                    .to_owned(),
            );
        }
        start = end;
    }
    reason.contains("year required").then(|| {
        format!(
            "it has no year; put one before each time, for example with jq -c '.time = \"2026 \" + .time', \
             and write '%Y {pattern}'"
        )
    })
}

/// Reads an RFC 2822 time, as in `Thu, 1 Jul 2021 14:00:00 +0200`. The error is jiff's reason.
pub(super) fn parse_rfc2822(text: &str) -> Result<i64, String> {
    rfc2822::parse(text).map(|zoned| floor(zoned.timestamp())).map_err(|error| error.to_string())
}

fn floor(timestamp: Timestamp) -> i64 {
    let micros = timestamp.as_nanosecond().div_euclid(1000);
    i64::try_from(micros).expect("jiff's years lie within those of 64-bit microseconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, zone: &str, text: &str, expected: Option<&str>) {
        let zone = crate::time::zone::parse(zone).expect("a known zone");
        let pattern = Pattern::new(pattern, zone).expect("a usable pattern");
        let expected = expected.map(|time| super::super::rfc3339::parse(time).expect("RFC 3339"));
        assert_eq!(pattern.parse(text).ok(), expected, "{text}");
    }

    #[test]
    fn patterns() {
        let apache = "%d/%b/%Y:%H:%M:%S %z";
        check(apache, "UTC", "10/Oct/2000:13:55:36 -0700", Some("2000-10-10T20:55:36Z"));
        check(apache, "Asia/Kolkata", "10/Oct/2000:13:55:36 -0700", Some("2000-10-10T20:55:36Z"));
        check(apache, "UTC", "10/Oct/2000:13:55:36", None);
        check(apache, "UTC", "31/Feb/2000:13:55:36 -0700", None);
        let local = "%Y-%m-%d %H:%M:%S";
        check(local, "UTC", "2013-03-10 02:30:00", Some("2013-03-10T02:30:00Z"));
        check(local, "+02:00", "2013-03-10 02:30:00", Some("2013-03-10T00:30:00Z"));
        check(local, "America/New_York", "2013-03-10 01:59:59", Some("2013-03-10T01:59:59-05:00"));
        check(local, "America/New_York", "2013-03-10 02:30:00", Some("2013-03-10T03:30:00-04:00"));
        check(local, "America/New_York", "2013-11-03 01:30:00", Some("2013-11-03T01:30:00-04:00"));
        check(local, "UTC", "2013-03-10 02:30:00x", None);
        check("%Y-%m-%d", "Europe/Berlin", "2013-03-10", Some("2013-03-10T00:00:00+01:00"));
        check("%Y%m%d", "UTC", "20130310", Some("2013-03-10T00:00:00Z"));
        check("%F %T%.f", "UTC", "1969-12-31 23:59:59.999999999", Some("1969-12-31T23:59:59.999999Z"));
        check(
            "%F %T%.f %Q",
            "UTC",
            "2013-03-10 03:30:00 America/New_York",
            Some("2013-03-10T03:30:00-04:00"),
        );
        check("%s", "Asia/Kolkata", "1362918896", Some("2013-03-10T12:34:56Z"));
        check("%s%.f", "UTC", "1362918896.25", Some("2013-03-10T12:34:56.25Z"));
        check("%s%.f", "UTC", "-1.25", Some("1969-12-31T23:59:58.75Z"));
        check("%m/%d/%y %I:%M %p", "UTC", "3/10/13 1:05 PM", Some("2013-03-10T13:05:00Z"));
    }

    #[test]
    fn patterns_that_cannot_work() {
        for pattern in ["%H:%M", "%Y", "%!", "%", "%Y-%m-%d %Z", "%c"] {
            let error = Pattern::new(pattern, TimeZone::UTC).expect_err(pattern);
            assert!(error.contains("cannot be used"), "{error}");
        }
    }

    #[test]
    fn what_people_bring_along_from_logs() {
        let check = |pattern: &str, want: &str| {
            let error = Pattern::new(pattern, TimeZone::UTC).expect_err(pattern);
            assert!(error.contains(want), "{error}");
        };
        check("%Y-%m-%d %H:%M:%S %Z", "cannot be used: %Z, the name of a zone");
        check("%b %e %H:%M:%S", "it has no year;");
        check("%b %e %H:%M:%S", "and write '%Y %b %e %H:%M:%S'");
        check("%%Z", "cannot be used");
        let with_year = Pattern::new("%Y %b %e %H:%M:%S", TimeZone::UTC).expect("a usable pattern");
        assert!(with_year.parse("2026 Mar  1 10:00:00").is_ok());
    }

    #[test]
    fn the_place_where_a_text_leaves_the_pattern() {
        let check = |pattern: &str, text: &str, want: &str| {
            let pattern = Pattern::new(pattern, TimeZone::UTC).expect("a usable pattern");
            assert_eq!(pattern.parse(text).expect_err(text), want, "{text}");
        };
        let local = "%Y-%m-%d %H:%M:%S";
        check(local, "2021-01-01T00:00:00Z", "`T00:00:00Z` stands where `%H` is wanted");
        check(local, "2021/01/01", "`/01/01` stands where `-` is wanted");
        check(local, "2021-01-01 10:00", "it ends where `:` is wanted");
        check(local, "2021-01-01 10:00:00.5", "`.5` stands behind it");
        check(local, "", "it ends where `%Y` is wanted");
        check(local, "2021-13-01 00:00:00", "`13-01 00:00:00` stands where `%m` is wanted");
        check(
            "%d/%b/%Y:%H:%M:%S %z",
            "10/Okt/2000:13:55:36 +0000",
            "`Okt/2000:13:55:36 +0000` stands where `%b` is wanted",
        );
        check("%F %T%.f %%", "2021-01-01 10:00:00 x", "`x` stands where `%%` is wanted");
    }

    #[test]
    fn mail() {
        assert_eq!(parse_rfc2822("Thu, 1 Jul 2021 02:00:00 +0200"), Ok(1_625_097_600_000_000));
        assert_eq!(parse_rfc2822("1 Jul 2021 00:00:00 GMT"), Ok(1_625_097_600_000_000));
        assert!(parse_rfc2822("Fri, 1 Jul 2021 02:00:00 +0200").is_err());
        assert!(parse_rfc2822("2021-07-01T00:00:00Z").is_err());
    }
}
