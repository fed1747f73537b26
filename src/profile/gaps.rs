//! The gaps between neighbouring events of a key, from which the gap of sessions is chosen.
//!
//! The times of some keys are kept, whole, and sorted at the end: so gaps are right however events are out of order.
//! Which keys are kept goes by their hashes, as in `repeats`; of a few keys with very many events each, only the first
//! of them all.

use super::repeats::ByHash;
use super::words::{HOUR, MINUTE, SECOND};
use crate::time::duration::DAY;

/// The most times that are kept.
const TIMES_MAX: usize = 1 << 18;
/// Keys are not thinned out below so many.
const KEYS_MIN: usize = 64;
/// A session's gap is suggested only if there are so many gaps to go by.
const GAPS_MIN: usize = 20;

/// The gaps that may be suggested: about twice as long each, since a suggestion is compared with half of it and twice
/// of it.
const LENGTHS: [i64; 22] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    20 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
];

/// The times of some keys.
#[derive(Debug, Default)]
pub struct Gaps {
    times: ByHash<Vec<i64>>,
    /// How many times there are.
    kept: usize,
    /// Keys are kept if their hashes end in so many zeros.
    level: u32,
    /// Whether no more times are taken.
    full: bool,
}

/// What the gaps are like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many keys were looked at.
    pub keys: u64,
    /// One key in so many was.
    pub one_in: u64,
    /// Whether only the first events of those were.
    pub only_first: bool,
    /// How many gaps there are.
    pub gaps: u64,
    /// Half of the gaps are at most this long, then 90 %, 99 % and all, in microseconds.
    pub quantiles: [i64; 4],
    /// The gap suggested for sessions.
    pub session: Option<Session>,
}

/// A gap for sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The gap in microseconds.
    pub gap: i64,
    /// How many sessions it makes of what was looked at.
    pub sessions: u64,
    /// How many there are with half of it, and with twice of it.
    pub around: [u64; 2],
}

impl Session {
    /// Whether the gap stands out: with half or twice of it there are nearly as many sessions.
    pub fn is_clear(&self) -> bool {
        self.around[0] * 5 <= self.around[1] * 6
    }
}

impl Gaps {
    /// Takes an event of a key, by its hash.
    #[inline]
    pub fn event(&mut self, hash: u64, time: i64) {
        if hash & !(u64::MAX << self.level) != 0 || self.full {
            return;
        }
        self.times.entry(hash).or_default().push(time);
        self.kept += 1;
        if self.kept >= TIMES_MAX {
            self.thin_out();
        }
    }

    fn thin_out(&mut self) {
        while self.kept > TIMES_MAX / 2 && self.times.len() >= KEYS_MIN {
            self.level += 1;
            let below = !(u64::MAX << self.level);
            self.times.retain(|hash, _| hash & below == 0);
            self.kept = self.times.values().map(Vec::len).sum();
        }
        self.full = self.kept >= TIMES_MAX;
    }

    /// What the gaps are like; `None` if there are none.
    pub fn find(&self) -> Option<Found> {
        let mut gaps = Vec::with_capacity(self.kept);
        for times in self.times.values() {
            let mut times = times.clone();
            times.sort_unstable();
            gaps.extend(times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])));
        }
        gaps.sort_unstable();
        let last = gaps.len().checked_sub(1)?;
        let at = |percent: usize| gaps[(gaps.len() * percent).div_ceil(100).saturating_sub(1).min(last)];
        Some(Found {
            keys: self.times.len() as u64,
            one_in: 1 << self.level,
            only_first: self.full,
            gaps: gaps.len() as u64,
            quantiles: [50, 90, 99, 100].map(at),
            session: session(&gaps, self.times.len()),
        })
    }
}

/// The length about which the number of sessions depends least on it, among those that leave some gaps between
/// sessions and most within. Where events come in bursts, that is between the pauses within and those between. Events of
/// the same time tell nothing of it.
fn session(gaps: &[i64], keys: usize) -> Option<Session> {
    let gaps = &gaps[gaps.partition_point(|gap| *gap == 0)..];
    if gaps.len() < GAPS_MIN {
        return None;
    }
    // Events exactly a gap apart are in one session.
    let sessions = |length: i64| (keys + gaps.len() - gaps.partition_point(|gap| *gap <= length)) as u64;
    let divides = |length: &&i64| {
        let between = sessions(**length) as usize - keys;
        between >= 3 && between * 500 >= gaps.len() && between * 2 <= gaps.len()
    };
    let candidates = LENGTHS.iter().filter(divides).map(|&gap| {
        let around = [sessions(gap / 2), sessions(gap * 2)];
        Session { gap, sessions: sessions(gap), around }
    });
    let ratio = |session: &Session| session.around[0] as f64 / session.around[1] as f64;
    // The shortest of those that are equally good.
    candidates.min_by(|one, other| ratio(one).total_cmp(&ratio(other)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn hash(id: u64) -> u64 {
        xxh3_64(&id.to_le_bytes())
    }

    /// Bursts of ten events, five seconds apart, an hour and more between them.
    fn bursts(keys: u64) -> Vec<(u64, i64)> {
        let mut events = Vec::new();
        for burst in 0..20 {
            for event in 0..10 {
                events.extend((0..keys).map(|key| {
                    let start = burst * (HOUR + key as i64 % 7 * MINUTE);
                    (hash(key), start + event * 5 * SECOND)
                }));
            }
        }
        events
    }

    #[test]
    fn bursts_are_told_apart_in_any_order() {
        let mut events = bursts(50);
        fastrand::Rng::with_seed(2).shuffle(&mut events);
        let mut gaps = Gaps::default();
        events.iter().for_each(|(key, time)| gaps.event(*key, *time));
        let found = gaps.find().expect("there are gaps");
        assert_eq!((found.keys, found.gaps, found.one_in), (50, 50 * 199, 1));
        assert_eq!(found.quantiles[..2], [5 * SECOND; 2]);
        let session = found.session.expect("a gap stands out");
        assert!(session.is_clear() && (10 * SECOND..HOUR).contains(&session.gap), "{session:?}");
        assert_eq!((session.sessions, session.around), (1000, [1000; 2]));
    }

    #[test]
    fn memory_is_bounded() {
        let mut gaps = Gaps::default();
        for time in 0..20 {
            (0..100_000).for_each(|key| gaps.event(hash(key), time * MINUTE));
        }
        assert!(gaps.kept <= TIMES_MAX && gaps.level > 0 && !gaps.full);
        let found = gaps.find().expect("there are gaps");
        assert_eq!(found.quantiles, [MINUTE; 4]);
        assert_eq!(found.gaps, found.keys * 19);
        let mut one = Gaps::default();
        (0..1_000_000).for_each(|time| one.event(0, time * SECOND));
        assert_eq!((one.kept, one.full), (TIMES_MAX, true));
        assert!(one.find().is_some_and(|found| found.only_first && found.quantiles == [SECOND; 4]));
    }

    #[test]
    fn nothing_to_go_by() {
        assert_eq!(Gaps::default().find(), None);
        let mut regular = Gaps::default();
        (0..100).for_each(|n| regular.event(1, n * MINUTE));
        assert_eq!(regular.find().expect("there are gaps").session, None);
    }
}
