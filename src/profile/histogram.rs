//! A histogram of durations over all sizes: each is known to 1.6 %, and the largest exactly.
//!
//! Buckets as in Gil Tene's HdrHistogram: 64 to each power of two. It grows to what is put in and no further.

/// The bits of a value that its bucket keeps, the first one not counted.
const BITS: u32 = 6;
const PER_POWER: u64 = 1 << BITS;

/// Counts of values, in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    /// Adds a value so many times.
    #[inline]
    pub fn add(&mut self, value: u64, times: u64) {
        let bucket = bucket(value);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += times;
        self.total += times;
        self.max = self.max.max(value);
    }

    /// Adds all that another holds.
    pub fn merge(&mut self, other: &Histogram) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// How many values it holds.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The largest value; 0 if there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// A bound that at most `beyond` of the values exceed: the least one, or up to 1.6 % above it.
    pub fn bound(&self, beyond: u64) -> u64 {
        let mut above = 0;
        for (bucket, count) in self.counts.iter().enumerate().rev() {
            above += count;
            if above > beyond {
                return last(bucket).min(self.max);
            }
        }
        0
    }
}

/// The bucket of a value: below 64 each has its own, and above, each power of two has 64.
#[inline]
fn bucket(value: u64) -> usize {
    match value.checked_ilog2().filter(|power| *power > BITS) {
        None => value as usize,
        Some(power) => {
            let shift = power - BITS;
            (u64::from(shift) * PER_POWER + (value >> shift)) as usize
        }
    }
}

/// The greatest value of a bucket.
fn last(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    match (bucket / PER_POWER).checked_sub(1) {
        None | Some(0) => bucket,
        Some(shift) => ((bucket - shift * PER_POWER + 1) << shift).wrapping_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_and_in_order() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..10_000 {
            let value = random.u64(..) >> random.u32(0..64);
            let last = last(bucket(value));
            assert!(value <= last && last - value <= value / 64, "{value} {last}");
            assert!(last == u64::MAX || bucket(last + 1) == bucket(last) + 1, "{value}");
        }
        assert_eq!((bucket(0), bucket(127), bucket(128), last(bucket(u64::MAX))), (0, 127, 128, u64::MAX));
    }

    #[test]
    fn bounds() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.bound(0), histogram.max()), (0, 0));
        (1..=100).for_each(|value| histogram.add(value * 1000, 1));
        let check = |beyond: u64, least: u64| {
            let bound = histogram.bound(beyond);
            assert!(least <= bound && bound <= least + least / 60, "{beyond}: {bound}");
        };
        assert_eq!(histogram.bound(0), 100_000);
        check(1, 99_000);
        check(50, 50_000);
        check(99, 1000);
        assert_eq!(histogram.bound(100), 0);
        let mut twice = histogram.clone();
        twice.merge(&histogram);
        assert_eq!((twice.total(), twice.bound(2)), (200, histogram.bound(1)));
    }
}
