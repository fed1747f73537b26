//! Reads a result that windrow wrote, by the readers of jobs, and makes a chart of it.
//!
//! The first records tell what the columns are; then all records are read once. What a result should not hold is an
//! error with its place: a chart of half a result would look like one of the whole.

use std::fmt;
use std::sync::Arc;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use xxhash_rust::xxh3::xxh3_64;

use super::cells::Span;
use super::clock::Clock;
use super::collect::Collector;
use super::columns::{self, Roles, Sampled};
use super::revisions::Revisions;
use super::{Chart, label, scale};
use crate::error::{Error, Result, printable};
use crate::expr::{FieldPath, Step};
use crate::input::{Chunk, Format, Origin, ReadOptions, SourceSpec};
use crate::parse::batch::{Cell, field_value};
use crate::parse::{explain, hints, json, key};
use crate::profile::records::{Input, Reader, Seen};
use crate::time::{self, Form, TimeFormat};
use crate::value::Value;

/// How much is read at a time, in bytes.
const CHUNK_BYTES: usize = 1 << 20;
/// How many records tell what the columns are.
const SAMPLE_RECORDS: usize = 10_000;
/// What to do about a record that cannot be used.
const WAY_OUT: &str = "windrow chart draws what windrow has written; --from, --by and --y say how to take it";

/// Which result, and what of it.
#[derive(Debug)]
pub struct Request {
    /// The result.
    pub source: SourceSpec,
    /// Whether its format is to be found out from what is in it, since neither its name nor an option says it.
    pub guess: bool,
    /// `--y`: the measures; empty: all.
    pub y: Vec<String>,
    /// `--by`: the key columns; empty: they are found out.
    pub by: Vec<String>,
    /// `--top`: how many keys are drawn.
    pub top: usize,
    /// `--time-zone`; without it times are shown as the result writes them, numbers in UTC.
    pub zone: Option<jiff::tz::TimeZone>,
    /// `--max-record`, in bytes.
    pub record_bytes_max: usize,
}

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// A number, or one of the words for what is none: NaN, inf.
    Number,
    /// Anything else.
    Text,
}

impl Kind {
    /// That of a cell without type.
    pub fn of_text(text: &str) -> Kind {
        let word = text.trim_start_matches(['-', '+']);
        let is_word = || ["nan", "inf", "infinity"].iter().any(|known| word.eq_ignore_ascii_case(known));
        match text {
            "" => Kind::Null,
            text if crate::number::is_number(text) || is_word() => Kind::Number,
            _ => Kind::Text,
        }
    }

    fn of(value: &Value<'_>) -> Kind {
        match value {
            Value::Null => Kind::Null,
            Value::Number(_) | Value::Written(_) => Kind::Number,
            Value::Untyped(text) => Kind::of_text(text),
            Value::Bool(_) | Value::Text(_) | Value::Json(_) => Kind::Text,
        }
    }
}

/// Reads the result.
///
/// # Errors
/// [`Error::Input`] if it cannot be read, [`Error::BadRecord`] if a record is none of a result, [`Error::Usage`] if its
/// columns are not those of a result, or not those that were asked for.
pub fn chart(request: &Request) -> Result<Chart> {
    let source = &request.source.name;
    let (mut input, names) = open(request)?;
    let sample = sample(&mut input, &names)?;
    let roles = columns::roles(&names, &sample, &request.y, &request.by).map_err(|error| match error {
        Error::Usage(message) => Error::usage(format!("{}: {message}", printable(source))),
        other => other,
    })?;
    drop(sample);
    let mut rows = Rows::new(request, roles, &names)?;
    rows.read(&mut input, names.len())?;
    Ok(rows.finish(request))
}

fn options(request: &Request) -> ReadOptions {
    ReadOptions {
        chunk_bytes: CHUNK_BYTES,
        record_bytes_max: request.record_bytes_max,
        header: true,
        digests: false,
        hold: false,
        stdin_is_new: false,
    }
}

/// Opens the result, and finds out what its columns are called.
fn open(request: &Request) -> Result<(Input, Vec<String>)> {
    let options = options(request);
    let mut input = Input::open(&request.source, &options)?;
    if let (Format::Csv { .. }, Some(names)) = (input.format, &input.names) {
        let names = names.clone();
        return Ok((input, names));
    }
    let bytes = loop {
        match input.next(Vec::new())? {
            Chunk::Records { bytes, offset } => {
                if first_line(&bytes).is_some() {
                    break (bytes, offset);
                }
                input.lines += memchr::memchr_iter(b'\n', &bytes).count() as u64;
            }
            Chunk::TooLong { .. } => return Err(too_long(request)),
            Chunk::End => return Ok((input, Vec::new())),
        }
    };
    let (bytes, offset) = bytes;
    let line = first_line(&bytes).unwrap_or_default();
    if request.guess && !line.starts_with(b"{") {
        return open_as_csv(request, input, bytes, &options);
    }
    let Some(names) = members(line) else {
        let reason = "this is no JSON object".to_owned();
        return Err(bad(request, input.lines + 1, reason, line));
    };
    let lines = input.lines;
    input.put_back(vec![Chunk::Records { bytes, offset }], lines);
    Ok((input, names))
}

/// Opens what has turned out to be CSV once more. A pipe cannot be: what it brings is kept in memory.
fn open_as_csv(
    request: &Request,
    mut input: Input,
    mut bytes: Vec<u8>,
    options: &ReadOptions,
) -> Result<(Input, Vec<String>)> {
    let header = first_line(&bytes).unwrap_or_default();
    let delimiter = [b'\t', b',', b';', b'|'].into_iter().find(|delimiter| header.contains(delimiter));
    let format = Format::Csv { delimiter: delimiter.unwrap_or(b',') };
    let mut source = SourceSpec { format, ..request.source.clone() };
    if !matches!(source.origin, Origin::Path(ref path) if path.is_file()) {
        loop {
            match input.next(Vec::new())? {
                Chunk::Records { bytes: more, .. } => bytes.extend_from_slice(&more),
                Chunk::TooLong { .. } => return Err(too_long(request)),
                Chunk::End => break,
            }
        }
        source.origin = Origin::Memory(Arc::from(bytes));
    }
    let input = Input::open(&source, options)?;
    let names = input.names.clone().unwrap_or_default();
    Ok((input, names))
}

fn too_long(request: &Request) -> Error {
    let reason = format!("a record is longer than --max-record, {} bytes", request.record_bytes_max);
    Error::Input { source: request.source.name.clone(), reason }
}

/// The first line that is not blank, without its end.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty())
}

/// The names of the members of a JSON object, in their order.
fn members(record: &[u8]) -> Option<Vec<String>> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Vec<String>, A::Error> {
            let mut names: Vec<String> = Vec::new();
            while let Some((name, _)) = members.next_entry::<String, IgnoredAny>()? {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            Ok(names)
        }
    }
    serde_json::Deserializer::from_slice(record).deserialize_map(Names).ok()
}

/// Fields that are these columns.
fn fields(names: &[String], places: &[usize]) -> Vec<FieldPath> {
    let field =
        |at: &usize| FieldPath { steps: vec![Step::Member(names[*at].clone())], text: names[*at].clone() };
    places.iter().map(field).collect()
}

/// The first records, all columns of them. They are read again afterwards.
fn sample(input: &mut Input, names: &[String]) -> Result<Vec<Sampled>> {
    let places: Vec<usize> = (0..names.len()).collect();
    let shape = json::Shape::new(&fields(names, &places));
    let mut reader = Reader::new(input.format, (&shape, places.len()), (&places, names.len()));
    let (lines, mut chunks, mut rows) = (input.lines, Vec::new(), Vec::new());
    while rows.len() < SAMPLE_RECORDS {
        let chunk = input.next(Vec::new())?;
        let is_end = matches!(chunk, Chunk::End);
        if let Chunk::Records { bytes, .. } = &chunk {
            reader.each(bytes, |seen, _| {
                if let Seen::Record { cells, arena, .. } = seen {
                    let sampled = cells.iter().map(|cell| sampled(&field_value(bytes, arena, *cell)));
                    rows.push(sampled.collect());
                }
                rows.len() < SAMPLE_RECORDS
            });
        }
        chunks.push(chunk);
        if is_end {
            break;
        }
    }
    input.put_back(chunks, lines);
    Ok(rows)
}

fn sampled(value: &Value<'_>) -> (Kind, u64) {
    let mut encoded = Vec::new();
    if !key::encode(value, &mut encoded) {
        encoded.extend_from_slice(b"json");
    }
    (Kind::of(value), xxh3_64(&encoded))
}

/// The rows of a result, on their way to a chart.
struct Rows<'r> {
    request: &'r Request,
    roles: Roles,
    names: &'r [String],
    /// The columns that are read, by cell: bounds, revision, keys, measures.
    places: Vec<usize>,
    /// Where keys and measures begin among the cells.
    keys: usize,
    measures: usize,
    format: TimeFormat,
    form: Option<Form>,
    clock: Clock,
    collector: Collector,
    revisions: Option<Revisions>,
    key: Vec<u8>,
    values: Vec<Option<f64>>,
    /// Values that are no numbers, and where the first stands.
    strange: u64,
    first_strange: Option<String>,
}

impl<'r> Rows<'r> {
    fn new(request: &'r Request, roles: Roles, names: &'r [String]) -> Result<Rows<'r>> {
        let mut places: Vec<usize> = roles.bounds.into_iter().flat_map(|(start, end)| [start, end]).collect();
        places.extend(roles.revision);
        let keys = places.len();
        places.extend(&roles.keys);
        let measures = places.len();
        places.extend(&roles.measures);
        let drawn = roles.measures.iter().map(|at| names[*at].clone()).collect();
        let revisions = roles.revision.zip(roles.bounds).map(|_| Revisions::default());
        Ok(Rows {
            request,
            values: vec![None; roles.measures.len()],
            roles,
            names,
            places,
            keys,
            measures,
            format: TimeFormat::new("auto", None).map_err(Error::Internal)?,
            form: None,
            clock: request.zone.clone().map_or_else(Clock::utc, Clock::zone),
            collector: Collector::new(drawn, false),
            revisions,
            key: Vec::new(),
            strange: 0,
            first_strange: None,
        })
    }

    fn read(&mut self, input: &mut Input, width: usize) -> Result<()> {
        let shape = json::Shape::new(&fields(self.names, &self.places));
        let places = self.places.clone();
        let mut reader = Reader::new(input.format, (&shape, places.len()), (&places, width));
        let mut buffer = Vec::new();
        loop {
            match input.next(buffer)? {
                Chunk::End => return Ok(()),
                Chunk::TooLong { .. } => return Err(too_long(self.request)),
                Chunk::Records { bytes, .. } => {
                    let lines = input.lines;
                    let line =
                        |start: usize| lines + 1 + memchr::memchr_iter(b'\n', &bytes[..start]).count() as u64;
                    let mut result = Ok(());
                    reader.each(&bytes, |seen, start| {
                        let (text, taken) = match seen {
                            Seen::Record { text, cells, arena } => {
                                (text, self.row(&bytes, cells, arena, || line(start)))
                            }
                            Seen::Flawed { flaw, text } => (text, Err(explain::explain(flaw, text, width))),
                        };
                        result = taken.map_err(|reason| bad(self.request, line(start), reason, text));
                        result.is_ok()
                    });
                    result?;
                    input.lines += memchr::memchr_iter(b'\n', &bytes).count() as u64;
                    buffer = bytes;
                }
            }
        }
    }

    /// Takes a row; the error says why it is none of a result.
    fn row(
        &mut self,
        bytes: &[u8],
        cells: &[Cell],
        arena: &[u8],
        line: impl Fn() -> u64,
    ) -> std::result::Result<(), String> {
        let value = |at: usize| field_value(bytes, arena, cells[at]);
        let span = match self.roles.bounds {
            None => None,
            Some(_) => {
                let (start, end) = (self.time(&value(0))?, self.time(&value(1))?);
                if end < start {
                    return Err("its window ends before it starts".to_owned());
                }
                Some(Span { start, end })
            }
        };
        self.key.clear();
        for at in self.keys..self.measures {
            let value = value(at);
            if let Value::Json(text) = &value {
                key::encode(&Value::Text(text.clone()), &mut self.key);
            } else {
                key::encode(&value, &mut self.key);
            }
        }
        for at in self.measures..cells.len() {
            let value = value(at);
            let number = match &value {
                Value::Written(text) | Value::Untyped(text) => scale::number(text.as_bytes()),
                _ => None,
            };
            if number.is_none() && !value.is_null() && !matches!(value, Value::Untyped("")) {
                self.strange += 1;
                self.first_strange.get_or_insert_with(|| format!("line {}", line()));
            }
            self.values[at - self.measures] = number;
        }
        match (&mut self.revisions, span) {
            (Some(revisions), Some(span)) => {
                let revision = match value(2) {
                    Value::Written(text) | Value::Untyped(text) => scale::number(text.as_bytes()),
                    _ => None,
                };
                revisions.add(span, revision.unwrap_or(0.0), &self.key, &self.values, &mut self.collector);
                Ok(())
            }
            _ => {
                let key = &self.key;
                let added = self.collector.add(span, key, || label::of_key(key), &self.values);
                added.map_err(|_| self.repeated())
            }
        }
    }

    /// Why two rows must not have one window and key.
    fn repeated(&self) -> String {
        let key = match self.roles.keys.len() {
            0 => "no key tells it from that".to_owned(),
            _ => {
                let names: Vec<String> = self.roles.keys.iter().map(|at| self.names[*at].clone()).collect();
                format!("the key ({}) is the same too", hints::listed(&names, 8))
            }
        };
        format!("its window is that of a row before, and {key}; --by names all columns of the key")
    }

    #[inline]
    fn time(&mut self, value: &Value<'_>) -> std::result::Result<i64, String> {
        let form = match self.form {
            Some(form) => form,
            None => *self.form.insert(self.format.detect(value).unwrap_or(Form::Text)),
        };
        let time = self.format.parse(value, form).map_err(|_| no_time(value))?;
        if self.request.zone.is_none()
            && let Value::Text(_) | Value::Untyped(_) = value
            && form == Form::Text
        {
            let text = match value {
                Value::Text(text) => text.as_bytes(),
                Value::Untyped(text) => text.as_bytes(),
                _ => b"",
            };
            self.clock.see(time, offset_minutes(text));
        }
        Ok(time)
    }

    fn finish(mut self, request: &Request) -> Chart {
        let mut notes = self.roles.notes;
        if let Some(revisions) = self.revisions {
            let late = revisions.finish(&mut self.collector);
            if late > 0 {
                notes.push(format!(
                    "{late} revised rows came too late and are left out: sort the result by window"
                ));
            }
        }
        if let Some(first) = self.first_strange {
            notes.push(format!("{} values are no numbers and not drawn, the first on {first}", self.strange));
        }
        let mut chart = self.collector.finish(request.top, self.clock, "--top draws more");
        chart.notes.append(&mut notes);
        chart.by = self.roles.keys.iter().map(|at| self.names[*at].clone()).collect();
        chart.source.clone_from(&request.source.name);
        chart
    }
}

/// Why a bound of a window is none.
#[cold]
fn no_time(value: &Value<'_>) -> String {
    let text = match value {
        Value::Text(text) | Value::Json(text) => text,
        Value::Untyped(text) | Value::Written(text) => *text,
        other => other.kind(),
    };
    format!(
        "`{}` is no bound of a window, which is a number or a time like 2021-07-01T12:00:00Z",
        time::cut(text)
    )
}

fn bad(request: &Request, line: u64, reason: String, text: &[u8]) -> Error {
    let excerpt: String = String::from_utf8_lossy(&text[..text.len().min(200)]).chars().take(60).collect();
    let source = request.source.name.clone();
    Error::BadRecord { source, line, reason, excerpt, way_out: Some(WAY_OUT.to_owned()) }
}

/// The offset that an RFC 3339 time ends with, in minutes.
fn offset_minutes(text: &[u8]) -> i64 {
    let digit = |byte: u8| i64::from(byte.wrapping_sub(b'0'));
    match text.last_chunk::<6>() {
        Some(&[sign @ (b'+' | b'-'), h1, h0, b':', m1, m0]) => {
            let minutes = (digit(h1) * 10 + digit(h0)) * 60 + digit(m1) * 10 + digit(m0);
            if sign == b'-' { -minutes } else { minutes }
        }
        _ => 0,
    }
}
