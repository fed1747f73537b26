//! Wall clocks: from instants to what the clock of a zone shows, and back.
//!
//! Both directions never fall as their argument grows, although wall clocks are put forward and back:
//!
//! - `local(t)` is the latest that the clock has shown up to the instant t, and
//! - `instant(b)` is the first instant at which the clock shows b or later.
//!
//! So `instant(b) <= t` exactly when `b <= local(t)`, and windows cut on the local timeline still partition
//! time: where the clock is put forward over a boundary, it lies at the jump; where an hour comes twice, a
//! boundary in it lies in its first pass, and the second pass belongs to what the first ended with.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::time::duration::DAY;
use crate::time::{DURATION_LIMIT, LIMIT};

/// No wall clock is off, or is put forward or back, by more than this.
const REACH: i64 = 3 * DAY;
/// The latest local time that [`Clock::local_or_bound`] says; beyond every boundary.
const BOUND: i64 = LIMIT + DURATION_LIMIT + REACH;

/// A wall clock. One per thread: the zone's clock remembers the offset it used last.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    /// Always this many microseconds ahead of UTC; 0 for UTC itself.
    Fixed(i64),
    /// As a zone's rules say, for the years that jiff knows.
    Zone(ZoneClock),
}

impl Clock {
    /// The clock of a zone; UTC without one.
    pub(super) fn new(zone: Option<&TimeZone>) -> Clock {
        match zone {
            None => Clock::Fixed(0),
            Some(zone) => match zone.to_fixed_offset() {
                Ok(offset) => Clock::Fixed(i64::from(offset.seconds()) * 1_000_000),
                Err(_) => Clock::Zone(ZoneClock { zone: zone.clone(), steady: Steady::NEVER }),
            },
        }
    }

    /// The latest that the clock has shown up to an instant; `None` beyond the zone's years.
    pub(super) fn local(&mut self, instant: i64) -> Option<i64> {
        match self {
            Clock::Fixed(offset) => Some(instant + *offset),
            Clock::Zone(clock) => clock.local(instant),
        }
    }

    /// The first instant at which the clock shows a local time or later; `None` beyond the zone's years.
    pub(super) fn instant(&mut self, local: i64) -> Option<i64> {
        match self {
            Clock::Fixed(offset) => Some(local - *offset),
            Clock::Zone(clock) => clock.instant(local),
        }
    }

    /// As [`Clock::local`], for any instant at all: beyond the years there are, a time before or after
    /// every boundary.
    pub(super) fn local_or_bound(&mut self, instant: i64) -> i64 {
        let within = (-BOUND..=BOUND).contains(&instant).then(|| self.local(instant)).flatten();
        within.unwrap_or(if instant < 0 { -BOUND } else { BOUND })
    }
}

/// The wall clock of a zone whose offset changes.
#[derive(Debug, Clone)]
pub(super) struct ZoneClock {
    zone: TimeZone,
    steady: Steady,
}

/// A stretch of instants `[from, to)` in which the clock is a constant offset ahead and shows nothing that
/// it has shown before.
#[derive(Debug, Clone, Copy)]
struct Steady {
    from: i64,
    to: i64,
    offset: i64,
}

impl Steady {
    const NEVER: Steady = Steady { from: 0, to: 0, offset: 0 };
}

impl ZoneClock {
    fn local(&mut self, instant: i64) -> Option<i64> {
        if !(self.steady.from <= instant && instant < self.steady.to) {
            let time = Timestamp::from_microsecond(instant).ok()?;
            self.steady = self.steady_around(time);
            if instant < self.steady.from {
                return Some(self.latest_shown(instant));
            }
        }
        Some(instant + self.steady.offset)
    }

    fn instant(&self, local: i64) -> Option<i64> {
        let Steady { from, to, offset } = self.steady;
        let guess = local - offset;
        if from <= guess && guess < to {
            return Some(guess);
        }
        self.first_showing(local)
    }

    /// The stretch between the changes of offset around an instant, without the pass of an hour that came
    /// before.
    fn steady_around(&self, time: Timestamp) -> Steady {
        let offset = self.offset(time);
        let next = self.zone.following(time).next();
        let to = next.map_or(MICROS_MAX, |change| change.timestamp().as_microsecond());
        // jiff looks strictly before the time it is given; changes fall on whole seconds.
        let after = time.checked_add(jiff::SignedDuration::from_micros(1)).unwrap_or(time);
        let Some(change) = self.zone.preceding(after).next() else {
            return Steady { from: MICROS_MIN, to, offset };
        };
        let from = change.timestamp().as_microsecond();
        let shown = self.latest_shown(from);
        let from = if shown > from + offset { shown - offset + 1 } else { from };
        Steady { from, to, offset }
    }

    /// What [`ZoneClock::local`] says, from the zone's changes alone.
    fn latest_shown(&self, instant: i64) -> i64 {
        let start = clamp(instant - REACH);
        let (mut latest, mut offset) = (i64::MIN, self.offset(start));
        for change in self.zone.following(start) {
            let at = change.timestamp().as_microsecond();
            if at > instant {
                break;
            }
            latest = latest.max(at - 1 + offset);
            offset = micros(change.offset());
        }
        latest.max(instant + offset)
    }

    /// What [`ZoneClock::instant`] says, from the zone's changes alone.
    fn first_showing(&self, local: i64) -> Option<i64> {
        let start = clamp(local - REACH);
        let (mut from, mut offset) = (start.as_microsecond(), self.offset(start));
        for change in self.zone.following(start) {
            let at = change.timestamp().as_microsecond();
            if local - offset < at {
                break;
            }
            (from, offset) = (at, micros(change.offset()));
        }
        let instant = from.max(local - offset);
        (MICROS_MIN + REACH <= local && instant <= MICROS_MAX).then_some(instant)
    }

    fn offset(&self, time: Timestamp) -> i64 {
        micros(self.zone.to_offset(time))
    }
}

/// The first and the last instant that jiff takes in microseconds.
const MICROS_MIN: i64 = -377_705_023_201_000_000;
const MICROS_MAX: i64 = 253_402_207_200_000_000;

fn micros(offset: jiff::tz::Offset) -> i64 {
    i64::from(offset.seconds()) * 1_000_000
}

fn clamp(instant: i64) -> Timestamp {
    Timestamp::from_microsecond(instant).unwrap_or(if instant < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(name: &str) -> Clock {
        Clock::new(Some(&crate::time::zone::parse(name).expect("a known zone")))
    }

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().expect(text).as_microsecond()
    }

    #[track_caller]
    fn check(zone: &str, local: &str, instant: &str) {
        let local = micros(&format!("{local}Z"));
        let mut clock = clock(zone);
        assert_eq!(clock.instant(local), Some(micros(instant)), "{zone} {local}");
        // The same with a remembered offset.
        clock.local(micros(instant) - 1);
        assert_eq!(clock.instant(local), Some(micros(instant)), "{zone} {local}");
    }

    #[test]
    fn boundaries() {
        check("America/New_York", "2013-03-10T00:00:00", "2013-03-10T00:00:00-05:00");
        check("America/New_York", "2013-03-11T00:00:00", "2013-03-11T00:00:00-04:00");
        // The gap: 02:00 to 03:00 is the jump.
        check("America/New_York", "2013-03-10T02:00:00", "2013-03-10T03:00:00-04:00");
        check("America/New_York", "2013-03-10T02:59:00", "2013-03-10T03:00:00-04:00");
        check("America/New_York", "2013-03-10T03:00:00", "2013-03-10T03:00:00-04:00");
        // The fold: 01:00 to 02:00 comes twice.
        check("America/New_York", "2013-11-03T01:30:00", "2013-11-03T01:30:00-04:00");
        check("America/New_York", "2013-11-03T02:00:00", "2013-11-03T02:00:00-05:00");
        // Midnight itself is skipped, or comes a second time.
        check("America/Sao_Paulo", "2013-10-20T00:00:00", "2013-10-20T01:00:00-02:00");
        check("America/Sao_Paulo", "2014-02-16T00:00:00", "2014-02-16T00:00:00-03:00");
        check("Australia/Lord_Howe", "2013-10-06T02:10:00", "2013-10-06T02:30:00+11:00");
        // A whole day is skipped.
        check("Pacific/Apia", "2011-12-30T00:00:00", "2011-12-31T00:00:00+14:00");
        check("Asia/Kolkata", "2013-03-10T00:00:00", "2013-03-10T00:00:00+05:30");
    }

    /// The promise in the head of this file, around every change that a few zones have had.
    #[test]
    fn both_directions_agree() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"];
        for name in zones.into_iter().chain([
            "Pacific/Apia",
            "Pacific/Kwajalein",
            "America/Juneau",
            "Africa/Casablanca",
        ]) {
            let zone = crate::time::zone::parse(name).expect("a known zone");
            let mut clock = clock(name);
            let changes: Vec<i64> =
                zone.preceding(Timestamp::MAX).take(20_000).map(|t| t.timestamp().as_microsecond()).collect();
            for _ in 0..3000 {
                let change = *random.choice(&changes).expect("the zone has changes");
                let near = |random: &mut fastrand::Rng| {
                    let quarters = random.i64(-120..120) * 900_000_000;
                    change + quarters + random.i64(-1..=1)
                };
                let (t, b) = (near(&mut random), near(&mut random) + random.i64(-12..12) * 3_600_000_000);
                let (Some(local), Some(instant)) = (clock.local(t), clock.instant(b)) else { continue };
                assert_eq!(instant <= t, b <= local, "{name} {t} {b}");
                let wall = |t: i64| t + super::micros(zone.to_offset(clamp(t)));
                assert!(local >= wall(t) && wall(instant) >= b && wall(instant - 1) < b, "{name} {t} {b}");
            }
        }
    }

    #[test]
    fn ends_where_jiff_ends() {
        assert_eq!(Timestamp::MIN.as_second() * 1_000_000, MICROS_MIN);
        assert_eq!(Timestamp::MAX.as_second() * 1_000_000, MICROS_MAX);
        let mut clock = clock("Europe/Berlin");
        assert_eq!(clock.local(LIMIT - 1), None);
        assert_eq!(clock.instant(1 - LIMIT), None);
        assert_eq!(clock.local_or_bound(i64::MIN), -BOUND);
        assert_eq!(clock.local_or_bound(i64::MAX), BOUND);
        assert_eq!(clock.local_or_bound(0), 3_600_000_000);
        assert_eq!(Clock::Fixed(0).local_or_bound(i64::MIN), -BOUND);
        for t in [MICROS_MIN, MICROS_MAX] {
            assert!(clock.local(t).is_some());
            clock.instant(t - 1);
            clock.instant(t + 1);
        }
    }
}
