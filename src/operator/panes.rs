//! Open tumbling, hopping and cumulate windows, kept as panes: an event is added once, whatever the number of
//! windows it belongs to; a window that fires merges its panes.

mod peek;
pub mod repeated;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::keys::Keys;
use super::loaded::{LoadedPanes, Share};
use super::running::Running;
use super::saved::{PaneV1, PanesV1};
use super::step::Part;
use super::table::{Additions, Table};
use super::weight::Weight;
use crate::aggregate::states::Calls;
use crate::time;
use crate::window::{Pane, PaneFinder, Panes, Window};

/// So many panes of a part are sifted out of its rows one by one.
const PANES_SIFTED_MAX: usize = 4;

/// The open panes of one shard.
pub struct PaneStore {
    finder: PaneFinder,
    calls: Calls,
    panes: BTreeMap<i64, OpenPane>,
    /// How many events have been added to them.
    events: u64,
    /// What windows of several panes have put together, once there has been one.
    running: Option<Running>,
    /// The groups of the window of several panes that was fired last; its room is used again.
    merged: Table,
    /// The table of a pane that has gone, for the next one: empty, with room for about as many groups.
    spare_table: Option<Table>,
    /// Windows that end here or before have fired.
    fired: i64,
    /// No window ends after `fired` and before this.
    next_end: i64,
    /// Of panes that start before this all windows have fired: those that are there wait for late events.
    settled: i64,
    additions: Additions,
    /// The rows of a part by pane, in order of appearance; empty between calls, as are the places.
    sorted: Vec<(Pane, Vec<u32>)>,
    /// Where in `sorted` a pane stands, by its start.
    places: HashMap<i64, usize>,
    /// Row lists that are not in use; each has room for about what it held.
    spare: Vec<Vec<u32>>,
    /// The rows of a part that are in no pane yet, and those of a pane that is sifted out.
    left: Vec<u32>,
    room: Vec<u32>,
}

/// What gets each window that fires, with its groups; it may break off.
pub type Emit<'e> = dyn FnMut(Window, &Table, &mut Keys) -> ControlFlow<()> + 'e;

/// A pane some of whose windows have not fired.
pub struct OpenPane {
    /// Its groups.
    pub table: Table,
    /// When the last window that contains it closes.
    last_end: i64,
    /// How many events have been added to it in this run.
    events: u64,
}

impl OpenPane {
    /// An empty pane.
    pub fn new(calls: &Calls, last_end: i64) -> OpenPane {
        OpenPane::with(Table::new(calls), last_end)
    }

    /// Whether all windows that contain it have closed by this watermark.
    pub fn closes_by(&self, watermark: i64) -> bool {
        self.last_end <= watermark
    }

    /// A pane with this table, which is empty.
    fn with(table: Table, last_end: i64) -> OpenPane {
        OpenPane { table, last_end, events: 0 }
    }
}

impl PaneStore {
    /// No panes yet.
    pub fn new(panes: &Panes, calls: Calls) -> PaneStore {
        PaneStore {
            finder: PaneFinder::new(panes),
            merged: Table::passing(&calls),
            spare_table: None,
            calls,
            panes: BTreeMap::new(),
            events: 0,
            running: None,
            fired: i64::MIN,
            next_end: i64::MIN,
            settled: i64::MIN,
            additions: Additions::default(),
            sorted: Vec::new(),
            places: HashMap::new(),
            spare: Vec::new(),
            left: Vec::new(),
            room: Vec::new(),
        }
    }

    /// Adds rows of a part; `rows` are those whose keys this shard owns.
    pub fn add(&mut self, part: &Part, rows: &[u32], keys: &mut Keys) {
        let mut sorted = self.divide(part, rows);
        for (pane, rows) in &sorted {
            self.add_to_pane(*pane, part, rows, keys);
        }
        self.give_back(&mut sorted);
    }

    /// Rows of a part by pane, in order of appearance.
    fn divide(&mut self, part: &Part, rows: &[u32]) -> Vec<(Pane, Vec<u32>)> {
        // Most rows are of one pane or two: one pane after the other, without a branch that could not be foreseen.
        let (mut left, mut room) = (std::mem::take(&mut self.left), std::mem::take(&mut self.room));
        left.clear();
        left.extend_from_slice(rows);
        while self.sorted.len() < PANES_SIFTED_MAX
            && let Some(&first) = left.first()
        {
            let pane = self.pane_of(part, first);
            sift(&pane, &part.batch.time, &mut left, &mut room);
            let mut own = self.spare.pop().unwrap_or_default();
            own.extend_from_slice(&room);
            self.sorted.push((pane, own));
        }
        self.divide_by_map(part, &left);
        (self.left, self.room) = (left, room);
        std::mem::take(&mut self.sorted)
    }

    /// Divides rows of any number of other panes.
    fn divide_by_map(&mut self, part: &Part, rows: &[u32]) {
        let mut here = self.sorted.len();
        for &row in rows {
            let pane = self.pane_of(part, row);
            // Neighbouring events mostly share a pane.
            if self.sorted.get(here).is_none_or(|(last, _)| last.start != pane.start) {
                here = *self.places.entry(pane.start).or_insert(self.sorted.len());
                if here == self.sorted.len() {
                    self.sorted.push((pane, self.spare.pop().unwrap_or_default()));
                }
            }
            self.sorted[here].1.push(row);
        }
        self.places.clear();
    }

    /// Keeps the room of what [`PaneStore::divide`] has given.
    fn give_back(&mut self, sorted: &mut Vec<(Pane, Vec<u32>)>) {
        for (_, mut rows) in sorted.drain(..) {
            rows.clear();
            self.spare.push(rows);
        }
        self.sorted = std::mem::take(sorted);
    }

    /// Adds rows that all belong to a pane.
    fn add_to_pane(&mut self, pane: Pane, part: &Part, rows: &[u32], keys: &mut Keys) {
        let (calls, spare) = (&self.calls, &mut self.spare_table);
        let open = self.panes.entry(pane.start).or_insert_with(|| {
            OpenPane::with(spare.take().unwrap_or_else(|| Table::new(calls)), pane.last_end)
        });
        open.events += rows.len() as u64;
        self.events += rows.len() as u64;
        let additions = &mut self.additions;
        let mut add = |table: &mut Table, keys: &mut Keys| {
            table.add(&part.batch, part.first_record, rows, keys, additions);
        };
        match &mut self.running {
            None => add(&mut open.table, keys),
            Some(running) => running.add(pane.start, &mut open.table, keys, &mut add),
        }
    }

    fn pane_of(&mut self, part: &Part, row: u32) -> Pane {
        let time = part.batch.time[row as usize];
        self.finder.pane(time).expect("the parse stage refuses times beyond the calendar")
    }

    /// Fires every window that ends at `watermark` or before and has groups, in order, one by one: there may be
    /// more of them than memory can hold. Where `emit` breaks off, the store is of no use any more.
    pub fn fire(&mut self, watermark: i64, keys: &mut Keys, emit: &mut Emit<'_>) -> ControlFlow<()> {
        if self.has_ended(watermark) {
            self.fire_ended(watermark, keys, emit)?;
            self.drop_closed(watermark, keys);
        }
        ControlFlow::Continue(())
    }

    /// At which watermark the next window fires, if it is `watermark` or less.
    pub fn next_firing(&mut self, watermark: i64) -> Option<i64> {
        if !self.has_ended(watermark) {
            return None;
        }
        // The windows of the first pane that some have not fired of end first.
        let mut panes = self.panes.range(self.settled.min(watermark)..watermark);
        let (&start, _) = panes.find(|(_, open)| open.last_end > self.fired)?;
        self.finder.windows(start, self.fired, watermark).next().map(|window| window.end)
    }

    /// Leaves those rows of a part that some window takes in which ends after `over`.
    pub fn retain_in_time(&mut self, part: &Part, over: i64, rows: &mut Vec<u32>) {
        rows.retain(|&row| self.pane_of(part, row).last_end > over);
    }

    /// Whether a window that has not fired may end at `watermark` or before.
    fn has_ended(&self, watermark: i64) -> bool {
        watermark > self.fired && watermark >= self.next_end
    }

    /// Fires as [`PaneStore::fire`] does, but the panes stay.
    fn fire_ended(&mut self, watermark: i64, keys: &mut Keys, emit: &mut Emit<'_>) -> ControlFlow<()> {
        // A window is found by the first of its panes: those that hold an earlier pane too end by its last end.
        // In a calendar neighbouring windows may end together, so that very end is looked at again.
        let (mut found, mut last) = (self.fired, None);
        for (&start, open) in self.panes.range(self.settled.min(watermark)..watermark) {
            if found >= watermark {
                break;
            }
            if open.last_end <= self.fired {
                // All its windows have fired; it stays for late events.
                continue;
            }
            for window in self.finder.windows(start, found, watermark) {
                // Windows without the earlier pane begin behind it, so they come behind all that it had.
                if last.is_none_or(|last| last < window) {
                    last = Some(window);
                    let (panes, running, merged) = (&self.panes, &mut self.running, &mut self.merged);
                    fire_window(window, panes, running, merged, &self.calls, keys, emit)?;
                }
            }
            found = found.max(open.last_end - 1);
        }
        self.fired = watermark;
        // Panes start in the order in which their last windows end.
        while let Some((&start, open)) = self.panes.range(self.settled..).next()
            && open.last_end <= watermark
        {
            self.settled = start + 1;
        }
        self.next_end = match self.finder.pane(watermark.clamp(1 - time::LIMIT, time::LIMIT - 1)) {
            Some(pane) => pane.end,
            None => i64::MIN,
        };
        ControlFlow::Continue(())
    }

    fn drop_closed(&mut self, watermark: i64, keys: &mut Keys) {
        if let Some(running) = &mut self.running {
            running.close(watermark, &self.panes);
        }
        // Panes start in the order in which their last windows end.
        while let Some(first) = self.panes.first_entry() {
            if first.get().last_end > watermark {
                break;
            }
            let (start, mut closed) = first.remove_entry();
            if let Some(running) = &mut self.running {
                running.drop_pane(start, &closed);
            }
            self.events -= closed.events;
            closed.table.release(keys);
            closed.table.reset(&self.calls);
            self.spare_table = Some(closed.table);
        }
    }

    /// The open panes as they are written, with what has come late for some of their windows.
    pub fn save(&self, keys: &mut Keys) -> PanesV1 {
        let pane = |(&start, open): (&i64, &OpenPane)| {
            let table = match self.running.as_ref().and_then(|running| running.amendment(start)) {
                None => open.table.save(keys),
                Some(late) => {
                    let mut whole = Table::new(&self.calls);
                    whole.merge(&open.table, keys);
                    whole.merge(late, keys);
                    let saved = whole.save(keys);
                    whole.release(keys);
                    saved
                }
            };
            PaneV1 { start, last_end: open.last_end, table }
        };
        PanesV1 { fired: self.fired, panes: self.panes.iter().map(pane).collect() }
    }

    /// Takes in what is its own of panes that were saved.
    pub fn load(&mut self, loaded: &LoadedPanes<'_>, share: Share, keys: &mut Keys) {
        self.fired = loaded.fired;
        for (start, last_end, table) in &loaded.panes {
            let calls = &self.calls;
            let open = self.panes.entry(*start).or_insert_with(|| OpenPane::new(calls, *last_end));
            open.table.load(table, share, keys);
        }
    }

    /// Windows that end here or before have fired.
    pub fn fired(&self) -> i64 {
        self.fired
    }

    /// How many panes are open.
    pub fn open(&self) -> usize {
        self.panes.len()
    }

    /// How many events have been added to them in this run.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Memory taken up by the groups of all panes, and by what has been put together of them.
    pub fn weigh(&self) -> Weight {
        let panes = self.panes.values().map(|open| open.table.weigh());
        let rest = self.spare_table.iter().chain([&self.merged]).map(Table::weigh);
        panes.chain(self.running.iter().map(Running::weigh)).chain(rest).sum()
    }

    /// Where the oldest open pane starts.
    pub fn oldest(&self) -> Option<i64> {
        self.panes.first_key_value().map(|(&start, _)| start)
    }
}

/// Moves the rows of a pane from `left` to `own`, in place of what is there; both stay in order.
fn sift(pane: &Pane, time: &[i64], left: &mut Vec<u32>, own: &mut Vec<u32>) {
    own.resize(left.len(), 0);
    let (mut owned, mut others) = (0, 0);
    for n in 0..left.len() {
        let row = left[n];
        let is_own = pane.contains(time[row as usize]);
        own[owned] = row;
        left[others] = row;
        owned += usize::from(is_own);
        others += usize::from(!is_own);
    }
    own.truncate(owned);
    left.truncate(others);
}

/// Merges the panes of a window, and emits it.
fn fire_window(
    window: Window,
    panes: &BTreeMap<i64, OpenPane>,
    running: &mut Option<Running>,
    merged: &mut Table,
    calls: &Calls,
    keys: &mut Keys,
    emit: &mut Emit<'_>,
) -> ControlFlow<()> {
    if running.is_none() {
        *running = Running::begin(calls, window, panes);
    }
    if let Some(running) = running {
        return running.fire(window, panes, calls, keys, emit);
    }
    let mut tables = panes.range(window.start..window.end).map(|(_, open)| &open.table);
    match (tables.next(), tables.next()) {
        (None, _) => ControlFlow::Continue(()),
        (Some(only), None) => emit(window, only, keys),
        (Some(first), Some(second)) => {
            merged.reset(calls);
            for table in [first, second].into_iter().chain(tables) {
                merged.merge(table, keys);
            }
            emit(window, merged, keys)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::batch::Batch;
    use crate::window::Windows;

    /// Rows of any number of panes, in order of appearance.
    #[test]
    fn parts_are_divided_by_pane() {
        let Ok(Windows::Panes(panes)) = Windows::parse("10s") else { panic!("these are panes") };
        let calls = Calls::only(crate::aggregate::find("count").expect("it is one"));
        let mut store = PaneStore::new(&panes, calls);
        let mut random = fastrand::Rng::with_seed(3);
        for panes in [1, 2, 4, 5, 6, 40] {
            let mut batch = Batch::default();
            batch.time = (0..500).map(|_| random.i64(0..panes * 10_000_000)).collect();
            let rows: Vec<u32> = (0..500).filter(|_| random.u8(0..4) > 0).collect();
            let mut wanted: Vec<(i64, Vec<u32>)> = Vec::new();
            for &row in &rows {
                let start = batch.time[row as usize] / 10_000_000 * 10_000_000;
                match wanted.iter_mut().find(|(pane, _)| *pane == start) {
                    Some((_, rows)) => rows.push(row),
                    None => wanted.push((start, vec![row])),
                }
            }
            let part = Part { batch: batch.into(), first_record: 0, rows: Vec::new(), fires: Vec::new() };
            let mut sorted = store.divide(&part, &rows);
            let found: Vec<(i64, Vec<u32>)> =
                sorted.iter().map(|(pane, rows)| (pane.start, rows.clone())).collect();
            assert_eq!(found, wanted);
            store.give_back(&mut sorted);
        }
        let longest = store.spare.iter().map(Vec::capacity).sum::<usize>();
        assert!(longest < 6 * 500, "lists have room for {longest} rows, of which a part has 500");
    }
}
