//! `--window`: arbitrary text is parsed without a panic, panes keep their promises at any time, and simple windows
//! are those that a search finds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use windrow::time::LIMIT;
use windrow::window::{Pane, PaneFinder, Window, Windows};

const ZONES: [&str; 6] =
    ["America/New_York", "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe", "+05:30", "UTC"];

/// A finder for each kind of windows that is kept as panes.
fn finders(text: &str) -> Vec<PaneFinder> {
    match Windows::parse(text) {
        Ok(windows) => {
            let _ = (windows.describe(), windows.zone());
            assert!(windows.gaps().iter().all(|gap| *gap > 0));
            if let Windows::Several(kinds) = &windows {
                assert!(kinds.len() > 1 && kinds.iter().all(|kind| kind.windows.kinds() == 1));
            }
            windows.finders()
        }
        Err(error) => {
            assert!(text.get(error.span.clone()).is_some(), "{:?}", error.span);
            let _ = error.to_string();
            Vec::new()
        }
    }
}

/// What always holds of the pane of a time.
fn check(finder: &mut PaneFinder, time: i64) -> Option<Pane> {
    let pane = finder.pane(time)?;
    assert!(pane.start <= time && time < pane.end, "{pane:?} for {time}");
    assert!(pane.end <= pane.first_end && pane.first_end <= pane.last_end, "{pane:?}");
    assert_eq!(finder.pane(pane.start), Some(pane));
    if pane.end - 1 < LIMIT {
        assert_eq!(finder.pane(pane.end - 1), Some(pane));
    }
    let windows: Vec<Window> = finder.windows(pane.start, pane.first_end - 1, pane.first_end).collect();
    assert!(!windows.is_empty());
    for window in windows {
        assert_eq!(window.end, pane.first_end);
        assert!(window.start <= pane.start && pane.end <= window.end, "{window:?} {pane:?}");
    }
    Some(pane)
}

/// All windows that contain a time, found by search, in the order in which they end.
fn search(time: i64, size: i64, advance: i64, offset: i64) -> Vec<Window> {
    let last = time - (time - offset).rem_euclid(advance);
    let starts = (0..=size / advance).map(|n| last - n * advance).filter(|start| start + size > time);
    let mut windows: Vec<Window> = starts.map(|start| Window { start, end: start + size }).collect();
    windows.sort();
    windows
}

fn simple(time: i64, size: i64, advance: i64, offset: i64) {
    let mut finder = finders(&format!("{size}us/{advance}us+{offset}us")).pop().expect("a good window");
    let pane = check(&mut finder, time).expect("fixed lengths have panes everywhere");
    let found: Vec<Window> = finder.windows(pane.start, i64::MIN, i64::MAX).collect();
    let wanted = search(time, size, advance, offset);
    assert_eq!(found, wanted);
    assert_eq!((pane.first_end, pane.last_end), (wanted[0].end, wanted[wanted.len() - 1].end));
}

fuzz_target!(|data: &[u8]| {
    let Some((head, rest)) = data.split_first_chunk::<14>() else { return };
    let number = |at: usize| i64::from(u16::from_le_bytes([head[at], head[at + 1]]));
    let time = i64::from_le_bytes(*head.first_chunk().expect("it is longer"));
    let time = time.clamp(1 - LIMIT, LIMIT - 1);
    let (size, advance) = (number(8) % 5_000 + 1, number(10) % 500 + 1);
    if advance <= size {
        simple(time, size, advance, number(12));
        simple(time % 100_000, size, advance, number(12));
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    // An unknown zone is compared with all known ones, which takes long.
    let known = |zone: &str| ZONES.contains(&zone) || head[13] % 64 == 1;
    if text.split(',').any(|kind| kind.rsplit_once('@').is_some_and(|(_, zone)| !known(zone))) {
        return;
    }
    for mut finder in finders(text) {
        for time in [time, time >> 10, time >> 20, 0, -1, LIMIT - 1, 1 - LIMIT] {
            // Neighbours, forth and back: what the finder keeps must not matter.
            if let Some(pane) = check(&mut finder, time)
                && pane.end < LIMIT
            {
                check(&mut finder, pane.end);
            }
        }
    }
});
