//! Windows that may be written more than once: what has changed since the last time, how often that was, and the rows.
//!
//! This is for jobs with `--emit-every` or `--allowed-lateness` alone; no other comes here.

use std::ops::ControlFlow;

use super::keys::Keys;
use super::out::Out;
use super::table::{Group, SlotMap, Table};
use crate::aggregate::states::States;
use crate::output::fired::Timing;
use crate::prefetch::AHEAD;
use crate::window::{Firing, Window};

/// How the windows of a job are written again.
#[derive(Debug, Clone, Copy)]
pub struct Repeats {
    /// Whether open windows are written from time to time.
    pub early: bool,
    /// For how long beyond its end a window that has fired takes in events, in microseconds.
    pub lateness: i64,
    /// Whether all groups of a window are written if one has changed: where `--having` or `--top` decides which of
    /// them are seen. Then it must be known of every window whether an event came for it that another owner has.
    pub whole: bool,
}

impl Repeats {
    /// Those of a job, if its windows may be written more than once.
    pub fn of(firing: Firing, whole: bool) -> Option<Repeats> {
        let repeats = Repeats { early: firing.every.is_some(), lateness: firing.lateness(), whole };
        firing.repeats().then_some(repeats)
    }

    /// What ends here or before takes in no more events at a watermark.
    pub fn over(&self, watermark: i64) -> i64 {
        if watermark == i64::MAX { watermark } else { watermark.saturating_sub(self.lateness) }
    }
}

/// Which slots of a table have changed since they were written last.
#[derive(Debug, Default)]
pub struct Marks {
    is_marked: Vec<bool>,
    slots: Vec<u32>,
}

impl Marks {
    /// Marks these slots, of so many that there are.
    pub fn mark(&mut self, slots: &[u32], len: usize) {
        if self.is_marked.len() < len {
            self.is_marked.resize(len, false);
        }
        // Without a branch on what is marked already, which could not be foreseen.
        let mut count = self.slots.len();
        self.slots.resize(count + slots.len(), 0);
        for &slot in slots {
            self.slots[count] = slot;
            count += usize::from(!std::mem::replace(&mut self.is_marked[slot as usize], true));
        }
        self.slots.truncate(count);
    }

    /// The slots that are marked, each once.
    pub fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// Forgets all marks.
    pub fn clear(&mut self) {
        self.slots.drain(..).for_each(|slot| self.is_marked[slot as usize] = false);
    }
}

/// How often a window has been written.
pub enum Written {
    /// As a whole.
    Times(u32),
    /// Group by group.
    Groups(Revisions),
}

/// How often each group of a window has been written. Others must hold the keys.
#[derive(Default)]
pub struct Revisions {
    slots: SlotMap,
    /// `(key, times)` by slot.
    counts: Vec<(u32, u32)>,
}

impl Revisions {
    /// How often the group of a key has been written.
    pub fn times(&mut self, key: u32, keys: &Keys) -> &mut u32 {
        let next = self.counts.len() as u32;
        let slot = self.slots.get_or_insert(key, next, keys.capacity());
        if slot == next {
            self.counts.push((key, 0));
        }
        &mut self.counts[slot as usize].1
    }

    /// Every group that has been written: its key, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.counts.iter().copied()
    }
}

impl Written {
    /// Not at all so far.
    pub fn new(whole: bool) -> Written {
        if whole { Written::Times(0) } else { Written::Groups(Revisions::default()) }
    }
}

impl Out<'_, '_> {
    /// Writes a window, or those of its groups that have these keys, and counts that.
    pub fn window(
        &mut self,
        (window, timing): (Option<Window>, Timing),
        table: &Table,
        chosen: Option<&mut Vec<u32>>,
        written: &mut Written,
        keys: &mut Keys,
    ) -> ControlFlow<()> {
        match chosen {
            Some(chosen) => table.chosen_in_order(chosen, keys, self.groups),
            None => table.groups_in_order(keys, self.groups),
        }
        if !self.groups.is_empty() {
            self.builder.begin_at(window, timing, self.hand_on)?;
        }
        let states: &States = &table.states;
        self.builder.leave_first(self.groups, states);
        for (n, &Group { head, key, slot }) in self.groups.iter().enumerate() {
            if let Some(ahead) = self.groups.get(n + AHEAD) {
                keys.prefetch(ahead.key);
                states.prefetch(ahead.slot);
            }
            self.builder.set_revision(match written {
                Written::Times(times) => *times,
                Written::Groups(groups) => post_increment(groups.times(key, keys)),
            });
            self.builder.row(keys.get(key), head, states, slot)?;
        }
        if let Written::Times(times) = written {
            post_increment(times);
        }
        ControlFlow::Continue(())
    }
}

/// Counts one more, and returns how many there were.
pub fn post_increment(times: &mut u32) -> u32 {
    let before = *times;
    *times = before.saturating_add(1);
    before
}
