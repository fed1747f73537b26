//! The checkpointer: gathers what belongs to one cut from the front, the owners and the writer, makes the outputs
//! durable, and commits the checkpoint, while the pipeline goes on.
//!
//! At most one cut is under way: the front asks for the next one when the last has been answered.

use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Progress;
use crate::checkpoint::codec;
use crate::checkpoint::directory::StateDir;
use crate::checkpoint::ids::{Owner, Segments};
use crate::checkpoint::written::{Blob, CheckpointV1, EndingV1, FormV1, LiveV2, PartV2, RepeatedV3};
use crate::error::Result;
use crate::operator::cut::{PartCut, SequenceCut, SourceCut};
use crate::operator::dedup::Entry;
use crate::operator::saved::OwnerV1;
use crate::operator::saved_fills::FillsV6;
use crate::operator::saved_repeats::RepeatsV3;
use crate::output::mark::Mark;
use crate::output::sink::SyncHandle;

/// A part of a cut, or ids ahead of it.
pub enum Piece {
    /// The job fits its inputs, and nothing has been written yet. Answered like a cut.
    Begin,
    /// From the front, with which a cut begins.
    Front(Box<FrontPiece>),
    /// From an owner of keys: its number, and what it holds.
    Owner(usize, Box<OwnerPiece>),
    /// From the writer: rows, late events, bad records; `None` if no checkpoint can be made here.
    Writer(Option<[Option<OutputPiece>; 3]>),
    /// Ids that are to be written before the next cut, so that they need not wait in memory.
    Ids(NewIds),
}

/// What an owner of keys holds.
pub struct OwnerPiece {
    /// Its open windows.
    pub open: OwnerV1,
    /// What it knows of windows that may be written again.
    pub repeats: Option<RepeatsV3>,
    /// The last rows of its keys.
    pub fills: Vec<FillsV6>,
}

/// The same on its way to a checkpoint.
#[derive(Default)]
struct OwnerWritten {
    open: Blob,
    repeats: Option<RepeatsV3>,
    fills: Vec<FillsV6>,
}

/// Ids that were not written yet, by bucket.
pub type NewIds = Vec<(i64, Vec<Entry>)>;

/// Where the front stands.
pub struct FrontPiece {
    /// Where the sequencer stands.
    pub sequence: SequenceCut,
    /// The columns of each source, as far as they are known.
    pub columns: Vec<Option<Vec<String>>>,
    /// The ids that are new since the last piece.
    pub ids: NewIds,
    /// How the run stands.
    pub ending: EndingV1,
    /// How many decisions stand before it.
    pub decisions: u64,
}

/// How much an output has taken.
pub struct OutputPiece {
    /// That much.
    pub mark: Mark,
    /// What makes it durable.
    pub sync: SyncHandle,
}

/// The way to the checkpointer.
#[derive(Clone)]
pub struct Pieces(pub Sender<Piece>);

impl Pieces {
    /// Hands over a piece. A checkpointer that is gone has told the front why.
    pub fn send(&self, piece: Piece) {
        let _ = self.0.send(piece);
    }
}

/// A running checkpointer.
pub struct Checkpointer {
    /// Where the pieces of a cut go.
    pub pieces: Pieces,
    /// Answers each cut once: it has been committed, or why not.
    pub answers: Receiver<Result<()>>,
    /// The thread; it ends when nobody has the way to it any more.
    pub thread: JoinHandle<()>,
}

/// What a checkpointer starts with.
pub struct Start {
    /// The state directory.
    pub dir: StateDir,
    /// The files of ids.
    pub ids: Ids,
    /// The last checkpoint, or what is known before the first one.
    pub last: CheckpointV1,
    /// Whether nothing that the directory holds is wanted any more.
    pub fresh: bool,
}

/// The files of a job's ids.
pub enum Ids {
    /// The job has no ids.
    None,
    /// They are to be made.
    New(Owner),
    /// They go on.
    Open(Segments),
}

/// Starts the checkpointer of a run with this many owners of keys.
pub fn start(start: Start, owners: usize, progress: &std::sync::Arc<Progress>) -> Checkpointer {
    // One cut at a time: a piece from each, and some ids ahead.
    let (pieces_in, pieces_out) = bounded(owners + 4);
    let (answers_in, answers_out) = bounded(1);
    let Start { dir, ids, last, fresh } = start;
    let progress = progress.clone();
    let taken_at = u64::try_from(last.taken_at).map(|micros| UNIX_EPOCH + Duration::from_micros(micros));
    progress.keep(taken_at.ok().filter(|_| !fresh));
    let owners = (0..owners).map(|_| None).collect();
    let mut keeper =
        Keeper { dir, ids, last, fresh, front: None, owners, writer: None, later: Vec::new(), progress };
    let thread = thread::spawn(move || keeper.serve(&pieces_out, &answers_in));
    Checkpointer { pieces: Pieces(pieces_in), answers: answers_out, thread }
}

struct Keeper {
    dir: StateDir,
    ids: Ids,
    last: CheckpointV1,
    /// Whether the directory still holds what another run has left.
    fresh: bool,
    front: Option<Box<FrontPiece>>,
    owners: Vec<Option<OwnerWritten>>,
    writer: Option<Option<[Option<OutputPiece>; 3]>>,
    /// Ids that came while a cut was being gathered.
    later: Vec<NewIds>,
    progress: std::sync::Arc<Progress>,
}

impl Keeper {
    fn serve(&mut self, pieces: &Receiver<Piece>, answers: &Sender<Result<()>>) {
        for piece in pieces {
            let begins = matches!(piece, Piece::Begin);
            let answer = match self.take(piece) {
                Ok(()) if begins => Ok(()),
                Ok(()) if !self.is_complete() => continue,
                Ok(()) => self.commit(),
                Err(error) => Err(error),
            };
            let failed = answer.is_err();
            if failed {
                self.progress.checkpoint_failed();
            }
            // After a failure nothing is tried again: the checkpoint before stays the good one.
            if answers.send(answer).is_err() || failed {
                break;
            }
        }
    }

    fn take(&mut self, piece: Piece) -> Result<()> {
        match piece {
            Piece::Begin => self.begin(),
            Piece::Front(mut front) => {
                let ids = std::mem::take(&mut front.ids);
                self.front = Some(front);
                self.append(ids)
            }
            Piece::Owner(number, owner) => {
                let OwnerPiece { open, repeats, fills } = *owner;
                self.owners[number] = Some(OwnerWritten { open: Blob(codec::encode(&open)), repeats, fills });
                Ok(())
            }
            Piece::Writer(outputs) => {
                self.writer = Some(outputs);
                Ok(())
            }
            // They belong to what follows the cut that is being gathered: in its files they would make the events
            // that are read again look like repeats.
            Piece::Ids(ids) if self.front.is_some() => {
                self.later.push(ids);
                Ok(())
            }
            Piece::Ids(ids) => self.append(ids),
        }
    }

    /// What another run has left goes, for one that starts anew. Not before it is known that the job fits its inputs,
    /// and not after an output has been emptied: a checkpoint that speaks of it would be in the way of the next run.
    fn begin(&mut self) -> Result<()> {
        if std::mem::take(&mut self.fresh) {
            self.dir.clear()?;
        }
        if let Ids::New(owner) = self.ids {
            self.ids = Ids::Open(Segments::create(self.dir.path(), owner)?);
        }
        Ok(())
    }

    fn append(&mut self, ids: NewIds) -> Result<()> {
        match &mut self.ids {
            Ids::Open(files) => Ok(files.append(ids.iter().map(|(bucket, ids)| (*bucket, &ids[..])))?),
            Ids::None | Ids::New(_) => Ok(()),
        }
    }

    fn is_complete(&self) -> bool {
        self.front.is_some() && self.writer.is_some() && self.owners.iter().all(Option::is_some)
    }

    /// Outputs and ids are durable before the checkpoint that speaks of them exists.
    fn commit(&mut self) -> Result<()> {
        let started = std::time::Instant::now();
        let (front, outputs) = (self.front.take(), self.writer.take().flatten());
        let owners = self.owners.iter_mut().map(|owner| owner.take().unwrap_or_default()).collect();
        let later = std::mem::take(&mut self.later);
        let (Some(front), Some(outputs)) = (front, outputs) else {
            return later.into_iter().try_for_each(|ids| self.append(ids));
        };
        let [rows, late, bad] = outputs.map(Option::into_iter);
        let outputs = [&mut self.last.rows].into_iter().zip(rows);
        let outputs =
            outputs.chain(self.last.late.iter_mut().zip(late)).chain(self.last.bad.iter_mut().zip(bad));
        for (written, OutputPiece { mark, sync }) in outputs {
            sync.sync()?;
            let Mark { base, len, digest, rows } = mark;
            (written.base, written.len, written.digest, written.rows) = (base, len, digest, rows);
        }
        if let Ids::Open(files) = &mut self.ids {
            self.last.ids = files.sync(front.sequence.watermark)?;
        }
        let oldest = self.last.watermark;
        self.describe(&front, owners);
        let bytes = self.dir.commit(&self.last)?;
        self.dir.tidy()?;
        if let Ids::Open(files) = &mut self.ids {
            // The checkpoint before this one may be gone back to.
            files.expire(oldest)?;
        }
        (self.last.owners, self.last.repeated.owners) = (Vec::new(), Vec::new());
        self.last.fills = Vec::new();
        later.into_iter().try_for_each(|ids| self.append(ids))?;
        self.progress.checkpoint(started.elapsed(), bytes);
        Ok(())
    }

    fn describe(&mut self, front: &FrontPiece, owners: Vec<OwnerWritten>) {
        let last = &mut self.last;
        last.owners = Vec::with_capacity(owners.len());
        let mut known = Vec::new();
        for OwnerWritten { open, repeats, fills } in owners {
            last.owners.push(open);
            known.extend(repeats);
            last.fills.extend((!fills.is_empty()).then_some(fills));
        }
        last.epoch += 1;
        last.taken_at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_micros()).ok())
            .unwrap_or(0);
        last.ending = front.ending;
        last.watermark = front.sequence.watermark;
        last.form = front.sequence.form.map(FormV1::from);
        last.repeated = RepeatedV3::of(known.into_iter(), &front.sequence.sources);
        let ranked = || (0u32..).zip(&front.sequence.sources);
        let part = |(source, cut): (u32, &SourceCut)| {
            let PartCut { start, digest, file } = cut.part;
            PartV2 { source, start, digest, file }
        };
        let is_unread = |source: u32| front.sequence.sources[source as usize].records == 0;
        last.heads.retain(|head| is_unread(head.source));
        last.live = LiveV2 {
            decisions: front.decisions,
            idle: ranked().filter(|(_, source)| source.idle).map(|(rank, _)| rank).collect(),
            unread: std::mem::take(&mut last.live.unread)
                .into_iter()
                .filter(|unread| is_unread(unread.source))
                .collect(),
            parts: ranked().filter(|(_, source)| source.part.start > 0).map(part).collect(),
        };
        for ((source, cut), columns) in
            last.sources.iter_mut().zip(&front.sequence.sources).zip(&front.columns)
        {
            source.stand(cut);
            if columns.is_some() {
                source.columns.clone_from(columns);
            }
        }
    }
}
