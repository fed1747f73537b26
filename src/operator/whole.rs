//! The one table of `--window none` where it is written before the end, too.

use std::ops::ControlFlow;

use super::keys::Keys;
use super::loaded::{LoadedTable, Share};
use super::out::Out;
use super::repeats::{Marks, Repeats, Written};
use super::saved::TableV1;
use super::saved_repeats::{GroupsV3, WholeV3, WrittenV3};
use super::step::Part;
use super::table::{Additions, Table};
use super::weight::Weight;
use crate::aggregate::states::Calls;
use crate::checkpoint::codec::Damage;
use crate::output::fired::Timing;
use crate::window::Window;

/// The table of one shard.
pub struct RepeatedWhole {
    table: Table,
    additions: Additions,
    repeats: Repeats,
    /// Whether anything has changed since it was written, whoever owns it.
    has_changed: bool,
    /// The groups that have.
    changed: Marks,
    written: Written,
}

impl RepeatedWhole {
    /// Nothing yet.
    pub fn new(calls: &Calls, repeats: Repeats) -> RepeatedWhole {
        RepeatedWhole {
            table: Table::new(calls),
            additions: Additions::default(),
            repeats,
            has_changed: false,
            changed: Marks::default(),
            written: Written::new(repeats.whole),
        }
    }

    /// Adds rows of a part; `owned` are those among `rows` whose keys this shard owns.
    pub fn add(&mut self, part: &Part, rows: &[u32], owned: &[u32], keys: &mut Keys) {
        self.has_changed |= !rows.is_empty();
        self.table.find_slots(&part.batch, owned, keys, &mut self.additions);
        self.changed.mark(&self.additions.slots, self.table.keys.len());
        self.additions.apply(&mut self.table.states, &part.batch, part.first_record);
    }

    /// Memory taken up by the groups.
    pub fn weigh(&self) -> Weight {
        self.table.weigh()
    }

    /// Writes what has changed.
    pub fn write_early(&mut self, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        if !std::mem::take(&mut self.has_changed) {
            return ControlFlow::Continue(());
        }
        let mut groups: Vec<u32> =
            self.changed.slots().iter().map(|&slot| self.table.keys[slot as usize]).collect();
        self.changed.clear();
        let groups = Some(&mut groups).filter(|_| !self.repeats.whole);
        out.window((None, Timing::Early), &self.table, groups, &mut self.written, keys)
    }

    /// Writes all of it, at the end.
    pub fn close(&mut self, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        out.window((None, Timing::Final), &self.table, None, &mut self.written, keys)
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.table.keys.len()
    }

    /// The table as it is written.
    pub fn save(&self, keys: &Keys) -> TableV1 {
        self.table.save(keys)
    }

    /// What there is besides the table, as it is written.
    pub fn save_repeats(&self, keys: &Keys) -> WholeV3 {
        let groups = self.changed.slots().iter().map(|&slot| self.table.keys[slot as usize]);
        let bounds = Window { end: 0, start: 0 };
        WholeV3 {
            changed: self.has_changed,
            groups: GroupsV3::of(groups, keys),
            written: Some(WrittenV3::of(bounds, &self.written, keys)),
        }
    }

    /// Takes in what is its own of what was saved.
    pub fn load(
        &mut self,
        loaded: &LoadedTable<'_>,
        repeats: Option<&WholeV3>,
        share: Share,
        keys: &mut Keys,
    ) -> Result<(), Damage> {
        self.table.load(loaded, share, keys);
        let Some(saved) = repeats else { return Ok(()) };
        self.has_changed |= saved.changed;
        let own = saved.groups.own(share, keys)?;
        let slots: Vec<u32> = own.into_iter().filter_map(|(key, _)| self.table.find(key)).collect();
        self.changed.mark(&slots, self.table.keys.len());
        saved.written.iter().try_for_each(|written| written.load(&mut self.written, share, keys))
    }
}
