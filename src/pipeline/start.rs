//! Before the threads: which field holds the event time, where the job does not say.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::expr::{FieldPath, Step};
use crate::input::{Chunk, Format, Source};
use crate::job::{DEFAULT_TIME_FIELDS, Job};
use crate::parse::batch::Cell;
use crate::parse::csv;
use crate::parse::json::{Scanner, Shape};

/// A source that had to be looked into before its reader took over.
pub struct Opened {
    /// The source.
    pub source: Source,
    /// The header of a CSV source, and its number of lines; `None` if it is empty or has none.
    pub header: Option<(Vec<String>, u64)>,
    /// The first chunk, if it was read.
    pub first: Option<Chunk>,
}

/// The time field of a job, and the sources that were opened to find it.
pub fn settle_time_field(job: &Job) -> Result<(FieldPath, HashMap<u32, Opened>)> {
    let mut opened = HashMap::new();
    if let Some(field) = &job.time_field {
        return Ok((field.clone(), opened));
    }
    for (number, spec) in (0u32..).zip(&job.sources) {
        let mut source = Source::open(spec, &job.read)?;
        let header = match spec.format {
            Format::Csv { .. } if job.read.header => source.header()?,
            _ => None,
        };
        if let Some((names, _)) = &header {
            let found = DEFAULT_TIME_FIELDS.iter().find(|field| names.iter().any(|name| name == *field));
            let field = found.ok_or_else(|| no_time_field(&spec.name, "the header"))?;
            opened.insert(number, Opened { source, header, first: None });
            return Ok((path(field), opened));
        }
        let first = source.next(Vec::new())?;
        let found = match (&first, spec.format) {
            (Chunk::Records { bytes, .. }, Format::Ndjson) => Some(in_json(bytes, &spec.name)?),
            (Chunk::Records { .. }, Format::Csv { .. }) => {
                return Err(Error::usage(format!(
                    "{}: without a header there is no event time field to find; name it by its number: --time 1",
                    spec.name
                )));
            }
            // A record too long to look into: its being bad is all there is to say.
            (Chunk::TooLong { .. }, _) => Some(DEFAULT_TIME_FIELDS[0]),
            (Chunk::End, _) => None,
        };
        opened.insert(number, Opened { source, header, first: Some(first) });
        if let Some(field) = found {
            return Ok((path(field), opened));
        }
    }
    Ok((path(DEFAULT_TIME_FIELDS[0]), opened))
}

/// The time field of the first record of a chunk that is one. If none is, all will be told to be bad anyway.
fn in_json(bytes: &[u8], source: &str) -> Result<&'static str> {
    let fields: Vec<FieldPath> = DEFAULT_TIME_FIELDS.iter().map(|name| path(name)).collect();
    let shape = Shape::new(&fields);
    let mut scanner = Scanner::new(&shape);
    for line in bytes.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii_start();
        let mut cells = [Cell::NULL; DEFAULT_TIME_FIELDS.len()];
        if std::str::from_utf8(line).is_ok() && scanner.scan(line, 0, &mut cells, &mut Vec::new()).is_ok() {
            let found = cells.iter().position(|cell| *cell != Cell::NULL);
            return found
                .map(|at| DEFAULT_TIME_FIELDS[at])
                .ok_or_else(|| no_time_field(source, "the first record"));
        }
    }
    Ok(DEFAULT_TIME_FIELDS[0])
}

fn no_time_field(source: &str, place: &str) -> Error {
    Error::usage(format!(
        "{source}: {place} has none of the fields {}; name the event time field with --time FIELD",
        DEFAULT_TIME_FIELDS.join(", ")
    ))
}

fn path(name: &str) -> FieldPath {
    FieldPath { steps: vec![Step::Member(name.to_owned())], text: name.to_owned() }
}

/// How many fields the first record of a headerless CSV chunk has.
pub fn csv_width(bytes: &[u8], delimiter: u8) -> usize {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len());
    match csv::scan(bytes, start, delimiter, &csv::Columns::new(&[]), &mut [], &mut Vec::new()) {
        csv::Scanned::Record { fields, .. } => fields,
        csv::Scanned::OpenQuote => 1,
    }
}
