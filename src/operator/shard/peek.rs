//! What a shard shows of its open windows: the groups that rank first, as rows.
//!
//! Where the rank is an aggregate by itself, groups are chosen by that, and only those that are chosen become rows:
//! there may be a million others. Otherwise a rank, or whether a row counts at all, is known of rows alone.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::Shard;
use super::open::Open;
use crate::aggregate::Span;
use crate::aggregate::states::States;
use crate::operator::keys::Keys;
use crate::operator::peek::{Best, Peek, ROWS_MAX};
use crate::output::builder::RowBuilder;
use crate::output::rank::{First, Rank};
use crate::window::Window;

/// So many rows are made before the best are chosen among them.
const BLOCK_ROWS: usize = 1024;

/// A group that may become a row.
#[derive(Clone, Copy)]
struct Group {
    window: Option<Window>,
    key: u32,
    slot: u32,
}

impl Shard {
    /// The best rows of what is open. Windows that may be written more than once are not looked at.
    pub(super) fn look(&mut self) -> Peek {
        let (builder, keys) = (self.builder.beside(), &mut self.keys);
        let mut peek = Peek::default();
        // A live view is of one kind of windows.
        let [open] = &mut self.kinds[..] else { return peek };
        match open {
            Open::Panes(store) => store.peek(keys, &mut |window, reaches, table, keys| {
                let groups = (0u32..).zip(&table.keys);
                let groups = groups.map(|(slot, &key)| Group { window: Some(window), key, slot });
                (peek.window, peek.reaches) = (Some(window), Some(reaches));
                peek.best = best(builder.beside(), groups, &table.states, keys);
            }),
            Open::Sessions(store) => {
                let group = |(window, key, slot)| Group { window: Some(window), key, slot };
                peek.best = best(builder, store.peek().map(group), store.states(), keys);
            }
            Open::Whole(table, _) => {
                let groups = (0u32..).zip(&table.keys);
                let groups = groups.map(|(slot, &key)| Group { window: None, key, slot });
                peek.best = best(builder, groups, &table.states, keys);
            }
            Open::RepeatedPanes(_) | Open::RepeatedSessions(_) | Open::RepeatedWhole(_) => {}
        }
        peek
    }
}

fn best(builder: RowBuilder, groups: impl Iterator<Item = Group>, states: &States, keys: &Keys) -> Best {
    match builder.plan().rank_call(states.width()) {
        Some(call) => {
            let (chosen, seen) = choose(&builder, groups, (states, call), keys);
            let passed_over = seen - chosen.len() as u64;
            let mut best = rows_of(builder, chosen.into_iter(), states, keys);
            best.pass_over(passed_over);
            best
        }
        None => rows_of(builder, groups, states, keys),
    }
}

/// The groups that rank first by a call, and how many there were.
fn choose(
    builder: &RowBuilder,
    groups: impl Iterator<Item = Group>,
    (states, call): (&States, usize),
    keys: &Keys,
) -> (Vec<Group>, u64) {
    let plan = builder.plan();
    let order = |a: &(Rank<'_>, Group), b: &(Rank<'_>, Group)| -> Ordering {
        let by_key = || keys.compare((keys.head(a.1.key), a.1.key), (keys.head(b.1.key), b.1.key));
        plan.order(&a.0, &b.0).then_with(by_key).then_with(|| a.1.window.cmp(&b.1.window))
    };
    let (mut first, mut seen) = (First::new(ROWS_MAX, order), 0);
    for group in groups {
        seen += 1;
        let span = Span { bounds: group.window.map(|window| (window.start, window.end)) };
        first.add((plan.rank(states, call, group.slot, span), group));
    }
    let mut chosen = first.finish();
    chosen.sort_unstable_by(order);
    (chosen.into_iter().map(|(_, group)| group).collect(), seen)
}

/// The best of these groups as rows. One that cannot be decided about yet is left out: it may be different when its
/// window fires.
fn rows_of(
    mut builder: RowBuilder,
    groups: impl Iterator<Item = Group>,
    states: &States,
    keys: &Keys,
) -> Best {
    let mut best = Best::default();
    let plan = builder.plan().clone();
    let mut begun = None;
    let mut rows = 0;
    for Group { window, key, slot } in groups {
        if begun != Some(window) {
            let flow = builder.begin(window, &mut |fired| {
                best.take(&plan, &fired);
                ControlFlow::Continue(())
            });
            debug_assert!(flow.is_continue(), "nobody breaks off");
            begun = Some(window);
        }
        rows += 1;
        let failed = builder.row(keys.get(key), keys.head(key), states, slot).is_break();
        if failed || rows % BLOCK_ROWS == 0 {
            best.take(&plan, &builder.take());
            begun = None;
        }
    }
    best.take(&plan, &builder.take());
    best
}
