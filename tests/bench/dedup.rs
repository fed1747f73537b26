//! What remembering ids costs: `cargo bench --bench dedup`, or `-- 50000000` for more live ids than the caches of
//! any machine hold (1.2 GB of memory and as much of disk). With `neighbour` as one of the arguments, a second thread
//! reads and writes 256 MiB over and over meanwhile, as the other stages of a run do.
//!
//! Ids are made outside of what is timed. One in a hundred is a repeat of an id that is still remembered. Where the
//! system tells it, what is timed is the thread's own time on a processor. What eight threads would take that look for
//! ids at once is the time of the slowest of their portions, which are asked one after the other here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use windrow::checkpoint::ids as checkpoint;
use windrow::operator::dedup::{Ask, Buckets, Crew, Dedup, Entry, PARTS_MAX, Portion};
use windrow::pipeline::ids::fill;

/// How many ids are made at a time.
const BLOCK: usize = 1 << 14;
/// How many are asked for at once, by one thread and by several, as the sequencer does.
const ALONE: usize = 512;
const SHARED: usize = 1 << 13;

fn main() -> checkpoint::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let live: Vec<u64> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let live = if live.is_empty() { vec![120_000, 420_000, 5_000_000] } else { live };
    if !args.iter().any(|arg| arg == "neighbour") {
        return measure(live);
    }
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| make_noise(&over));
        let measured = measure(live);
        over.store(true, Ordering::Relaxed);
        measured
    })
}

/// Keeps caches and memory busy.
fn make_noise(over: &AtomicBool) {
    let mut numbers = vec![1u64; 32 << 20];
    while !over.load(Ordering::Relaxed) {
        numbers.iter_mut().for_each(|number| *number = number.wrapping_mul(3));
        std::hint::black_box(&mut numbers);
    }
}

fn measure(live: Vec<u64>) -> checkpoint::Result<()> {
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
        println!("{live:>9} live: {:5.1} ns an id for the slowest of {PARTS_MAX} portions", divided(live));
        files(live)?;
    }
    Ok(())
}

/// Events with these numbers, each of which comes at its number as the watermark. Four windows are remembered that hold a
/// quarter of the live ids each.
fn asks(numbers: std::ops::Range<u64>, live: u64) -> impl Iterator<Item = Ask> {
    let quarter = live / 4;
    numbers.map(move |n| {
        let repeat = n % 100 == 99;
        let number = if repeat { n - 1 - mix(n) % (quarter / 2).min(n - 1) } else { n };
        Ask { id: id(number), expiry: ((n / quarter + 4) * quarter) as i64, watermark: n as i64 }
    })
}

/// Asks one portion after the other, and adds up what the slowest of them takes.
struct InTurn(Duration);

impl Crew for InTurn {
    fn portions(&self) -> usize {
        PARTS_MAX
    }

    fn ask(&mut self, mut portions: Vec<Portion>, asks: &Arc<Vec<Ask>>) -> Vec<Portion> {
        let times = portions.iter_mut().map(|portion| {
            let start = Instant::now();
            portion.ask(asks);
            start.elapsed()
        });
        self.0 += times.max().unwrap_or_default();
        portions
    }
}

/// Nanoseconds an id that the slowest portion takes, once the first ids are forgotten.
fn divided(live: u64) -> f64 {
    let (mut dedup, mut crew, mut repeats) = (Dedup::new(live as i64), InTurn(Duration::ZERO), Vec::new());
    let (mut first, ids) = (0, (2 * live).max(2_000_000));
    while first < ids {
        if first < live {
            crew.0 = Duration::ZERO;
        }
        let block: Vec<Ask> = asks(first..first + SHARED as u64, live).collect();
        repeats.clear();
        dedup.ask_by(&mut crew, &Arc::new(block), &mut repeats);
        first += SHARED as u64;
    }
    crew.0.as_nanos() as f64 / (ids - live) as f64
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

/// Asks one thread for so many ids, `live` of which are remembered at a time.
fn stream(live: u64, ids: u64) -> Run {
    let quarter = live / 4;
    let mut dedup = Dedup::new(live as i64);
    let (mut block, mut repeated) = (Vec::with_capacity(BLOCK), Vec::new());
    let (mut filling, mut steady, mut repeats, mut bytes) = (Duration::ZERO, Duration::ZERO, 0, 0f64);
    let (since, mut first) = (Instant::now(), 0);
    while first < ids {
        block.clear();
        block.extend(asks(first..first + BLOCK as u64, live));
        let start = own_time(&since);
        for asks in block.chunks(ALONE) {
            repeated.clear();
            dedup.ask(asks, &mut repeated);
            repeats += repeated.len() as u64;
        }
        *if first < live { &mut filling } else { &mut steady } += own_time(&since) - start;
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

/// How long this thread has been on a processor, or if that is not known, how long it is since then.
fn own_time(since: &Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = told.as_deref().and_then(|told| told.split(' ').next()?.parse().ok());
    ns.map_or(since.elapsed(), Duration::from_nanos)
}

/// Writes ids to files as checkpoints do, and loads them with two threads.
fn files(live: u64) -> checkpoint::Result<()> {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let span = live as i64;
    let owner = checkpoint::Owner { run: 1, buckets: Buckets::for_span(span) };
    let mut segments = checkpoint::Segments::create(dir.path(), owner)?;
    let mut writing = Duration::ZERO;
    for first in (0..live).step_by(1 << 20) {
        let numbers = first..live.min(first + (1 << 20));
        let entries: Vec<Entry> = numbers.map(|n| Entry::new(id(n), (n as i64 / 1000 + 1) * 1000)).collect();
        let start = Instant::now();
        let runs = entries.chunk_by(|a, b| owner.buckets.of(a.expiry) == owner.buckets.of(b.expiry));
        segments.append(runs.map(|run| (owner.buckets.of(run[0].expiry), run)))?;
        writing += start.elapsed();
    }
    let start = Instant::now();
    let lengths = segments.sync(i64::MIN)?;
    let syncing = start.elapsed();
    let start = Instant::now();
    let stored = checkpoint::Stored::open(dir.path(), owner, &lengths, 0)?;
    let dedup = fill(&stored, 2, span)?;
    let loading = start.elapsed();
    assert_eq!(dedup.len() as u64, live);
    let speed = |time: Duration| live as f64 / time.as_secs_f64() / 1e6;
    println!(
        "{live:>9} in {} files: written at {:.1} M ids/s, and {:.2} s for the sync; loaded at {:.1} M ids/s",
        lengths.len(),
        speed(writing),
        syncing.as_secs_f64(),
        speed(loading)
    );
    Ok(())
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
