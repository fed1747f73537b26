//! Durations, counted by size.

use std::time::Duration;

/// The upper bounds of the buckets, in microseconds, the bounds included: from a millisecond to a minute. What is
/// longer has a bucket of its own behind them.
pub const BOUNDS_MICROS: [u64; 15] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000, 60_000_000,
];

/// How many durations of which size there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Distribution {
    /// How many fell into each bucket and into none before it.
    pub counts: [u64; BOUNDS_MICROS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

impl Distribution {
    /// Counts a duration so many times.
    pub fn observe(&mut self, duration: Duration, times: u64) {
        let micros = duration.as_nanos().div_ceil(1000);
        let bucket = BOUNDS_MICROS.partition_point(|&bound| u128::from(bound) < micros);
        self.counts[bucket] += times;
        let nanos = duration.as_nanos().saturating_mul(times.into());
        self.sum = self.sum.saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_their_buckets() {
        let check = |nanos: u64, bucket: usize| {
            let mut found = Distribution::default();
            found.observe(Duration::from_nanos(nanos), 3);
            assert_eq!(found.counts.iter().position(|&count| count == 3), Some(bucket), "{nanos}");
            assert_eq!((found.count(), found.sum), (3, Duration::from_nanos(3 * nanos)));
        };
        check(0, 0);
        check(1_000_000, 0);
        check(1_000_001, 1);
        check(60_000_000_000, 14);
        check(60_000_000_001, 15);
        check(1 << 61, 15);
    }
}
