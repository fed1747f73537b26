//! The pass over all records of all inputs.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::bad::{BadRecords, Kind};
use super::fields::{FIELDS_MAX, Fields};
use super::gaps::Gaps;
use super::order::{Summary, Watch};
use super::place::{Lines, Place};
use super::rate::Rate;
use super::records::{self, Input, Reader, Seen};
use super::repeats::Repeats;
use super::roles::Roles;
use super::sample::Columns;
use super::{Profile, Request};
use crate::error::{Error, Result};
use crate::expr::FieldPath;
use crate::input::{Chunk, SourceSpec};
use crate::parse::batch::{Cell, field_value};
use crate::parse::{explain, json, key};
use crate::time::{Form, TimeFormat};
use crate::value::Value;

/// Estimates come out the same every time.
const SEED: u64 = 0x6b65_7973_616e_6469;

/// Reads all inputs, some of which have been opened.
pub fn read(request: &Request, roles: Roles, mut opened: HashMap<usize, Input>) -> Result<Profile> {
    let format = match &roles.time {
        Some((_, format)) => {
            Some(TimeFormat::new(format, request.time_zone.as_deref()).map_err(Error::Usage)?)
        }
        None => None,
    };
    let shape = json::Shape::new(&roles.fields);
    let mut pass = Pass {
        request,
        roles: &roles,
        format,
        shape: &shape,
        fields: Fields::new(None),
        rate: Rate::default(),
        input: Watch::default(),
        watch: Watch::default(),
        repeats: roles.ids.iter().map(|_| Repeats::default()).collect(),
        gaps: (0..=roles.keys.len()).map(|_| Gaps::default()).collect(),
        bad: BadRecords::default(),
        scratch: Vec::new(),
    };
    let mut inputs = Vec::with_capacity(request.sources.len());
    for (rank, spec) in request.sources.iter().enumerate() {
        inputs.push(pass.read(rank, spec, opened.remove(&rank)));
    }
    pass.rate.end();
    let Pass { fields, rate, watch, repeats, gaps, bad, .. } = pass;
    let limit = request.limit;
    Ok(Profile { inputs, fields, rate, watch, repeats, gaps, bad, suggestion: None, limit, roles })
}

struct Pass<'p> {
    request: &'p Request,
    roles: &'p Roles,
    format: Option<TimeFormat>,
    shape: &'p json::Shape,
    fields: Fields,
    rate: Rate,
    /// The order of the input that is read, and of those before it.
    input: Watch,
    watch: Watch,
    repeats: Vec<Repeats>,
    gaps: Vec<Gaps>,
    bad: BadRecords,
    scratch: Vec<u8>,
}

/// Where the fields of the roles stand among the cells of a record.
struct Layout {
    columns: Columns,
    /// By the number of the role's field; `None` where a CSV source lacks it.
    cells: Vec<Option<usize>>,
    /// The columns that are read, by cell.
    places: Vec<usize>,
    width: usize,
}

impl Layout {
    fn new(fields: &[FieldPath], names: &[String], all: &mut Fields) -> Layout {
        let columns = Columns::new(names, all);
        if names.is_empty() {
            return Layout {
                columns,
                cells: (0..fields.len()).map(Some).collect(),
                places: Vec::new(),
                width: 0,
            };
        }
        let mut places: Vec<usize> = (0..names.len().min(FIELDS_MAX)).collect();
        let cells = fields.iter().map(|field| {
            let place = records::column(field, names)?;
            Some(places.iter().position(|known| *known == place).unwrap_or_else(|| {
                places.push(place);
                places.len() - 1
            }))
        });
        let cells = cells.collect();
        Layout { columns, cells, places, width: names.len() }
    }
}

impl<'p> Pass<'p> {
    /// Reads an input as far as it can be read.
    fn read(&mut self, rank: usize, spec: &SourceSpec, opened: Option<Input>) -> super::Input {
        let mut found = super::Input {
            name: spec.name.clone(),
            format: spec.format,
            records: 0,
            bad: 0,
            bytes: 0,
            form: None,
            columns: Vec::new(),
            order: Summary::default(),
            limited: false,
            fault: None,
        };
        let opened = opened.map_or_else(|| Input::open(spec, &self.request.read), Ok);
        let read = opened.and_then(|mut input| self.chunks(rank, &mut input, &mut found));
        let mut watch = std::mem::take(&mut self.input);
        watch.end();
        found.order = watch.order.summary();
        self.watch.merge(&watch);
        found.fault = match read {
            Ok(()) => None,
            Err(Error::Input { reason, .. }) => Some(reason),
            Err(other) => Some(other.to_string()),
        };
        found
    }

    fn chunks(&mut self, rank: usize, input: &mut Input, found: &mut super::Input) -> Result<()> {
        let limit = self.request.limit.unwrap_or(u64::MAX);
        let mut reader: Option<(Reader<'p>, Layout)> = None;
        let mut buffer = Vec::new();
        while found.records < limit {
            match input.next(buffer)? {
                Chunk::End => return Ok(()),
                Chunk::TooLong { lines, len, .. } => {
                    let place = Place { source: rank, line: input.lines + 1 };
                    let reason = || {
                        let max = self.request.read.record_bytes_max;
                        format!(
                            "the record is {} bytes long, and --max-record is {max}",
                            len.saturating_sub(1)
                        )
                    };
                    self.bad.add(Kind::TooLong, || (place, reason()));
                    found.records += 1;
                    found.bad += 1;
                    found.bytes += len;
                    input.lines += lines;
                    buffer = Vec::new();
                }
                Chunk::Records { bytes, .. } => {
                    let mut last = 0;
                    if let Some(names) = &input.names {
                        let (reader, layout) = reader.get_or_insert_with(|| {
                            found.columns.clone_from(names);
                            let layout = Layout::new(&self.roles.fields, names, &mut self.fields);
                            let wanted = (self.shape, self.roles.fields.len());
                            let reader = Reader::new(input.format, wanted, (&layout.places, layout.width));
                            (reader, layout)
                        });
                        let mut lines = Lines::new(&bytes, input.lines);
                        reader.each(&bytes, |seen, start| {
                            found.records += 1;
                            last = start + seen.text().len();
                            let at = At { source: rank, start, lines: &mut lines };
                            self.seen(&bytes, seen, at, layout, found);
                            found.records < limit
                        });
                    }
                    input.lines = Lines::new(&bytes, input.lines).end();
                    let read = match found.records < limit {
                        true => bytes.len(),
                        false => {
                            memchr::memchr(b'\n', &bytes[last..]).map_or(bytes.len(), |end| last + end + 1)
                        }
                    };
                    found.bytes += read as u64;
                    buffer = bytes;
                }
            }
        }
        found.limited = true;
        Ok(())
    }

    #[inline]
    fn seen(
        &mut self,
        bytes: &[u8],
        seen: Seen<'_>,
        mut at: At<'_, '_>,
        layout: &Layout,
        found: &mut super::Input,
    ) {
        let (text, cells, arena) = match seen {
            Seen::Record { text, cells, arena } => (text, cells, arena),
            Seen::Flawed { flaw, text } => {
                let reason = || explain::explain(flaw, text, layout.width);
                self.bad.add(Kind::of(flaw, text), || (at.place(), reason()));
                found.bad += 1;
                return;
            }
        };
        layout.columns.record(&mut self.fields, bytes, text, cells, arena);
        let Some((field, _)) = self.roles.time else { return };
        let cell = |field: usize| layout.cells[field].map_or(Cell::NULL, |cell| cells[cell]);
        let time = match self.time(
            field_value(bytes, arena, cell(field)),
            cell(field),
            bytes,
            arena,
            &mut found.form,
        ) {
            Ok(time) => time,
            Err((kind, reason)) => {
                let name = &self.roles.fields[field].text;
                let reason = || match kind {
                    Kind::NoTime => explain::lacks("event time", name),
                    _ => format!("event time `{name}`: {reason}"),
                };
                self.bad.add(kind, || (at.place(), reason()));
                found.bad += 1;
                return;
            }
        };
        self.rate.add(time);
        self.input.event(time, || at.place());
        self.gaps[0].event(0, time);
        self.groups(time, |field| field_value(bytes, arena, cell(field)));
    }

    /// Looks at the ids and keys of an event, whose fields have these values.
    #[inline]
    fn groups<'v>(&mut self, time: i64, value: impl Fn(usize) -> Value<'v>) {
        let (roles, scratch) = (self.roles, &mut self.scratch);
        for (group, repeats) in roles.ids.iter().zip(&mut self.repeats) {
            scratch.clear();
            let is_id = group.fields.iter().all(|field| {
                let value = value(*field);
                !value.is_null() && key::encode(&value, scratch)
            });
            match is_id {
                true => repeats.event(xxh3_64_with_seed(scratch, SEED), time),
                false => repeats.missing += 1,
            }
        }
        for (group, gaps) in roles.keys.iter().zip(&mut self.gaps[1..]) {
            scratch.clear();
            if group.fields.iter().all(|field| key::encode(&value(*field), scratch)) {
                gaps.event(xxh3_64_with_seed(scratch, SEED), time);
            }
        }
    }

    /// The event time of a record, as a job reads it.
    #[inline]
    fn time(
        &self,
        value: Value<'_>,
        cell: Cell,
        bytes: &[u8],
        arena: &[u8],
        form: &mut Option<Form>,
    ) -> std::result::Result<i64, (Kind, String)> {
        let Some(format) = &self.format else { return Err((Kind::NoTime, String::new())) };
        if let Some(form) = *form
            && let Some(time) = format.quick(cell.spelling(), cell.text(bytes, arena), form)
        {
            return Ok(time);
        }
        if value.is_null() {
            return Err((Kind::NoTime, String::new()));
        }
        let with = form.or_else(|| format.detect(&value)).unwrap_or(Form::Text);
        let time = format.parse(&value, with).map_err(|reason| (Kind::Time, reason))?;
        *form = Some(with);
        Ok(time)
    }
}

/// Where a record stands, if anybody asks.
struct At<'l, 'c> {
    source: usize,
    start: usize,
    lines: &'l mut Lines<'c>,
}

impl At<'_, '_> {
    fn place(&mut self) -> Place {
        Place { source: self.source, line: self.lines.line(self.start) }
    }
}
