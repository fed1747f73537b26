//! Tumbling, hopping and cumulate windows that may be written more than once.
//!
//! The panes are those of [`PaneStore`], with marks on the groups that have changed since open windows were written
//! last; they stay until the allowed lateness of their last window is over. What has changed of a window that has
//! fired is noted with the window: such events are few, and it may have been written since the open ones were.

use std::collections::BTreeMap;
use std::mem;
use std::ops::ControlFlow;

use super::{OpenPane, PaneStore, fire_window};
use crate::aggregate::states::Calls;
use crate::checkpoint::codec::Damage;
use crate::operator::keys::Keys;
use crate::operator::loaded::{LoadedPanes, Share};
use crate::operator::out::Out;
use crate::operator::repeats::{Marks, Repeats, Written};
use crate::operator::saved::PanesV1;
use crate::operator::saved_repeats::{ChangedV3, GroupsV3, PanesV3, WrittenV3};
use crate::operator::step::Part;
use crate::operator::table::Table;
use crate::operator::weight::Weight;
use crate::output::fired::Timing;
use crate::window::{Pane, Panes, Window};

/// The panes of one shard.
pub struct RepeatedPanes {
    store: PaneStore,
    repeats: Repeats,
    /// What has fired has fired at this watermark or before.
    watermark: i64,
    /// By the start of their pane, the groups that have changed since open windows were written; where windows are
    /// written as a whole, that some have.
    changed: BTreeMap<i64, Marks>,
    /// Windows that have been written, and may be again.
    written: BTreeMap<Window, Written>,
    /// Windows that have changed since they fired: the keys of the groups, in no order; none where windows are written
    /// as a whole. Their panes stay until they have been written.
    pending: BTreeMap<Window, Vec<u32>>,
}

impl RepeatedPanes {
    /// No panes yet.
    pub fn new(panes: &Panes, calls: Calls, repeats: Repeats) -> RepeatedPanes {
        RepeatedPanes {
            store: PaneStore::new(panes, calls),
            repeats,
            watermark: i64::MIN,
            changed: BTreeMap::new(),
            written: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Adds rows of a part; `owned` are those among `rows` whose keys this shard owns.
    pub fn add(&mut self, part: &Part, rows: &[u32], owned: &[u32], keys: &mut Keys) {
        if self.repeats.whole {
            self.note(part, rows);
        }
        let mut sorted = self.store.divide(part, owned);
        for (pane, rows) in &sorted {
            self.add_to_pane(*pane, part, rows, keys);
        }
        self.store.give_back(&mut sorted);
    }

    /// Notes which panes get events, whoever owns their keys. All shards know the same of that, so that they count in
    /// the same way how often a window has been written.
    fn note(&mut self, part: &Part, rows: &[u32]) {
        let mut last = None;
        for &row in rows {
            let pane = self.store.pane_of(part, row);
            if last.replace(pane.start) == Some(pane.start) {
                continue;
            }
            let calls = &self.store.calls;
            self.store.panes.entry(pane.start).or_insert_with(|| OpenPane::new(calls, pane.last_end));
            if self.repeats.early {
                self.changed.entry(pane.start).or_default();
            }
            self.revise(pane, &[]);
        }
    }

    fn add_to_pane(&mut self, pane: Pane, part: &Part, rows: &[u32], keys: &mut Keys) {
        let store = &mut self.store;
        if let Some(running) = store.running.take_if(|running| running.has_taken(pane.start)) {
            // What has been put together is not what the windows hold any more; the next one begins anew.
            running.release(keys);
        }
        let (calls, additions) = (&store.calls, &mut store.additions);
        let open = store.panes.entry(pane.start).or_insert_with(|| OpenPane::new(calls, pane.last_end));
        open.events += rows.len() as u64;
        store.events += rows.len() as u64;
        open.table.find_slots(&part.batch, rows, keys, additions);
        let mut revised = Vec::new();
        if !self.repeats.whole {
            if self.repeats.early {
                let marks = self.changed.entry(pane.start).or_default();
                marks.mark(&additions.slots, open.table.keys.len());
            }
            if pane.first_end <= self.watermark {
                revised.extend(additions.slots.iter().map(|&slot| open.table.keys[slot as usize]));
            }
        }
        additions.apply(&mut open.table.states, &part.batch, part.first_record);
        if !revised.is_empty() {
            self.revise(pane, &revised);
        }
    }

    /// Groups of a pane have changed: notes it with those windows that have fired.
    fn revise(&mut self, pane: Pane, groups: &[u32]) {
        if pane.first_end > self.watermark {
            return;
        }
        let over = self.repeats.over(self.watermark);
        for window in self.store.finder.windows(pane.start, over, self.watermark) {
            self.pending.entry(window).or_default().extend_from_slice(groups);
        }
    }

    /// See [`PaneStore::next_firing`].
    pub fn next_firing(&mut self, watermark: i64) -> Option<i64> {
        self.store.next_firing(watermark)
    }

    /// See [`PaneStore::retain_in_time`].
    pub fn retain_in_time(&mut self, part: &Part, over: i64, rows: &mut Vec<u32>) {
        self.store.retain_in_time(part, over, rows);
    }

    /// Whether one of these rows of a part comes too late for some windows, and enters others, where what ends at `over`
    /// or before takes in nothing more.
    pub fn misses(&mut self, part: &Part, over: i64, rows: &[u32]) -> bool {
        rows.iter().any(|&row| {
            let pane = self.store.pane_of(part, row);
            pane.first_end <= over && over < pane.last_end
        })
    }

    /// Fires every window that ends at `watermark` or before, and forgets those whose allowed lateness is over.
    pub fn close(&mut self, watermark: i64, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        if watermark <= self.watermark {
            return ControlFlow::Continue(());
        }
        let RepeatedPanes { store, repeats, written, .. } = self;
        if store.has_ended(watermark) {
            store.fire_ended(watermark, keys, &mut |window, table, keys| {
                let record = written.entry(window).or_insert_with(|| Written::new(repeats.whole));
                out.window((Some(window), Timing::Final), table, None, record, keys)
            })?;
        }
        self.watermark = watermark;
        self.forget(keys);
        ControlFlow::Continue(())
    }

    /// Forgets windows whose allowed lateness is over, and panes of no others. Those that are still to be written stay.
    fn forget(&mut self, keys: &mut Keys) {
        let over = self.repeats.over(self.watermark);
        let needed = self.pending.first_key_value().map_or(i64::MAX, |(window, _)| window.start);
        while let Some(first) = self.written.first_entry()
            && first.key().end <= over
            && first.key().end <= needed
        {
            first.remove();
        }
        if let Some(running) = &mut self.store.running
            && needed == i64::MAX
        {
            running.close(over, &self.store.panes);
        }
        while let Some(first) = self.store.panes.first_entry()
            && first.get().last_end <= over
            && *first.key() < needed
        {
            let (start, pane) = first.remove_entry();
            if let Some(running) = &mut self.store.running {
                running.drop_pane(start, &pane);
            }
            self.store.events -= pane.events;
            pane.table.release(keys);
            self.changed.remove(&start);
        }
    }

    /// Writes what has changed of windows that have fired and end at `end` or before.
    fn write_pending(&mut self, end: i64, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        let whole = self.repeats.whole;
        while let Some(first) = self.pending.first_entry()
            && first.key().end <= end
        {
            let (window, mut groups) = first.remove_entry();
            let store = &mut self.store;
            groups.sort_unstable();
            groups.dedup();
            store.merged.reset(&store.calls);
            let mut panes = store.panes.range(window.start..window.end).map(|(_, open)| &open.table);
            let table = match panes.next() {
                // A window that is one pane is written as it stands.
                Some(only) if whole && panes.clone().next().is_none() => only,
                first => {
                    first.into_iter().chain(panes).for_each(|table| match whole {
                        true => store.merged.merge(table, keys),
                        false => store.merged.merge_chosen(table, &groups, keys),
                    });
                    &store.merged
                }
            };
            let record = self.written.entry(window).or_insert_with(|| Written::new(whole));
            out.window((Some(window), Timing::Revised), table, None, record, keys)?;
        }
        self.forget(keys);
        ControlFlow::Continue(())
    }

    /// Writes what has changed of windows that take in nothing more.
    pub fn settle(&mut self, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        self.write_pending(self.repeats.over(self.watermark), keys, out)
    }

    /// Writes what has changed of windows that have fired.
    pub fn write_revised(&mut self, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        self.write_pending(i64::MAX, keys, out)
    }

    /// Writes what has changed of windows that are open.
    pub fn write_early(&mut self, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        let changed = mem::take(&mut self.changed);
        let (mut running, mut found, mut last) = (None, self.watermark, None);
        for &start in changed.keys() {
            let Some(last_end) = self.store.panes.get(&start).map(|open| open.last_end) else { continue };
            let windows = self.store.finder.windows(start, found, i64::MAX);
            let (panes, merged) = (&self.store.panes, &mut self.store.merged);
            for window in windows {
                // As when they fire: windows without the earlier pane come behind all that it had.
                if last.is_none_or(|last| last < window) {
                    last = Some(window);
                    let whole = self.repeats.whole;
                    let record = self.written.entry(window).or_insert_with(|| Written::new(whole));
                    let mut groups = chosen(&changed, panes, window);
                    let calls = &self.store.calls;
                    fire_window(window, panes, &mut running, merged, calls, keys, &mut |_, table, keys| {
                        let groups = Some(&mut groups).filter(|_| !whole);
                        out.window((Some(window), Timing::Early), table, groups, record, keys)
                    })?;
                }
            }
            found = found.max(last_end - 1);
        }
        if let Some(running) = running {
            running.release(keys);
        }
        ControlFlow::Continue(())
    }

    /// The panes as they are written.
    pub fn save(&self, keys: &mut Keys) -> PanesV1 {
        self.store.save(keys)
    }

    /// What there is besides the panes, as it is written.
    pub fn save_repeats(&self, keys: &Keys) -> PanesV3 {
        let changed = self.changed.iter().filter_map(|(&start, marks)| {
            let table = &self.store.panes.get(&start)?.table;
            let groups = marks.slots().iter().map(|&slot| table.keys[slot as usize]);
            Some(ChangedV3 { start, end: 0, groups: GroupsV3::of(groups, keys) })
        });
        let pending = self.pending.iter().map(|(window, groups)| {
            let groups = GroupsV3::of(groups.iter().copied(), keys);
            ChangedV3 { start: window.start, end: window.end, groups }
        });
        PanesV3 {
            changed: changed.collect(),
            pending: pending.collect(),
            written: self
                .written
                .iter()
                .map(|(&window, written)| WrittenV3::of(window, written, keys))
                .collect(),
        }
    }

    /// Takes in what is its own of what was saved.
    pub fn load(
        &mut self,
        loaded: &LoadedPanes<'_>,
        repeats: Option<&PanesV3>,
        share: Share,
        keys: &mut Keys,
    ) -> Result<(), Damage> {
        self.store.load(loaded, share, keys);
        self.watermark = loaded.fired;
        let Some(saved) = repeats else { return Ok(()) };
        for changed in &saved.changed {
            let marks = self.changed.entry(changed.start).or_default();
            let Some(open) = self.store.panes.get(&changed.start) else { continue };
            let own = changed.groups.own(share, keys)?;
            let slots: Vec<u32> = own.into_iter().filter_map(|(key, _)| open.table.find(key)).collect();
            marks.mark(&slots, open.table.keys.len());
        }
        for pending in &saved.pending {
            let own = pending.groups.own(share, keys)?;
            let window = Window { end: pending.end, start: pending.start };
            if window.end <= window.start {
                return Err(Damage::Content);
            }
            self.pending.entry(window).or_default().extend(own.into_iter().map(|(key, _)| key));
        }
        for written in &saved.written {
            let whole = self.repeats.whole;
            let record = self.written.entry(written.window()).or_insert_with(|| Written::new(whole));
            written.load(record, share, keys)?;
        }
        if !self.repeats.whole {
            // What is another owner's.
            self.changed.retain(|_, marks| !marks.slots().is_empty());
            self.pending.retain(|_, groups| !groups.is_empty());
        }
        Ok(())
    }

    /// How many panes are held.
    pub fn open(&self) -> usize {
        self.store.open()
    }

    /// How many events they hold, where none of these has been written; `None` where that is not known, since windows
    /// that have fired stay for late events.
    pub fn events(&self) -> Option<u64> {
        (self.repeats.lateness == 0).then(|| self.store.events())
    }

    /// Memory taken up by their groups.
    pub fn weigh(&self) -> Weight {
        self.store.weigh()
    }

    /// Where the oldest of them starts.
    pub fn oldest(&self) -> Option<i64> {
        self.store.oldest()
    }
}

/// The keys of the groups of a window that have changed, some of them perhaps repeated.
fn chosen(changed: &BTreeMap<i64, Marks>, panes: &BTreeMap<i64, OpenPane>, window: Window) -> Vec<u32> {
    let mut chosen = Vec::new();
    for (start, marks) in changed.range(window.start..window.end) {
        let table: Option<&Table> = panes.get(start).map(|open| &open.table);
        chosen.extend(
            table.iter().flat_map(|table| marks.slots().iter().map(|&slot| table.keys[slot as usize])),
        );
    }
    chosen
}
