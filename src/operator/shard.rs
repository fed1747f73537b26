//! One owner of keys: applies steps to the windows of its keys and turns what fires into rows.

mod repeated;

use std::ops::ControlFlow;
use std::sync::Arc;

use super::keys::Keys;
use super::loaded::{Loaded, Share};
use super::panes::PaneStore;
use super::panes::repeated::RepeatedPanes;
use super::repeats::Repeats;
use super::saved::OwnerV1;
use super::saved_repeats::RepeatsV3;
use super::sessions::SessionStore;
use super::sessions::repeated::RepeatedSessions;
use super::step::{Part, Step};
use super::table::{Additions, Calls, Group, Table};
use super::weight::Weight;
use super::whole::RepeatedWhole;
use super::{Held, Owner};
use crate::aggregate::Accumulators;
use crate::checkpoint::codec::Damage;
use crate::output::rows::{Fired, HandOn, RowBuilder, RowPlan};
use crate::prefetch::AHEAD;
use crate::time::Form;
use crate::window::{Window, Windows};

/// The windows of one shard's keys.
pub struct Shard {
    share: Share,
    calls: Calls,
    keys: Keys,
    windows: Open,
    builder: RowBuilder,
    rows_added: u64,
    /// Rows whose keys it owns, and the groups of a window that fires; reused.
    owned: Vec<u32>,
    groups: Vec<Group>,
}

enum Open {
    Panes(PaneStore),
    Sessions(SessionStore),
    /// `--window none`: one table, which fires at the end.
    Whole(Table, Additions),
    /// The same where windows may be written more than once.
    RepeatedPanes(RepeatedPanes),
    RepeatedSessions(RepeatedSessions),
    RepeatedWhole(RepeatedWhole),
}

impl Open {
    /// Nothing yet.
    fn new(windows: &Windows, calls: &Calls, repeats: Option<Repeats>) -> Open {
        match (windows, repeats) {
            (Windows::Panes(panes), None) => Open::Panes(PaneStore::new(panes, calls.clone())),
            (Windows::Session { gap }, None) => Open::Sessions(SessionStore::new(*gap, calls)),
            (Windows::None, None) => Open::Whole(Table::new(calls), Additions::default()),
            (Windows::Panes(panes), Some(repeats)) => {
                Open::RepeatedPanes(RepeatedPanes::new(panes, calls.clone(), repeats))
            }
            (Windows::Session { gap }, Some(repeats)) => {
                Open::RepeatedSessions(RepeatedSessions::new(*gap, calls, repeats))
            }
            (Windows::None, Some(repeats)) => Open::RepeatedWhole(RepeatedWhole::new(calls, repeats)),
        }
    }
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
            windows: Open::new(windows, calls, repeats),
            builder: RowBuilder::new(plan),
            rows_added: 0,
            owned: Vec::new(),
            groups: Vec::new(),
        }
    }
}

impl Owner for Shard {
    fn apply(&mut self, step: &Step, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        self.builder.set_form(step.form.unwrap_or(Form::Text));
        let flow = self.add_and_fire(step, hand_on);
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
        let (windows, keys, oldest) = match &self.windows {
            Open::Panes(store) => (store.open(), self.keys.used(), store.oldest()),
            Open::Sessions(store) => (store.open_count(), self.keys.used(), None),
            Open::Whole(table, _) => (usize::from(!table.keys.is_empty()), table.keys.len(), None),
            Open::RepeatedPanes(store) => (store.open(), self.keys.used(), store.oldest()),
            Open::RepeatedSessions(store) => (store.held_count(), self.keys.used(), None),
            Open::RepeatedWhole(whole) => (usize::from(whole.groups() > 0), whole.groups(), None),
        };
        let events = match &self.windows {
            Open::Panes(store) => Some(store.events()),
            Open::RepeatedPanes(store) => store.events(),
            Open::Whole(..) | Open::RepeatedWhole(_) => Some(self.rows_added),
            Open::Sessions(_) | Open::RepeatedSessions(_) => None,
        };
        Held { windows: windows as u64, keys: keys as u64, oldest, events }
    }

    fn weigh(&self) -> Weight {
        let mut weight = self.keys.weigh();
        weight += match &self.windows {
            Open::Panes(store) => store.weigh(),
            Open::Sessions(store) => store.weigh(),
            Open::Whole(table, _) => table.weigh(),
            Open::RepeatedPanes(store) => store.weigh(),
            Open::RepeatedSessions(store) => store.weigh(),
            Open::RepeatedWhole(whole) => whole.weigh(),
        };
        weight
    }

    fn save(&mut self) -> OwnerV1 {
        match &mut self.windows {
            Open::Panes(store) => OwnerV1::Panes(store.save(&mut self.keys)),
            Open::Sessions(store) => OwnerV1::Sessions(store.save(&self.keys)),
            Open::Whole(table, _) => OwnerV1::Whole(table.save(&self.keys)),
            Open::RepeatedPanes(store) => OwnerV1::Panes(store.save(&mut self.keys)),
            Open::RepeatedSessions(store) => OwnerV1::Sessions(store.store().save(&self.keys)),
            Open::RepeatedWhole(whole) => OwnerV1::Whole(whole.save(&self.keys)),
        }
    }

    fn save_repeats(&self) -> Option<RepeatsV3> {
        match &self.windows {
            Open::Panes(_) | Open::Sessions(_) | Open::Whole(..) => None,
            Open::RepeatedPanes(store) => Some(RepeatsV3::Panes(store.save_repeats(&self.keys))),
            Open::RepeatedSessions(store) => Some(RepeatsV3::Sessions(store.save_repeats())),
            Open::RepeatedWhole(whole) => Some(RepeatsV3::Whole(whole.save_repeats(&self.keys))),
        }
    }

    fn decode<'s>(&self, saved: &'s OwnerV1) -> Result<Loaded<'s>, Damage> {
        Loaded::of(saved, &self.calls, self.share)
    }

    fn load(&mut self, loaded: &Loaded<'_>, repeats: Option<&RepeatsV3>) -> Result<(), Damage> {
        let (share, keys) = (self.share, &mut self.keys);
        match (&mut self.windows, loaded) {
            (Open::Panes(store), Loaded::Panes(loaded)) => store.load(loaded, share, keys),
            (Open::Sessions(store), Loaded::Sessions(loaded)) => {
                store.load(loaded, share, keys);
            }
            (Open::RepeatedPanes(store), Loaded::Panes(loaded)) => {
                let repeats = repeats.map(RepeatsV3::panes).transpose()?;
                store.load(loaded, repeats, share, keys)?;
            }
            (Open::RepeatedSessions(store), Loaded::Sessions(loaded)) => {
                let repeats = repeats.map(RepeatsV3::sessions).transpose()?;
                store.load(loaded, repeats, share, keys)?;
            }
            (Open::RepeatedWhole(whole), Loaded::Whole(loaded)) => {
                let repeats = repeats.map(RepeatsV3::whole).transpose()?;
                whole.load(loaded, repeats, share, keys)?;
            }
            (Open::Whole(table, _), Loaded::Whole(loaded)) => table.load(loaded, share, keys),
            _ => return Err(Damage::Content),
        }
        Ok(())
    }
}

impl Shard {
    fn add_and_fire(&mut self, step: &Step, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        if let Open::RepeatedPanes(_) | Open::RepeatedSessions(_) | Open::RepeatedWhole(_) = &self.windows {
            return self.apply_moments(step, hand_on);
        }
        for part in &step.parts {
            let mut from = 0;
            for &(to, watermark) in &part.fires {
                self.add(part, &part.rows[from..to]);
                self.fire(watermark, hand_on)?;
                from = to;
            }
            self.add(part, &part.rows[from..]);
        }
        if !step.ended {
            return self.fire(step.watermark, hand_on);
        }
        self.fire(i64::MAX, hand_on)?;
        self.fire_whole(hand_on)
    }

    fn add(&mut self, part: &Part, rows: &[u32]) {
        let mut owned = std::mem::take(&mut self.owned);
        if self.share.owners == 1 {
            self.add_owned(part, rows);
        } else {
            select_owned(self.share, &part.batch.keys.hashes, rows, &mut owned);
            self.add_owned(part, &owned);
        }
        self.owned = owned;
    }

    fn add_owned(&mut self, part: &Part, rows: &[u32]) {
        if rows.is_empty() {
            return;
        }
        self.rows_added += rows.len() as u64;
        match &mut self.windows {
            Open::Panes(store) => store.add(part, rows, &mut self.keys),
            Open::Sessions(store) => store.add(part, rows, &mut self.keys),
            Open::Whole(table, additions) => {
                table.add(&part.batch, part.first_record, rows, &mut self.keys, additions);
            }
            Open::RepeatedPanes(_) | Open::RepeatedSessions(_) | Open::RepeatedWhole(_) => {}
        }
    }

    fn fire(&mut self, watermark: i64, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        let (builder, groups) = (&mut self.builder, &mut self.groups);
        match &mut self.windows {
            Open::Panes(store) => store.fire(watermark, &mut self.keys, &mut |window, table, keys| {
                emit_table(builder, Some(window), table, keys, groups, hand_on)
            }),
            Open::Sessions(store) => store.fire(watermark, &mut self.keys, &mut |session, keys| {
                builder.begin(Some(session.window), hand_on)?;
                builder.row(keys.get(session.key), session.head, session.columns, session.slot)
            }),
            _ => ControlFlow::Continue(()),
        }
    }

    fn fire_whole(&mut self, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        match &self.windows {
            Open::Whole(table, _) => {
                emit_table(&mut self.builder, None, table, &mut self.keys, &mut self.groups, hand_on)
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The rows of one window, in the order of keys.
fn emit_table(
    builder: &mut RowBuilder,
    window: Option<Window>,
    table: &Table,
    keys: &mut Keys,
    groups: &mut Vec<Group>,
    hand_on: &mut HandOn<'_>,
) -> ControlFlow<()> {
    if table.keys.is_empty() {
        return ControlFlow::Continue(());
    }
    table.groups_in_order(keys, groups);
    builder.begin(window, hand_on)?;
    let columns: &[Box<dyn Accumulators>] = &table.columns;
    for (n, &Group { head, key, slot }) in groups.iter().enumerate() {
        if let Some(ahead) = groups.get(n + AHEAD) {
            keys.prefetch(ahead.key);
            columns.iter().for_each(|column| column.prefetch(ahead.slot));
        }
        builder.row(keys.get(key), head, columns, slot)?;
    }
    ControlFlow::Continue(())
}

/// The rows whose keys are in the share. Without a branch, which could not be foreseen.
fn select_owned(share: Share, hashes: &[u64], rows: &[u32], owned: &mut Vec<u32>) {
    owned.clear();
    owned.resize(rows.len(), 0);
    let mut count = 0;
    for &row in rows {
        owned[count] = row;
        count += usize::from(share.takes(hashes[row as usize]));
    }
    owned.truncate(count);
}
