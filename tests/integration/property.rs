//! Random jobs over random streams, against the naive model, in several ways of running that must not differ.
//!
//! `WINDROW_SEED=n` runs the case of that seed alone, `WINDROW_CASES=n` changes how many are run. A case that
//! fails is shrunk (records, sources and options are dropped while it still fails) and printed as a shell script.

use std::env;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde_json::Value;

use crate::common::{self, Outcome};
use crate::generate::Case;
use crate::model::{self, Counts, SetAside};

/// How many cases `cargo test` runs.
const CASES: u64 = 2_500;
/// A case takes a few milliseconds.
const HANGS_AFTER: Duration = Duration::from_secs(20);
/// Cases at a time; each has threads of its own besides.
const WORKERS: u64 = 2;

#[test]
fn random_jobs_agree_with_the_model() {
    let number =
        |name: &str| env::var(name).ok().map(|text| text.parse().expect("a number in the environment"));
    if let Some(seed) = number("WINDROW_SEED") {
        return run_seed(seed);
    }
    let cases = number("WINDROW_CASES").unwrap_or(CASES);
    let start = fastrand::u64(..1 << 40) << 20;
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            scope.spawn(move || {
                (start..start + cases).skip(worker as usize).step_by(WORKERS as usize).for_each(run_seed)
            });
        }
    });
}

fn run_seed(seed: u64) {
    let case = Case::random(seed);
    if let Err(difference) = check(&case) {
        let small = case.shrunk(&|case| check(case).is_err());
        let difference = check(&small).err().unwrap_or(difference);
        panic!("{difference}\nreproduce with WINDROW_SEED={seed}, or shrunk:\n{}", small.script());
    }
}

/// Runs a case in several ways; the error says what differs.
fn check(case: &Case) -> Result<(), String> {
    let expected = model::run(&case.job, &case.named_bytes());
    let mut first: Option<(Outcome, &str)> = None;
    for mode in case.modes() {
        let outcome = in_time(case, mode)?;
        match &first {
            None => {
                against_model(case, &expected, &outcome).map_err(|what| format!("with {mode}: {what}"))?;
                first = Some((outcome, mode));
            }
            Some((first, first_mode)) => same(first, &outcome)
                .map_err(|what| format!("{what} differ between {first_mode} and {mode}"))?,
        }
    }
    Ok(())
}

/// Runs a case in a thread of its own: a run that hangs or panics is a difference like others.
fn in_time(case: &Case, mode: &'static str) -> Result<Outcome, String> {
    let (sender, receiver) = mpsc::channel();
    let moved = case.clone();
    std::thread::spawn(move || {
        // Nobody waits any more for a run that took too long.
        let _ = sender.send(run(&moved, mode));
    });
    match receiver.recv_timeout(HANGS_AFTER) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => Err(format!("it hangs with {mode}")),
        Err(RecvTimeoutError::Disconnected) => Err(format!("it panics with {mode}")),
    }
}

fn run(case: &Case, mode: &str) -> Result<Outcome, String> {
    let options = case.options();
    let options: Vec<&str> = options.iter().map(String::as_str).chain(mode.split(' ')).collect();
    let job =
        common::job(&options, &case.inputs()).map_err(|error| format!("the job is refused: {error}"))?;
    Ok(common::run_job(job))
}

fn against_model(case: &Case, expected: &model::Outcome, outcome: &Outcome) -> Result<(), String> {
    equal("failed", &expected.failed, &outcome.result.is_err())?;
    let counts: Vec<Counts> = outcome.summary.sources.iter().map(|(_, counts)| to_model(counts)).collect();
    equal("counts", &expected.counts, &counts)?;
    if expected.rows != outcome.rows {
        return Err(format!("rows: the model has\n{}windrow has\n{}", expected.rows, outcome.rows));
    }
    equal("rows written", &expected.rows_written, &outcome.summary.rows)?;
    equal("late", &expected.late, &set_aside(&outcome.late))?;
    if case.keeps_bad() {
        equal("bad", &expected.bad, &set_aside(&outcome.bad))?;
    }
    Ok(())
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    match expected == found {
        true => Ok(()),
        false => Err(format!("{what}: the model has\n{expected:#?}\nwindrow has\n{found:#?}")),
    }
}

fn to_model(counts: &windrow::operator::counts::Counts) -> Counts {
    let windrow::operator::counts::Counts {
        read,
        accepted,
        filtered,
        late,
        duplicate,
        bad,
        partially_late,
        revising,
    } = *counts;
    Counts { read, accepted, filtered, late, duplicate, bad, partially_late, revising }
}

/// Reads what `--late FILE` or `--bad FILE` holds.
fn set_aside(text: &str) -> Vec<SetAside> {
    let read = |line: &str| {
        let object: Value = serde_json::from_str(line).expect("one JSON object a line");
        let text = |name: &str| object[name].as_str().unwrap_or("?").to_owned();
        assert!(!text("reason").is_empty(), "{line}");
        SetAside {
            source: text("source"),
            line: object["line"].as_u64().unwrap_or(0),
            offset: object["offset"].as_u64().unwrap_or(u64::MAX),
            record: text("record"),
        }
    };
    text.lines().map(read).collect()
}

fn same(a: &Outcome, b: &Outcome) -> Result<(), &'static str> {
    let error = |outcome: &Outcome| outcome.result.as_ref().err().map(ToString::to_string);
    let counts = |outcome: &Outcome| outcome.summary.object();
    match () {
        () if a.rows != b.rows => Err("the rows"),
        () if a.late != b.late => Err("the late records"),
        () if a.bad != b.bad => Err("the bad records"),
        () if counts(a) != counts(b) => Err("the counts"),
        () if error(a) != error(b) => Err("the errors"),
        () => Ok(()),
    }
}
