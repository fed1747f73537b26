//! What is open in a checkpoint: windows, sessions, events that wait.
//!
//! Before anything is made of them, saved states are checked to be what a run of their job would have saved: so what a
//! checkpoint holds that was tampered with is told as damage.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use super::codec::{self, Damage};
use super::inspect_job::Plan;
use super::inspect_repeats::{self, Fired};
use super::written::CheckpointV1;
use crate::aggregate::{Accumulators, Span};
use crate::operator::keys::Keys;
use crate::operator::loaded::{LoadedPanes, LoadedSessions, LoadedTable, Share};
use crate::operator::panes::PaneStore;
use crate::operator::saved::{OwnerV1, PanesV1, SessionsV1, TableV1, WaitingV1};
use crate::operator::sessions::SessionStore;
use crate::operator::table::Table;
use crate::parse::key::{self, Fields};
use crate::time::{DURATION_LIMIT, LIMIT};
use crate::value::Value;
use crate::window::{PaneFinder, Panes, Window, Windows};

/// What the owners of keys had saved, checked.
pub struct Open {
    plan: Plan,
    owners: Vec<OwnerV1>,
    /// What has fired, and is not among what they hold any more.
    fired: Fired,
    seed: u64,
}

/// One group of an open window, or one open session.
pub struct Group<'g> {
    /// Its bounds; `None` for `--window none`.
    pub window: Option<Window>,
    key: &'g [u8],
    columns: &'g [Box<dyn Accumulators>],
    slot: u32,
}

impl<'g> Group<'g> {
    /// The fields of its key.
    pub fn key(&self) -> impl Iterator<Item = Value<'g>> + use<'g> {
        Fields(self.key)
    }

    /// What its row would say if it fired now.
    pub fn results(&self) -> impl Iterator<Item = Value<'g>> + use<'g> {
        let (slot, span) = (self.slot, Span { bounds: self.window.map(|window| (window.start, window.end)) });
        self.columns.iter().map(move |column| column.finish(slot, span))
    }
}

/// How much is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Windows with at least one key, sessions, or waiting events.
    pub open: u64,
    /// Windows and sessions that have fired and still take in events.
    pub fired: u64,
    /// Whether there are more than were counted.
    pub more: bool,
    /// Distinct keys.
    pub keys: u64,
}

/// Windows are counted up to here: of hopping windows a single event can be in millions.
const COUNT_MAX: u64 = 1_000_000;

impl Open {
    /// What a checkpoint holds.
    pub fn of(checkpoint: &CheckpointV1) -> Result<Open, Damage> {
        let plan = Plan::of(checkpoint)?;
        let mut owners: Vec<OwnerV1> =
            checkpoint.owners.iter().map(|owner| codec::decode(&owner.0)).collect::<Result<_, _>>()?;
        owners.iter().try_for_each(|owner| check(&plan, owner))?;
        let mut fired = Fired::default();
        for (owner, repeats) in owners.iter_mut().zip(&checkpoint.repeated.owners) {
            inspect_repeats::check(owner, repeats, plan.keys.len())?;
            fired.take_from(owner, repeats);
        }
        Ok(Open { plan, owners, fired, seed: checkpoint.hash_seed })
    }

    /// The job.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How much is open.
    pub fn counts(&self) -> Counts {
        let mut keys = HashSet::new();
        let mut counts = Counts { fired: self.fired.count(), ..Counts::default() };
        for owner in &self.owners {
            match owner {
                OwnerV1::Panes(saved) => saved.panes.iter().for_each(|pane| keys.extend(texts(&pane.table))),
                OwnerV1::Sessions(saved) => {
                    let sessions = texts(&saved.table).zip(&saved.bounds);
                    keys.extend(sessions.filter(|(_, bounds)| bounds.is_some()).map(|(key, _)| key));
                    counts.open += saved.bounds.iter().flatten().count() as u64;
                }
                OwnerV1::Whole(table) => keys.extend(texts(table)),
                OwnerV1::Waiting(waiting) => counts.open += waiting.len() as u64,
            }
        }
        counts.keys = keys.len() as u64;
        match &self.plan.windows {
            Windows::Panes(panes) => {
                let _ = self.windows(panes, &mut |_| {
                    counts.more = counts.open == COUNT_MAX;
                    counts.open += u64::from(!counts.more);
                    if counts.more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
            }
            Windows::None if !self.plan.order => counts.open = u64::from(counts.keys > 0),
            Windows::None | Windows::Session { .. } => {}
        }
        counts
    }

    /// The window, session or event that fires or leaves next: its bounds, or its time twice.
    pub fn next(&self) -> Option<Window> {
        match &self.plan.windows {
            Windows::Panes(panes) => {
                let mut first = None;
                let _ = self.windows(panes, &mut |window| {
                    first = Some(window);
                    ControlFlow::Break(())
                });
                first
            }
            Windows::Session { .. } => {
                let sessions = self.owners.iter().filter_map(sessions_of).flat_map(|saved| &saved.bounds);
                sessions.flatten().map(|&(start, end)| Window { end, start }).min()
            }
            Windows::None => {
                self.waiting().first().map(|event| Window { end: event.time, start: event.time })
            }
        }
    }

    /// The open windows that hold something, in the order in which they fire, one by one: there may be more of them
    /// than memory can hold.
    fn windows(&self, panes: &Panes, each: &mut dyn FnMut(Window) -> ControlFlow<()>) -> ControlFlow<()> {
        let (mut found, mut open) = (i64::MIN, BTreeMap::new());
        for saved in self.owners.iter().filter_map(panes_of) {
            found = saved.fired;
            open.extend(saved.panes.iter().map(|pane| (pane.start, pane.last_end)));
        }
        // As when they fire: a pane brings those windows that no earlier pane is in.
        let (mut finder, mut last) = (PaneFinder::new(panes), None);
        for (start, last_end) in open {
            for window in finder.windows(start, found, i64::MAX) {
                if last.is_none_or(|last| last < window) {
                    last = Some(window);
                    each(window)?;
                }
            }
            found = found.max(last_end - 1);
        }
        ControlFlow::Continue(())
    }

    /// The groups of all open windows and sessions, in the order of rows, until `each` breaks off.
    pub fn groups(&self, each: &mut dyn FnMut(Group<'_>) -> ControlFlow<()>) -> Result<(), Damage> {
        let share = Share { number: 0, owners: 1, seed: self.seed };
        let (calls, mut keys) = (&self.plan.calls, Keys::default());
        // Whoever breaks off knows why.
        let _ = match &self.plan.windows {
            Windows::Panes(panes) => {
                let mut store = PaneStore::new(panes, calls.clone());
                for saved in self.owners.iter().filter_map(panes_of) {
                    store.load(&LoadedPanes::of(saved, calls, share)?, share, &mut keys);
                }
                store.fire(i64::MAX, &mut keys, &mut |window, table, keys| {
                    table_groups(Some(window), table, keys, each)
                })
            }
            Windows::Session { gap } => {
                let mut store = SessionStore::new(*gap, calls);
                for saved in self.owners.iter().filter_map(sessions_of) {
                    store.load(&LoadedSessions::of(saved, calls, share)?, share, &mut keys);
                }
                store.fire(i64::MAX, &mut keys, &mut |session, keys| {
                    let window = Some(session.window);
                    let key = keys.get(session.key);
                    each(Group { window, key, columns: session.columns, slot: session.slot })
                })
            }
            Windows::None => {
                let mut whole = Table::new(calls);
                for saved in self.owners.iter().filter_map(whole_of) {
                    whole.load(&LoadedTable::of(saved, calls, share)?, share, &mut keys);
                }
                table_groups(None, &whole, &keys, each)
            }
        };
        Ok(())
    }

    /// The events that wait (`windrow order`), in the order in which they leave.
    pub fn waiting(&self) -> Vec<&WaitingV1> {
        let mut events: Vec<&WaitingV1> = self.owners.iter().filter_map(waiting_of).flatten().collect();
        events.sort_unstable_by_key(|event| (event.time, event.source, event.record));
        events
    }
}

fn panes_of(owner: &OwnerV1) -> Option<&PanesV1> {
    match owner {
        OwnerV1::Panes(saved) => Some(saved),
        _ => None,
    }
}

fn sessions_of(owner: &OwnerV1) -> Option<&SessionsV1> {
    match owner {
        OwnerV1::Sessions(saved) => Some(saved),
        _ => None,
    }
}

fn whole_of(owner: &OwnerV1) -> Option<&TableV1> {
    match owner {
        OwnerV1::Whole(saved) => Some(saved),
        _ => None,
    }
}

fn waiting_of(owner: &OwnerV1) -> Option<&Vec<WaitingV1>> {
    match owner {
        OwnerV1::Waiting(saved) => Some(saved),
        _ => None,
    }
}

/// The groups of a table, in the order of rows.
fn table_groups(
    window: Option<Window>,
    table: &Table,
    keys: &Keys,
    each: &mut dyn FnMut(Group<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut groups: Vec<(u32, u32)> = table.keys.iter().copied().zip(0..).collect();
    groups.sort_unstable_by(|a, b| key::compare(keys.get(a.0), keys.get(b.0)));
    let columns: &[Box<dyn Accumulators>] = &table.columns;
    groups.into_iter().try_for_each(|(key, slot)| each(Group { window, key: keys.get(key), columns, slot }))
}

/// The keys of a table that has been checked, as bytes.
fn texts(table: &TableV1) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    table.ends.iter().map(move |&end| {
        let key = &table.keys.0[start..end as usize];
        start = end as usize;
        key
    })
}

/// Checks what an owner has saved.
fn check(plan: &Plan, owner: &OwnerV1) -> Result<(), Damage> {
    let fits = match (owner, &plan.windows) {
        (OwnerV1::Waiting(waiting), _) if plan.order => waiting.iter().all(|event| is_time(event.time)),
        (OwnerV1::Panes(saved), Windows::Panes(panes)) => {
            let mut finder = PaneFinder::new(panes);
            let mut is_pane = |start: i64, last_end: i64| {
                let pane = if is_time(start) { finder.pane(start) } else { None };
                pane.is_some_and(|pane| (pane.start, pane.last_end) == (start, last_end))
            };
            saved.panes.iter().try_for_each(|pane| check_table(plan, &pane.table, |_| true))?;
            saved.panes.iter().all(|pane| is_pane(pane.start, pane.last_end))
        }
        (OwnerV1::Sessions(saved), Windows::Session { .. }) => {
            let is_open = |slot: usize| saved.bounds.get(slot).is_some_and(Option::is_some);
            check_table(plan, &saved.table, is_open)?;
            let is_session =
                |&(start, end): &(i64, i64)| is_time(start) && start < end && end < LIMIT + DURATION_LIMIT;
            saved.bounds.len() == saved.table.ends.len() && saved.bounds.iter().flatten().all(is_session)
        }
        (OwnerV1::Whole(table), Windows::None) if !plan.order => {
            check_table(plan, table, |_| true)?;
            true
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(Damage::Content) }
}

/// Whether a time is one that an event or a pane can have.
fn is_time(micros: i64) -> bool {
    (-LIMIT - DURATION_LIMIT..LIMIT).contains(&micros)
}

/// Checks the keys of a table, of those slots that are in use, and that all states load.
fn check_table(plan: &Plan, table: &TableV1, is_used: impl Fn(usize) -> bool) -> Result<(), Damage> {
    let mut start = 0;
    for (slot, &end) in table.ends.iter().enumerate() {
        let end = usize::try_from(end).map_err(|_| Damage::Content)?;
        let key = table.keys.0.get(start..end).ok_or(Damage::Content)?;
        if is_used(slot) && !key::is_encoded(key, plan.keys.len()) {
            return Err(Damage::Content);
        }
        start = end;
    }
    if start != table.keys.0.len() || u32::try_from(table.ends.len()).is_err() {
        return Err(Damage::Content);
    }
    table.states(&plan.calls).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::inspect_job::tests::checkpoint;
    use crate::checkpoint::written::Blob;
    use crate::operator::saved::PaneV1;
    use crate::operator::table::Calls;

    const MINUTE: i64 = 60_000_000;

    /// A table of these keys, all of whose counts are empty.
    fn table(keys: &[&str]) -> TableV1 {
        let keys: Vec<Vec<u8>> = keys
            .iter()
            .map(|text| {
                let mut key = Vec::new();
                assert!(key::encode(&Value::Text((*text).into()), &mut key));
                key
            })
            .collect();
        let calls = Calls([(crate::aggregate::find("count").unwrap(), Vec::new())].into());
        let mut columns = calls.make();
        columns.iter_mut().for_each(|column| column.resize(keys.len()));
        TableV1::of(keys.iter().map(Vec::as_slice), &columns)
    }

    fn panes(panes: Vec<(i64, i64, TableV1)>) -> OwnerV1 {
        let panes = panes.into_iter().map(|(start, last_end, table)| PaneV1 { start, last_end, table });
        OwnerV1::Panes(PanesV1 { fired: i64::MIN, panes: panes.collect() })
    }

    fn open(line: &[&str], owners: &[OwnerV1]) -> Result<Open, Damage> {
        let mut checkpoint = checkpoint(line);
        checkpoint.owners = owners.iter().map(|owner| Blob(codec::encode(owner))).collect();
        Open::of(&checkpoint)
    }

    /// What `groups` gives: windows in minutes, and keys.
    fn groups(open: &Open) -> Vec<String> {
        let mut found = Vec::new();
        let read = open.groups(&mut |group| {
            let bounds = group.window.map(|w| (w.start / MINUTE, w.end / MINUTE));
            found.push(format!("{bounds:?} {:?}", group.key().collect::<Vec<_>>()));
            ControlFlow::Continue(())
        });
        read.unwrap();
        found
    }

    #[test]
    fn what_several_owners_hold_is_put_together() {
        let hops = ["-w", "2m/1m", "-b", "k"];
        let one = panes(vec![(0, 2 * MINUTE, table(&["b"])), (MINUTE, 3 * MINUTE, table(&["b", "a"]))]);
        let other = panes(vec![(MINUTE, 3 * MINUTE, table(&["c"]))]);
        let open = open(&hops, &[one, other]).unwrap();
        assert_eq!(open.counts(), Counts { open: 3, fired: 0, more: false, keys: 3 });
        assert_eq!(open.next(), Some(Window { start: -MINUTE, end: MINUTE }));
        let key = |window: &str, key: &str| format!("Some({window}) [Text({key:?})]");
        let want = [("(-1, 1)", "b"), ("(0, 2)", "a"), ("(0, 2)", "b"), ("(0, 2)", "c"), ("(1, 3)", "a")];
        let found = groups(&open);
        assert_eq!(found[..5], want.map(|(window, text)| key(window, text)));
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn nobody_counts_millions_of_windows() {
        let open = open(&["-w", "30d/1s"], &[panes(vec![(0, 2_592_000_000_000, whole())])]).unwrap();
        assert_eq!(open.counts(), Counts { open: COUNT_MAX, fired: 0, more: true, keys: 1 });
    }

    /// The one group of a job without keys.
    fn whole() -> TableV1 {
        TableV1 { keys: Blob(Vec::new()), ends: vec![0], columns: table(&["x"]).columns }
    }

    /// The checksum of these would fit.
    #[test]
    fn what_no_run_has_saved_is_damage() {
        let by = ["-w", "1m", "-b", "k"];
        let refused = |line: &[&str], owner: OwnerV1| {
            assert_eq!(open(line, &[owner]).err(), Some(Damage::Content), "{line:?}");
        };
        assert!(open(&by, &[panes(vec![(0, MINUTE, table(&["a"]))])]).is_ok());
        refused(&by, panes(vec![(1, MINUTE, table(&["a"]))]));
        refused(&by, panes(vec![(0, 2 * MINUTE, table(&["a"]))]));
        refused(&by, panes(vec![(i64::MIN, MINUTE, table(&["a"]))]));
        refused(&by, panes(vec![(i64::MAX, i64::MIN, table(&["a"]))]));
        refused(&["-w", "1m"], panes(vec![(0, MINUTE, table(&["a"]))]));
        refused(&["-w", "none"], panes(vec![]));
        refused(&["order"], panes(vec![]));
        refused(&by, OwnerV1::Waiting(Vec::new()));
        let session = |bounds| OwnerV1::Sessions(SessionsV1 { bounds, table: table(&["a"]) });
        let by_session = ["-w", "session:1m", "-b", "k"];
        assert!(open(&by_session, &[session(vec![Some((0, 1))])]).is_ok());
        refused(&by_session, session(vec![Some((1, 1))]));
        refused(&by_session, session(vec![Some((i64::MIN, 1))]));
        refused(&by_session, session(vec![]));
        refused(&by_session, session(vec![None, None]));
        for keys in [&b"\x04\xff\xff\xff\xff"[..], b"\x09", b"\x04\x01\0\0\0\xff"] {
            let table = TableV1 { keys: Blob(keys.to_vec()), ends: vec![keys.len() as u64], ..table(&["a"]) };
            refused(&by, panes(vec![(0, MINUTE, table)]));
        }
        for ends in [vec![], vec![5], vec![u64::MAX], vec![6, 0]] {
            refused(&by, panes(vec![(0, MINUTE, TableV1 { ends, ..table(&["a"]) })]));
        }
        refused(&by, panes(vec![(0, MINUTE, TableV1 { columns: Vec::new(), ..table(&["a"]) })]));
    }
}
