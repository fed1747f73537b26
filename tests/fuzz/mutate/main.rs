//! A fast differential fuzzer of the readers of records, beside libFuzzer, which is a hundred times slower but is led
//! by what it reaches:
//!
//!     cargo bench --bench mutate -- [json|csv] [RECORDS | SECONDSs] [SEED] [THREADS]
//!
//! Records of many layouts, each changed in up to three places, go block by block through the readers as in the
//! parse stage, with AVX2 and without, and through serde_json or the csv crate. Which records are accepted, where
//! each stands, every wanted value and the number of lines are compared. The first difference, or panic, ends it with
//! the seed of its round, which as SEED makes that round the first. Rounds take turns, even seeds NDJSON, odd ones
//! CSV, unless one is named.

#[path = "../reference/mod.rs"]
mod reference;

mod change;
mod csv;
mod json;
mod records;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How the reader and the reference differ.
struct Difference {
    text: String,
    record: Vec<u8>,
}

/// What was compared.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    /// Records, by what the reference says: accepted, refused, or not comparable.
    accepted: u64,
    refused: u64,
    unlike: u64,
    /// How many lines were changed.
    changed: u64,
}

impl Counts {
    /// Adds a record: whether the reference takes it, if it can be compared.
    fn add(&mut self, accepted: Option<bool>) {
        match accepted {
            Some(true) => self.accepted += 1,
            Some(false) => self.refused += 1,
            None => self.unlike += 1,
        }
    }

    fn add_all(&mut self, other: Counts) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unlike += other.unlike;
        self.changed += other.changed;
    }

    fn records(&self) -> u64 {
        self.accepted + self.refused + self.unlike
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Csv => "csv",
        }
    }
}

/// What was asked for.
#[derive(Debug)]
struct Plan {
    only: Option<Format>,
    records: u64,
    time: Duration,
    seed: u64,
    threads: u64,
}

impl Plan {
    /// Reads the arguments; `None` if they make no sense.
    fn read(args: impl Iterator<Item = String>) -> Option<Plan> {
        // Cargo passes `--bench` along.
        let mut args = args.filter(|arg| arg != "--bench").peekable();
        let only =
            [Format::Json, Format::Csv].into_iter().find(|f| args.peek().is_some_and(|a| a == f.name()));
        if only.is_some() {
            args.next();
        }
        let (mut records, mut time) = (u64::MAX, Duration::MAX);
        let most = args.next().unwrap_or("10s".to_owned());
        match most.strip_suffix('s') {
            Some(seconds) => time = Duration::from_secs(seconds.parse().ok()?),
            None => records = most.parse().ok()?,
        }
        let seed = args.next().map_or(Some(fastrand::u64(..)), |seed| seed.parse().ok())?;
        let threads = args.next().map_or(Some(1), |threads| threads.parse().ok())?;
        (threads > 0 && args.next().is_none()).then_some(Plan { only, records, time, seed, threads })
    }

    /// The format of the round with this seed.
    fn format(&self, seed: u64) -> Format {
        self.only.unwrap_or(if seed.is_multiple_of(2) { Format::Json } else { Format::Csv })
    }
}

/// All threads' work.
struct Run {
    plan: Plan,
    start: Instant,
    json: json::Json,
    csv: csv::Csv,
    counts: Mutex<Counts>,
    failed: AtomicBool,
}

/// How often a long run says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(60);

impl Run {
    /// The rounds of one thread. Returns false after a difference.
    fn rounds(&self, thread: u64) -> bool {
        let mut next_report = self.start + REPORT_EVERY;
        for n in (thread..).step_by(self.plan.threads as usize) {
            let seed = self.plan.seed.wrapping_add(n);
            let format = self.plan.format(seed);
            let mut counts = Counts::default();
            let compared = catch_unwind(AssertUnwindSafe(|| match format {
                Format::Json => self.json.round(seed, &mut counts),
                Format::Csv => self.csv.round(seed, &mut counts),
            }));
            let panicked = |_| Err(Difference { text: "a panic".to_owned(), record: Vec::new() });
            if let Err(difference) = compared.unwrap_or_else(panicked) {
                self.failed.store(true, Ordering::Relaxed);
                self.show(format, seed, &difference);
                return false;
            }
            let all = {
                let mut all = self.counts.lock().expect("no thread panics with it");
                all.add_all(counts);
                *all
            };
            let over = all.records() >= self.plan.records || self.start.elapsed() >= self.plan.time;
            if over || self.failed.load(Ordering::Relaxed) {
                break;
            }
            if thread == 0 && Instant::now() >= next_report {
                next_report += REPORT_EVERY;
                eprintln!("{}", self.account());
            }
        }
        true
    }

    fn show(&self, format: Format, seed: u64, difference: &Difference) {
        let record = String::from_utf8_lossy(&difference.record);
        eprintln!("a difference after {}", self.account());
        eprintln!("{}", difference.text);
        eprintln!("record: {record:?}");
        eprintln!("again: cargo bench --bench mutate -- {} 1 {seed}", format.name());
    }

    fn account(&self) -> String {
        let counts = *self.counts.lock().expect("no thread panics with it");
        let seconds = self.start.elapsed().as_secs_f64();
        let Counts { accepted, refused, unlike, changed } = counts;
        format!(
            "{} records in {seconds:.1} s ({:.0} a second): {changed} changed; {accepted} accepted, \
             {refused} refused, {unlike} not comparable; seed {}",
            counts.records(),
            counts.records() as f64 / seconds,
            self.plan.seed
        )
    }
}

fn main() -> ExitCode {
    let Some(plan) = Plan::read(std::env::args().skip(1)) else {
        eprintln!("usage: mutate [json|csv] [RECORDS | SECONDSs] [SEED] [THREADS]");
        return ExitCode::from(2);
    };
    let threads = plan.threads;
    let run = Run {
        plan,
        start: Instant::now(),
        json: json::Json::new(),
        csv: csv::Csv::new(),
        counts: Mutex::default(),
        failed: AtomicBool::new(false),
    };
    let agreed = std::thread::scope(|scope| {
        let run = &run;
        let all: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run.rounds(thread))).collect();
        all.into_iter().all(|one| one.join().unwrap_or(false))
    });
    println!("{}", run.account());
    if agreed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
