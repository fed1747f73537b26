//! One owner of keys: applies steps to the windows of its keys and turns what fires into rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::Owner;
use super::keys::Keys;
use super::panes::PaneStore;
use super::saved::{OwnerV1, Share};
use super::sessions::SessionStore;
use super::step::{Part, Step};
use super::table::{Additions, Calls, Table};
use crate::aggregate::Accumulators;
use crate::checkpoint::codec::Damage;
use crate::output::rows::{Fired, HandOn, RowBuilder, RowPlan};
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
}

// There is one of these per shard: its size does not matter.
#[expect(clippy::large_enum_variant)]
enum Open {
    Panes(PaneStore),
    Sessions(SessionStore),
    /// `--window none`: one table, which fires at the end.
    Whole(Table, Additions),
}

impl Shard {
    /// The shard of these keys.
    pub fn new(share: Share, plan: Arc<RowPlan>, calls: &Calls, windows: &Windows) -> Shard {
        Shard {
            share,
            calls: calls.clone(),
            keys: Keys::default(),
            windows: match windows {
                Windows::Panes(panes) => Open::Panes(PaneStore::new(panes, calls.clone())),
                Windows::Session { gap } => Open::Sessions(SessionStore::new(*gap, calls)),
                Windows::None => Open::Whole(Table::new(calls), Additions::default()),
            },
            builder: RowBuilder::new(plan),
            rows_added: 0,
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

    fn open(&self) -> usize {
        match &self.windows {
            Open::Panes(store) => store.open(),
            Open::Sessions(store) => store.open_count(),
            Open::Whole(table, _) => usize::from(!table.keys.is_empty()),
        }
    }

    fn save(&mut self) -> OwnerV1 {
        match &self.windows {
            Open::Panes(store) => OwnerV1::Panes(store.save(&mut self.keys)),
            Open::Sessions(store) => OwnerV1::Sessions(store.save(&self.keys)),
            Open::Whole(table, _) => OwnerV1::Whole(table.save(&self.keys)),
        }
    }

    fn load(&mut self, saved: &OwnerV1) -> Result<(), Damage> {
        let (share, keys) = (self.share, &mut self.keys);
        match (&mut self.windows, saved) {
            (Open::Panes(store), OwnerV1::Panes(saved)) => store.load(saved, share, keys),
            (Open::Sessions(store), OwnerV1::Sessions(saved)) => store.load(saved, &self.calls, share, keys),
            (Open::Whole(table, _), OwnerV1::Whole(saved)) => table.load(saved, &self.calls, share, keys),
            _ => Err(Damage::Content),
        }
    }
}

impl Shard {
    fn add_and_fire(&mut self, step: &Step, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
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
        let owned: Vec<u32>;
        let rows = if self.share.owners == 1 {
            rows
        } else {
            let hashes = &part.batch.keys.hashes;
            let mine = |&row: &u32| self.share.takes(hashes[row as usize]);
            owned = rows.iter().copied().filter(mine).collect();
            &owned
        };
        if rows.is_empty() {
            return;
        }
        self.rows_added += rows.len() as u64;
        match &mut self.windows {
            Open::Panes(store) => store.add(part, rows, &mut self.keys),
            Open::Sessions(store) => store.add(part, rows, &mut self.keys),
            Open::Whole(table, additions) => {
                let keys = &part.batch.keys;
                for &row in rows {
                    let key = self.keys.intern(keys.hashes[row as usize], keys.key(row));
                    additions.slots.push(table.slot(key, &mut self.keys));
                    additions.rows.push(row);
                }
                table.make_room();
                additions.apply(&mut table.columns, &part.batch, part.first_record);
            }
        }
    }

    fn fire(&mut self, watermark: i64, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        let builder = &mut self.builder;
        match &mut self.windows {
            Open::Panes(store) => store.fire(watermark, &mut self.keys, &mut |window, table, keys| {
                emit_table(builder, Some(window), table, keys, hand_on)
            }),
            Open::Sessions(store) => store.fire(watermark, &mut self.keys, &mut |session, keys| {
                builder.begin(Some(session.window), hand_on)?;
                builder.row(keys.get(session.key), session.columns, session.slot)
            }),
            Open::Whole(..) => ControlFlow::Continue(()),
        }
    }

    fn fire_whole(&mut self, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        match &self.windows {
            Open::Whole(table, _) => emit_table(&mut self.builder, None, table, &self.keys, hand_on),
            Open::Panes(_) | Open::Sessions(_) => ControlFlow::Continue(()),
        }
    }
}

/// The rows of one window, in the order of keys.
fn emit_table(
    builder: &mut RowBuilder,
    window: Option<Window>,
    table: &Table,
    keys: &Keys,
    hand_on: &mut HandOn<'_>,
) -> ControlFlow<()> {
    if table.keys.is_empty() {
        return ControlFlow::Continue(());
    }
    let mut groups: Vec<(u32, u32)> = table.keys.iter().copied().zip(0..).collect();
    keys.sort(&mut groups);
    builder.begin(window, hand_on)?;
    let columns: &[Box<dyn Accumulators>] = &table.columns;
    for (key, slot) in groups {
        builder.row(keys.get(key), columns, slot)?;
    }
    ControlFlow::Continue(())
}
