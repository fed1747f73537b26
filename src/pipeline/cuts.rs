//! When the front cuts, and what it waits for then.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, never};

use super::checkpointer::{FrontPiece, Piece, Pieces};
use crate::checkpoint::written::EndingV1;
use crate::error::{Error, Result};
use crate::operator::sequence::Sequencer;

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
    /// How many records had been read then.
    read: u64,
    under_way: bool,
    fresh: bool,
}

impl Cuts {
    /// The cuts of a run that has just begun: a fresh one, or one that goes on behind so many records.
    pub fn new(
        pieces: Pieces,
        answers: Receiver<Result<()>>,
        interval: Duration,
        behind: Option<u64>,
    ) -> Cuts {
        let (read, fresh) = (behind.unwrap_or(0), behind.is_none());
        Cuts { pieces, answers, interval, last: Instant::now(), read, under_way: false, fresh }
    }

    /// Whether nothing is on record yet.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Whether it is time for a cut: some record was read since the last one.
    pub fn is_due(&self, read: u64) -> bool {
        !self.under_way && read != self.read && self.last.elapsed() >= self.interval
    }

    /// A message when the next cut may be due; never while one is under way, or nothing was read since the last.
    pub fn timer(&self, read: u64) -> Receiver<Instant> {
        match self.under_way || read == self.read {
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
        self.read = read(sequencer);
        self.pieces.send(Piece::Front(Box::new(FrontPiece { sequence, columns, ids, ending })));
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
        answer.unwrap_or_else(|_| Err(Error::Internal("the checkpointer has stopped".to_owned())))
    }

    /// Whether a cut has not been answered yet.
    pub fn is_under_way(&self) -> bool {
        self.under_way
    }
}

/// How many records a sequencer has read.
pub fn read(sequencer: &Sequencer) -> u64 {
    sequencer.counts().map(|counts| counts.read).sum()
}
