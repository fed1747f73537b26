//! What the clocks show at a time: of UTC, of a zone, or of the offsets with which a result writes its times.
//!
//! It must not consult the machine's own zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::time::civil::civil_from_days;

/// A second in microseconds.
pub const SECOND: i64 = 1_000_000;
/// A day in microseconds.
pub const DAY: i64 = 86_400 * SECOND;

/// A clock on the wall.
#[derive(Debug, Clone)]
pub struct Clock {
    offsets: Offsets,
}

#[derive(Debug, Clone)]
enum Offsets {
    Zone(TimeZone, String),
    /// From these times on (ascending) these offsets, in microseconds. Before the first: that of the first.
    Seen(Vec<(i64, i64)>),
}

/// A time as the clock shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year; there is a year 0.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// Microseconds since midnight.
    pub micros: i64,
}

/// The months as labels have them.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The most changes of offset that are remembered: a zone has two a year.
const CHANGES_MAX: usize = 4096;

impl Clock {
    /// UTC.
    pub fn utc() -> Clock {
        Clock { offsets: Offsets::Seen(Vec::new()) }
    }

    /// The clocks of a zone, under the name that a chart shows.
    pub fn zone(zone: TimeZone) -> Clock {
        let name = zone.iana_name().map(str::to_owned);
        let name = name.unwrap_or_else(|| match zone.to_fixed_offset() {
            Ok(offset) => offset.to_string(),
            Err(_) => "local time".to_owned(),
        });
        Clock { offsets: Offsets::Zone(zone, name) }
    }

    /// Learns from a time that is written with this offset, in minutes.
    pub fn see(&mut self, micros: i64, minutes: i64) {
        let Offsets::Seen(seen) = &mut self.offsets else { return };
        let offset = minutes * 60 * SECOND;
        if seen.is_empty() && offset == 0 {
            return;
        }
        let at = seen.partition_point(|(from, _)| *from <= micros);
        let before = at.checked_sub(1).map(|before| seen[before].1);
        if before == Some(offset) || seen.len() == CHANGES_MAX {
            return;
        }
        match seen.get_mut(at) {
            Some(next) if next.1 == offset => next.0 = micros,
            _ => seen.insert(at, (micros, offset)),
        }
    }

    /// How a chart calls it.
    pub fn name(&self) -> String {
        let offset = |micros: i64| {
            let minutes = micros / (60 * SECOND);
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        };
        match &self.offsets {
            Offsets::Zone(_, name) => name.clone(),
            Offsets::Seen(seen) => {
                let mut offsets: Vec<i64> = seen.iter().map(|(_, offset)| *offset).collect();
                offsets.sort_unstable();
                offsets.dedup();
                match &offsets[..] {
                    [] | [0] => "UTC".to_owned(),
                    some => some.iter().map(|micros| offset(*micros)).collect::<Vec<_>>().join("/"),
                }
            }
        }
    }

    /// What to add to a time to get what the clock shows, in microseconds.
    pub fn offset(&self, micros: i64) -> i64 {
        match &self.offsets {
            Offsets::Zone(zone, _) => {
                let beyond = if micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
                let timestamp = Timestamp::from_microsecond(micros).unwrap_or(beyond);
                i64::from(zone.to_offset(timestamp).seconds()) * SECOND
            }
            Offsets::Seen(seen) => {
                let after = seen.partition_point(|(from, _)| *from <= micros);
                seen.get(after.saturating_sub(1)).map_or(0, |(_, offset)| *offset)
            }
        }
    }

    /// The time at which the clock shows this many microseconds since 1970; of two the first. `None` where it never
    /// does, when clocks are set forward.
    pub fn instant(&self, local: i64) -> Option<i64> {
        // Clocks are never set back or forward by a day.
        let candidates = [local - self.offset(local - DAY), local - self.offset(local + DAY)];
        candidates.into_iter().filter(|at| at + self.offset(*at) == local).min()
    }

    /// What it shows at a time.
    pub fn civil(&self, micros: i64) -> Civil {
        let local = micros + self.offset(micros);
        let (year, month, day) = civil_from_days(local.div_euclid(DAY));
        Civil { year, month, day, micros: local.rem_euclid(DAY) }
    }

    /// A time for people: `2013-01-31 06:00`, without what is zero at its end.
    pub fn moment(&self, micros: i64) -> String {
        let Civil { year, month, day, micros } = self.civil(micros);
        let date = format!("{year:04}-{month:02}-{day:02}");
        match micros {
            0 => date,
            _ => format!("{date} {}", time_of_day(micros)),
        }
    }
}

/// `06:00`, `06:00:05`, `06:00:05.25`.
pub fn time_of_day(micros: i64) -> String {
    let seconds = micros / SECOND;
    let mut text = format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if micros % (60 * SECOND) != 0 {
        text += &format!(":{:02}", seconds % 60);
    }
    if micros % SECOND != 0 {
        text += format!(".{:06}", micros % SECOND).trim_end_matches('0');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2013-03-10T00:00:00-05:00; clocks in New York were set forward at 2:00.
    const SPRING: i64 = 1_362_891_600 * SECOND;

    #[test]
    fn a_zone() {
        let clock = Clock::zone(TimeZone::get("America/New_York").expect("it is bundled"));
        assert_eq!(clock.moment(SPRING), "2013-03-10");
        assert_eq!(clock.moment(SPRING + 2 * 3600 * SECOND), "2013-03-10 03:00");
        let local = SPRING - 5 * 3600 * SECOND;
        assert_eq!(clock.instant(local), Some(SPRING));
        assert_eq!(clock.instant(local + 2 * 3600 * SECOND), None);
        assert_eq!(clock.instant(local + 3 * 3600 * SECOND), Some(SPRING + 2 * 3600 * SECOND));
        assert_eq!(clock.name(), "America/New_York");
    }

    #[test]
    fn offsets_that_were_seen() {
        let mut clock = Clock::utc();
        assert_eq!(
            (clock.name().as_str(), clock.moment(1)),
            ("UTC", "1970-01-01 00:00:00.000001".to_owned())
        );
        for (at, minutes) in
            [(SPRING, -300), (SPRING + DAY, -240), (SPRING - DAY, -300), (SPRING + 2 * DAY, -240)]
        {
            clock.see(at, minutes);
        }
        assert_eq!(clock.name(), "-05:00/-04:00");
        assert_eq!(clock.moment(SPRING), "2013-03-10");
        assert_eq!(clock.moment(SPRING + DAY - 3600 * SECOND), "2013-03-10 23:00");
        assert_eq!(clock.moment(SPRING + 2 * DAY - 3600 * SECOND), "2013-03-12");
    }

    #[test]
    fn far_times_are_shown_too() {
        let clock = Clock::zone(TimeZone::get("Europe/Berlin").expect("it is bundled"));
        for at in [crate::time::LIMIT - 1, 1 - crate::time::LIMIT] {
            assert!(clock.moment(at).len() > 10);
        }
    }
}
