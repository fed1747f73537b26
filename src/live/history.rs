//! What keys had in the windows that have closed: a few numbers each, for as many keys as matter.
//!
//! Of a window with very many keys those are remembered that rank first, and of very many keys those that had something
//! last: memory is bounded, whatever the keys.

use std::collections::{HashMap, VecDeque};
use std::ops::{ControlFlow, Range};

use crate::parse::key::Fields;
use crate::window::{PaneFinder, Window};

/// So many windows are remembered.
pub const WINDOWS_MAX: usize = 15;
/// So many keys of a window are remembered: ten times as many as are shown.
const ROWS_MAX: usize = 2_000;
/// So many sessions are, of those that close together: that is often, and mostly each has another key.
const SESSIONS_MAX: usize = 200;
/// At most twice as many keys are remembered in all.
const KEYS_MAX: usize = 10_000;
/// So many windows without rows are gone through at most: more than are remembered.
const GAPS_MAX: usize = 1_000;
/// A window is thinned out when so many of its keys are at hand.
const GATHERED_MAX: usize = 4 * ROWS_MAX;

/// What has fired, by key.
pub struct History {
    is_descending: bool,
    /// Whether each key has windows of its own.
    is_apart: bool,
    /// Knows of the windows between those that had rows.
    finder: Option<PaneFinder>,
    /// The last windows, in order, and whether all of their keys are remembered.
    windows: VecDeque<(Window, bool)>,
    gathered: Gathered,
    /// Keys that had something lately, and those that had before.
    young: HashMap<Box<[u8]>, Track>,
    old: HashMap<Box<[u8]>, Track>,
}

/// The last windows of a key, in order, and its numbers in them.
type Track = VecDeque<(Window, f64)>;

/// What a key had in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Past {
    /// This.
    Number(f64),
    /// No row, or one without a number.
    Nothing,
    /// Too little to be remembered, if anything.
    Unknown,
}

/// Keys of one window, or of sessions that close together, before it is known which of them matter.
#[derive(Default)]
struct Gathered {
    /// The window of all of them, where they share it.
    window: Option<Window>,
    entries: Vec<Entry>,
    keys: Vec<u8>,
    /// What ranks below this matters to nobody.
    least: Option<f64>,
}

/// A key in `Gathered::keys`, and what it had.
struct Entry {
    window: Window,
    /// The greater the better.
    rank: f64,
    key: Range<usize>,
}

/// The number that an encoded rank is.
pub fn number(rank: &[u8]) -> Option<f64> {
    Fields(rank).next()?.as_number().map(|number| number.to_f64()).filter(|number| number.is_finite())
}

impl History {
    /// Nothing has fired yet; whether the largest ranks first, and whether each key has windows of its own. With a finder
    /// windows in which nobody had a row are seen, too.
    pub fn new(is_descending: bool, is_apart: bool, finder: Option<PaneFinder>) -> History {
        History {
            is_descending,
            is_apart,
            finder,
            windows: VecDeque::new(),
            gathered: Gathered::default(),
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// A row has fired. Those of a window come one after the other, windows in their order.
    pub fn add(&mut self, window: Window, key: &[u8], number: Option<f64>) {
        if !self.is_apart && self.gathered.window != Some(window) {
            self.settle();
            self.gathered.window = Some(window);
        }
        let Some(number) = number else { return };
        let rank = if self.is_descending { number } else { -number };
        let gathered = &mut self.gathered;
        if gathered.least.is_some_and(|least| rank < least) {
            return;
        }
        let start = gathered.keys.len();
        gathered.keys.extend_from_slice(key);
        gathered.entries.push(Entry { window, rank, key: start..gathered.keys.len() });
        if gathered.entries.len() == GATHERED_MAX {
            gathered.thin_out(if self.is_apart { SESSIONS_MAX } else { ROWS_MAX });
        }
    }

    /// Enters what has been gathered.
    pub fn settle(&mut self) {
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.thin_out(if self.is_apart { SESSIONS_MAX } else { ROWS_MAX });
        if let Some(window) = gathered.window {
            self.enter_gaps(window);
            self.push((window, gathered.least.is_none()));
        } else {
            gathered.entries.sort_unstable_by_key(|entry| entry.window);
        }
        for Entry { window, rank, key } in &gathered.entries {
            let number = if self.is_descending { *rank } else { -rank };
            self.enter(&gathered.keys[key.clone()], *window, number);
        }
        gathered.entries.clear();
        gathered.keys.clear();
        self.gathered = Gathered { window: None, least: None, ..gathered };
    }

    /// Enters the windows without rows before this one.
    fn enter_gaps(&mut self, window: Window) {
        let Some(&(last, _)) = self.windows.back() else { return };
        let Some(mut finder) = self.finder.take() else { return };
        let mut count = 0;
        // Of a longer gap no more can be seen.
        let _ = finder.between(last, window, &mut |gap| {
            count += 1;
            self.push((gap, true));
            if count < GAPS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        self.finder = Some(finder);
    }

    fn push(&mut self, window: (Window, bool)) {
        if self.windows.len() == WINDOWS_MAX {
            self.windows.pop_front();
        }
        self.windows.push_back(window);
    }

    fn enter(&mut self, key: &[u8], window: Window, number: f64) {
        if !self.young.contains_key(key) {
            if self.young.len() == KEYS_MAX {
                self.old = std::mem::take(&mut self.young);
            }
            let (key, track) = self.old.remove_entry(key).unwrap_or_else(|| (key.into(), Track::new()));
            self.young.insert(key, track);
        }
        let Some(track) = self.young.get_mut(key) else { return };
        if track.len() == WINDOWS_MAX {
            track.pop_front();
        }
        track.push_back((window, number));
    }

    fn track(&self, key: &[u8]) -> impl DoubleEndedIterator<Item = (Window, f64)> {
        self.young.get(key).or_else(|| self.old.get(key)).into_iter().flatten().copied()
    }

    /// What a key had in the last windows that closed before this one.
    pub fn of_windows(&self, key: &[u8], before: Window) -> Vec<Past> {
        let mut track = self.track(key).peekable();
        let windows = self.windows.iter().filter(|(window, _)| *window < before);
        let found = windows.map(|&(window, all)| {
            while track.next_if(|(other, _)| *other < window).is_some() {}
            match track.next_if(|(other, _)| *other == window) {
                Some((_, number)) => Past::Number(number),
                None if all => Past::Nothing,
                None => Past::Unknown,
            }
        });
        found.collect()
    }

    /// What a key had in its own last windows before this one.
    pub fn of_key(&self, key: &[u8], before: Window) -> Vec<Past> {
        let track = self.track(key).filter(|(window, _)| *window < before);
        track.map(|(_, number)| Past::Number(number)).collect()
    }
}

impl Gathered {
    /// Leaves the keys that rank first.
    fn thin_out(&mut self, rows_max: usize) {
        if self.entries.len() <= rows_max {
            return;
        }
        let order = |a: &Entry, b: &Entry| b.rank.total_cmp(&a.rank);
        let (_, least, _) = self.entries.select_nth_unstable_by(rows_max - 1, order);
        self.least = Some(least.rank);
        self.entries.truncate(rows_max);
        let mut keys = Vec::with_capacity(self.keys.len());
        for Entry { key, .. } in &mut self.entries {
            let at = keys.len();
            keys.extend_from_slice(&self.keys[key.clone()]);
            *key = at..keys.len();
        }
        self.keys = keys;
    }
}

#[cfg(test)]
mod tests {
    use super::Past::{Nothing, Number, Unknown};
    use super::*;

    fn window(end: i64) -> Window {
        Window { end, start: end - 10 }
    }

    #[test]
    fn windows_without_rows_are_seen() {
        let finder = crate::window::Windows::parse("10us").expect("they are good").finders().pop();
        let mut history = History::new(true, false, finder);
        for (end, number) in [(10, 1.0), (40, 2.0), (50, 3.0)] {
            history.add(window(end), b"a", Some(number));
        }
        history.settle();
        let want = [Number(1.0), Nothing, Nothing, Number(2.0), Number(3.0)];
        assert_eq!(history.of_windows(b"a", window(60)), want);
        history.add(window(100_000_000), b"a", Some(4.0));
        history.settle();
        let found = history.of_windows(b"a", window(200_000_000));
        assert_eq!((found.len(), found[0], found[14]), (15, Nothing, Number(4.0)));
    }

    #[test]
    fn gaps_are_seen() {
        let mut history = History::new(true, false, None);
        for (end, key, number) in [(10, b"a", 1.0), (10, b"b", 2.0), (20, b"b", 3.0), (30, b"a", 4.0)] {
            history.add(window(end), key, Some(number));
        }
        history.settle();
        assert_eq!(history.of_windows(b"a", window(40)), [Number(1.0), Nothing, Number(4.0)]);
        assert_eq!(history.of_windows(b"b", window(40)), [Number(2.0), Number(3.0), Nothing]);
        assert_eq!(history.of_windows(b"a", window(30)), [Number(1.0), Nothing], "the shown one is not past");
        assert_eq!(history.of_key(b"a", window(40)), [Number(1.0), Number(4.0)]);
        assert_eq!(history.of_windows(b"c", window(40)), [Nothing; 3]);
    }

    #[test]
    fn the_last_windows_are_remembered() {
        let mut history = History::new(false, false, None);
        for end in 1..=40 {
            history.add(window(end), b"a", Some(end as f64));
            history.add(window(end), b"b", None);
        }
        history.settle();
        let want: Vec<Past> = (26..=40).map(|end| Number(f64::from(end))).collect();
        assert_eq!(history.of_windows(b"a", window(50)), want);
        assert_eq!(history.of_windows(b"b", window(50)), vec![Nothing; WINDOWS_MAX]);
    }

    #[test]
    fn sessions_are_told_by_key() {
        let mut history = History::new(true, true, None);
        for (end, key, number) in [(40, b"a", 4.0), (10, b"a", 1.0), (20, b"b", 3.0)] {
            history.add(window(end), key, Some(number));
        }
        history.settle();
        assert_eq!(history.of_key(b"a", window(50)), [Number(1.0), Number(4.0)]);
        assert_eq!(history.of_key(b"a", window(40)), [Number(1.0)]);
        history.add(window(60), b"b", Some(5.0));
        history.settle();
        assert_eq!(history.of_key(b"b", window(70)), [Number(3.0), Number(5.0)]);
    }

    #[test]
    fn of_many_keys_those_that_rank_first_are_remembered() {
        for is_descending in [true, false] {
            let mut history = History::new(is_descending, false, None);
            for end in 1..=3 {
                for key in 0..100_000u32 {
                    history.add(window(end), &key.to_le_bytes(), Some(f64::from(key * 7 % 100_000)));
                }
            }
            history.settle();
            assert!(history.young.len() + history.old.len() <= 2 * KEYS_MAX);
            let best: u32 = if is_descending { 99_999 } else { 0 };
            let key =
                (0..100_000u32).find(|key| key * 7 % 100_000 == best).expect("7 and 10 have no divisor");
            assert_eq!(history.of_windows(&key.to_le_bytes(), window(9)), vec![Number(f64::from(best)); 3]);
            let key = (0..100_000u32).find(|key| key * 7 % 100_000 == 50_000).expect("as above");
            assert_eq!(history.of_windows(&key.to_le_bytes(), window(9)), vec![Unknown; 3]);
        }
    }
}
