//! Before the threads: which field holds the event time, where the job does not say.

use std::collections::{HashMap, VecDeque};

use crate::error::{Error, Escaped, Result};
use crate::expr::{FieldPath, Step};
use crate::input::{Chunk, Format, Origin, Source, SourceSpec};
use crate::job::{BadPolicy, DEFAULT_TIME_FIELDS, Job};
use crate::parse::batch::Cell;
use crate::parse::csv;
use crate::parse::json::{Scanner, Shape};

/// A source that had to be looked into before its reader took over.
pub struct Opened {
    /// The source.
    pub source: Source,
    /// The header of a CSV source, and its number of lines; `None` if it is empty or has none.
    pub header: Option<(Vec<String>, u64)>,
    /// The first chunks, as far as they were read.
    pub ahead: VecDeque<Chunk>,
    /// Whether an earlier run has read what stands before.
    pub resumed: bool,
}

/// Whether all inputs are there: a job is not to wait for one of them to find that another is missing.
pub fn check_paths(job: &Job) -> Result<()> {
    for spec in &job.sources {
        if let Origin::Path(path) = &spec.origin
            && std::fs::metadata(path).is_err()
        {
            Source::open(spec, &job.read)?;
        }
    }
    Ok(())
}

/// The time field of a job, and the sources that were opened to find it.
pub fn settle_time_field(job: &Job) -> Result<(FieldPath, HashMap<u32, Opened>)> {
    let (mut opened, mut looked) = (HashMap::new(), 0);
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
            opened.insert(number, Opened { source, header, ahead: VecDeque::new(), resumed: false });
            return Ok((path(field), opened));
        }
        let mut ahead = VecDeque::new();
        let found = look(spec, job.bad == BadPolicy::Fail, &mut looked, &mut source, &mut ahead)?;
        opened.insert(number, Opened { source, header, ahead, resumed: false });
        if let Some(field) = found {
            return Ok((path(field), opened));
        }
    }
    Ok((path(DEFAULT_TIME_FIELDS[0]), opened))
}

/// How far into the inputs a record is looked for that can be used: what was read stays in memory until then.
const LOOK_BYTES: u64 = 16 << 20;

/// The time field of a source's first usable record; `None` if it has none. Goes by content alone, wherever
/// chunks were cut. If no record is usable for very long, it does not matter what they are bad for.
fn look(
    spec: &SourceSpec,
    bad_fails: bool,
    looked: &mut u64,
    source: &mut Source,
    ahead: &mut VecDeque<Chunk>,
) -> Result<Option<&'static str>> {
    loop {
        let chunk = source.next(Vec::new())?;
        let found = match (&chunk, spec.format) {
            (Chunk::End, _) => {
                ahead.push_back(chunk);
                return Ok(None);
            }
            (Chunk::Records { .. }, Format::Csv { .. }) => {
                return Err(Error::usage(format!(
                    "{}: without a header there is no event time field to find; name it by its number: --time 1",
                    Escaped(&spec.name)
                )));
            }
            (Chunk::Records { bytes, .. }, Format::Ndjson) => {
                let before = *looked;
                *looked += bytes.len() as u64;
                in_json(bytes, before, bad_fails, &spec.name)?
            }
            (Chunk::TooLong { head, .. }, _) => {
                *looked += head.len() as u64;
                (bad_fails || *looked >= LOOK_BYTES).then_some(DEFAULT_TIME_FIELDS[0])
            }
        };
        ahead.push_back(chunk);
        if found.is_some() {
            return Ok(found);
        }
    }
}

/// The time field of the first usable record of a chunk.
fn in_json(bytes: &[u8], before: u64, bad_fails: bool, source: &str) -> Result<Option<&'static str>> {
    let fields: Vec<FieldPath> = DEFAULT_TIME_FIELDS.iter().map(|name| path(name)).collect();
    let shape = Shape::new(&fields);
    let mut scanner = Scanner::new(&shape);
    let mut next = before;
    for line in bytes.split(|&byte| byte == b'\n') {
        let start = next;
        next += line.len() as u64 + 1;
        // Blank lines count too: they are kept like all that is read.
        if start >= LOOK_BYTES {
            return Ok(Some(DEFAULT_TIME_FIELDS[0]));
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let mut cells = [Cell::NULL; DEFAULT_TIME_FIELDS.len()];
        if std::str::from_utf8(line).is_ok() && scanner.scan(line, 0, &mut cells, &mut Vec::new()).is_ok() {
            // A record has a field that is null.
            let found = (0..).zip(DEFAULT_TIME_FIELDS).find(|(field, _)| scanner.saw(*field));
            let (_, name) = found.ok_or_else(|| no_time_field(source, "the first record"))?;
            return Ok(Some(name));
        }
        if bad_fails {
            return Ok(Some(DEFAULT_TIME_FIELDS[0]));
        }
    }
    Ok(None)
}

fn no_time_field(source: &str, place: &str) -> Error {
    Error::usage(format!(
        "{}: {place} has none of the fields {}; name the event time field with --time FIELD",
        Escaped(source),
        DEFAULT_TIME_FIELDS.join(", ")
    ))
}

fn path(name: &str) -> FieldPath {
    FieldPath { steps: vec![Step::Member(name.to_owned())], text: name.to_owned() }
}

/// How many fields the first record of a headerless CSV chunk has; `None` if it has no record.
pub fn csv_width(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\n' | b'\r'))?;
    Some(match csv::scan(bytes, start, delimiter, &csv::Columns::new(&[]), &mut [], &mut Vec::new()) {
        csv::Scanned::Record { fields, .. } => fields,
        csv::Scanned::OpenQuote => 1,
    })
}
