//! What a run looks like from outside while it goes on.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::stages::Stages;
use super::stop::Taken;

/// What a run looks like from outside while it goes on. Written by the threads, read by the progress display.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes read so far, as stored.
    pub bytes_read: AtomicU64,
    /// Records read so far.
    pub records: AtomicU64,
    /// Late events and bad records so far.
    pub late: AtomicU64,
    /// Bad records so far.
    pub bad: AtomicU64,
    /// The watermark; `i64::MIN` before the first event.
    pub watermark: AtomicI64,
    /// Open panes or sessions, of the first shard.
    pub open_windows: AtomicU64,
    /// Rows written so far.
    pub rows: AtomicU64,
    /// Whether all has been written again that an earlier run had written behind its last checkpoint.
    pub caught_up: AtomicBool,
    /// Whether the writer is waiting for whoever takes its output.
    pub delivering: AtomicBool,
    /// Whether a pipe that brings only what is new is to be left alone.
    pub stop_reading: AtomicBool,
    /// How much of that pipe has been taken.
    pub taken: Taken,
    /// Checkpoints committed so far.
    pub checkpoints: AtomicU64,
    /// How long the last one took, in microseconds.
    pub checkpoint_micros: AtomicU64,
    /// Its size in bytes, the files of ids not counted.
    pub checkpoint_bytes: AtomicU64,
    /// The longest that a thread of the flow stood still to hand over its piece of one, in microseconds.
    pub pause_micros: AtomicU64,
    /// What the threads do with their time.
    pub stages: Arc<Stages>,
    /// Gets what the user had better know while the run goes on; unset: nobody wants to.
    pub warn: OnceLock<fn(&str)>,
    /// Gets what has been lost, which the user must know.
    pub warn_of_loss: OnceLock<fn(&str)>,
}

impl Progress {
    /// Notes a checkpoint that has been committed.
    pub(super) fn checkpoint(&self, took: Duration, bytes: u64) {
        self.checkpoint_micros.store(micros(took), Ordering::Relaxed);
        self.checkpoint_bytes.store(bytes, Ordering::Relaxed);
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes how long a thread stood still for a checkpoint.
    pub(super) fn pause(&self, took: Duration) {
        self.pause_micros.fetch_max(micros(took), Ordering::Relaxed);
    }

    /// Passes warnings on.
    pub fn warn(&self, warnings: &[String]) {
        if let Some(warn) = self.warn.get() {
            warnings.iter().for_each(|warning| warn(warning));
        }
    }

    /// Says that something has been lost.
    pub fn lost(&self, what: &str) {
        if let Some(warn) = self.warn_of_loss.get() {
            warn(what);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
