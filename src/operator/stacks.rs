//! Windows of many panes, each fired with a constant number of merges per group.
//!
//! The two-stack queue (Tangwongsan, Hirzel, Schneider, "Low-Latency Sliding-Window Aggregation in Worst-Case
//! Constant Time", DEBS 2017, section 2): of the panes that fired windows have taken in, the older ones stand
//! as suffixes (`front`: from each pane up to the boundary), the newer ones as one running merge (`back`). A
//! window is one suffix and the running merge. When the suffixes are used up, the panes behind the boundary
//! are turned into suffixes, once.
//!
//! An event that comes late for some of its windows goes into a pane that has been taken in already; it is
//! added to every suffix that covers it, or to the running merge.

use std::collections::BTreeMap;

use super::keys::Keys;
use super::panes::OpenPane;
use super::table::{Calls, Table};
use crate::window::Window;

/// What fired windows have taken in.
pub struct Stacks {
    calls: Calls,
    /// Suffixes by the start of their first pane, the oldest last. Each covers all up to `boundary`.
    front: Vec<(i64, Table)>,
    /// Panes that start at `boundary` or later and before `taken_in`.
    back: Table,
    boundary: i64,
    taken_in: i64,
}

impl Stacks {
    /// Nothing is taken in yet; windows start at `start` or later.
    pub fn new(calls: &Calls, start: i64) -> Stacks {
        Stacks {
            calls: calls.clone(),
            front: Vec::new(),
            back: Table::new(calls),
            boundary: start,
            taken_in: start,
        }
    }

    /// The groups of a window. Windows come in the order of their ends, and of their starts.
    pub fn fire(
        &mut self,
        window: Window,
        panes: &mut BTreeMap<i64, OpenPane>,
        keys: &mut Keys,
        emit: &mut dyn FnMut(Window, &Table, &Keys),
    ) {
        while let Some((_, table)) = self.front.pop_if(|(start, _)| *start < window.start) {
            table.release(keys);
        }
        if self.front.is_empty() && self.boundary < window.start {
            self.turn(window.start, panes, keys);
        }
        for (_, open) in panes.range(self.taken_in.max(window.start)..window.end) {
            self.back.merge(&open.table, keys);
        }
        self.taken_in = self.taken_in.max(window.end);
        match self.front.last() {
            None => emit(window, &self.back, keys),
            Some((_, suffix)) if self.back.keys.is_empty() => emit(window, suffix, keys),
            Some((_, suffix)) => {
                let mut whole = Table::new(&self.calls);
                whole.merge(suffix, keys);
                whole.merge(&self.back, keys);
                emit(window, &whole, keys);
                whole.release(keys);
            }
        }
    }

    /// The panes behind the boundary, from `start` on, become suffixes. The panes themselves are not needed any
    /// more: what they hold stands in the suffixes.
    fn turn(&mut self, start: i64, panes: &mut BTreeMap<i64, OpenPane>, keys: &mut Keys) {
        self.back.release(keys);
        self.back = Table::new(&self.calls);
        self.boundary = self.taken_in.max(start);
        self.taken_in = self.boundary;
        for (&at, open) in panes.range_mut(start..self.boundary).rev() {
            let mut suffix = Table::new(&self.calls);
            if let Some((_, next)) = self.front.last() {
                suffix.merge(next, keys);
            }
            suffix.merge(&open.table, keys);
            self.front.push((at, suffix));
            open.table.release(keys);
            open.table = Table::new(&self.calls);
        }
    }

    /// Lets `add` add events of the pane that starts at `start` wherever they have been taken in already.
    /// Returns whether the pane itself still has to take them.
    pub fn add(&mut self, start: i64, keys: &mut Keys, add: &mut dyn FnMut(&mut Table, &mut Keys)) -> bool {
        if start >= self.boundary {
            if start < self.taken_in {
                add(&mut self.back, keys);
            }
            return true;
        }
        // Suffixes stand in descending order of their starts.
        let place = self.front.partition_point(|(at, _)| *at > start);
        if self.front.get(place).is_none_or(|(at, _)| *at != start) {
            let mut suffix = Table::new(&self.calls);
            if let Some((_, next)) = place.checked_sub(1).and_then(|next| self.front.get(next)) {
                suffix.merge(next, keys);
            }
            self.front.insert(place, (start, suffix));
        }
        self.front[place..].iter_mut().for_each(|(_, suffix)| add(suffix, keys));
        false
    }
}
