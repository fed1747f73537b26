//! One round: a run that is killed and continued until it is done, and what it has written by then.

use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::child::{Child, Stop};
use super::compare::{Difference, compare};
use super::job::{Files, Job, Rows};
use super::moments::{Moment, Tuning};
use super::scratch::failed;
use crate::checkpoint::inspect;
use crate::checkpoint::written::{CheckpointV1, EndingV1};
use crate::error::Result;

/// What a round went through.
#[derive(Debug, Default)]
pub struct Passed {
    /// Runs that were killed before their first checkpoint.
    pub early: u64,
    /// Runs that were killed between the first checkpoint and the last: for each, how many records the checkpoint
    /// covered that the next run went on from.
    pub midway: Vec<u64>,
    /// Runs that were killed when all was done, and on record.
    pub late: u64,
    /// How many runs there were.
    pub runs: usize,
    /// How long they took together.
    pub took: Duration,
}

/// How a run can go wrong that should have ended well: its exit, and its last message.
pub struct Broken(pub String);

/// Runs a job in this way, kills it at these moments, and lets it end.
pub fn run(
    job: &Job,
    files: &Files,
    through_pipe: bool,
    piped: bool,
    (tuning, moments): &(Tuning, Vec<Moment>),
    stop: &Stop,
) -> Result<std::result::Result<Passed, Broken>> {
    let mut passed = Passed::default();
    // Behind the last kill nothing disturbs it any more.
    for moment in moments.iter().map(Some).chain([None]) {
        let rows = if through_pipe { Rows::Pipe(passed.runs) } else { Rows::File };
        passed.runs += 1;
        let state = files.state();
        let before = inspect::newest_epoch(&state).unwrap_or(0);
        let mut child = Child::start(&job.launch(files, rows, Some(tuning), piped))?;
        let mut due = Due { moment: moment.copied(), started: Instant::now(), since: Instant::now(), before };
        let ended = match child.wait(stop, &mut || due.is_now(&state))? {
            Some(status) => Some(status),
            None => child.kill()?.err(),
        };
        passed.took += due.started.elapsed();
        if let Some(status) = ended {
            return Ok(match status.success() {
                true => Ok(passed),
                false => Err(broken(status, files)),
            });
        }
        match inspect::look(&state).map(|looked| looked.checkpoint) {
            Ok(checkpoint) if checkpoint.ending == EndingV1::Running => {
                passed.midway.push(records(&checkpoint))
            }
            Ok(_) => passed.late += 1,
            Err(_) => passed.early += 1,
        }
    }
    Ok(Ok(passed))
}

/// How many records a checkpoint covers.
pub fn records(checkpoint: &CheckpointV1) -> u64 {
    checkpoint.sources.iter().map(|source| source.records).sum()
}

/// When the next kill comes.
struct Due {
    moment: Option<Moment>,
    started: Instant,
    /// What the moment counts from.
    since: Instant,
    /// The newest checkpoint when the run began.
    before: u64,
}

impl Due {
    fn is_now(&mut self, state: &Path) -> bool {
        match self.moment {
            None => false,
            Some(Moment::Start(after)) => self.since.elapsed() >= after,
            Some(Moment::Checkpoints(count, after)) => {
                if inspect::newest_epoch(state).is_some_and(|newest| newest >= self.before + count) {
                    (self.moment, self.since) = (Some(Moment::Start(after)), Instant::now());
                }
                false
            }
        }
    }
}

/// How a run ended that failed.
pub fn broken(status: ExitStatus, files: &Files) -> Broken {
    let messages = fs::read(files.messages()).unwrap_or_default();
    let messages = String::from_utf8_lossy(&messages);
    let last = messages.lines().rfind(|line| line.starts_with("windrow: ")).unwrap_or("it said nothing");
    Broken(format!("{status}: {last}"))
}

/// Compares what two runs have written. Returns the bytes that are equal, and the first output that differs.
pub fn compare_outputs(expected: &Files, found: &Files) -> Result<(u64, Option<(&'static str, Difference)>)> {
    let outputs = [
        ("rows", expected.rows(), found.rows()),
        ("late events", expected.late(), found.late()),
        ("bad records", expected.bad(), found.bad()),
    ];
    let mut bytes = 0;
    for (name, expected, found) in outputs {
        let compared = compare(&expected, &found).map_err(|cause| failed(&found, cause))?;
        bytes += compared.bytes;
        if let Some(difference) = compared.difference {
            return Ok((bytes, Some((name, difference))));
        }
    }
    Ok((bytes, None))
}
