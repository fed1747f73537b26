//! From the chunks of a source to its records, by the readers of the job: which records count, and what is found in
//! them, is as in a run.

use std::collections::VecDeque;

use crate::error::Result;
use crate::expr::{FieldPath, Step};
use crate::input::{Chunk, Format, ReadOptions, Source, SourceSpec};
use crate::parse::batch::Cell;
use crate::parse::rows::{Flaw, Rows};
use crate::parse::simd::Level;
use crate::parse::{csv, json};

/// A source, and the chunks of it that were read for a sample.
pub struct Input {
    source: Source,
    /// How its records are written.
    pub format: Format,
    /// The names of its columns, once known; none for NDJSON.
    pub names: Option<Vec<String>>,
    ahead: VecDeque<Chunk>,
    /// How many lines stand before the chunk that comes next.
    pub lines: u64,
}

impl Input {
    /// Opens a source, and reads the header of CSV.
    pub fn open(spec: &SourceSpec, options: &ReadOptions) -> Result<Input> {
        let source = Source::open(spec, options)?;
        let mut input = Input { source, format: spec.format, names: None, ahead: VecDeque::new(), lines: 0 };
        match spec.format {
            Format::Ndjson => input.names = Some(Vec::new()),
            Format::Csv { .. } if options.header => match input.source.header()? {
                Some((names, lines)) => (input.names, input.lines) = (Some(names), lines),
                None => input.names = Some(Vec::new()),
            },
            Format::Csv { .. } => {}
        }
        Ok(input)
    }

    /// The next chunk, into a buffer that is reused.
    pub fn next(&mut self, buffer: Vec<u8>) -> Result<Chunk> {
        let chunk = match self.ahead.pop_front() {
            Some(chunk) => chunk,
            None => self.source.next(buffer)?,
        };
        if let (None, Format::Csv { delimiter }, Chunk::Records { bytes, .. }) =
            (&self.names, self.format, &chunk)
        {
            self.names = width(bytes, delimiter).map(|width| (1..=width).map(|n| n.to_string()).collect());
        }
        Ok(chunk)
    }

    /// Gives chunks back, in order, to be read once more; `lines` is how many stand before them.
    pub fn put_back(&mut self, chunks: Vec<Chunk>, lines: u64) {
        self.lines = lines;
        for chunk in chunks.into_iter().rev() {
            self.ahead.push_front(chunk);
        }
    }
}

/// How many fields the first record of a chunk without header has; `None` if it has no record.
fn width(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\n' | b'\r'))?;
    Some(match csv::scan(bytes, start, delimiter, &csv::Columns::new(&[]), &mut [], &mut Vec::new()) {
        csv::Scanned::Record { fields, .. } => fields,
        csv::Scanned::OpenQuote => 1,
    })
}

/// What is made of a record.
pub enum Seen<'r> {
    /// A record that can be read.
    Record {
        /// Its text.
        text: &'r [u8],
        /// Its cells: one for each field that is wanted.
        cells: &'r [Cell],
        /// What cells point into besides the chunk.
        arena: &'r [u8],
    },
    /// One that cannot.
    Flawed {
        /// What is wrong with it.
        flaw: Flaw,
        /// Its text.
        text: &'r [u8],
    },
}

impl Seen<'_> {
    /// Its text, without its line end.
    pub fn text(&self) -> &[u8] {
        match self {
            Seen::Record { text, .. } | Seen::Flawed { text, .. } => text,
        }
    }
}

/// Reads the chunks of one source.
pub struct Reader<'s> {
    level: Level,
    kind: Kind<'s>,
    rows: Rows,
    arena: Vec<u8>,
}

enum Kind<'s> {
    Json(Box<json::block::Reader<'s>>),
    Csv { reader: csv::block::Reader, delimiter: u8, columns: csv::Columns, width: usize },
}

impl<'s> Reader<'s> {
    /// A reader of NDJSON, of which so many fields are wanted, or of CSV with so many columns, of which these are.
    pub fn new(
        format: Format,
        (shape, fields): (&'s json::Shape, usize),
        (places, width): (&[usize], usize),
    ) -> Reader<'s> {
        let level = Level::detect();
        let (kind, cells) = match format {
            Format::Ndjson => (Kind::Json(Box::new(json::block::Reader::new(shape, level))), fields),
            Format::Csv { delimiter } => {
                let columns = csv::Columns::new(places);
                (Kind::Csv { reader: csv::block::Reader::default(), delimiter, columns, width }, places.len())
            }
        };
        Reader { level, kind, rows: Rows::new(cells), arena: Vec::new() }
    }

    /// Shows all records of a chunk, with where each starts in it, as long as `see` wants more.
    pub fn each(&mut self, bytes: &[u8], mut see: impl FnMut(Seen<'_>, usize) -> bool) {
        let mut from = 0;
        while from < bytes.len() {
            from = self.block(bytes, from);
            let mut flaws = self.rows.flaws.iter().peekable();
            for row in 0..self.rows.len() {
                let (start, end) = self.rows.spans[row];
                let text = &bytes[start as usize..end as usize];
                let seen = match flaws.next_if(|(flawed, _)| *flawed as usize == row) {
                    Some(&(_, flaw)) => Seen::Flawed { flaw, text },
                    None => Seen::Record { text, cells: self.rows.cells(row), arena: &self.arena },
                };
                if !see(seen, start as usize) {
                    return;
                }
            }
        }
    }

    fn block(&mut self, bytes: &[u8], from: usize) -> usize {
        let Reader { level, kind, rows, arena } = self;
        rows.clear();
        arena.clear();
        match kind {
            Kind::Json(reader) => level.run(json::block::Block { reader, bytes, from, rows, arena }),
            Kind::Csv { reader, delimiter, columns, width } => {
                let dialect = csv::block::Dialect { delimiter: *delimiter, columns, width: *width };
                level.run(csv::block::Block { reader, dialect, bytes, from, rows, arena })
            }
        }
    }
}

/// The column of a field, if the source has it once.
pub fn column(field: &FieldPath, names: &[String]) -> Option<usize> {
    let name = match &field.steps[..] {
        [Step::Member(name)] => name,
        _ => &field.text,
    };
    let mut places = (0..names.len()).filter(|place| names[*place] == *name);
    let place = places.next()?;
    places.next().is_none().then_some(place)
}
