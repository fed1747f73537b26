//! The sequencer: merges all sources into one sequence and decides the fate of every record.
//!
//! Record by record, the next one comes from the unfinished source whose watermark is lowest (ties: the order
//! given). A source not yet begun counts with its first event's time minus the delay, so no event is read
//! before the first one of every source is known. At every read, then, the source's own watermark is the
//! global one, and the sequence depends on content alone.
//!
//! Records before a source's first event have no place in event time: they are read before all others, source
//! by source, so that nothing has to be kept to find that first event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::mem;
use std::sync::Arc;

use super::counts::Counts;
use super::cut::{SequenceCut, SourceCut};
use super::dedup::Dedup;
use super::jump::JumpRule;
use super::step::{Part, SetAside, Step, UNBELIEVED, Why};
use crate::digest;
use crate::error::Error;
use crate::parse::batch::{Batch, Fate};
use crate::time::Form;
use crate::window::{PaneFinder, Windows};

/// What the sequencer needs to know of a job. Times and durations are in microseconds.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How far the watermark trails the largest event time.
    pub delay: i64,
    /// How much longer than their windows are open ids are remembered.
    pub remember: i64,
    /// `--max-jump`.
    pub jump_max: Option<i64>,
    /// Whether repeats are dropped by id.
    pub dedup: bool,
    /// What decides about lateness.
    pub closing: Closing,
    /// Whether late events are handed on to be written.
    pub keep_late: bool,
    /// What happens with bad records.
    pub bad: Bad,
    /// Whether a source's end is only where it ends for now: nothing is finished by it.
    pub hold: bool,
    /// The names of the sources, for messages, in the order given.
    pub sources: Vec<String>,
}

/// When an event is late.
#[derive(Debug, Clone)]
pub enum Closing {
    /// When the last of its windows has closed.
    Windows(Windows),
    /// When it stands before the watermark: `windrow order`.
    Order,
}

/// What happens with bad records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// The first one ends the run.
    Fail,
    /// They are counted.
    Count,
    /// They are counted and handed on to be written.
    Keep,
}

/// Why the sequencer stops for the moment, or for good.
#[derive(Debug)]
pub enum Pause {
    /// It needs more of some source.
    Waiting,
    /// The step holds enough.
    Full,
    /// All sources have ended.
    Ended,
    /// The source to be read next has nothing more for now, and the others wait for it.
    Held,
    /// The run is over: a bad record, or an input that cannot be read further.
    Failed(Error),
}

/// The sequencer.
pub struct Sequencer {
    rules: Rules,
    sources: Vec<Source>,
    /// The unfinished sources that have shown an event, lowest watermark first.
    order: BinaryHeap<Reverse<(i64, u32)>>,
    /// The sources before this one have shown their first event, or ended without one.
    heads: u32,
    judge: Judge,
    watermark: i64,
    /// The form of the first source's times, once it may be told.
    form: Option<Form>,
    /// Sources of which a batch has been used up since the last call of [`Sequencer::take_used`].
    used: Vec<u32>,
}

/// One source.
#[derive(Default)]
struct Source {
    /// Batches that have arrived and are not used up.
    queue: VecDeque<Queued>,
    /// The next row of the first of them.
    row: u32,
    /// Bytes, records and newlines before the first of them.
    offset: u64,
    records: u64,
    lines: u64,
    /// The digest of those bytes, where digests are wanted.
    digest: u64,
    /// Up to which byte of the first of them newlines have been counted, and how many there are: a batch
    /// full of bad records must not be counted through for each of them.
    counted: (usize, u64),
    /// The largest event time read; before any, the time of the first event that will be.
    largest: Option<i64>,
    /// The largest time of an event that has been read; kept for `--max-jump` alone.
    believed: Option<i64>,
    jump: Option<JumpRule>,
    end: Option<Result<(), Error>>,
    /// Whether it has been read to its end, and holds nobody up any more.
    over: bool,
    form: Option<Form>,
    counts: Counts,
    /// Records that the parse stage says it has sent.
    arrived: u64,
}

struct Queued {
    batch: Arc<Batch>,
    /// Rows up to here are decided as far as `--max-jump` goes.
    decided: u32,
    /// Rows that `--max-jump` does not believe, ascending.
    unbelieved: Vec<u32>,
    /// What stood behind it and need not be kept.
    behind: Behind,
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

/// How a run over one source ended.
enum Run {
    /// Another source's watermark is lower now.
    Passed,
    /// There is nothing more to read of it for now.
    Exhausted,
    /// The step holds enough.
    Full,
    Failed(Error),
}

/// A step is handed on when it holds this many rows or more.
const STEP_ROWS: usize = 16 * 1024;

impl Sequencer {
    /// A sequencer over sources of which nothing has arrived yet.
    pub fn new(rules: Rules) -> Sequencer {
        let source = || Source { jump: rules.jump_max.map(JumpRule::new), ..Source::default() };
        Sequencer {
            sources: rules.sources.iter().map(|_| source()).collect(),
            order: BinaryHeap::new(),
            heads: 0,
            judge: Judge::new(&rules),
            watermark: i64::MIN,
            form: None,
            used: Vec::new(),
            rules,
        }
    }

    /// A sequencer that goes on where another stood.
    pub fn resume(rules: Rules, cut: &SequenceCut) -> Sequencer {
        let mut sequencer = Sequencer::new(rules);
        (sequencer.watermark, sequencer.form) = (cut.watermark, cut.form);
        for ((number, source), cut) in (0u32..).zip(&mut sequencer.sources).zip(&cut.sources) {
            source.resume(cut, sequencer.rules.jump_max);
            if let (Some(_), false) = (source.largest, source.over) {
                sequencer.order.push(Reverse((source.watermark(sequencer.rules.delay), number)));
            }
        }
        sequencer
    }

    /// Where it stands between two records. All that was handed on before belongs to what lies before the cut.
    pub fn cut(&self) -> SequenceCut {
        SequenceCut {
            sources: self.sources.iter().map(Source::cut).collect(),
            watermark: self.watermark,
            form: self.form,
        }
    }

    /// The ids that are remembered, if any are.
    pub fn dedup(&mut self) -> Option<&mut Dedup> {
        self.judge.dedup.as_mut()
    }

    /// Takes the next batch of a source.
    pub fn push(&mut self, batch: Batch) {
        let number = batch.source;
        let source = &mut self.sources[number as usize];
        source.form = source.form.or(batch.form);
        let rows = batch.rows() as u32;
        source.arrived += u64::from(rows);
        source.queue.push_back(Queued {
            batch: Arc::new(batch),
            decided: rows,
            unbelieved: Vec::new(),
            behind: Behind::default(),
        });
        source.apply_jump_rule();
        if self.rules.bad != Bad::Keep && source.let_go() {
            self.used.push(number);
        }
    }

    /// A source's first chunk stands behind this many lines and bytes with this digest (its header).
    pub fn begin(&mut self, number: u32, lines: u64, bytes: u64, digest: u64) {
        let source = &mut self.sources[number as usize];
        (source.lines, source.offset, source.digest) = (lines, bytes, digest);
    }

    /// A source has ended: at its true end, or because it cannot be read further.
    pub fn end(&mut self, number: u32, end: Result<(), Error>) {
        let source = &mut self.sources[number as usize];
        let held = self.rules.hold && end.is_ok();
        source.end = Some(end);
        // Where a source is held, its next event may come yet.
        if !held && source.jump.as_ref().is_some_and(JumpRule::is_undecided) {
            source.decide(false);
        }
    }

    /// Appends to the step what can be read now.
    pub fn advance(&mut self, step: &mut Step) -> Pause {
        let pause = self.read(step);
        self.mark(step);
        step.ended = matches!(pause, Pause::Ended);
        pause
    }

    /// Notes in a step where event time stands, also if nothing was read for it.
    pub fn mark(&self, step: &mut Step) {
        step.watermark = self.watermark;
        step.form = self.form;
    }

    fn read(&mut self, step: &mut Step) -> Pause {
        if let Some(pause) = self.read_heads(step) {
            return pause;
        }
        self.form = self.form.or_else(|| self.sources.iter().find_map(|source| source.form));
        while let Some(Reverse((watermark, number))) = self.order.pop() {
            self.watermark = self.watermark.max(watermark);
            let limit = self.order.peek().map_or((i64::MAX, u32::MAX), |next| next.0);
            let run = self.run(number, limit, step);
            let source = &mut self.sources[number as usize];
            let held = self.rules.hold && matches!(source.end, Some(Ok(())));
            if let Run::Exhausted = run
                && !held
                && let Some(end) = source.end.take()
            {
                source.end = Some(Ok(()));
                match end {
                    Ok(()) => {
                        source.over = true;
                        continue;
                    }
                    Err(error) => {
                        // What was read before may close windows yet.
                        self.watermark = self.watermark.max(source.watermark(self.rules.delay));
                        return Pause::Failed(error);
                    }
                }
            }
            let watermark = source.watermark(self.rules.delay);
            self.order.push(Reverse((watermark, number)));
            // The new global watermark, unless this one was stopped short.
            if let (Some(Reverse((lowest, _))), false) = (self.order.peek(), matches!(run, Run::Failed(_))) {
                self.watermark = self.watermark.max(*lowest);
            } else {
                self.watermark = self.watermark.max(watermark);
            }
            match run {
                Run::Passed => {}
                Run::Exhausted if held => return Pause::Held,
                Run::Exhausted => return Pause::Waiting,
                Run::Full => return Pause::Full,
                Run::Failed(error) => return Pause::Failed(error),
            }
        }
        if self.rules.hold { Pause::Held } else { Pause::Ended }
    }

    /// Reads what stands before the first event of each source; `None` once all of them are known.
    fn read_heads(&mut self, step: &mut Step) -> Option<Pause> {
        while (self.heads as usize) < self.sources.len() {
            let number = self.heads;
            let source = &self.sources[number as usize];
            if source.over || source.largest.is_some() {
                // An earlier run knew it.
                self.heads += 1;
                continue;
            }
            match self.run(number, (i64::MAX, u32::MAX), step) {
                Run::Failed(error) => return Some(Pause::Failed(error)),
                Run::Full => return Some(Pause::Full),
                Run::Passed => {
                    let source = &mut self.sources[number as usize];
                    // One that joins others which were read before starts at the watermark.
                    let largest = source.next_time().max(self.watermark.saturating_add(self.rules.delay));
                    source.largest = Some(largest);
                    self.order.push(Reverse((largest - self.rules.delay, number)));
                }
                Run::Exhausted => match self.sources[number as usize].end.take() {
                    None => return Some(Pause::Waiting),
                    // Where it is held, it joins when it has an event.
                    Some(Ok(())) => self.sources[number as usize].over = !self.rules.hold,
                    Some(Err(error)) => return Some(Pause::Failed(error)),
                },
            }
            self.heads += 1;
        }
        None
    }

    /// Reads on in one source while its watermark is the lowest.
    fn run(&mut self, number: u32, limit: (i64, u32), step: &mut Step) -> Run {
        let source = &mut self.sources[number as usize];
        loop {
            let Some(head) = source.queue.front_mut() else { return Run::Exhausted };
            if source.row < head.decided {
                let (batch, unbelieved) = (head.batch.clone(), mem::take(&mut head.unbelieved));
                let mut stretch = Stretch {
                    rules: &self.rules,
                    judge: &mut self.judge,
                    source,
                    number,
                    batch: &batch,
                    unbelieved: &unbelieved,
                    rows: Vec::new(),
                    fires: Vec::new(),
                    set_aside: &mut step.set_aside,
                };
                let first = stretch.source.row;
                let stopped = stretch.read(limit);
                // Of a batch that is not read to its end the ledger holds what was.
                stretch.source.counts.read += u64::from(stretch.source.row - first);
                let (rows, fires) = (mem::take(&mut stretch.rows), mem::take(&mut stretch.fires));
                source.queue.front_mut().expect("it was there before").unbelieved = unbelieved;
                if !rows.is_empty() {
                    step.parts.push(Part { batch: batch.clone(), first_record: source.records, rows, fires });
                }
                match stopped {
                    Some(Run::Failed(error)) => return Run::Failed(error),
                    Some(stopped) if source.row < batch.rows() as u32 => return stopped,
                    Some(stopped) => {
                        source.use_up();
                        self.used.push(number);
                        return stopped;
                    }
                    None => {}
                }
            }
            let head = source.queue.front().expect("it was there before");
            if source.row < head.batch.rows() as u32 {
                // `--max-jump` waits for the source's next event.
                return Run::Exhausted;
            }
            source.use_up();
            self.used.push(number);
            if step.rows() + step.set_aside.len() >= STEP_ROWS {
                return Run::Full;
            }
        }
    }

    /// The sources of which batches have been used up, one entry a batch; each may send one more.
    pub fn take_used(&mut self) -> Vec<u32> {
        mem::take(&mut self.used)
    }

    /// How many batches of a source cannot be used up before more of it arrives, because `--max-jump` waits
    /// for its next event.
    pub fn undecided(&self, number: u32) -> usize {
        let queue = &self.sources[number as usize].queue;
        // Those behind the first one too, also if they hold nothing but blank lines.
        queue.iter().skip_while(|queued| queued.decided == queued.batch.rows() as u32).count()
    }

    /// The form of a source's times, once known.
    pub fn source_form(&self, number: u32) -> Option<Form> {
        self.sources[number as usize].form
    }

    /// The ledger of each source.
    pub fn counts(&self) -> impl Iterator<Item = &Counts> {
        self.sources.iter().map(|source| &source.counts)
    }

    /// How many records the parse stage has sent, per source, those that wait for a later run not counted.
    pub fn arrived(&self) -> impl Iterator<Item = u64> {
        let waiting = |source: &Source| -> u64 {
            let rows = |queued: &Queued| queued.batch.rows() as u64 + queued.behind.records;
            source.queue.iter().map(rows).sum::<u64>() - u64::from(source.row)
        };
        self.sources.iter().map(move |source| source.arrived - waiting(source))
    }

    /// The watermark; `i64::MIN` before the first event.
    pub fn watermark(&self) -> i64 {
        self.watermark
    }

    /// How many ids are remembered, about.
    pub fn ids(&self) -> usize {
        self.judge.dedup.as_ref().map_or(0, Dedup::len)
    }
}

impl Source {
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
    fn let_go(&mut self) -> bool {
        let undecided = self.jump.as_ref().is_some_and(JumpRule::is_undecided);
        let untimed = |queued: &Queued| queued.batch.fates.iter().all(|&fate| fate == Fate::Untimed);
        // The batch before holds the event itself, or stands behind it like this one.
        let [.., before, last] = self.queue.make_contiguous() else { return false };
        if !undecided || !untimed(last) || !untimed(before) || before.batch.rows() < last.batch.rows().min(1)
        {
            return false;
        }
        before.behind.add(&last.batch);
        self.queue.pop_back();
        true
    }

    /// The event that was set aside turns out to be believed, or not. It is the first undecided row.
    fn decide(&mut self, believed: bool) {
        let undecided =
            self.queue.iter_mut().skip_while(|queued| queued.decided == queued.batch.rows() as u32);
        let mut first = true;
        for queued in undecided {
            if first && !believed {
                queued.unbelieved.push(queued.decided);
            }
            first = false;
            queued.decided = queued.batch.rows() as u32;
        }
    }

    /// Its own watermark.
    fn watermark(&self, delay: i64) -> i64 {
        self.largest.map_or(i64::MIN, |largest| largest - delay)
    }

    /// The time of the event that is next.
    fn next_time(&self) -> i64 {
        self.queue.front().map_or(0, |head| head.batch.time[self.row as usize])
    }

    fn resume(&mut self, cut: &SourceCut, jump_max: Option<i64>) {
        let SourceCut { offset, digest, records, lines, largest, believed, form, counts, over } = *cut;
        *self = Source {
            offset,
            digest,
            records,
            lines,
            largest,
            believed,
            jump: jump_max.map(|jump_max| JumpRule::resumed(jump_max, believed)),
            over,
            form,
            counts,
            arrived: counts.read,
            ..Source::default()
        };
    }

    fn cut(&self) -> SourceCut {
        let mut cut = SourceCut {
            offset: self.offset,
            digest: self.digest,
            records: self.records + u64::from(self.row),
            lines: self.lines,
            largest: self.largest,
            believed: self.believed,
            form: self.form,
            counts: self.counts,
            over: self.over,
        };
        if let (Some(head), 1..) = (self.queue.front(), self.row) {
            let batch = &head.batch;
            let read =
                batch.spans.get(self.row as usize).map_or(batch.texts.bytes.len(), |span| span.0 as usize);
            let bytes = &batch.texts.bytes[..read];
            cut.offset = batch.offset + read as u64;
            cut.digest = digest::join(cut.digest, digest::digest(bytes), read as u64);
            cut.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        }
        cut
    }

    /// The first batch has been read to its end.
    fn use_up(&mut self) {
        let Some(queued) = self.queue.pop_front() else { return };
        let Queued { batch, behind, .. } = queued;
        self.counts.read += behind.records;
        self.counts.bad += behind.records;
        self.offset = batch.offset + batch.len + behind.bytes;
        self.digest = digest::join(self.digest, batch.digest, batch.len);
        self.digest = digest::join(self.digest, behind.digest, behind.bytes);
        self.records += batch.rows() as u64 + behind.records;
        self.lines += batch.lines + behind.lines;
        self.counted = (0, 0);
        self.row = 0;
    }
}

/// A stretch of rows of one batch that are read one after the other.
struct Stretch<'s> {
    rules: &'s Rules,
    judge: &'s mut Judge,
    source: &'s mut Source,
    number: u32,
    batch: &'s Arc<Batch>,
    unbelieved: &'s [u32],
    rows: Vec<u32>,
    fires: Vec<(usize, i64)>,
    set_aside: &'s mut Vec<SetAside>,
}

impl Stretch<'_> {
    /// Reads rows until the source's watermark passes `limit`, a bad record ends the run, or the decided rows
    /// are used up (`None`).
    fn read(&mut self, limit: (i64, u32)) -> Option<Run> {
        let decided = self.source.queue.front().map_or(0, |head| head.decided);
        let (delay, batch) = (self.rules.delay, self.batch);
        for row in self.source.row..decided {
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
            let watermark = largest - delay;
            if time > largest {
                self.source.largest = Some(time);
            }
            if self.rules.jump_max.is_some() {
                self.source.believed = self.source.believed.max(Some(time));
            }
            match fate {
                Fate::Filtered => self.source.counts.filtered += 1,
                Fate::Usable => self.event(row, time, watermark),
                Fate::Bad | Fate::Untimed => {
                    if let Some(error) = self.bad(row, Why::Bad) {
                        // What had fired before this record stays; it fires nothing itself.
                        self.source.largest = Some(largest);
                        return Some(Run::Failed(error));
                    }
                }
            }
            if time > largest && (time - delay, self.number) > limit {
                return Some(Run::Passed);
            }
        }
        None
    }

    /// Decides about a usable event, at the watermark before it.
    #[inline]
    fn event(&mut self, row: u32, time: i64, watermark: i64) {
        let id = match &self.judge.dedup {
            Some(dedup) => {
                if let Some(&ahead) = self.batch.ids.get(row as usize + IDS_AHEAD) {
                    dedup.prefetch(ahead);
                }
                self.batch.ids[row as usize]
            }
            None => 0,
        };
        match self.judge.judge(time, id, watermark) {
            Judgement::Accepted { partially_late } => {
                self.source.counts.accepted += 1;
                if partially_late {
                    self.source.counts.partially_late += 1;
                    if self.fires.last().is_none_or(|&(_, fired)| fired != watermark) {
                        self.fires.push((self.rows.len(), watermark));
                    }
                }
                self.rows.push(row);
            }
            Judgement::Duplicate => self.source.counts.duplicate += 1,
            Judgement::Late => {
                self.source.counts.late += 1;
                if self.rules.keep_late {
                    self.set_aside(row, Why::Late { watermark });
                }
            }
        }
    }

    /// Counts a bad record, and returns the error that it is if bad records end the run.
    fn bad(&mut self, row: u32, why: Why) -> Option<Error> {
        self.source.counts.bad += 1;
        match self.rules.bad {
            Bad::Count => None,
            Bad::Keep => {
                self.set_aside(row, why);
                None
            }
            Bad::Fail => {
                let batch = self.batch;
                let record = batch.record(row);
                let reason = match why {
                    Why::Unbelieved => UNBELIEVED,
                    _ => batch.reasons.of(row),
                };
                let excerpt = String::from_utf8_lossy(&record[..record.len().min(240)]);
                Some(Error::BadRecord {
                    source: self.rules.sources[self.number as usize].clone(),
                    line: self.line(row),
                    reason: reason.to_owned(),
                    excerpt: excerpt.chars().take(60).collect(),
                })
            }
        }
    }

    fn set_aside(&mut self, row: u32, why: Why) {
        let line = self.line(row);
        self.set_aside.push(SetAside { batch: self.batch.clone(), row, line, why });
    }

    /// The line on which a row's record starts. Rows are asked for in ascending order.
    fn line(&mut self, row: u32) -> u64 {
        let start = self.batch.spans[row as usize].0 as usize;
        let (byte, lines) = &mut self.source.counted;
        *lines += memchr::memchr_iter(b'\n', &self.batch.texts.bytes[*byte..start]).count() as u64;
        *byte = start;
        self.source.lines + *lines + 1
    }
}

/// How many rows ahead the memory that knows an id is fetched.
const IDS_AHEAD: usize = 12;

/// How far beyond the watermark the ids of a job are remembered, about, in microseconds.
pub fn span(rules: &Rules) -> i64 {
    let windows = match &rules.closing {
        Closing::Windows(Windows::Panes(panes)) => {
            PaneFinder::new(panes).pane(0).map_or(0, |pane| pane.last_end.saturating_sub(pane.start))
        }
        Closing::Windows(Windows::Session { gap }) => *gap,
        Closing::Windows(Windows::None) | Closing::Order => 0,
    };
    windows.saturating_add(rules.delay).saturating_add(rules.remember)
}

/// Lateness and deduplication.
struct Judge {
    closing: Closing,
    panes: Option<PaneFinder>,
    dedup: Option<Dedup>,
    remember: i64,
}

enum Judgement {
    Accepted { partially_late: bool },
    Late,
    Duplicate,
}

impl Judge {
    fn new(rules: &Rules) -> Judge {
        Judge {
            panes: match &rules.closing {
                Closing::Windows(Windows::Panes(panes)) => Some(PaneFinder::new(panes)),
                _ => None,
            },
            closing: rules.closing.clone(),
            dedup: rules.dedup.then(|| Dedup::new(span(rules))),
            remember: rules.remember,
        }
    }

    /// Judges an event at the watermark before it. Late comes before duplicate, and only an accepted event's
    /// id is remembered.
    #[inline]
    fn judge(&mut self, time: i64, id: u128, watermark: i64) -> Judgement {
        // The watermark at which the event's last window is closed.
        let (closed_at, partially_late) = match &self.closing {
            Closing::Windows(Windows::Panes(_)) => {
                let pane = self.panes.as_mut().and_then(|panes| panes.pane(time));
                let pane = pane.expect("the parse stage refuses times beyond the calendar");
                (pane.last_end, pane.first_end <= watermark)
            }
            // A session is closed when its end lies before the watermark, and late is what stands before it.
            Closing::Windows(Windows::Session { gap }) if time >= watermark => (time + gap + 1, false),
            Closing::Order if time >= watermark => (time + 1, false),
            Closing::Windows(Windows::Session { .. }) | Closing::Order => return Judgement::Late,
            Closing::Windows(Windows::None) => (i64::MAX, false),
        };
        if closed_at <= watermark {
            return Judgement::Late;
        }
        if let Some(dedup) = &mut self.dedup
            && dedup.seen(id, closed_at.saturating_add(self.remember), watermark)
        {
            return Judgement::Duplicate;
        }
        Judgement::Accepted { partially_late }
    }
}
