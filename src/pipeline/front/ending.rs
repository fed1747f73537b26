//! How a run ends: at the end of its input, by a signal, or by a failure.

use super::Front;
use crate::checkpoint::written::EndingV1;
use crate::error::{Error, Result};
use crate::operator::step::Step;
use crate::pipeline::stop::{self, Stop};

impl Front {
    /// The run is to end: a signal has come, or it has failed.
    pub(super) fn stop(&mut self, why: Error) {
        self.stopping = Some(Stop::begin(why, self.pipe, &self.progress));
    }

    /// Whether a run that was asked to stop has counted what it had taken, or may not take longer.
    pub(super) fn is_time_to_stop(&self) -> bool {
        let is_counted = |pipe: u32| {
            let ended = self.sources[pipe as usize].ended;
            ended && self.sequencer.waiting(pipe).0 == 0
        };
        self.stopping
            .as_ref()
            .is_some_and(|stop| stop.patience().is_zero() || self.pipe.is_none_or(is_counted))
    }

    /// Ends a run that was asked to stop, with a checkpoint.
    pub(super) fn end_stopped(&mut self, step: &mut Step, why: Error) -> Result<()> {
        let cut = self.cut(step, EndingV1::Running);
        self.say_what_is_lost();
        cut.and(Err(why))
    }

    pub(super) fn say_what_is_lost(&self) {
        if let Some(lost) = self.lost() {
            self.progress.lost(&lost);
        }
    }

    /// Ends a run that has failed and has taken from a pipe what does not come again: so far it counts. The checkpoint
    /// stands before the record that has failed, and a run that goes on from there does not pass over it in a file.
    pub(super) fn end_failed(&mut self, step: &mut Step, error: Error) -> Result<()> {
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
    pub(super) fn lost(&self) -> Option<String> {
        let pipe = self.pipe?;
        let (records, line) = self.sequencer.waiting(pipe);
        stop::lost(records, self.progress.taken.begun_bytes(), line)
    }

    /// Shows what is open before all of it closes.
    fn look_once_more(&mut self, step: &mut Step) -> Result<()> {
        if self.peeks.is_none() || !step.ended {
            return Ok(());
        }
        (step.ended, step.peek) = (false, true);
        self.send(step)?;
        step.ended = true;
        Ok(())
    }

    /// Sends the last step, and waits until it is on record how the run ended.
    pub(super) fn end(&mut self, step: &mut Step, ending: EndingV1) -> Result<()> {
        self.look_once_more(step)?;
        step.last = true;
        match self.cuts {
            Some(_) => self.cut(step, ending),
            None => self.send(step),
        }
    }
}
