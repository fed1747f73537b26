//! What windows of several panes have put together, for those that follow.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::keys::Keys;
use super::panes::{Emit, OpenPane};
use super::retract::Retracting;
use super::stacks::Stacks;
use super::table::Table;
use super::weight::Weight;
use crate::aggregate::states::Calls;
use crate::window::Window;

/// Windows of so many panes go through a [`Retracting`], where aggregates allow it; for fewer, merging them all is as cheap.
const PANES_RETRACTED: usize = 3;

/// Windows of so many panes go through [`Stacks`]; for fewer, merging them all is cheaper.
const PANES_STACKED: usize = 7;

/// Whether a window has so many panes at least.
fn has_panes(window: Window, panes: &BTreeMap<i64, OpenPane>, count: usize) -> bool {
    panes.range(window.start..window.end).nth(count - 1).is_some()
}

/// What fired windows have put together.
pub enum Running {
    /// Where panes can be taken away again.
    Retracting(Retracting),
    /// Where they can only be merged.
    Stacks(Stacks),
}

impl Running {
    /// Nothing yet, if that pays for this window.
    pub fn begin(calls: &Calls, first: Window, panes: &BTreeMap<i64, OpenPane>) -> Option<Running> {
        if calls.retracts() && has_panes(first, panes, PANES_RETRACTED) {
            return Some(Running::Retracting(Retracting::new(calls)));
        }
        has_panes(first, panes, PANES_STACKED).then(|| Running::Stacks(Stacks::new(calls, first)))
    }

    /// The groups of a window. Windows come in the order of their ends, and of their starts.
    pub fn fire(
        &mut self,
        window: Window,
        panes: &BTreeMap<i64, OpenPane>,
        calls: &Calls,
        keys: &mut Keys,
        emit: &mut Emit<'_>,
    ) -> ControlFlow<()> {
        if let Running::Retracting(retracting) = self
            && !retracting.leave_before(window.start, panes)
            && has_panes(window, panes, PANES_STACKED)
        {
            // Panes hold all that came late for them, and no keys were held here: so these can begin at any window.
            *self = Running::Stacks(Stacks::new(calls, window));
        }
        match self {
            Running::Retracting(retracting) => retracting.fire(window, panes, keys, emit),
            Running::Stacks(stacks) => stacks.fire(window, panes, keys, emit),
        }
    }

    /// Panes that close by this watermark go, one after the other, as [`Running::drop_pane`] is told.
    pub fn close(&mut self, watermark: i64, panes: &BTreeMap<i64, OpenPane>) {
        if let Running::Retracting(retracting) = self {
            retracting.close(watermark, panes);
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
        match self {
            Running::Retracting(_) => {
                let inside = panes.range(window.start..window.end);
                inside.for_each(|(_, open)| into.merge(&open.table, keys));
            }
            Running::Stacks(stacks) => stacks.merge_open(window, panes, into, keys),
        }
    }

    /// Lets `add` add events of the pane that starts at `start`, to it and wherever it has been taken in already.
    pub fn add(
        &mut self,
        start: i64,
        pane: &mut Table,
        keys: &mut Keys,
        add: &mut dyn FnMut(&mut Table, &mut Keys),
    ) {
        match self {
            Running::Retracting(retracting) => {
                let known = pane.keys.len();
                add(pane, keys);
                if retracting.has_taken(start) {
                    retracting.add(&pane.keys[known..], keys, add);
                }
            }
            Running::Stacks(stacks) => {
                if stacks.add(start, keys, add) {
                    add(pane, keys);
                }
            }
        }
    }

    /// What has come late for the pane that starts at `start`, and is not in the pane itself.
    pub fn amendment(&self, start: i64) -> Option<&Table> {
        match self {
            Running::Retracting(_) => None,
            Running::Stacks(stacks) => stacks.amendment(start),
        }
    }

    /// The pane that starts there goes.
    pub fn drop_pane(&mut self, start: i64, pane: &OpenPane) {
        if let Running::Retracting(retracting) = self {
            retracting.drop_pane(start, pane);
        }
    }

    /// Whether some window that has fired has taken in the pane that starts at `start`.
    pub fn has_taken(&self, start: i64) -> bool {
        match self {
            Running::Retracting(retracting) => retracting.has_taken(start),
            Running::Stacks(stacks) => stacks.has_taken(start),
        }
    }

    /// Memory taken up.
    pub fn weigh(&self) -> Weight {
        match self {
            Running::Retracting(retracting) => retracting.weigh(),
            Running::Stacks(stacks) => stacks.weigh(),
        }
    }

    /// Gives back the keys.
    pub fn release(self, keys: &mut Keys) {
        if let Running::Stacks(stacks) = self {
            stacks.release(keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Span;
    use crate::aggregate::states::distinct_arguments;
    use crate::expr::parse_aggregates;
    use crate::job::fields::Fields;
    use crate::output::json::write_json_value;
    use crate::parse::batch::{ArgColumn, Batch, NumberColumn};

    const PANE: i64 = 7;

    /// An event: its pane, its key and its value.
    type Event = (i64, u64, Option<String>);

    /// Adds an event to a table, as all of `arguments`.
    fn add(table: &mut Table, keys: &mut Keys, (_, key, value): &Event, arguments: &[bool]) {
        let number = keys.intern(key.wrapping_mul(0x9e37_79b9_7f4a_7c15), &[4, 1, 0, 0, 0, *key as u8]);
        let slot = table.slot(number, keys);
        table.make_room();
        let mut batch = Batch::default();
        batch.time = vec![0];
        let argument = |is_every: &bool| match is_every {
            true => ArgColumn::Every,
            false => {
                let mut column = NumberColumn::default();
                match value {
                    Some(value) => assert!(column.push_text(value)),
                    None => column.push_null(),
                }
                ArgColumn::Numbers(column)
            }
        };
        batch.args = arguments.iter().map(argument).collect();
        table.states.add(&[slot], &[0], &batch, 0);
    }

    /// The results of a table by key.
    fn results(table: &Table, keys: &Keys) -> Vec<(u8, String)> {
        let result = |slot| {
            let mut text = Vec::new();
            for value in table.states.results(slot, Span { bounds: None }) {
                write_json_value(&value, &mut text);
                text.push(b' ');
            }
            String::from_utf8(text).expect("results are text")
        };
        let of_keys = (0..).zip(&table.keys);
        let mut results: Vec<_> = of_keys.map(|(slot, &key)| (keys.get(key)[5], result(slot))).collect();
        results.sort_unstable();
        results
    }

    fn value(has_wide: bool, random: &mut fastrand::Rng) -> Option<String> {
        match random.u8(0..40) {
            0 => None,
            1 if has_wide => Some("1e300".to_owned()),
            2 if has_wide => Some("-12345678901234567890.5".to_owned()),
            3..20 => Some(random.i32(-50..50).to_string()),
            _ => Some(format!("{}.{}", random.i32(-50..50), random.u16(..))),
        }
    }

    /// Random events, some of them late, against tables that are filled anew for every window.
    #[test]
    fn windows_hold_what_their_panes_hold() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for (list, retracts) in [("count(*), sum(x), avg(x), rate(*)", true), ("sum(x), max(x)", false)] {
            let calls = parse_aggregates(list, &mut Fields::default()).expect("aggregates");
            let arguments: Vec<bool> =
                distinct_arguments(&calls).iter().map(|call| call.args.is_empty()).collect();
            let calls = Calls::of(&calls);
            for _ in 0..60 {
                let (length, all_keys) = (random.i64(1..12), random.u64(1..40));
                let (has_wide, cumulates) = (random.u8(0..4) == 0, random.u8(0..3) == 0);
                let (mut keys, mut panes, mut events) = (Keys::default(), BTreeMap::new(), Vec::new());
                let (mut running, mut merged) = (None, Table::passing(&calls));
                let mut first = random.i64(-300..300);
                for n in 0..60 {
                    // The next window, and now and then one far behind it.
                    let (start, end) = match cumulates {
                        false => (first, first + length),
                        true => (first - first.rem_euclid(length), first + 1),
                    };
                    let window = Window { start: start * PANE, end: end * PANE };
                    first += if random.u8(0..15) == 0 { random.i64(1..2 * length + 1) } else { 1 };
                    // Events of panes that no window has taken in yet, and late ones.
                    for _ in 0..random.usize(0..all_keys as usize * 2) {
                        let late = n > 0 && random.u8(0..8) == 0;
                        let ago = if late { random.i64(0..end - start) } else { 0 };
                        let event = (
                            window.end - (ago + 1) * PANE,
                            random.u64(0..all_keys),
                            value(has_wide, &mut random),
                        );
                        let open = panes
                            .entry(event.0)
                            .or_insert_with(|| OpenPane::new(&calls, event.0 + length * PANE));
                        let mut add =
                            |table: &mut Table, keys: &mut Keys| add(table, keys, &event, &arguments);
                        match &mut running {
                            None => add(&mut open.table, &mut keys),
                            Some(running) => {
                                Running::add(running, event.0, &mut open.table, &mut keys, &mut add);
                            }
                        }
                        events.push(event);
                    }
                    let mut expected = Table::new(&calls);
                    let inside = events.iter().filter(|event| (window.start..window.end).contains(&event.0));
                    inside.for_each(|event| add(&mut expected, &mut keys, event, &arguments));
                    let (wanted, mut found) = (results(&expected, &keys), Vec::new());
                    expected.release(&mut keys);
                    if running.is_none() {
                        running = Running::begin(&calls, window, &panes);
                        assert!(
                            running
                                .as_ref()
                                .is_none_or(|one| matches!(one, Running::Retracting(_)) == retracts)
                        );
                    }
                    let mut emit = |_: Window, table: &Table, keys: &mut Keys| {
                        found = results(table, keys);
                        ControlFlow::Continue(())
                    };
                    let flow = match &mut running {
                        Some(running) => running.fire(window, &panes, &calls, &mut keys, &mut emit),
                        None => {
                            merged.reset(&calls);
                            let inside = panes.range(window.start..window.end);
                            inside.for_each(|(_, open)| merged.merge(&open.table, &mut keys));
                            emit(window, &merged, &mut keys)
                        }
                    };
                    assert!(flow.is_continue());
                    assert_eq!(found, wanted, "window {n} of {length} panes: {list}");
                    let next = if cumulates { first - first.rem_euclid(length) } else { first } * PANE;
                    while let Some(first) = panes.first_entry().filter(|first| *first.key() < next) {
                        let (start, pane) = first.remove_entry();
                        if let Some(running) = &mut running {
                            running.drop_pane(start, &pane);
                        }
                        pane.table.release(&mut keys);
                    }
                }
            }
        }
    }
}
