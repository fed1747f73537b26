//! Steps of a job whose windows may be written more than once: from moment to moment.

use std::ops::ControlFlow;

use super::Shard;
use crate::operator::out::Out;
use crate::operator::step::{Due, Moment, Step};
use crate::output::fired::HandOn;

/// How far a step has been added: so many parts, and so many rows of the next one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Added {
    part: usize,
    row: usize,
}

impl Shard {
    /// Adds what the step holds, and writes what is due at each of its moments and at its end.
    pub(super) fn apply_moments(&mut self, step: &Step, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        let (mut added, mut closed) = (Added { part: 0, row: 0 }, None);
        for (number, &Moment { part, row, watermark, due }) in (0u32..).zip(&step.moments) {
            self.add_up_to(step, &mut added, Added { part, row }, closed);
            closed = Some(watermark);
            self.builder.set_moment(self.moment(number));
            self.fire(watermark, hand_on)?;
            if due == Due::Settle {
                self.find_settling(step, number as usize, watermark);
            }
            self.write(due, number, hand_on)?;
        }
        self.add_up_to(step, &mut added, Added { part: step.parts.len(), row: 0 }, closed);
        let number = step.moments.len() as u32;
        self.builder.set_moment(self.moment(number));
        if !step.ended {
            return self.fire(step.watermark, hand_on);
        }
        self.fire(i64::MAX, hand_on)?;
        self.fire_whole(hand_on)?;
        self.write(Due::Revise, number, hand_on)
    }

    /// Finds the kinds of windows for which an event behind a moment, and before the next, comes too late for some that
    /// would else take it in. With one kind that is the one.
    fn find_settling(&mut self, step: &Step, number: usize, watermark: i64) {
        let Shard { kinds, settling, repeats, .. } = self;
        settling.clear();
        settling.resize(kinds.len(), kinds.len() == 1);
        let (Some(repeats), [_, _, ..]) = (repeats, &kinds[..]) else { return };
        let over = repeats.over(watermark);
        let place =
            |n: usize| step.moments.get(n).map_or((step.parts.len(), 0), |next| (next.part, next.row));
        let ((from_part, from_row), (to_part, to_row)) = (place(number), place(number + 1));
        for (n, part) in step.parts.iter().enumerate().take(to_part + 1).skip(from_part) {
            let from = if n == from_part { from_row } else { 0 };
            let to = if n == to_part { to_row } else { part.rows.len() };
            for (open, settles) in kinds.iter_mut().zip(settling.iter_mut()) {
                *settles = *settles || open.misses(part, over, &part.rows[from..to]);
            }
        }
    }

    /// The number that rows have which close at a moment. Behind it each kind of windows has one for what is written
    /// besides, so that its rows stand together.
    fn moment(&self, number: u32) -> u32 {
        number * (1 + self.kinds.len() as u32)
    }

    /// Adds rows; what ends by `closed` has closed, if there may be such among them as come behind the end of windows.
    fn add_up_to(&mut self, step: &Step, added: &mut Added, to: Added, closed: Option<i64>) {
        let over = closed.zip(self.repeats).map(|(watermark, repeats)| repeats.over(watermark));
        while *added < to {
            let Some(part) = step.parts.get(added.part) else { return };
            let last = if added.part < to.part { part.rows.len() } else { to.row };
            self.add(part, &part.rows[added.row..last], over);
            *added = if added.part < to.part { Added { part: added.part + 1, row: 0 } } else { to };
        }
    }

    /// Writes what is due besides.
    fn write(&mut self, due: Due, number: u32, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        let moment = self.moment(number);
        let out = &mut Out::new(&mut self.builder, &mut self.groups, hand_on);
        for (n, (open, settles)) in self.kinds.iter_mut().zip(&self.settling).enumerate() {
            if due == Due::Settle && !settles {
                continue;
            }
            out.builder.set_kind(n);
            out.builder.set_moment(moment + 1 + n as u32);
            open.write(due, &mut self.keys, out)?;
        }
        ControlFlow::Continue(())
    }
}
