//! Windows of several panes whose aggregates can take away again what they have added: from window to window the panes
//! that it leaves are taken out of one table, and those that it reaches are merged in.
//!
//! (Called subtract-on-evict by Hirzel, Schneider and Tangwongsan, "Sliding-Window Aggregation Algorithms", DEBS 2017.)
//! Sums are exact, so that what is left is what merging the other panes would give. What cannot be taken away, as a sum of
//! numbers that are too large, has all panes merged anew.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::keys::Keys;
use super::panes::{Emit, OpenPane};
use super::table::Table;
use super::weight::Weight;
use crate::aggregate::states::Calls;
use crate::window::Window;

/// The groups of the window that fired last.
pub struct Slide {
    calls: Calls,
    /// Groups of the panes that start at `from` or later and before `to`, all of which are there.
    table: Table,
    /// By slot, how many of these panes have the group.
    live: Vec<u32>,
    from: i64,
    to: i64,
}

impl Slide {
    /// Nothing yet.
    pub fn new(calls: &Calls) -> Slide {
        Slide { calls: calls.clone(), table: Table::passing(calls), live: Vec::new(), from: 0, to: 0 }
    }

    /// Memory taken up.
    pub fn weigh(&self) -> Weight {
        [self.table.weigh(), Weight::of_room(&self.live)].into_iter().sum()
    }

    /// The groups of a window. Windows come in the order of their ends, and of their starts.
    pub fn fire(
        &mut self,
        window: Window,
        panes: &BTreeMap<i64, OpenPane>,
        keys: &mut Keys,
        emit: &mut Emit<'_>,
    ) -> ControlFlow<()> {
        if self.to <= window.start {
            self.begin(window.start);
        }
        while let Some((&start, open)) =
            panes.range(self.from..self.to.min(window.start).max(self.from)).next()
        {
            self.leave(start, open);
        }
        if self.from < self.to {
            self.from = window.start;
        } else {
            self.begin(window.start);
        }
        for (_, open) in panes.range(self.to..window.end.max(self.to)) {
            self.table.merge(&open.table, keys);
            self.count(&open.table.keys);
        }
        self.to = window.end.max(self.to);
        emit(window, &self.table, keys)
    }

    /// Begins anew, with panes that start there or later.
    fn begin(&mut self, from: i64) {
        self.table.reset(&self.calls);
        self.live.clear();
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
        if self.table.retract(&pane.table, &mut self.live) {
            self.from = start + 1;
        } else {
            self.begin(self.to);
        }
    }

    /// The pane that starts there goes.
    pub fn drop_pane(&mut self, start: i64, pane: &OpenPane) {
        if (self.from..self.to).contains(&start) {
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
