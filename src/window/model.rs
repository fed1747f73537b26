//! The panes checked against windows enumerated one by one, straight from their definition.
//!
//! The model knows no panes and no arithmetic of boundaries: it walks a calendar, or adds step after step,
//! from far enough back, and finds where a wall clock shows a time by asking jiff.

use std::ops::ControlFlow;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, ToSpan};

use super::{Pane, PaneFinder, Window, Windows};

const DAY: i64 = 86_400_000_000;

/// The pane of a time, from all windows around it.
fn pane_of(windows: &[Window], time: i64) -> Pane {
    let cuts = || windows.iter().flat_map(|w| [w.start, w.end]);
    let ends = || windows.iter().filter(|w| w.start <= time && time < w.end).map(|w| w.end);
    Pane {
        start: cuts().filter(|cut| *cut <= time).max().expect("enumerated from before the time"),
        end: cuts().filter(|cut| *cut > time).min().expect("enumerated beyond the time"),
        first_end: ends().min().expect("every time has a window"),
        last_end: ends().max().expect("every time has a window"),
    }
}

/// Compares the finder with the enumerated windows at one time.
#[track_caller]
fn check_at(spec: &str, finder: &mut PaneFinder, windows: &[Window], time: i64, random: &mut fastrand::Rng) {
    let pane = pane_of(windows, time);
    assert_eq!(finder.pane(time), Some(pane), "{spec} at {time}");
    let mut expected: Vec<Window> =
        windows.iter().copied().filter(|w| w.start <= pane.start && w.end >= pane.end).collect();
    expected.sort_unstable();
    expected.dedup();
    let found: Vec<Window> = finder.windows(pane.start, i64::MIN, i64::MAX).collect();
    assert_eq!(found, expected, "{spec} at {time}");

    let (from, to) = (expected[random.usize(..expected.len())], expected[random.usize(..expected.len())]);
    let mut all: Vec<Window> =
        windows.iter().copied().filter(|w| w.start < w.end && from < *w && *w < to).collect();
    all.sort_unstable();
    all.dedup();
    let mut found = Vec::new();
    let flow = finder.between(from, to, &mut |window| {
        found.push(window);
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    assert_eq!(found, all, "{spec} between {from:?} and {to:?}");

    let reach = (pane.last_end - pane.start).max(1);
    let edge = |random: &mut fastrand::Rng| match random.u8(0..3) {
        0 => random.choice(&expected).map_or(time, |w| w.end),
        1 => random.choice(&expected).map_or(time, |w| w.end - 1),
        _ => pane.start.saturating_add(random.i64(-reach..=reach.saturating_mul(2))),
    };
    let (after, upto) = (edge(random), edge(random));
    let found: Vec<Window> = finder.windows(pane.start, after, upto).collect();
    expected.retain(|w| w.end > after && w.end <= upto);
    assert_eq!(found, expected, "{spec} at {time} in ({after}, {upto}]");
}

fn finder(spec: &str) -> PaneFinder {
    match Windows::parse(spec) {
        Ok(Windows::Panes(panes)) => PaneFinder::new(&panes),
        other => panic!("{spec}: {other:?}"),
    }
}

/// All fixed hopping windows that can touch `[from, to]`.
fn fixed_hopping(size: i64, advance: i64, offset: i64, from: i64, to: i64) -> Vec<Window> {
    let mut start = from - size - 2 * advance;
    start -= (start - offset).rem_euclid(advance);
    let mut windows = Vec::new();
    while start <= to + size + advance {
        windows.push(Window { start, end: start + size });
        start += advance;
    }
    windows
}

fn fixed_cumulate(size: i64, advance: i64, offset: i64, from: i64, to: i64) -> Vec<Window> {
    let steps =
        |w: Window| (1..=size / advance).map(move |k| Window { start: w.start, end: w.start + k * advance });
    fixed_hopping(size, size, offset, from, to).into_iter().flat_map(steps).collect()
}

#[test]
fn fixed_windows() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..3000 {
        let unit = *random.choice(&[1, 7, 1000, 60_000_000]).expect("not empty");
        let advance = random.i64(1..20) * unit;
        let size = advance * random.i64(1..6) + i64::from(random.bool()) * random.i64(0..=advance);
        let offset = random.i64(0..3 * advance);
        let cumulate = size % advance == 0 && random.bool();
        let mut spec = format!("{size}us/{advance}us+{offset}us");
        if cumulate {
            spec.insert_str(0, "cumulate:");
        }
        if random.u8(0..4) == 0 {
            spec.push_str("@-07:30");
        }
        let ahead = if spec.ends_with("-07:30") { -27_000_000_000 } else { 0 };
        let mut finder = finder(&spec);
        let center = random.i64(-5..5) * random.i64(0..=10 * size);
        for _ in 0..30 {
            let time = center + random.i64(-3 * size..=3 * size);
            let enumerate = if cumulate { fixed_cumulate } else { fixed_hopping };
            let windows = enumerate(size, advance, offset - ahead, time, time);
            check_at(&spec, &mut finder, &windows, time, &mut random);
        }
    }
}

/// The first instant at which the wall clock shows a time or later, by jiff's own account of it.
fn first_showing(zone: &TimeZone, local: DateTime) -> i64 {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => {
            // The jump lies within a day: halve the stretch between before and after it.
            let later = ambiguous.later().expect("in range").as_microsecond();
            let (mut before, mut reached) = (later - 2 * DAY, later + 2 * DAY);
            while reached - before > 1 {
                let middle = before + (reached - before) / 2;
                let shown = zone.to_datetime(Timestamp::from_microsecond(middle).expect("in range"));
                if shown >= local { reached = middle } else { before = middle }
            }
            reached
        }
        _ => ambiguous.earlier().expect("in range").as_microsecond(),
    }
}

/// A calendar: the local times at which windows begin, and how long they are there.
struct Calendar {
    spec: &'static str,
    /// A boundary long before any time of the test.
    origin: &'static str,
    advance: Span,
    offset: Span,
    size: Span,
    /// For cumulate windows: the step.
    step: Option<Span>,
}

impl Calendar {
    /// All windows that begin within some days around a time.
    fn windows(&self, zone: &TimeZone, time: i64, days_before: i64, days_after: i64) -> Vec<Window> {
        let around = zone.to_datetime(Timestamp::from_microsecond(time).expect("in range"));
        let origin: DateTime = self.origin.parse().expect("a civil time");
        let begin = |k: i64| {
            let start = origin.checked_add(self.advance.checked_mul(k).expect("small")).expect("in range");
            start.checked_add(self.offset).expect("in range")
        };
        // The first boundary by its rough number, then step by step.
        let seconds = |from: DateTime, to: DateTime| to.duration_since(from).as_secs();
        let rough = seconds(origin, around) - days_before * 86_400;
        let mut k = rough * 100 / seconds(begin(0), begin(100)) - 4;
        let mut windows = Vec::new();
        while seconds(around, begin(k)) <= days_after * 86_400 {
            let (start, next) = (begin(k), begin(k + 1));
            let from = first_showing(zone, start);
            match self.step {
                None => {
                    let end = first_showing(zone, start.checked_add(self.size).expect("in range"));
                    windows.push(Window { start: from, end });
                }
                Some(step) => {
                    let mut n = 1;
                    loop {
                        let end = start.checked_add(step.checked_mul(n).expect("small")).expect("in range");
                        windows.push(Window { start: from, end: first_showing(zone, end) });
                        if end >= next {
                            break;
                        }
                        n += 1;
                    }
                }
            }
            k += 1;
        }
        windows
    }
}

#[test]
fn calendar_windows() {
    let hopping =
        |spec, origin, advance, offset, size| Calendar { spec, origin, advance, offset, size, step: None };
    let calendars = [
        hopping("1d", "1950-01-01T00:00", 1.day(), Span::new(), 1.day()),
        hopping("1d+90m", "1950-01-01T00:00", 1.day(), 90.minutes(), 1.day()),
        hopping("6h", "1950-01-01T00:00", 6.hours(), Span::new(), 6.hours()),
        hopping("30m", "1950-01-01T00:00", 30.minutes(), Span::new(), 30.minutes()),
        hopping("50m/20m+7m", "1950-01-01T00:00", 20.minutes(), 7.minutes(), 50.minutes()),
        hopping("7d/1d", "1950-01-01T00:00", 1.day(), Span::new(), 7.days()),
        hopping("1w", "1950-01-02T00:00", 7.days(), Span::new(), 7.days()),
        hopping("2w+1d", "1949-12-26T00:00", 14.days(), 1.day(), 14.days()),
        hopping("1mo", "1950-01-01T00:00", 1.month(), Span::new(), 1.month()),
        hopping("3mo", "1950-01-01T00:00", 3.months(), Span::new(), 3.months()),
        hopping("1y+3mo5d", "1950-01-01T00:00", 12.months(), 3.months().days(5), 12.months()),
        hopping("1mo/1d", "1950-01-01T00:00", 1.day(), Span::new(), 1.month()),
        hopping("31d/1mo", "1950-01-01T00:00", 1.month(), Span::new(), 31.days()),
        hopping("5mo/2mo+1mo", "1950-01-01T00:00", 2.months(), 1.month(), 5.months()),
        Calendar {
            spec: "cumulate:1d/1h",
            origin: "1950-01-01T00:00",
            advance: 1.day(),
            offset: Span::new(),
            size: 1.day(),
            step: Some(1.hour()),
        },
        Calendar {
            spec: "cumulate:1mo/1d+2h",
            origin: "1950-01-01T00:00",
            advance: 1.month(),
            offset: 2.hours(),
            size: 1.month(),
            step: Some(1.day()),
        },
        Calendar {
            spec: "cumulate:1y/1mo+3mo",
            origin: "1950-01-01T00:00",
            advance: 12.months(),
            offset: 3.months(),
            size: 12.months(),
            step: Some(1.month()),
        },
    ];
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let zones =
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata"];
    for name in zones.into_iter().chain(["Pacific/Apia", "UTC"]) {
        let zone = crate::time::zone::parse(name).expect("a known zone");
        let changes: Vec<i64> = zone
            .following("1960-01-01T00:00Z".parse().expect("a time"))
            .map(|change| change.timestamp().as_microsecond())
            .take(120)
            .collect();
        for calendar in &calendars {
            let spec = format!("{}@{name}", calendar.spec);
            let mut finder = finder(&spec);
            let size_days = match calendar.spec {
                spec if spec.contains('y') => 800,
                spec if spec.contains("mo") => 200,
                _ => 20,
            };
            for _ in 0..6 {
                let near = match random.choice(&changes) {
                    Some(change) if random.u8(0..4) > 0 => *change,
                    _ => random.i64(-3000..20_000) * DAY,
                };
                let windows = calendar.windows(&zone, near, size_days, size_days);
                for _ in 0..10 {
                    let time =
                        near + random.i64(-12..=12) * 900_000_000 * random.i64(1..8) + random.i64(-1..=1);
                    check_at(&spec, &mut finder, &windows, time, &mut random);
                }
            }
        }
    }
}

#[test]
fn a_short_day_in_new_york() {
    let mut finder = finder("1d@America/New_York");
    let pane = finder.pane(1_362_891_600_000_000 + 5).expect("in range");
    assert_eq!(pane.end - pane.start, 23 * 3_600_000_000);
    let windows = Windows::parse("1d@America/New_York").expect("windows");
    let mut out = Vec::new();
    crate::time::write_time(pane.start, crate::time::Form::Text, windows.zone(), &mut out);
    assert_eq!(String::from_utf8_lossy(&out), "2013-03-10T00:00:00-05:00");
}

#[test]
fn weeks_begin_on_monday() {
    let pane = finder("1w").pane(0).expect("in range");
    assert_eq!((pane.start, pane.end), (-3 * DAY, 4 * DAY));
}

#[test]
fn the_ends_of_time_do_not_overflow() {
    let limit = crate::time::LIMIT;
    let longest = format!("{}us", crate::time::DURATION_LIMIT);
    let specs = ["1us", "1w", "1mo", "7mo/1mo", "35000y", "40mo/1d", "cumulate:35000y/1y", "cumulate:1mo/1h"];
    let long = [longest.clone(), format!("{longest}/1us"), format!("cumulate:{longest}/1us")];
    for spec in specs.map(str::to_owned).into_iter().chain(long) {
        let mut finder = finder(&spec);
        for time in [1 - limit, limit - 1, 0] {
            let pane = finder.pane(time).expect("no zone, so every time has one");
            assert!(pane.start <= time && time < pane.end && pane.end <= pane.first_end, "{spec}");
            assert!(pane.first_end <= pane.last_end, "{spec}");
            // Few of very many.
            let first = finder.windows(pane.start, i64::MIN, pane.first_end.saturating_add(5)).next();
            assert_eq!(first.map(|w| w.end), Some(pane.first_end), "{spec}");
            let last = finder.windows(pane.start, pane.last_end - 1, i64::MAX).last();
            assert_eq!(last.map(|w| w.end), Some(pane.last_end), "{spec}");
        }
    }
    assert_eq!(finder("1d@Europe/Berlin").pane(limit - 1), None);
    assert_eq!(finder("1d@Europe/Berlin").pane(1 - limit), None);
}
