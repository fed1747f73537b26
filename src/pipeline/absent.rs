//! Fields that the job names and no record has: a slip of the pen, most likely.
//!
//! CSV has a header that says so before the first record. NDJSON has none, and a field may well be rare, so the
//! first records of each NDJSON source are looked at, and what none of them has is worth a warning. Which records
//! those are depends on content alone; as soon as all fields have been met, nothing is looked at any more.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::Escaped;
use crate::expr::{Expr, FieldPath, Step};
use crate::input::Format;
use crate::job::{Job, Task};
use crate::parse::batch::{Batch, Fate};
use crate::parse::near;

/// How many records of each source are looked at.
const RECORDS_MAX: usize = 100;

/// A record longer than this is not taken apart a second time, and no conclusion is drawn without it.
const RECORD_BYTES_MAX: usize = 64 * 1024;

/// How many names are kept to suggest one of them.
const NAMES_MAX: usize = 1000;

/// The search for fields that no record has.
pub struct Absent {
    /// What has not been met yet; empty once there is nothing more to find out.
    fields: Vec<Missing>,
    /// Per source, how many more of its records are to be looked at; 0 for CSV.
    left: Vec<usize>,
    /// Whether a source had more records than are looked at.
    more: bool,
}

/// A field that has not been met.
struct Missing {
    path: FieldPath,
    /// The most of its steps that a record has had.
    depth: usize,
    /// The members that stood where the next step would have been.
    names: BTreeSet<String>,
    /// What else the name may stand for.
    stands_for: Option<StandsFor>,
}

/// What a name stands for that is no field.
enum StandsFor {
    /// `event_time`: a function.
    EventTime,
    /// A column that --by or --agg makes.
    Column,
    /// Text without its quotes.
    Text(String),
}

impl Absent {
    /// The search for all fields of a job.
    pub fn new(job: &Job) -> Absent {
        let missing = |(number, path): (usize, &FieldPath)| Missing {
            path: path.clone(),
            depth: 0,
            names: BTreeSet::new(),
            stands_for: StandsFor::of(job, number, path),
        };
        let left = |format| if format == Format::Ndjson { RECORDS_MAX } else { 0 };
        Absent {
            fields: job.fields.iter().enumerate().map(missing).collect(),
            left: job.sources.iter().map(|source| left(source.format)).collect(),
            more: false,
        }
    }

    /// No search: an earlier run has seen the first records.
    pub fn none(sources: usize) -> Absent {
        Absent { fields: Vec::new(), left: vec![0; sources], more: false }
    }

    /// Looks at the next batch of a source; returns the warnings if nothing more is to be awaited.
    pub fn look(&mut self, batch: &Batch) -> Vec<String> {
        let left = &mut self.left[batch.source as usize];
        for row in 0..batch.rows() as u32 {
            if self.fields.is_empty() || *left == 0 {
                break;
            }
            if batch.fates[row as usize] == Fate::Untimed {
                continue;
            }
            let record = batch.record(row);
            let parsed = (record.len() <= RECORD_BYTES_MAX).then(|| serde_json::from_slice::<Value>(record));
            let Some(Ok(record)) = parsed else {
                self.fields.clear();
                break;
            };
            self.fields.retain_mut(|field| !field.is_in(&record));
            *left -= 1;
            self.more |= *left == 0;
        }
        self.conclude()
    }

    /// A source has ended; returns the warnings if nothing more is to be awaited.
    pub fn end(&mut self, source: u32) -> Vec<String> {
        self.left[source as usize] = 0;
        self.conclude()
    }

    fn conclude(&mut self) -> Vec<String> {
        if self.fields.is_empty() || self.left.iter().any(|&left| left > 0) {
            return Vec::new();
        }
        let whole = if self.more { "the first records" } else { "any record" };
        self.fields.drain(..).filter_map(|field| field.warning(whole)).collect()
    }
}

impl Missing {
    /// Whether a record has the field; null is a value too.
    fn is_in(&mut self, record: &Value) -> bool {
        let mut at = record;
        for (depth, step) in self.path.steps.iter().enumerate() {
            let next = match step {
                Step::Member(name) => at.get(name),
                Step::Index(index) => at.get(index),
            };
            let Some(next) = next else {
                self.note(depth, at.as_object());
                return false;
            };
            at = next;
        }
        true
    }

    /// What lacks the step at `depth`: an object, or a value without members.
    fn note(&mut self, depth: usize, lacks: Option<&Map<String, Value>>) {
        if depth > self.depth {
            (self.depth, self.names) = (depth, BTreeSet::new());
        }
        if depth == self.depth && self.names.len() < NAMES_MAX {
            self.names.extend(lacks.into_iter().flat_map(Map::keys).take(NAMES_MAX).cloned());
        }
    }

    /// What is to be said, if there have been objects that might have had it.
    fn warning(&self, whole: &str) -> Option<String> {
        if self.names.is_empty() || !matches!(self.path.steps.get(self.depth), Some(Step::Member(_))) {
            return None;
        }
        let near = || near::among(&self.path, self.depth, self.names.iter().map(String::as_str));
        let null = "it counts as null";
        let help = match &self.stands_for {
            Some(StandsFor::EventTime) => {
                format!("{null}; the event time is event_time(), as in hour(event_time())")
            }
            Some(StandsFor::Column) => {
                format!("{null}; expressions over records do not see the columns that --by and --agg name")
            }
            Some(StandsFor::Text(text)) => {
                near().unwrap_or_else(|| format!("{null}; text goes in single quotes: {text}"))
            }
            None => near().unwrap_or_else(|| null.to_owned()),
        };
        Some(format!("no field `{}` in {whole}; {}", Escaped(&self.path.text), Escaped(&help)))
    }
}

impl StandsFor {
    fn of(job: &Job, number: usize, path: &FieldPath) -> Option<StandsFor> {
        let [Step::Member(name)] = path.steps.as_slice() else { return None };
        if name == "event_time" {
            return Some(StandsFor::EventTime);
        }
        let mut conditions: Vec<&Expr> = job.filter.iter().collect();
        if let Task::Aggregate(task) = &job.task {
            let is_key = task.keys.iter().any(|key| key.name == *name && key.expr.as_field() != Some(number));
            if is_key || task.calls.iter().any(|call| call.name == *name) {
                return Some(StandsFor::Column);
            }
            conditions.extend(task.calls.iter().filter_map(|call| call.filter.as_ref()));
        }
        let bare = conditions.iter().any(|condition| condition.bare_words().contains(&number));
        bare.then(|| StandsFor::Text(format!("'{name}'")))
    }
}
