//! Random jobs that are stopped again and again, and each time continued by another process: they must end as a
//! run that nothing disturbed. What a kill leaves is the business of the fault suites; here it is what a
//! checkpoint holds, for every job there is.
//!
//! `WINDROW_SEED=n` runs the case of that seed alone, `WINDROW_KEPT_CASES=n` changes how many are run.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use windrow::cli::outputs;
use windrow::error::{Error, Signal};
use windrow::job::{AtEof, BadPolicy, Durability, InDoubt, Job, LatePolicy, OutputFormat, StdinResume, Task};
use windrow::pipeline::{Progress, Ready, prepare, run_prepared};

use crate::common::{self, Outcome};
use crate::generate::Case;

/// How many cases `cargo test` runs.
const CASES: u64 = 150;
/// How often a job is stopped at most.
const STOPS_MAX: usize = 12;
/// A run takes a few milliseconds.
const HANGS_AFTER: Duration = Duration::from_secs(20);

#[test]
fn stopped_jobs_end_as_undisturbed_ones() {
    let number =
        |name: &str| env::var(name).ok().map(|text| text.parse().expect("a number in the environment"));
    if let Some(seed) = number("WINDROW_SEED") {
        run_seed(seed);
        return;
    }
    let cases = number("WINDROW_KEPT_CASES").unwrap_or(CASES);
    let start = fastrand::u64(..1 << 40) << 20;
    let stops: usize = (start..start + cases).map(run_seed).sum();
    println!("{cases} jobs, stopped {stops} times");
    assert!(stops as u64 > cases / 2, "few jobs were stopped on their way: {stops} times in {cases} jobs");
}

/// Runs a case, and returns how often it was stopped on its way.
fn run_seed(seed: u64) -> usize {
    let case = Case::random(seed);
    match check(&case, seed) {
        Ok(stops) => stops,
        Err(difference) => {
            let small = case.shrunk(&|case| check(case, seed).is_err());
            let difference = check(&small, seed).err().unwrap_or(difference);
            panic!("{difference}\nreproduce with WINDROW_SEED={seed}, or shrunk:\n{}", small.script());
        }
    }
}

fn check(case: &Case, seed: u64) -> Result<usize, String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let options = case.options();
    let modes = ["-j 1", "-j 2 --chunk-bytes 20", "-j 4 --chunk-bytes 100 --buffer 1"];
    let mode = modes[random.usize(..modes.len())];
    let options: Vec<&str> = options.iter().map(String::as_str).chain(mode.split(' ')).collect();
    let job =
        common::job(&options, &case.inputs()).map_err(|error| format!("the job is refused: {error}"))?;
    if matches!(&job.task, Task::Aggregate(task) if task.to == OutputFormat::Table) {
        return Ok(0);
    }
    let expected = common::run_job(job.clone());
    let (found, stops) = stopped(&job, &mut random)?;
    let error = |outcome: &Outcome| outcome.result.as_ref().err().map(ToString::to_string);
    for (what, expected, found) in [
        ("rows", &expected.rows, &found.rows),
        ("late events", &expected.late, &found.late),
        ("bad records", &expected.bad, &found.bad),
        ("account", &expected.summary.json(), &found.summary.json()),
        ("error", &error(&expected).unwrap_or_default(), &error(&found).unwrap_or_default()),
    ] {
        if expected != found {
            return Err(format!(
                "{what}, with {mode} and {stops} stops: undisturbed\n{expected}\nstopped\n{found}"
            ));
        }
    }
    Ok(stops)
}

/// Runs a job, stops it at random moments, and continues it until it is done.
fn stopped(job: &Job, random: &mut fastrand::Rng) -> Result<(Outcome, usize), String> {
    let dir = tempfile::tempdir().expect("there is room for a directory");
    let path = |name: &str| dir.path().join(name);
    let mut job = job.clone();
    job.output = Some(path("rows"));
    if let LatePolicy::File(late) = &mut job.late {
        *late = path("late");
    }
    if let BadPolicy::File(bad) = &mut job.bad {
        *bad = path("bad");
    }
    job.read.digests = true;
    job.state = Some(Durability {
        dir: path("state"),
        interval: Duration::ZERO,
        at_eof: AtEof::Close,
        stdin_resume: StdinResume::Replay,
        in_doubt: InDoubt::Repeat,
        replay: false,
    });
    let mut stops = 0;
    for round in 0.. {
        job.threads = random.usize(1..5);
        job.read.chunk_bytes = [1, 30, 200, 1 << 20][random.usize(..4)];
        let patience = (round < STOPS_MAX).then(|| random.u64(0..40));
        let (summary, result) = run(&job, patience)?;
        match result {
            Err(Error::Stopped(_)) => stops += 1,
            result => {
                let text = |name| std::fs::read_to_string(path(name)).unwrap_or_default();
                let (rows, late, bad) = (text("rows"), text("late"), text("bad"));
                return Ok((Outcome { summary, result, rows, late, bad }, stops));
            }
        }
    }
    unreachable!("the last round is not stopped")
}

type Ended = (windrow::stats::Summary, windrow::error::Result<()>);

/// Runs a job, and stops it when it has read so many records, if it gets there.
fn run(job: &Job, patience: Option<u64>) -> Result<Ended, String> {
    let refused = |error: Error| format!("refused: {error}");
    let (prepared, kept_outputs) = match prepare(job.clone()).map_err(refused)? {
        Ready::Run(prepared, notes) if notes.is_empty() => {
            let outputs = outputs::outputs(&prepared.job, prepared.kept.as_ref()).map_err(refused)?;
            (prepared, outputs)
        }
        Ready::Run(_, notes) => return Err(format!("notes: {notes:?}")),
        Ready::Done(..) => return Err("a job that was stopped is done".to_owned()),
    };
    let progress = Arc::new(Progress::default());
    let over = Arc::new(AtomicBool::new(false));
    let signals = stopper(&progress, &over, patience);
    let (sender, ended) = bounded(1);
    thread::spawn(move || {
        let _ = sender.send(run_prepared(prepared, kept_outputs, &progress, signals));
    });
    let ended = ended.recv_timeout(HANGS_AFTER).map_err(|error| format!("it hangs or panics: {error}"));
    over.store(true, Ordering::Relaxed);
    ended
}

/// Sends a signal when so many records have been read.
fn stopper(progress: &Arc<Progress>, over: &Arc<AtomicBool>, patience: Option<u64>) -> Receiver<Signal> {
    let (sender, receiver) = bounded(1);
    let Some(records) = patience else { return crossbeam_channel::never() };
    let (progress, over) = (progress.clone(), over.clone());
    thread::spawn(move || {
        let started = Instant::now();
        while progress.records.load(Ordering::Relaxed) <= records {
            if over.load(Ordering::Relaxed) || started.elapsed() > HANGS_AFTER {
                return;
            }
            thread::yield_now();
        }
        let _ = sender.send(Signal::Terminate);
    });
    receiver
}
