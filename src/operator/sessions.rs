//! Open session windows: per key, stretches of events less than the gap apart, which grow together.

mod peek;
pub mod repeated;

use std::cmp::{Ordering, Reverse};
use std::ops::ControlFlow;

use super::keys::Keys;
use super::loaded::{LoadedSessions, Share};
use super::saved::{SessionsV1, TableV1};
use super::step::Part;
use super::table::{Additions, Group};
use super::timers::{Found, Timers};
use super::weight::Weight;
use crate::aggregate::states::{Calls, States};
use crate::prefetch::{AHEAD, prefetch};
use crate::window::Window;
use repeated::Lives;

const NONE: u32 = u32::MAX;

/// The open sessions of one shard. The number of a session is the slot of its states.
pub struct SessionStore {
    gap: i64,
    sessions: Vec<Session>,
    free: Vec<u32>,
    /// Per key number, the latest of its sessions.
    latest: Vec<u32>,
    states: States,
    /// When to look at which session. An end may have moved on since; it never moves back.
    timers: Timers,
    additions: Additions,
    /// The numbers of keys of some rows, and the sessions that fire; both empty between calls.
    numbers: Vec<u32>,
    /// In the reverse order of rows.
    due: Vec<Due>,
    /// Windows and groups of sessions that fire together; their room is used again.
    firing: (Vec<Window>, Vec<Group>),
    /// What is known of sessions that may be written more than once, where they may.
    lives: Option<Lives>,
}

/// Sessions that fire, in the order of rows.
pub struct FiredSessions<'s> {
    /// Each from its first event to the last one plus the gap.
    pub windows: &'s [Window],
    /// Their keys, and their slots in the states.
    pub groups: &'s [Group],
    /// The states of all sessions.
    pub states: &'s States,
}

/// So many fire together: what is kept of them meanwhile does not follow how many there are.
const FIRED_MAX: usize = 1024;

/// A session that is due.
struct Due {
    window: Window,
    key: u32,
    number: u32,
}

/// The order of rows.
#[inline]
fn in_order(a: &Due, b: &Due, keys: &Keys) -> Ordering {
    a.window.cmp(&b.window).then_with(|| crate::parse::key::compare(keys.get(a.key), keys.get(b.key)))
}

/// Sorts by the order of rows, backwards.
fn sort_backwards(due: &mut [Due], keys: &Keys) {
    // By windows first, which are compared as one number and without branches; few sessions have equal ones.
    let rank = |Window { end, start }| i128::from(end) << 64 | i128::from(start.cast_unsigned() ^ 1 << 63);
    due.sort_unstable_by_key(|due| Reverse(rank(due.window)));
    for equal in due.chunk_by_mut(|a, b| a.window == b.window).filter(|equal| equal.len() > 1) {
        equal.sort_unstable_by(|a, b| in_order(b, a, keys));
    }
}

/// Half a cache line.
#[derive(Clone)]
#[repr(align(32))]
struct Session {
    start: i64,
    /// The last event plus the gap.
    end: i64,
    key: u32,
    /// The key's sessions before and after this one in event time.
    earlier: u32,
    later: u32,
    /// Whether a timer names this number.
    timed: bool,
    open: bool,
}

impl SessionStore {
    /// No sessions yet; `gap` in microseconds.
    pub fn new(gap: i64, calls: &Calls) -> SessionStore {
        SessionStore {
            gap,
            sessions: Vec::new(),
            free: Vec::new(),
            latest: Vec::new(),
            states: calls.make(),
            timers: Timers::new(gap),
            additions: Additions::default(),
            numbers: Vec::new(),
            due: Vec::new(),
            firing: Default::default(),
            lives: None,
        }
    }

    /// Adds rows of a part; `rows` are those whose keys this shard owns.
    pub fn add(&mut self, part: &Part, rows: &[u32], keys: &mut Keys) {
        let mut numbers = std::mem::take(&mut self.numbers);
        keys.intern_rows(&part.batch.keys, rows, &mut numbers);
        if self.latest.len() < keys.capacity() {
            self.latest.resize(keys.capacity(), NONE);
        }
        for (n, (&row, &key)) in rows.iter().zip(&numbers).enumerate() {
            if let Some(&ahead) = numbers.get(n + AHEAD) {
                prefetch(&self.sessions, self.latest[ahead as usize] as usize);
            }
            let session = self.session(part.batch.time[row as usize], key, part, keys);
            self.additions.rows.push(row);
            self.additions.slots.push(session);
        }
        self.apply(part);
        numbers.clear();
        self.numbers = numbers;
    }

    fn apply(&mut self, part: &Part) {
        let room = self.sessions.len();
        self.states.resize(room);
        if let Some(lives) = &mut self.lives {
            lives.change(&self.additions.slots, &mut self.sessions, &mut self.timers);
        }
        self.additions.apply(&mut self.states, &part.batch, part.first_record);
    }

    /// The session that an event at `time` belongs to: sessions that overlap or touch `[time, time + gap)`
    /// become one with it.
    fn session(&mut self, time: i64, key: u32, part: &Part, keys: &mut Keys) -> u32 {
        let end = time + self.gap;
        // A key's sessions do not touch each other, so from the latest on the search ends soon.
        let (mut after, mut at) = (NONE, self.latest[key as usize]);
        while at != NONE && self.sessions[at as usize].start > end {
            (after, at) = (at, self.sessions[at as usize].earlier);
        }
        if at == NONE || self.sessions[at as usize].end < time {
            return self.open(time, end, key, at, after, keys);
        }
        let home = at;
        let session = &mut self.sessions[home as usize];
        session.end = session.end.max(end);
        if session.start <= time {
            return home;
        }
        session.start = time;
        at = session.earlier;
        while at != NONE && self.sessions[at as usize].end >= time {
            let earlier = self.sessions[at as usize].earlier;
            self.grow_together(at, home, part);
            self.unlink(at);
            self.retire(at, keys);
            at = earlier;
        }
        home
    }

    /// Session `from` becomes a part of `to`, which touches it.
    fn grow_together(&mut self, from: u32, to: u32, part: &Part) {
        // Rows that wait to be added to `from` must not be lost.
        self.apply(part);
        self.states.absorb(from, to);
        let (start, end) = (self.sessions[from as usize].start, self.sessions[from as usize].end);
        let session = &mut self.sessions[to as usize];
        session.start = session.start.min(start);
        session.end = session.end.max(end);
        if let Some(lives) = &mut self.lives {
            lives.grow_together(from, to);
        }
    }

    fn open(&mut self, start: i64, end: i64, key: u32, earlier: u32, later: u32, keys: &mut Keys) -> u32 {
        keys.hold(key);
        let session = Session { start, end, key, earlier, later, timed: true, open: true };
        let number = match self.free.pop() {
            Some(number) => {
                self.sessions[number as usize] = session;
                number
            }
            None => {
                self.sessions.push(session);
                self.sessions.len() as u32 - 1
            }
        };
        match later {
            NONE => self.latest[key as usize] = number,
            later => self.sessions[later as usize].earlier = number,
        }
        if earlier != NONE {
            self.sessions[earlier as usize].later = number;
        }
        match &mut self.lives {
            Some(lives) => lives.open(&mut self.sessions[number as usize], number, &mut self.timers),
            None => self.timers.set(end, number),
        }
        number
    }

    /// A session that has been taken out of its key's list is over. Its number is free once no timer names it.
    fn retire(&mut self, number: u32, keys: &mut Keys) {
        let session = &mut self.sessions[number as usize];
        session.open = false;
        keys.release(session.key);
        if !session.timed && self.lives.as_mut().is_none_or(|lives| lives.forget(number)) {
            self.free.push(number);
        }
    }

    /// Fires every session that ends before `watermark` (strictly), in the order of rows. Where `emit` breaks
    /// off, the store is of no use any more.
    pub fn fire(
        &mut self,
        watermark: i64,
        keys: &mut Keys,
        emit: &mut dyn FnMut(FiredSessions<'_>, &Keys) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.sort_due(watermark, keys);
        let mut due = std::mem::take(&mut self.due);
        let later = due.partition_point(|due| due.window.end >= watermark);
        let (mut windows, mut groups) = std::mem::take(&mut self.firing);
        for fired in due[later..].rchunks(FIRED_MAX) {
            windows.clear();
            groups.clear();
            for (n, &Due { window, key, number }) in fired.iter().enumerate().rev() {
                if let Some(ahead) = n.checked_sub(AHEAD) {
                    keys.prefetch(fired[ahead].key);
                }
                windows.push(window);
                groups.push(Group { head: keys.head(key), key, slot: number });
            }
            emit(FiredSessions { windows: &windows, groups: &groups, states: &self.states }, keys)?;
            for n in (0..fired.len()).rev() {
                self.look_ahead(&fired[..n]);
                self.unlink(fired[n].number);
                self.states.clear(fired[n].number);
                self.retire(fired[n].number, keys);
            }
        }
        self.firing = (windows, groups);
        due.truncate(later);
        self.due = due;
        ControlFlow::Continue(())
    }

    /// Asks for what is needed soon to take out the sessions from the last one on.
    fn look_ahead(&self, fired: &[Due]) {
        let ahead = |rows: usize| fired.len().checked_sub(rows).map(|at| &fired[at]);
        if let Some(ahead) = ahead(AHEAD) {
            prefetch(&self.sessions, ahead.number as usize);
            prefetch(&self.latest, ahead.key as usize);
            self.states.prefetch(ahead.number);
        }
        if let Some(ahead) = ahead(AHEAD / 2) {
            prefetch(&self.sessions, self.sessions[ahead.number as usize].later as usize);
        }
    }

    /// At which watermark the next session fires, if it is `watermark` or less. All that are due by then must be
    /// fired before anything is added.
    pub fn next_firing(&mut self, watermark: i64, keys: &Keys) -> Option<i64> {
        self.sort_due(watermark, keys);
        self.due.last().map(|due| due.window.end + 1)
    }

    /// Puts the sessions that end before the watermark into `due`, beside those that are there already.
    fn sort_due(&mut self, watermark: i64, keys: &Keys) {
        let known = self.due.len();
        self.find_due(watermark);
        if self.due.len() > known {
            sort_backwards(&mut self.due, keys);
        }
    }

    /// Puts the sessions that end before the watermark into `due`, in no order.
    fn find_due(&mut self, watermark: i64) {
        let SessionStore { timers, sessions, free, due, lives, .. } = self;
        timers.expire(watermark, |number, ahead| {
            if let Some(ahead) = ahead {
                prefetch(sessions, ahead as usize);
            }
            let session = &mut sessions[number as usize];
            if session.open && session.end >= watermark {
                return Found::Later(session.end);
            }
            session.timed = false;
            if !session.open {
                if lives.as_ref().is_none_or(|lives| !lives.is_kept(number)) {
                    free.push(number);
                }
                return Found::Over;
            }
            let window = Window { end: session.end, start: session.start };
            due.push(Due { window, key: session.key, number });
            Found::Due
        });
    }

    /// Takes a session out of its key's list.
    fn unlink(&mut self, number: u32) {
        let Session { key, earlier, later, .. } = self.sessions[number as usize];
        match later {
            NONE => self.latest[key as usize] = earlier,
            later => self.sessions[later as usize].earlier = earlier,
        }
        if earlier != NONE {
            self.sessions[earlier as usize].later = later;
        }
    }

    /// The open sessions as they are written.
    pub fn save(&self, keys: &Keys) -> SessionsV1 {
        let key = |session: &Session| if session.open { session.key } else { NONE };
        let keys = self.sessions.iter().map(|session| match key(session) {
            NONE => &[][..],
            key => keys.get(key),
        });
        let table = TableV1::of(keys, &self.states);
        let bounds = self.sessions.iter().map(|session| session.open.then_some((session.start, session.end)));
        SessionsV1 { bounds: bounds.collect(), table }
    }

    /// Takes in what is its own of sessions that were saved. Returns the slot that each had, and its number.
    pub fn load(&mut self, loaded: &LoadedSessions<'_>, share: Share, keys: &mut Keys) -> Vec<(u32, u32)> {
        let mut open = Vec::new();
        for group in loaded.table.groups(share) {
            if let Some((start, end)) = loaded.bounds[group.number as usize] {
                open.push((start, end, group));
            }
        }
        // In the order of time, so that the sessions of a key are chained as they were.
        open.sort_unstable_by_key(|&(start, ..)| start);
        let mut pairs = Vec::with_capacity(open.len());
        for (start, end, group) in open {
            let key = keys.intern(group.hash, group.key);
            if self.latest.len() <= key as usize {
                self.latest.resize(key as usize + 1, NONE);
            }
            pairs.push((group.number, self.open(start, end, key, self.latest[key as usize], NONE, keys)));
        }
        let room = self.sessions.len();
        self.states.resize(room);
        loaded.table.merge_into(&mut self.states, &pairs);
        pairs
    }

    /// Memory taken up by the sessions and their states.
    pub fn weigh(&self) -> Weight {
        let lists = [&self.free, &self.latest].into_iter().map(Weight::of_room);
        lists.chain([self.states.weigh(), Weight::of_room(&self.sessions)]).sum()
    }

    /// Their states.
    pub fn states(&self) -> &States {
        &self.states
    }

    /// How many sessions are open.
    pub fn open_count(&self) -> usize {
        self.sessions.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    /// Windows on both sides of zero, some of them equal, against the order of rows.
    #[test]
    fn due_sessions_are_sorted_by_window_and_key() {
        let (mut keys, mut random) = (Keys::default(), fastrand::Rng::with_seed(5));
        let numbers: Vec<u32> = (0..40_u64)
            .map(|n| {
                let mut key = Vec::new();
                crate::parse::key::encode(&Value::Text(format!("{}", n * 7 % 40).into()), &mut key);
                keys.intern(n, &key)
            })
            .collect();
        for spread in [2, 50, i64::MAX / 4] {
            let mut due: Vec<Due> = (0..500)
                .map(|n| {
                    let (start, length) = (random.i64(-spread..spread), random.i64(0..spread));
                    let key = numbers[random.usize(..numbers.len())];
                    Due { window: Window { end: start + length, start }, key, number: n }
                })
                .collect();
            sort_backwards(&mut due, &keys);
            assert!(due.is_sorted_by(|a, b| in_order(a, b, &keys).is_ge()), "of a spread of {spread}");
        }
    }
}
