//! A block of CSV records: their fields lie between the separators of the index. What the index cannot say goes
//! through the general scanner, for one record or for the whole block.

use super::index::Index;
use super::{Columns, Scanned, scan};
use crate::parse::batch::{Cell, CellKind};
use crate::parse::rows::{BLOCK_BYTES, BLOCK_ROWS, Flaw, Rows};
use crate::parse::simd::{Lanes, Work};
use crate::prefetch::prefetch_text;

/// Reads CSV; holds what is reused from block to block.
pub struct Reader {
    index: Index,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader { index: Index::new(BLOCK_ROWS) }
    }
}

/// How the records of a source are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Dialect<'l> {
    /// The field delimiter, one byte.
    pub delimiter: u8,
    /// The wanted columns.
    pub columns: &'l Columns,
    /// How many fields a record has.
    pub width: usize,
}

/// Reading some records, as work for a [`crate::parse::simd::Level`].
pub struct Block<'b> {
    /// The reader.
    pub reader: &'b mut Reader,
    /// How records are laid out.
    pub dialect: Dialect<'b>,
    /// The chunk.
    pub bytes: &'b [u8],
    /// Where the block starts: the start of a record.
    pub from: usize,
    /// Where the rows go; empty.
    pub rows: &'b mut Rows,
    /// Where fields with doubled quotes go.
    pub arena: &'b mut Vec<u8>,
}

impl Work for Block<'_> {
    type Output = usize;

    /// Returns where the next block starts.
    #[inline(always)]
    fn run<L: Lanes>(mut self) -> usize {
        let index = &mut self.reader.index;
        index.find::<L>(self.bytes, self.from, self.dialect.delimiter);
        let rows = index.ends().len().min(self.rows.capacity());
        let end = index.ends()[..rows].last().map_or(self.from, |end| *end as usize + 1);
        let block = &self.bytes[self.from..end];
        let is_simple = index.is_regular
            && end > self.from
            && self.dialect.columns.reach() <= self.dialect.width
            && (!index.not_ascii || std::str::from_utf8(block).is_ok());
        if !is_simple {
            return self.one_by_one();
        }
        self.rows.lines = match index.has_quotes {
            true => memchr::memchr_iter(b'\n', block).count() as u64,
            false => rows as u64,
        };
        self.by_index(rows);
        end
    }
}

impl Block<'_> {
    /// Takes the records of so many lines from the index.
    #[inline(always)]
    fn by_index(&mut self, lines: usize) {
        let Block { dialect: Dialect { columns, width, .. }, bytes, .. } = *self;
        let index = &self.reader.index;
        let separators = index.separators();
        // The place in `separators` of the record's first.
        let (mut first, mut start) = (0, self.from);
        for &end in &index.ends()[..lines] {
            let end_at = end as usize;
            let record = start..end_at;
            start = end_at + 1;
            prefetch_text(bytes, record.start..start, BLOCK_BYTES);
            // That a record has as many fields as it should shows by where its last separator stands.
            let own = separators.get(first..first + width).filter(|own| own[width - 1] == end);
            let is_blank = record.len() <= 1 && matches!(bytes[record.clone()], [] | [b'\r']);
            let (false, Some(own)) = (is_blank, own) else {
                first += separators[first..].iter().take_while(|place| **place <= end).count();
                if !is_blank {
                    read_one(bytes, record.start, true, self.dialect, self.rows, self.arena);
                }
                continue;
            };
            first += width;
            let cells = self.rows.next_cells();
            for &(column, field) in &columns.wanted {
                let from = if column == 0 { record.start } else { own[column - 1] as usize + 1 };
                let mut to = own[column] as usize;
                if column + 1 == width && to > from && bytes[to - 1] == b'\r' {
                    to -= 1;
                }
                let cell = &mut cells[field as usize];
                if index.has_quotes && bytes[from] == b'"' {
                    let text = &bytes[from + 1..to - 1];
                    if index.has_doubled && text.contains(&b'"') {
                        *cell = undoubled(text, self.arena);
                    } else {
                        put(cell, from + 1, to - 1);
                    }
                } else {
                    put(cell, from, to);
                }
            }
            columns.copy(cells);
            self.rows.push(bytes, record.start, record.end);
        }
    }

    /// Takes the records by the general scanner.
    #[inline(never)]
    fn one_by_one(self) -> usize {
        let Block { dialect, bytes, from, rows, arena, .. } = self;
        let stop = bytes.len().min(from.saturating_add(BLOCK_BYTES));
        let mut at = from;
        while at < stop && rows.len() < rows.capacity() {
            at = match &bytes[at..] {
                [b'\n', ..] => at + 1,
                [b'\r', b'\n', ..] => at + 2,
                _ => read_one(bytes, at, false, dialect, rows, arena),
            };
        }
        rows.lines = memchr::memchr_iter(b'\n', &bytes[from..at]).count() as u64;
        at
    }
}

/// Reads the record at `start`, which is no blank line, by the general scanner. Returns the place behind it.
#[inline(never)]
fn read_one(
    bytes: &[u8],
    start: usize,
    is_utf8: bool,
    dialect: Dialect<'_>,
    rows: &mut Rows,
    arena: &mut Vec<u8>,
) -> usize {
    let cells = rows.next_cells();
    cells.fill(Cell::NULL);
    let scanned = scan(bytes, start, dialect.delimiter, dialect.columns, cells, arena);
    let Scanned::Record { fields, end: next } = scanned else {
        rows.push_flaw(bytes, start, bytes.len(), Flaw::OpenQuote);
        return bytes.len();
    };
    let end = if bytes[next - 1] == b'\n' { next - 1 } else { next };
    if !is_utf8 && let Err(error) = std::str::from_utf8(&bytes[start..end]) {
        rows.push_flaw(bytes, start, end, Flaw::Utf8(error.valid_up_to()));
    } else if fields != dialect.width {
        rows.push_flaw(bytes, start, end, Flaw::Fields(fields));
    } else {
        rows.push(bytes, start, end);
    }
    next
}

/// Makes the cell of a field. Part by part: a cell that is made elsewhere and moved here would be read as a whole
/// before its parts are written.
#[inline(always)]
fn put(cell: &mut Cell, from: usize, to: usize) {
    let is_empty = from == to;
    cell.start = if is_empty { 0 } else { from as u32 };
    cell.len = (to - from) as u32;
    cell.kind = if is_empty { CellKind::Null } else { CellKind::Untyped };
}

/// The cell of a text in the arena, with one quote for each two.
#[inline(never)]
fn undoubled(text: &[u8], arena: &mut Vec<u8>) -> Cell {
    let start = arena.len();
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'"', rest) {
        arena.extend_from_slice(&rest[..=at]);
        rest = &rest[at + 2..];
    }
    arena.extend_from_slice(rest);
    Cell { start: start as u32, len: (arena.len() - start) as u32, kind: CellKind::ArenaUntyped }
}
