//! What remembering ids costs: `cargo bench --bench dedup`, or `-- 50000000` for more live ids than the caches of
//! any machine hold (1.2 GB of memory and as much of disk).
//!
//! Ids are made outside of what is timed. One in a hundred is a repeat of an id that is still remembered.

use std::time::{Duration, Instant};

use windrow::operator::dedup::{Dedup, Entry, Loader};

/// How many ids are made at a time.
const BLOCK: usize = 1 << 14;
/// How many ids ahead memory is fetched, as the sequencer does.
const AHEAD: usize = 12;

fn main() {
    let args = std::env::args().skip(1);
    let live: Vec<u64> = args.filter_map(|arg| arg.parse().ok()).collect();
    let live = if live.is_empty() { vec![120_000, 420_000, 5_000_000] } else { live };
    for live in live {
        let rounds = if live > 10_000_000 { 1 } else { 5 };
        let mut runs: Vec<Run> = (0..rounds).map(|_| stream(live, 10_000_000.max(2 * live))).collect();
        runs.sort_by_key(|run| run.steady);
        let run = &runs[rounds / 2];
        let ns = |time: Duration, ids: u64| time.as_nanos() as f64 / ids as f64;
        println!(
            "{live:>9} live: {:5.1} ns an id while it fills, {:5.1} (least {:5.1}) afterwards; at most {:.2} bytes an id",
            ns(run.filling, live),
            ns(run.steady, run.steady_ids),
            ns(runs[0].steady, run.steady_ids),
            run.bytes
        );
        load(live);
    }
}

/// What one stream took.
struct Run {
    /// Until the first id is forgotten.
    filling: Duration,
    /// From then on, for so many ids.
    steady: Duration,
    steady_ids: u64,
    /// The most bytes for an id that counts.
    bytes: f64,
}

/// Windows hold a quarter of `live` ids, and four of them are remembered: the n-th id comes at watermark n.
fn stream(live: u64, ids: u64) -> Run {
    let quarter = live / 4;
    let mut dedup = Dedup::new(live as i64);
    let mut block = Vec::with_capacity(BLOCK + AHEAD);
    let (mut filling, mut steady, mut repeats, mut bytes) = (Duration::ZERO, Duration::ZERO, 0, 0f64);
    let mut first = 0;
    while first < ids {
        block.clear();
        block.extend((first..first + (BLOCK + AHEAD) as u64).map(|n| {
            let repeat = n % 100 == 99;
            id(if repeat { n - 1 - mix(n) % (quarter / 2).min(n - 1) } else { n })
        }));
        let start = Instant::now();
        for (n, pair) in (first as i64..).zip(block.windows(AHEAD + 1)) {
            dedup.prefetch(pair[AHEAD]);
            repeats += u64::from(dedup.seen(pair[0], (n / quarter as i64 + 4) * quarter as i64, n));
        }
        *if first < live { &mut filling } else { &mut steady } += start.elapsed();
        first += BLOCK as u64;
        // Repeats are no entries, and of the oldest window nothing is left once it is passed.
        let counting = first.min(first % quarter + 3 * quarter) * 99 / 100;
        if counting > 100_000.min(live / 2) && first % quarter > BLOCK as u64 {
            bytes = bytes.max(dedup.memory_bytes() as f64 / counting as f64);
        }
    }
    assert!(repeats.abs_diff(ids / 100) < ids / 1000, "{repeats} repeats");
    Run { filling, steady, steady_ids: ids.saturating_sub(live).max(1), bytes }
}

/// A set that is filled from memory by two threads.
fn load(live: u64) {
    let entries: Vec<Entry> = (0..live).map(|n| Entry::new(id(n), i64::MAX - 1 - (n % 4) as i64)).collect();
    let start = Instant::now();
    let part = |part| {
        let mut loader = Loader::new(part, 2, live as i64, entries.len(), 0);
        loader.add(entries.iter().copied());
        loader
    };
    let dedup = std::thread::scope(|scope| {
        let other = scope.spawn(|| part(1));
        Loader::join(vec![part(0), other.join().expect("no part panics")])
    });
    let time = start.elapsed();
    assert_eq!(dedup.len(), entries.len());
    println!("{live:>9} loaded by two threads: {:5.1} M ids/s", live as f64 / time.as_secs_f64() / 1e6);
}

fn id(n: u64) -> u128 {
    u128::from(mix(2 * n)) | (u128::from(mix(2 * n + 1)) << 64)
}

/// The output of SplitMix64 (Steele, Lea and Flood 2014) for a state.
fn mix(n: u64) -> u64 {
    let z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
