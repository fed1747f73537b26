//! Parts of a time: year, month, hour ... in UTC or a time zone.
//!
//! Calendar arithmetic goes by days, so that times beyond the years that jiff knows have parts too (in UTC);
//! jiff gives a zone's offset from UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::number::Number;
use crate::time::civil::{civil_from_days, days_from_civil};

/// A part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The year; before the year 1 it is 0, -1, ...
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// The week of the ISO year, 1 to 53.
    Week,
    /// The day of the month, 1 to 31.
    Day,
    /// The day of the year, 1 to 366.
    DayOfYear,
    /// 0 (Sunday) to 6.
    DayOfWeek,
    /// 1 (Monday) to 7.
    IsoDayOfWeek,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59, without the fraction.
    Second,
    /// Seconds since the Unix epoch, with the fraction.
    Epoch,
}

/// The parts by name.
pub(super) const PARTS: [(&str, Part); 12] = [
    ("year", Part::Year),
    ("quarter", Part::Quarter),
    ("month", Part::Month),
    ("week", Part::Week),
    ("day", Part::Day),
    ("doy", Part::DayOfYear),
    ("dow", Part::DayOfWeek),
    ("isodow", Part::IsoDayOfWeek),
    ("hour", Part::Hour),
    ("minute", Part::Minute),
    ("second", Part::Second),
    ("epoch", Part::Epoch),
];

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Part {
    /// The part of a time in microseconds since the Unix epoch, in UTC or a zone.
    pub(super) fn of(self, micros: i64, zone: Option<&TimeZone>) -> Result<Number, String> {
        if self == Part::Epoch {
            return Ok(Number::Decimal { mantissa: i128::from(micros), scale: 6 });
        }
        let mut seconds = micros.div_euclid(MICROS_PER_SECOND);
        if let Some(zone) = zone {
            let instant = Timestamp::from_second(seconds)
                .map_err(|_| "the time is beyond the years that time zones are known for".to_owned())?;
            seconds += i64::from(zone.to_offset(instant).seconds());
        }
        Ok(Number::from_int(self.of_local(seconds)))
    }

    /// The part of a local time in seconds since 1970-01-01T00:00:00.
    fn of_local(self, seconds: i64) -> i64 {
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        match self {
            Part::Hour => of_day / 3600,
            Part::Minute => of_day / 60 % 60,
            Part::Second => of_day % 60,
            Part::DayOfWeek => day_of_week(days),
            Part::IsoDayOfWeek => iso_day_of_week(days),
            Part::Year => civil_from_days(days).0,
            Part::Quarter => (civil_from_days(days).1 + 2) / 3,
            Part::Month => civil_from_days(days).1,
            Part::Day => civil_from_days(days).2,
            Part::DayOfYear => days - days_before_year(civil_from_days(days).0) + 1,
            Part::Week => iso_week(days),
            Part::Epoch => seconds,
        }
    }
}

/// 0 for a Sunday; the day 0 was a Thursday.
fn day_of_week(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

fn iso_day_of_week(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// The number of the week that contains this day; a week belongs to the year that its Thursday is in.
fn iso_week(days: i64) -> i64 {
    let thursday = days - iso_day_of_week(days) + 4;
    (thursday - days_before_year(civil_from_days(thursday).0)) / 7 + 1
}

/// The first of January of a year, as a day counted from 1970-01-01.
fn days_before_year(year: i64) -> i64 {
    days_from_civil(year, 1, 1)
}

/// Reads a time in a field: RFC 3339, or a date and time or a date without zone, which count as UTC.
pub(super) fn read(text: &str) -> Result<i64, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        // Finer input is floored, as event times are.
        return Ok(instant.as_nanosecond().div_euclid(1000) as i64);
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok();
    let instant = civil.and_then(|civil| TimeZone::UTC.to_timestamp(civil).ok());
    instant.map(|instant| instant.as_nanosecond().div_euclid(1000) as i64).ok_or_else(|| {
        format!("'{}' is not a time such as 2026-01-31T12:00:00Z", super::cursor::shorten(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_agree_with_jiff() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let seconds = random.i64(-62_000_000_000..=250_000_000_000);
            let local = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).unwrap());
            let check =
                |part: Part, expected: i64| assert_eq!(part.of_local(seconds), expected, "{part:?} {local}");
            check(Part::Year, local.year().into());
            check(Part::Month, local.month().into());
            check(Part::Quarter, (i64::from(local.month()) - 1) / 3 + 1);
            check(Part::Day, local.day().into());
            check(Part::Hour, local.hour().into());
            check(Part::Minute, local.minute().into());
            check(Part::Second, local.second().into());
            check(Part::DayOfYear, local.date().day_of_year().into());
            check(Part::DayOfWeek, local.weekday().to_sunday_zero_offset().into());
            check(Part::IsoDayOfWeek, local.weekday().to_monday_one_offset().into());
            check(Part::Week, local.date().iso_week_date().week().into());
        }
    }

    #[test]
    fn far_times_have_parts() {
        assert_eq!(Part::Year.of_local(i64::MAX / 1_000_000), 294_247);
        assert_eq!(Part::Year.of_local(i64::MIN / 1_000_000), -290_308);
        assert!(Part::Hour.of(i64::MAX, Some(&TimeZone::UTC)).is_err());
    }

    #[test]
    fn zones() {
        let hour = |text: &str, zone: &str| {
            let zone = crate::time::zone::parse(zone).unwrap();
            match Part::Hour.of(read(text).unwrap(), Some(&zone)) {
                Ok(Number::Decimal { mantissa, .. }) => mantissa,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(hour("2026-07-01T12:00:00Z", "Europe/Berlin"), 14);
        assert_eq!(hour("2026-01-01T12:00:00Z", "Europe/Berlin"), 13);
        assert_eq!(hour("2026-01-01T12:00:00Z", "-03:30"), 8);
        assert_eq!(hour("2026-01-01 12:00:00", "UTC"), 12);
        assert_eq!(hour("2026-01-01", "+02"), 2);
    }
}
