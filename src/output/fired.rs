//! Rows of fired windows on their way from a shard to the writer: their texts, and by what they are ordered.

use std::cmp::Ordering;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

use crate::operator::peek::Peek;
use crate::parse::key;
use crate::window::Window;

/// A slice of the rows that fire in one shard during one step, as text. A window is never divided.
#[derive(Debug, Default)]
pub struct Fired {
    /// Whether this is the step's last slice of the shard. Every step has one, which may be empty.
    pub last: bool,
    /// The windows in order, each with where its rows end in `rows`. A session window may stand here several times
    /// in a row.
    pub windows: Vec<(Place, usize)>,
    /// The rows: where they end in the texts below.
    pub rows: Vec<FiredRow>,
    /// The rows as they will be written.
    pub text: Vec<u8>,
    /// The encoded keys.
    pub keys: Vec<u8>,
    /// The encoded ranks, with `--top`.
    pub ranks: Vec<u8>,
    /// The row for which `--having` or `--order-by` could not be evaluated. The shard has no rows behind it.
    pub failure: Option<Failure>,
    /// Of the last slice of a step behind which what is open was looked at: what the shard has found, and how long it has
    /// taken.
    pub peek: Option<Box<(Peek, Duration)>>,
}

/// Takes the slices of a shard, one after the other; breaks when nobody wants them any more.
pub type HandOn<'h> = dyn FnMut(Fired) -> ControlFlow<()> + 'h;

/// Slices are handed on when they hold this much: few enough messages, and memory that does not follow what one
/// step fires.
pub const SLICE_BYTES: usize = 256 * 1024;

/// Where the rows of a window stand among those of a step: they are ordered by moment, then in the order in which
/// windows close, then by kind. The rows of a window without events stand before those of the window that has shown
/// that its key goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the moment at which they are written; 0 where each window is written once.
    pub moment: u32,
    /// At which watermark they are written, if they are when their window closes; else when it would close.
    pub closes: i64,
    /// The number of the kind of windows.
    pub kind: u16,
    /// Which of its rows they are.
    pub timing: Timing,
    /// The window.
    pub window: Window,
}

impl Place {
    /// What places are ordered by.
    #[inline]
    fn order(&self) -> (u32, i64, u16, Window, Timing) {
        (self.moment, self.closes, self.kind, self.window, self.timing)
    }
}

impl Ord for Place {
    #[inline]
    fn cmp(&self, other: &Place) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Place {
    #[inline]
    fn partial_cmp(&self, other: &Place) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// When the rows of a window are written: the column `pane`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timing {
    /// When it closes.
    #[default]
    Final,
    /// Before it has closed.
    Early,
    /// After it has closed.
    Revised,
}

impl Timing {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Timing::Final => "final",
            Timing::Early => "early",
            Timing::Revised => "revised",
        }
    }
}

/// The columns that say when a row was written, behind all others.
pub const TIMING_COLUMNS: [&str; 2] = ["pane", "revision"];

/// A row that cannot be decided about: the run cannot go on behind it.
#[derive(Debug)]
pub struct Failure {
    /// Its window.
    pub place: Place,
    /// Its encoded key.
    pub key: Vec<u8>,
    /// What is wrong.
    pub reason: String,
}

impl Failure {
    /// The order in which rows are written.
    pub fn compare(&self, other: &Failure) -> Ordering {
        self.place.cmp(&other.place).then_with(|| key::compare(&self.key, &other.key))
    }

    /// Whether it comes after the row of that window and key.
    pub fn is_after(&self, place: Place, key: &[u8]) -> bool {
        place.cmp(&self.place).then_with(|| key::compare(key, &self.key)).is_lt()
    }
}

/// Where a row ends in the texts of [`Fired`]; it begins where the one before ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct FiredRow {
    /// In `text`.
    pub text: usize,
    /// In `keys`.
    pub key: usize,
    /// In `ranks`.
    pub rank: usize,
    /// The head of its key: see [`key::head`].
    pub head: u64,
}

impl Fired {
    /// The window of the i-th entry, and its rows.
    pub fn window(&self, i: usize) -> (Place, Range<usize>) {
        let start = if i == 0 { 0 } else { self.windows[i - 1].1 };
        (self.windows[i].0, start..self.windows[i].1)
    }

    /// The rows of some neighbouring entries.
    pub fn rows_of(&self, windows: Range<usize>) -> Range<usize> {
        if windows.is_empty() {
            0..0
        } else {
            self.window(windows.start).1.start..self.windows[windows.end - 1].1
        }
    }

    /// Some rows by window.
    pub fn by_window(&self, rows: Range<usize>) -> impl Iterator<Item = (Place, Range<usize>)> {
        let first = self.windows.partition_point(|(_, end)| *end <= rows.start);
        let windows = (first..self.windows.len()).map(|n| self.window(n));
        let windows = windows.take_while(move |(_, own)| own.start < rows.end);
        windows.map(move |(place, own)| (place, own.start.max(rows.start)..own.end.min(rows.end)))
    }

    /// Whether it holds [`SLICE_BYTES`] or more.
    pub fn is_full(&self) -> bool {
        self.bytes() >= SLICE_BYTES
    }

    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        let texts = self.text.len() + self.keys.len() + self.ranks.len();
        texts + size_of_val(&self.windows[..]) + size_of_val(&self.rows[..])
    }

    /// A row ends where its texts end now; `head` is that of its key.
    #[inline]
    pub fn end_row(&mut self, head: u64) {
        let row = FiredRow { text: self.text.len(), key: self.keys.len(), rank: self.ranks.len(), head };
        self.rows.push(row);
    }

    /// The order of a row here and a row there, within a window.
    #[inline]
    pub fn compare_keys(&self, row: usize, other: &Fired, other_row: usize) -> Ordering {
        let by_head = self.rows[row].head.cmp(&other.rows[other_row].head);
        by_head.then_with(|| key::compare(self.row_key(row), other.row_key(other_row)))
    }

    fn start(&self, row: usize) -> FiredRow {
        if row == 0 { FiredRow::default() } else { self.rows[row - 1] }
    }

    /// Where the text of a row begins.
    pub fn text_start(&self, row: usize) -> usize {
        self.start(row).text
    }

    /// The texts of neighbouring rows, which stand one after the other.
    pub fn texts(&self, rows: Range<usize>) -> &[u8] {
        if rows.is_empty() {
            &[]
        } else {
            &self.text[self.start(rows.start).text..self.rows[rows.end - 1].text]
        }
    }

    /// Where each of some rows ends in their texts as given by [`Fired::texts`].
    pub fn ends(&self, rows: Range<usize>) -> impl ExactSizeIterator<Item = usize> {
        let start = self.start(rows.start).text;
        self.rows[rows].iter().map(move |row| row.text - start)
    }

    /// The text of a row.
    pub fn row_text(&self, row: usize) -> &[u8] {
        &self.text[self.start(row).text..self.rows[row].text]
    }

    /// The encoded key of a row.
    pub fn row_key(&self, row: usize) -> &[u8] {
        &self.keys[self.start(row).key..self.rows[row].key]
    }

    /// The encoded rank of a row.
    pub fn row_rank(&self, row: usize) -> &[u8] {
        &self.ranks[self.start(row).rank..self.rows[row].rank]
    }
}
