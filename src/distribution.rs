//! Durations, counted by size. It knows nothing of what they are the durations of.

use std::time::Duration;

/// Upper bounds of buckets, in microseconds, the bounds included. What is longer has a bucket of its own behind them.
pub type Bounds = [u64; 15];

const SECOND: u64 = 1_000_000;

/// From a millisecond to a minute: how long work takes.
pub const WORK: Bounds = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    SECOND,
    2_500_000,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
];

/// From a tenth of a second to a week: how late events are.
pub const LATENESS: Bounds = [
    100_000,
    500_000,
    SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
    3_600 * SECOND,
    3 * 3_600 * SECOND,
    6 * 3_600 * SECOND,
    12 * 3_600 * SECOND,
    86_400 * SECOND,
    7 * 86_400 * SECOND,
];

/// How many durations of which size there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distribution {
    /// The bounds of the buckets.
    pub bounds: &'static Bounds,
    /// How many fell into each bucket and into none before it.
    pub counts: [u64; 16],
    /// All of them together.
    pub sum: Duration,
}

impl Default for Distribution {
    /// None yet, of how long work takes.
    fn default() -> Distribution {
        Distribution::of(&WORK)
    }
}

impl Distribution {
    /// None yet, to be counted by these bounds.
    pub fn of(bounds: &'static Bounds) -> Distribution {
        Distribution { bounds, counts: [0; 16], sum: Duration::ZERO }
    }

    /// Counts a duration so many times.
    pub fn observe(&mut self, duration: Duration, times: u64) {
        let micros = duration.as_nanos().div_ceil(1000);
        let bucket = self.bounds.partition_point(|&bound| u128::from(bound) < micros);
        self.counts[bucket] += times;
        self.sum = self.sum.saturating_add(times_over(duration, times));
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// So many times a duration; the longest there is where that is too much.
fn times_over(duration: Duration, times: u64) -> Duration {
    let nanos = duration.as_nanos().saturating_mul(times.into());
    let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanos % 1_000_000_000) as u32)
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

    #[test]
    fn bounds_ascend_and_long_times_are_added_up() {
        assert!([&WORK, &LATENESS].iter().all(|bounds| bounds.is_sorted_by(|a, b| a < b)));
        let mut found = Distribution::of(&LATENESS);
        // Events that are a thousand years late, and many of them.
        let years = Duration::from_secs(1_000 * 365 * 86_400);
        found.observe(years, 1_000_000);
        found.observe(Duration::from_secs(86_400), 1);
        assert_eq!((found.counts[13], found.counts[15]), (1, 1_000_000));
        assert_eq!(found.sum, years * 1_000_000 + Duration::from_secs(86_400));
    }
}
