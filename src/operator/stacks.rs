//! Windows of many panes, each fired with a constant number of merges per group.
//!
//! The two-stack queue (Tangwongsan, Hirzel, Schneider, "Low-Latency Sliding-Window Aggregation in Worst-Case
//! Constant Time", DEBS 2017, section 2): of the panes that fired windows have taken in, the older ones stand
//! as suffixes (`front`: from some panes up to the boundary), the newer ones as one running merge (`back`). A
//! window is one suffix, the few panes before it, and the running merge. When the suffixes are used up, the panes behind the boundary
//! are turned into suffixes, once.
//!
//! An event that comes late for some of its windows goes into a pane that has been taken in already: into the
//! running merge, or among the [`Amendments`] to the suffixes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::amendments::Amendments;
use super::keys::Keys;
use super::panes::{Emit, OpenPane};
use super::table::Table;
use super::weight::Weight;
use crate::aggregate::states::Calls;
use crate::window::Window;

/// What fired windows have taken in.
pub struct Stacks {
    calls: Calls,
    /// Suffixes by the start of their first pane, the oldest last. Each covers all up to `boundary`.
    front: Vec<(i64, Table)>,
    /// What has come since for panes before `boundary`.
    amendments: Amendments,
    /// Panes that start at `boundary` or later and before `taken_in`.
    back: Table,
    boundary: i64,
    taken_in: i64,
}

impl Stacks {
    /// Nothing is taken in yet; `first` is the first window.
    pub fn new(calls: &Calls, first: Window) -> Stacks {
        Stacks {
            calls: calls.clone(),
            front: Vec::new(),
            amendments: Amendments::new(calls, first.end - first.start),
            back: Table::new(calls),
            boundary: first.start,
            taken_in: first.start,
        }
    }

    /// Memory taken up; what came late for single panes is little, and not counted.
    pub fn weigh(&self) -> Weight {
        self.front.iter().map(|(_, table)| table.weigh()).chain([self.back.weigh()]).sum()
    }

    /// The groups of a window. Windows come in the order of their ends, and of their starts.
    pub fn fire(
        &mut self,
        window: Window,
        panes: &BTreeMap<i64, OpenPane>,
        keys: &mut Keys,
        emit: &mut Emit<'_>,
    ) -> ControlFlow<()> {
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
        let suffix = self.front.last();
        let covered_from = suffix.map_or(self.boundary, |(start, _)| *start);
        let mut between = panes.range(window.start..covered_from.max(window.start)).peekable();
        let alone = self.amendments.none_from(window.start) && between.peek().is_none();
        match suffix {
            None if alone => emit(window, &self.back, keys),
            Some((_, suffix)) if alone && self.back.keys.is_empty() => emit(window, suffix, keys),
            suffix => {
                let mut whole = Table::passing(&self.calls);
                between.for_each(|(_, open)| whole.merge(&open.table, keys));
                if let Some((_, suffix)) = suffix {
                    whole.merge(suffix, keys);
                }
                whole.merge(&self.back, keys);
                self.amendments.merge_from(window.start, &mut whole, keys);
                emit(window, &whole, keys)
            }
        }
    }

    /// Merges what an open window holds so far into a table. Nothing is taken in for it.
    pub fn merge_open(
        &self,
        window: Window,
        panes: &BTreeMap<i64, OpenPane>,
        into: &mut Table,
        keys: &mut Keys,
    ) {
        let mut merge = |from: i64, to: i64, keys: &mut Keys| {
            panes.range(from..to.max(from)).for_each(|(_, open)| into.merge(&open.table, keys));
        };
        if self.boundary < window.start {
            // What has been put together reaches back too far.
            return merge(window.start, window.end, keys);
        }
        let suffix = self.front.iter().rev().find(|(start, _)| *start >= window.start);
        merge(window.start, suffix.map_or(self.boundary, |(start, _)| *start), keys);
        merge(self.taken_in, window.end, keys);
        if let Some((_, suffix)) = suffix {
            into.merge(suffix, keys);
        }
        into.merge(&self.back, keys);
        self.amendments.merge_from(window.start, into, keys);
    }

    /// The panes behind the boundary, from `start` on, become suffixes: not one for each pane, but one whenever
    /// the panes since the last one hold as many groups as the suffix itself. So all suffixes together hold no
    /// more groups than the panes do, and the panes between a window's start and its suffix no more than that.
    fn turn(&mut self, start: i64, panes: &BTreeMap<i64, OpenPane>, keys: &mut Keys) {
        self.amendments.clear(keys);
        self.back.release(keys);
        self.back = Table::new(&self.calls);
        self.boundary = self.taken_in.max(start);
        self.taken_in = self.boundary;
        let (mut suffix, mut since) = (Table::new(&self.calls), 0);
        for (&at, open) in panes.range(start..self.boundary).rev() {
            suffix.merge(&open.table, keys);
            since += open.table.keys.len();
            if since >= suffix.keys.len() {
                let mut next = Table::new(&self.calls);
                next.merge(&suffix, keys);
                self.front.push((at, std::mem::replace(&mut suffix, next)));
                since = 0;
            }
        }
        suffix.release(keys);
    }

    /// Whether some window that has fired has taken in the pane that starts at `start`.
    pub fn has_taken(&self, start: i64) -> bool {
        start < self.taken_in
    }

    /// Gives back the keys.
    pub fn release(mut self, keys: &mut Keys) {
        self.amendments.clear(keys);
        self.front.iter().for_each(|(_, table)| table.release(keys));
        self.back.release(keys);
    }

    /// What has come late for the pane that starts at `start`, and is not in the pane itself.
    pub fn amendment(&self, start: i64) -> Option<&Table> {
        self.amendments.leaf(start)
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
        self.amendments.add(start, keys, add);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Span, find};
    use crate::parse::batch::{ArgColumn, Batch};
    use crate::value::Value;

    const PANE: i64 = 7;
    const PANES: i64 = 40;

    /// Adds one event of a key.
    fn count(table: &mut Table, keys: &mut Keys, key: u64) {
        let number = keys.intern(key, &[4, 1, 0, 0, 0, b'a' + key as u8]);
        let slot = table.slot(number, keys);
        table.make_room();
        let mut batch = Batch::default();
        (batch.args, batch.time) = (vec![ArgColumn::Every], vec![0]);
        table.states.add(&[slot], &[0], &batch, 0);
    }

    /// The counts of a table by key.
    fn counts(table: &Table, keys: &Keys) -> Vec<(u8, String)> {
        let count = |slot| match table.states.finish(0, slot, Span { bounds: None }) {
            Value::Number(number) => format!("{number:?}"),
            other => format!("{other:?}"),
        };
        let mut counts: Vec<(u8, String)> =
            (0..).zip(&table.keys).map(|(slot, &key)| (keys.get(key)[5], count(slot))).collect();
        counts.sort_unstable();
        counts
    }

    /// Random events, some of them late, against tables that are filled anew for every window.
    #[test]
    fn windows_hold_what_their_panes_hold() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let calls = Calls::only(find("count").expect("it is one"));
        for _ in 0..60 {
            let (mut keys, mut panes, mut events) = (Keys::default(), BTreeMap::new(), Vec::new());
            let origin = random.i64(-300..300) * PANE;
            let mut stacks = Stacks::new(&calls, Window { start: origin, end: origin + PANES * PANE });
            for n in 0..150 {
                let window = Window { start: origin + n * PANE, end: origin + (n + PANES) * PANE };
                // Events of panes that no window has taken in yet, and late ones.
                for _ in 0..random.usize(0..6) {
                    let late = n > 0 && random.bool();
                    let ago = if late { random.i64(0..PANES) } else { 0 };
                    let (pane, key) = (window.end - (ago + 1) * PANE, random.u64(0..3));
                    events.push((pane, key));
                    let mut add = |table: &mut Table, keys: &mut Keys| count(table, keys, key);
                    let open =
                        panes.entry(pane).or_insert_with(|| OpenPane::new(&calls, pane + PANES * PANE));
                    if stacks.add(pane, &mut keys, &mut add) {
                        add(&mut open.table, &mut keys);
                    }
                }
                let mut expected = Table::new(&calls);
                let inside = events.iter().filter(|(pane, _)| (window.start..window.end).contains(pane));
                inside.for_each(|&(_, key)| count(&mut expected, &mut keys, key));
                let expected = counts(&expected, &keys);
                let mut found = Vec::new();
                let flow = stacks.fire(window, &panes, &mut keys, &mut |_, table, keys| {
                    found = counts(table, keys);
                    ControlFlow::Continue(())
                });
                assert!(flow.is_continue());
                assert_eq!(found, expected, "window {n}");
            }
        }
    }
}
