//! Steps of a job whose windows may be written more than once: from moment to moment.

use std::ops::ControlFlow;

use super::{Open, Shard, select_owned};
use crate::operator::repeats::Out;
use crate::operator::step::{Due, Moment, Step};
use crate::output::rows::HandOn;

/// How far a step has been added: so many parts, and so many rows of the next one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Added {
    part: usize,
    row: usize,
}

impl Shard {
    /// Adds what the step holds, and writes what is due at each of its moments and at its end.
    pub(super) fn apply_moments(&mut self, step: &Step, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        let mut added = Added { part: 0, row: 0 };
        // Each moment has two numbers: what closes comes before what is written besides.
        for (number, &Moment { part, row, watermark, due }) in (0u32..).zip(&step.moments) {
            self.add_up_to(step, &mut added, Added { part, row });
            self.builder.set_moment(2 * number);
            self.close(watermark, hand_on)?;
            self.builder.set_moment(2 * number + 1);
            self.write(due, hand_on)?;
        }
        self.add_up_to(step, &mut added, Added { part: step.parts.len(), row: 0 });
        let number = step.moments.len() as u32;
        self.builder.set_moment(2 * number);
        if !step.ended {
            return self.close(step.watermark, hand_on);
        }
        self.close(i64::MAX, hand_on)?;
        self.close_whole(hand_on)?;
        self.builder.set_moment(2 * number + 1);
        self.write(Due::Revise, hand_on)
    }

    fn add_up_to(&mut self, step: &Step, added: &mut Added, to: Added) {
        while *added < to {
            let Some(part) = step.parts.get(added.part) else { return };
            let last = if added.part < to.part { part.rows.len() } else { to.row };
            let rows = &part.rows[added.row..last];
            let mut owned = std::mem::take(&mut self.owned);
            if self.share.owners > 1 {
                select_owned(self.share, &part.batch.keys.hashes, rows, &mut owned);
            }
            let mine = if self.share.owners > 1 { &owned } else { rows };
            self.rows_added += mine.len() as u64;
            let keys = &mut self.keys;
            match &mut self.windows {
                Open::RepeatedPanes(store) => store.add(part, rows, mine, keys),
                Open::RepeatedSessions(store) => store.store().add(part, mine, keys),
                Open::RepeatedWhole(whole) => whole.add(part, rows, mine, keys),
                Open::Panes(_) | Open::Sessions(_) | Open::Whole(..) => {}
            }
            self.owned = owned;
            *added = if added.part < to.part { Added { part: added.part + 1, row: 0 } } else { to };
        }
    }

    /// Fires what closes by a watermark.
    fn close(&mut self, watermark: i64, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        let out = &mut Out { builder: &mut self.builder, groups: &mut self.groups, hand_on };
        match &mut self.windows {
            Open::RepeatedPanes(store) => store.close(watermark, &mut self.keys, out),
            Open::RepeatedSessions(store) => store.close(watermark, &mut self.keys, out),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Fires what closes at the end alone.
    fn close_whole(&mut self, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        let out = &mut Out { builder: &mut self.builder, groups: &mut self.groups, hand_on };
        match &mut self.windows {
            Open::RepeatedWhole(whole) => whole.close(&mut self.keys, out),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Writes what is due besides.
    fn write(&mut self, due: Due, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        let (keys, early) = (&mut self.keys, due == Due::Emit);
        let out = &mut Out { builder: &mut self.builder, groups: &mut self.groups, hand_on };
        match &mut self.windows {
            Open::RepeatedPanes(store) => match due {
                Due::Close => ControlFlow::Continue(()),
                Due::Settle => store.settle(keys, out),
                Due::Revise => store.write_revised(keys, out),
                Due::Emit => {
                    store.write_revised(keys, out)?;
                    store.write_early(keys, out)
                }
            },
            Open::RepeatedSessions(store) => match due {
                // Nothing comes for a session whose allowed lateness is over.
                Due::Close | Due::Settle => ControlFlow::Continue(()),
                Due::Revise | Due::Emit => store.write_changed(early, keys, out),
            },
            Open::RepeatedWhole(whole) if early => whole.write_early(keys, out),
            _ => ControlFlow::Continue(()),
        }
    }
}
