//! When the front cuts, and what it waits for then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, never};

use super::Progress;
use super::checkpointer::{FrontPiece, Piece, Pieces};
use crate::checkpoint::decisions::Decisions;
use crate::checkpoint::written::EndingV1;
use crate::error::{Error, Result};
use crate::operator::sequence::{Decided, Sequencer};

/// New ids are handed over early when they take up this much memory, in bytes.
const PENDING_BYTES_MAX: usize = 32 << 20;

/// The cuts of one run.
pub struct Cuts {
    pieces: Pieces,
    /// Answers to cuts: see [`super::checkpointer::Checkpointer::answers`].
    pub answers: Receiver<Result<()>>,
    interval: Duration,
    /// When the last cut was made.
    last: Instant,
    /// How many records had been read then, and what the watermark was.
    read: (u64, i64),
    under_way: bool,
    first: Option<EndingV1>,
    decisions: Decisions,
    /// How many decisions stand before the last checkpoint, and before the cut that is under way.
    behind: [u64; 2],
    /// How many checkpoints have been committed.
    committed: u64,
    progress: Arc<Progress>,
}

/// What the cuts of a run begin with.
pub struct Begin {
    /// The way to the checkpointer.
    pub pieces: Pieces,
    /// Its answers.
    pub answers: Receiver<Result<()>>,
    /// `--checkpoint-interval`.
    pub interval: Duration,
    /// Where decisions go on record.
    pub decisions: Decisions,
    /// How many records had been read at the checkpoint that the run goes on from, and what the watermark was.
    pub behind: Option<(u64, i64)>,
    /// See [`Cuts::first`].
    pub first: Option<EndingV1>,
}

impl Cuts {
    /// The cuts of a run: a fresh one, or one that goes on.
    pub fn new(begin: Begin, progress: &Arc<Progress>) -> Cuts {
        let Begin { pieces, answers, interval, mut decisions, behind, first } = begin;
        let read = behind.unwrap_or((0, i64::MIN));
        let made = decisions.cut();
        Cuts {
            pieces,
            answers,
            interval,
            last: Instant::now(),
            read,
            under_way: false,
            first,
            decisions,
            // Which of them the checkpoint needs that the run goes on from is not asked: they all stay for now.
            behind: [0, made],
            committed: 0,
            progress: progress.clone(),
        }
    }

    /// How the run stands at a cut that it begins with, before the first byte of output; `None` if what the output
    /// depends on is on record as it is.
    pub fn first(&self) -> Option<EndingV1> {
        self.first
    }

    /// Whether it is time for a cut: some record was read since the last one, or time has gone on.
    pub fn is_due(&self, sequencer: &Sequencer) -> bool {
        !self.under_way && stands(sequencer) != self.read && self.last.elapsed() >= self.interval
    }

    /// A message when the next cut may be due; never while one is under way, or nothing has moved since the last.
    pub fn timer(&self, sequencer: &Sequencer) -> Receiver<Instant> {
        match self.under_way || stands(sequencer) == self.read {
            true => never(),
            false => after(self.interval.saturating_sub(self.last.elapsed())),
        }
    }

    /// Tells the checkpointer that the run begins; to be answered before anything is written.
    pub fn begin(&mut self) {
        self.pieces.send(Piece::Begin);
        self.under_way = true;
    }

    /// Cuts here: the sequencer has been asked for a step, and everyone who gets it will send a piece.
    pub fn cut(&mut self, sequencer: &mut Sequencer, columns: Vec<Option<Vec<String>>>, ending: EndingV1) {
        debug_assert!(!self.under_way, "one cut at a time");
        let ids = sequencer.dedup().map(|dedup| dedup.take_pending()).unwrap_or_default();
        let sequence = sequencer.cut();
        self.read = stands(sequencer);
        // Those that are still to be made again stand behind it.
        let decisions = self.decisions.cut() - sequencer.to_repeat();
        self.behind[1] = decisions;
        self.pieces.send(Piece::Front(Box::new(FrontPiece { sequence, columns, ids, ending, decisions })));
        (self.last, self.under_way) = (Instant::now(), true);
    }

    /// Hands over new ids if they have become many.
    pub fn relieve(&self, sequencer: &mut Sequencer) {
        if let Some(dedup) = sequencer.dedup()
            && dedup.pending_bytes() > PENDING_BYTES_MAX
        {
            self.pieces.send(Piece::Ids(dedup.take_pending()));
        }
    }

    /// Takes an answer; the cut it belongs to is over.
    pub fn answered(
        &mut self,
        answer: std::result::Result<Result<()>, crossbeam_channel::RecvError>,
    ) -> Result<()> {
        self.under_way = false;
        answer.unwrap_or_else(|_| Err(Error::Internal("the checkpointer has stopped".to_owned())))?;
        let committed = self.progress.committed();
        if std::mem::replace(&mut self.committed, committed) < committed {
            // The checkpoint before this one may be gone back to.
            let [last, this] = self.behind;
            self.behind[0] = this;
            self.decisions.forget(last)?;
        }
        Ok(())
    }

    /// Puts a decision on record.
    pub fn decide(&mut self, decided: Decided) -> Result<()> {
        self.decisions.append(decided)
    }

    /// Whether a cut has not been answered yet.
    pub fn is_under_way(&self) -> bool {
        self.under_way
    }
}

/// Where a sequencer stands: how many records it has read, and the watermark.
fn stands(sequencer: &Sequencer) -> (u64, i64) {
    (sequencer.read_records(), sequencer.watermark())
}
