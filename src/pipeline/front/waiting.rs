//! What the front does while nothing has arrived: it waits, for that and for much else, and decides about silence.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvError, after, never, select};

use super::Front;
use crate::error::{Error, Result, Signal};
use crate::operator::sequence::{Decided, Decision};
use crate::operator::step::Step;
use crate::pipeline::parsers::Arrival;
use crate::pipeline::silence::Silence;
use crate::pipeline::snapshot::Waits;

/// What the front has waited for. There is one at a time: its size does not matter.
#[expect(clippy::large_enum_variant)]
enum News {
    Arrival(Arrival),
    /// Somebody has ended who should not have.
    Stopped(&'static str),
    Signal(Option<Signal>),
    Answer(std::result::Result<Result<()>, RecvError>),
    /// A checkpoint, a decision or a look may be due.
    Time,
}

/// How often it is looked whether all has been written again that an earlier run had written.
const CATCH_UP: Duration = Duration::from_millis(50);

impl Front {
    /// Waits for an arrival, of this source above all, or for the time of the next checkpoint or decision; or returns
    /// the signal that came instead.
    pub(super) fn take_next(&mut self, source: Option<u32>) -> Result<Option<Signal>> {
        let silent_until = match self.decide(source)? {
            Ok(()) => return Ok(None),
            Err(left) => left.map_or_else(never, after),
        };
        let waits = self.waits(source);
        self.progress.wait(Some(waits));
        let peek = self.peeks.as_ref().map_or_else(never, |peeks| peeks.timer(&self.progress));
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
                recv(self.later.writer_ended) -> _ => News::Stopped("the writer has"),
                recv(self.signals) -> signal => News::Signal(signal.ok()),
                recv(answers) -> answer => News::Answer(answer),
                recv(timer) -> _ => News::Time,
                recv(silent_until) -> _ => News::Time,
                recv(peek) -> _ => News::Time,
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
    pub(super) fn waits(&mut self, source: Option<u32>) -> Waits {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let held_up = source.filter(|_| !self.alone);
        let watermark = self.sequencer.watermark();
        let end = match watermark {
            i64::MIN => None,
            _ => self.closing.iter_mut().filter_map(|panes| Some(panes.pane(watermark)?.first_end)).min(),
        };
        let silence = self.silence.as_ref();
        Waits {
            since,
            input: held_up.map(|source| self.job.sources[source as usize].name.clone()),
            behind: held_up.and_then(|source| self.sequencer.behind(source)),
            closes_at: end.and_then(|end| end.checked_add(self.job.delay)),
            closes_after: silence.zip(end).map(|(silence, end)| silence.closes_after(watermark, end)),
            patience: silence.filter(|_| held_up.is_some()).map(Silence::timeout),
            is_first: watermark == i64::MIN && self.sequencer.read_records() == 0,
        }
    }

    /// Decides about the silence of the source that is waited for, if it has lasted; if not, says when to ask again.
    pub(super) fn decide(
        &mut self,
        source: Option<u32>,
    ) -> Result<std::result::Result<(), Option<Duration>>> {
        if self.begun && self.sequencer.roused().is_some() && !self.may_decide() {
            return self.catch_up();
        }
        let Some(silence) = &mut self.silence else { return Ok(Err(None)) };
        if !self.begun || self.stopping.is_some() || !self.arrivals.is_empty() {
            return Ok(Err(None));
        }
        let decision = match silence.decide(source, self.sequencer.watermark()) {
            Err(left) => return Ok(Err(left)),
            Ok(decision) => decision,
        };
        // What an earlier run has delivered comes first: where it was silent is on record, where not it was not.
        if !self.may_decide() {
            return self.catch_up();
        }
        self.put(decision).map(Ok)
    }

    /// Lets the writer come to where an earlier run was; says when to ask again.
    fn catch_up(&mut self) -> Result<std::result::Result<(), Option<Duration>>> {
        if !self.sent {
            self.send(&mut Step::default())?;
        }
        Ok(Err(Some(CATCH_UP)))
    }

    /// Sources that were idle and bring something count again.
    ///
    /// What an earlier run has written comes first: where they were idle for it, they are.
    pub(super) fn listen(&mut self) -> Result<()> {
        while self.may_decide()
            && let Some(source) = self.sequencer.roused()
        {
            self.put(Decision::Awake(source))?;
        }
        Ok(())
    }

    /// Whether the clock may decide anything: not before all has been decided and written again that an earlier run had.
    fn may_decide(&self) -> bool {
        !self.sequencer.repeats_decisions() && self.progress.caught_up.load(Ordering::Acquire)
    }

    /// Whether a source is to be listened to at once.
    pub(super) fn hears(&self) -> bool {
        self.may_decide() && self.sequencer.roused().is_some()
    }

    /// Makes a decision here. It is on record before it takes effect.
    pub(super) fn put(&mut self, what: Decision) -> Result<()> {
        let before = self.sequencer.watermark();
        self.record(what)?;
        self.sequencer.decide(what);
        let watermark = self.sequencer.watermark();
        if watermark > before && !matches!(what, Decision::Raise(_)) {
            // A run that repeats it may not know all that was known here, and must come as far.
            self.record(Decision::Raise(watermark))?;
        }
        Ok(())
    }

    fn record(&mut self, what: Decision) -> Result<()> {
        match &mut self.cuts {
            Some(cuts) => cuts.decide(Decided { at: self.sequencer.read_records(), what }),
            None => Ok(()),
        }
    }
}
