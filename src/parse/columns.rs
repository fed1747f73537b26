//! From a block of rows to the columns of a batch, one column after the other: time, filter, id, keys, arguments.
//!
//! What is usual (a field as it stands, a short number, a comparison with a constant) is done here on the bytes,
//! without building values; everything else is left to the readers of times, numbers and expressions, which
//! would say the same of the usual cases.

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::args;
use super::batch::{Batch, Cell, CellKind, field_value};
use super::explain::{explain, lacks};
use super::key;
use super::keys::KeyMaker;
use super::plain;
use super::project::Projection;
use super::rows::Rows;
use super::simd::Level;
use super::stage::{Stage, Unusable};
use crate::expr::{Expr, Row, Simple};
use crate::time::{self, Form};
use crate::value::Value;
use crate::window::PaneFinder;

/// Makes columns; holds what is reused from block to block.
pub struct Columns<'p> {
    plan: &'p Projection,
    level: Level,
    /// The filter, where it is a simple one.
    simple: Option<Simple<'p>>,
    /// Which times there are no panes for, where there may be such.
    panes: Vec<PaneFinder>,
    stage: Stage,
    keys: KeyMaker<'p>,
    /// The ids of a block, encoded, and where each ends.
    scratch: Vec<u8>,
    scratch_ends: Vec<usize>,
}

/// A row's record as expressions see it.
pub(super) struct RecordView<'r> {
    pub bytes: &'r [u8],
    pub arena: &'r [u8],
    pub cells: &'r [Cell],
    pub time: i64,
}

impl Row for RecordView<'_> {
    #[inline]
    fn field(&self, number: usize) -> Value<'_> {
        field_value(self.bytes, self.arena, self.cells[number])
    }

    fn event_time(&self) -> i64 {
        self.time
    }
}

impl<'p> Columns<'p> {
    /// Makes the columns of this projection, with these vectors.
    pub fn new(plan: &'p Projection, level: Level) -> Columns<'p> {
        Columns {
            plan,
            level,
            simple: plan.filter.as_ref().and_then(Expr::as_simple),
            panes: plan.windows.finders().into_iter().filter(|panes| !panes.is_total()).collect(),
            stage: Stage::default(),
            keys: KeyMaker::new(plan),
            scratch: Vec::new(),
            scratch_ends: Vec::new(),
        }
    }

    /// Appends a block of rows of the chunk `bytes` to a batch; `width` is the number of fields of a CSV record.
    pub fn append(&mut self, rows: &Rows, bytes: &[u8], width: usize, batch: &mut Batch) {
        let base = batch.rows();
        let flawed = rows.flaws.iter().map(|&(row, flaw)| {
            let (start, end) = rows.spans[row as usize];
            (row, explain(flaw, &bytes[start as usize..end as usize], width))
        });
        self.stage.start(rows.len(), flawed);
        batch.spans.extend_from_slice(&rows.spans);
        self.times(rows, bytes, batch);
        self.filter(rows, bytes, batch, base);
        self.ids(rows, bytes, batch, base);
        self.keys(rows, bytes, batch, base);
        for (arg, column) in self.plan.args.iter().zip(&mut batch.args) {
            let rows =
                args::Block { rows, bytes, arena: &batch.texts.arena, time: &batch.time[base..], base };
            args::append(arg, column, &mut self.stage, &rows, self.level, &mut batch.texts.computed);
        }
        batch.fates.extend_from_slice(&self.stage.fates);
        let reasons = &mut self.stage.reasons;
        reasons.sort_by_key(|(row, _)| *row);
        for (row, reason) in reasons.drain(..) {
            batch.reasons.push(base as u32 + row, &reason);
        }
    }

    fn times(&mut self, rows: &Rows, bytes: &[u8], batch: &mut Batch) {
        let Columns { plan, level, panes, stage, .. } = self;
        let base = batch.time.len();
        batch.time.resize(base + rows.len(), 0);
        let (times, arena, form) = (&mut batch.time[base..], &batch.texts.arena, &mut batch.form);
        let cell = |row| rows.cell(row, plan.time_field);
        match form.map(|form| (form, plan.time_format.unit(form))) {
            None => stage.no_short_way(),
            Some((form, Some(unit))) => level.run(plain::Times {
                field: plain::Field { rows, number: plan.time_field, bytes, arena },
                format: &plan.time_format,
                form,
                scale: unit.scale(),
                panes,
                stage,
                times,
            }),
            Some((form, None)) => stage.short_way(|row| {
                let cell = cell(row);
                let time = plan.time_format.quick(cell.spelling(), cell.text(bytes, arena), form);
                let time = time.filter(|time| panes.iter_mut().all(|panes| panes.pane(*time).is_some()));
                times[row] = time.unwrap_or(0);
                time.is_some()
            }),
        }
        stage.long_way(|row| {
            let value = field_value(bytes, arena, cell(row));
            times[row] = event_time(plan, &value, form, panes).map_err(Unusable::Untimed)?;
            Ok(())
        });
    }

    fn filter(&mut self, rows: &Rows, bytes: &[u8], batch: &Batch, base: usize) {
        let Some(filter) = &self.plan.filter else { return };
        let arena = &batch.texts.arena;
        match self.simple {
            Some(condition) => self.level.run(plain::Filter {
                field: plain::Field { rows, number: condition.field(), bytes, arena },
                condition,
                stage: &mut self.stage,
            }),
            None => self.stage.no_short_way(),
        }
        self.stage.long_way(|row| {
            let view = RecordView { bytes, arena, cells: rows.cells(row), time: batch.time[base + row] };
            match filter.is_true(&view) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Unusable::Filtered),
                Err(reason) => Err(Unusable::Bad(format!("--where: {reason}"))),
            }
        });
    }

    fn ids(&mut self, rows: &Rows, bytes: &[u8], batch: &mut Batch, base: usize) {
        let Columns { plan, stage, scratch, scratch_ends, .. } = self;
        if plan.ids.is_empty() {
            return;
        }
        batch.ids.resize(base + rows.len(), 0);
        let (ids, arena) = (&mut batch.ids[base..], &batch.texts.arena);
        scratch.clear();
        scratch_ends.clear();
        stage.short_way(|row| {
            let start = scratch.len();
            let is_id = plan.ids.iter().all(|&field| {
                let cell = rows.cell(row, field);
                cell.kind != CellKind::Null && key::encode_field(cell, bytes, arena, scratch)
            });
            if is_id {
                scratch_ends.push(scratch.len());
            } else {
                scratch.truncate(start);
            }
            is_id
        });
        stage.long_way(|row| {
            let value = |field: usize| field_value(bytes, arena, rows.cell(row, field));
            let why = plan.ids.iter().find_map(|&field| match value(field) {
                Value::Null => Some(lacks("id", &plan.fields[field].text)),
                value @ Value::Json(_) => {
                    Some(format!("id `{}` is {}", plan.fields[field].text, value.kind()))
                }
                _ => None,
            });
            Err(Unusable::Bad(why.expect("it was no id before")))
        });
        // Not at once: what has just been written in pieces is slow to read as a whole.
        let mut start = 0;
        for (&row, &end) in stage.live.iter().zip(scratch_ends.iter()) {
            ids[row as usize] = xxh3_128_with_seed(&scratch[start..end], plan.key_seed);
            start = end;
        }
    }

    fn keys(&mut self, rows: &Rows, bytes: &[u8], batch: &mut Batch, base: usize) {
        let Batch { keys, texts, time, fates, .. } = batch;
        let view = |row: u32| RecordView {
            bytes,
            arena: &texts.arena,
            cells: rows.cells(row as usize),
            time: time[base + row as usize],
        };
        self.keys.append((rows, bytes), fates, view, &mut self.stage, keys);
    }
}

/// The event time of a record.
#[inline(never)]
fn event_time(
    plan: &Projection,
    value: &Value<'_>,
    form: &mut Option<Form>,
    panes: &mut [PaneFinder],
) -> Result<i64, String> {
    let field = || &plan.fields[plan.time_field].text;
    if value.is_null() {
        return Err(lacks("event time", field()));
    }
    let with = match *form {
        Some(form) => form,
        None => plan.time_format.detect(value).unwrap_or(Form::Text),
    };
    let time = plan
        .time_format
        .parse(value, with)
        .map_err(|reason| format!("event time `{}`: {reason}", field()))?;
    if time <= -time::LIMIT || time >= time::LIMIT {
        return Err(format!("event time `{}`: time is out of range", field()));
    }
    if panes.iter_mut().any(|panes| panes.pane(time).is_none()) {
        return Err(format!("event time `{}`: time is beyond the calendar", field()));
    }
    *form = Some(with);
    Ok(time)
}
