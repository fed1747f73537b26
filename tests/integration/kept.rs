//! Random jobs that are stopped again and again, and each time continued by another process, and such whose inputs
//! grow from run to run (`--at-eof hold`): they must end as a run that nothing disturbed. What a kill leaves is the
//! business of the fault suites; here it is what a checkpoint holds, for every job there is.
//!
//! `WINDROW_SEED=n` runs the case of that seed alone, `WINDROW_KEPT_CASES=n` changes how many are run.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use windrow::checkpoint::directory::StateDir;
use windrow::cli::outputs;
use windrow::error::{Error, Signal};
use windrow::input::Origin;
use windrow::job::{AtEof, BadPolicy, Durability, InDoubt, Job, LatePolicy, OutputFormat, StdinResume, Task};
use windrow::pipeline::{Progress, Ready, prepare, run_prepared};

use crate::common::{self, Outcome};
use crate::generate::Case;

/// How many cases `cargo test` runs.
const CASES: u64 = 150;
/// How many more are run where few of them were stopped.
const EXTRA_CASES_MAX: u64 = 1500;
/// The runs before the last one.
const RUNS_MAX: usize = 12;
/// A run takes a few milliseconds.
const HANGS_AFTER: Duration = Duration::from_secs(20);

#[test]
fn stopped_jobs_end_as_undisturbed_ones() {
    let stops = run_all(Way::Stopped);
    assert!(stops > CASES as usize / 2, "few jobs were stopped on their way: {stops} times");
}

#[test]
fn jobs_over_growing_inputs_end_as_one_over_all_of_them() {
    let runs = run_all(Way::Growing);
    assert!(runs > CASES as usize / 2, "few jobs had to wait for more: {runs} times");
}

/// How a job comes to its end.
#[derive(Clone, Copy)]
enum Way {
    /// It is stopped at random moments.
    Stopped,
    /// Each run finds more of the input.
    Growing,
}

/// Runs all cases, and returns how many runs did not get to the end.
fn run_all(way: Way) -> usize {
    let number =
        |name: &str| env::var(name).ok().map(|text| text.parse().expect("a number in the environment"));
    if let Some(seed) = number("WINDROW_SEED") {
        return run_seed(seed, way) + CASES as usize;
    }
    let cases = number("WINDROW_KEPT_CASES").unwrap_or(CASES);
    let start = fastrand::u64(..1 << 40) << 20;
    let (mut runs, mut done) = (0, 0);
    // On a busy machine many a job is done before it is stopped: then more of them are run.
    while done < cases || runs <= CASES as usize / 2 && done < cases + EXTRA_CASES_MAX {
        runs += run_seed(start + done, way);
        done += 1;
    }
    println!("{done} jobs, {runs} runs that did not get to the end");
    runs
}

/// Runs a case, and returns how many runs did not get to the end.
fn run_seed(seed: u64, way: Way) -> usize {
    let case = Case::random(seed);
    match check(&case, seed, way) {
        Ok(runs) => runs,
        Err(difference) => {
            let small = case.shrunk(&|case| check(case, seed, way).is_err());
            let difference = check(&small, seed, way).err().unwrap_or(difference);
            panic!("{difference}\nreproduce with WINDROW_SEED={seed}, or shrunk:\n{}", small.script());
        }
    }
}

fn check(case: &Case, seed: u64, way: Way) -> Result<usize, String> {
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
    let Some((found, runs)) = by_runs(&job, &mut random, way)? else { return Ok(0) };
    let error = |outcome: &Outcome| outcome.result.as_ref().err().map(ToString::to_string);
    for (what, expected, found) in [
        ("rows", &expected.rows, &found.rows),
        ("late events", &expected.late, &found.late),
        ("bad records", &expected.bad, &found.bad),
        ("account", &expected.summary.object().to_string(), &found.summary.object().to_string()),
        ("error", &error(&expected).unwrap_or_default(), &error(&found).unwrap_or_default()),
    ] {
        if expected != found {
            return Err(format!(
                "{what}, with {mode} and {runs} runs before the last: undisturbed\n{expected}\nby runs\n{found}"
            ));
        }
    }
    Ok(runs)
}

/// Runs a job until it is done, and returns what it left and how many runs it took before the last one. `None` for
/// a job over growing inputs of which one begins later: it joins the others when it does.
fn by_runs(job: &Job, random: &mut fastrand::Rng, way: Way) -> Result<Option<(Outcome, usize)>, String> {
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
    let whole = job.clone();
    let mut shown: Vec<f64> = whole.sources.iter().map(|_| random.f64()).collect();
    for round in 0.. {
        job.threads = random.usize(1..5);
        job.read.chunk_bytes = [1, 30, 200, 1 << 20][random.usize(..4)];
        let last = round >= RUNS_MAX;
        let patience = (!last && matches!(way, Way::Stopped)).then(|| random.u64(0..40));
        if let Way::Growing = way {
            shown.iter_mut().for_each(|part| *part += (1.0 - *part) * random.f64());
            show(&mut job, &whole, &shown, last);
        }
        let (summary, result) = run(&job, patience)?;
        match result {
            Err(Error::Stopped(_)) => {}
            Ok(()) if matches!(way, Way::Growing) && !last => {
                if !all_begun(&path("state")) {
                    return Ok(None);
                }
            }
            // Before all have begun others may have been read that an undisturbed run reads behind them.
            Err(_) if matches!(way, Way::Growing) && !last && !all_begun(&path("state")) => return Ok(None),
            result => {
                let text = |name| std::fs::read_to_string(path(name)).unwrap_or_default();
                let (rows, late, bad) = (text("rows"), text("late"), text("bad"));
                return Ok(Some((Outcome { summary, result, rows, late, bad }, round)));
            }
        }
    }
    unreachable!("the last round is not stopped")
}

/// Lets a job see so much of each of its inputs; all of it in the last round.
fn show(job: &mut Job, whole: &Job, parts: &[f64], last: bool) {
    for ((source, whole), part) in job.sources.iter_mut().zip(&whole.sources).zip(parts) {
        let Origin::Memory(bytes) = &whole.origin else { panic!("these inputs are in memory") };
        let len = if last { bytes.len() } else { (bytes.len() as f64 * part) as usize };
        source.origin = Origin::Memory(bytes[..len].into());
    }
    job.read.hold = !last;
    if let Some(state) = &mut job.state {
        state.at_eof = if last { AtEof::Close } else { AtEof::Hold };
    }
}

/// Whether every source has shown an event by the last checkpoint.
fn all_begun(state: &std::path::Path) -> bool {
    let dir = StateDir::look(state).expect("it is a state directory");
    let Some(&epoch) = dir.epochs().expect("it can be read").first() else { return false };
    let checkpoint = dir.read(epoch).expect("it can be read").expect("it is whole");
    checkpoint.sources.iter().all(|source| source.largest.is_some())
}

type Ended = (windrow::stats::Summary, windrow::error::Result<()>);

/// Runs a job, and stops it when it has read so many records, if it gets there.
fn run(job: &Job, patience: Option<u64>) -> Result<Ended, String> {
    let refused = |error: Error| format!("refused: {error}");
    let (prepared, kept_outputs) = match prepare_unlocked(job).map_err(refused)? {
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

/// Prepares a job. Another test of this process may be starting a program just now, which has a copy of every lock
/// until it has become that program: then the lock of the run before seems to be held still.
fn prepare_unlocked(job: &Job) -> windrow::error::Result<Ready> {
    let started = Instant::now();
    loop {
        match prepare(job.clone()) {
            Err(Error::InUse(_)) if started.elapsed() < HANGS_AFTER => {
                thread::sleep(Duration::from_millis(2));
            }
            prepared => return prepared,
        }
    }
}

/// Sends a signal when so many records have been read.
fn stopper(progress: &Arc<Progress>, over: &Arc<AtomicBool>, patience: Option<u64>) -> Receiver<Signal> {
    let (sender, receiver) = bounded(1);
    let Some(records) = patience else { return crossbeam_channel::never() };
    let (progress, over) = (progress.clone(), over.clone());
    thread::spawn(move || {
        let started = Instant::now();
        while progress.snapshot().run.read <= records {
            if over.load(Ordering::Relaxed) || started.elapsed() > HANGS_AFTER {
                return;
            }
            thread::yield_now();
        }
        let _ = sender.send(Signal::Terminate);
    });
    receiver
}
