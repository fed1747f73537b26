//! How often the ids of a field repeat, and how far apart in event time.
//!
//! All ids are kept while there are few. Beyond that only those whose hash ends in so many zeros: an id is looked at
//! every time or never, so that repeats are found among them as among all, and each stands for as many as were
//! passed over (P. Gibbons, "Distinct sampling for highly-accurate answers to distinct values queries", VLDB 2001).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::histogram::Histogram;

/// The most ids that are kept for a field.
const IDS_MAX: usize = 1 << 19;

/// A map by hashes: they are hashed already, and fixed, so that nothing depends on the run.
pub type ByHash<T> = HashMap<u64, T, BuildHasherDefault<Taken>>;

/// Takes a hash as it is.
#[derive(Debug, Default)]
pub struct Taken(u64);

impl Hasher for Taken {
    fn write(&mut self, bytes: &[u8]) {
        // Only whole hashes are put in.
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        // The lowest bits are alike in all that are kept, and tables choose by these.
        self.0.rotate_left(32)
    }
}

/// Ids and their repeats.
#[derive(Debug, Default)]
pub struct Repeats {
    /// Per id that is kept, the time of its first copy.
    first: ByHash<i64>,
    /// Ids are kept if their hashes end in so many zeros.
    level: u32,
    /// Records with an id.
    pub ids: u64,
    /// Records without one.
    pub missing: u64,
    /// Repeats; an estimate once ids are passed over.
    pub repeats: u64,
    /// Repeats with the time of the first copy.
    pub same_time: u64,
    /// How far the others are from it, in microseconds.
    spread: Histogram,
    /// How far a repeat with a later time is from it, at most.
    later_max: i64,
}

impl Repeats {
    /// Takes an event's id, by its hash.
    #[inline]
    pub fn event(&mut self, hash: u64, time: i64) {
        self.ids += 1;
        if hash & !(u64::MAX << self.level) != 0 {
            return;
        }
        match self.first.get(&hash) {
            None => {
                self.first.insert(hash, time);
                if self.first.len() > IDS_MAX {
                    self.thin_out();
                }
            }
            Some(&first) => self.repeat(first, time),
        }
    }

    fn repeat(&mut self, first: i64, time: i64) {
        let weight = 1 << self.level;
        self.repeats += weight;
        if time == first {
            self.same_time += weight;
            return;
        }
        self.spread.add(time.abs_diff(first), weight);
        // Copies with an earlier time are late by themselves once the first one is forgotten.
        self.later_max = self.later_max.max(time.saturating_sub(first));
    }

    fn thin_out(&mut self) {
        while self.first.len() > IDS_MAX / 2 && self.level < 40 {
            self.level += 1;
            let below = !(u64::MAX << self.level);
            self.first.retain(|hash, _| hash & below == 0);
        }
    }

    /// Whether the numbers are exact: no id was passed over.
    pub fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// One id in so many was looked at.
    pub fn one_in(&self) -> u64 {
        1 << self.level
    }

    /// How far apart in event time a repeat and its first copy are at most, in microseconds.
    pub fn spread_max(&self) -> i64 {
        i64::try_from(self.spread.max()).unwrap_or(i64::MAX)
    }

    /// A spread that at most this share of all repeats exceed, in percent.
    pub fn spread(&self, beyond_percent: u64) -> i64 {
        let beyond = u128::from(self.repeats) * u128::from(beyond_percent) / 100;
        i64::try_from(self.spread.bound(beyond as u64)).unwrap_or(i64::MAX)
    }

    /// How long ids have to be remembered behind windows of this length so that every repeat is found; in
    /// microseconds, 0 if not at all. A repeat that is not late by itself lies in a window that is open, which ends
    /// no further behind the window of the first copy than they are apart, and the length of a window.
    pub fn remember(&self, window: i64) -> i64 {
        if self.later_max == 0 { 0 } else { self.later_max.saturating_add(window) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn hash(id: u64) -> u64 {
        xxh3_64(&id.to_le_bytes())
    }

    #[test]
    fn a_few_are_counted_exactly() {
        let mut repeats = Repeats::default();
        for (id, time) in [(1, 100), (2, 200), (1, 100), (1, 160), (2, 190)] {
            repeats.event(hash(id), time);
        }
        assert_eq!((repeats.ids, repeats.repeats, repeats.same_time), (5, 3, 1));
        assert_eq!((repeats.spread_max(), repeats.spread(50), repeats.is_exact()), (60, 10, true));
        assert_eq!((repeats.remember(0), repeats.remember(40)), (60, 100));
        let mut same = Repeats::default();
        (0..3).for_each(|_| same.event(hash(1), 5));
        assert_eq!((same.repeats, same.same_time, same.remember(40)), (2, 2, 0));
    }

    #[test]
    fn many_are_estimated() {
        let mut repeats = Repeats::default();
        let ids = 3_000_000;
        for id in 0..ids {
            let time = id as i64;
            repeats.event(hash(id), time);
            if id % 10 == 9 {
                repeats.event(hash(id - 5), time);
            }
        }
        assert!(!repeats.is_exact() && repeats.first.len() <= IDS_MAX);
        let error = repeats.repeats.abs_diff(ids / 10) as f64 / (ids / 10) as f64;
        assert!(error < 0.02, "{error}");
        assert_eq!(repeats.spread_max(), 5);
    }
}
