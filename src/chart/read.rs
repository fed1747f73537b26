//! Reads a result that windrow wrote, by the readers of jobs, and makes a chart of it.
//!
//! The first records tell what the columns are; then all records are read once. What a result should not hold is an
//! error with its place: a chart of half a result would look like one of the whole.

use super::cells::Span;
use super::clock::Clock;
use super::collect::Collector;
use super::columns::{self, Roles};
use super::kinds::Kinds;
use super::open::{bad, fields, open, sample, too_long};
use super::revisions::{Revisions, Written};
use super::{Chart, kinds, label, scale};
use crate::error::{Error, Result, printable};
use crate::input::{Chunk, SourceSpec};
use crate::parse::batch::{Cell, field_value};
use crate::parse::{explain, hints, json, key};
use crate::profile::records::{Input, Reader, Seen};
use crate::time::{self, Form, TimeFormat};
use crate::value::Value;

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
    /// `--window`: the kind of windows that is drawn, where there are several.
    pub kind: Option<String>,
    /// `--top`: how many keys are drawn.
    pub top: usize,
    /// `--time-zone`; without it times are shown as the result writes them, numbers in UTC.
    pub zone: Option<jiff::tz::TimeZone>,
    /// `--max-record`, in bytes.
    pub record_bytes_max: usize,
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
    let of_source = |error: Error| match error {
        Error::Usage(message) => Error::usage(format!("{}: {message}", printable(source))),
        other => other,
    };
    let roles = columns::roles(&names, &sample, &request.y, &request.by).map_err(of_source)?;
    drop(sample);
    if request.kind.is_some() && roles.kind.is_none() && !names.is_empty() {
        return Err(of_source(kinds::without_column()));
    }
    let mut rows = Rows::new(request, roles, &names)?;
    rows.read(&mut input, names.len())?;
    rows.kinds.check().map_err(of_source)?;
    Ok(rows.finish(request))
}

/// The rows of a result, on their way to a chart.
struct Rows<'r> {
    request: &'r Request,
    roles: Roles,
    names: &'r [String],
    /// The columns that are read, by cell: bounds, revision and pane, keys, measures, the kind of the window.
    places: Vec<usize>,
    /// Where keys and measures begin among the cells.
    keys: usize,
    measures: usize,
    kinds: Kinds,
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
        places.extend(roles.revision.into_iter().flat_map(|(revision, pane)| [revision, pane]));
        let keys = places.len();
        places.extend(&roles.keys);
        let measures = places.len();
        places.extend(&roles.measures);
        places.extend(roles.kind);
        let drawn = roles.measures.iter().map(|at| names[*at].clone()).collect();
        let revisions = roles.revision.map(|_| Revisions::default());
        Ok(Rows {
            request,
            values: vec![None; roles.measures.len()],
            roles,
            names,
            places,
            keys,
            measures,
            kinds: Kinds::new(request.kind.as_deref()),
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
        let behind = self.measures + self.values.len();
        if self.roles.kind.is_some() && !self.kinds.is_drawn(&value(behind)) {
            return Ok(());
        }
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
        for at in self.measures..behind {
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
        if let Some(revisions) = &mut self.revisions {
            // They stand before the keys.
            let revision = match value(self.keys - 2) {
                Value::Written(text) | Value::Untyped(text) => scale::number(text.as_bytes()),
                _ => None,
            };
            let is_early = match value(self.keys - 1) {
                Value::Text(text) => text == "early",
                Value::Untyped(text) => text == "early",
                _ => false,
            };
            let (key, values) = (&self.key[..], &self.values[..]);
            let row = Written { span, revision: revision.unwrap_or(0.0), is_early, key, values };
            revisions.add(row, &mut self.collector);
            return Ok(());
        }
        let key = &self.key;
        let added = self.collector.add(span, key, || label::of_key(key), &self.values);
        added.map_err(|_| self.repeated())
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
                    "{late} revised rows are left out: they came when there were too many others to wait for them; sort \
                     the result by window"
                ));
            }
            if self.roles.bounds.is_none() {
                notes.push("drawn is what was written last: rows without windows have no time".to_owned());
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
