//! The set against a plain map, and its bound on memory.

use std::collections::HashMap;

use super::buckets::FOREVER;
use super::key::TABLES;
use super::*;

/// A stream of evenly spread hashes: two steps of SplitMix64.
fn id(n: u64) -> u128 {
    let mix = |n: u64| {
        let z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u128::from(z ^ (z >> 31))
    };
    mix(2 * n) | (mix(2 * n + 1) << 64)
}

#[test]
fn an_id_is_forgotten_at_its_expiry() {
    let mut dedup = Dedup::new(100);
    assert!(!dedup.seen(7, 100, 0));
    assert!(dedup.seen(7, 500, 99));
    assert!(!dedup.seen(7, 500, 100));
    assert!(dedup.seen(7, 600, 499));
    assert!(!dedup.seen(0, 510, 499));
    assert!(dedup.seen(0, 510, 499));
    assert!(!dedup.seen(1, 499, 499), "nothing that has expired is remembered");
    assert!(!dedup.seen(1, FOREVER, 499));
    assert!(dedup.seen(1, FOREVER, FOREVER - 1));
    assert!(!dedup.seen(1, FOREVER, FOREVER));
}

#[test]
fn every_bit_of_an_id_counts() {
    let mut dedup = Dedup::new(100);
    let one = id(1);
    assert!(!dedup.seen(one, 100, 0));
    for bit in 0..128 {
        assert!(!dedup.seen(one ^ (1 << bit), 100, 0), "bit {bit}");
    }
    for bit in 0..128 {
        assert!(dedup.seen(one ^ (1 << bit), 100, 0), "bit {bit}");
    }
    assert!(dedup.seen(one, 100, 0));
}

/// Ids of which only a few bits differ crowd into one table; they are slow, never wrong.
#[test]
fn crowded_ids_are_kept_apart() {
    let mut dedup = Dedup::new(100);
    for round in [false, true] {
        assert!((0..3_000u128).all(|n| dedup.seen(n, 100, 0) == round));
    }
    assert!((0..3_000u128).all(|n| !dedup.seen(n, 200, 100)));
    assert!((0..3_000u128).all(|n| dedup.seen(n, 200, 199)));
}

/// What the set is checked against.
#[derive(Default)]
struct Model {
    known: HashMap<u128, i64>,
    /// What a checkpoint would have written, in order.
    written: Vec<Entry>,
}

impl Model {
    fn seen(&mut self, id: u128, expiry: i64, watermark: i64) -> bool {
        let seen = self.known.get(&id).is_some_and(|&until| until > watermark);
        if !seen {
            self.known.insert(id, expiry);
        }
        seen
    }
}

/// Random ids, moves of the watermark, checkpoints and restarts, with expiries that `expiry` makes of the
/// watermark and a random number.
fn agrees(span: i64, steps: u32, expiry: impl Fn(i64, &mut fastrand::Rng) -> i64) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut model, mut dedup) = (Model::default(), Dedup::new(span));
    dedup.record();
    let mut watermark = 1_625_097_600_000_000 - span;
    let known_max = random.u64(100..20_000);
    for step in 0..steps {
        let id = id(random.u64(..known_max));
        let expiry = expiry(watermark, &mut random);
        assert_eq!(dedup.seen(id, expiry, watermark), model.seen(id, expiry, watermark), "step {step}");
        if random.u32(..3) == 0 {
            watermark += random.i64(0..=span / 5_000 + 1);
        }
        if random.u32(..4_000) == 0 {
            model.written.extend(dedup.take_pending().into_iter().flat_map(|(_, entries)| entries));
            if random.bool() {
                dedup = reloaded(&model.written, span, watermark, random.usize(1..4));
                dedup.record();
            }
        }
    }
    let counting = model.known.values().filter(|&&until| until > watermark).count();
    assert!(dedup.len() >= counting);
    dedup.shards.iter().for_each(Shard::check);
}

fn reloaded(written: &[Entry], span: i64, watermark: i64, parts: usize) -> Dedup {
    let written: Vec<Entry> = written.iter().filter(|entry| entry.expiry > watermark).copied().collect();
    let part = |part| {
        let mut loader = Loader::new(part, parts, span, written.len());
        let (front, back) = written.split_at(written.len() / 3);
        let mut dealt = Dealt::default();
        for entries in [back, front] {
            dealt.deal(entries);
            loader.add(&dealt);
        }
        loader
    };
    Loader::join((0..parts).map(part).collect())
}

#[test]
fn agrees_with_a_map_for_windows() {
    let minute = 60_000_000;
    agrees(4 * minute, 150_000, |watermark, random| {
        (watermark / minute + random.i64(1..5)) * minute + if random.u32(..5_000) == 0 { 1 } else { 0 }
    });
}

#[test]
fn agrees_with_a_map_for_sessions() {
    agrees(40_000_000, 150_000, |watermark, random| watermark + random.i64(1..40_000_000));
}

#[test]
fn agrees_with_a_map_for_odd_expiries() {
    agrees(5_000, 150_000, |watermark, random| match random.u32(..60) {
        0 => FOREVER,
        1 => FOREVER - random.i64(0..5),
        2 => watermark.saturating_add(random.i64(..) >> random.u32(..63)),
        3 => watermark,
        _ => watermark + random.i64(1..3_000),
    });
}

/// Sets that grow and shrink by a hundred times, while tables are being cleared, and then again in the same blocks.
#[test]
fn agrees_with_a_map_while_it_breathes() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut model, mut dedup) = (Model::default(), Dedup::new(1 << 16));
    let (mut watermark, mut fresh) = (0, 0);
    for step in 0..1_000_000u64 {
        let repeat = random.u32(..4) == 0;
        fresh += u64::from(!repeat);
        let id = id(if repeat { random.u64(fresh.saturating_sub(100_000)..=fresh) } else { fresh });
        let expiry = match random.u32(..16) {
            0 => watermark + 1,
            1 => watermark + random.i64(0..1 << 20),
            _ => (watermark >> 14 << 14) + (1 << 16),
        };
        assert_eq!(dedup.seen(id, expiry, watermark), model.seen(id, expiry, watermark), "step {step}");
        // Many ids at a time, then much time for few.
        watermark += if step / 100_000 % 2 == 0 { random.i64(0..2) } else { random.i64(0..200) };
        if step % 10_007 == 0 {
            dedup.shards.iter().for_each(Shard::check);
            model.known.retain(|_, &mut until| until > watermark);
        }
    }
}

/// An entry counts up to the last microsecond before its expiry, wherever in a bucket that lies.
#[test]
fn expiries_around_the_ends_of_buckets_are_exact() {
    let mut dedup = Dedup::new(1 << 20);
    let length = 1i64 << Buckets::for_span(1 << 20).shift();
    let around: Vec<i64> = (1..20).flat_map(|n| [n * length - 1, n * length, n * length + 1]).collect();
    for (n, &expiry) in (0..).zip(&around) {
        assert!(!dedup.seen(id(n), expiry, 0));
    }
    for (n, &expiry) in (0..).zip(&around) {
        assert!(dedup.seen(id(n), 0, expiry - 1), "{expiry}");
        assert!(!dedup.seen(id(n), 0, expiry), "{expiry}");
    }
}

/// Fills a set to `ids`, then keeps it there; asserts the bound all the way. `expiry` is that of the n-th id,
/// which comes at watermark n.
#[track_caller]
fn stays_within_bounds(ids: u64, more: u64, expiry: impl Fn(u64) -> i64) {
    let mut dedup = Dedup::new(ids as i64);
    let mut counting = std::collections::BTreeMap::<i64, u64>::new();
    let (mut live, mut worst, mut since) = (0u64, 0f64, 0);
    for n in 0..ids + more {
        let (watermark, expiry) = (n as i64, expiry(n));
        while let Some(first) = counting.first_entry().filter(|first| *first.key() <= watermark) {
            since = if *first.get() > 1_000 { n } else { since };
            live -= first.remove();
        }
        dedup.prefetch(id(n));
        assert!(!dedup.seen(id(n), expiry, watermark));
        live += 1;
        *counting.entry(expiry).or_default() += 1;
        // A whole window has just been let go of: the next calls clear it away.
        if live > 100_000 && n - since > 3 * TABLES as u64 / 2 && n % 509 == 0 {
            worst = worst.max(dedup.memory_bytes() as f64 / live as f64);
        }
    }
    println!("{ids} ids: at most {worst:.2} bytes each");
    assert!(live > 100_000 && worst <= 24.0, "{live} ids live, {worst:.2} bytes each");
}

#[test]
fn memory_follows_the_ids_for_ever() {
    stays_within_bounds(5_000_000, 0, |_| FOREVER);
}

#[test]
fn memory_follows_the_ids_of_windows() {
    // Windows of a quarter: between three and four of them count.
    stays_within_bounds(1_000_000, 2_000_000, |n| (n as i64 / 250_000 + 4) * 250_000);
    stays_within_bounds(160_000, 500_000, |n| (n as i64 / 40_000 + 4) * 40_000);
}

#[test]
fn memory_follows_the_ids_of_one_window() {
    stays_within_bounds(1_000_000, 1_500_000, |n| (n as i64 / 1_000_000 + 1) * 1_000_000 + 150_000);
}

#[test]
fn memory_follows_the_ids_of_sessions() {
    // Every expiry is another, in microseconds: three bytes each; and with five bytes.
    stays_within_bounds(1_000_000, 1_000_000, |n| n as i64 + 1_000_000);
    stays_within_bounds(1_000_000, 200_000, |n| n as i64 + 1_000_000 + ((n as i64 % 8) << 28));
    stays_within_bounds(200_000, 400_000, |n| n as i64 + 200_000);
}

#[test]
fn memory_follows_the_ids_after_many_more() {
    // Two windows of half a million, then small ones.
    let end = |n: u64| if n < 1_000_000 { (n / 500_000 + 1) * 500_000 } else { (n / 60_000 + 3) * 60_000 };
    stays_within_bounds(1_000_000, 1_000_000, |n| end(n) as i64);
}

#[test]
fn memory_follows_the_ids_if_some_are_for_ever() {
    let far = |n: u64| if n.is_multiple_of(3) { (n as i64 + 1_000_000) << 20 } else { n as i64 + 300_000 };
    stays_within_bounds(300_000, 900_000, |n| if n.is_multiple_of(5) { FOREVER } else { n as i64 + 300_000 });
    stays_within_bounds(300_000, 300_000, far);
}

#[test]
fn pending_entries_are_dropped_with_their_bucket() {
    let mut dedup = Dedup::new(1 << 10);
    assert!(!dedup.seen(id(0), 100, 0));
    assert_eq!((dedup.take_pending(), dedup.pending_bytes()), (vec![], 0), "nobody has asked");
    dedup.record();
    for n in 1..1_000 {
        assert!(!dedup.seen(id(n), n as i64 + 1, n as i64));
        assert!(dedup.seen(id(n), n as i64 + 1, n as i64));
    }
    assert!(dedup.pending_bytes() < 4_096);
    let pending = dedup.take_pending();
    assert!(pending.is_sorted_by_key(|&(bucket, _)| bucket));
    let (bucket, entries) = pending.last().unwrap();
    assert_eq!(*bucket, Buckets::for_span(1 << 10).of(1_000));
    assert!(entries.contains(&Entry::new(id(999), 1_000)));
    assert_eq!(dedup.take_pending(), vec![]);
}

/// What is new is all of what is new, whole, in blocks that were begun before, filled, or begun since.
#[test]
fn pending_entries_are_those_since_the_last_time() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let (mut random, mut dedup) = (fastrand::Rng::with_seed(seed), Dedup::new(1 << 10));
    dedup.record();
    let mut known = 0;
    for _ in 0..30 {
        let mut new: Vec<Entry> = Vec::new();
        for _ in 0..random.u64(0..6_000) {
            new.push(Entry::new(id(known), random.i64(1..1_000)));
            known += 1;
        }
        assert!(new.iter().all(|entry| !dedup.seen(entry.id(), entry.expiry, 0)));
        let pending = dedup.take_pending();
        let of = |entry: &Entry| Buckets::for_span(1 << 10).of(entry.expiry);
        assert!(pending.iter().all(|(bucket, entries)| entries.iter().all(|entry| of(entry) == *bucket)));
        let mut taken: Vec<Entry> = pending.into_iter().flat_map(|(_, entries)| entries).collect();
        let by_id = |entry: &Entry| entry.id();
        taken.sort_by_key(by_id);
        new.sort_by_key(by_id);
        assert!(taken == new);
    }
}

/// Ids that agree in all that the index looks at are told apart by the log, and full lines are gone past.
#[test]
fn ids_of_one_home_and_one_tag_are_kept_apart() {
    let (mut dedup, near) = (Dedup::new(100), |n: u128| id(7) ^ (n << 40));
    for round in 0..5 {
        let watermark = round * 100;
        for n in 0..600 {
            dedup.prefetch(near(n));
            dedup.prefetch_entry(near(n));
            // Every other one is for ever.
            let seen = n % 2 == 0 && round > 0;
            let expiry = if n % 2 == 0 { FOREVER } else { watermark + 50 + n as i64 % 50 };
            assert_eq!(dedup.seen(near(n), expiry, watermark), seen, "{round} {n}");
        }
        assert!((0..600).all(|n| dedup.seen(near(n), FOREVER, watermark + 1)));
        dedup.shards.iter().for_each(Shard::check);
    }
}

/// A bucket is passed when nothing in it counts, and may still get entries afterwards.
#[test]
fn a_bucket_that_comes_again_counts_anew() {
    let mut dedup = Dedup::new(1 << 20);
    for n in 0..10 {
        assert!(!dedup.seen(id(n), 1_000, 0));
    }
    assert!(!dedup.seen(id(99), 1_010, 1_000));
    for n in 0..10 {
        assert!(!dedup.seen(id(n), 1_020, 1_005));
        assert!(dedup.seen(id(n), 1_020, 1_019));
    }
}
