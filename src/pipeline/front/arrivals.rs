//! What the front asks of the readers, and what it does with what arrives.

use std::sync::Arc;

use super::Front;
use crate::error::{Error, Escaped, Result};
use crate::input::Format;
use crate::job::Task;
use crate::parse::batch::Batch;
use crate::parse::project::Layout;
use crate::pipeline::parsers::Arrival;
use crate::pipeline::readers::Request;

impl Front {
    /// Waits for the header of every CSV source and checks it, in the order given: whether the job fits its
    /// inputs is known before any record counts, and does not depend on which of them came first.
    pub(super) fn check_layouts(&mut self) -> Result<()> {
        for number in 0..self.sources.len() {
            if let Format::Ndjson = self.job.sources[number].format {
                continue;
            }
            // Of one that an earlier run has read to its end nothing comes, and one that is not waited for may come much
            // later.
            while self.sources[number].next == 0 && !self.sources[number].ended && !self.may_come_later() {
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

    /// Whether a source need not show how it is laid out before others are read.
    fn may_come_later(&self) -> bool {
        self.job.follow.is_some() || self.job.idle_timeout.is_some()
    }

    /// Asks for as many chunks of a source as its credit allows. Until the form of its times is known it is one
    /// at a time, since the parsers have to be told; and until it is being read, its first chunk is enough.
    /// Batches that `--max-jump` cannot decide about without the next one do not count.
    pub(super) fn ask(&mut self, source: u32) {
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

    pub(super) fn take(&mut self, arrival: Arrival) {
        let source = arrival.source;
        if let Some(silence) = &mut self.silence {
            silence.heard();
        }
        self.sources[source as usize].early.insert(arrival.number, arrival.what);
        let may_come_later = self.may_come_later();
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
                    self.unsaid.push(source);
                    self.sequencer.end(source, Ok(()));
                }
                Err(error @ Error::Usage(_)) if state.layout.is_none() && !may_come_later => {
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

    pub(super) fn take_batch(&mut self, source: u32, batch: Batch, layout: Arc<Layout>) {
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
        let name = &self.job.sources[source as usize].name;
        self.progress.warn(self.unlikely.look(&batch, name).as_slice());
        self.progress.warn(&self.absent.look(&batch));
        self.sequencer.push(batch, lead);
    }

    /// `windrow order` passes CSV records on as they are, so all sources must have the same columns.
    pub(super) fn check_header(&self, number: usize) -> Result<()> {
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
}
