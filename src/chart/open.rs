//! Opens a result: its format, where nobody says it, the names of its columns, and a sample of its rows.
//!
//! It decides nothing about columns: that is done by `columns`.

use std::fmt;
use std::sync::Arc;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use xxhash_rust::xxh3::xxh3_64;

use super::columns::Sampled;
use super::read::Request;
use crate::error::{Error, Result};
use crate::expr::{FieldPath, Step};
use crate::input::{Chunk, Format, Origin, ReadOptions, SourceSpec};
use crate::parse::batch::field_value;
use crate::parse::{json, key};
use crate::profile::records::{Input, Reader, Seen};
use crate::time;
use crate::value::Value;

/// How much is read at a time, in bytes.
const CHUNK_BYTES: usize = 1 << 20;
/// How many records tell what the columns are.
const SAMPLE_RECORDS: usize = 10_000;
/// What to do about a record that cannot be used.
const WAY_OUT: &str = "windrow chart draws what windrow has written; --from, --by and --y say how to take it";

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// A number, or one of the words for what is none: NaN, inf.
    Number,
    /// A time as RFC 3339 has it.
    Time,
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
            text if time::is_rfc3339(text) => Kind::Time,
            _ => Kind::Text,
        }
    }

    fn of(value: &Value<'_>) -> Kind {
        match value {
            Value::Null => Kind::Null,
            Value::Number(_) | Value::Written(_) => Kind::Number,
            Value::Untyped(text) => Kind::of_text(text),
            Value::Text(text) if time::is_rfc3339(text) => Kind::Time,
            Value::Bool(_) | Value::Text(_) | Value::Json(_) => Kind::Text,
        }
    }
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
pub fn open(request: &Request) -> Result<(Input, Vec<String>)> {
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

/// A record that is longer than it may be.
pub fn too_long(request: &Request) -> Error {
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
pub fn fields(names: &[String], places: &[usize]) -> Vec<FieldPath> {
    let field =
        |at: &usize| FieldPath { steps: vec![Step::Member(names[*at].clone())], text: names[*at].clone() };
    places.iter().map(field).collect()
}

/// The first records, all columns of them. They are read again afterwards.
pub fn sample(input: &mut Input, names: &[String]) -> Result<Vec<Sampled>> {
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

/// A record that is none of a result.
pub fn bad(request: &Request, line: u64, reason: String, text: &[u8]) -> Error {
    let excerpt: String = String::from_utf8_lossy(&text[..text.len().min(200)]).chars().take(60).collect();
    let source = request.source.name.clone();
    Error::BadRecord { source, line, reason, excerpt, way_out: Some(WAY_OUT.to_owned()) }
}
