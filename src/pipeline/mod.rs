//! The threads and channels that move a job's data, and nothing else.
//!
//! ```text
//! readers -> parsers -> front (sequencer) -> shards -> writer
//! ```
//!
//! Readers cut chunks at record ends, parsers turn them into columns, the front merges all sources into one
//! sequence of steps, each shard applies every step to the windows of its keys, and the writer merges what
//! fires. Chunks are read only when the front asks for them, so what is in flight is bounded by the credit
//! given to each source; every channel is bounded besides. Steps are numbered by their order in each channel:
//! nothing depends on which thread was faster.

mod absent;
mod front;
mod parsers;
mod readers;
mod shards;
mod start;
mod writer;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use crossbeam_channel::bounded;

use crate::error::{Error, Result};
use crate::job::Job;
use crate::operator::sequence::Sequencer;
use crate::output::sink::Sink;
use crate::parse::project::Projection;
use crate::stats::Summary;

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
    /// Gets what the user had better know while the run goes on; unset: nobody wants to.
    pub warn: OnceLock<fn(&str)>,
}

impl Progress {
    /// Passes warnings on.
    fn warn(&self, warnings: &[String]) {
        if let Some(warn) = self.warn.get() {
            warnings.iter().for_each(|warning| warn(warning));
        }
    }
}

/// Where the outputs of a run go. Opened when the first step is written, so that a job that does not fit its
/// input leaves them alone.
pub struct Outputs {
    /// Opens the rows' destination.
    pub rows: Box<dyn FnOnce() -> Result<Sink> + Send>,
    /// Opens the destination of late events, if they are kept.
    pub late: Option<Box<dyn FnOnce() -> Result<Sink> + Send>>,
    /// Opens the destination of bad records, if they are kept.
    pub bad: Option<Box<dyn FnOnce() -> Result<Sink> + Send>>,
}

/// Runs a job to its end. The summary is there whether it succeeds or fails.
pub fn run(job: &Arc<Job>, outputs: Outputs, progress: &Arc<Progress>) -> (Summary, Result<()>) {
    progress.watermark.store(i64::MIN, Ordering::Relaxed);
    let mut summary = Summary::new(job.sources.iter().map(|source| source.name.clone()));
    let result = start_and_run(job, outputs, progress, &mut summary);
    (summary, result)
}

fn start_and_run(
    job: &Arc<Job>,
    outputs: Outputs,
    progress: &Arc<Progress>,
    summary: &mut Summary,
) -> Result<()> {
    start::check_paths(job)?;
    let (time_field, opened) = start::settle_time_field(job)?;
    let projection = Arc::new(Projection::new(job, &time_field));

    let (chunks_in, chunks_out) = bounded(job.buffer);
    // As many as can be under way, so that parsers never wait for the front.
    let (arrivals_in, arrivals_out) = bounded(front::credit(job) * job.sources.len());
    let (pool_in, pool_out) = bounded(front::credit(job));
    let readers = readers::start(job, &projection, opened, chunks_in, pool_out, progress);
    parsers::start(job, &projection, chunks_out, &arrivals_in, &pool_in);
    drop(arrivals_in);

    let mut shards = shards::start(job, progress);
    let (steps_in, steps_out) = bounded(job.buffer);
    // Nothing is ever sent here: the end of the channel is the end of the writer.
    let (writer_lives, writer_ended) = bounded(0);
    let writer = writer::start(job, outputs, steps_out, shards.fired, progress, writer_lives);
    shards.steps.push(steps_in);

    let mut front =
        front::Front::new(job, &projection, readers, arrivals_out, shards.steps, writer_ended, progress);
    let read = front.run();
    let sequencer = front.finish();
    finish(summary, &sequencer, read, shards.threads, writer)
}

/// Gathers what the threads have to say. The writer's error comes first: it is why the others stopped.
fn finish(
    summary: &mut Summary,
    sequencer: &Sequencer,
    read: Result<()>,
    shards: Vec<JoinHandle<u64>>,
    writer: JoinHandle<(u64, Result<()>)>,
) -> Result<()> {
    let panicked = || Error::Internal("a thread of the pipeline panicked".to_owned());
    let mut added: Result<u64> = Ok(0);
    for shard in shards {
        added = added.and_then(|sum| Ok(sum + shard.join().map_err(|_| panicked())?));
    }
    let (rows, written) = writer.join().map_err(|_| panicked())?;
    summary.take(sequencer.counts(), rows);
    written?;
    read?;
    summary.check_ledger(sequencer.arrived(), added?)
}
