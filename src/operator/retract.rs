//! Windows of several panes whose aggregates can take away again what they have added: from window to window the panes
//! that it leaves are taken out of one table, and those that it reaches are merged in.
//!
//! (Called subtract-on-evict by Hirzel, Schneider and Tangwongsan, "Sliding-Window Aggregation Algorithms", DEBS 2017.)
//! Sums are exact, so that what is left is what merging the other panes would give. What cannot be taken away, as a sum of
//! numbers that are too large, has all panes merged anew; where these are many, [`Stacks`](super::stacks::Stacks) take over.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::keys::Keys;
use super::panes::{Emit, OpenPane};
use super::table::Table;
use super::weight::Weight;
use crate::aggregate::states::Calls;
use crate::window::Window;

/// The groups of the window that fired last.
pub struct Retracting {
    calls: Calls,
    /// Groups of the panes that start at `from` or later and before `to`, all of which are there.
    table: Table,
    /// By slot, how many of these panes have the group.
    live: Vec<u32>,
    from: i64,
    to: i64,
    /// Whether a pane could not be taken away since the last window.
    has_failed: bool,
}

impl Retracting {
    /// Nothing yet.
    pub fn new(calls: &Calls) -> Retracting {
        let table = Table::passing(calls);
        Retracting { calls: calls.clone(), table, live: Vec::new(), from: 0, to: 0, has_failed: false }
    }

    /// Memory taken up.
    pub fn weigh(&self) -> Weight {
        [self.table.weigh(), Weight::of_room(&self.live)].into_iter().sum()
    }

    /// Leaves behind the panes that start before a window that fires next. `false` if one could not be taken away, so that
    /// all panes have to be merged anew.
    pub fn leave_before(&mut self, start: i64, panes: &BTreeMap<i64, OpenPane>) -> bool {
        if self.to <= start {
            self.begin(start);
        }
        while self.from < start
            && let Some((&first, open)) = panes.range(self.from..self.to.min(start)).next()
        {
            self.leave(first, open);
        }
        match self.from < self.to {
            true => self.from = self.from.max(start),
            false => self.begin(start),
        }
        !std::mem::take(&mut self.has_failed)
    }

    /// The groups of a window, before which panes have been left behind. Windows come in the order of their ends, and of
    /// their starts.
    pub fn fire(
        &mut self,
        window: Window,
        panes: &BTreeMap<i64, OpenPane>,
        keys: &mut Keys,
        emit: &mut Emit<'_>,
    ) -> ControlFlow<()> {
        debug_assert!(self.from == window.start, "panes before it have been left behind");
        if self.to < window.end {
            for (_, open) in panes.range(self.to..window.end) {
                self.table.merge(&open.table, keys);
                self.count(&open.table.keys);
            }
            self.to = window.end;
        }
        emit(window, &self.table, keys)
    }

    /// Begins anew, with panes that start there or later.
    fn begin(&mut self, from: i64) {
        self.table.reset(&self.calls);
        self.live.clear();
        self.live.shrink_to(self.table.keys.capacity());
        (self.from, self.to) = (from, from);
    }

    /// One more pane has these groups.
    fn count(&mut self, keys: &[u32]) {
        self.live.resize(self.table.keys.len(), 0);
        for &key in keys {
            let slot = self.table.find(key).expect("its pane is taken in");
            self.live[slot as usize] += 1;
        }
    }

    /// The first pane, which starts there, is left behind.
    fn leave(&mut self, start: i64, pane: &OpenPane) {
        if !self.table.retract(&pane.table, &mut self.live) {
            self.has_failed = true;
            self.begin(self.to);
        } else if self.table.is_nearly_empty() {
            // Its room would never be given back otherwise.
            self.begin(self.to);
        } else {
            self.from = start + 1;
        }
    }

    /// Panes that close by this watermark go, one after the other, as [`Retracting::drop_pane`] is told.
    pub fn close(&mut self, watermark: i64, panes: &BTreeMap<i64, OpenPane>) {
        // Panes start in the order in which they close: with the last one all go.
        let last = panes.range(self.from..self.to).next_back();
        if last.is_none_or(|(_, open)| open.closes_by(watermark)) {
            self.begin(self.to);
        }
    }

    /// The pane that starts there goes.
    pub fn drop_pane(&mut self, start: i64, pane: &OpenPane) {
        if self.has_taken(start) {
            self.leave(start, pane);
        }
    }

    /// Whether what comes late for the pane that starts there has to be added here, too.
    pub fn has_taken(&self, start: i64) -> bool {
        (self.from..self.to).contains(&start)
    }

    /// Lets `add` add what has come late for a pane, which has these groups for the first time.
    pub fn add(&mut self, new: &[u32], keys: &mut Keys, add: &mut dyn FnMut(&mut Table, &mut Keys)) {
        add(&mut self.table, keys);
        self.count(new);
    }
}
