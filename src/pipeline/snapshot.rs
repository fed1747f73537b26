//! A run as it looks from outside at one moment: for the progress display, the status line, metrics and the account
//! of the work. Plain numbers; how they are told is up to whoever takes them.

use std::time::{Duration, Instant, SystemTime};

use super::stages::{Account, Queue, Stage};
use crate::distribution::Distribution;
use crate::operator::Held;
use crate::operator::counts::Counts;
use crate::operator::weight::Weight;

/// A run at one moment. Event times are in microseconds since the Unix epoch.
///
/// Ledgers balance: they are those of one instant between two records.
#[derive(Debug)]
pub struct Snapshot {
    /// When the run began.
    pub started: SystemTime,
    /// How long it has gone on.
    pub elapsed: Duration,
    /// Its inputs, those of one name together, and of very many all but the first ones.
    pub inputs: Vec<Input>,
    /// How many bytes of followed inputs are there, as stored, that have not been read, as of the last look at each;
    /// `None` where inputs are not followed.
    pub bytes_ahead: Option<u64>,
    /// The ledger of the job, earlier runs included.
    pub job: Counts,
    /// The ledger of this run.
    pub run: Counts,
    /// The watermark; `None` before the first event.
    pub watermark: Option<i64>,
    /// How many ids are remembered, about.
    pub ids: u64,
    /// Memory taken up by them, in bytes; `None` where nobody has asked for it.
    pub ids_bytes: Option<usize>,
    /// How far behind the watermark late events were; `None` where nobody has asked for it.
    pub late_by: Option<Distribution>,
    /// When this run has last read records.
    pub read_at: Option<SystemTime>,
    /// What the run is waiting for, if it is.
    pub waits: Option<Waits>,
    /// What has been written.
    pub rows: Rows,
    /// For each accepted event of this run, how long after its chunk was read it had been applied, and what fired
    /// with it had been written.
    pub latency: Distribution,
    /// What is open; `None` before the owners of keys have begun.
    pub held: Option<Held>,
    /// How much memory that takes up; `None` where nobody has asked for it.
    pub weight: Option<Weight>,
    /// `None` where none are made.
    pub checkpoints: Option<Checkpoints>,
    /// What the threads have done with their time.
    pub stages: [(Stage, Account); Stage::ALL.len()],
    /// How many messages wait between the stages, and for how many there is room.
    pub queues: [(Queue, (usize, usize)); Queue::ALL.len()],
}

impl Snapshot {
    /// Bytes read so far, as stored.
    pub fn bytes_read(&self) -> u64 {
        self.inputs.iter().map(|input| input.bytes).sum()
    }
}

/// What a run is waiting for.
#[derive(Debug, Clone)]
pub struct Waits {
    /// Since when.
    pub since: Instant,
    /// The input that holds the others up; `None` if none does, or there is one input.
    pub input: Option<String>,
    /// How far its watermark is behind that of the furthest, in microseconds; `None` before its first event.
    pub behind: Option<i64>,
    /// The next window closes when an event at this time or later arrives, in microseconds since the Unix epoch; `None`
    /// where windows do not close by that.
    pub closes_at: Option<i64>,
    /// Or when nobody has said anything for so long: `--idle-timeout`; `None` where only events count.
    pub closes_after: Option<Duration>,
    /// The input that holds the others up is not waited for once it has said nothing for so long.
    pub patience: Option<Duration>,
    /// Whether nothing has been read yet.
    pub is_first: bool,
}

/// An input at one moment, or several of one name.
#[derive(Debug)]
pub struct Input {
    /// The name.
    pub name: String,
    /// Bytes read so far, as stored: also those that are read again to go on behind them.
    pub bytes: u64,
    /// The ledger of this run.
    pub run: Counts,
    /// The largest event time; `None` before the first event, and once it is finished.
    pub newest: Option<i64>,
    /// Its own watermark; `None` before the first event, and once it is finished.
    pub watermark: Option<i64>,
    /// Whether nobody waits for it, since it has been silent for longer than `--idle-timeout`; `None` once it is
    /// finished.
    pub idle: Option<bool>,
    /// For how long it has brought nothing, although it was looked at; `None` once it is finished.
    pub silence: Option<Duration>,
}

/// What has been written of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    /// Rows by all runs of the job.
    pub job: u64,
    /// Rows by this run.
    pub run: u64,
    /// Bytes by this run, the header included.
    pub run_bytes: u64,
    /// Windows that have closed in this run; of sessions each, whichever its key.
    pub closed: u64,
    /// Rows by this run of windows that were open.
    pub early: u64,
    /// Rows by this run of windows that had fired before.
    pub revised: u64,
}

/// The checkpoints of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checkpoints {
    /// Whether the run has gone on from one of an earlier run.
    pub resumed: bool,
    /// How many were made, and how long it took to commit each.
    pub took: Distribution,
    /// How many could not be made: one, at most, which ends the run.
    pub failed: u64,
    /// How long the last one took.
    pub last_took: Duration,
    /// The size of the last one in bytes, the files of ids not counted; `None` before the first.
    pub last_bytes: Option<u64>,
    /// When the last one was made, by an earlier run perhaps.
    pub last_at: Option<SystemTime>,
    /// The longest that a thread of the flow stood still to hand over its piece of one.
    pub longest_pause: Duration,
}
