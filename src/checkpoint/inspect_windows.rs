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
use crate::aggregate::Span;
use crate::aggregate::states::{Calls, States};
use crate::operator::fills;
use crate::operator::keys::Keys;
use crate::operator::loaded::{LoadedPanes, LoadedSessions, LoadedTable, Share};
use crate::operator::panes::PaneStore;
use crate::operator::saved::{OwnerV1, PanesV1, SessionsV1, TableV1, WaitingV1};
use crate::operator::saved_fills::FillsV6;
use crate::operator::saved_repeats::RepeatsV3;
use crate::operator::sessions::SessionStore;
use crate::operator::table::Table;
use crate::parse::key::{self, Fields};
use crate::time::{DURATION_LIMIT, LIMIT};
use crate::value::Value;
use crate::window::{PaneFinder, Panes, Window, Windows};

/// What the owners of keys had saved, checked.
pub struct Open {
    plan: Plan,
    kinds: Vec<Kind>,
    /// What has fired, and is not among what they hold any more.
    fired: Fired,
    /// How many last rows of keys are remembered for windows without events, and how many bytes they are.
    last_rows: (u64, u64),
    seed: u64,
}

/// What is open of one kind of windows.
struct Kind {
    /// What its rows say of it, where there are several.
    name: Option<String>,
    windows: Windows,
    owners: Vec<OwnerV1>,
}

/// What fires or leaves next.
#[derive(Debug, PartialEq)]
pub struct Next<'n> {
    /// Its bounds; of an event that waits its time, twice.
    pub bounds: Window,
    /// Its kind.
    pub windows: &'n Windows,
}

/// One group of an open window, or one open session.
pub struct Group<'g> {
    /// What its rows say of the kind of its windows, where there are several.
    pub kind: Option<&'g str>,
    /// Its bounds; `None` for `--window none`.
    pub window: Option<Window>,
    key: &'g [u8],
    states: &'g States,
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
        self.states.results(slot, span)
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
        let mut kinds = Kind::all(&plan.windows);
        let mut fired = Fired::default();
        for (n, owner) in checkpoint.owners.iter().enumerate() {
            let repeats = checkpoint.repeated.owners.get(n).map(RepeatsV3::each);
            let saved = codec::decode::<OwnerV1>(&owner.0)?.into_each();
            let fits = repeats.as_ref().is_none_or(|repeats| repeats.len() == kinds.len());
            if saved.len() != kinds.len() || !fits {
                return Err(Damage::Content);
            }
            for (number, (mut owner, kind)) in saved.into_iter().zip(&mut kinds).enumerate() {
                check(&plan, &kind.windows, &owner)?;
                if let Some(&known) = repeats.as_ref().and_then(|repeats| repeats.get(number)) {
                    inspect_repeats::check(&owner, known, plan.keys.len())?;
                    fired.take_from(number, &mut owner, known);
                }
                kind.owners.push(owner);
            }
        }
        let mut last_rows = (0, 0);
        for fills in &checkpoint.fills {
            if fills.len() != kinds.len() {
                return Err(Damage::Content);
            }
            for (kind, saved) in kinds.iter().zip(fills) {
                kind.check_fills(&plan, saved)?;
                last_rows.0 += saved.windows.len() as u64;
                last_rows.1 += (saved.keys.0.len() + saved.texts.0.len()) as u64;
            }
        }
        Ok(Open { plan, kinds, fired, last_rows, seed: checkpoint.hash_seed })
    }

    /// The job.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How much is open.
    pub fn counts(&self) -> Counts {
        let mut keys = HashSet::new();
        let mut counts = Counts { fired: self.fired.count(), ..Counts::default() };
        for kind in &self.kinds {
            kind.count(&self.plan, &mut counts, &mut keys);
        }
        counts.keys = keys.len() as u64;
        counts
    }

    /// What fires or leaves next.
    pub fn next(&self) -> Option<Next<'_>> {
        let next = |kind: &'_ Kind| {
            // A session fires when the watermark is beyond its end.
            let beyond = matches!(kind.windows, Windows::Session { .. });
            kind.next().map(|bounds| (bounds.end + i64::from(beyond), bounds))
        };
        let found = self.kinds.iter().filter_map(|kind| Some((next(kind)?, kind)));
        let ((_, bounds), kind) = found.min_by_key(|((closes, _), _)| *closes)?;
        Some(Next { bounds, windows: &kind.windows })
    }

    /// How many last rows of keys are remembered for windows without events, and how many bytes they are.
    pub fn last_rows(&self) -> (u64, u64) {
        self.last_rows
    }

    /// How many kinds of windows there are.
    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// The groups of all open windows and sessions of a kind, in the order of rows, until `each` breaks off.
    pub fn groups(
        &self,
        kind: usize,
        each: &mut dyn FnMut(Group<'_>) -> ControlFlow<()>,
    ) -> Result<(), Damage> {
        let share = Share { number: 0, owners: 1, seed: self.seed };
        self.kinds[kind].groups(&self.plan.calls, share, each)
    }

    /// The events that wait (`windrow order`), in the order in which they leave.
    pub fn waiting(&self) -> Vec<&WaitingV1> {
        let mut events: Vec<&WaitingV1> =
            self.kinds.iter().flat_map(|kind| &kind.owners).filter_map(waiting_of).flatten().collect();
        events.sort_unstable_by_key(|event| (event.time, event.source, event.record));
        events
    }
}

impl Kind {
    /// Nothing yet of each kind.
    fn all(windows: &Windows) -> Vec<Kind> {
        let names = windows.names();
        let kind = |(n, windows): (usize, &Windows)| Kind {
            name: names.get(n).map(|&name| name.to_owned()),
            windows: windows.clone(),
            owners: Vec::new(),
        };
        windows.each().into_iter().enumerate().map(kind).collect()
    }

    /// Checks the last rows of an owner's keys: only of panes there are some.
    fn check_fills(&self, plan: &Plan, saved: &FillsV6) -> Result<(), Damage> {
        let Windows::Panes(panes) = &self.windows else {
            return if saved.windows.is_empty() { Ok(()) } else { Err(Damage::Content) };
        };
        let fired =
            self.owners.iter().filter_map(panes_of).map(|saved| saved.fired).max().unwrap_or(i64::MIN);
        fills::check(&mut PaneFinder::new(panes), saved, fired, plan.keys.len())
    }

    /// Counts what is open, and collects the keys.
    fn count<'k>(&'k self, plan: &Plan, counts: &mut Counts, keys: &mut HashSet<&'k [u8]>) {
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
                OwnerV1::Several(_) => {}
            }
        }
        match &self.windows {
            Windows::Panes(panes) => {
                let _ = self.windows(panes, &mut |_| {
                    counts.more = counts.open >= COUNT_MAX;
                    counts.open += u64::from(!counts.more);
                    if counts.more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
            }
            Windows::None if !plan.order => counts.open = u64::from(!keys.is_empty()),
            Windows::None | Windows::Session { .. } | Windows::Several(_) => {}
        }
    }

    /// The window, session or event that fires or leaves next: its bounds, or its time twice.
    fn next(&self) -> Option<Window> {
        match &self.windows {
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
                let times = self.owners.iter().filter_map(waiting_of).flatten().map(|event| event.time);
                times.min().map(|time| Window { end: time, start: time })
            }
            Windows::Several(_) => None,
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

    fn groups(
        &self,
        calls: &Calls,
        share: Share,
        each: &mut dyn FnMut(Group<'_>) -> ControlFlow<()>,
    ) -> Result<(), Damage> {
        let (mut keys, kind) = (Keys::default(), self.name.as_deref());
        // Whoever breaks off knows why.
        let _ = match &self.windows {
            Windows::Panes(panes) => {
                let mut store = PaneStore::new(panes, calls.clone());
                for saved in self.owners.iter().filter_map(panes_of) {
                    store.load(&LoadedPanes::of(saved, calls, share)?, share, &mut keys);
                }
                store.fire(i64::MAX, &mut keys, &mut |window, table, keys| {
                    table_groups(kind, Some(window), table, keys, each)
                })
            }
            Windows::Session { gap } => {
                let mut store = SessionStore::new(*gap, calls);
                for saved in self.owners.iter().filter_map(sessions_of) {
                    store.load(&LoadedSessions::of(saved, calls, share)?, share, &mut keys);
                }
                store.fire(i64::MAX, &mut keys, &mut |fired, keys| {
                    fired.windows.iter().zip(fired.groups).try_for_each(|(&window, group)| {
                        let (key, window) = (keys.get(group.key), Some(window));
                        each(Group { kind, window, key, states: fired.states, slot: group.slot })
                    })
                })
            }
            Windows::None => {
                let mut whole = Table::new(calls);
                for saved in self.owners.iter().filter_map(whole_of) {
                    whole.load(&LoadedTable::of(saved, calls, share)?, share, &mut keys);
                }
                table_groups(None, None, &whole, &keys, each)
            }
            Windows::Several(_) => ControlFlow::Continue(()),
        };
        Ok(())
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
    kind: Option<&str>,
    window: Option<Window>,
    table: &Table,
    keys: &Keys,
    each: &mut dyn FnMut(Group<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut groups: Vec<(u32, u32)> = table.keys.iter().copied().zip(0..).collect();
    groups.sort_unstable_by(|a, b| key::compare(keys.get(a.0), keys.get(b.0)));
    let states = &table.states;
    groups
        .into_iter()
        .try_for_each(|(key, slot)| each(Group { kind, window, key: keys.get(key), states, slot }))
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
fn check(plan: &Plan, windows: &Windows, owner: &OwnerV1) -> Result<(), Damage> {
    let fits = match (owner, windows) {
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
        let calls = Calls::only(crate::aggregate::find("count").unwrap());
        let mut states = calls.make();
        states.resize(keys.len());
        TableV1::of(keys.iter().map(Vec::as_slice), &states)
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
        let read = open.groups(0, &mut |group| {
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
        assert_eq!(open.next().unwrap().bounds, Window { start: -MINUTE, end: MINUTE });
        let key = |window: &str, key: &str| format!("Some({window}) [Text({key:?})]");
        let want = [("(-1, 1)", "b"), ("(0, 2)", "a"), ("(0, 2)", "b"), ("(0, 2)", "c"), ("(1, 3)", "a")];
        let found = groups(&open);
        assert_eq!(found[..5], want.map(|(window, text)| key(window, text)));
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn several_kinds_are_told_apart() {
        let by = ["-w", "1m,session:1m,2m", "-b", "k"];
        let minutes = panes(vec![(0, MINUTE, table(&["a", "b"])), (MINUTE, 2 * MINUTE, table(&["a"]))]);
        let sessions =
            OwnerV1::Sessions(SessionsV1 { bounds: vec![Some((5, MINUTE))], table: table(&["c"]) });
        let twos = panes(vec![(0, 2 * MINUTE, table(&["a"]))]);
        let open = open(&by, &[OwnerV1::of(vec![minutes, sessions, twos])]).unwrap();
        assert_eq!(open.counts(), Counts { open: 4, fired: 0, more: false, keys: 3 });
        let next = open.next().unwrap();
        assert_eq!(
            (next.bounds, next.windows.describe()),
            (Window { start: 0, end: MINUTE }, "tumbling windows of 1m".into())
        );
        let mut found = Vec::new();
        for kind in 0..open.kinds() {
            let read = open.groups(kind, &mut |group| {
                found.push(group.kind.unwrap().to_owned());
                ControlFlow::Continue(())
            });
            assert_eq!(read, Ok(()));
        }
        assert_eq!(found, ["1m", "1m", "1m", "session:1m", "2m"]);
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
        refused(&["-w", "1m,1h"], panes(vec![]));
        let several = |owners: Vec<OwnerV1>| OwnerV1::of(owners);
        assert!(open(&["-w", "1m,1h"], &[several(vec![panes(vec![]), panes(vec![])])]).is_ok());
        refused(&["-w", "1m"], several(vec![panes(vec![]), panes(vec![])]));
        refused(&["-w", "1m,1h,1d"], several(vec![panes(vec![]), panes(vec![])]));
        refused(&["-w", "1m,session:1m"], several(vec![panes(vec![]), panes(vec![])]));
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
