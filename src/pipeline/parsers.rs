//! The parser threads: chunks become batches, in any order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender};

use super::Progress;
use super::readers::{Read, What};
use super::stages::Stage;
use crate::digest;
use crate::error::{Error, Result};
use crate::input::Chunk;
use crate::job::{BadPolicy, Job};
use crate::parse::batch::{Batch, Fate, Reasons};
use crate::parse::project::{ChunkToParse, Layout, Parser, Projection};

/// What arrives at the front.
pub struct Arrival {
    /// The source.
    pub source: u32,
    /// 0, 1, 2, ... per source.
    pub number: u64,
    /// What it is.
    pub what: Arrived,
}

/// A batch and the layout it was read with, or (`None`) the source's end.
pub type Arrived = Result<Option<(Batch, Arc<Layout>)>>;

/// Starts the parsers.
pub fn start(
    job: &Arc<Job>,
    projection: &Arc<Projection>,
    chunks: &Arc<Receiver<Read>>,
    arrivals: &Sender<Arrival>,
    pool: &Sender<Vec<u8>>,
    progress: &Arc<Progress>,
) {
    for _ in 0..job.threads {
        // A copy each: regular expressions have scratch memory that threads would contend for.
        let (job, projection) = (job.clone(), Projection::clone(projection));
        let (chunks, arrivals, pool) = (chunks.clone(), arrivals.clone(), pool.clone());
        let progress = progress.clone();
        thread::spawn(move || {
            let stage = progress.stages.enter(Stage::Parse);
            let mut parser = Parser::new(&projection);
            for read in stage.drain(&chunks) {
                let Read { source, number, form, nanos, what } = read;
                let what = match what {
                    What::End(end) => end.map(|()| None),
                    What::Chunk(Chunk::Records { bytes, offset }, layout) => {
                        let len = bytes.len() as u64;
                        // Here the bytes are in the cache of the thread that goes on to parse them.
                        let digest = if job.read.digests { digest::digest(&bytes) } else { 0 };
                        let chunk = ChunkToParse { source, bytes, offset, layout: &layout, form };
                        parse(&mut parser, chunk).map(|mut batch| {
                            (batch.len, batch.digest) = (len, digest);
                            batch.pool = Some(pool.clone());
                            Some((batch, layout))
                        })
                    }
                    What::Chunk(Chunk::TooLong { offset, head, lines, len, digest }, layout) => {
                        let reason = format!(
                            "the record takes up {len} bytes with its line end, and --max-record is {}",
                            job.read.record_bytes_max
                        );
                        let mut batch = parser.too_long(source, offset, head, lines, reason);
                        (batch.len, batch.digest) = (len, digest);
                        Ok(Some((batch, layout)))
                    }
                    What::Chunk(Chunk::End, _) => Ok(None),
                };
                let what = what.map(|arrived| {
                    arrived.map(|(mut batch, layout)| {
                        batch.read_nanos = nanos;
                        (if job.bad == BadPolicy::Skip { lighten(batch, &job) } else { batch }, layout)
                    })
                });
                if stage.send(&arrivals, Arrival { source, number, what }).is_err() {
                    return;
                }
            }
        });
    }
}

/// Parses a chunk. A panic would be a bug; the front would wait for ever for the batch that did not come, so it
/// is told instead.
fn parse(parser: &mut Parser<'_>, chunk: ChunkToParse<'_>) -> Result<Batch> {
    catch_unwind(AssertUnwindSafe(|| parser.parse(chunk)))
        .map_err(|_| Error::Internal("a parser panicked".to_owned()))
}

/// Nobody will look into records that are only counted, except to say up to where a checkpoint reaches.
fn lighten(mut batch: Batch, job: &Job) -> Batch {
    batch.reasons = Reasons::default();
    if job.state.is_none() && batch.fates.iter().all(|&fate| fate == Fate::Untimed) {
        batch.texts = Default::default();
        batch.spans = Vec::new();
    }
    batch
}
