//! CSV: RFC 4180 as the csv crate reads it, with LF or CRLF line ends.
//!
//! A quote opens only at the start of a field; behind the closing quote further text is literal. A bare CR
//! is data. The caller has checked the UTF-8 and cut the chunk at a record end.
//!
//! `block` takes the fields of many records from an index of the separators (`index`); what is written in an
//! unusual way goes through [`scan`], record by record.

pub mod block;
mod index;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;

use super::batch::{Cell, CellKind};

/// Which columns are wanted, and as which field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The wanted columns, ascending, and the field that each is.
    wanted: Vec<(usize, u32)>,
    /// Fields that are a column that another field is already: (copy of, field).
    copies: Vec<(u32, u32)>,
}

impl Columns {
    /// The columns at these places (counted from 0): `places[i]` is field i.
    pub fn new(places: &[usize]) -> Columns {
        let mut columns = Columns { wanted: Vec::new(), copies: Vec::new() };
        for (field, &place) in (0u32..).zip(places) {
            match columns.wanted.iter().find(|(column, _)| *column == place) {
                Some(&(_, first)) => columns.copies.push((first, field)),
                None => columns.wanted.push((place, field)),
            }
        }
        columns.wanted.sort_unstable();
        columns
    }

    /// How many columns a record needs to have all that are wanted.
    fn reach(&self) -> usize {
        self.wanted.last().map_or(0, |(column, _)| column + 1)
    }

    /// Fills the cells of fields that are copies of others.
    #[inline(always)]
    fn copy(&self, cells: &mut [Cell]) {
        for &(first, copy) in &self.copies {
            cells[copy as usize] = cells[first as usize];
        }
    }
}

/// What stands at a place of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanned {
    /// A record with this many fields, which ends (its line end included) before `end`.
    Record {
        /// How many fields it has.
        fields: usize,
        /// The place behind its line end.
        end: usize,
    },
    /// A record whose quote is never closed; it reaches to the end of the chunk.
    OpenQuote,
}

/// Scans the record at `start`, which is no blank line. Fills `cells`, all null before.
pub fn scan(
    bytes: &[u8],
    start: usize,
    delimiter: u8,
    columns: &Columns,
    cells: &mut [Cell],
    arena: &mut Vec<u8>,
) -> Scanned {
    let mut at = start;
    let mut fields = 0;
    let mut wanted = columns.wanted.iter().peekable();
    loop {
        let (cell, stop) = if bytes.get(at) == Some(&b'"') {
            match quoted(bytes, at, delimiter, arena) {
                Some(found) => found,
                None => return Scanned::OpenQuote,
            }
        } else {
            let stop = field_end(bytes, at, delimiter);
            (Cell { start: at as u32, len: (stop - at) as u32, kind: CellKind::Untyped }, stop)
        };
        let last = bytes.get(stop) != Some(&delimiter);
        if let Some(&(_, field)) = wanted.next_if(|(column, _)| *column == fields) {
            cells[field as usize] =
                null_if_empty(if last { without_cr(cell, bytes, stop, arena) } else { cell });
        }
        fields += 1;
        if last {
            columns.copy(cells);
            return Scanned::Record { fields, end: (stop + 1).min(bytes.len()) };
        }
        at = stop + 1;
    }
}

/// The place of the delimiter, LF or end that ends the unquoted text at `at`.
#[inline]
fn field_end(bytes: &[u8], mut at: usize, delimiter: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    while let Some(eight) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        let stop = word ^ (ONES * u64::from(delimiter));
        let line = word ^ (ONES * u64::from(b'\n'));
        let marks = ((stop.wrapping_sub(ONES) & !stop) | (line.wrapping_sub(ONES) & !line)) & HIGH;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&byte| byte != delimiter && byte != b'\n') {
        at += 1;
    }
    at
}

/// The field whose opening quote stands at `at`, and the place of what ends it. `None` if it is never closed.
fn quoted(bytes: &[u8], at: usize, delimiter: u8, arena: &mut Vec<u8>) -> Option<(Cell, usize)> {
    let start = at + 1;
    let close = start + memchr::memchr(b'"', &bytes[start..])?;
    let stop = field_end(bytes, close + 1, delimiter);
    if stop == close + 1 {
        return Some((
            Cell { start: start as u32, len: (close - start) as u32, kind: CellKind::Untyped },
            stop,
        ));
    }
    // A doubled quote, or text behind the closing one: the value does not stand in the input as such.
    let from = arena.len();
    arena.extend_from_slice(&bytes[start..close]);
    let mut at = close + 1;
    while bytes.get(at) == Some(&b'"') {
        let next = at + 1 + memchr::memchr(b'"', &bytes[at + 1..])?;
        arena.extend_from_slice(&bytes[at..next]);
        at = next + 1;
    }
    let stop = field_end(bytes, at, delimiter);
    arena.extend_from_slice(&bytes[at..stop]);
    let len = (arena.len() - from) as u32;
    Some((Cell { start: from as u32, len, kind: CellKind::ArenaUntyped }, stop))
}

/// The last field of a line that ends in CRLF holds the CR: takes it off.
fn without_cr(mut cell: Cell, bytes: &[u8], stop: usize, arena: &[u8]) -> Cell {
    let line_has_cr = stop > 0 && bytes[stop - 1] == b'\r' && bytes.get(stop) == Some(&b'\n');
    let end = (cell.start + cell.len) as usize;
    let text = if cell.kind == CellKind::ArenaUntyped { arena } else { bytes };
    if line_has_cr && cell.len > 0 && text.get(end - 1) == Some(&b'\r') {
        cell.len -= 1;
    }
    cell
}

#[inline(always)]
fn null_if_empty(cell: Cell) -> Cell {
    if cell.len == 0 { Cell::NULL } else { cell }
}
