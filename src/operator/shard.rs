//! One owner of keys: applies steps to the windows of its keys and turns what fires into rows.

mod open;
mod peek;
mod repeated;

use std::ops::ControlFlow;
use std::sync::Arc;

use super::fills::Fills;
use super::keys::Keys;
use super::loaded::{Loaded, Share};
use super::out::Out;
use super::peek::Peek;
use super::repeats::Repeats;
use super::saved::OwnerV1;
use super::saved_fills::FillsV6;
use super::saved_repeats::RepeatsV3;
use super::step::{Part, Step};
use super::table::{Group, Table};
use super::weight::Weight;
use super::{Held, Owner};
use crate::aggregate::states::Calls;
use crate::checkpoint::codec::Damage;
use crate::output::builder::{RowBuilder, RowsOf};
use crate::output::fired::{Fired, HandOn};
use crate::output::plan::RowPlan;
use crate::parse::batch::KeyColumn;
use crate::time::Form;
use crate::window::{Window, Windows};
use open::Open;

/// The windows of one shard's keys.
pub struct Shard {
    share: Share,
    calls: Calls,
    keys: Keys,
    /// What is open, of each kind of windows.
    kinds: Vec<Open>,
    /// The last rows of its keys, where windows without events have rows: of each kind that is kept as panes.
    fills: Vec<Option<Fills>>,
    repeats: Option<Repeats>,
    builder: RowBuilder,
    rows_added: u64,
    /// Rows whose keys it owns; of all rows and of these, those that are in time for a kind of windows; the groups of a
    /// window that fires; reused.
    owned: Vec<u32>,
    in_time: [Vec<u32>; 2],
    /// By kind of windows, whether what has changed of those that take in nothing more must be written.
    settling: Vec<bool>,
    groups: Vec<Group>,
}

impl Shard {
    /// The shard of these keys.
    pub fn new(
        share: Share,
        plan: Arc<RowPlan>,
        calls: &Calls,
        windows: &Windows,
        repeats: Option<Repeats>,
    ) -> Shard {
        Shard {
            share,
            calls: calls.clone(),
            keys: Keys::default(),
            kinds: windows.each().into_iter().map(|windows| Open::new(windows, calls, repeats)).collect(),
            fills: windows.each().into_iter().map(|windows| fills(&plan, windows)).collect(),
            repeats,
            builder: RowBuilder::new(plan),
            rows_added: 0,
            owned: Vec::new(),
            in_time: [Vec::new(), Vec::new()],
            settling: vec![false; windows.kinds()],
            groups: Vec::new(),
        }
    }
}

impl Owner for Shard {
    fn apply(&mut self, step: &Step, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        self.builder.set_form(step.form.unwrap_or(Form::Text));
        self.builder.set_brief(!step.ended);
        let flow = match self.repeats {
            None => self.add_and_fire(step, hand_on),
            Some(_) => self.apply_moments(step, hand_on),
        };
        if flow.is_break() && !self.builder.has_failed() {
            return flow;
        }
        hand_on(Fired { last: true, ..self.builder.take() })?;
        flow
    }

    fn taken(&self) -> u64 {
        self.rows_added
    }

    fn held(&self) -> Held {
        let mut held = self.kinds.iter().map(|open| open.held(&self.keys, self.rows_added));
        let first = held.next().unwrap_or_default();
        held.fold(first, |all, one| Held {
            windows: all.windows + one.windows,
            // They are the same keys and events.
            keys: all.keys.max(one.keys),
            oldest: all.oldest.into_iter().chain(one.oldest).min(),
            events: all.events.zip(one.events).map(|(all, one)| all.max(one)),
        })
    }

    fn peek(&mut self) -> Peek {
        self.look()
    }

    fn weigh(&self) -> Weight {
        let fills = self.fills.iter().flatten().map(Fills::weigh);
        self.kinds.iter().map(Open::weigh).chain(fills).chain([self.keys.weigh()]).sum()
    }

    fn save(&mut self) -> OwnerV1 {
        let keys = &mut self.keys;
        OwnerV1::of(self.kinds.iter_mut().map(|open| open.save(keys)).collect())
    }

    fn save_repeats(&self) -> Option<RepeatsV3> {
        let kinds: Option<Vec<_>> = self.kinds.iter().map(|open| open.save_repeats(&self.keys)).collect();
        kinds.map(RepeatsV3::of)
    }

    fn save_fills(&self) -> Vec<FillsV6> {
        if self.fills.iter().all(Option::is_none) {
            return Vec::new();
        }
        let saved =
            |fills: &Option<Fills>| fills.as_ref().map_or_else(FillsV6::default, |f| f.save(&self.keys));
        self.fills.iter().map(saved).collect()
    }

    fn load_fills(&mut self, saved: &[FillsV6]) -> Result<(), Damage> {
        let has_fills = self.fills.iter().any(Option::is_some);
        if has_fills == saved.is_empty() || (has_fills && saved.len() != self.fills.len()) {
            return Err(Damage::Content);
        }
        for ((fills, open), saved) in self.fills.iter_mut().zip(&self.kinds).zip(saved) {
            if let (Some(fills), Open::Panes(store)) = (fills, open) {
                fills.load(
                    saved,
                    (store.fired(), self.builder.plan().key_fields()),
                    self.share,
                    &mut self.keys,
                )?;
            }
        }
        Ok(())
    }

    fn decode<'s>(&self, saved: &'s OwnerV1) -> Result<Loaded<'s>, Damage> {
        Loaded::of(saved, &self.calls, self.share)
    }

    fn load(&mut self, loaded: &Loaded<'_>, repeats: Option<&RepeatsV3>) -> Result<(), Damage> {
        let (kinds, known) = (loaded.each(), repeats.map(RepeatsV3::each));
        if kinds.len() != self.kinds.len() || known.as_ref().is_some_and(|known| known.len() != kinds.len()) {
            return Err(Damage::Content);
        }
        for (n, (open, loaded)) in self.kinds.iter_mut().zip(kinds).enumerate() {
            open.load(loaded, known.as_ref().map(|known| known[n]), self.share, &mut self.keys)?;
        }
        Ok(())
    }
}

impl Shard {
    fn add_and_fire(&mut self, step: &Step, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        for part in &step.parts {
            let (mut from, mut fired) = (0, None);
            for &(to, watermark) in &part.fires {
                self.add(part, &part.rows[from..to], fired);
                self.fire(watermark, hand_on)?;
                (from, fired) = (to, Some(watermark));
            }
            self.add(part, &part.rows[from..], fired);
        }
        if !step.ended {
            return self.fire(step.watermark, hand_on);
        }
        self.fire(i64::MAX, hand_on)?;
        self.fire_whole(hand_on)
    }

    /// Adds rows of a part. With several kinds of windows an event may be late for some of them: `over` is the time
    /// up to which they take in nothing more, if there may be such a one among the rows.
    fn add(&mut self, part: &Part, rows: &[u32], over: Option<i64>) {
        let Shard { share, kinds, owned, in_time, keys, .. } = self;
        let mine = match share.owners {
            1 => rows,
            _ => {
                select_owned(*share, &part.batch.keys, rows, owned);
                owned
            }
        };
        self.rows_added += mine.len() as u64;
        match (over, &mut kinds[..]) {
            (None, kinds) => kinds.iter_mut().for_each(|open| open.add(part, rows, mine, keys)),
            (Some(_), [only]) => only.add(part, rows, mine, keys),
            (Some(over), kinds) => {
                for open in kinds {
                    let [all, own] = in_time;
                    for (in_time, rows) in [(&mut *all, rows), (&mut *own, mine)] {
                        in_time.clear();
                        in_time.extend_from_slice(rows);
                        open.retain_in_time(part, over, in_time);
                    }
                    open.add(part, all, own, keys);
                }
            }
        }
    }

    /// Fires what closes by a watermark: of several kinds of windows in the order in which they close.
    fn fire(&mut self, watermark: i64, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        if self.kinds.len() > 1 {
            let Shard { kinds, keys, .. } = self;
            while let Some(next) = kinds.iter_mut().filter_map(|open| open.next_firing(watermark, keys)).min()
            {
                let out = &mut Out::new(&mut self.builder, &mut self.groups, hand_on);
                fire_all(kinds, &mut self.fills, next, keys, out)?;
            }
        }
        let out = &mut Out::new(&mut self.builder, &mut self.groups, hand_on);
        fire_all(&mut self.kinds, &mut self.fills, watermark, &mut self.keys, out)
    }

    /// Fires what closes at the end alone.
    fn fire_whole(&mut self, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        let out = &mut Out::new(&mut self.builder, &mut self.groups, hand_on);
        self.kinds.iter_mut().try_for_each(|open| open.fire_whole(&mut self.keys, out))
    }
}

/// What it takes to fill gaps between these windows, if that is asked for.
fn fills(plan: &RowPlan, windows: &Windows) -> Option<Fills> {
    match windows {
        Windows::Panes(panes) if plan.fills() => Some(Fills::new(panes)),
        _ => None,
    }
}

/// Fires what closes by a watermark, one kind of windows after the other.
fn fire_all(
    kinds: &mut [Open],
    fills: &mut [Option<Fills>],
    watermark: i64,
    keys: &mut Keys,
    out: &mut Out<'_, '_>,
) -> ControlFlow<()> {
    for (n, (open, fills)) in kinds.iter_mut().zip(fills).enumerate() {
        out.builder.set_kind(n);
        open.fire(watermark, fills.as_mut(), keys, out)?;
    }
    ControlFlow::Continue(())
}

/// The rows of one window, in the order of keys.
fn emit_table(
    out: &mut Out<'_, '_>,
    window: Option<Window>,
    table: &Table,
    keys: &mut Keys,
) -> ControlFlow<()> {
    if table.keys.is_empty() {
        return ControlFlow::Continue(());
    }
    table.groups_in_order(keys, out.groups);
    out.builder.begin(window, out.hand_on)?;
    out.builder.leave_first(out.groups, &table.states);
    out.builder.rows(RowsOf::Window, out.groups, keys, &table.states, out.hand_on)
}

/// The same where windows without events have rows, too.
fn emit_filled(
    out: &mut Out<'_, '_>,
    window: Window,
    table: &Table,
    keys: &mut Keys,
    fills: &mut Fills,
) -> ControlFlow<()> {
    table.groups_in_order(keys, out.groups);
    if out.groups.is_empty() {
        return ControlFlow::Continue(());
    }
    fills.catch_up(window, keys, out)?;
    out.builder.begin(Some(window), out.hand_on)?;
    for n in 0..out.groups.len() {
        let Group { head, key, slot } = out.groups[n];
        out.builder.row(keys.get(key), head, &table.states, slot)?;
        fills.note(window, &out.groups[n], table, keys, out);
    }
    ControlFlow::Continue(())
}

/// The rows whose keys are in the share.
fn select_owned(share: Share, keys: &KeyColumn, rows: &[u32], owned: &mut Vec<u32>) {
    match keys.shared() {
        None => select(rows, owned, |row| share.takes(keys.hashes[row as usize])),
        Some(_) => select(rows, owned, |row| share.takes(keys.hashes[keys.number(row)])),
    }
}

/// The rows for which it holds. Without a branch, which could not be foreseen.
#[inline(always)]
fn select(rows: &[u32], selected: &mut Vec<u32>, holds: impl Fn(u32) -> bool) {
    selected.clear();
    selected.resize(rows.len(), 0);
    let mut count = 0;
    for &row in rows {
        selected[count] = row;
        count += usize::from(holds(row));
    }
    selected.truncate(count);
}
