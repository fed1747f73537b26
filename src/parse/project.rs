//! From records to columns: the parse stage, one chunk at a time.
//!
//! A [`Parser`] belongs to one thread and keeps what is reused from chunk to chunk. What a record becomes
//! depends on that record alone (and on the form of its source's times), never on its neighbours. Chunks are taken
//! block by block: the scanners of `json` and `csv` make rows of cells, and `columns` makes columns of those.

use super::batch::{ArgColumn, Batch, Fate, NumberColumn};
use super::columns::Columns;
use super::recycle::Shelf;
use super::rows::{Rows, span};
use super::simd::Level;
use super::{csv, json};
use crate::aggregate::Takes;
use crate::aggregate::states::distinct_arguments;
use crate::expr::{Expr, FieldPath};
use crate::input::Format;
use crate::job::{BadPolicy, Job, Task};
use crate::time::{Form, TimeFormat};
use crate::window::Windows;

/// What the parse stage needs to know of a job.
#[derive(Clone)]
pub struct Projection {
    /// The job's fields, and behind them the time field if it is none of them.
    pub fields: Vec<FieldPath>,
    pub(super) shape: json::Shape,
    pub(super) time_field: usize,
    pub(super) time_format: TimeFormat,
    pub(super) filter: Option<Expr>,
    pub(super) ids: Vec<usize>,
    pub(super) keys: Vec<(String, Expr)>,
    pub(super) args: Vec<Arg>,
    pub(super) windows: Windows,
    pub(super) key_seed: u64,
    /// Whether the run goes on after a bad record.
    bad_passes: bool,
}

/// One aggregate's argument.
#[derive(Clone)]
pub(super) struct Arg {
    pub takes: Takes,
    pub exprs: Vec<Expr>,
    pub filter: Option<Expr>,
    /// The call as written, for messages.
    pub text: String,
}

impl Projection {
    /// The projection of a job whose time field has been settled; the seed is for the hashes of keys and ids.
    pub fn new(job: &Job, time_field: &FieldPath, seed: u64) -> Projection {
        let mut fields = job.fields.clone();
        let time = fields.iter().position(|field| field.steps == time_field.steps).unwrap_or_else(|| {
            fields.push(time_field.clone());
            fields.len() - 1
        });
        let (keys, args, windows) = match &job.task {
            Task::Order => (Vec::new(), Vec::new(), Windows::None),
            Task::Aggregate(task) => (
                task.keys.iter().map(|key| (key.name.clone(), key.expr.clone())).collect(),
                distinct_arguments(&task.calls).into_iter().map(Arg::new).collect(),
                task.windows.clone(),
            ),
        };
        Projection {
            shape: json::Shape::new(&fields),
            fields,
            time_field: time,
            time_format: job.time_format.clone(),
            filter: job.filter.clone(),
            ids: job.ids.clone(),
            keys,
            args,
            windows,
            key_seed: seed,
            bad_passes: job.bad != BadPolicy::Fail,
        }
    }

    /// The seed of the hashes of keys and ids.
    pub fn seed(&self) -> u64 {
        self.key_seed
    }

    /// The form that the job fixes for all sources, if it does.
    pub fn form(&self) -> Option<Form> {
        self.time_format.form()
    }
}

/// A seed that an attacker cannot know, for hashes that never reach the output.
pub fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

impl Arg {
    fn new(call: &crate::expr::Call) -> Arg {
        Arg {
            takes: call.definition.takes,
            exprs: call.args.clone(),
            filter: call.filter.clone(),
            text: call.text.clone(),
        }
    }

    fn column(&self) -> ArgColumn {
        match self.takes {
            Takes::Presence if self.exprs.is_empty() && self.filter.is_none() => ArgColumn::Every,
            Takes::Presence => ArgColumn::Present(Vec::new()),
            Takes::Number => ArgColumn::Numbers(NumberColumn::default()),
            Takes::Ordered | Takes::Any => ArgColumn::Values(Vec::new()),
            Takes::AnyBy => ArgColumn::Pairs(Vec::new(), Vec::new()),
        }
    }
}

/// What is known of a source before its records are parsed.
#[derive(Debug)]
pub struct Layout {
    /// How its records are written.
    pub format: Format,
    /// Where the fields stand in a CSV record; empty for NDJSON.
    pub columns: csv::Columns,
    /// How many fields a CSV record has.
    pub width: usize,
    /// The names of a CSV source's columns.
    pub names: Vec<String>,
    /// What stands before the first chunk; `None` where an earlier run has read it.
    pub lead: Option<Lead>,
    /// Which part of its source it is for: 0, 1, 2, ... Only a followed file has more than one.
    pub part: u64,
}

/// What stands before the first chunk of a source: a byte order mark, blank lines, a header.
#[derive(Debug, Clone, Copy)]
pub struct Lead {
    /// How many lines that is.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Their digest.
    pub digest: u64,
    /// Which file begins with it: device and inode, where that is known.
    pub file: Option<(u64, u64)>,
}

/// One chunk to parse.
pub struct ChunkToParse<'c> {
    /// The rank of its source.
    pub source: u32,
    /// Its records.
    pub bytes: Vec<u8>,
    /// Where it stands in the source's uncompressed stream.
    pub offset: u64,
    /// What is known of the source.
    pub layout: &'c Layout,
    /// The form of the source's times, if known by now.
    pub form: Option<Form>,
}

/// Parses chunks; one per thread.
pub struct Parser<'p> {
    plan: &'p Projection,
    level: Level,
    json: json::block::Reader<'p>,
    csv: csv::block::Reader,
    rows: Rows,
    columns: Columns<'p>,
    shelf: Shelf,
}

impl<'p> Parser<'p> {
    /// A parser for this projection, for this machine.
    pub fn new(plan: &'p Projection) -> Parser<'p> {
        Parser::with_level(plan, Level::detect())
    }

    /// A parser for this projection that uses these vectors.
    pub fn with_level(plan: &'p Projection, level: Level) -> Parser<'p> {
        Parser {
            plan,
            level,
            json: json::block::Reader::new(&plan.shape, level),
            csv: csv::block::Reader::default(),
            rows: Rows::new(plan.fields.len()),
            columns: Columns::new(plan, level),
            shelf: Shelf::default(),
        }
    }

    /// Parses a chunk.
    pub fn parse(&mut self, chunk: ChunkToParse<'_>) -> Batch {
        let mut batch = self.empty_batch(chunk.source, chunk.offset);
        batch.form = chunk.form;
        let (bytes, layout) = (chunk.bytes, chunk.layout);
        let mut from = 0;
        while from < bytes.len() {
            let (bytes, rows, arena) = (&bytes, &mut self.rows, &mut batch.texts.arena);
            rows.clear();
            from = match layout.format {
                Format::Ndjson => {
                    self.level.run(json::block::Block { reader: &mut self.json, bytes, from, rows, arena })
                }
                Format::Csv { delimiter } => {
                    let dialect =
                        csv::block::Dialect { delimiter, columns: &layout.columns, width: layout.width };
                    self.level.run(csv::block::Block {
                        reader: &mut self.csv,
                        dialect,
                        bytes,
                        from,
                        rows,
                        arena,
                    })
                }
            };
            batch.lines += self.rows.lines;
            self.columns.append(&self.rows, bytes, layout.width, &mut batch);
        }
        batch.texts.bytes = bytes;
        if self.plan.bad_passes {
            batch.note_first_bad();
        }
        batch
    }

    fn empty_batch(&self, source: u32, offset: u64) -> Batch {
        let mut batch = self.shelf.take(|| self.plan.args.iter().map(Arg::column).collect());
        (batch.source, batch.offset) = (source, offset);
        batch
    }

    /// The batch of one record that is too long to be read.
    pub fn too_long(&self, source: u32, offset: u64, head: Vec<u8>, lines: u64, reason: String) -> Batch {
        let mut batch = self.empty_batch(source, offset);
        batch.lines = lines;
        // A head that is cut does not reach to the line end.
        let end = if head.ends_with(b"\n") { head.len() - 1 } else { head.len() };
        batch.push_empty(span(&head, 0, end), Fate::Untimed, !self.plan.ids.is_empty());
        batch.reasons.push(0, &reason);
        batch.texts.bytes = head;
        if self.plan.bad_passes {
            batch.note_first_bad();
        }
        batch
    }
}
