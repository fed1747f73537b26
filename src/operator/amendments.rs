//! Events that come late for some of their windows, kept beside what those windows have taken in.
//!
//! A window wants all of them from its start on: a suffix. They stand in a tree over event time, every level of
//! which halves the number of cells, so that an event is added to, and a suffix put together from, a number of
//! tables that grows with the logarithm of the panes per window.

use std::collections::{BTreeMap, HashMap};

use super::keys::Keys;
use super::table::Table;
use crate::aggregate::states::Calls;

/// The late events of panes that have been taken in.
pub struct Amendments {
    calls: Calls,
    /// By the start of their pane.
    leaves: BTreeMap<i64, Table>,
    /// Level l, cell c: the leaves whose start, shifted right by l, is c; for `low < l <= high`.
    nodes: HashMap<(u32, i64), Table>,
    /// A cell of this level holds one leaf at most. Falls when two would meet.
    low: u32,
    /// A window covers a few cells of this level.
    high: u32,
}

impl Amendments {
    /// None yet; windows are about `length` microseconds long.
    pub fn new(calls: &Calls, length: i64) -> Amendments {
        let high = length.max(1).ilog2();
        Amendments { calls: calls.clone(), leaves: BTreeMap::new(), nodes: HashMap::new(), low: high, high }
    }

    /// Lets `add` add events to the pane that starts at `start`.
    pub fn add(&mut self, start: i64, keys: &mut Keys, add: &mut dyn FnMut(&mut Table, &mut Keys)) {
        if !self.leaves.contains_key(&start) {
            self.leaves.insert(start, Table::new(&self.calls));
            self.keep_apart(start, keys);
        }
        add(self.leaves.get_mut(&start).expect("it was put there"), keys);
        for level in self.low + 1..=self.high {
            let calls = &self.calls;
            add(self.nodes.entry((level, start >> level)).or_insert_with(|| Table::new(calls)), keys);
        }
    }

    /// Lowers the lowest level until the leaf at `start` has a cell for itself.
    fn keep_apart(&mut self, start: i64, keys: &mut Keys) {
        let before = self.leaves.range(..start).next_back().map(|leaf| *leaf.0);
        let after = self.leaves.range(start + 1..).next().map(|leaf| *leaf.0);
        let mut low = self.low;
        while [before, after].into_iter().flatten().any(|other| other >> low == start >> low) {
            low -= 1;
        }
        for level in low + 1..=self.low {
            for (leaf, table) in &self.leaves {
                let calls = &self.calls;
                let node = self.nodes.entry((level, leaf >> level)).or_insert_with(|| Table::new(calls));
                node.merge(table, keys);
            }
        }
        self.low = low;
    }

    /// Merges everything from `start` on into a table.
    pub fn merge_from(&self, start: i64, into: &mut Table, keys: &mut Keys) {
        let Some((&last, _)) = self.leaves.last_key_value() else { return };
        // The cell that `start` lies in may begin before it.
        let mut cell = start >> self.low;
        self.merge_leaves(start, cell, into, keys);
        cell += 1;
        for level in self.low..self.high {
            if cell & 1 == 1 {
                self.merge_cell(level, cell, into, keys);
                cell += 1;
            }
            cell >>= 1;
        }
        for cell in cell..=last >> self.high {
            self.merge_cell(self.high, cell, into, keys);
        }
    }

    fn merge_cell(&self, level: u32, cell: i64, into: &mut Table, keys: &mut Keys) {
        if level == self.low {
            self.merge_leaves(cell << level, cell, into, keys);
        } else if let Some(node) = self.nodes.get(&(level, cell)) {
            into.merge(node, keys);
        }
    }

    fn merge_leaves(&self, start: i64, cell: i64, into: &mut Table, keys: &mut Keys) {
        for (_, leaf) in self.leaves.range(start..).take_while(|(leaf, _)| **leaf >> self.low == cell) {
            into.merge(leaf, keys);
        }
    }

    /// The late events of the pane that starts at `start`.
    pub fn leaf(&self, start: i64) -> Option<&Table> {
        self.leaves.get(&start)
    }

    /// Whether there is none from `start` on.
    pub fn none_from(&self, start: i64) -> bool {
        self.leaves.range(start..).next().is_none()
    }

    /// Forgets all of them.
    pub fn clear(&mut self, keys: &mut Keys) {
        self.leaves.values().chain(self.nodes.values()).for_each(|table| table.release(keys));
        self.leaves.clear();
        self.nodes.clear();
        self.low = self.high;
    }
}
