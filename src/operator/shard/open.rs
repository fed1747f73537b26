//! What is open of one kind of windows in one shard, whatever its kind.

use std::ops::ControlFlow;

use super::{emit_filled, emit_table};
use crate::aggregate::states::Calls;
use crate::checkpoint::codec::Damage;
use crate::operator::Held;
use crate::operator::fills::Fills;
use crate::operator::keys::Keys;
use crate::operator::loaded::{Loaded, Share};
use crate::operator::out::Out;
use crate::operator::panes::PaneStore;
use crate::operator::panes::repeated::RepeatedPanes;
use crate::operator::repeats::Repeats;
use crate::operator::saved::OwnerV1;
use crate::operator::saved_repeats::{Known, RepeatsV3};
use crate::operator::sessions::SessionStore;
use crate::operator::sessions::repeated::RepeatedSessions;
use crate::operator::step::{Due, Part};
use crate::operator::table::{Additions, Table};
use crate::operator::weight::Weight;
use crate::operator::whole::RepeatedWhole;
use crate::output::builder::RowsOf;
use crate::window::Windows;

/// The open windows of one kind.
pub enum Open {
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
    /// Nothing yet, of windows of one kind.
    pub fn new(windows: &Windows, calls: &Calls, repeats: Option<Repeats>) -> Open {
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
            (Windows::Several(_), _) => unreachable!("each kind is kept by itself"),
        }
    }

    /// Adds rows of a part; `owned` are those among `rows` whose keys this shard owns.
    pub fn add(&mut self, part: &Part, rows: &[u32], owned: &[u32], keys: &mut Keys) {
        match self {
            Open::Panes(store) => store.add(part, owned, keys),
            Open::Sessions(store) => store.add(part, owned, keys),
            Open::Whole(table, additions) => {
                table.add(&part.batch, part.first_record, owned, keys, additions);
            }
            Open::RepeatedPanes(store) => store.add(part, rows, owned, keys),
            Open::RepeatedSessions(store) => store.store().add(part, owned, keys),
            Open::RepeatedWhole(whole) => whole.add(part, rows, owned, keys),
        }
    }

    /// Leaves those rows of a part that are not late here where what ends at `over` or before takes in nothing more.
    pub fn retain_in_time(&mut self, part: &Part, over: i64, rows: &mut Vec<u32>) {
        match self {
            Open::Panes(store) => store.retain_in_time(part, over, rows),
            Open::RepeatedPanes(store) => store.retain_in_time(part, over, rows),
            Open::Sessions(_) | Open::RepeatedSessions(_) => {
                rows.retain(|&row| part.batch.time[row as usize] >= over);
            }
            Open::Whole(..) | Open::RepeatedWhole(_) => {}
        }
    }

    /// Whether one of these rows of a part comes too late for some windows, and enters others, where what ends at `over`
    /// or before takes in nothing more.
    pub fn misses(&mut self, part: &Part, over: i64, rows: &[u32]) -> bool {
        match self {
            Open::RepeatedPanes(store) => store.misses(part, over, rows),
            _ => false,
        }
    }

    /// At which watermark something fires next, if it is `watermark` or less. All that fires by then must be fired
    /// before anything is added.
    pub fn next_firing(&mut self, watermark: i64, keys: &Keys) -> Option<i64> {
        match self {
            Open::Panes(store) => store.next_firing(watermark),
            Open::Sessions(store) => store.next_firing(watermark, keys),
            Open::RepeatedPanes(store) => store.next_firing(watermark),
            Open::RepeatedSessions(store) => store.next_firing(watermark, keys),
            Open::Whole(..) | Open::RepeatedWhole(_) => None,
        }
    }

    /// Fires what closes by a watermark; `fills` is there where windows without events have rows, too.
    pub fn fire(
        &mut self,
        watermark: i64,
        fills: Option<&mut Fills>,
        keys: &mut Keys,
        out: &mut Out<'_, '_>,
    ) -> ControlFlow<()> {
        match self {
            Open::Panes(store) => match fills {
                None => store.fire(watermark, keys, &mut |window, table, keys| {
                    emit_table(out, Some(window), table, keys)
                }),
                Some(fills) => store.fire(watermark, keys, &mut |window, table, keys| {
                    emit_filled(out, window, table, keys, fills)
                }),
            },
            Open::Sessions(store) => store.fire(watermark, keys, &mut |fired, keys| {
                let of = RowsOf::Sessions(fired.windows);
                out.builder.rows(of, fired.groups, keys, fired.states, out.hand_on)
            }),
            Open::RepeatedPanes(store) => store.close(watermark, keys, out),
            Open::RepeatedSessions(store) => store.close(watermark, keys, out),
            Open::Whole(..) | Open::RepeatedWhole(_) => ControlFlow::Continue(()),
        }
    }

    /// Fires what closes at the end alone.
    pub fn fire_whole(&mut self, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        match self {
            Open::Whole(table, _) => emit_table(out, None, table, keys),
            Open::RepeatedWhole(whole) => whole.close(keys, out),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Writes what is due besides, where windows may be written more than once.
    pub fn write(&mut self, due: Due, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        match self {
            Open::RepeatedPanes(store) => match due {
                Due::Close => ControlFlow::Continue(()),
                Due::Settle => store.settle(keys, out),
                Due::Revise => store.write_revised(keys, out),
                Due::Emit => {
                    store.write_revised(keys, out)?;
                    store.write_early(keys, out)
                }
            },
            Open::RepeatedSessions(store) => match due {
                // Nothing comes for a session whose allowed lateness is over.
                Due::Close | Due::Settle => ControlFlow::Continue(()),
                Due::Revise | Due::Emit => store.write_changed(due == Due::Emit, keys, out),
            },
            Open::RepeatedWhole(whole) if due == Due::Emit => whole.write_early(keys, out),
            _ => ControlFlow::Continue(()),
        }
    }

    /// How much is held. Keys are counted here or among `keys`; so many events have been added.
    pub fn held(&self, keys: &Keys, events_added: u64) -> Held {
        let (windows, keys, oldest) = match self {
            Open::Panes(store) => (store.open(), keys.used(), store.oldest()),
            Open::Sessions(store) => (store.open_count(), keys.used(), None),
            Open::Whole(table, _) => (usize::from(!table.keys.is_empty()), table.keys.len(), None),
            Open::RepeatedPanes(store) => (store.open(), keys.used(), store.oldest()),
            Open::RepeatedSessions(store) => (store.held_count(), keys.used(), None),
            Open::RepeatedWhole(whole) => (usize::from(whole.groups() > 0), whole.groups(), None),
        };
        let events = match self {
            Open::Panes(store) => Some(store.events()),
            Open::RepeatedPanes(store) => store.events(),
            Open::Whole(..) | Open::RepeatedWhole(_) => Some(events_added),
            Open::Sessions(_) | Open::RepeatedSessions(_) => None,
        };
        Held { windows: windows as u64, keys: keys as u64, oldest, events }
    }

    /// How much memory that takes up, about, without the keys.
    pub fn weigh(&self) -> Weight {
        match self {
            Open::Panes(store) => store.weigh(),
            Open::Sessions(store) => store.weigh(),
            Open::Whole(table, _) => table.weigh(),
            Open::RepeatedPanes(store) => store.weigh(),
            Open::RepeatedSessions(store) => store.weigh(),
            Open::RepeatedWhole(whole) => whole.weigh(),
        }
    }

    /// What is open, as it is written.
    pub fn save(&mut self, keys: &mut Keys) -> OwnerV1 {
        match self {
            Open::Panes(store) => OwnerV1::Panes(store.save(keys)),
            Open::Sessions(store) => OwnerV1::Sessions(store.save(keys)),
            Open::Whole(table, _) => OwnerV1::Whole(table.save(keys)),
            Open::RepeatedPanes(store) => OwnerV1::Panes(store.save(keys)),
            Open::RepeatedSessions(store) => OwnerV1::Sessions(store.store().save(keys)),
            Open::RepeatedWhole(whole) => OwnerV1::Whole(whole.save(keys)),
        }
    }

    /// What is known besides of windows that may be written more than once, as it is written.
    pub fn save_repeats(&self, keys: &Keys) -> Option<RepeatsV3> {
        match self {
            Open::Panes(_) | Open::Sessions(_) | Open::Whole(..) => None,
            Open::RepeatedPanes(store) => Some(RepeatsV3::Panes(store.save_repeats(keys))),
            Open::RepeatedSessions(store) => Some(RepeatsV3::Sessions(store.save_repeats())),
            Open::RepeatedWhole(whole) => Some(RepeatsV3::Whole(whole.save_repeats(keys))),
        }
    }

    /// Takes in what is its own of what was saved.
    pub fn load(
        &mut self,
        loaded: &Loaded<'_>,
        known: Option<Known<'_>>,
        share: Share,
        keys: &mut Keys,
    ) -> Result<(), Damage> {
        match (self, loaded) {
            (Open::Panes(store), Loaded::Panes(loaded)) => store.load(loaded, share, keys),
            (Open::Sessions(store), Loaded::Sessions(loaded)) => {
                store.load(loaded, share, keys);
            }
            (Open::Whole(table, _), Loaded::Whole(loaded)) => table.load(loaded, share, keys),
            (Open::RepeatedPanes(store), Loaded::Panes(loaded)) => {
                store.load(loaded, known.map(Known::panes).transpose()?, share, keys)?;
            }
            (Open::RepeatedSessions(store), Loaded::Sessions(loaded)) => {
                store.load(loaded, known.map(Known::sessions).transpose()?, share, keys)?;
            }
            (Open::RepeatedWhole(whole), Loaded::Whole(loaded)) => {
                whole.load(loaded, known.map(Known::whole).transpose()?, share, keys)?;
            }
            _ => return Err(Damage::Content),
        }
        Ok(())
    }
}
