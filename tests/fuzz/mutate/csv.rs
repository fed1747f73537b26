//! A round over CSV: a chunk of records of a layout, some of them changed, by the reader of blocks (with each kind
//! of vectors) compared with the csv crate.

use fastrand::Rng;
use windrow::parse::csv::Columns;
use windrow::parse::csv::block::{Block, Dialect, Reader};
use windrow::parse::rows::Rows;
use windrow::parse::simd::Level;

use super::change::{CSV, change};
use super::records::{self, Table};
use super::reference::csv::{Record, agrees, records};
use super::{Counts, Difference};

/// What all rounds share: the layouts for each delimiter.
pub struct Csv(Vec<(u8, Vec<Table>)>);

impl Csv {
    pub fn new() -> Csv {
        Csv([b',', b'\t', b';'].map(|delimiter| (delimiter, records::csv(delimiter))).into())
    }

    /// The round with this seed.
    pub fn round(&self, seed: u64, counts: &mut Counts) -> Result<(), Difference> {
        let mut random = Rng::with_seed(seed);
        let (delimiter, tables) = &self.0[random.usize(..self.0.len())];
        let table = &tables[random.usize(..tables.len())];
        let chunk = chunk(table, &mut random, counts);
        let expected = records(&chunk, *delimiter, table.width);
        expected.iter().for_each(|record| counts.add(Some(record.fields.is_ok())));
        // Any columns, some twice.
        let places: Vec<usize> =
            (0..random.usize(..=table.width.min(8))).map(|_| random.usize(..table.width)).collect();
        let columns = Columns::new(&places);
        let dialect = Dialect { delimiter: *delimiter, columns: &columns, width: table.width };
        let check = Check { chunk: &chunk, places: &places, expected: &expected };
        for level in [Level::detect(), Level::PORTABLE] {
            check.blocks(dialect, level)?;
        }
        Ok(())
    }
}

/// Records of a layout, the first ones as they are. A quote more or less makes the rest of a chunk another text,
/// and one in an odd place makes the reader leave its index: most rounds leave quotes as they are.
fn chunk(table: &Table, random: &mut Rng, counts: &mut Counts) -> Vec<u8> {
    let count = if random.u8(..16) == 0 { random.usize(..2_000) } else { random.usize(..300) };
    let (changed, keeps_quotes) = (random.u8(1..=64), random.u8(..4) != 0);
    let mut chunk = Vec::with_capacity(count * 100);
    let mut line = Vec::new();
    for n in 0..count {
        let variant = &table.records[random.usize(..table.records.len())];
        line.clone_from(variant);
        if n > 1 && random.u8(..64) < changed {
            for _ in 0..random.u8(1..=3) {
                change(&mut line, &CSV, random);
            }
            if keeps_quotes && quotes(&line) != quotes(variant) {
                line.clone_from(variant);
            } else {
                counts.changed += 1;
            }
        }
        chunk.extend_from_slice(&line);
        chunk.push(b'\n');
    }
    if random.bool() {
        chunk.pop();
    }
    chunk
}

fn quotes(line: &[u8]) -> usize {
    memchr::memchr_iter(b'"', line).count()
}

struct Check<'c> {
    chunk: &'c [u8],
    places: &'c [usize],
    expected: &'c [Record],
}

impl Check<'_> {
    fn blocks(&self, dialect: Dialect<'_>, level: Level) -> Result<(), Difference> {
        let (mut reader, mut rows) = (Reader::default(), Rows::new(self.places.len()));
        let (mut from, mut newlines, mut arena) = (0, 0, Vec::new());
        let mut expected = self.expected.iter();
        while from < self.chunk.len() {
            rows.clear();
            let (bytes, rows_in) = (self.chunk, &mut rows);
            let block = Block { reader: &mut reader, dialect, bytes, from, rows: rows_in, arena: &mut arena };
            from = level.run(block);
            newlines += rows.lines;
            let mut flaws = rows.flaws.iter().peekable();
            for row in 0..rows.len() {
                let found = match flaws.next_if(|(flawed, _)| *flawed as usize == row) {
                    Some((_, flaw)) => Err(*flaw),
                    None => Ok(rows.cells(row)),
                };
                let (span, expected) = (rows.spans[row], expected.next());
                if !expected.is_some_and(|record| {
                    record.span == span && agrees(record, found, self.places, bytes, &arena)
                }) {
                    let record = bytes[span.0 as usize..span.1 as usize].to_vec();
                    let text = format!("{level:?}, {dialect:?}: {span:?} {found:?}\n{expected:?}");
                    return Err(Difference { text, record });
                }
            }
        }
        let there = memchr::memchr_iter(b'\n', self.chunk).count() as u64;
        if expected.len() != 0 || newlines != there {
            let text =
                format!("{level:?}, {dialect:?}: {newlines} newlines of {there}; next {:?}", expected.next());
            return Err(Difference { text, record: Vec::new() });
        }
        Ok(())
    }
}
