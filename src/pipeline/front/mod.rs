//! The front: asks for chunks, puts batches in order, runs the sequencer, and hands on its steps.

mod arrivals;
mod ending;
mod waiting;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvError, Sender, never, select};

use super::Progress;
use super::absent::Absent;
use super::backlog::Entry;
use super::crew::Crew;
use super::cuts::Cuts;
use super::parsers::{Arrival, Arrived};
use super::peeks::Peeks;
use super::readers::{Readers, Requests};
use super::silence::Silence;
use super::stages::{Stage, Worker};
use super::stop::{self, Stop};
use super::unlikely::Unlikely;
use crate::checkpoint::written::EndingV1;
use crate::error::{Error, Result, Signal};
use crate::input::{Format, Origin};
use crate::job::{BadPolicy, Job, LatePolicy, Task};
use crate::operator::cut::SequenceCut;
use crate::operator::dedup::Dedup;
use crate::operator::sequence::{Bad, Closing, Decided, Pause, Rules, Sequencer};
use crate::operator::step::{Note, Step};
use crate::output::cells::csv_header;
use crate::parse::project::{Layout, Projection};
use crate::window::{Firing, PaneFinder};

/// The front of the pipeline.
pub struct Front {
    job: Arc<Job>,
    sequencer: Sequencer,
    sources: Vec<SourceState>,
    requests: Requests,
    arrivals: Arc<Receiver<Arrival>>,
    later: Later,
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
    unlikely: Unlikely,
    /// The sources that have ended, and of which it has not been said yet.
    unsaid: Vec<u32>,
    /// Decides who is waited for, where the job says for how long.
    silence: Option<Silence>,
    /// Decides when what is open is looked at, for a live view.
    peeks: Option<Peeks>,
    /// Since when nothing has come.
    waiting_since: Option<Instant>,
    /// Tells when the next window closes, where that goes by the watermark alone.
    closing: Vec<PaneFinder>,
    /// Whether the inputs are known to fit: decisions are made behind that.
    begun: bool,
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

/// The stages behind the front.
pub struct Later {
    /// Where each shard takes its steps from.
    pub shards: Vec<Sender<Arc<Step>>>,
    /// Where the writer takes what it is told of each step from.
    pub writer: Entry<Note>,
    /// Ends with the writer, whatever the front is waiting for.
    pub writer_ended: Receiver<Infallible>,
}

impl Front {
    /// The front of a job's pipeline.
    pub fn new(
        job: &Arc<Job>,
        projection: &Projection,
        readers: Readers,
        arrivals: Arc<Receiver<Arrival>>,
        later: Later,
        progress: &Arc<Progress>,
    ) -> Front {
        let rules = rules(job);
        Front {
            silence: Silence::new(job, &rules, &readers.quiet),
            peeks: Peeks::of(job),
            waiting_since: None,
            closing: match &rules.closing {
                Closing::Windows(windows) => windows.finders(),
                Closing::Order => Vec::new(),
            },
            sequencer: Sequencer::new(rules),
            sources: job.sources.iter().map(|_| SourceState::default()).collect(),
            requests: readers.requests,
            arrivals,
            later,
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
            unlikely: Unlikely::new(job),
            unsaid: Vec::new(),
            begun: false,
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
            self.unlikely = Unlikely::none();
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
        if let Some(crew) = Crew::new(self.job.threads) {
            self.sequencer.share(Box::new(crew));
        }
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
        self.begun = true;
        loop {
            while let Ok(arrival) = self.arrivals.try_recv() {
                self.take(arrival);
            }
            self.listen()?;
            let pause = self.sequencer.advance(&mut step);
            self.say_what_is_absent(&pause);
            for source in self.sequencer.take_used() {
                untold = true;
                let state = &mut self.sources[source as usize];
                state.under_way -= 1;
                state.begun = true;
                self.ask(source);
            }
            match pause {
                Pause::Waiting(_) if step.rows() < MORE_ROWS && !self.arrivals.is_empty() => continue,
                Pause::Waiting(None) if self.hears() => continue,
                Pause::Waiting(source) => {
                    if self.has_news(&step) || self.is_cut_due() || self.is_peek_due() {
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
                    step.peek = self.peeks.is_some();
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

    /// Says which fields no record of a source had, once all of them have been read: of a record that ends the run the
    /// error says more, whether the end of the source had arrived by then or not.
    fn say_what_is_absent(&mut self, pause: &Pause) {
        if self.unsaid.is_empty() || matches!(pause, Pause::Failed(_)) {
            return;
        }
        let is_read = |source: &u32| self.sequencer.waiting(*source).0 == 0;
        let (read, unread) = std::mem::take(&mut self.unsaid).into_iter().partition(is_read);
        self.unsaid = unread;
        let read: Vec<u32> = read;
        for source in read {
            self.progress.warn(&self.absent.end(source));
        }
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
                    recv(self.later.writer_ended) -> _ => None,
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

    /// Whether it is time to look at what is open.
    fn is_peek_due(&self) -> bool {
        self.peeks.as_ref().is_some_and(|peeks| peeks.is_due(&self.progress))
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
        if let Some(peeks) = &mut self.peeks {
            step.peek |= peeks.step(&self.progress, step.peek);
        }
        self.told = step.watermark;
        self.progress.stand(&self.sequencer);
        let mut full = std::mem::take(step);
        if !self.sent {
            self.sent = true;
            full.header = self.header();
        }
        let (note, full) = (full.take_note(), Arc::new(full));
        // Whoever receives steps stops only after an error of its own, which is told when it is joined.
        let stopped = || Error::Internal("a later stage has stopped".to_owned());
        for shard in &self.later.shards {
            self.stage.send(shard, full.clone()).map_err(|_| stopped())?;
        }
        match self.later.writer.send(note, &self.stage) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(stopped()),
        }
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
        firing: match &job.task {
            Task::Order => Firing::default(),
            Task::Aggregate(task) => task.firing,
        },
        tells_lateness: job.metrics.are_wanted(),
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
