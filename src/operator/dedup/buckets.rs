//! Expiries in buckets. A bucket is a stretch of expiries that are let go together, here and in the files of a
//! checkpoint. This file is arithmetic; it holds no entries.

/// The expiry of an id that is never forgotten.
pub const FOREVER: i64 = i64::MAX;

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
}
