//! A naive model of windrow: the contract's rules on events, windows and rows, written down once more and
//! as plainly as possible. It shares no code with the product and knows nothing of panes, batches or threads.
//!
//! It reads everything, decides about record after record, and then computes every row from the list of the
//! events in its window. Calendar windows, expressions beyond a few and approximate aggregates are not modelled.

pub mod aggregate;
pub mod number;
pub mod read;
mod repeats;
mod rows;
pub mod time;

use aggregate::{Argument, Call, Condition};
use read::{Record, Value};
use rows::{rows, windows_of};
use time::Form;

/// The windows; all lengths in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    Hopping {
        size: i64,
        advance: i64,
        offset: i64,
    },
    Cumulate {
        size: i64,
        step: i64,
        offset: i64,
    },
    Session {
        gap: i64,
    },
    None,
    /// None at all: `windrow order`.
    Order,
}

/// `--having` over the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Having {
    /// `count >= N` over the first column called `count`.
    pub count_min: usize,
}

/// `--top N --order-by COLUMN [ASC] [--ties]`, ranking by the column with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    pub rows: usize,
    pub call: usize,
    pub ascending: bool,
    pub ties: bool,
}

/// A job, as far as it is modelled. The time field is `t`.
#[derive(Clone, Debug)]
pub struct Job {
    pub csv: bool,
    pub time_form: Option<Form>,
    pub windows: Windows,
    pub delay: i64,
    pub remember: i64,
    /// `--emit-every` and `--allowed-lateness`.
    pub every: Option<i64>,
    pub lateness: Option<i64>,
    pub jump_max: Option<i64>,
    pub ids: Vec<&'static str>,
    pub keys: Vec<&'static str>,
    pub filter: Option<Condition>,
    pub calls: Vec<Call>,
    pub having: Option<Having>,
    pub top: Option<Top>,
    /// Whether the first bad record ends the run.
    pub fail: bool,
    /// The header of CSV inputs.
    pub header: &'static str,
}

impl Job {
    /// Whether windows may be written more than once.
    pub fn repeats(&self) -> bool {
        self.every.is_some() || self.lateness.is_some()
    }

    /// For how long beyond its end a window takes in events.
    pub fn lateness(&self) -> i64 {
        self.lateness.unwrap_or(0)
    }
}

/// The ledger of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub read: u64,
    pub accepted: u64,
    pub filtered: u64,
    pub late: u64,
    pub duplicate: u64,
    pub bad: u64,
    pub partially_late: u64,
    pub revising: u64,
}

/// Where a record that was set aside stands, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    pub source: String,
    pub line: u64,
    pub offset: u64,
    pub record: String,
}

/// What a run leaves behind.
#[derive(Debug)]
pub struct Outcome {
    pub rows: String,
    pub rows_written: u64,
    pub late: Vec<SetAside>,
    pub bad: Vec<SetAside>,
    pub counts: Vec<Counts>,
    /// Whether a bad record ended the run.
    pub failed: bool,
}

/// One source on its way.
struct Source {
    name: String,
    /// The records with their times; `None` for those without a usable one.
    records: Vec<(Record, Option<i64>)>,
    /// Records whose time `--max-jump` does not believe.
    unbelieved: Vec<usize>,
    next: usize,
    /// Whether its end has been come upon.
    over: bool,
    largest: Option<i64>,
    form: Option<Form>,
    counts: Counts,
}

impl Source {
    fn new(job: &Job, name: &str, bytes: &[u8]) -> Source {
        let mut form = job.time_form;
        let records = if job.csv { read::csv(bytes) } else { read::ndjson(bytes) };
        let mut timed = Vec::new();
        let mut believed_form = None;
        for record in records {
            let time =
                record.fields.as_ref().and_then(|_| time::read(&record.field("t"), job.time_form, &mut form));
            if time.is_some() {
                believed_form = form;
            }
            timed.push((record, time));
        }
        let times: Vec<(usize, i64)> =
            timed.iter().enumerate().filter_map(|(n, (_, time))| Some((n, (*time)?))).collect();
        let unbelieved = job.jump_max.map_or(Vec::new(), |jump_max| unbelieved(&times, jump_max));
        Source {
            name: name.to_owned(),
            records: timed,
            unbelieved,
            next: 0,
            over: false,
            largest: None,
            form: believed_form,
            counts: Counts::default(),
        }
    }

    fn is_believed(&self, n: usize) -> bool {
        self.records[n].1.is_some() && !self.unbelieved.contains(&n)
    }

    fn is_finished(&self) -> bool {
        self.next == self.records.len()
    }

    /// Its watermark; before the first event, that of the first event.
    fn watermark(&self, delay: i64) -> i64 {
        let first =
            || (self.next..self.records.len()).find(|&n| self.is_believed(n)).and_then(|n| self.records[n].1);
        self.largest.or_else(first).map_or(i64::MIN, |time| time - delay)
    }
}

/// Which events are too far ahead of their source, and not borne out by the next one.
fn unbelieved(times: &[(usize, i64)], jump_max: i64) -> Vec<usize> {
    let mut unbelieved = Vec::new();
    let mut largest: Option<i64> = None;
    for (i, &(n, time)) in times.iter().enumerate() {
        let borne_out = |other: i64| (other - time).abs() <= jump_max;
        // The event before, if it was set aside and is borne out by this one, has raised the largest time.
        let ahead = largest.is_some_and(|largest| time - largest > jump_max);
        if ahead && !times.get(i + 1).is_some_and(|&(_, next)| borne_out(next)) {
            unbelieved.push(n);
        } else {
            largest = largest.max(Some(time));
        }
    }
    unbelieved
}

/// What happens, in this order.
enum Happening {
    /// The watermark moves to here.
    Moved(i64),
    /// The event with this number is accepted.
    Accepted(usize),
}

/// An event that was accepted.
#[derive(Clone)]
struct Event {
    time: i64,
    source: usize,
    position: usize,
    key: Vec<Value>,
    arguments: Vec<Argument>,
    /// The watermark before it.
    watermark: i64,
}

/// An event that is neither bad nor filtered, before it is judged.
struct Usable {
    id: Vec<Value>,
    key: Vec<Value>,
    arguments: Vec<Argument>,
}

enum Fate {
    Bad,
    Filtered,
    Usable(Usable),
}

/// Runs a job over inputs with their names.
pub fn run(job: &Job, inputs: &[(String, Vec<u8>)]) -> Outcome {
    let sources = inputs.iter().map(|(name, bytes)| Source::new(job, name, bytes)).collect();
    let mut run = Run {
        job,
        sources,
        watermark: i64::MIN,
        seen: Vec::new(),
        events: Vec::new(),
        happenings: Vec::new(),
        late: Vec::new(),
        bad: Vec::new(),
        failed: false,
    };
    run.read();
    run.outcome()
}

struct Run<'j> {
    job: &'j Job,
    sources: Vec<Source>,
    watermark: i64,
    /// Ids with the times of their first copies; those that are forgotten are replaced.
    seen: Vec<(Vec<Value>, i64)>,
    events: Vec<Event>,
    happenings: Vec<Happening>,
    late: Vec<SetAside>,
    bad: Vec<SetAside>,
    failed: bool,
}

impl Run<'_> {
    fn read(&mut self) {
        for s in 0..self.sources.len() {
            while !self.failed
                && !self.sources[s].is_finished()
                && !self.sources[s].is_believed(self.sources[s].next)
            {
                self.step(s);
            }
        }
        while !self.failed {
            // Where a source ends is come upon when it would be read next.
            let unfinished = (0..self.sources.len()).filter(|&s| !self.sources[s].over);
            let Some(s) = unfinished.min_by_key(|&s| self.sources[s].watermark(self.job.delay)) else {
                break;
            };
            self.watermark = self.watermark.max(self.sources[s].watermark(self.job.delay));
            self.happenings.push(Happening::Moved(self.watermark));
            match self.sources[s].is_finished() {
                true => self.sources[s].over = true,
                false => self.step(s),
            }
        }
    }

    /// Reads the next record of a source.
    fn step(&mut self, s: usize) {
        let job = self.job;
        let watermark = self.watermark;
        let source = &mut self.sources[s];
        let position = source.next;
        source.next += 1;
        source.counts.read += 1;
        let (record, time) = source.records[position].clone();
        let set_aside = SetAside {
            source: source.name.clone(),
            line: record.line,
            offset: record.offset,
            record: record.text.clone(),
        };
        let time = time.filter(|_| source.is_believed(position));
        if time.is_some() {
            source.largest = source.largest.max(time);
        }
        let (fate, time) = match time {
            Some(time) => (fate(job, &record), time),
            None => (Fate::Bad, 0),
        };
        let usable = match fate {
            Fate::Bad => {
                source.counts.bad += 1;
                self.bad.push(set_aside);
                self.failed = job.fail;
                return;
            }
            Fate::Filtered => {
                source.counts.filtered += 1;
                return;
            }
            Fate::Usable(usable) => usable,
        };
        let windows = windows_of(job.windows, time);
        let over = watermark.saturating_sub(job.lateness());
        let is_closed = |&(_, end): &(i64, i64)| end <= over;
        let is_revised = |&(_, end): &(i64, i64)| over < end && end <= watermark;
        let late = match job.windows {
            Windows::None => false,
            Windows::Session { .. } | Windows::Order => time < over,
            _ => windows.iter().all(is_closed),
        };
        if late {
            source.counts.late += 1;
            self.late.push(set_aside);
            return;
        }
        if !job.ids.is_empty() {
            if let Some((_, first)) = self.seen.iter().find(|(id, _)| *id == usable.id)
                && is_remembered(job, *first, watermark)
            {
                source.counts.duplicate += 1;
                return;
            }
            self.seen.retain(|(id, _)| *id != usable.id);
            self.seen.push((usable.id, time));
        }
        source.counts.accepted += 1;
        source.counts.partially_late += u64::from(windows.iter().any(is_closed));
        source.counts.revising += u64::from(match job.windows {
            Windows::Session { .. } => time < watermark,
            _ => windows.iter().any(is_revised),
        });
        let Usable { key, arguments, .. } = usable;
        self.happenings.push(Happening::Accepted(self.events.len()));
        self.events.push(Event { time, source: s, position, key, arguments, watermark });
    }

    fn outcome(mut self) -> Outcome {
        let unordered = self.events.clone();
        self.events.sort_by_key(|event| (event.time, event.source, event.position));
        let form = self.sources.iter().find_map(|source| source.form).unwrap_or(Form::Text);
        let fired = if self.failed { self.watermark } else { i64::MAX };
        let (rows, rows_written) = match self.job.windows {
            Windows::Order => self.records(fired),
            _ if self.job.repeats() => {
                repeats::rows(self.job, &unordered, &self.happenings, form, !self.failed)
            }
            _ => rows(self.job, &self.events, form, fired),
        };
        // A header comes with the first row, or at the end of the input.
        let rows = if self.failed && rows_written == 0 { String::new() } else { rows };
        Outcome {
            rows,
            rows_written,
            late: self.late,
            bad: self.bad,
            counts: self.sources.iter().map(|source| source.counts).collect(),
            failed: self.failed,
        }
    }
}

impl Run<'_> {
    /// The events themselves, in order, as they were written, and how many they are.
    fn records(&self, fired: i64) -> (String, u64) {
        let mut out = String::new();
        if self.job.csv {
            out += &format!("{}\n", self.job.header);
        }
        let fired: Vec<&Event> = self.events.iter().filter(|event| event.time < fired).collect();
        for event in &fired {
            out += &format!("{}\n", self.sources[event.source].records[event.position].0.text);
        }
        (out, fired.len() as u64)
    }
}

/// Filter, id, keys and arguments, in this order.
fn fate(job: &Job, record: &Record) -> Fate {
    match job.filter.map(|filter| filter.holds(record)) {
        Some(None) => return Fate::Bad,
        Some(Some(false)) => return Fate::Filtered,
        Some(Some(true)) | None => {}
    }
    let id: Vec<Value> = job.ids.iter().map(|name| record.field(name)).collect();
    let key: Vec<Value> = job.keys.iter().map(|name| record.field(name)).collect();
    let is_json = |value: &Value| matches!(value, Value::Json(_));
    if id.contains(&Value::Null) || id.iter().any(is_json) || key.iter().any(is_json) {
        return Fate::Bad;
    }
    let arguments: Option<Vec<Argument>> = job.calls.iter().map(|call| call.argument(record)).collect();
    match arguments {
        Some(arguments) => Fate::Usable(Usable { id, key, arguments }),
        None => Fate::Bad,
    }
}

/// Whether an id whose first copy has this time is still remembered at a watermark.
fn is_remembered(job: &Job, first: i64, watermark: i64) -> bool {
    match job.windows {
        Windows::None => true,
        Windows::Order => watermark <= first + job.remember,
        Windows::Session { gap } => watermark <= first + gap + job.lateness() + job.remember,
        _ => {
            let last_end = windows_of(job.windows, first).into_iter().map(|(_, end)| end).max();
            watermark < last_end.expect("every time has a window") + job.lateness() + job.remember
        }
    }
}
