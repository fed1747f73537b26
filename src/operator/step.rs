//! What the sequencer hands on: a stretch of the one sequence into which all sources are merged.

use std::mem;
use std::sync::Arc;

use crate::parse::batch::Batch;
use crate::time::Form;

/// A stretch of the sequence of events.
#[derive(Debug, Default)]
pub struct Step {
    /// The accepted events, in order.
    pub parts: Vec<Part>,
    /// Where in it windows are written that may be written again: in order, and before those that close by the
    /// watermark at its end. Empty where every window is written once.
    pub moments: Vec<Moment>,
    /// Late and bad records that are to be written, in reading order.
    pub set_aside: Vec<SetAside>,
    /// The watermark at the end of the step: what closes by it fires.
    pub watermark: i64,
    /// Whether the input has ended: every window closes.
    pub ended: bool,
    /// Whether all of the input has been read that there is in this run: the outputs must have nothing beyond.
    pub last: bool,
    /// Whether a checkpoint is cut behind the step: everyone who applies it hands over what it holds then.
    pub cut: bool,
    /// Whether what is open is looked at behind the step: every owner of keys shows its best rows.
    pub peek: bool,
    /// The form of the first source's times, which the output takes over.
    pub form: Option<Form>,
    /// The first step of `windrow order` over CSV: the header.
    pub header: Vec<u8>,
    /// When the chunks had been read that the accepted events come of, in nanoseconds since the run began, and how
    /// many events come of each; a chunk may stand here more than once. For metrics alone.
    pub read: Vec<(u64, u64)>,
}

/// What the writer is told of a step. It keeps no batch but those of records that are set aside, so that the others are
/// let go before the writer has come so far.
#[derive(Debug)]
pub struct Note {
    /// See [`Step::set_aside`].
    pub set_aside: Vec<SetAside>,
    /// See [`Step::ended`].
    pub ended: bool,
    /// See [`Step::last`].
    pub last: bool,
    /// See [`Step::cut`].
    pub cut: bool,
    /// See [`Step::form`].
    pub form: Option<Form>,
    /// See [`Step::header`].
    pub header: Vec<u8>,
    /// See [`Step::read`].
    pub read: Vec<(u64, u64)>,
}

/// Where sources take turns, a chunk is looked for among so many that were noted last.
const CHUNKS_NOTED: usize = 4;

/// Accepted events of one batch.
#[derive(Debug)]
pub struct Part {
    /// The batch they stand in.
    pub batch: Arc<Batch>,
    /// The position of the batch's row 0 in its source, in records.
    pub first_record: u64,
    /// The accepted rows, ascending.
    pub rows: Vec<u32>,
    /// `(n, watermark)`: before row `rows[n]` is added, what closes by `watermark` must have fired. Stands
    /// where an event comes too late for some of its windows; elsewhere the moment makes no difference. Where windows
    /// are written more than once, [`Step::moments`] stand for these.
    pub fires: Vec<(usize, i64)>,
}

/// A place in a step at which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Before row `row` of the part with this number; behind all parts if there is none.
    pub part: usize,
    /// An index into [`Part::rows`]; behind all rows of the part if it is their number.
    pub row: usize,
    /// The watermark there: what closes by it fires first.
    pub watermark: i64,
    /// What is written then.
    pub due: Due,
}

/// What is written at a [`Moment`], besides what fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing: an event follows for windows that have fired.
    Close,
    /// What has changed of windows whose allowed lateness is over: an event follows that they must not take in.
    Settle,
    /// What has changed of windows that have fired.
    Revise,
    /// What has changed of all windows.
    Emit,
}

/// A late or bad record on its way to a file.
#[derive(Debug)]
pub struct SetAside {
    /// The batch it stands in.
    pub batch: Arc<Batch>,
    /// Its row.
    pub row: u32,
    /// The line on which it starts in its file, from 1.
    pub line: u64,
    /// The byte at which it starts in that file, uncompressed, from 0.
    pub offset: u64,
    /// Why it was set aside.
    pub why: Why,
}

/// Why a record was set aside.
#[derive(Debug)]
pub enum Why {
    /// It came at this watermark, when its last window had closed.
    Late {
        /// The watermark before the event.
        watermark: i64,
    },
    /// It cannot be used; its batch says why.
    Bad,
    /// `--max-jump` does not believe its time.
    Unbelieved,
}

/// Why an event that `--max-jump` set aside is bad.
pub const UNBELIEVED: &str =
    "its time is further ahead than --max-jump allows, and the next event does not bear it out";

impl Step {
    /// Adds accepted events of one batch, of which there is one or more.
    pub fn push(&mut self, part: Part) {
        let (at, events) = (part.batch.read_nanos, part.rows.len() as u64);
        self.parts.push(part);
        match self.read.iter_mut().rev().take(CHUNKS_NOTED).find(|(other, _)| *other == at) {
            Some((_, noted)) => *noted += events,
            None => self.read.push((at, events)),
        }
    }

    /// What the writer is told of it; what only the writer needs is taken out.
    pub fn take_note(&mut self) -> Note {
        let Step { ended, last, cut, form, .. } = *self;
        Note {
            set_aside: mem::take(&mut self.set_aside),
            ended,
            last,
            cut,
            form,
            header: mem::take(&mut self.header),
            read: mem::take(&mut self.read),
        }
    }

    /// How many events it holds.
    pub fn rows(&self) -> usize {
        self.parts.iter().map(|part| part.rows.len()).sum()
    }
}
