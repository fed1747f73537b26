//! Expiries in buckets: how many entries there are of each, and which of them are new since the last checkpoint.
//!
//! A bucket is a stretch of expiries that are let go together. What is remembered is in the tables; here are
//! counts, and the new entries themselves if they are asked for.

use std::collections::VecDeque;
use std::mem;

use super::coding::FOREVER;

/// An id and when it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The id's hash, low half first; two numbers, since a `u128` would make an entry a third larger.
    id: [u64; 2],
    /// The watermark at which it is forgotten, in microseconds; `i64::MAX` for never.
    pub expiry: i64,
}

impl Entry {
    /// An entry.
    pub fn new(id: u128, expiry: i64) -> Entry {
        Entry { id: [id as u64, (id >> 64) as u64], expiry }
    }

    /// The id's hash.
    pub fn id(&self) -> u128 {
        u128::from(self.id[0]) | (u128::from(self.id[1]) << 64)
    }
}

/// How expiries are divided into buckets: by a power of two of microseconds, and a bucket of its own for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    shift: u8,
}

impl Buckets {
    /// The bucket of [`FOREVER`].
    pub const FOREVER: i64 = i64::MAX;

    /// Buckets for expiries that lie at most about `span` microseconds beyond the watermark: 16 to 32 of them
    /// are alive at a time.
    pub fn for_span(span: i64) -> Buckets {
        // At least 1, so that no other expiry has the number of the bucket for ever.
        let bits = 64 - (span.max(1) as u64).leading_zeros();
        Buckets { shift: bits.saturating_sub(5).max(1) as u8 }
    }

    /// Buckets of this length, as [`Buckets::shift`] tells it; `None` if there are none such.
    pub fn of_shift(shift: u64) -> Option<Buckets> {
        u8::try_from(shift).ok().filter(|shift| (1..=58).contains(shift)).map(|shift| Buckets { shift })
    }

    /// The binary logarithm of a bucket's length in microseconds, 1 to 58.
    pub fn shift(self) -> u8 {
        self.shift
    }

    /// The bucket of an expiry.
    #[inline]
    pub fn of(self, expiry: i64) -> i64 {
        if expiry == FOREVER { Buckets::FOREVER } else { expiry >> self.shift }
    }

    /// The greatest expiry that a bucket can hold. Numbers that no expiry has are taken as the nearest.
    pub fn last(self, bucket: i64) -> i64 {
        if bucket == Buckets::FOREVER {
            return FOREVER;
        }
        let last = ((i128::from(bucket) + 1) << self.shift) - 1;
        last.clamp(i128::from(i64::MIN), i128::from(FOREVER - 1)) as i64
    }

    /// The least expiry that a bucket can hold.
    pub fn first(self, bucket: i64) -> i64 {
        if bucket == Buckets::FOREVER { FOREVER } else { bucket << self.shift }
    }
}

/// The buckets that the watermark has not passed.
pub struct Tally {
    buckets: Buckets,
    /// By number, ascending.
    alive: VecDeque<Bucket>,
    /// Where the bucket used last stands: the next entry is mostly of the same.
    latest: usize,
    /// Whether new entries are kept for the next checkpoint.
    pub recording: bool,
}

struct Bucket {
    number: i64,
    /// The greatest expiry in it.
    last: i64,
    entries: usize,
    /// Those of them that no checkpoint has.
    pending: Vec<Entry>,
}

impl Tally {
    /// No entries.
    pub fn new(buckets: Buckets) -> Tally {
        Tally { buckets, alive: VecDeque::new(), latest: 0, recording: false }
    }

    /// The division that is used.
    pub fn buckets(&self) -> Buckets {
        self.buckets
    }

    /// Counts a new entry.
    #[inline]
    pub fn add(&mut self, id: u128, expiry: i64) {
        let number = self.buckets.of(expiry);
        if self.alive.get(self.latest).is_none_or(|bucket| bucket.number != number) {
            self.latest = self.place(number);
        }
        let bucket = &mut self.alive[self.latest];
        bucket.last = bucket.last.max(expiry);
        bucket.entries += 1;
        if self.recording {
            bucket.pending.push(Entry::new(id, expiry));
        }
    }

    /// Takes back the count of an entry whose bucket has not been passed, and which has made room for another of
    /// the same id.
    pub fn take_back(&mut self, expiry: i64) {
        let at = self.place(self.buckets.of(expiry));
        self.alive[at].entries -= 1;
    }

    /// Where a bucket stands; it is made if there is none.
    fn place(&mut self, number: i64) -> usize {
        let found = self.alive.binary_search_by_key(&number, |bucket| bucket.number);
        found.unwrap_or_else(|at| {
            self.alive.insert(at, Bucket { number, last: i64::MIN, entries: 0, pending: Vec::new() });
            at
        })
    }

    /// When the first bucket is passed.
    pub fn due(&self) -> Option<i64> {
        self.alive.front().map(|bucket| bucket.last)
    }

    /// Lets go of the first bucket, which may come again with later expiries, if the watermark has passed it: its last expiry and how many entries it had.
    pub fn pass(&mut self, watermark: i64) -> Option<(i64, usize)> {
        self.alive.front().filter(|bucket| bucket.last <= watermark)?;
        let passed = self.alive.pop_front()?;
        self.latest = self.latest.saturating_sub(1);
        Some((passed.last, passed.entries))
    }

    /// Between which two expiries all others lie, except for [`FOREVER`].
    pub fn range(&self) -> Option<(i64, i64)> {
        let first = self.alive.front().filter(|bucket| bucket.number != Buckets::FOREVER)?;
        let last = self.alive.iter().rev().find(|bucket| bucket.number != Buckets::FOREVER)?;
        Some((self.buckets.first(first.number), last.last))
    }

    /// Adds the counts of another tally.
    pub fn join(&mut self, other: Tally) {
        for bucket in other.alive {
            let at = self.place(bucket.number);
            let own = &mut self.alive[at];
            own.last = own.last.max(bucket.last);
            own.entries += bucket.entries;
            own.pending.extend(bucket.pending);
        }
    }

    /// The new entries by bucket, ascending; they are new no more.
    pub fn take_pending(&mut self) -> Vec<(i64, Vec<Entry>)> {
        let with_some = self.alive.iter_mut().filter(|bucket| !bucket.pending.is_empty());
        with_some.map(|bucket| (bucket.number, mem::take(&mut bucket.pending))).collect()
    }

    /// Memory taken up by new entries, in bytes.
    pub fn pending_bytes(&self) -> usize {
        self.alive.iter().map(|bucket| bucket.pending.capacity() * size_of::<Entry>()).sum()
    }

    /// Memory taken up by the counts, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.alive.capacity() * size_of::<Bucket>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_their_expiries_and_no_others() {
        for span in [i64::MIN, 0, 1, 31, 240_000_000, 7 * 86_400_000_000, i64::MAX] {
            let buckets = Buckets::for_span(span);
            assert!((16..=32).contains(&(span >> buckets.shift)) || span < 32, "{span} {buckets:?}");
            for expiry in [i64::MIN, -1, 0, 1, 1_625_097_600_000_000, i64::MAX - 1, i64::MAX] {
                let bucket = buckets.of(expiry);
                assert!((buckets.first(bucket)..=buckets.last(bucket)).contains(&expiry), "{expiry} {span}");
                if expiry < FOREVER {
                    assert_ne!(bucket, Buckets::FOREVER);
                    assert!(
                        buckets.last(bucket) == FOREVER - 1 || buckets.of(buckets.last(bucket) + 1) > bucket
                    );
                }
            }
        }
    }

    #[test]
    fn a_bucket_is_passed_at_its_last_expiry() {
        let mut tally = Tally::new(Buckets { shift: 4 });
        tally.recording = true;
        for expiry in [20, 5, 25, FOREVER, 7] {
            tally.add(expiry as u128, expiry);
        }
        assert_eq!((tally.due(), tally.range()), (Some(7), Some((0, 25))));
        assert_eq!(tally.pass(6), None);
        tally.take_back(20);
        assert_eq!(tally.pass(7), Some((7, 2)));
        let pending = tally.take_pending();
        assert_eq!(pending[0], (1, vec![Entry::new(20, 20), Entry::new(25, 25)]));
        assert_eq!(pending[1], (Buckets::FOREVER, vec![Entry::new(FOREVER as u128, FOREVER)]));
        assert_eq!((tally.take_pending(), tally.pending_bytes()), (vec![], 0));
        assert_eq!(tally.pass(FOREVER - 1), Some((25, 1)));
        assert_eq!((tally.pass(FOREVER - 1), tally.range()), (None, None));
    }
}
