//! The readers of CSV against the csv crate: the same records, fields and values, by the scanner and by the reader of
//! blocks, which takes fields from an index of separators, with every kind of vectors.

#![no_main]

#[path = "../reference/csv.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;
use reference::{Record, agrees, records};
use windrow::parse::batch::Cell;
use windrow::parse::csv::block::{Block, Dialect, Reader};
use windrow::parse::csv::{Columns, Scanned, scan};
use windrow::parse::rows::{Flaw, Rows};
use windrow::parse::simd::Level;

/// A chunk, the columns that are wanted of its records, and what the reference makes of it.
struct Check<'c> {
    chunk: &'c [u8],
    dialect: Dialect<'c>,
    places: &'c [usize],
    expected: Vec<Record>,
}

impl Check<'_> {
    fn one(&self, number: usize, span: (u32, u32), found: Result<&[Cell], Flaw>, arena: &[u8]) {
        let record = self.expected.get(number).unwrap_or_else(|| panic!("{found:?} is one too many"));
        assert_eq!(span, record.span);
        let same = agrees(record, found, self.places, self.chunk, arena);
        assert!(same, "{found:?}, where the reference has {record:?}");
    }

    /// By the reader of blocks.
    fn blocks(&self, level: Level) {
        let (mut reader, mut rows) = (Reader::default(), Rows::new(self.places.len()));
        let (mut from, mut seen, mut arena) = (0, 0, Vec::new());
        while from < self.chunk.len() {
            rows.clear();
            let (dialect, rows_in, arena_in) = (self.dialect, &mut rows, &mut arena);
            let block = Block {
                reader: &mut reader,
                dialect,
                bytes: self.chunk,
                from,
                rows: rows_in,
                arena: arena_in,
            };
            from = level.run(block);
            for row in 0..rows.len() {
                let flaw = rows.flaws.iter().find(|(flawed, _)| *flawed as usize == row);
                let found = flaw.map_or_else(|| Ok(rows.cells(row)), |(_, flaw)| Err(*flaw));
                self.one(seen, rows.spans[row], found, &arena);
                seen += 1;
            }
        }
        assert_eq!(seen, self.expected.len(), "{level:?}");
    }

    /// One by one, by the scanner. Blank lines and UTF-8 are its caller's affair.
    fn one_by_one(&self) {
        let (mut at, mut seen) = (0, 0);
        while at < self.chunk.len() {
            if let Some(blank) =
                [&b"\n"[..], b"\r\n"].iter().find(|blank| self.chunk[at..].starts_with(blank))
            {
                at += blank.len();
                continue;
            }
            let (mut cells, mut arena) = (vec![Cell::NULL; self.places.len()], Vec::new());
            let Dialect { delimiter, columns, width } = self.dialect;
            let scanned = scan(self.chunk, at, delimiter, columns, &mut cells, &mut arena);
            let (end, next) = match scanned {
                Scanned::OpenQuote => (self.chunk.len(), self.chunk.len()),
                Scanned::Record { end, .. } if self.chunk[end - 1] == b'\n' => (end - 1, end),
                Scanned::Record { end, .. } => (end, end),
            };
            let found = match (scanned, std::str::from_utf8(&self.chunk[at..end])) {
                (Scanned::OpenQuote, _) => Err(Flaw::OpenQuote),
                (_, Err(error)) => Err(Flaw::Utf8(error.valid_up_to())),
                (Scanned::Record { fields, .. }, _) if fields != width => Err(Flaw::Fields(fields)),
                _ => Ok(&cells[..]),
            };
            let cr = usize::from(end > at && self.chunk[end - 1] == b'\r');
            self.one(seen, (at as u32, (end - cr) as u32), found, &arena);
            (at, seen) = (next, seen + 1);
        }
        assert_eq!(seen, self.expected.len());
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, chunk)) = data.split_first() else { return };
    if chunk.starts_with(b"\xef\xbb\xbf") {
        // To the reference this is no part of the text.
        return;
    }
    let delimiter = [b',', b'\t', b';', b' '][usize::from(choice % 4)];
    let width = usize::from(choice / 4 % 8) + 1;
    let places = [(0..width).collect(), vec![width - 1, 0, width - 1], vec![0], vec![]];
    let places: &Vec<usize> = &places[usize::from(choice / 32 % 4)];
    let columns = Columns::new(places);
    let dialect = Dialect { delimiter, columns: &columns, width };
    let check = Check { chunk, dialect, places, expected: records(chunk, delimiter, width) };
    check.one_by_one();
    for level in Level::all() {
        check.blocks(level);
    }
});
