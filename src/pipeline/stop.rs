//! A run that a signal has asked to stop.
//!
//! It ends at once, with a checkpoint, except where standard input is a pipe that brings only what is new: what has
//! been taken from that pipe does not come again, so it is read to the end of the record that has begun, and counted.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Progress;
use crate::error::Signal;
use crate::input::Origin;
use crate::job::Job;

/// How long a run may take to count what it has taken. With the last checkpoint it is to end within a second.
const PATIENCE: Duration = Duration::from_millis(500);

/// How the run stops.
pub struct Stop {
    /// The signal.
    pub signal: Signal,
    /// What was taken counts if that is done by then.
    until: Instant,
}

impl Stop {
    /// Stops a run; its pipe, if it has such, is not read any more from now on.
    pub fn begin(signal: Signal, pipe: Option<u32>, progress: &Progress) -> Stop {
        let now = Instant::now();
        match pipe {
            None => Stop { signal, until: now },
            Some(_) => {
                progress.stop_reading.store(true, Ordering::Relaxed);
                Stop { signal, until: now + PATIENCE }
            }
        }
    }

    /// How much longer it may take.
    pub fn patience(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// The number of the source that brings only what is new, if the job has one.
pub fn pipe(job: &Job) -> Option<u32> {
    if !job.read.stdin_is_new {
        return None;
    }
    (0..)
        .zip(&job.sources)
        .find(|(_, source)| matches!(source.origin, Origin::Stdin))
        .map(|(number, _)| number)
}
