//! `windrow why`: what became of one record, and through which others.
//!
//! The inputs are read once more, record by record, through the job's own readers and sequencer, up to the record that
//! is asked for. So what is said is what the job does, and not what somebody else thinks it does. Nothing is counted,
//! and nothing is written.

mod input;
mod kinds;
mod text;

pub use text::{object, text};

use std::collections::VecDeque;

use crate::error::{Error, Escaped, Result};
use crate::input::SourceSpec;
use crate::job::{BadPolicy, Job, LatePolicy, Task};
use crate::operator::sequence::{Pause, Sequencer};
use crate::operator::step::{Step, UNBELIEVED, Why};
use crate::parse::batch::{Batch, Fate as Parsed};
use crate::parse::hints::Hint;
use crate::parse::project::{Parser, Projection};
use crate::pipeline;
use crate::time::Form;
use crate::window::Windows;

use input::Input;
pub use kinds::Entered;

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its input.
    pub input: String,
    /// The line on which it starts, from 1.
    pub line: u64,
}

/// What became of a record. Times are in microseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It counts.
    Accepted {
        /// The windows that it entered while they were open; the first ones of very many.
        windows: Vec<Entered>,
        /// Those that had fired, and were written again for it: `--allowed-lateness`. Of sessions, the stretch that it
        /// covers itself.
        revised: Vec<Entered>,
        /// Those of its windows that took in nothing more.
        missed: Vec<Entered>,
    },
    /// All its windows had closed: the last one then.
    Late {
        /// When that closed, by the watermark.
        closed_at: i64,
        /// It is a session that closes then.
        session: bool,
    },
    /// Its id was remembered.
    Duplicate {
        /// The copy that counted.
        first: Option<Place>,
    },
    /// `--where` is not true for it.
    Filtered,
    /// It cannot be used.
    Bad {
        /// What is wrong, and what to do.
        reason: String,
    },
}

/// The answer.
#[derive(Debug)]
pub struct Answer {
    /// Where the record stands.
    pub place: Place,
    /// The record, without its line end.
    pub record: Vec<u8>,
    /// Its time, if it has one that can be used.
    pub time: Option<i64>,
    /// The form of times.
    pub form: Form,
    /// The watermark before it; `None` before the first event.
    pub watermark: Option<i64>,
    /// The event that had set it: where it stands, and its time.
    pub set_by: Option<(Place, i64)>,
    /// Whether the input is followed: then other files may have had its name before.
    pub is_followed: bool,
    /// `--delay`.
    pub delay: i64,
    /// What became of it.
    pub fate: Fate,
    /// How the windows of the job are called.
    pub windows: Windows,
    /// `--allowed-lateness`.
    pub lateness: i64,
    /// What `--delay` would have been enough for a late one.
    pub delay_wanted: Option<i64>,
}

/// What becomes of the record on a line of an input when a job is run.
///
/// # Errors
/// [`Error::Usage`] if the job has no such input, or the input no record there; whatever ends the reading before.
pub fn why(mut job: Job, input: &str, line: u64) -> Result<Answer> {
    let source = rank(&job.sources, input)?;
    // Kept, so that they are told; nothing is written.
    (job.late, job.bad) = (LatePolicy::File("late".into()), BadPolicy::File("bad".into()));
    job.state = None;
    (job.read.hold, job.read.digests, job.read.chunk_bytes) = (false, false, 1);
    let time_field = pipeline::time_field(&job)?;
    let projection = Projection::new(&job, &time_field, 1);
    let mut parser = Parser::new(&projection);
    let asked = find(&job, &projection, &mut parser, source, line)?;
    Reading::new(&job, &projection, asked)?.run(&mut parser)
}

fn rank(sources: &[SourceSpec], input: &str) -> Result<u32> {
    let rank = sources.iter().position(|spec| spec.name == input);
    let rank = rank.and_then(|rank| u32::try_from(rank).ok());
    rank.ok_or_else(|| {
        let names: Vec<String> = sources.iter().take(5).map(|spec| Escaped(&spec.name).to_string()).collect();
        Error::usage(format!(
            "{} is none of the job's inputs, which are {}{}",
            Escaped(input),
            names.join(", "),
            if sources.len() > 5 { ", ..." } else { "" }
        ))
    })
}

/// The record that is asked for.
struct Asked {
    source: u32,
    /// How many records of its input stand before it.
    record: u64,
    /// The line on which it starts.
    line: u64,
    /// The hash of its id; 0 without deduplication.
    id: u128,
    text: Vec<u8>,
}

/// Finds the record on a line.
fn find(
    job: &Job,
    projection: &Projection,
    parser: &mut Parser<'_>,
    source: u32,
    line: u64,
) -> Result<Asked> {
    let mut input = Input::open(job, source)?;
    let mut before = 0;
    let nothing = |lines: u64| {
        Error::usage(format!(
            "{}: there is no record on line {line}; the input has {lines} lines",
            Escaped(&job.sources[source as usize].name)
        ))
    };
    while let Some((batch, first)) = input.next(job, projection, parser, None)? {
        for row in 0..batch.rows() as u32 {
            let starts = line_of(&batch, first, row);
            let ends = starts + batch.record(row).iter().filter(|&&byte| byte == b'\n').count() as u64;
            if (starts..=ends).contains(&line) {
                let id = batch.ids.get(row as usize).copied().unwrap_or_default();
                let text = batch.record(row).to_vec();
                return Ok(Asked { source, record: before + u64::from(row), line: starts, id, text });
            }
            if starts > line {
                return Err(Error::usage(format!(
                    "{}: line {line} is the header or blank; records stand on other lines",
                    Escaped(&job.sources[source as usize].name)
                )));
            }
        }
        before += batch.rows() as u64;
    }
    Err(nothing(input.lines()))
}

/// The line on which the record of a row starts, where the batch starts on line `first`.
fn line_of(batch: &Batch, first: u64, row: u32) -> u64 {
    let start = batch.spans[row as usize].0 as usize;
    first + batch.texts.bytes[..start].iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// A record that has been handed to the sequencer.
struct Waiting {
    offset: u64,
    row: u32,
    line: u64,
    time: Option<i64>,
    parsed: Parsed,
    reason: String,
}

/// What is known of an input while it is read.
struct Source {
    input: Input,
    waiting: VecDeque<Waiting>,
    read: u64,
    /// The event with the largest time: its line and its time.
    largest: Option<(u64, i64)>,
}

struct Reading<'j> {
    job: &'j Job,
    projection: &'j Projection,
    asked: Asked,
    sequencer: Sequencer,
    sources: Vec<Source>,
    /// The copy of the asked id that counted first.
    first: Option<Place>,
}

impl<'j> Reading<'j> {
    fn new(job: &'j Job, projection: &'j Projection, asked: Asked) -> Result<Reading<'j>> {
        let source = |number| {
            let input = Input::open(job, number)?;
            Ok(Source { input, waiting: VecDeque::new(), read: 0, largest: None })
        };
        Ok(Reading {
            job,
            projection,
            asked,
            sequencer: Sequencer::new(pipeline::rules(job)),
            sources: (0..job.sources.len() as u32).map(source).collect::<Result<_>>()?,
            first: None,
        })
    }

    fn run(mut self, parser: &mut Parser<'_>) -> Result<Answer> {
        loop {
            let mut step = Step::default();
            let pause = self.sequencer.advance(&mut step);
            if let Some(answer) = self.look(&step)? {
                return Ok(answer);
            }
            match pause {
                Pause::Waiting(Some(source)) => self.bring(source, parser)?,
                Pause::Full => {}
                Pause::Failed(error) => return Err(error),
                Pause::Waiting(None) | Pause::Ended | Pause::Held => {
                    return Err(Error::Internal("the record was never read".to_owned()));
                }
            }
        }
    }

    /// Hands on the next record of a source.
    fn bring(&mut self, number: u32, parser: &mut Parser<'_>) -> Result<()> {
        let form = self.sequencer.source_form(number);
        let source = &mut self.sources[number as usize];
        let Some((batch, first)) = source.input.next(self.job, self.projection, parser, form)? else {
            self.sequencer.end(number, Ok(()));
            return Ok(());
        };
        for row in 0..batch.rows() as u32 {
            let parsed = batch.fates[row as usize];
            source.waiting.push_back(Waiting {
                offset: batch.offset,
                row,
                line: line_of(&batch, first, row),
                time: (parsed != Parsed::Untimed).then(|| batch.time[row as usize]),
                parsed,
                reason: if matches!(parsed, Parsed::Bad | Parsed::Untimed) {
                    batch.reasons.of(row).to_owned()
                } else {
                    String::new()
                },
            });
        }
        self.sequencer.push(batch, None);
        Ok(())
    }

    /// Looks at what has just been read; the answer if the record is among it.
    fn look(&mut self, step: &Step) -> Result<Option<Answer>> {
        let counts: Vec<u64> = self.sequencer.counts().map(|counts| counts.read).collect();
        for (number, read) in (0u32..).zip(counts) {
            while self.sources[number as usize].read < read {
                let source = &mut self.sources[number as usize];
                let Some(record) = source.waiting.pop_front() else { break };
                let before = source.read;
                source.read += 1;
                if (number, before) == (self.asked.source, self.asked.record) {
                    return self.answer(&record, step).map(Some);
                }
                if let Some(time) = record.time
                    && source.largest.is_none_or(|(_, largest)| time > largest)
                    && !is_aside(step, number, &record)
                {
                    source.largest = Some((record.line, time));
                }
                if self.first.is_none()
                    && !self.job.ids.is_empty()
                    && is_asked_id(step, number, &record, self.asked.id)
                {
                    let input = self.job.sources[number as usize].name.clone();
                    self.first = Some(Place { input, line: record.line });
                }
            }
        }
        Ok(None)
    }

    fn answer(&mut self, record: &Waiting, step: &Step) -> Result<Answer> {
        let source = &self.sources[self.asked.source as usize];
        let name = &self.job.sources[self.asked.source as usize].name;
        let place = |line| Place { input: name.clone(), line };
        // The source's own watermark is the global one whenever it is read.
        let watermark = source.largest.map(|(_, largest)| largest - self.job.delay);
        let (windows, lateness) = match &self.job.task {
            Task::Aggregate(task) => (task.windows.clone(), task.firing.lateness()),
            Task::Order => (Windows::None, 0),
        };
        let accepted = step.parts.iter().any(|part| {
            part.batch.source == self.asked.source
                && part.batch.offset == record.offset
                && part.rows.contains(&record.row)
        });
        let aside = step.set_aside.iter().find(|aside| {
            (aside.batch.source, aside.batch.offset, aside.row)
                == (self.asked.source, record.offset, record.row)
        });
        let fate = match (accepted, aside.map(|aside| &aside.why)) {
            (true, _) => kinds::accepted_in(&windows, record.time.unwrap_or_default(), watermark, lateness),
            (false, Some(Why::Late { .. })) => {
                late(&self.job.task, &windows, record.time.unwrap_or_default())
            }
            (false, Some(why)) => {
                let reason = if matches!(why, Why::Unbelieved) { UNBELIEVED } else { &record.reason };
                let Hint { meant, way_out } = Hint::of(reason, &self.asked.text, self.asked.record == 0);
                let more = [meant, way_out].into_iter().flatten();
                Fate::Bad {
                    reason: std::iter::once(reason.to_owned()).chain(more).collect::<Vec<_>>().join("; "),
                }
            }
            (false, None) if record.parsed == Parsed::Filtered => Fate::Filtered,
            (false, None) => Fate::Duplicate { first: self.first.clone() },
        };
        let delay_wanted = match (&fate, watermark) {
            // The watermark must stay below the end; and in whole milliseconds, which is how people write it.
            (Fate::Late { closed_at, session }, Some(watermark)) => {
                let short = watermark - closed_at - lateness + i64::from(!session);
                Some((self.job.delay + short + 999).div_euclid(1000) * 1000)
            }
            _ => None,
        };
        Ok(Answer {
            place: place(self.asked.line),
            record: self.asked.text.clone(),
            time: record.time,
            form: self.sequencer.source_form(self.asked.source).unwrap_or(Form::Text),
            watermark,
            set_by: source.largest.map(|(line, time)| (place(line), time)),
            is_followed: self.job.follow.is_some(),
            delay: self.job.delay,
            fate,
            windows,
            lateness,
            delay_wanted,
        })
    }
}

/// Whether a record was set aside because its time is not believed.
fn is_aside(step: &Step, source: u32, record: &Waiting) -> bool {
    step.set_aside.iter().any(|aside| {
        matches!(aside.why, Why::Unbelieved)
            && (aside.batch.source, aside.batch.offset, aside.row) == (source, record.offset, record.row)
    })
}

/// Whether a record was accepted and has this id.
fn is_asked_id(step: &Step, source: u32, record: &Waiting, id: u128) -> bool {
    step.parts.iter().any(|part| {
        part.batch.source == source
            && part.batch.offset == record.offset
            && part.rows.contains(&record.row)
            && part.batch.ids[record.row as usize] == id
    })
}

/// When the last window of a late event closed.
fn late(task: &Task, windows: &Windows, time: i64) -> Fate {
    let (closed_at, session) = match (task, windows) {
        (Task::Aggregate(_), Windows::Panes(_) | Windows::Several(_)) if !windows.finders().is_empty() => {
            let ends = windows.finders().into_iter().filter_map(|mut panes| Some(panes.pane(time)?.last_end));
            (ends.max().unwrap_or(time), false)
        }
        // For sessions late is what stands before the watermark.
        _ => (time, true),
    };
    Fate::Late { closed_at, session }
}
