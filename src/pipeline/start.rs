//! Before the threads: which field holds the event time, where the job does not say.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Escaped, Result};
use crate::expr::{FieldPath, Step};
use crate::input::{Chunk, Format, Origin, ReadOptions, Source, SourceSpec};
use crate::job::{BadPolicy, DEFAULT_TIME_FIELDS, Job};
use crate::parse::batch::Cell;
use crate::parse::json::{Scanner, Shape};
use crate::parse::{csv, hints};

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
        if let (Some(_), Origin::Path(path)) = (&job.follow, &spec.origin) {
            check_followed(spec, path)?;
        } else if let Origin::Path(path) = &spec.origin
            && std::fs::metadata(path).is_err()
        {
            Source::open(spec, &job.read)?;
        }
    }
    Ok(())
}

/// A followed file need not be there yet, but it must be one, and have a place.
fn check_followed(spec: &SourceSpec, path: &Path) -> Result<()> {
    let reason = match std::fs::metadata(path) {
        Ok(found) if found.is_file() => return Ok(()),
        Ok(found) if found.is_dir() => "is a directory; name the files in it",
        Ok(_) => "is no file, and is read as it comes: leave --follow out",
        Err(_) if crate::paths::parent(path).is_dir() => return Ok(()),
        Err(_) => "there is no such directory to look for it in",
    };
    Err(Error::Input { source: spec.name.clone(), reason: reason.to_owned() })
}

/// The event time field of a job.
pub struct TimeField {
    /// The field.
    pub path: FieldPath,
    /// Whether the job or its input says so. If not, no record was there to go by, and the next run may find another.
    pub known: bool,
}

impl TimeField {
    /// As it is noted in a checkpoint: empty as long as it is not known.
    pub fn written(&self) -> String {
        if self.known { self.path.text.clone() } else { String::new() }
    }
}

/// What the first record of a source says about the time field.
enum First {
    /// It has this one.
    Has(&'static str),
    /// It cannot be used, and ends the run.
    Bad,
    /// There is no record that can be used.
    Missing,
}

/// The time field of a job. The sources that had to be opened to find it join those that are open already; those of
/// which nothing more comes are `over`.
pub fn settle_time_field(job: &Job, opened: &mut HashMap<u32, Opened>, over: &[bool]) -> Result<TimeField> {
    if let Some(field) = &job.time_field {
        return Ok(TimeField { path: field.clone(), known: true });
    }
    if job.follow.is_some() {
        return settle_followed(job);
    }
    let mut looked = 0;
    for (number, spec) in (0u32..).zip(&job.sources) {
        if over.get(number as usize).is_some_and(|over| *over) {
            continue;
        }
        let mut source = match opened.remove(&number) {
            Some(opened) => opened,
            None => {
                let mut source = Source::open(spec, &job.read)?;
                let header = match spec.format {
                    Format::Csv { .. } if job.read.header => source.header()?,
                    _ => None,
                };
                Opened { source, header, ahead: VecDeque::new(), resumed: false }
            }
        };
        let Opened { source: bytes, header, ahead, .. } = &mut source;
        let found = match header {
            Some((names, _)) => {
                let found = DEFAULT_TIME_FIELDS.iter().find(|field| names.iter().any(|name| name == *field));
                First::Has(found.ok_or_else(|| no_time_field(&spec.name, "the header", names))?)
            }
            None => look(spec, job.bad == BadPolicy::Fail, &mut looked, bytes, ahead)?,
        };
        opened.insert(number, source);
        match found {
            First::Has(name) => return Ok(TimeField { path: path(name), known: true }),
            First::Bad => break,
            First::Missing => {}
        }
    }
    Ok(TimeField { path: path(DEFAULT_TIME_FIELDS[0]), known: false })
}

/// The same where inputs are followed: by the first record that is there, or that comes.
fn settle_followed(job: &Job) -> Result<TimeField> {
    let options = ReadOptions { hold: true, ..job.read.clone() };
    let (begun, stop_after) = (Instant::now(), job.follow.as_ref().and_then(|follow| follow.stop_after));
    while stop_after.is_none_or(|after| begun.elapsed() < after) {
        for spec in &job.sources {
            let Ok(mut source) = Source::open(spec, &options) else { continue };
            if matches!(spec.format, Format::Csv { .. }) && job.read.header {
                let Some((names, _)) = source.header()? else { continue };
                let found = DEFAULT_TIME_FIELDS.iter().find(|field| names.iter().any(|name| name == *field));
                let found = found.ok_or_else(|| no_time_field(&spec.name, "the header", &names))?;
                return Ok(TimeField { path: path(found), known: true });
            }
            let fails = job.bad == BadPolicy::Fail;
            match look(spec, fails, &mut 0, &mut source, &mut VecDeque::new())? {
                First::Has(name) => return Ok(TimeField { path: path(name), known: true }),
                First::Bad => return Ok(TimeField { path: path(DEFAULT_TIME_FIELDS[0]), known: false }),
                First::Missing => {}
            }
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(TimeField { path: path(DEFAULT_TIME_FIELDS[0]), known: false })
}

/// How often followed files are looked at that have no record yet.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How far into the inputs a record is looked for that can be used: what was read stays in memory until then.
const LOOK_BYTES: u64 = 16 << 20;

/// The time field of a source's first usable record. Goes by content alone, wherever chunks were cut. If no record is
/// usable for very long, it does not matter what they are bad for.
fn look(
    spec: &SourceSpec,
    bad_fails: bool,
    looked: &mut u64,
    source: &mut Source,
    ahead: &mut VecDeque<Chunk>,
) -> Result<First> {
    loop {
        let chunk = source.next(Vec::new())?;
        let found = match (&chunk, spec.format) {
            (Chunk::End, _) => {
                ahead.push_back(chunk);
                return Ok(First::Missing);
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
                match bad_fails {
                    true => First::Bad,
                    false if *looked >= LOOK_BYTES => First::Has(DEFAULT_TIME_FIELDS[0]),
                    false => First::Missing,
                }
            }
        };
        ahead.push_back(chunk);
        if !matches!(found, First::Missing) {
            return Ok(found);
        }
    }
}

/// The time field of the first usable record of a chunk.
fn in_json(bytes: &[u8], before: u64, bad_fails: bool, source: &str) -> Result<First> {
    let fields: Vec<FieldPath> = DEFAULT_TIME_FIELDS.iter().map(|name| path(name)).collect();
    let shape = Shape::new(&fields);
    let mut scanner = Scanner::new(&shape);
    let mut next = before;
    for line in bytes.split(|&byte| byte == b'\n') {
        let start = next;
        next += line.len() as u64 + 1;
        // Blank lines count too: they are kept like all that is read.
        if start >= LOOK_BYTES {
            return Ok(First::Has(DEFAULT_TIME_FIELDS[0]));
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let mut cells = [Cell::NULL; DEFAULT_TIME_FIELDS.len()];
        if std::str::from_utf8(line).is_ok() && scanner.scan(line, 0, &mut cells, &mut Vec::new()).is_ok() {
            // A record has a field that is null.
            let found = (0..).zip(DEFAULT_TIME_FIELDS).find(|(field, _)| scanner.saw(*field));
            let (_, name) =
                found.ok_or_else(|| no_time_field(source, "the first record", &hints::members(line)))?;
            return Ok(First::Has(name));
        }
        if bad_fails {
            return Ok(First::Bad);
        }
    }
    Ok(First::Missing)
}

/// `names` are the fields that there are.
fn no_time_field(source: &str, place: &str, names: &[String]) -> Error {
    let uncut = hints::mistaken_header(names).map_or(String::new(), |uncut| format!("; {uncut}"));
    Error::usage(format!(
        "{}: {place} has none of the fields {}; it has {}{uncut}; name the event time field with --time FIELD",
        Escaped(source),
        DEFAULT_TIME_FIELDS.join(", "),
        hints::listed(names, 20)
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
