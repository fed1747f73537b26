//! The CSV scanner: RFC 4180 as the csv crate reads it, with LF or CRLF line ends, one record at a time.
//!
//! A quote opens only at the start of a field; behind the closing quote further text is literal. A bare CR
//! is data. The caller has checked the UTF-8 and cut the chunk at a record end.

use super::batch::{Cell, CellKind};

/// Which columns are wanted, and as which field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Per column up to the last wanted one: the field it is.
    fields: Vec<Option<u32>>,
    /// Fields that are a column that another field is already: (copy of, field).
    copies: Vec<(u32, u32)>,
}

impl Columns {
    /// The columns at these places (counted from 0): `places[i]` is field i.
    pub fn new(places: &[usize]) -> Columns {
        let mut columns = Columns { fields: Vec::new(), copies: Vec::new() };
        for (field, &place) in (0u32..).zip(places) {
            if columns.fields.len() <= place {
                columns.fields.resize(place + 1, None);
            }
            match columns.fields[place] {
                Some(first) => columns.copies.push((first, field)),
                None => columns.fields[place] = Some(field),
            }
        }
        columns
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
    loop {
        let wanted = columns.fields.get(fields).copied().flatten();
        let (cell, stop) = if bytes.get(at) == Some(&b'"') {
            match quoted(bytes, at, delimiter, arena) {
                Some(found) => found,
                None => return Scanned::OpenQuote,
            }
        } else {
            let stop = field_end(bytes, at, delimiter);
            (Cell { start: at as u32, len: (stop - at) as u32, kind: CellKind::Untyped }, stop)
        };
        fields += 1;
        let last = bytes.get(stop) != Some(&delimiter);
        if let Some(field) = wanted {
            cells[field as usize] =
                null_if_empty(if last { without_cr(cell, bytes, stop, arena) } else { cell });
        }
        if last {
            for &(first, copy) in &columns.copies {
                cells[copy as usize] = cells[first as usize];
            }
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

fn null_if_empty(cell: Cell) -> Cell {
    if cell.len == 0 { Cell::NULL } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::batch::Texts;
    use crate::value::Value;

    /// All records of a text, by our scanner; `None` for an open quote.
    fn ours(text: &str, width: usize) -> Vec<Option<Vec<String>>> {
        let columns = Columns::new(&(0..width).collect::<Vec<_>>());
        let mut texts = Texts { bytes: text.as_bytes().to_vec(), ..Texts::default() };
        let (mut at, mut records) = (0, Vec::new());
        while at < text.len() {
            if text[at..].starts_with('\n') || text[at..].starts_with("\r\n") {
                at += if text[at..].starts_with('\n') { 1 } else { 2 };
                continue;
            }
            let mut cells = vec![Cell::NULL; width];
            let mut arena = std::mem::take(&mut texts.arena);
            let scanned = scan(&texts.bytes, at, b',', &columns, &mut cells, &mut arena);
            texts.arena = arena;
            match scanned {
                Scanned::OpenQuote => {
                    records.push(None);
                    break;
                }
                Scanned::Record { fields, end } => {
                    let shown = cells.iter().take(fields).map(|cell| match texts.value(*cell) {
                        Value::Untyped(text) => text.to_owned(),
                        _ => String::new(),
                    });
                    records.push(Some(shown.collect()));
                    at = end;
                }
            }
        }
        records
    }

    fn check(text: &str, expected: &[&[&str]]) {
        let expected: Vec<Option<Vec<String>>> =
            expected.iter().map(|r| Some(r.iter().map(|f| (*f).to_owned()).collect())).collect();
        assert_eq!(ours(text, 4), expected, "{text:?}");
    }

    #[test]
    fn reads_fields() {
        check("a,b\n", &[&["a", "b"]]);
        check("a,b\r\nc,d", &[&["a", "b"], &["c", "d"]]);
        check("a,\n,b\n", &[&["a", ""], &["", "b"]]);
        check("\"a,b\",\"c\nd\"\n", &[&["a,b", "c\nd"]]);
        check("\"a\"\"b\",c\n", &[&["a\"b", "c"]]);
        check("a\"b,c\n", &[&["a\"b", "c"]]);
        check("\"a\"b,c\n", &[&["ab", "c"]]);
        check("a,\"b\"\r\n", &[&["a", "b"]]);
        check("a,\"b\r\"\r\n", &[&["a", "b\r"]]);
        check("a,b\rc\n", &[&["a", "b\rc"]]);
        check("\"\"\n", &[&[""]]);
        assert_eq!(ours("a,\"b\nc,d\n", 2), vec![None]);
    }

    /// The csv crate is the reference: random soup of separators, quotes and text reads the same.
    #[test]
    fn agrees_with_the_reference() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let pieces = [",", ",", "\n", "\r\n", "\"", "\"\"", "a", "bc", "12345678", "\r", " ", "é"];
        for _ in 0..40_000 {
            let text: String =
                (0..random.usize(1..14)).map(|_| pieces[random.usize(0..pieces.len())]).collect();
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .terminator(csv::Terminator::Any(b'\n'))
                .from_reader(text.as_bytes());
            let mut reference = Vec::new();
            let mut record = csv::StringRecord::new();
            while reader.read_record(&mut record).expect("valid UTF-8") {
                let end = reader.position().byte() as usize;
                let mut fields: Vec<String> = record.iter().map(str::to_owned).collect();
                // The reference keeps the CR of a CRLF line end.
                if text[..end].ends_with("\r\n") {
                    let last = fields.last_mut().expect("a record has fields");
                    if last.ends_with('\r') {
                        last.pop();
                    }
                }
                // A line that holds nothing but its end is blank to us.
                let from = record.position().map_or(0, |p| p.byte() as usize);
                if text[from..end].trim_start_matches('\n') != "\r\n" {
                    reference.push(Some(fields));
                }
            }
            let mut found = ours(&text, 20);
            if found.last() == Some(&None) {
                // The reference closes an open quote at the end of the input by itself.
                found.pop();
                reference.truncate(found.len());
            }
            assert_eq!(found, reference, "{text:?}");
        }
    }
}
