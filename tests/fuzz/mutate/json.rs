//! A round over NDJSON: a chunk of lines of one to three layouts, most of them changed, by the readers of blocks
//! (with each kind of vectors, with templates and without) and by the general scanner, each compared with serde_json.

use fastrand::Rng;
use windrow::expr::{FieldPath, parse_path};
use windrow::parse::batch::Cell;
use windrow::parse::json::block::{Block, Reader};
use windrow::parse::json::{Scanner, Shape};
use windrow::parse::rows::{Flaw, Rows};
use windrow::parse::simd::Level;

use super::change::{JSON, change};
use super::records::{self, Layout};
use super::reference::json::{Line, agrees, lines};
use super::{Counts, Difference};

/// Fields that a job may name.
const WANTED: [&[&str]; 6] = [
    &["id", "ts", "page", "b", "ok", "d.u.id", "n[1].k", "d.id"],
    &["ts", "page", "b"],
    &["ts", "d", "d.u", "n", "n[0]", "x"],
    &["latency_ms", "user", "ts", "message", "status"],
    &["\"a long name of a member that nobody wants, longer than a vector\"", "ts", "longer", "\"\"\"ts\""],
    &[],
];

/// What all rounds share.
pub struct Json {
    layouts: Vec<Layout>,
    wanted: Vec<(Vec<FieldPath>, Shape)>,
}

impl Json {
    pub fn new() -> Json {
        let paths = |texts: &&[&str]| texts.iter().map(|text| parse_path(text).expect("a path")).collect();
        let wanted = WANTED.iter().map(paths).map(|fields: Vec<FieldPath>| {
            let shape = Shape::new(&fields);
            (fields, shape)
        });
        Json { layouts: records::json(), wanted: wanted.collect() }
    }

    /// The round with this seed.
    pub fn round(&self, seed: u64, counts: &mut Counts) -> Result<(), Difference> {
        let mut random = Rng::with_seed(seed);
        let (fields, shape) = &self.wanted[random.usize(..self.wanted.len())];
        let chunk = self.chunk(&mut random, counts);
        let expected = lines(&chunk);
        for (_, line) in &expected {
            counts.add(match line {
                Line::Record(_) => Some(true),
                Line::Flawed(_) => Some(false),
                Line::Unlike => None,
            });
        }
        let check = Check { chunk: &chunk, fields, expected: &expected };
        for level in Level::all() {
            check.blocks(Reader::new(shape, level), level)?;
            check.blocks(Reader::without_templates(shape, level), level)?;
        }
        let level = if random.bool() { Level::detect() } else { Level::PORTABLE };
        check.one_by_one(shape, level)
    }

    /// Lines whose first ones are not changed, so that the reader learns from them. Mostly one block: what does not
    /// fit is learnt from as well, and after a block of many such lines nothing is tried for some time.
    fn chunk(&self, random: &mut Rng, counts: &mut Counts) -> Vec<u8> {
        let layouts: Vec<&Layout> =
            (0..random.usize(1..=3)).map(|_| &self.layouts[random.usize(..self.layouts.len())]).collect();
        let count = if random.u8(..16) == 0 { random.usize(..2_000) } else { random.usize(..250) };
        // How many of eight lines are changed.
        let changed = random.u8(1..=8);
        let mut chunk = Vec::with_capacity(count * 160);
        let mut line = Vec::new();
        for n in 0..count {
            let layout = layouts[if n < 4 { n % layouts.len() } else { random.usize(..layouts.len()) }];
            line.clone_from(&layout[random.usize(..layout.len())]);
            if n >= 4 && random.u8(..8) < changed {
                for _ in 0..random.u8(1..=3) {
                    change(&mut line, &JSON, random);
                }
                counts.changed += 1;
            }
            chunk.extend_from_slice(&line);
            chunk.push(b'\n');
        }
        if random.bool() {
            chunk.pop();
        }
        chunk
    }
}

type Span = (u32, u32);

struct Check<'c> {
    chunk: &'c [u8],
    fields: &'c [FieldPath],
    expected: &'c [(Span, Line<'c>)],
}

impl Check<'_> {
    /// By the reader of blocks, as the parse stage calls it.
    fn blocks(&self, mut reader: Reader<'_>, level: Level) -> Result<(), Difference> {
        let mut rows = Rows::new(self.fields.len());
        let (mut from, mut seen, mut newlines, mut arena) = (0, 0, 0, Vec::new());
        while from < self.chunk.len() {
            rows.clear();
            let (bytes, rows_in) = (self.chunk, &mut rows);
            from = level.run(Block { reader: &mut reader, bytes, from, rows: rows_in, arena: &mut arena });
            newlines += rows.lines;
            let mut flaws = rows.flaws.iter().peekable();
            for row in 0..rows.len() {
                let found = match flaws.next_if(|(flawed, _)| *flawed as usize == row) {
                    Some((_, flaw)) => Err(*flaw),
                    None => Ok(rows.cells(row)),
                };
                self.one(seen, rows.spans[row], found, &arena, level)?;
                seen += 1;
            }
        }
        let there = memchr::memchr_iter(b'\n', self.chunk).count() as u64;
        if seen != self.expected.len() || newlines != there {
            let text =
                format!("{seen} records on {newlines} lines; there are {} on {there}", self.expected.len());
            return Err(Difference { text: format!("{level:?}: {text}"), record: Vec::new() });
        }
        Ok(())
    }

    /// By the general scanner, which takes what fits no template. The UTF-8 is checked by its caller.
    fn one_by_one(&self, shape: &Shape, level: Level) -> Result<(), Difference> {
        let mut scanner = Scanner::with_level(shape, level);
        let mut cells = vec![Cell::NULL; self.fields.len()];
        for (number, (span, line)) in self.expected.iter().enumerate() {
            if matches!(line, Line::Flawed(Flaw::Utf8(_))) {
                continue;
            }
            cells.fill(Cell::NULL);
            let mut arena = Vec::new();
            let scanned = scanner.scan(self.chunk, span.0 as usize, &mut cells, &mut arena);
            let found = scanned.map(|_| &cells[..]).map_err(Flaw::Json);
            self.one(number, *span, found, &arena, level)?;
        }
        Ok(())
    }

    /// Compares what was found as the record with this number.
    fn one(
        &self,
        number: usize,
        span: Span,
        found: Result<&[Cell], Flaw>,
        arena: &[u8],
        level: Level,
    ) -> Result<(), Difference> {
        let expected = self.expected.get(number);
        if expected.is_some_and(|(place, line)| {
            *place == span && agrees(line, found, self.fields, self.chunk, arena)
        }) {
            return Ok(());
        }
        let record = self.chunk[span.0 as usize..span.1 as usize].to_vec();
        Err(Difference {
            text: format!("{level:?}, record {number}: {span:?} {found:?}\n{expected:?}"),
            record,
        })
    }
}
