//! What the sequencer needs to know of a job.

use crate::window::{Firing, Windows};

/// What the sequencer needs to know of a job. Times and durations are in microseconds.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How far the watermark trails the largest event time.
    pub delay: i64,
    /// How much longer than their windows are open ids are remembered.
    pub remember: i64,
    /// `--max-jump`.
    pub jump_max: Option<i64>,
    /// Whether repeats are dropped by id.
    pub dedup: bool,
    /// What decides about lateness.
    pub closing: Closing,
    /// When windows are written besides the moment at which they close.
    pub firing: Firing,
    /// Whether it is noted how late late events are.
    pub tells_lateness: bool,
    /// Whether late events are handed on to be written.
    pub keep_late: bool,
    /// What happens with bad records.
    pub bad: Bad,
    /// Whether a source's end is only where it ends for now: nothing is finished by it.
    pub hold: bool,
    /// The names of the sources, for messages, in the order given.
    pub sources: Vec<String>,
}

/// When an event is late.
#[derive(Debug, Clone)]
pub enum Closing {
    /// When the last of its windows has closed.
    Windows(Windows),
    /// When it stands before the watermark: `windrow order`.
    Order,
}

/// What happens with bad records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// The first one ends the run.
    Fail,
    /// They are counted.
    Count,
    /// They are counted and handed on to be written.
    Keep,
}
