//! The sequencer: merges all sources into one sequence and decides the fate of every record.
//!
//! Record by record, the next one comes from the unfinished source whose watermark is lowest (ties: the order
//! given). A source not yet begun counts with its first event's time minus the delay, so no event is read
//! before the first one of every source is known. At every read, then, the source's own watermark is the
//! global one, and the sequence depends on content alone.
//!
//! Records before a source's first event have no place in event time: they are read before all others, source
//! by source, so that nothing has to be kept to find that first event.
//!
//! Where a clock decides that a source is not waited for any longer, that is a [`Decision`], and has its place in the
//! sequence like a record.

mod asked;
mod decision;
mod judge;
mod moments;
mod rules;
mod source;
mod stretch;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::mem;

use super::counts::{Account, Counts};
use super::cut::SequenceCut;
use super::dedup::{Crew, Dedup};
use super::step::Step;
use crate::distribution::Distribution;
use crate::error::Error;
use crate::parse::batch::Batch;
use crate::parse::project::Lead;
use crate::time::Form;
use asked::Asked;
pub use decision::{Decided, Decision};
use judge::Judge;
pub use judge::{closing_span, span};
use moments::Moments;
pub use rules::{Bad, Closing, Rules};
use source::Source;
use stretch::Run;

/// Why the sequencer stops for the moment, or for good.
#[derive(Debug)]
pub enum Pause {
    /// It needs more of this source; `None`: of any, since none of them holds the others up.
    Waiting(Option<u32>),
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
    /// The sources of which no event is known yet, in the order in which they are looked for; those that are idle
    /// not counted.
    heads: VecDeque<u32>,
    judge: Judge,
    /// The ids that are remembered, of jobs that have ids.
    asked: Option<Asked>,
    moments: Moments,
    watermark: i64,
    /// How many sources are idle.
    idle: usize,
    /// How many records of all sources have been read.
    read: u64,
    /// What an earlier run has decided behind the place where this one began, and that is still to come.
    decided: VecDeque<Decided>,
    /// The form of the first source's times, once it may be told.
    form: Option<Form>,
    /// Sources of which a batch has been used up since the last call of [`Sequencer::take_used`].
    used: Vec<u32>,
}

/// Where a source stands, as far as others may want to know. Times are in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Its ledger.
    pub counts: Counts,
    /// The largest event time; `None` before its first event is known.
    pub newest: Option<i64>,
    /// Its own watermark; `None` before its first event is known.
    pub watermark: Option<i64>,
    /// Whether it has been read to its end.
    pub over: bool,
    /// Whether it is not waited for, since it has been silent for long.
    pub idle: bool,
}

/// A step is handed on when it holds this many rows or more, moments and records that are set aside among them.
const STEP_ROWS: usize = 16 * 1024;

impl Sequencer {
    /// A sequencer over sources of which nothing has arrived yet.
    pub fn new(rules: Rules) -> Sequencer {
        Sequencer {
            sources: rules.sources.iter().map(|_| Source::new(rules.jump_max)).collect(),
            order: BinaryHeap::new(),
            heads: (0..).take(rules.sources.len()).collect(),
            judge: Judge::new(&rules),
            asked: rules.dedup.then(|| Asked::new(Dedup::new(span(&rules)))),
            moments: Moments::after(i64::MIN, &rules),
            watermark: i64::MIN,
            idle: 0,
            read: 0,
            decided: VecDeque::new(),
            form: None,
            used: Vec::new(),
            rules,
        }
    }

    /// A sequencer that goes on where another stood. It makes `decided` again when their places come.
    pub fn resume(rules: Rules, cut: &SequenceCut, decided: Vec<Decided>) -> Sequencer {
        let mut sequencer = Sequencer::new(rules);
        (sequencer.watermark, sequencer.form) = (cut.watermark, cut.form);
        sequencer.moments = Moments::after(cut.watermark, &sequencer.rules);
        for ((number, source), cut) in (0u32..).zip(&mut sequencer.sources).zip(&cut.sources) {
            *source = Source::resumed(cut, sequencer.rules.jump_max);
            sequencer.read += cut.counts.read;
            sequencer.idle += usize::from(cut.idle);
            if let (Some(_), false, false) = (source.largest, source.over, source.idle) {
                sequencer.order.push(Reverse((source.watermark(sequencer.rules.delay), number)));
            }
        }
        let sources = &sequencer.sources;
        sequencer.heads.retain(|&number| {
            let source = &sources[number as usize];
            source.largest.is_none() && !source.over && !source.idle
        });
        sequencer.decided = decided.into();
        sequencer
    }

    /// Where it stands between two records: before the one that has ended the run, if one has. All that was handed on
    /// before belongs to what lies before the cut.
    pub fn cut(&self) -> SequenceCut {
        SequenceCut {
            sources: self.sources.iter().map(Source::cut).collect(),
            watermark: self.watermark,
            form: self.form,
        }
    }

    /// The ids that are remembered, if any are.
    pub fn dedup(&mut self) -> Option<&mut Dedup> {
        self.asked.as_mut().map(|asked| &mut asked.dedup)
    }

    /// From now on a crew looks for ids where there are many.
    pub fn share(&mut self, crew: Box<dyn Crew>) {
        if let Some(asked) = &mut self.asked {
            asked.share(crew);
        }
    }

    /// Takes the next batch of a source; with `lead`, it is the first of another file of that source.
    pub fn push(&mut self, batch: Batch, lead: Option<Lead>) {
        let number = batch.source;
        let source = &mut self.sources[number as usize];
        source.push(batch, lead);
        // A decision may have its place among what would be let go.
        if self.rules.bad != Bad::Keep && self.decided.is_empty() && source.let_go() {
            self.used.push(number);
        }
    }

    /// A source's first chunk stands behind this many lines and bytes with this digest (its header).
    pub fn begin(&mut self, number: u32, lines: u64, bytes: u64, digest: u64) {
        self.sources[number as usize].begin(lines, bytes, digest);
    }

    /// A source has ended: at its true end, or because it cannot be read further.
    pub fn end(&mut self, number: u32, end: Result<(), Error>) {
        let source = &mut self.sources[number as usize];
        // Where a source is held, its next event may come yet.
        if !(self.rules.hold && end.is_ok()) {
            source.decide_at_end();
        }
        if source.idle && source.queue.is_empty() && !self.rules.hold && end.is_ok() {
            // Nobody is waiting for it.
            (source.idle, source.over) = (false, true);
            self.idle -= 1;
        }
        source.end = Some(end);
    }

    /// Makes a decision here, between two records.
    pub fn decide(&mut self, what: Decision) {
        match what {
            Decision::Idle(number) => {
                let source = &mut self.sources[number as usize];
                if !source.over && !mem::replace(&mut source.idle, true) {
                    self.idle += 1;
                    self.order.retain(|Reverse((_, other))| *other != number);
                    self.heads.retain(|other| *other != number);
                    self.rise_to_lowest();
                }
            }
            Decision::Awake(number) => self.awake(number),
            Decision::Raise(watermark) => self.rise(watermark),
        }
    }

    fn awake(&mut self, number: u32) {
        let source = &mut self.sources[number as usize];
        if !mem::take(&mut source.idle) {
            return;
        }
        self.idle -= 1;
        match &mut source.largest {
            Some(largest) => {
                *largest = (*largest).max(self.watermark.saturating_add(self.rules.delay));
                self.order.push(Reverse((source.watermark(self.rules.delay), number)));
            }
            // In the order given, as a run that goes on would have it.
            None => {
                let place = self.heads.partition_point(|&other| other < number);
                self.heads.insert(place, number);
            }
        }
    }

    /// An idle source that has brought something, or cannot be read further.
    pub fn roused(&self) -> Option<u32> {
        if self.idle == 0 {
            return None;
        }
        let is_roused =
            |source: &Source| source.idle && (source.can_be_read() || matches!(source.end, Some(Err(_))));
        self.sources.iter().position(is_roused).map(|number| number as u32)
    }

    /// Whether decisions of an earlier run are still to come. Until then no new one may be made.
    pub fn repeats_decisions(&self) -> bool {
        !self.decided.is_empty()
    }

    /// How many of them there are.
    pub fn to_repeat(&self) -> u64 {
        self.decided.len() as u64
    }

    /// How many records of all sources have been read.
    pub fn read_records(&self) -> u64 {
        self.read
    }

    /// Appends to the step what can be read now.
    pub fn advance(&mut self, step: &mut Step) -> Pause {
        let pause = self.read(step);
        self.mark(step);
        step.ended = matches!(pause, Pause::Ended);
        pause
    }

    /// Notes in a step where event time stands, also if nothing was read for it.
    pub fn mark(&mut self, step: &mut Step) {
        self.moments.catch_up(step);
        step.watermark = self.watermark;
        step.form = self.form;
    }

    fn read(&mut self, step: &mut Step) -> Pause {
        loop {
            self.moments.catch_up(step);
            while let Some(decided) = self.decided.front()
                && decided.at <= self.read
            {
                let what = decided.what;
                self.decided.pop_front();
                self.decide(what);
            }
            let pause = match self.read_heads(step) {
                None => self.read_in_order(step),
                pause => pause,
            };
            if let Some(pause) = pause {
                return pause;
            }
        }
    }

    /// Reads on when the first event of every source is known; `None` where a decision is to be made first.
    fn read_in_order(&mut self, step: &mut Step) -> Option<Pause> {
        self.form = self.form.or_else(|| self.sources.iter().find_map(|source| source.form));
        while let Some(Reverse((watermark, number))) = self.order.pop() {
            self.rise(watermark);
            self.moments.catch_up(step);
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
                        let watermark = source.watermark(self.rules.delay);
                        self.rise(watermark);
                        return Some(Pause::Failed(error));
                    }
                }
            }
            let watermark = source.watermark(self.rules.delay);
            self.order.push(Reverse((watermark, number)));
            match run {
                // It was stopped short: the watermark is its own.
                Run::Failed(error) => {
                    self.rise(watermark);
                    return Some(Pause::Failed(error));
                }
                _ => self.rise_to_lowest(),
            }
            match run {
                Run::Passed | Run::Failed(_) => {}
                Run::Decision => return None,
                Run::Exhausted if held => return Some(Pause::Held),
                Run::Exhausted => return Some(Pause::Waiting(Some(number))),
                Run::Full => return Some(Pause::Full),
            }
        }
        Some(
            if self.roused().is_some()
                || self.sources.iter().any(|source| source.idle && source.end.is_none())
            {
                // What an idle one has brought counts when it is awake: whoever asks decides that.
                Pause::Waiting(None)
            } else if self.rules.hold {
                Pause::Held
            } else {
                Pause::Ended
            },
        )
    }

    /// The watermark has come to here, or was further.
    fn rise(&mut self, watermark: i64) {
        self.watermark = self.watermark.max(watermark);
        self.moments.moved(self.watermark);
    }

    /// Brings the watermark up to that of the source which is to be read next.
    fn rise_to_lowest(&mut self) {
        if let Some(Reverse((lowest, _))) = self.order.peek() {
            let lowest = *lowest;
            self.rise(lowest);
        }
    }

    /// Reads what stands before the first event of each source; `None` once all of them are known, or where a
    /// decision is to be made first.
    fn read_heads(&mut self, step: &mut Step) -> Option<Pause> {
        while let Some(&number) = self.heads.front() {
            match self.run(number, (i64::MAX, u32::MAX), step) {
                Run::Failed(error) => return Some(Pause::Failed(error)),
                Run::Full => return Some(Pause::Full),
                // Whoever asks next makes it, and comes back here.
                Run::Decision => return Some(Pause::Full),
                Run::Passed => {
                    let source = &mut self.sources[number as usize];
                    // One that joins others which were read before starts at the watermark.
                    let largest = source.next_time().max(self.watermark.saturating_add(self.rules.delay));
                    source.largest = Some(largest);
                    self.order.push(Reverse((largest - self.rules.delay, number)));
                }
                Run::Exhausted => match self.sources[number as usize].end.take() {
                    None => return Some(Pause::Waiting(Some(number))),
                    // Where it is held, it joins when it has an event.
                    Some(Ok(())) => self.sources[number as usize].over = !self.rules.hold,
                    Some(Err(error)) => return Some(Pause::Failed(error)),
                },
            }
            self.heads.pop_front();
        }
        None
    }

    /// Reads on in one source while its watermark is the lowest.
    fn run(&mut self, number: u32, limit: (i64, u32), step: &mut Step) -> Run {
        let before = self.sources[number as usize].counts.read;
        let run = self.run_uncounted(number, limit, step);
        self.read += self.sources[number as usize].counts.read - before;
        run
    }

    fn run_uncounted(&mut self, number: u32, limit: (i64, u32), step: &mut Step) -> Run {
        let source = &mut self.sources[number as usize];
        // Where the next decision has its place.
        let until = self.decided.front().map(|decided| source.counts.read + (decided.at - self.read));
        loop {
            let left = until.map_or(u64::MAX, |until| until - source.counts.read);
            if left == 0 {
                return Run::Decision;
            }
            let Some(head) = source.queue.front() else { return Run::Exhausted };
            let last = u64::from(head.decided).min(u64::from(source.row).saturating_add(left)) as u32;
            if source.row < last {
                let asked = self.asked.as_mut();
                let (rules, deciders) = (&self.rules, (&mut self.judge, asked, &mut self.moments));
                let stopped = stretch::read(rules, deciders, source, number, last, limit, step);
                match stopped {
                    Some(Run::Failed(error)) => return Run::Failed(error),
                    Some(stopped) => {
                        if source.is_at_end() {
                            source.use_up();
                            self.used.push(number);
                        }
                        return stopped;
                    }
                    None => {}
                }
            }
            if !source.is_at_end() {
                if source.queue.front().is_some_and(|head| source.row < head.decided) {
                    return Run::Decision;
                }
                // `--max-jump` waits for the source's next event.
                return Run::Exhausted;
            }
            source.use_up();
            self.used.push(number);
            if step.rows() + step.set_aside.len() + step.moments.len() >= STEP_ROWS {
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
        self.sources[number as usize].undecided()
    }

    /// How many records of a source have arrived and stand behind a cut that is made here, and the line on which the
    /// first of them starts.
    pub fn waiting(&self, number: u32) -> (u64, u64) {
        let source = &self.sources[number as usize];
        (source.waiting() + u64::from(source.failed), source.cut().lines + 1)
    }

    /// The form of a source's times, once known.
    pub fn source_form(&self, number: u32) -> Option<Form> {
        self.sources[number as usize].form
    }

    /// The ledger of each source.
    pub fn counts(&self) -> impl Iterator<Item = Account<'_>> {
        self.sources.iter().map(|source| Account::new(&source.counts, source.first_bad.as_ref()))
    }

    /// Where each source stands.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.sources.iter().map(|source| Standing {
            counts: source.counts,
            newest: source.largest,
            watermark: source.largest.map(|_| source.watermark(self.rules.delay)),
            over: source.over,
            idle: source.idle,
        })
    }

    /// How far a source's watermark is behind that of the furthest, in microseconds; `None` before its first event.
    pub fn behind(&self, number: u32) -> Option<i64> {
        let own = self.sources[number as usize].largest?;
        let furthest =
            self.sources.iter().filter(|source| !source.over).filter_map(|source| source.largest).max();
        Some(furthest?.saturating_sub(own))
    }

    /// How many records the parse stage has sent, per source, those that wait for a later run not counted.
    pub fn arrived(&self) -> impl Iterator<Item = u64> {
        self.sources.iter().map(|source| source.arrived - source.waiting())
    }

    /// The watermark; `i64::MIN` before the first event.
    pub fn watermark(&self) -> i64 {
        self.watermark
    }

    /// How far behind the watermark the late events of this run were, where [`Rules::tells_lateness`].
    pub fn late_by(&self) -> Option<&Distribution> {
        self.judge.late_by.as_ref()
    }

    /// Memory taken up by the remembered ids, and to ask for them, in bytes.
    pub fn dedup_bytes(&self) -> usize {
        self.asked.as_ref().map_or(0, Asked::memory_bytes)
    }

    /// How many ids are remembered, about.
    pub fn ids(&self) -> usize {
        self.asked.as_ref().map_or(0, |asked| asked.dedup.len())
    }
}
