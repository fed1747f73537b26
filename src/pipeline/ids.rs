//! The remembered ids of a checkpoint, loaded by several threads before the others start.

use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::bounded;

use super::front::rules;
use crate::checkpoint::directory::{StateDir, Unusable};
use crate::checkpoint::ids::{Error, Lengths, Owner, Stored};
use crate::checkpoint::written::CheckpointV1;
use crate::error::Result;
use crate::job::Job;
use crate::job::fingerprint::Fingerprint;
use crate::operator::dedup::{Buckets, Dealt, Dedup, Loader, PARTS_MAX};
use crate::operator::sequence::span;

/// The ids of a checkpoint.
pub struct Loaded {
    /// Their files.
    pub stored: Stored,
    /// All that are remembered.
    pub dedup: Dedup,
}

/// How a job's files of ids are told from those of others.
pub fn owner(job: &Job, checkpoint: &CheckpointV1) -> Owner {
    Owner { run: checkpoint.run, buckets: Buckets::for_span(span(&rules(job))) }
}

/// Loads the ids of a checkpoint, if the job has ids and is the one that it was taken of. The inner error is what
/// is wrong with them.
pub fn load(
    job: &Job,
    dir: &Path,
    checkpoint: &CheckpointV1,
) -> Result<std::result::Result<Option<Loaded>, Unusable>> {
    let there = Fingerprint(checkpoint.job.clone());
    if job.ids.is_empty() || there.difference(&job.fingerprint).is_some() {
        return Ok(Ok(None));
    }
    match try_load(job, dir, checkpoint) {
        Ok(loaded) => Ok(Ok(Some(loaded))),
        Err(error) => error.into_unusable().map(Err),
    }
}

fn try_load(job: &Job, dir: &Path, checkpoint: &CheckpointV1) -> std::result::Result<Loaded, Error> {
    let stored = Stored::open(dir, owner(job, checkpoint), &checkpoint.ids, checkpoint.watermark)?;
    let dedup = fill(&stored, job.threads.min(PARTS_MAX), span(&rules(job)))?;
    Ok(Loaded { dedup, stored })
}

/// Reads all ids here, while `parts` threads put them into a part of the set each.
///
/// # Errors
///
/// As [`Stored::read`].
///
/// # Panics
///
/// Unless `parts` is 1 to [`PARTS_MAX`].
pub fn fill(stored: &Stored, parts: usize, span: i64) -> std::result::Result<Dedup, Error> {
    thread::scope(|scope| {
        let (senders, threads): (Vec<_>, Vec<_>) = (0..parts)
            .map(|part| {
                // Whoever takes a portion has let go of the one before, so that there are never more than two.
                let (sender, portions) = bounded::<Arc<Dealt>>(0);
                let mut loader = Loader::new(part, parts, span, stored.entries());
                let fill = move || {
                    portions.iter().for_each(|portion| loader.add(&portion));
                    loader
                };
                (sender, scope.spawn(fill))
            })
            .unzip();
        let (mut dealt, mut spare) = (Arc::new(Dealt::default()), Arc::new(Dealt::default()));
        let read = stored.read(|entries| {
            Arc::get_mut(&mut spare).expect("everyone has taken the one behind it").deal(entries);
            mem::swap(&mut dealt, &mut spare);
            senders.iter().for_each(|sender| sender.send(dealt.clone()).expect("loading does not panic"));
        });
        drop(senders);
        let loaders = threads.into_iter().map(|thread| thread.join().expect("loading does not panic"));
        let loaders: Vec<Loader> = loaders.collect();
        read.map(|()| Loader::join(loaders))
    })
}

/// The files of ids that checkpoints before this one need.
pub fn older(dir: &StateDir, epoch: u64) -> Result<Vec<Lengths>> {
    let mut lengths = Vec::new();
    for older in dir.epochs()?.into_iter().filter(|&other| other < epoch) {
        lengths.extend(dir.read(older)?.ok().map(|checkpoint| checkpoint.ids));
    }
    Ok(lengths)
}
