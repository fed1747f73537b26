//! One source: the batches that have arrived of it, and how far they are read.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::digest;
use crate::error::Error;
use crate::operator::counts::{Counts, FirstBad};
use crate::operator::cut::{PartCut, SourceCut};
use crate::operator::jump::JumpRule;
use crate::parse::batch::{Batch, Fate};
use crate::parse::project::Lead;
use crate::time::Form;

/// One source.
#[derive(Default)]
pub struct Source {
    /// Batches that have arrived and are not used up.
    pub queue: VecDeque<Queued>,
    /// The next row of the first of them.
    pub row: u32,
    /// Rows before this one have been looked at as a block in vain, and are read one by one. Speed only, never a result.
    pub uneven: u32,
    /// Bytes, records and newlines before the first of them.
    offset: u64,
    pub records: u64,
    lines: u64,
    /// The digest of those bytes, where digests are wanted.
    digest: u64,
    /// Where the file begins that they end in.
    part: PartCut,
    /// Up to which byte of the first of them newlines have been counted, and how many there are: a batch
    /// full of bad records must not be counted through for each of them.
    counted: (usize, u64),
    /// The largest event time read; before any, the time of the first event that will be.
    pub largest: Option<i64>,
    /// The largest time of an event that has been read; kept for `--max-jump` alone.
    pub believed: Option<i64>,
    jump: Option<JumpRule>,
    pub end: Option<Result<(), Error>>,
    /// Whether it has been read to its end, and holds nobody up any more.
    pub over: bool,
    /// Whether it holds nobody up because it has been silent for long.
    pub idle: bool,
    pub form: Option<Form>,
    pub counts: Counts,
    /// Whether the last record read is a bad one that has ended the run.
    pub failed: bool,
    /// The first record that this run has counted as bad, unless an earlier run had counted one.
    pub first_bad: Option<FirstBad>,
    /// Records that the parse stage says it has sent.
    pub arrived: u64,
}

pub struct Queued {
    pub batch: Arc<Batch>,
    /// Rows up to here are decided as far as `--max-jump` goes.
    pub decided: u32,
    /// Rows that `--max-jump` does not believe, ascending.
    pub unbelieved: Vec<u32>,
    /// What stood behind it and need not be kept.
    behind: Behind,
    /// Where another file of the source begins with it: what stands before its first record.
    lead: Option<Lead>,
}

impl Queued {
    fn is_decided(&self) -> bool {
        self.decided == self.batch.rows() as u32
    }
}

/// Batches of nothing but records without a time.
#[derive(Default)]
struct Behind {
    records: u64,
    lines: u64,
    bytes: u64,
    digest: u64,
}

impl Behind {
    fn add(&mut self, batch: &Batch) {
        self.records += batch.rows() as u64;
        self.lines += batch.lines;
        self.bytes += batch.len;
        self.digest = digest::join(self.digest, batch.digest, batch.len);
    }
}

impl Source {
    /// A source of which nothing has arrived yet.
    pub fn new(jump_max: Option<i64>) -> Source {
        Source { jump: jump_max.map(JumpRule::new), ..Source::default() }
    }

    /// A source that goes on where another stood.
    pub fn resumed(cut: &SourceCut, jump_max: Option<i64>) -> Source {
        let SourceCut { offset, digest, part, records, lines, largest, believed, form, counts, over, idle } =
            *cut;
        Source {
            offset,
            digest,
            part,
            records,
            lines,
            largest,
            believed,
            jump: jump_max.map(|jump_max| JumpRule::resumed(jump_max, believed)),
            over,
            idle,
            form,
            counts,
            arrived: counts.read,
            ..Source::default()
        }
    }

    /// Its first chunk stands behind this many lines and bytes with this digest (its header).
    pub fn begin(&mut self, lines: u64, bytes: u64, digest: u64) {
        (self.lines, self.offset, self.digest) = (lines, bytes, digest);
    }

    /// Takes the next batch; with `lead`, it is the first of another file of the source.
    pub fn push(&mut self, batch: Batch, lead: Option<Lead>) {
        self.form = self.form.or(batch.form);
        let rows = batch.rows() as u32;
        self.arrived += u64::from(rows);
        self.queue.push_back(Queued {
            batch: Arc::new(batch),
            decided: rows,
            unbelieved: Vec::new(),
            behind: Behind::default(),
            lead,
        });
        self.apply_jump_rule();
    }

    /// Lets `--max-jump` look at the batch that has just arrived.
    fn apply_jump_rule(&mut self) {
        let Some(mut rule) = self.jump.take() else { return };
        let last = self.queue.len() - 1;
        let batch = self.queue[last].batch.clone();
        if rule.is_undecided() {
            self.queue[last].decided = 0;
        }
        for (row, (&fate, &time)) in (0u32..).zip(batch.fates.iter().zip(&batch.time)) {
            if fate == Fate::Untimed {
                continue;
            }
            let verdict = rule.event(time);
            if let Some(believed) = verdict.earlier {
                self.decide(believed);
            }
            if verdict.aside {
                self.queue[last].decided = row;
            }
        }
        self.jump = Some(rule);
    }

    /// While an event is set aside, records without a time are held behind it: they decide nothing, and are read
    /// when their turn comes. However many there are, where they are not to be written the first batch of them
    /// is enough, which has the one that ends the run if bad records do. Drops the batch that has just arrived
    /// if it holds nothing else; returns whether it did.
    pub fn let_go(&mut self) -> bool {
        let undecided = self.jump.as_ref().is_some_and(JumpRule::is_undecided);
        let untimed = |queued: &Queued| queued.batch.fates.iter().all(|&fate| fate == Fate::Untimed);
        // The batch before holds the event itself, or stands behind it like this one.
        let [.., before, last] = self.queue.make_contiguous() else { return false };
        if last.lead.is_some()
            || !undecided
            || !untimed(last)
            || !untimed(before)
            || before.batch.rows() < last.batch.rows().min(1)
        {
            return false;
        }
        before.behind.add(&last.batch);
        self.queue.pop_back();
        true
    }

    /// The event that was set aside turns out to be believed, or not. It is the first undecided row.
    fn decide(&mut self, believed: bool) {
        let mut first = true;
        for queued in self.queue.iter_mut().skip_while(|queued| queued.is_decided()) {
            if first && !believed {
                queued.unbelieved.push(queued.decided);
            }
            first = false;
            queued.decided = queued.batch.rows() as u32;
        }
    }

    /// No event comes that an event set aside could be measured by.
    pub fn decide_at_end(&mut self) {
        if self.jump.as_ref().is_some_and(JumpRule::is_undecided) {
            self.decide(false);
        }
    }

    /// Whether something of it can be read: an event that `--max-jump` has set aside cannot.
    pub fn can_be_read(&self) -> bool {
        self.queue.front().is_some_and(|head| self.row < head.decided || head.is_decided())
    }

    /// How many batches wait for the source's next event: the first that is undecided and those behind it, also if
    /// they hold nothing but blank lines.
    pub fn undecided(&self) -> usize {
        self.queue.iter().skip_while(|queued| queued.is_decided()).count()
    }

    /// How many records have arrived and are not read.
    pub fn waiting(&self) -> u64 {
        let rows = |queued: &Queued| queued.batch.rows() as u64 + queued.behind.records;
        self.queue.iter().map(rows).sum::<u64>() - u64::from(self.row)
    }

    /// Its own watermark.
    pub fn watermark(&self, delay: i64) -> i64 {
        self.largest.map_or(i64::MIN, |largest| largest - delay)
    }

    /// The time of the event that is next.
    pub fn next_time(&self) -> i64 {
        self.queue.front().map_or(0, |head| head.batch.time[self.row as usize])
    }

    /// Where it stands. A record that has ended the run comes again: it is behind the cut.
    pub fn cut(&self) -> SourceCut {
        let (row, mut counts) = (self.row - u32::from(self.failed), self.counts);
        counts.read -= u64::from(self.failed);
        counts.bad -= u64::from(self.failed);
        let mut cut = SourceCut {
            offset: self.offset,
            digest: self.digest,
            part: self.part,
            records: self.records + u64::from(row),
            lines: self.lines,
            largest: self.largest,
            believed: self.believed,
            form: self.form,
            counts,
            over: self.over,
            idle: self.idle,
        };
        if let (Some(head), 1..) = (self.queue.front(), row) {
            let batch = &head.batch;
            let read = batch.spans.get(row as usize).map_or(batch.texts.bytes.len(), |span| span.0 as usize);
            let bytes = &batch.texts.bytes[..read];
            if let Some(lead) = &head.lead {
                cut.begin_part(lead);
            }
            cut.offset = batch.offset + read as u64;
            cut.digest = digest::join(cut.digest, digest::digest(bytes), read as u64);
            cut.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        }
        cut
    }

    /// Whether no row of the first batch is left.
    pub fn is_at_end(&self) -> bool {
        self.queue.front().is_none_or(|head| self.row as usize >= head.batch.rows())
    }

    /// The line on which the record of a row of the first batch starts. Rows are asked for in ascending order.
    pub fn line(&mut self, row: u32) -> u64 {
        let Some(head) = self.queue.front() else { return self.lines + 1 };
        let before = head.lead.as_ref().map_or(self.lines, |lead| lead.lines);
        let start = head.batch.spans[row as usize].0 as usize;
        let (byte, lines) = &mut self.counted;
        *lines += memchr::memchr_iter(b'\n', &head.batch.texts.bytes[*byte..start]).count() as u64;
        *byte = start;
        before + *lines + 1
    }

    /// The byte at which the record of a row of the first batch starts, in its file.
    pub fn offset_in_file(&self, row: u32) -> u64 {
        let Some(head) = self.queue.front() else { return self.offset - self.part.start };
        // Where another file begins with the batch, it begins where the one before ends.
        let start = head.lead.as_ref().map_or(self.part.start, |_| self.offset);
        head.batch.offset + u64::from(head.batch.spans[row as usize].0) - start
    }

    /// The line on which the first batch starts.
    pub fn first_line(&self) -> u64 {
        let lead = self.queue.front().and_then(|head| head.lead.as_ref());
        lead.map_or(self.lines, |lead| lead.lines) + 1
    }

    /// The first batch has been read to its end.
    pub fn use_up(&mut self) {
        let Some(queued) = self.queue.pop_front() else { return };
        let Queued { batch, behind, lead, .. } = queued;
        if let Some(lead) = lead {
            let mut cut = SourceCut {
                offset: self.offset,
                digest: self.digest,
                lines: self.lines,
                part: self.part,
                ..SourceCut::default()
            };
            cut.begin_part(&lead);
            (self.digest, self.lines, self.part) = (cut.digest, cut.lines, cut.part);
        }
        self.counts.read += behind.records;
        self.counts.bad += behind.records;
        self.offset = batch.offset + batch.len + behind.bytes;
        self.digest = digest::join(self.digest, batch.digest, batch.len);
        self.digest = digest::join(self.digest, behind.digest, behind.bytes);
        self.records += batch.rows() as u64 + behind.records;
        self.lines += batch.lines + behind.lines;
        self.counted = (0, 0);
        (self.row, self.uneven) = (0, 0);
    }
}
