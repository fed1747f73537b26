//! The threads and channels that move a job's data, and nothing else.
//!
//! ```text
//! readers -> parsers -> front (sequencer) -> shards -> writer
//!                         |                    |          |
//!                         +----- pieces of a cut ---------+--> checkpointer
//! ```
//!
//! Readers cut chunks at record ends, parsers turn them into columns, the front merges all sources into one
//! sequence of steps (from four threads on a crew looks for ids with it), each shard applies every step to the
//! windows of its keys, and the writer merges what fires. Chunks are read only when the front asks for them, so
//! what is in flight is bounded by the credit given to each source; every channel is bounded besides. Steps are
//! numbered by their order in each channel: nothing depends on which thread was faster.
//!
//! A step may have a checkpoint cut behind it. Everyone who applies it hands over what it holds then, and goes on;
//! the checkpointer puts the pieces together.

mod absent;
mod backlog;
mod checkpointer;
mod crew;
mod cuts;
mod follower;
mod front;
pub mod ids;
mod matches;
mod parsers;
#[cfg(test)]
mod peek_tests;
mod peeks;
mod prepare;
mod progress;
mod readers;
mod resume;
mod shards;
mod silence;
pub mod snapshot;
pub mod stages;
mod start;
mod stop;
mod unlikely;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};

pub use front::rules;
pub use prepare::{Kept, Prepared, Ready, prepare};
pub use progress::Progress;
pub use readers::{layout, names};

use crate::checkpoint::written::EndingV1;
use crate::error::{Error, Result, Signal};
use crate::expr::FieldPath;
use crate::job::Job;
use crate::operator::counts::Counts;
use crate::operator::cut::SequenceCut;
use crate::operator::sequence::Sequencer;
use crate::output::mark::Mark;
use crate::output::sink::Sink;
use crate::parse::project::Projection;
use crate::stats::Summary;
use stages::Queue;

/// Where the outputs of a run go. Opened when the first step is written, so that a job that does not fit its
/// input leaves them alone.
pub struct Outputs {
    /// How much earlier runs have written of the rows.
    pub before: Mark,
    /// Opens the rows' destination.
    pub rows: Box<dyn FnOnce() -> Result<Sink> + Send>,
    /// Opens the destination of late events, if they are kept.
    pub late: Option<Box<dyn FnOnce() -> Result<Sink> + Send>>,
    /// Opens the destination of bad records, if they are kept.
    pub bad: Option<Box<dyn FnOnce() -> Result<Sink> + Send>>,
}

/// The event time field of a job, which its inputs tell where it does not.
pub fn time_field(job: &Job) -> Result<FieldPath> {
    start::check_paths(job)?;
    Ok(start::settle_time_field(job, &mut HashMap::new(), &[])?.path)
}

/// Runs a job without a state directory to its end. The summary is there whether it succeeds or fails.
pub fn run(job: &Arc<Job>, outputs: Outputs, progress: &Arc<Progress>) -> (Summary, Result<()>) {
    match prepare::plain(job) {
        Ok(prepared) => run_prepared(prepared, outputs, progress, crossbeam_channel::never()),
        Err(error) => (Summary::new(job.sources.iter().map(|source| source.name.clone())), Err(error)),
    }
}

/// Runs a job that has been prepared. A signal makes it stop behind a last checkpoint, if it is one that is kept.
pub fn run_prepared(
    prepared: Prepared,
    outputs: Outputs,
    progress: &Arc<Progress>,
    signals: Receiver<Signal>,
) -> (Summary, Result<()>) {
    progress.begin(&prepared.job.sources);
    let mut summary = Summary::new(prepared.job.sources.iter().map(|source| source.name.clone()));
    let result = start_and_run(prepared, outputs, progress, signals, &mut summary);
    (summary, result)
}

fn start_and_run(
    prepared: Prepared,
    outputs: Outputs,
    progress: &Arc<Progress>,
    signals: Receiver<Signal>,
    summary: &mut Summary,
) -> Result<()> {
    let source_names = prepared.source_names();
    let Prepared { job, time_field, seed, opened, follows, since, kept } = prepared;
    let job = &job;
    let projection = Arc::new(Projection::new(job, &time_field, seed));

    let (chunks_in, chunks_out) = bounded(job.buffer);
    // As many as can be under way, so that parsers never wait for the front.
    let (arrivals_in, arrivals_out) = bounded(front::credit(job) * front::live(job));
    // Some more than that stand in steps that shards are still at.
    let (pool_in, pool_out) = bounded(2 * front::credit(job));
    let (chunks_out, arrivals_out) = (Arc::new(chunks_out), Arc::new(arrivals_out));
    progress.stages.watch(Queue::Chunks, &chunks_out);
    progress.stages.watch(Queue::Batches, &arrivals_out);
    let readers = readers::start(job, &projection, opened, (follows, since), chunks_in, pool_out, progress);
    parsers::start(job, &projection, &chunks_out, &arrivals_in, &pool_in, progress);
    // Whoever sends is to notice when the other side has gone.
    drop((chunks_out, arrivals_in));

    let mut owners = shards::owners(job, seed);
    let (resumed, keeper) = match kept {
        None => (None, None),
        Some(kept) => {
            let (resumed, start, decisions) = kept.load(job, &mut owners)?;
            (resumed, Some((checkpointer::start(start, owners.len(), progress), decisions)))
        }
    };
    let pieces = keeper.as_ref().map(|(keeper, _)| keeper.pieces.clone());
    let shards = shards::start(job, owners, pieces.as_ref(), progress);
    let (notes_in, notes_out) = backlog::backlog(job.buffer);
    // Nothing is ever sent here: the end of the channel is the end of the writer.
    let (writer_lives, writer_ended) = bounded(0);
    let plan = writer::Plan { outputs, source_names };
    let writer = writer::start(job, plan, notes_out, shards.fired, pieces, progress, writer_lives);

    let later = front::Later { shards: shards.steps, writer: notes_in, writer_ended };
    let mut front = front::Front::new(job, &projection, readers, arrivals_out, later, progress);
    let mut before = 0;
    let keeper = keeper.map(|(keeper, decisions)| {
        let interval = job.state.as_ref().map_or(Duration::MAX, |state| state.interval);
        let cut = resumed.as_ref().map(|resumed| &resumed.sequence);
        let sum = |count: fn(&Counts) -> u64| {
            move |cut: &SequenceCut| cut.sources.iter().map(|source| count(&source.counts)).sum::<u64>()
        };
        let behind = cut.map(|cut| (sum(|counts| counts.read)(cut), cut.watermark));
        before = cut.map_or(0, sum(|counts| counts.accepted));
        let first = match &resumed {
            None => Some(EndingV1::Running),
            Some(resumed) => resumed.inputs_changed,
        };
        let begin = cuts::Begin {
            pieces: keeper.pieces,
            answers: keeper.answers,
            interval,
            decisions,
            behind,
            first,
        };
        front.keep(cuts::Cuts::new(begin, progress), signals, resumed);
        keeper.thread
    });
    let read = front.run();
    let sequencer = front.finish();
    finish(summary, &sequencer, read, Threads { shards: shards.threads, writer, keeper, before })
}

/// The threads that have something to say in the end.
struct Threads {
    /// Each ends with the number of events that it has taken.
    shards: Vec<JoinHandle<u64>>,
    /// Ends with the rows written in all.
    writer: JoinHandle<(u64, Result<()>)>,
    /// The checkpointer.
    keeper: Option<JoinHandle<()>>,
    /// How many events earlier runs have accepted.
    before: u64,
}

/// Gathers what the threads have to say. The writer's error comes first: it is why the others stopped.
fn finish(summary: &mut Summary, sequencer: &Sequencer, read: Result<()>, threads: Threads) -> Result<()> {
    let panicked = || Error::Internal("a thread of the pipeline panicked".to_owned());
    let mut added: Result<u64> = Ok(threads.before);
    for shard in threads.shards {
        added = added.and_then(|sum| Ok(sum + shard.join().map_err(|_| panicked())?));
    }
    let (rows, written) = threads.writer.join().map_err(|_| panicked())?;
    if let Some(keeper) = threads.keeper {
        keeper.join().map_err(|_| panicked())?;
    }
    summary.take(sequencer.counts(), rows);
    written?;
    read?;
    summary.check_ledger(sequencer.arrived(), added?)
}
