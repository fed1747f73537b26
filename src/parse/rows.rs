//! What the scanners make of a stretch of a chunk: rows of cells, before anything is computed from them.

use super::batch::Cell;
use super::json;

/// How far a block of rows reaches at most, in bytes, unless its only record is longer: what was looked at once
/// is still in the nearest cache when it is looked at again.
pub const BLOCK_BYTES: usize = 16 << 10;
/// How many rows a block has at most.
pub const BLOCK_ROWS: usize = 256;
/// How many cells a block has at most, unless that makes fewer than [`ROWS_MIN`] rows.
const CELLS_MAX: usize = 1 << 14;
/// How many rows a block may have however many fields the job has.
const ROWS_MIN: usize = 16;

/// Why the scanners refuse a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Not valid UTF-8 from this byte of the record on, counted from 0.
    Utf8(usize),
    /// No usable JSON.
    Json(json::Fault),
    /// A CSV record of so many fields.
    Fields(usize),
    /// A CSV record whose last quote is never closed.
    OpenQuote,
}

/// A block of scanned records.
#[derive(Debug)]
pub struct Rows {
    /// Fields, and so cells, per row.
    fields: usize,
    cells: Vec<Cell>,
    /// Per row, where its record stands in the chunk, without its line end.
    pub spans: Vec<(u32, u32)>,
    /// The rows that are no records, ascending. What their cells hold means nothing.
    pub flaws: Vec<(u32, Flaw)>,
    /// How many newlines the block holds.
    pub lines: u64,
}

impl Rows {
    /// An empty block of rows with so many fields.
    pub fn new(fields: usize) -> Rows {
        let rows = CELLS_MAX.checked_div(fields).map_or(BLOCK_ROWS, |rows| rows.clamp(ROWS_MIN, BLOCK_ROWS));
        Rows {
            fields,
            cells: vec![Cell::NULL; rows * fields],
            spans: Vec::with_capacity(rows),
            flaws: Vec::new(),
            lines: 0,
        }
    }

    /// How many rows it may have.
    pub fn capacity(&self) -> usize {
        self.cells.len().checked_div(self.fields).unwrap_or(BLOCK_ROWS)
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.flaws.clear();
        self.lines = 0;
    }

    /// The cells of a row.
    #[inline(always)]
    pub fn cells(&self, row: usize) -> &[Cell] {
        &self.cells[row * self.fields..][..self.fields]
    }

    /// The cell of a field in a row.
    #[inline(always)]
    pub fn cell(&self, row: usize, field: usize) -> Cell {
        self.cells[row * self.fields + field]
    }

    /// The cells of the row that is to be added next; they hold what an earlier row left there.
    #[inline(always)]
    pub fn next_cells(&mut self) -> &mut [Cell] {
        let row = self.spans.len();
        &mut self.cells[row * self.fields..][..self.fields]
    }

    /// The cells of all rows that may still be added, how many each has, and the places of the records.
    #[inline(always)]
    pub fn room(&mut self) -> (&mut [Cell], usize, &mut Vec<(u32, u32)>) {
        let row = self.spans.len();
        (&mut self.cells[row * self.fields..], self.fields, &mut self.spans)
    }

    /// Adds the row whose cells are filled; takes the CR of a CRLF line end off.
    #[inline(always)]
    pub fn push(&mut self, bytes: &[u8], start: usize, end: usize) {
        self.spans.push(span(bytes, start, end));
    }

    /// Adds a row that is no record; takes the CR of a CRLF line end off.
    pub fn push_flaw(&mut self, bytes: &[u8], start: usize, end: usize, flaw: Flaw) {
        self.push_flawed(span(bytes, start, end), flaw);
    }

    /// Adds a row that is no record, with its place as it is.
    #[cold]
    pub fn push_flawed(&mut self, span: (u32, u32), flaw: Flaw) {
        self.flaws.push((self.spans.len() as u32, flaw));
        self.spans.push(span);
    }
}

/// A record's place, with the CR of a CRLF line end taken off.
#[inline(always)]
pub fn span(bytes: &[u8], start: usize, end: usize) -> (u32, u32) {
    let end = if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end };
    (start as u32, end as u32)
}
