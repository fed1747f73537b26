//! `approx_distinct(x)`: how many different values, within a standard error of 1.6 %.
//!
//! Exact up to 512 values (kept as hashes), then HyperLogLog with 4,096 registers and Ertl's improved
//! estimator, whose standard error is 1.04 / sqrt(4096) (O. Ertl, "New cardinality estimation algorithms
//! for HyperLogLog sketches", 2017, arXiv:1702.01284, algorithm 6). Both forms are functions of the set
//! of hashes alone, so that order and merges cannot show; the hash has a fixed seed.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::count::count_value;
use super::slots::{Accumulator, Slots};
use super::stored::split;
use super::written::{self, Bytes};
use super::{Definition, Gives, Span, Takes, params};
use crate::parse::batch::Input;
use crate::prefetch::prefetch;
use crate::value::Value;

/// The entry of `approx_distinct`.
pub const APPROX_DISTINCT: Definition = Definition {
    name: "approx_distinct",
    usage: "approx_distinct(x)",
    help: "how many different values, in at most 8 KiB: exact up to 512, then with a standard error of 1.6 %",
    takes: Takes::Any,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<ApproxDistinct>::boxed(calls, |_| ()),
};

/// Results of other runs depend on it: it never changes.
const SEED: u64 = 0x7769_6e64_726f_7700;
/// The first bits of a hash choose the register.
const INDEX_BITS: u32 = 12;
const REGISTERS: usize = 1 << INDEX_BITS;
/// What is left of a hash decides the register's value, at most one more than this.
const RANK_BITS: usize = 64 - INDEX_BITS as usize;
/// Up to here hashes are kept.
const EXACT_MAX: usize = REGISTERS / size_of::<u64>();

/// The sketch of one group: which hashes it has met.
#[derive(Debug)]
pub(crate) enum ApproxDistinct {
    /// At most [`EXACT_MAX`].
    Exact(Hashes),
    /// Per register the greatest rank of the hashes that chose it.
    Registers(Box<[u8; REGISTERS]>),
}

/// A set of hashes by open addressing; at most half of the places are taken.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    /// 0 is free; the length is 0 or a power of two.
    places: Vec<u64>,
    /// How many hashes there are in the places.
    taken: usize,
    /// Whether the hash 0 is one of the set.
    has_zero: bool,
}

impl Hashes {
    fn len(&self) -> usize {
        self.taken + usize::from(self.has_zero)
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        self.has_zero.then_some(0).into_iter().chain(self.places.iter().copied().filter(|&hash| hash != 0))
    }

    /// Enters a hash; `false` if it is not there and there is no room for it.
    #[inline]
    fn insert(&mut self, hash: u64) -> bool {
        if hash == 0 {
            return self.insert_zero();
        }
        if self.taken * 2 >= self.places.len() {
            self.grow();
        }
        let at = self.place(hash);
        if self.places[at] == hash {
            return true;
        }
        if self.len() == EXACT_MAX {
            return false;
        }
        self.places[at] = hash;
        self.taken += 1;
        true
    }

    /// Where a hash stands, or the free place where it would.
    #[inline(always)]
    fn place(&self, hash: u64) -> usize {
        let mask = self.places.len() - 1;
        // The upper bits choose registers, and hashes of two sketches that are merged come by places.
        let mut at = hash as usize & mask;
        while self.places[at] != 0 && self.places[at] != hash {
            at = (at + 1) & mask;
        }
        at
    }

    #[cold]
    fn insert_zero(&mut self) -> bool {
        self.has_zero |= self.len() < EXACT_MAX;
        self.has_zero
    }

    #[cold]
    fn grow(&mut self) {
        // Most sets that grow grow on.
        let places = (self.places.len() * 4).clamp(8, 2 * EXACT_MAX);
        if places == self.places.len() {
            return;
        }
        let old = std::mem::replace(&mut self.places, vec![0; places]);
        for hash in old.into_iter().filter(|&hash| hash != 0) {
            let at = self.place(hash);
            self.places[at] = hash;
        }
    }
}

/// The written form.
#[derive(Serialize, Deserialize)]
pub(crate) enum ApproxDistinctV1 {
    /// At most 512 hashes, sorted.
    Exact(Vec<u64>),
    /// 4,096 ranks of at most 53.
    Registers(Bytes),
}

impl Default for ApproxDistinct {
    fn default() -> Self {
        ApproxDistinct::Exact(Hashes::default())
    }
}

impl ApproxDistinct {
    /// Enters a hash, by 64 bits that are as good as random.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64) {
        match self {
            ApproxDistinct::Registers(registers) => raise(registers, hash),
            ApproxDistinct::Exact(hashes) => {
                if !hashes.insert(hash) {
                    raise(self.registers(), hash);
                }
            }
        }
    }

    /// The registers, which the hashes kept so far are entered into.
    #[cold]
    fn registers(&mut self) -> &mut [u8; REGISTERS] {
        if let ApproxDistinct::Exact(hashes) = self {
            let mut registers = Box::new([0; REGISTERS]);
            hashes.iter().for_each(|hash| raise(&mut registers, hash));
            *self = ApproxDistinct::Registers(registers);
        }
        match self {
            ApproxDistinct::Registers(registers) => registers,
            ApproxDistinct::Exact(_) => unreachable!("the hashes were turned into registers"),
        }
    }

    /// Whether [`ApproxDistinct::estimate`] is exact.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, ApproxDistinct::Exact(_))
    }

    /// How many different hashes were entered.
    pub(crate) fn estimate(&self) -> u64 {
        match self {
            ApproxDistinct::Exact(hashes) => hashes.len() as u64,
            ApproxDistinct::Registers(registers) => estimate(registers).round() as u64,
        }
    }
}

fn raise(registers: &mut [u8; REGISTERS], hash: u64) {
    let register = &mut registers[register(hash)];
    // The mark bit bounds the rank where all of the rest is zero.
    let rest = hash << INDEX_BITS | 1 << (INDEX_BITS - 1);
    *register = (*register).max(rest.leading_zeros() as u8 + 1);
}

/// Only additions, multiplications, divisions and square roots, which round alike on every machine.
fn estimate(registers: &[u8; REGISTERS]) -> f64 {
    // Four counts of each rank: neighbours mostly have the same, and one count would wait for itself.
    let mut counts = [[0u32; 4]; RANK_BITS + 2];
    for ranks in registers.as_chunks::<4>().0 {
        ranks.iter().enumerate().for_each(|(n, rank)| counts[usize::from(*rank)][n] += 1);
    }
    let counts = counts.map(|counts| counts.iter().sum::<u32>());
    let size = REGISTERS as f64;
    let mut sum = size * tau(1.0 - f64::from(counts[RANK_BITS + 1]) / size);
    for count in counts[1..=RANK_BITS].iter().rev() {
        sum = 0.5 * (sum + f64::from(*count));
    }
    sum += size * sigma(f64::from(counts[0]) / size);
    size * size / (2.0 * std::f64::consts::LN_2) / sum
}

/// The series over registers that are still zero; x is their share.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum == before {
            return sum;
        }
    }
}

/// The series over registers at their greatest value; 1 - x is their share.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum == before {
            return sum / 3.0;
        }
    }
}

/// The hash of a row's value, if it has one.
#[inline(always)]
fn hash(input: Input<'_>, row: u32) -> Option<u64> {
    let value = input.value(row);
    let (kind, text) = split(&value)?;
    Some(xxh3_64_with_seed(text.as_bytes(), SEED + kind as u64))
}

/// Which register a hash chooses.
#[inline(always)]
fn register(hash: u64) -> usize {
    (hash >> RANK_BITS) as usize
}

impl Accumulator for ApproxDistinct {
    type Setup = ();
    type View<'a> = Input<'a>;
    type Written = ApproxDistinctV1;

    fn view(input: Input<'_>) -> Input<'_> {
        input
    }

    #[inline(always)]
    fn soon(input: Input<'_>, row: u32) {
        input.prefetch(row);
    }

    const HAS_CLUES: bool = true;

    /// The hash.
    #[inline(always)]
    fn clue(input: Input<'_>, row: u32) -> u64 {
        hash(input, row).unwrap_or(0)
    }

    #[inline(always)]
    fn approach(&self, clue: u64) {
        match self {
            ApproxDistinct::Exact(hashes) => {
                prefetch(&hashes.places, clue as usize & hashes.places.len().wrapping_sub(1));
            }
            ApproxDistinct::Registers(registers) => prefetch(&registers[..], register(clue)),
        }
    }

    #[inline(always)]
    fn add_by(&mut self, clue: u64, setup: &(), input: Input<'_>, row: u32) {
        match clue {
            0 => self.add(setup, input, row),
            hash => self.insert(hash),
        }
    }

    fn add(&mut self, _: &(), input: Input<'_>, row: u32) {
        if let Some(hash) = hash(input, row) {
            self.insert(hash);
        }
    }

    fn merge(&mut self, _: &(), other: &Self) {
        match other {
            ApproxDistinct::Exact(hashes) => hashes.iter().for_each(|hash| self.insert(hash)),
            ApproxDistinct::Registers(others) => {
                for (rank, other) in self.registers().iter_mut().zip(others.iter()) {
                    *rank = (*rank).max(*other);
                }
            }
        }
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        count_value(self.estimate())
    }

    fn beside(&self) -> Option<usize> {
        Some(match self {
            ApproxDistinct::Exact(hashes) => hashes.places.capacity() * size_of::<u64>(),
            ApproxDistinct::Registers(_) => REGISTERS,
        })
    }

    fn written(&self) -> ApproxDistinctV1 {
        match self {
            ApproxDistinct::Exact(hashes) => {
                let mut hashes: Vec<u64> = hashes.iter().collect();
                hashes.sort_unstable();
                ApproxDistinctV1::Exact(hashes)
            }
            ApproxDistinct::Registers(ranks) => ApproxDistinctV1::Registers(Bytes(ranks.to_vec())),
        }
    }

    fn read(_: &(), written: ApproxDistinctV1) -> Option<Self> {
        match written {
            ApproxDistinctV1::Exact(hashes) => {
                let makes_sense = hashes.len() <= EXACT_MAX && written::is_strictly(&hashes, |a, b| a < b);
                let mut set = Hashes::default();
                makes_sense.then(|| {
                    for hash in hashes {
                        set.insert(hash);
                    }
                    ApproxDistinct::Exact(set)
                })
            }
            ApproxDistinctV1::Registers(Bytes(ranks)) => {
                let ranks: Box<[u8; REGISTERS]> = ranks.into_boxed_slice().try_into().ok()?;
                let makes_sense = ranks.iter().all(|rank| usize::from(*rank) <= RANK_BITS + 1);
                makes_sense.then_some(ApproxDistinct::Registers(ranks))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::model_tests::check;
    use crate::aggregate::save_tests::check_golden;
    use crate::checkpoint::codec;

    #[test]
    fn is_exact_while_few() {
        check("approx_distinct", "", "", "0");
        check("approx_distinct", "", "null", "0");
        check("approx_distinct", "", "1 1.0 \"1\" 1 true", "4");
    }

    /// Repeats and any order, one by one and by halves, against a set.
    #[test]
    fn is_exact_whatever_the_order() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for range in [1, 60, 500, 513, 700] {
            let (mut sketch, mut half, mut other) = Default::default();
            let mut set = std::collections::BTreeSet::new();
            for n in 0..2_000 {
                let hash = xxh3_64_with_seed(&random.u64(0..range).to_le_bytes(), SEED);
                ApproxDistinct::insert(&mut sketch, hash);
                ApproxDistinct::insert(if random.bool() { &mut half } else { &mut other }, hash);
                set.insert(hash);
                if set.len() <= EXACT_MAX && n % 7 == 0 {
                    assert_eq!(sketch.estimate(), set.len() as u64);
                }
            }
            half.merge(&(), &other);
            assert_eq!(codec::encode(&half.written()), codec::encode(&sketch.written()));
            assert_eq!(sketch.is_exact(), set.len() <= EXACT_MAX);
        }
    }

    #[test]
    fn stays_within_five_standard_errors() {
        let mut sketch = ApproxDistinct::default();
        for n in 1..=1_000_000u64 {
            sketch.insert(xxh3_64_with_seed(&n.to_le_bytes(), SEED));
            if [512, 513, 1000, 5000, 20_000, 100_000, 1_000_000].contains(&n) {
                let error = (sketch.estimate() as f64 - n as f64).abs() / n as f64;
                assert!(error <= if n <= 512 { 0.0 } else { 5.0 * 0.01625 }, "{n} {error}");
            }
        }
    }

    #[test]
    fn the_extremes_of_registers_have_an_estimate() {
        let full = ApproxDistinct::Registers(Box::new([RANK_BITS as u8 + 1; REGISTERS]));
        let empty = ApproxDistinct::Registers(Box::new([0; REGISTERS]));
        assert_eq!((full.estimate(), empty.estimate()), (u64::MAX, 0));
        let mut registers = [0; REGISTERS];
        raise(&mut registers, 0);
        raise(&mut registers, u64::MAX);
        assert_eq!((registers[0], registers[REGISTERS - 1]), (RANK_BITS as u8 + 1, 1));
    }

    #[test]
    fn saved_states_stay_readable() {
        let many: String = (0..600).map(|n| format!("{n} ")).collect();
        check_golden(
            "approx_distinct",
            "",
            &[
                (r#"1.50 "b" null 1.5"#, "3"),
                ("", "0"),
                (r#""a-text-that-is-too-long-to-stay-inline" "é""#, "2"),
                ("-1e400 12345678901234567890.123456789012345678901234567890", "2"),
                (r#"true {"k":["v",1e5]}"#, "2"),
                ("false", "1"),
            ],
            &[(&many, "593"), ("007 x", "2")],
        );
    }
}
