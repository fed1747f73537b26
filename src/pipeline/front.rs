//! The front: asks for chunks, puts batches in order, runs the sequencer, and hands on its steps.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvError, Sender, after, never, select};

use super::Progress;
use super::absent::Absent;
use super::cuts::Cuts;
use super::parsers::{Arrival, Arrived};
use super::readers::{Request, Requests};
use super::silence::Silence;
use super::snapshot::Waits;
use super::stages::{Stage, Worker};
use super::stop::{self, Stop};
use crate::checkpoint::written::EndingV1;
use crate::error::{Error, Escaped, Result, Signal};
use crate::input::{Format, Origin};
use crate::job::{BadPolicy, Job, LatePolicy, Task};
use crate::operator::cut::SequenceCut;
use crate::operator::dedup::Dedup;
use crate::operator::sequence::{Bad, Closing, Decided, Decision, Pause, Rules, Sequencer};
use crate::operator::step::Step;
use crate::output::rows::csv_header;
use crate::parse::batch::Batch;
use crate::parse::project::{Layout, Projection};
use crate::window::{PaneFinder, Windows};

/// The front of the pipeline.
pub struct Front {
    job: Arc<Job>,
    sequencer: Sequencer,
    sources: Vec<SourceState>,
    requests: Requests,
    arrivals: Arc<Receiver<Arrival>>,
    steps: Vec<Sender<Arc<Step>>>,
    /// Ends with the writer, whatever the front is waiting for.
    writer_ended: Receiver<Infallible>,
    progress: Arc<Progress>,
    stage: Worker,
    /// The checkpoints of the run, if it has a state directory.
    cuts: Option<Cuts>,
    /// Signals that ask the run to stop; only where it can be continued.
    signals: Receiver<Signal>,
    /// The source that brings only what is new.
    pipe: Option<u32>,
    /// Whether the run has been asked to stop.
    stopping: Option<Stop>,
    /// How many chunks of one source may be on their way or waiting, once it is being read.
    credit: usize,
    /// The watermark that the later stages have been told.
    told: i64,
    /// Whether there is but one source that something may come of.
    alone: bool,
    /// Whether the job itself fixes the form of times.
    form_fixed: bool,
    absent: Absent,
    /// Decides who is waited for, where the job says for how long.
    silence: Option<Silence>,
    /// Since when nothing has come.
    waiting_since: Option<Instant>,
    /// Tells when the next window closes, where that goes by the watermark alone.
    closing: Option<PaneFinder>,
    sent: bool,
}

/// Where an earlier run stood.
pub struct Resumed {
    /// The sequencer.
    pub sequence: SequenceCut,
    /// The columns of each source, as far as they were known.
    pub columns: Vec<Option<Vec<String>>>,
    /// The ids that are remembered.
    pub dedup: Option<Dedup>,
    /// What was decided behind that place.
    pub decided: Vec<Decided>,
    /// How that run had ended, if inputs have joined or are called otherwise since.
    pub inputs_changed: Option<EndingV1>,
}

/// What the front has waited for. There is one at a time: its size does not matter.
#[expect(clippy::large_enum_variant)]
enum News {
    Arrival(Arrival),
    /// Somebody has ended who should not have.
    Stopped(&'static str),
    Signal(Option<Signal>),
    Answer(std::result::Result<Result<()>, RecvError>),
    /// A checkpoint may be due.
    Time,
}

/// What the front knows of a source.
#[derive(Default)]
struct SourceState {
    /// Chunks asked for and not used up.
    under_way: usize,
    /// Whether a batch of it has been used up.
    begun: bool,
    ended: bool,
    /// The number of the arrival that is next.
    next: u64,
    /// Arrivals that have overtaken others.
    early: BTreeMap<u64, Arrived>,
    layout: Option<Arc<Layout>>,
    /// Which part of it the last batch was of.
    part: u64,
    /// The columns of a CSV source that an earlier run has begun to read.
    columns: Option<Vec<String>>,
    /// Why the job does not fit it.
    refused: Option<Error>,
}

impl SourceState {
    /// The columns of a CSV source, as far as they are known: from this run, or from an earlier one.
    fn columns(&self) -> Option<&Vec<String>> {
        let now = self.layout.as_ref().map(|layout| &layout.names).filter(|names| !names.is_empty());
        now.or(self.columns.as_ref())
    }
}

impl Front {
    /// The front of a job's pipeline.
    pub fn new(
        job: &Arc<Job>,
        projection: &Projection,
        requests: Requests,
        arrivals: Arc<Receiver<Arrival>>,
        steps: Vec<Sender<Arc<Step>>>,
        writer_ended: Receiver<Infallible>,
        progress: &Arc<Progress>,
    ) -> Front {
        let rules = rules(job);
        Front {
            silence: Silence::new(job, &rules),
            waiting_since: None,
            closing: match &rules.closing {
                Closing::Windows(Windows::Panes(panes)) => Some(PaneFinder::new(panes)),
                _ => None,
            },
            sequencer: Sequencer::new(rules),
            sources: job.sources.iter().map(|_| SourceState::default()).collect(),
            requests,
            arrivals,
            steps,
            writer_ended,
            stage: progress.stages.enter(Stage::Sequence),
            progress: progress.clone(),
            cuts: None,
            signals: never(),
            pipe: stop::pipe(job),
            stopping: None,
            credit: credit(job),
            told: i64::MIN,
            alone: live(job) == 1,
            form_fixed: projection.form().is_some(),
            absent: Absent::new(job),
            sent: false,
            job: job.clone(),
        }
    }

    /// Makes the run one that is kept: by these checkpoints, and continued from where an earlier one stood.
    pub fn keep(&mut self, cuts: Cuts, signals: Receiver<Signal>, resume: Option<Resumed>) {
        (self.cuts, self.signals) = (Some(cuts), signals);
        if let Some(Resumed { sequence, columns, dedup, mut decided, .. }) = resume {
            if self.pipe.is_some() {
                // What was read behind the checkpoint does not come again: their places are lost, they are not.
                let read = sequence.sources.iter().map(|source| source.counts.read).sum();
                decided.iter_mut().for_each(|decided| decided.at = read);
            }
            self.sequencer = Sequencer::resume(rules(&self.job), &sequence, decided);
            self.progress.stand_anew(&self.sequencer);
            self.absent = Absent::none(self.sources.len());
            if let (Some(ids), Some(loaded)) = (self.sequencer.dedup(), dedup) {
                *ids = loaded;
            }
            for ((state, cut), columns) in self.sources.iter_mut().zip(&sequence.sources).zip(columns) {
                (state.begun, state.ended, state.columns) = (cut.largest.is_some(), cut.over, columns);
            }
        }
        if let Some(ids) = self.sequencer.dedup() {
            ids.record();
        }
    }

    /// Runs until all sources have ended, or something ends the run before.
    pub fn run(&mut self) -> Result<()> {
        (0..self.sources.len() as u32).for_each(|source| self.ask(source));
        self.check_layouts().inspect_err(|_| self.say_what_is_lost())?;
        let mut step = Step::default();
        if let Some(cuts) = &mut self.cuts
            && let Some(ending) = cuts.first()
        {
            cuts.begin();
            self.await_answer()?;
            // Before the first byte of output it is on record where it will stand, and by which names.
            self.cut(&mut step, ending)?;
        }
        // Whether records have been read that those who watch the run have not been told of: with very many sources
        // they cannot be told whenever one has brought something.
        let mut untold = false;
        loop {
            while let Ok(arrival) = self.arrivals.try_recv() {
                self.take(arrival);
            }
            self.listen()?;
            let pause = self.sequencer.advance(&mut step);
            for source in self.sequencer.take_used() {
                untold = true;
                let state = &mut self.sources[source as usize];
                state.under_way -= 1;
                state.begun = true;
                self.ask(source);
            }
            match pause {
                Pause::Waiting(_) if step.rows() < MORE_ROWS && !self.arrivals.is_empty() => continue,
                Pause::Waiting(source) => {
                    if self.has_news(&step) || self.is_cut_due() {
                        self.send(&mut step)?;
                    } else if untold {
                        self.progress.stand(&self.sequencer);
                    }
                    untold = false;
                    if !self.is_time_to_stop()
                        && let Some(signal) = self.take_next(source)?
                    {
                        self.stop(Error::Stopped(signal));
                    }
                }
                Pause::Full => self.send(&mut step)?,
                Pause::Ended => return self.end(&mut step, EndingV1::Closed),
                Pause::Held => {
                    self.end(&mut step, EndingV1::Held)?;
                    return self.lost().map_or(Ok(()), |lost| Err(Error::Failed(lost)));
                }
                Pause::Failed(error) if self.pipe.is_some() => return self.end_failed(&mut step, error),
                Pause::Failed(error) => {
                    // What had fired before stays written. No checkpoint may stand behind what failed: a run that
                    // goes on from there would pass over it.
                    self.send_with(&mut step, None)?;
                    return Err(error);
                }
            }
            if let Ok(signal) = self.signals.try_recv() {
                self.stop(Error::Stopped(signal));
            }
            if self.is_time_to_stop()
                && let Some(stop) = self.stopping.take()
            {
                return self.end_stopped(&mut step, stop.why);
            }
        }
    }

    /// The run is to end: a signal has come, or it has failed.
    fn stop(&mut self, why: Error) {
        self.stopping = Some(Stop::begin(why, self.pipe, &self.progress));
    }

    /// Whether a run that was asked to stop has counted what it had taken, or may not take longer.
    fn is_time_to_stop(&self) -> bool {
        let is_counted = |pipe: u32| {
            let ended = self.sources[pipe as usize].ended;
            ended && self.sequencer.waiting(pipe).0 == 0
        };
        self.stopping
            .as_ref()
            .is_some_and(|stop| stop.patience().is_zero() || self.pipe.is_none_or(is_counted))
    }

    /// Ends a run that was asked to stop, with a checkpoint.
    fn end_stopped(&mut self, step: &mut Step, why: Error) -> Result<()> {
        let cut = self.cut(step, EndingV1::Running);
        self.say_what_is_lost();
        cut.and(Err(why))
    }

    fn say_what_is_lost(&self) {
        if let Some(lost) = self.lost() {
            self.progress.lost(&lost);
        }
    }

    /// Ends a run that has failed and has taken from a pipe what does not come again: so far it counts. The checkpoint
    /// stands before the record that has failed, and a run that goes on from there does not pass over it in a file.
    fn end_failed(&mut self, step: &mut Step, error: Error) -> Result<()> {
        self.stop(error);
        while let (Some(stop), Some(pipe)) = (&self.stopping, self.pipe)
            && !self.sources[pipe as usize].ended
            && !stop.patience().is_zero()
        {
            self.take_next(None)?;
        }
        match self.stopping.take() {
            Some(stop) => self.end_stopped(step, stop.why),
            None => Ok(()),
        }
    }

    /// What has been taken from the pipe that brings only what is new, and does not count.
    fn lost(&self) -> Option<String> {
        let pipe = self.pipe?;
        let (records, line) = self.sequencer.waiting(pipe);
        stop::lost(records, self.progress.taken.begun_bytes(), line)
    }

    /// Sends the last step, and waits until it is on record how the run ended.
    fn end(&mut self, step: &mut Step, ending: EndingV1) -> Result<()> {
        step.last = true;
        match self.cuts {
            Some(_) => self.cut(step, ending),
            None => self.send(step),
        }
    }

    /// Waits for the header of every CSV source and checks it, in the order given: whether the job fits its
    /// inputs is known before any record counts, and does not depend on which of them came first.
    fn check_layouts(&mut self) -> Result<()> {
        for number in 0..self.sources.len() {
            if let Format::Ndjson = self.job.sources[number].format {
                continue;
            }
            // Of one that an earlier run has read to its end nothing comes, and a followed one may come much later.
            while self.sources[number].next == 0 && !self.sources[number].ended && self.job.follow.is_none() {
                if let Some(signal) = self.take_next(Some(number as u32))? {
                    return Err(Error::Stopped(signal));
                }
            }
            if let Some(error) = self.sources[number].refused.take() {
                return Err(error);
            }
            self.check_header(number)?;
        }
        Ok(())
    }

    /// Waits for an arrival, of this source above all, or for the time of the next checkpoint or decision; or returns
    /// the signal that came instead.
    fn take_next(&mut self, source: Option<u32>) -> Result<Option<Signal>> {
        let silent_until = match self.decide(source)? {
            Ok(()) => return Ok(None),
            Err(left) => left.map_or_else(never, after),
        };
        let waits = self.waits(source);
        self.progress.wait(Some(waits));
        let nobody = never();
        let (answers, timer) = match (&self.cuts, &self.stopping) {
            (Some(cuts), Some(stop)) => (&cuts.answers, after(stop.patience())),
            (Some(cuts), None) => (&cuts.answers, cuts.timer(&self.sequencer)),
            (None, _) => (&nobody, never()),
        };
        let news = self.stage.starve(|| {
            select! {
                recv(*self.arrivals) -> arrival => arrival.map_or(News::Stopped("the parsers have"), News::Arrival),
                // The writer's own error says more, and comes first.
                recv(self.writer_ended) -> _ => News::Stopped("the writer has"),
                recv(self.signals) -> signal => News::Signal(signal.ok()),
                recv(answers) -> answer => News::Answer(answer),
                recv(timer) -> _ => News::Time,
                recv(silent_until) -> _ => News::Time,
            }
        });
        match news {
            News::Arrival(arrival) => {
                self.waiting_since = None;
                self.progress.wait(None);
                self.take(arrival);
            }
            News::Stopped(who) => return Err(Error::Internal(format!("{who} stopped"))),
            News::Signal(signal) => return Ok(signal),
            News::Answer(answer) => self.answered(answer)?,
            News::Time => {}
        }
        Ok(None)
    }

    /// What the run is waiting for, when it waits for this source.
    fn waits(&mut self, source: Option<u32>) -> Waits {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let held_up = source.filter(|_| !self.alone);
        let watermark = self.sequencer.watermark();
        Waits {
            since,
            input: held_up.map(|source| self.job.sources[source as usize].name.clone()),
            behind: held_up.and_then(|source| self.sequencer.behind(source)),
            closes_at: self.closing.as_mut().filter(|_| watermark > i64::MIN).and_then(|panes| {
                let pane = panes.pane(watermark)?;
                pane.first_end.checked_add(self.job.delay)
            }),
        }
    }

    /// Decides about the silence of the source that is waited for, if it has lasted; if not, says when to ask again.
    fn decide(&mut self, source: Option<u32>) -> Result<std::result::Result<(), Option<Duration>>> {
        let Some(silence) = &mut self.silence else { return Ok(Err(None)) };
        if self.stopping.is_some() || !self.arrivals.is_empty() {
            return Ok(Err(None));
        }
        let decision = match silence.decide(source, self.sequencer.watermark()) {
            Err(left) => return Ok(Err(left)),
            Ok(decision) => decision,
        };
        // What an earlier run has delivered comes first: where it was silent is on record, where not it was not.
        if self.sequencer.repeats_decisions() || !self.progress.caught_up.load(Ordering::Acquire) {
            if !self.sent {
                self.send(&mut Step::default())?;
            }
            return Ok(Err(Some(CATCH_UP)));
        }
        self.put(decision).map(Ok)
    }

    /// Sources that were idle and bring something count again.
    fn listen(&mut self) -> Result<()> {
        while !self.sequencer.repeats_decisions()
            && let Some(source) = self.sequencer.roused()
        {
            self.put(Decision::Awake(source))?;
        }
        Ok(())
    }

    /// Makes a decision here. It is on record before it takes effect.
    fn put(&mut self, what: Decision) -> Result<()> {
        if let Some(cuts) = &mut self.cuts {
            cuts.decide(Decided { at: self.sequencer.read_records(), what })?;
        }
        self.sequencer.decide(what);
        Ok(())
    }

    fn answered(&mut self, answer: std::result::Result<Result<()>, RecvError>) -> Result<()> {
        self.cuts.as_mut().map_or(Ok(()), |cuts| cuts.answered(answer))
    }

    /// Waits until the cut that is under way has been answered.
    fn await_answer(&mut self) -> Result<()> {
        while let Some(cuts) = &self.cuts
            && cuts.is_under_way()
        {
            let answer = self.stage.block(|| {
                select! {
                    recv(cuts.answers) -> answer => Some(answer),
                    recv(self.writer_ended) -> _ => None,
                }
            });
            let stopped = || Error::Internal("the writer has stopped".to_owned());
            self.answered(answer.ok_or_else(stopped)?)?;
        }
        Ok(())
    }

    /// Whether it is time for a checkpoint.
    fn is_cut_due(&self) -> bool {
        self.cuts.as_ref().is_some_and(|cuts| cuts.is_due(&self.sequencer))
    }

    /// Sends the step with a cut behind it, and waits until the checkpoint is there.
    fn cut(&mut self, step: &mut Step, ending: EndingV1) -> Result<()> {
        self.await_answer()?;
        self.send_with(step, Some(ending))?;
        self.await_answer()
    }

    /// Lets the other threads end, and gives back the sequencer with its ledger.
    pub fn finish(self) -> Sequencer {
        self.progress.stand(&self.sequencer);
        self.sequencer
    }

    /// Asks for as many chunks of a source as its credit allows. Until the form of its times is known it is one
    /// at a time, since the parsers have to be told; and until it is being read, its first chunk is enough.
    /// Batches that `--max-jump` cannot decide about without the next one do not count.
    fn ask(&mut self, source: u32) {
        let state = &mut self.sources[source as usize];
        let form = self.sequencer.source_form(source);
        let known = form.is_some() || self.form_fixed;
        let alone = self.alone;
        let credit = if known && (state.begun || alone) { self.credit } else { 1 };
        let credit = credit + self.sequencer.undecided(source);
        while !state.ended && state.under_way < credit {
            state.under_way += 1;
            // A reader that is gone has said why in its last message.
            let _ = self.requests[source as usize].send(Request { source, form });
        }
    }

    fn take(&mut self, arrival: Arrival) {
        let source = arrival.source;
        if let Some(silence) = &mut self.silence {
            silence.heard(source);
        }
        self.sources[source as usize].early.insert(arrival.number, arrival.what);
        loop {
            let state = &mut self.sources[source as usize];
            let Some(what) = state.early.remove(&state.next) else { break };
            state.next += 1;
            match what {
                Ok(Some((batch, layout))) => self.take_batch(source, batch, layout),
                // Chunks asked for in advance are answered by further ends.
                _ if state.ended => {}
                // It has not ended, but is left alone.
                Ok(None) if self.stopping.is_some() && self.pipe == Some(source) => state.ended = true,
                Ok(None) => {
                    state.ended = true;
                    self.progress.warn(&self.absent.end(source));
                    self.sequencer.end(source, Ok(()));
                }
                Err(error @ Error::Usage(_)) if state.layout.is_none() && self.job.follow.is_none() => {
                    state.ended = true;
                    state.refused = Some(error);
                }
                Err(error) => {
                    state.ended = true;
                    self.sequencer.end(source, Err(error));
                }
            }
        }
        self.ask(source);
    }

    fn take_batch(&mut self, source: u32, batch: Batch, layout: Arc<Layout>) {
        let state = &mut self.sources[source as usize];
        let is_next_part = std::mem::replace(&mut state.part, layout.part) < layout.part;
        let lead = layout.lead.filter(|_| is_next_part);
        match &state.layout {
            _ if is_next_part => state.layout = Some(layout),
            None => {
                if let Some(lead) = &layout.lead {
                    self.sequencer.begin(source, lead.lines, lead.bytes, lead.digest);
                }
                state.layout = Some(layout);
            }
            // The first chunk had no record to lay out.
            Some(known) if known.names.is_empty() => state.layout = Some(layout),
            Some(_) => {}
        }
        self.progress.warn(&self.absent.look(&batch));
        self.sequencer.push(batch, lead);
    }

    /// `windrow order` passes CSV records on as they are, so all sources must have the same columns.
    fn check_header(&self, number: usize) -> Result<()> {
        let Task::Order = self.job.task else { return Ok(()) };
        let Some(mine) = self.sources[number].columns() else { return Ok(()) };
        let other = self.sources[..number]
            .iter()
            .zip(&self.job.sources)
            .find(|(state, _)| state.columns().is_some_and(|columns| columns != mine));
        match other {
            None => Ok(()),
            Some((_, other)) => Err(Error::usage(format!(
                "{}: its columns differ from those of {}; windrow order passes records on as they are",
                Escaped(&self.job.sources[number].name),
                Escaped(&other.name)
            ))),
        }
    }

    /// Whether there is anything to tell the later stages.
    fn has_news(&self, step: &Step) -> bool {
        let moved = step.watermark != self.told;
        moved || !step.parts.is_empty() || !step.set_aside.is_empty()
    }

    /// Sends the step, with a cut behind it if one is due.
    fn send(&mut self, step: &mut Step) -> Result<()> {
        while let Some(Ok(answer)) = self.cuts.as_ref().map(|cuts| cuts.answers.try_recv()) {
            self.answered(Ok(answer))?;
        }
        let due = self.is_cut_due();
        self.send_with(step, due.then_some(EndingV1::Running))
    }

    fn send_with(&mut self, step: &mut Step, ending: Option<EndingV1>) -> Result<()> {
        self.sequencer.mark(step);
        if let Some(cuts) = &mut self.cuts {
            cuts.relieve(&mut self.sequencer);
            step.cut = ending.is_some();
            if let Some(ending) = ending {
                let known = |state: &SourceState| state.columns().cloned();
                cuts.cut(&mut self.sequencer, self.sources.iter().map(known).collect(), ending);
            }
        }
        self.told = step.watermark;
        self.progress.stand(&self.sequencer);
        let mut full = std::mem::take(step);
        if !self.sent {
            self.sent = true;
            full.header = self.header();
        }
        let full = Arc::new(full);
        for shard in &self.steps {
            // Whoever receives steps stops only after an error of its own, which is told when it is joined.
            if self.stage.send(shard, full.clone()).is_err() {
                return Err(Error::Internal("a later stage has stopped".to_owned()));
            }
        }
        Ok(())
    }

    /// The header of `windrow order` over CSV.
    fn header(&self) -> Vec<u8> {
        let Task::Order = self.job.task else { return Vec::new() };
        let layout = self.sources.iter().find_map(|state| state.layout.as_ref());
        match layout.map(|layout| (layout, layout.format)) {
            Some((layout, Format::Csv { delimiter })) if self.job.read.header => {
                csv_header(&layout.names, delimiter)
            }
            _ => Vec::new(),
        }
    }
}

/// How many sources something may come of, at least 1: all but those of earlier runs that are not named any more. Of
/// these there may be thousands. They are over, so nothing is asked of them, and they get no share of the memory.
pub fn live(job: &Job) -> usize {
    job.sources.iter().filter(|source| !matches!(source.origin, Origin::Absent)).count().max(1)
}

/// How many chunks of one source may be under way: asked for, read, parsed and not used up. With several
/// sources one that is being used and one more are enough.
pub fn credit(job: &Job) -> usize {
    if live(job) == 1 { job.threads + job.buffer } else { 2 }
}

/// How often it is looked whether all has been written again that an earlier run had written.
const CATCH_UP: Duration = Duration::from_millis(50);

/// A step waits for what has already arrived until it holds this many rows.
const MORE_ROWS: usize = 8 * 1024;

/// What the sequencer of a job goes by.
pub fn rules(job: &Job) -> Rules {
    Rules {
        delay: job.delay,
        remember: job.remember,
        jump_max: job.max_jump,
        dedup: !job.ids.is_empty(),
        closing: match &job.task {
            Task::Order => Closing::Order,
            Task::Aggregate(task) => Closing::Windows(task.windows.clone()),
        },
        keep_late: job.late != LatePolicy::Drop,
        bad: match job.bad {
            BadPolicy::Fail => Bad::Fail,
            BadPolicy::Skip => Bad::Count,
            BadPolicy::File(_) => Bad::Keep,
        },
        hold: job.holds(),
        sources: job.sources.iter().map(|source| source.name.clone()).collect(),
    }
}
