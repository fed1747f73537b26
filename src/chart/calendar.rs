//! The x axis: ticks at times that a calendar or a clock calls round, by the clock of the chart.

use super::clock::{Civil, Clock, DAY, MONTHS, SECOND, time_of_day};
use crate::time::civil::days_from_civil;

/// A round time and how it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// The time, in microseconds.
    pub at: i64,
    /// Its text.
    pub text: String,
}

/// From one tick to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// So many microseconds, a part of a day, from midnight on.
    Micros(i64),
    /// So many days; weeks begin on Monday.
    Days(i64),
    /// So many months, a part of a year.
    Months(i64),
    /// So many years.
    Years(i64),
}

const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// What one would look for on an axis, finest first.
const STEPS: [Step; 42] = {
    use Step::{Days, Micros, Months, Years};
    [
        Micros(1),
        Micros(10),
        Micros(100),
        Micros(1000),
        Micros(10_000),
        Micros(100_000),
        Micros(200_000),
        Micros(500_000),
        Micros(SECOND),
        Micros(2 * SECOND),
        Micros(5 * SECOND),
        Micros(10 * SECOND),
        Micros(15 * SECOND),
        Micros(30 * SECOND),
        Micros(MINUTE),
        Micros(2 * MINUTE),
        Micros(5 * MINUTE),
        Micros(10 * MINUTE),
        Micros(15 * MINUTE),
        Micros(30 * MINUTE),
        Micros(HOUR),
        Micros(2 * HOUR),
        Micros(3 * HOUR),
        Micros(6 * HOUR),
        Micros(12 * HOUR),
        Days(1),
        Days(2),
        Days(7),
        Days(14),
        Months(1),
        Months(2),
        Months(3),
        Months(6),
        Years(1),
        Years(2),
        Years(5),
        Years(10),
        Years(50),
        Years(100),
        Years(1000),
        Years(10_000),
        Years(100_000),
    ]
};

/// More ticks than this fit on no axis.
const TICKS_MAX: i64 = 200;

/// The finest ticks from `from` to `to` for which `fits` holds, ascending. None if not even the coarsest do.
pub fn ticks(from: i64, to: i64, clock: &Clock, fits: impl Fn(&[Tick]) -> bool) -> Vec<Tick> {
    for step in STEPS {
        if to.saturating_sub(from) / step.least() > TICKS_MAX {
            continue;
        }
        let found = every(step, from, to, clock);
        if found.len() < 2 && step != STEPS[STEPS.len() - 1] && !is_last_chance(step, from, to) {
            continue;
        }
        if fits(&found) {
            return found;
        }
    }
    Vec::new()
}

/// Whether coarser steps would leave still less: a single tick is better than none.
fn is_last_chance(step: Step, from: i64, to: i64) -> bool {
    step.least() >= to.saturating_sub(from) / 2
}

impl Step {
    /// The least time between two ticks, in microseconds.
    fn least(self) -> i64 {
        match self {
            Step::Micros(micros) => micros,
            Step::Days(days) => days * DAY,
            Step::Months(months) => months * 28 * DAY,
            Step::Years(years) => years * 365 * DAY,
        }
    }

    /// The first local time at or before this one on which a tick stands, counted in steps.
    fn floor(self, clock: &Clock, from: i64) -> i64 {
        let Civil { year, month, .. } = clock.civil(from);
        let local = from + clock.offset(from);
        match self {
            Step::Micros(micros) => local.div_euclid(micros),
            // 1970-01-01 was a Thursday.
            Step::Days(days) if days % 7 == 0 => (local.div_euclid(DAY) + 3).div_euclid(days),
            Step::Days(days) => local.div_euclid(DAY).div_euclid(days),
            Step::Months(months) => (year * 12 + month - 1).div_euclid(months),
            Step::Years(years) => year.div_euclid(years),
        }
    }

    /// The local time of a tick.
    fn local(self, n: i64) -> i64 {
        match self {
            Step::Micros(micros) => n * micros,
            Step::Days(days) if days % 7 == 0 => (n * days - 3) * DAY,
            Step::Days(days) => n * days * DAY,
            Step::Months(months) => {
                let month = n * months;
                days_from_civil(month.div_euclid(12), month.rem_euclid(12) + 1, 1) * DAY
            }
            Step::Years(years) => days_from_civil(n * years, 1, 1) * DAY,
        }
    }
}

fn every(step: Step, from: i64, to: i64, clock: &Clock) -> Vec<Tick> {
    let first = step.floor(clock, from);
    let mut ticks: Vec<Tick> = Vec::new();
    let mut last: Option<Civil> = None;
    for n in first..=first.saturating_add(2 * TICKS_MAX) {
        let local = step.local(n);
        let Some(at) = clock.instant(local) else { continue };
        if at > to {
            break;
        }
        if at < from || ticks.last().is_some_and(|last| last.at >= at) {
            continue;
        }
        let civil = clock.civil(at);
        ticks.push(Tick { at, text: text(step, civil, last) });
        last = Some(civil);
    }
    ticks
}

/// What stands at a tick: as little as tells it from the one before.
fn text(step: Step, civil: Civil, before: Option<Civil>) -> String {
    let Civil { year, month, day, micros } = civil;
    let name = MONTHS[(month - 1) as usize % 12];
    let is_new_year = before.is_some_and(|before| before.year != year);
    match step {
        Step::Micros(_) if micros != 0 => time_of_day(micros),
        Step::Years(_) => year.to_string(),
        Step::Months(_) if month == 1 => year.to_string(),
        Step::Months(_) if is_new_year || before.is_none() => format!("{name} {year}"),
        Step::Months(_) => name.to_owned(),
        Step::Micros(_) | Step::Days(_) if is_new_year => format!("{name} {day} {year}"),
        Step::Micros(_) | Step::Days(_) => format!("{name} {day}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn texts(from: i64, to: i64, zone: Option<&str>, most: usize) -> String {
        let zone = zone.map(|name| Clock::zone(TimeZone::get(name).expect("it is bundled")));
        let found = ticks(from, to, &zone.unwrap_or_else(Clock::utc), |ticks| ticks.len() <= most);
        found.iter().map(|tick| &tick.text[..]).collect::<Vec<_>>().join(", ")
    }

    /// 2013-01-01T00:00:00Z.
    const NEW_YEAR: i64 = 1_356_998_400 * SECOND;

    #[test]
    fn round_times() {
        let check = |from, length, most, want| assert_eq!(texts(from, from + length, None, most), want);
        check(NEW_YEAR, 10 * SECOND, 6, "Jan 1, 00:00:02, 00:00:04, 00:00:06, 00:00:08, 00:00:10");
        check(NEW_YEAR - HOUR, 2 * HOUR, 5, "23:00, 23:30, Jan 1 2013, 00:30, 01:00");
        check(NEW_YEAR + 5 * HOUR, DAY, 5, "06:00, 12:00, 18:00, Jan 2");
        check(NEW_YEAR, 30 * DAY, 6, "Jan 7, Jan 14, Jan 21, Jan 28");
        check(NEW_YEAR, 300 * DAY, 6, "2013, Mar, May, Jul, Sep");
        check(NEW_YEAR - 90 * DAY, 200 * DAY, 8, "Nov 2012, Dec, 2013, Feb, Mar, Apr");
        check(NEW_YEAR, 5000 * DAY, 8, "2014, 2016, 2018, 2020, 2022, 2024, 2026");
    }

    #[test]
    fn days_of_a_zone() {
        // Clocks were set forward on March 10.
        let from = 1_362_805_200 * SECOND;
        assert_eq!(texts(from, from + 3 * DAY, Some("America/New_York"), 4), "Mar 9, Mar 10, Mar 11, Mar 12");
        let ticks =
            ticks(from, from + 3 * DAY, &Clock::zone(TimeZone::get("America/New_York").unwrap()), |t| {
                t.len() <= 4
            });
        assert_eq!(
            ticks.windows(2).map(|pair| (pair[1].at - pair[0].at) / HOUR).collect::<Vec<_>>(),
            [24, 23, 24]
        );
    }

    #[test]
    fn ascending_and_inside_whatever_the_range() {
        let mut random = fastrand::Rng::with_seed(8);
        let zones = ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"];
        let clocks = zones.map(|name| Clock::zone(TimeZone::get(name).expect("it is bundled")));
        for _ in 0..3000 {
            let limit = crate::time::LIMIT;
            let from = random.i64(1 - limit..limit) >> random.u32(0..40);
            let to = (from + (random.i64(0..limit) >> random.u32(0..62))).min(limit - 1);
            let clock = &clocks[random.usize(0..4)];
            let found = ticks(from, to, clock, |ticks| ticks.len() <= 10);
            assert!(found.iter().all(|tick| from <= tick.at && tick.at <= to), "{from} {to} {found:?}");
            assert!(found.windows(2).all(|pair| pair[0].at < pair[1].at), "{from} {to} {found:?}");
            assert!(found.windows(2).all(|pair| pair[0].text != pair[1].text), "{from} {to} {found:?}");
        }
    }
}
