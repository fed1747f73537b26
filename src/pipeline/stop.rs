//! A run that is to end before its input does: a signal has asked it to, or it has failed.
//!
//! It ends at once, with a checkpoint, except where standard input is a pipe that brings only what is new: what has
//! been taken from that pipe does not come again, so it is read to the end of the record that has begun, and counted.
//! What cannot be counted is lost, and that is said.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::Progress;
use super::readers::is_regular;
use crate::error::{Error, Result};
use crate::input::{Origin, Source};
use crate::job::Job;

/// How long a run may take to count what it has taken. With the last checkpoint it is to end within a second.
const PATIENCE: Duration = Duration::from_millis(500);

/// How the run stops.
pub struct Stop {
    /// What it ends with.
    pub why: Error,
    /// What was taken counts if that is done by then.
    until: Instant,
}

impl Stop {
    /// Stops a run; its pipe, if it has such, is not read any more from now on.
    pub fn begin(why: Error, pipe: Option<u32>, progress: &Progress) -> Stop {
        let now = Instant::now();
        match pipe {
            None => Stop { why, until: now },
            Some(_) => {
                progress.stop_reading.store(true, Ordering::Relaxed);
                Stop { why, until: now + PATIENCE }
            }
        }
    }

    /// How much longer it may take.
    pub fn patience(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// How much of a pipe that brings only what is new has been taken, and how much of that was handed on in chunks. Kept
/// by its reader, which may be waiting for the end of a record when somebody else has to know.
#[derive(Debug, Default)]
pub struct Taken {
    taken: OnceLock<Arc<AtomicU64>>,
    handed_on: AtomicU64,
}

impl Taken {
    /// Looks at this pipe.
    pub fn watch(&self, pipe: &Source) {
        self.taken.get_or_init(|| pipe.progress());
    }

    /// A chunk has been handed on, and with it all that was taken but the beginning of a record.
    pub fn hand_on(&self, pipe: &Source) {
        let handed_on = pipe.stored_position().saturating_sub(pipe.begun_bytes());
        self.handed_on.store(handed_on, Ordering::Relaxed);
    }

    /// How many bytes have been taken and not handed on. Of a compressed stream, what its decoder has not given yet is
    /// not among them.
    pub fn begun_bytes(&self) -> u64 {
        let taken = self.taken.get().map_or(0, |taken| taken.load(Ordering::Relaxed));
        taken.saturating_sub(self.handed_on.load(Ordering::Relaxed))
    }
}

/// Where a run ends while inputs still wait for each other, what was taken from a pipe would have to be left unread.
///
/// # Errors
/// [`Error::Usage`] for a job that holds its windows, and reads besides such a pipe something else.
pub fn check_pipe(job: &Job) -> Result<()> {
    if job.holds() && job.sources.len() > 1 && pipe(job).is_some() {
        return Err(Error::usage(
            "--stdin-resume continue with --at-eof hold: standard input must be the only input, for what it brings \
             while others are waited for would be lost; write it to a file and name that, or close at the end",
        ));
    }
    Ok(())
}

/// What is to be said of records and bytes that were taken from the pipe and do not count, the first of them on this
/// line; `None` if there are none.
pub fn lost(records: u64, bytes: u64, line: u64) -> Option<String> {
    let counted =
        |number, one: &str| if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") };
    let what = match (records, bytes) {
        (0, 0) => return None,
        (_, 0) => counted(records, "record"),
        (0, _) => format!("{} of a record", counted(bytes, "byte")),
        _ => format!("{} and {} of another one", counted(records, "record"), counted(bytes, "byte")),
    };
    Some(format!(
        "{what} taken from standard input, from line {line} on, could not be counted before the run ended: the next \
         run does not get them again"
    ))
}

/// The number of the source that brings only what is new, if the job has one: a file is there for the next run, too.
pub fn pipe(job: &Job) -> Option<u32> {
    if !job.read.stdin_is_new {
        return None;
    }
    (0..)
        .zip(&job.sources)
        .find(|(_, source)| matches!(source.origin, Origin::Stdin) && !is_regular(&source.origin))
        .map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_said() {
        let check = |records, bytes, want: Option<&str>| {
            let said = lost(records, bytes, 3);
            let what = said.as_deref().map(|said| said.split(" taken from ").next().unwrap_or_default());
            assert_eq!(what, want);
        };
        check(0, 0, None);
        check(1, 0, Some("1 record"));
        check(0, 9, Some("9 bytes of a record"));
        check(2, 1, Some("2 records and 1 byte of another one"));
    }
}
