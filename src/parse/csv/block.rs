//! A block of CSV records: their fields lie between the separators of the index. What the index cannot say goes
//! through the general scanner, for one record or for the whole block.

use super::index::Index;
use super::{Columns, Scanned, scan};
use crate::parse::batch::{Cell, CellKind};
use crate::parse::rows::{BLOCK_BYTES, Flaw, Rows, span};
use crate::parse::simd::{Lanes, Work};

/// Reads CSV; holds what is reused from block to block.
#[derive(Default)]
pub struct Reader {
    index: Index,
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
        // Of one column a blank line looks like a record.
        if self.dialect.width > 1 && index.is_table(rows, self.dialect.width) {
            self.by_column(rows);
        } else {
            self.by_line(rows);
        }
        end
    }
}

impl Block<'_> {
    /// Takes the records of so many lines from the index, one column after the other: each line is a record that has as
    /// many fields as it should.
    #[inline(always)]
    fn by_column(&mut self, lines: usize) {
        let Block { dialect: Dialect { columns, width, .. }, bytes, .. } = *self;
        let index = &self.reader.index;
        let (cells, fields, spans) = self.rows.room();
        for &(column, field) in &columns.wanted {
            let is_last = index.has_crs && column + 1 == width;
            let cells =
                cells[..lines * fields].chunks_exact_mut(fields).map(|cells| &mut cells[field as usize]);
            // What stands before each row's field, and behind it.
            let places = index.places()[column..]
                .chunks(width)
                .map(|own| (own[0].wrapping_add(1) as usize, own[1] as usize));
            // Two loops, so that the one for what is usual stays in the registers.
            if index.has_quotes || is_last {
                for (cell, (from, to)) in cells.zip(places) {
                    put_field(cell, from, to, is_last, bytes, index, self.arena);
                }
            } else {
                for (cell, (from, to)) in cells.zip(places) {
                    put(cell, from, to);
                }
            }
        }
        if !columns.copies.is_empty() {
            cells[..lines * fields].chunks_exact_mut(fields).for_each(|cells| columns.copy(cells));
        }
        let (mut start, has_crs) = (self.from, index.has_crs);
        spans.extend(index.ends()[..lines].iter().map(|&end| {
            let from = std::mem::replace(&mut start, end as usize + 1);
            if has_crs { span(bytes, from, end as usize) } else { (from as u32, end) }
        }));
    }

    /// Takes the records of so many lines from the index, one after the other.
    #[inline(never)]
    fn by_line(&mut self, lines: usize) {
        let Block { dialect: Dialect { columns, width, .. }, bytes, .. } = *self;
        let index = &self.reader.index;
        let places = index.places();
        // The place in `places` of the separator before the record.
        let (mut first, mut start) = (0, self.from);
        for &end in &index.ends()[..lines] {
            let record = start..end as usize;
            start = record.end + 1;
            // That a record has as many fields as it should shows by where its last separator stands.
            let own = places.get(first..=first + width).filter(|own| own[width] == end);
            let is_blank = record.len() <= 1 && matches!(bytes[record.clone()], [] | [b'\r']);
            let (false, Some(own)) = (is_blank, own) else {
                first += places[first + 1..].iter().take_while(|place| **place <= end).count();
                if !is_blank {
                    read_one(bytes, record.start, true, self.dialect, self.rows, self.arena);
                }
                continue;
            };
            first += width;
            let cells = self.rows.next_cells();
            for &(column, field) in &columns.wanted {
                let (from, to) = (own[column].wrapping_add(1) as usize, own[column + 1] as usize);
                let is_last = column + 1 == width;
                put_field(&mut cells[field as usize], from, to, is_last, bytes, index, self.arena);
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

/// Makes the cell of a field that may be quoted, and, where it is the last of its record, end in the CR of the line end.
#[inline(always)]
fn put_field(
    cell: &mut Cell,
    from: usize,
    mut to: usize,
    is_last: bool,
    bytes: &[u8],
    index: &Index,
    arena: &mut Vec<u8>,
) {
    if is_last && to > from && bytes[to - 1] == b'\r' {
        to -= 1;
    }
    if !index.has_quotes || bytes[from] != b'"' {
        return put(cell, from, to);
    }
    let text = &bytes[from + 1..to - 1];
    if index.has_doubled && text.contains(&b'"') {
        *cell = undoubled(text, arena);
    } else {
        put(cell, from + 1, to - 1);
    }
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
