//! A stretch of rows of one batch, read one after the other: the fate of each.

mod plain;

use std::mem;
use std::sync::Arc;

use super::asked::Asked;
use super::judge::{Behind, Judge, Judgement};
use super::moments::Moments;
use super::rules::{Bad, Rules};
use super::source::Source;
use crate::error::{Error, joint};
use crate::operator::counts::FirstBad;
use crate::operator::dedup::Ask;
use crate::operator::step::{Moment, Part, SetAside, Step, UNBELIEVED, Why};
use crate::parse::batch::{Batch, Fate};
use crate::parse::hints::Hint;

/// How a run over one source ended.
pub enum Run {
    /// Another source's watermark is lower now.
    Passed,
    /// There is nothing more to read of it for now.
    Exhausted,
    /// The step holds enough.
    Full,
    /// A decision has its place here.
    Decision,
    Failed(Error),
}

/// Reads the rows of a source's first batch before `last`, which are decided, until its watermark passes `limit` or a
/// bad record ends the run; `None` if all of them are read. What was read goes into the step and the source's ledger.
pub fn read(
    rules: &Rules,
    (judge, asked, moments): (&mut Judge, Option<&mut Asked>, &mut Moments),
    source: &mut Source,
    number: u32,
    last: u32,
    limit: (i64, u32),
    step: &mut Step,
) -> Option<Run> {
    let head = source.queue.front_mut()?;
    let (batch, unbelieved) = (head.batch.clone(), mem::take(&mut head.unbelieved));
    let (first, first_record) = (source.row, source.records);
    let (set_aside, marks, part) = (&mut step.set_aside, &mut step.moments, step.parts.len());
    let mut stretch = Stretch {
        rules,
        judge,
        asked,
        source,
        number,
        batch: &batch,
        unbelieved: &unbelieved,
        rows: Vec::new(),
        fires: Vec::new(),
        set_aside,
        moments,
        marks,
        part,
    };
    let stopped = stretch.read(last, limit);
    stretch.answer();
    let Stretch { rows, fires, .. } = stretch;
    // Of a batch that is not read to its end the ledger holds what was.
    source.counts.read += u64::from(source.row - first);
    if let Some(head) = source.queue.front_mut() {
        head.unbelieved = unbelieved;
    }
    if !rows.is_empty() {
        step.push(Part { batch, first_record, rows, fires });
    }
    stopped
}

/// A stretch of rows of one batch that are read one after the other.
struct Stretch<'s> {
    rules: &'s Rules,
    judge: &'s mut Judge,
    /// Of jobs with ids. As many of the last `rows` as wait in there for an answer may be repeats.
    asked: Option<&'s mut Asked>,
    source: &'s mut Source,
    number: u32,
    batch: &'s Arc<Batch>,
    unbelieved: &'s [u32],
    rows: Vec<u32>,
    fires: Vec<(usize, i64)>,
    set_aside: &'s mut Vec<SetAside>,
    moments: &'s mut Moments,
    /// The moments of the step.
    marks: &'s mut Vec<Moment>,
    /// The number of the part in which the rows will stand.
    part: usize,
}

impl Stretch<'_> {
    /// Reads rows before `last`, until the source's watermark passes `limit` or a bad record ends the run.
    fn read(&mut self, last: u32, limit: (i64, u32)) -> Option<Run> {
        let (delay, batch) = (self.rules.delay, self.batch);
        let may_be_plain =
            self.rules.jump_max.is_none() && self.unbelieved.is_empty() && self.judge.plain().is_some();
        while self.source.row < last {
            self.answer_if_full();
            if may_be_plain && self.read_plain(last, limit) {
                return Some(Run::Passed);
            }
            let row = self.source.row;
            if row == last {
                break;
            }
            self.source.row = row + 1;
            let fate = batch.fates[row as usize];
            if fate == Fate::Untimed {
                if let Some(error) = self.bad(row, Why::Bad) {
                    return Some(Run::Failed(error));
                }
                continue;
            }
            if self.unbelieved.binary_search(&row).is_ok() {
                if let Some(error) = self.bad(row, Why::Unbelieved) {
                    return Some(Run::Failed(error));
                }
                continue;
            }
            let time = batch.time[row as usize];
            let Some(largest) = self.source.largest else {
                // The source's first event: it is read when its turn comes.
                self.source.row = row;
                return Some(Run::Passed);
            };
            let (watermark, believed) = (largest - delay, self.source.believed);
            // Without a branch on which of them is greater: nobody can guess that, of events out of order.
            let reached = largest.max(time);
            self.source.largest = Some(reached);
            if self.rules.jump_max.is_some() {
                self.source.believed = self.source.believed.max(Some(time));
            }
            match fate {
                Fate::Filtered => self.source.counts.filtered += 1,
                Fate::Usable => self.event(row, time, watermark),
                Fate::Bad | Fate::Untimed => {
                    if let Some(error) = self.bad(row, Why::Bad) {
                        // What had fired before this record stays; it fires nothing itself.
                        (self.source.largest, self.source.believed) = (Some(largest), believed);
                        return Some(Run::Failed(error));
                    }
                }
            }
            // The watermark moves behind the event that moves it.
            if self.moments.is_due(reached - delay) {
                self.answer();
                self.moments.emit((reached - delay).min(limit.0), (self.part, self.rows.len()), self.marks);
            }
            if (reached - delay, self.number) > limit && reached > largest {
                return Some(Run::Passed);
            }
        }
        None
    }

    /// Decides about a usable event, at the watermark before it.
    #[inline]
    fn event(&mut self, row: u32, time: i64, watermark: i64) {
        let Judgement::InTime { closes, behind } = self.judge.judge(time, watermark) else {
            self.source.counts.late += 1;
            self.judge.note_late(time, watermark);
            if self.rules.keep_late {
                self.set_aside(row, Why::Late { watermark });
            }
            return;
        };
        self.source.counts.accepted += 1;
        if let Some(asked) = &mut self.asked {
            let expiry = self.judge.forgotten_at(closes);
            let ids = &self.batch.ids[row as usize..];
            asked.push(Ask { id: ids[0], expiry, watermark }, ids);
            if behind {
                self.rows.push(row);
                self.answer();
                if self.rows.pop_if(|last| *last == row).is_none() {
                    return;
                }
            }
        }
        if behind {
            self.event_behind(row, time, watermark);
        } else {
            self.rows.push(row);
        }
    }

    /// Takes those rows back that repeat an id.
    fn answer(&mut self) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.len() > 0) else { return };
        let first = self.rows.len() - asked.len();
        let repeats = asked.answer();
        self.source.counts.accepted -= repeats.len() as u64;
        self.source.counts.duplicate += repeats.len() as u64;
        let Some(&kept) = repeats.first() else { return };
        let mut kept = first + kept as usize;
        for (n, &repeat) in repeats.iter().enumerate() {
            let next = repeats.get(n + 1).map_or(self.rows.len(), |next| first + *next as usize);
            let between = first + repeat as usize + 1..next;
            let count = between.len();
            if count > 0 {
                self.rows.copy_within(between, kept);
            }
            kept += count;
        }
        self.rows.truncate(kept);
    }

    /// The same, if so many rows wait for an answer that there should be one.
    fn answer_if_full(&mut self) {
        if self.asked.as_ref().is_some_and(|asked| asked.is_full()) {
            self.answer();
        }
    }

    /// Takes an accepted event that comes behind the end of some of its windows: these have to be closed before.
    #[cold]
    fn event_behind(&mut self, row: u32, time: i64, watermark: i64) {
        let Behind { partially_late, revising } = self.judge.behind(time, watermark);
        self.source.counts.partially_late += u64::from(partially_late);
        self.source.counts.revising += u64::from(revising);
        if self.moments.repeats() {
            self.moments.close(watermark, partially_late, (self.part, self.rows.len()), self.marks);
        } else if self.fires.last().is_none_or(|&(_, fired)| fired != watermark) {
            self.fires.push((self.rows.len(), watermark));
        }
        self.rows.push(row);
        if revising {
            self.moments.revise(watermark, (self.part, self.rows.len()), self.marks);
        }
    }

    /// Counts a bad record, and returns the error that it is if bad records end the run.
    fn bad(&mut self, row: u32, why: Why) -> Option<Error> {
        self.source.counts.bad += 1;
        if self.rules.bad == Bad::Fail {
            self.source.failed = true;
            return Some(self.failure(row, &why));
        }
        if self.source.counts.bad == 1 {
            self.source.first_bad = self.first_bad(row, &why);
        }
        if self.rules.bad == Bad::Keep {
            self.set_aside(row, why);
        }
        None
    }

    /// The error that a bad record is.
    #[cold]
    fn failure(&mut self, row: u32, why: &Why) -> Error {
        let batch = self.batch;
        let record = batch.record(row);
        let reason = match why {
            Why::Unbelieved => UNBELIEVED,
            _ => batch.reasons.of(row),
        };
        let Hint { meant, way_out } = Hint::of(reason, record, self.is_first(row));
        let excerpt = String::from_utf8_lossy(&record[..record.len().min(240)]);
        Error::BadRecord {
            source: self.rules.sources[self.number as usize].clone(),
            line: self.source.line(row),
            reason: joined(reason, meant),
            excerpt: excerpt.chars().take(60).collect(),
            way_out,
        }
    }

    /// What there is to tell of the first bad record of a source, which may have been let go by now.
    #[cold]
    fn first_bad(&mut self, row: u32, why: &Why) -> Option<FirstBad> {
        let batch = self.batch;
        let (line, reason, record) = match why {
            Why::Unbelieved => (self.source.line(row), UNBELIEVED, batch.record(row)),
            _ => {
                let bad = batch.first_bad.as_ref()?;
                (self.source.first_line() + bad.lines, bad.reason.as_str(), bad.head.as_slice())
            }
        };
        let Hint { meant, way_out } = Hint::of(reason, record, self.is_first(row));
        Some(FirstBad { line, reason: joined(&joined(reason, meant), way_out) })
    }

    /// Whether a row is the first record of its source.
    fn is_first(&self, row: u32) -> bool {
        self.source.records + u64::from(row) == 0
    }

    fn set_aside(&mut self, row: u32, why: Why) {
        let (line, offset) = (self.source.line(row), self.source.offset_in_file(row));
        self.set_aside.push(SetAside { batch: self.batch.clone(), row, line, offset, why });
    }
}

/// What is wrong, and what more there is to say of it.
fn joined(reason: &str, more: Option<String>) -> String {
    more.map_or(reason.to_owned(), |more| format!("{reason}{}{more}", joint(reason)))
}
