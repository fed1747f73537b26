//! The unit of work after parsing: one chunk of records of one source, as columns.
//!
//! A batch never changes after the parse stage; later stages share it by reference.

use std::borrow::Cow;

use super::hints::RECORD_BYTES_MAX;
pub use super::keys::KeyColumn;
pub use super::numbers::{NumberColumn, Packed};
use super::recycle;
use crate::prefetch::prefetch;
use crate::time::Spelling;
use crate::value::Value;

/// Where a field's value stands: a kind and a range of the batch's bytes or arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// First byte.
    pub(crate) start: u32,
    /// Length in bytes.
    pub(crate) len: u32,
    /// What stands there.
    pub(crate) kind: CellKind,
}

/// What a [`Cell`] points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Nothing: the field is absent or null.
    Null,
    /// JSON `false`.
    False,
    /// JSON `true`.
    True,
    /// A JSON number, in the batch's bytes.
    Number,
    /// A JSON string without escapes (quotes not included), in the batch's bytes.
    Text,
    /// A JSON string unescaped into the arena.
    ArenaText,
    /// A CSV field in the batch's bytes.
    Untyped,
    /// A CSV field unquoted into the arena.
    ArenaUntyped,
    /// A JSON object or array, raw, in the batch's bytes.
    Json,
    /// Computed text.
    ComputedText,
    /// A computed number, by its canonical text.
    ComputedNumber,
    /// A CSV field that an expression passed on.
    ComputedUntyped,
    /// A JSON object or array that an expression passed on.
    ComputedJson,
}

impl Cell {
    /// The cell of an absent field.
    pub const NULL: Cell = Cell { start: 0, len: 0, kind: CellKind::Null };

    /// Whether it is a number, or (CSV) may be one.
    #[inline(always)]
    pub(super) fn is_number(self) -> bool {
        matches!(self.kind, CellKind::Number | CellKind::Untyped | CellKind::ArenaUntyped)
    }

    /// Whether it is a number, or may be one, that stands in the input.
    #[inline(always)]
    pub(super) fn is_plain_number(self) -> bool {
        matches!(self.kind, CellKind::Number | CellKind::Untyped)
    }

    /// Where it begins and ends, in whatever it points into.
    #[inline(always)]
    pub(super) fn place(self) -> (usize, usize) {
        (self.start as usize, self.start as usize + self.len as usize)
    }

    /// Whether it is text.
    #[inline(always)]
    pub(super) fn is_text(self) -> bool {
        use CellKind::{ArenaText, ArenaUntyped, Text, Untyped};
        matches!(self.kind, Text | ArenaText | Untyped | ArenaUntyped)
    }

    /// How a field is spelt, as the readers of times ask it.
    #[inline(always)]
    pub(crate) fn spelling(self) -> Spelling {
        match (self.is_number(), self.is_text()) {
            (true, true) => Spelling::Untyped,
            (true, false) => Spelling::Number,
            (false, true) => Spelling::Text,
            (false, false) => Spelling::Other,
        }
    }

    /// The bytes that a field's cell points to, over the chunk's bytes and the arena.
    #[inline(always)]
    pub(crate) fn text<'t>(self, bytes: &'t [u8], arena: &'t [u8]) -> &'t [u8] {
        &self.home(bytes, arena)[self.start as usize..][..self.len as usize]
    }

    /// Where a field's cell points into: the chunk's bytes or the arena.
    #[inline(always)]
    pub(super) fn home<'t>(self, bytes: &'t [u8], arena: &'t [u8]) -> &'t [u8] {
        if matches!(self.kind, CellKind::ArenaText | CellKind::ArenaUntyped) { arena } else { bytes }
    }
}

/// The texts that cells point into.
#[derive(Debug, Default)]
pub struct Texts {
    /// The chunk as read; valid UTF-8 wherever a cell points.
    pub bytes: Vec<u8>,
    /// Field values that do not stand in the input as such (escapes, doubled quotes).
    pub arena: Vec<u8>,
    /// What expressions have computed.
    pub computed: Vec<u8>,
}

impl Texts {
    /// The value of a cell.
    #[inline]
    pub fn value(&self, cell: Cell) -> Value<'_> {
        let text = |all| text_of(all, cell);
        match cell.kind {
            CellKind::ComputedText => Value::Text(Cow::Borrowed(text(&self.computed))),
            CellKind::ComputedNumber => Value::Written(text(&self.computed)),
            CellKind::ComputedUntyped => Value::Untyped(text(&self.computed)),
            CellKind::ComputedJson => Value::Json(Cow::Borrowed(text(&self.computed))),
            _ => field_value(&self.bytes, &self.arena, cell),
        }
    }
}

/// The value of a field's cell, over the chunk's bytes and the arena.
#[inline]
pub fn field_value<'t>(bytes: &'t [u8], arena: &'t [u8], cell: Cell) -> Value<'t> {
    match cell.kind {
        CellKind::Null => Value::Null,
        CellKind::False => Value::Bool(false),
        CellKind::True => Value::Bool(true),
        CellKind::Number => Value::Written(text_of(bytes, cell)),
        CellKind::Text => Value::Text(Cow::Borrowed(text_of(bytes, cell))),
        CellKind::Untyped => Value::Untyped(text_of(bytes, cell)),
        CellKind::Json => Value::Json(Cow::Borrowed(text_of(bytes, cell))),
        CellKind::ArenaText => Value::Text(Cow::Borrowed(text_of(arena, cell))),
        CellKind::ArenaUntyped => Value::Untyped(text_of(arena, cell)),
        CellKind::ComputedText
        | CellKind::ComputedNumber
        | CellKind::ComputedUntyped
        | CellKind::ComputedJson => Value::Null,
    }
}

#[inline]
fn text_of(all: &[u8], cell: Cell) -> &str {
    let bytes = &all[cell.start as usize..][..cell.len as usize];
    debug_assert!(std::str::from_utf8(bytes).is_ok(), "cells point at checked UTF-8");
    // SAFETY: only the parse stage makes cells that are not null. The readers of blocks check the UTF-8 of all
    // that they make cells of, and begin and end each at an ASCII character; what is unescaped or computed is
    // made of `str`s and `char`s. Nothing changes a text that cells point into, except at its end.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}

/// The argument of one aggregate, per row.
#[derive(Debug)]
pub enum ArgColumn {
    /// Every row counts: `count(*)` without a filter.
    Every,
    /// Whether the row counts: `count(x)`, or `count(*)` with a filter.
    Present(Vec<bool>),
    /// A number per row.
    Numbers(NumberColumn),
    /// A value per row; null where the filter does not hold.
    Values(Vec<Cell>),
    /// `arg_min(x, by)`: x and by per row; by is null where the row does not count.
    Pairs(Vec<Cell>, Vec<Cell>),
}

/// What the parse stage says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It can be used.
    Usable,
    /// `--where` does not hold.
    Filtered,
    /// It has an event time, but something else of it cannot be used.
    Bad,
    /// It has no usable event time: it does not move the watermark.
    Untimed,
}

/// One chunk of records of one source, parsed and projected onto the job's fields.
#[derive(Debug, Default)]
pub struct Batch {
    /// The rank of the source, in the order given.
    pub source: u32,
    /// The offset of `texts.bytes[0]` in the source's uncompressed stream.
    pub offset: u64,
    /// The chunk and what was derived from it.
    pub texts: Texts,
    /// Per row, where its record stands in `texts.bytes`, without its line end.
    pub spans: Vec<(u32, u32)>,
    /// Per row, the event time in microseconds since the Unix epoch; 0 where there is none.
    pub time: Vec<i64>,
    /// Per row, its fate as far as parsing decides it.
    pub fates: Vec<Fate>,
    /// Why rows are bad.
    pub reasons: Reasons,
    /// The first row that has a reason, where bad records do not end the run.
    pub first_bad: Option<Box<FirstBadRow>>,
    /// Per row, the hash of its id; empty without deduplication.
    pub ids: Vec<u128>,
    /// The keys.
    pub keys: KeyColumn,
    /// The argument of each aggregate.
    pub args: Vec<ArgColumn>,
    /// How many newlines the chunk holds.
    pub lines: u64,
    /// How many bytes of the stream it takes up; more than `texts.bytes` for a record that is too long.
    pub len: u64,
    /// The digest of those bytes, where digests are wanted.
    pub digest: u64,
    /// When the chunk had been read, in nanoseconds since the run began: for metrics alone.
    pub read_nanos: u64,
    /// The form of the source's times, once a usable one has been seen.
    pub form: Option<crate::time::Form>,
    /// Where the chunk's buffer goes when the batch is done with.
    pub pool: Option<crossbeam_channel::Sender<Vec<u8>>>,
    /// Where its columns go then.
    pub(super) columns_back: Option<recycle::Return>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        recycle::give_back(self);
        if let Some(pool) = &self.pool {
            // A full pool needs no more.
            let _ = pool.try_send(std::mem::take(&mut self.texts.bytes));
        }
    }
}

impl Batch {
    /// How many records it holds.
    pub fn rows(&self) -> usize {
        self.fates.len()
    }

    /// Appends a row that no later stage looks into: every column gets an empty entry.
    pub(super) fn push_empty(&mut self, span: (u32, u32), fate: Fate, has_ids: bool) {
        self.spans.push(span);
        self.time.push(0);
        self.fates.push(fate);
        let rows = self.rows();
        if has_ids {
            self.ids.resize(rows, 0);
        }
        self.keys.fill(rows);
        for column in &mut self.args {
            match column {
                ArgColumn::Every => {}
                ArgColumn::Present(present) => present.resize(rows, false),
                ArgColumn::Numbers(numbers) => numbers.packed.resize(rows, Packed::NONE),
                ArgColumn::Values(cells) => cells.resize(rows, Cell::NULL),
                ArgColumn::Pairs(cells, by) => {
                    cells.resize(rows, Cell::NULL);
                    by.resize(rows, Cell::NULL);
                }
            }
        }
    }

    /// The text of a row's record, without its line end.
    pub fn record(&self, row: u32) -> &[u8] {
        let (start, end) = self.spans[row as usize];
        &self.texts.bytes[start as usize..end as usize]
    }
}

/// The first bad row of a batch: what there is to tell of it, also where the records themselves are let go.
#[derive(Debug)]
pub struct FirstBadRow {
    /// How many newlines of the chunk stand before it.
    pub lines: u64,
    /// Why it is bad.
    pub reason: String,
    /// The start of its record; all of it if that is at most [`RECORD_BYTES_MAX`] long.
    pub head: Vec<u8>,
}

impl Batch {
    /// Notes the first bad row, before anything of the batch is let go.
    pub(super) fn note_first_bad(&mut self) {
        let Some(&(row, ..)) = self.reasons.rows.first() else { return };
        let start = self.spans[row as usize].0 as usize;
        let record = self.record(row);
        self.first_bad = Some(Box::new(FirstBadRow {
            lines: memchr::memchr_iter(b'\n', &self.texts.bytes[..start]).count() as u64,
            reason: self.reasons.of(row).to_owned(),
            head: record[..record.len().min(RECORD_BYTES_MAX + 1)].to_owned(),
        }));
    }
}

/// Why rows are bad. A batch may hold nothing but bad records of a byte or two, so an entry is small, and what
/// is said of several rows in a row stands there once.
#[derive(Debug, Default)]
pub struct Reasons {
    /// The row, ascending, and where its reason stands in `text`.
    rows: Vec<(u32, u32, u32)>,
    text: String,
}

impl Reasons {
    /// Says why a row is bad; rows are told in order.
    pub fn push(&mut self, row: u32, reason: &str) {
        let (start, end) = match self.rows.last() {
            Some(&(_, start, end)) if self.text[start as usize..end as usize] == *reason => (start, end),
            _ => {
                let start = self.text.len() as u32;
                self.text.push_str(reason);
                (start, self.text.len() as u32)
            }
        };
        self.rows.push((row, start, end));
    }

    /// Why a row is bad; empty for a row of which nothing was said.
    pub fn of(&self, row: u32) -> &str {
        match self.rows.binary_search_by_key(&row, |entry| entry.0) {
            Ok(at) => &self.text[self.rows[at].1 as usize..self.rows[at].2 as usize],
            Err(_) => "",
        }
    }
}

/// What an aggregate sees of a batch.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The argument column of this aggregate.
    pub arg: &'a ArgColumn,
    /// The texts its cells point into.
    pub texts: &'a Texts,
    /// The event times, in microseconds since the Unix epoch.
    pub time: &'a [i64],
    /// The rank of the source, in the order given.
    pub source: u32,
    /// The position of row 0 in its source, counted in records.
    pub first_record: u64,
}

/// Where an event stands for ties: by event time, then source, then position in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Event time in microseconds since the Unix epoch.
    pub time: i64,
    /// Rank of the source in the order given.
    pub source: u32,
    /// Position in the source, in records.
    pub record: u64,
}

impl<'a> Input<'a> {
    /// Where the event of `row` stands.
    pub fn place(&self, row: u32) -> Place {
        Place {
            time: self.time[row as usize],
            source: self.source,
            record: self.first_record + u64::from(row),
        }
    }

    /// The value of `row` for aggregates over values (null for every other kind of column).
    pub fn value(&self, row: u32) -> Value<'a> {
        match self.arg {
            ArgColumn::Values(cells) | ArgColumn::Pairs(cells, _) => self.texts.value(cells[row as usize]),
            _ => Value::Null,
        }
    }

    /// Asks for the text of `row`'s value ahead of its use.
    #[inline(always)]
    pub fn prefetch(&self, row: u32) {
        if let ArgColumn::Values(cells) | ArgColumn::Pairs(cells, _) = self.arg {
            let cell = cells[row as usize];
            prefetch(cell.home(&self.texts.bytes, &self.texts.arena), cell.start as usize);
        }
    }

    /// The second value of `row` for `arg_min` and `arg_max`.
    pub fn by(&self, row: u32) -> Value<'a> {
        match self.arg {
            ArgColumn::Pairs(_, cells) => self.texts.value(cells[row as usize]),
            _ => Value::Null,
        }
    }
}
