//! `approx_percentile(x, q)`: within 0.79 % of the value at rank `floor(q * (n - 1))`.
//!
//! A DDSketch (Masson, Rim and Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
//! Relative-Error Guarantees", VLDB 2019) with the linearly interpolated logarithm: a bucket is a
//! double's exponent with the top six bits of its mantissa, a 64th of an octave's lower end wide, and
//! its middle stands for all in it: at most 1/128 off (magnitudes below 2.3e-308 aside). Buckets are
//! counted, and merged by addition, so that order cannot show; they are found by integer arithmetic,
//! alike on every machine. There are at most 2,046 octaves of each sign.

use serde::{Deserialize, Serialize};

use super::params::Quantile;
use super::slots::{Accumulator, Slots, numbers};
use super::{Definition, Gives, Span, Takes, params, written};
use crate::number::Number;
use crate::parse::batch::{Input, NumberColumn};
use crate::prefetch::prefetch;
use crate::value::Value;

/// The entry of `approx_percentile`.
pub const APPROX_PERCENTILE: Definition = Definition {
    name: "approx_percentile",
    usage: "approx_percentile(x, q)",
    help: "percentile for q between 0 and 1, within 0.79 % of the value at that rank, in bounded memory",
    takes: Takes::Number,
    gives: Gives::Number,
    check: params::check_quantile,
    family: Some("approx_percentile"),
    make: |calls| Slots::<Sketch>::boxed(calls, params::quantile),
};

/// Bits of the mantissa that choose a bucket within its octave.
const MANTISSA_BITS: u32 = 6;
const BUCKETS: usize = 1 << MANTISSA_BITS;
const SHIFT: u32 = 52 - MANTISSA_BITS;
/// Up to here buckets are kept one by one: as many bytes as two octaves take.
const SPARSE_MAX: usize = 64;

#[derive(Default)]
struct Sketch(Option<Box<Counts>>);

/// Counts by bucket.
struct Counts {
    least: f64,
    greatest: f64,
    zeros: u64,
    positive: Store,
    negative: Store,
}

/// The counts of one sign, by magnitude.
enum Store {
    /// Bucket and count, sorted.
    Sparse(Vec<(u32, u64)>),
    /// Octaves from `first` on, those without values left out.
    Octaves { first: usize, octaves: Vec<Option<Box<[u64; BUCKETS]>>> },
}

/// The written form.
#[derive(Serialize, Deserialize)]
struct SketchV1(Option<CountsV1>);

/// Not of nothing.
#[derive(Serialize, Deserialize)]
struct CountsV1 {
    /// The bits of the least and the greatest value.
    least: u64,
    greatest: u64,
    zeros: u64,
    /// Buckets (the first 18 bits of a magnitude's double) and their counts, sorted, none of them 0.
    positive: Vec<(u32, u64)>,
    negative: Vec<(u32, u64)>,
}

impl Store {
    /// Memory taken up beside its own size, in bytes.
    fn bytes(&self) -> usize {
        match self {
            Store::Sparse(buckets) => buckets.capacity() * size_of::<(u32, u64)>(),
            Store::Octaves { octaves, .. } => {
                octaves.capacity() * size_of::<usize>()
                    + octaves.iter().flatten().count() * size_of::<[u64; BUCKETS]>()
            }
        }
    }

    fn add(&mut self, bucket: u32, count: u64) {
        match self {
            Store::Sparse(buckets) => match buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
                Ok(at) => buckets[at].1 += count,
                Err(at) if buckets.len() < SPARSE_MAX => buckets.insert(at, (bucket, count)),
                Err(_) => {
                    let buckets = std::mem::take(buckets);
                    *self = Store::Octaves { first: bucket as usize / BUCKETS, octaves: Vec::new() };
                    buckets.into_iter().for_each(|(bucket, count)| self.add(bucket, count));
                    self.add(bucket, count);
                }
            },
            Store::Octaves { first, octaves } => {
                let octave = bucket as usize / BUCKETS;
                if octave < *first {
                    octaves.splice(0..0, (octave..*first).map(|_| None));
                    *first = octave;
                }
                if octave - *first >= octaves.len() {
                    octaves.resize(octave - *first + 1, None);
                }
                let counts = octaves[octave - *first].get_or_insert_with(|| Box::new([0; BUCKETS]));
                counts[bucket as usize % BUCKETS] += count;
            }
        }
    }

    /// How many values there are.
    fn count(&self) -> u64 {
        match self {
            Store::Sparse(buckets) => buckets.iter().map(|(_, count)| count).sum(),
            Store::Octaves { octaves, .. } => {
                octaves.iter().flatten().map(|counts| counts.iter().sum::<u64>()).sum()
            }
        }
    }

    /// The bucket of the value at a rank by magnitude, which is less than their count.
    fn bucket_at(&self, mut rank: u64) -> u32 {
        // Whether the rank is among the next so many values; if not, steps over them.
        let mut is_within = |count: u64| {
            let is_within = rank < count;
            rank -= if is_within { 0 } else { count };
            is_within
        };
        let found = match self {
            Store::Sparse(buckets) => {
                buckets.iter().find(|(_, count)| is_within(*count)).map(|(bucket, _)| *bucket)
            }
            Store::Octaves { first, octaves } => {
                let mut octaves =
                    (*first..).zip(octaves).filter_map(|(n, counts)| Some((n, counts.as_ref()?)));
                octaves.find(|(_, counts)| is_within(counts.iter().sum())).and_then(|(octave, counts)| {
                    let place = counts.iter().position(|count| is_within(*count))?;
                    Some((octave * BUCKETS + place) as u32)
                })
            }
        };
        found.expect("the rank is one of a value")
    }

    /// Asks for the count of a bucket ahead of its use.
    #[inline(always)]
    fn prefetch(&self, bucket: u32) {
        if let Store::Octaves { first, octaves } = self
            && let Some(Some(counts)) = octaves.get((bucket as usize / BUCKETS).wrapping_sub(*first))
        {
            prefetch(&counts[..], bucket as usize % BUCKETS);
        }
    }

    /// Buckets with their counts, by magnitude.
    fn buckets(&self) -> Vec<(u32, u64)> {
        match self {
            Store::Sparse(buckets) => buckets.clone(),
            Store::Octaves { first, octaves } => {
                let of = |octave: usize, counts: &[u64; BUCKETS]| {
                    let bucket = move |n| ((first + octave) * BUCKETS + n) as u32;
                    let counts = counts.iter().enumerate().filter(|(_, count)| **count > 0);
                    counts.map(|(n, count)| (bucket(n), *count)).collect::<Vec<_>>()
                };
                let octaves = octaves.iter().enumerate();
                octaves
                    .filter_map(|(octave, counts)| Some(of(octave, counts.as_deref()?)))
                    .flatten()
                    .collect()
            }
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            zeros: 0,
            positive: Store::Sparse(Vec::new()),
            negative: Store::Sparse(Vec::new()),
        }
    }
}

/// The bucket of a value's magnitude.
#[inline(always)]
fn bucket(value: f64) -> u32 {
    (value.abs().to_bits() >> SHIFT) as u32
}

/// The middle of a bucket.
fn middle(bucket: u32) -> f64 {
    f64::from_bits(u64::from(bucket) << SHIFT | 1 << (SHIFT - 1))
}

impl Counts {
    fn add(&mut self, value: f64) {
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
        let bucket = bucket(value);
        if value > 0.0 {
            self.positive.add(bucket, 1);
        } else if value < 0.0 {
            self.negative.add(bucket, 1);
        } else {
            self.zeros += 1;
        }
    }

    fn merge(&mut self, other: &Counts) {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.zeros += other.zeros;
        other.positive.buckets().into_iter().for_each(|(bucket, count)| self.positive.add(bucket, count));
        other.negative.buckets().into_iter().for_each(|(bucket, count)| self.negative.add(bucket, count));
    }

    fn at(&self, quantile: Quantile) -> f64 {
        let (negative, positive) = (self.negative.count(), self.positive.count());
        let count = negative + self.zeros + positive;
        let (rank, _) = quantile.rank(count);
        // The ends are known exactly.
        if rank == 0 {
            return self.least;
        }
        if rank == count - 1 {
            return self.greatest;
        }
        let value = if rank < negative {
            -middle(self.negative.bucket_at(negative - 1 - rank))
        } else if rank < negative + self.zeros {
            0.0
        } else {
            middle(self.positive.bucket_at(rank - negative - self.zeros))
        };
        value.clamp(self.least, self.greatest)
    }
}

/// Between the live and the written form.
impl Counts {
    fn written(&self) -> CountsV1 {
        CountsV1 {
            least: self.least.to_bits(),
            greatest: self.greatest.to_bits(),
            zeros: self.zeros,
            positive: self.positive.buckets(),
            negative: self.negative.buckets(),
        }
    }

    fn read(written: CountsV1) -> Option<Counts> {
        let CountsV1 { least, greatest, zeros, positive, negative } = written;
        let (least, greatest) = (f64::from_bits(least), f64::from_bits(greatest));
        let counts = positive.iter().chain(&negative).map(|(_, count)| *count).chain([zeros]);
        let makes_sense =
            least.is_finite() && greatest.is_finite() && least <= greatest && written::count_all(counts)? > 0;
        makes_sense.then_some(Counts {
            least,
            greatest,
            zeros,
            positive: Store::read(&positive)?,
            negative: Store::read(&negative)?,
        })
    }
}

impl Store {
    fn read(buckets: &[(u32, u64)]) -> Option<Store> {
        const LAST: u32 = (f64::MAX.to_bits() >> SHIFT) as u32;
        let makes_sense = written::is_strictly(buckets, |(a, _), (b, _)| a < b)
            && buckets.iter().all(|(bucket, count)| *bucket <= LAST && *count > 0);
        let mut store = Store::Sparse(Vec::new());
        makes_sense.then(|| {
            buckets.iter().for_each(|(bucket, count)| store.add(*bucket, *count));
            store
        })
    }
}

impl Accumulator for Sketch {
    type Setup = Quantile;
    type View<'a> = &'a NumberColumn;
    type Written = SketchV1;

    fn view(input: Input<'_>) -> &NumberColumn {
        numbers(input)
    }

    const HAS_CLUES: bool = true;

    /// The bits of the value.
    #[inline(always)]
    fn clue(column: &NumberColumn, row: u32) -> u64 {
        column.get_f64(row).map_or(0, f64::to_bits)
    }

    #[inline(always)]
    fn approach(&self, clue: u64) {
        if let Some(counts) = &self.0 {
            let value = f64::from_bits(clue);
            let store = if value < 0.0 { &counts.negative } else { &counts.positive };
            store.prefetch(bucket(value));
        }
    }

    #[inline(always)]
    fn add_by(&mut self, clue: u64, setup: &Quantile, column: &NumberColumn, row: u32) {
        match clue {
            0 => self.add(setup, column, row),
            bits => self.0.get_or_insert_default().add(f64::from_bits(bits)),
        }
    }

    fn add(&mut self, _: &Quantile, column: &NumberColumn, row: u32) {
        if let Some(value) = column.get_f64(row) {
            self.0.get_or_insert_default().add(value);
        }
    }

    fn merge(&mut self, _: &Quantile, other: &Self) {
        if let Some(other) = &other.0 {
            self.0.get_or_insert_default().merge(other);
        }
    }

    fn finish(&self, quantile: &Quantile, _: Span) -> Value<'_> {
        let value = self.0.as_ref().and_then(|counts| Number::from_f64(counts.at(*quantile)));
        value.map_or(Value::Null, Value::Number)
    }

    fn beside(&self) -> Option<usize> {
        Some(
            self.0
                .as_ref()
                .map_or(0, |counts| size_of::<Counts>() + counts.positive.bytes() + counts.negative.bytes()),
        )
    }

    fn written(&self) -> SketchV1 {
        SketchV1(self.0.as_ref().map(|counts| counts.written()))
    }

    fn read(_: &Quantile, SketchV1(counts): SketchV1) -> Option<Self> {
        Some(Sketch(match counts {
            Some(counts) => Some(Box::new(Counts::read(counts)?)),
            None => None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::model_tests::check;
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn the_ends_are_exact() {
        check("approx_percentile", "0.5", "", "null");
        check("approx_percentile", "0.5", "null", "null");
        check("approx_percentile", "0.5", "0.1", "0.1");
        check("approx_percentile", "0", "3 1 2", "1");
        check("approx_percentile", "1", "3 1 2", "3");
        check("approx_percentile", "0.5", "-1 0 0 0 1", "0");
        check("approx_percentile", "0.5", "1e300 5e-324 -1e300", "1.73833895195875e-310");
    }

    #[test]
    fn stays_within_the_bound() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for octaves in [1, 10, 600] {
            let mut counts = Counts::default();
            let mut values: Vec<f64> = (0..2001)
                .map(|_| {
                    let value = 2f64.powf(random.f64() * f64::from(octaves) - f64::from(octaves / 2));
                    if random.bool() { value } else { -value }
                })
                .collect();
            values.iter().for_each(|value| counts.add(*value));
            values.sort_by(f64::total_cmp);
            for hundredth in 0..=100u32 {
                let exact = values[hundredth as usize * 20];
                let near = counts.at(Quantile { mantissa: u64::from(hundredth), scale: 2 });
                assert!((near - exact).abs() <= 0.0079 * exact.abs(), "{near} {exact} seed {seed}");
            }
        }
    }

    #[test]
    fn saved_states_stay_readable() {
        // Too many buckets to be kept one by one, of either sign.
        let octaves: String = (-80..80).map(|n| format!("{}.5e{} ", n, n / 2)).collect();
        check_golden(
            "approx_percentile",
            "0.5",
            &[
                ("1 2 null 5", "2.015625"),
                ("", "null"),
                ("0.1 -7.25 12", "0.10009765625"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "-1e-18"),
                ("1e300 0.1 0.2 -1e300", "0.10009765625"),
                ("9007199254740993 0.5", "0.5"),
                (&octaves, "-8.035605913824231e-39"),
            ],
            &[],
        );
    }
}
