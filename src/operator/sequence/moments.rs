//! The moments at which rows are written of windows that are open, or have fired before: `--emit-every`,
//! `--allowed-lateness`.
//!
//! What such a row holds depends on when it is written. So the sequencer, which alone knows where in the sequence the
//! watermark moves, marks the place in the step, and everyone who applies the step writes there.

use super::rules::Rules;
use crate::operator::step::{Due, Moment, Step};
use crate::window::Firing;

/// Knows when the next moment comes.
pub struct Moments {
    firing: Firing,
    /// The watermark at which open windows are written next: a multiple of `--emit-every`.
    next: i64,
    /// Watermarks at which they are to be written where the next step begins.
    ahead: Vec<i64>,
}

impl Moments {
    /// Those that come after a watermark, at which everything has been written that was due.
    pub fn after(watermark: i64, rules: &Rules) -> Moments {
        Moments { firing: rules.firing, next: rules.firing.next_multiple(watermark), ahead: Vec::new() }
    }

    /// Whether windows may be written more than once.
    pub fn repeats(&self) -> bool {
        self.firing.repeats()
    }

    /// Whether a watermark is at or past the next multiple.
    #[inline]
    pub fn is_due(&self, watermark: i64) -> bool {
        watermark >= self.next
    }

    /// The watermark has moved between two steps.
    pub fn moved(&mut self, watermark: i64) {
        if self.is_due(watermark) {
            self.next = self.firing.next_multiple(watermark);
            self.ahead.push(watermark);
        }
    }

    /// Puts what has come between two steps into the one that follows.
    pub fn catch_up(&mut self, step: &mut Step) {
        let part = step.parts.len();
        let moments = self.ahead.drain(..);
        step.moments.extend(moments.map(|watermark| Moment { part, row: 0, watermark, due: Due::Emit }));
    }

    /// Marks that the watermark is at or past the next multiple, if it is, before row `row` of part `part`.
    #[cold]
    pub fn emit(&mut self, watermark: i64, (part, row): (usize, usize), moments: &mut Vec<Moment>) {
        if !self.is_due(watermark) {
            return;
        }
        self.next = self.firing.next_multiple(watermark);
        moments.push(Moment { part, row, watermark, due: Due::Emit });
    }

    /// Marks that the event which becomes row `row` of part `part` comes behind the end of some of its windows: these
    /// must have fired before, as they stand. With `settles`, some take in nothing more: they must have been written.
    #[cold]
    pub fn close(
        &mut self,
        watermark: i64,
        settles: bool,
        (part, row): (usize, usize),
        moments: &mut Vec<Moment>,
    ) {
        let due = if settles { Due::Settle } else { Due::Close };
        // At every moment everything fires first that closes by its watermark.
        let is_done = |last: &Moment| last.watermark == watermark && !(settles && last.due == Due::Close);
        if !moments.last().is_some_and(is_done) {
            moments.push(Moment { part, row, watermark, due });
        }
    }

    /// Marks that windows which have fired have changed with row `row - 1` of part `part`. With `--emit-every` they
    /// wait for the next multiple.
    #[cold]
    pub fn revise(&mut self, watermark: i64, (part, row): (usize, usize), moments: &mut Vec<Moment>) {
        if self.firing.every.is_none() {
            moments.push(Moment { part, row, watermark, due: Due::Revise });
        }
    }
}
