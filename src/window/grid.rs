//! Lengths and evenly spaced boundaries on the local timeline: what a wall clock shows, in microseconds
//! since it showed 1970-01-01T00:00.
//!
//! Months are calendar months here, everything else has a fixed length; how wall clocks jump is the
//! business of `clock`, not of this file.

use crate::time::civil::{civil_from_days, days_from_civil, days_in_month};
use crate::time::duration::{DAY, WEEK};

/// The Monday that week 0 begins with, 1969-12-29: the week that contains 1970-01-01.
pub(super) const FIRST_MONDAY: i64 = 4 * DAY - WEEK;

/// The length of a window, or the step between boundaries; above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Microseconds of the wall clock.
    Micros(i64),
    /// Calendar months.
    Months(i64),
}

impl Length {
    /// The shortest that this length can be, in microseconds.
    pub(super) fn shortest(self) -> i64 {
        match self {
            Length::Micros(micros) => micros,
            Length::Months(months) => extreme(months, i64::min) * DAY,
        }
    }

    /// The longest that this length can be, in microseconds.
    pub(super) fn longest(self) -> i64 {
        match self {
            Length::Micros(micros) => micros,
            Length::Months(months) => extreme(months, i64::max) * DAY,
        }
    }
}

/// The least or greatest number of days that so many months in a row have.
fn extreme(months: i64, choose: fn(i64, i64) -> i64) -> i64 {
    // The calendar repeats every 400 years.
    let days = |month| first_of_month(month + months) - first_of_month(month);
    (1..4800).map(days).fold(days(0), choose)
}

/// Days from 1970-01-01 to the first of a month, counted from January 1970.
fn first_of_month(month: i64) -> i64 {
    days_from_civil(1970 + month.div_euclid(12), month.rem_euclid(12) + 1, 1)
}

/// The month that a local time lies in, counted from January 1970.
pub(super) fn month_of(local: i64) -> i64 {
    let (year, month, _) = civil_from_days(local.div_euclid(DAY));
    (year - 1970) * 12 + month - 1
}

/// The local time at which a month begins.
pub(super) fn month_start(month: i64) -> i64 {
    first_of_month(month) * DAY
}

/// The same day and time of day some months later; the last day of that month where it has no such day.
pub(super) fn add_months(local: i64, months: i64) -> i64 {
    let (days, of_day) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let month = (year - 1970) * 12 + month - 1 + months;
    let (year, month) = (1970 + month.div_euclid(12), month.rem_euclid(12) + 1);
    days_from_civil(year, month, day.min(days_in_month(year, month))) * DAY + of_day
}

/// Boundaries on the local timeline, numbered: `at(k)` never falls as k grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// From one boundary to the next.
    pub step: Length,
    /// For months: boundary 0 lies so many months after January 1970.
    pub months: i64,
    /// Boundary 0 lies so much after the epoch, or after its month's beginning.
    pub micros: i64,
}

impl Grid {
    /// The number of the last boundary at or before a local time.
    pub(super) fn index(&self, local: i64) -> i64 {
        match self.step {
            Length::Micros(step) => (local - self.micros).div_euclid(step),
            Length::Months(step) => (month_of(local - self.micros) - self.months).div_euclid(step),
        }
    }

    /// Boundary k.
    pub(super) fn at(&self, k: i64) -> i64 {
        match self.step {
            Length::Micros(step) => self.micros + k * step,
            Length::Months(step) => month_start(self.months + k * step) + self.micros,
        }
    }

    /// The end of a window of this size that begins at boundary k.
    pub(super) fn end(&self, k: i64, size: Length) -> i64 {
        match (self.step, size) {
            (_, Length::Micros(size)) => self.at(k) + size,
            // Counted in months, so that a window ends where the one that follows it begins.
            (Length::Months(step), Length::Months(size)) => {
                month_start(self.months + k * step + size) + self.micros
            }
            (Length::Micros(_), Length::Months(size)) => add_months(self.at(k), size),
        }
    }

    /// The first k whose window of this size ends after a local time. Ends never fall as k grows: a size in
    /// months goes with a step in whole days, so that all boundaries stand at one time of day.
    pub(super) fn first_ending_after(&self, local: i64, size: Length) -> i64 {
        match (self.step, size) {
            (_, Length::Micros(size)) => self.index(local - size) + 1,
            (Length::Months(step), Length::Months(size)) => {
                (month_of(local - self.micros) - self.months - size).div_euclid(step) + 1
            }
            (Length::Micros(_), Length::Months(size)) => {
                // The end of a month makes this guess wrong by three days at most, hence a few steps.
                let mut k = self.index(add_months(local, -size)) + 1;
                while self.end(k - 1, Length::Months(size)) > local {
                    k -= 1;
                }
                while self.end(k, Length::Months(size)) <= local {
                    k += 1;
                }
                k
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(year: i64, month: i64, day: i64) -> i64 {
        days_from_civil(year, month, day) * DAY
    }

    #[test]
    fn lengths_of_months() {
        for (months, shortest, longest) in
            [(1, 28, 31), (2, 59, 62), (3, 89, 92), (12, 365, 366), (4800, 146_097, 146_097)]
        {
            assert_eq!(Length::Months(months).shortest(), shortest * DAY);
            assert_eq!(Length::Months(months).longest(), longest * DAY);
        }
    }

    #[test]
    fn months_later() {
        assert_eq!(add_months(date(2021, 1, 31) + 5, 1), date(2021, 2, 28) + 5);
        assert_eq!(add_months(date(2020, 2, 29), 12), date(2021, 2, 28));
        assert_eq!(add_months(date(1970, 1, 1) - 1, -1), date(1969, 12, 1) - 1);
        assert_eq!(add_months(date(1969, 1, 15), 13), date(1970, 2, 15));
    }

    #[test]
    fn boundaries_and_their_numbers_agree() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let grids = [
            Grid { step: Length::Micros(7), months: 0, micros: 3 },
            Grid { step: Length::Micros(WEEK), months: 0, micros: FIRST_MONDAY },
            Grid { step: Length::Months(1), months: 0, micros: 0 },
            Grid { step: Length::Months(5), months: 3, micros: 20 * DAY + 7 },
        ];
        let sizes = [Length::Micros(100), Length::Micros(40 * DAY), Length::Months(1), Length::Months(7)];
        for _ in 0..20_000 {
            let local = random.i64(-(1i64 << 62)..1 << 62) >> random.u32(0..62);
            for grid in &grids {
                let k = grid.index(local);
                assert!(grid.at(k) <= local && local < grid.at(k + 1), "{grid:?} {local}");
            }
            let daily = Grid { step: Length::Micros(DAY), months: 0, micros: 7 };
            for (grid, size) in grids[2..].iter().chain([&daily]).flat_map(|g| sizes.map(|s| (g, s))) {
                let k = grid.first_ending_after(local, size);
                assert!(
                    grid.end(k - 1, size) <= local && local < grid.end(k, size),
                    "{grid:?} {size:?} {local}"
                );
            }
        }
    }
}
