//! Open session windows: per key, stretches of events less than the gap apart, which grow together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::keys::Keys;
use super::step::Part;
use super::table::{Additions, Calls};
use crate::aggregate::Accumulators;
use crate::window::Window;

const NONE: u32 = u32::MAX;

/// The open sessions of one shard. The number of a session is the slot of its states.
pub struct SessionStore {
    gap: i64,
    sessions: Vec<Session>,
    free: Vec<u32>,
    /// Per key number, the first of its sessions.
    first: Vec<u32>,
    columns: Vec<Box<dyn Accumulators>>,
    /// When to look at which session: `(end, number)`. An end may have moved on since; it never moves back.
    timers: BinaryHeap<Reverse<(i64, u32)>>,
    additions: Additions,
}

/// A session that fires.
pub struct FiredSession<'s> {
    /// From the first event to the last one plus the gap.
    pub window: Window,
    /// The number of its key.
    pub key: u32,
    /// The states of all sessions.
    pub columns: &'s [Box<dyn Accumulators>],
    /// Its slot in them.
    pub slot: u32,
}

#[derive(Clone)]
struct Session {
    start: i64,
    /// The last event plus the gap.
    end: i64,
    key: u32,
    /// The key's next session, in no particular order.
    next: u32,
    /// Entries in `timers` that name this number.
    timers: u32,
    open: bool,
}

impl SessionStore {
    /// No sessions yet; `gap` in microseconds.
    pub fn new(gap: i64, calls: &Calls) -> SessionStore {
        SessionStore {
            gap,
            sessions: Vec::new(),
            free: Vec::new(),
            first: Vec::new(),
            columns: calls.make(),
            timers: BinaryHeap::new(),
            additions: Additions::default(),
        }
    }

    /// Adds rows of a part; `rows` are those whose keys this shard owns.
    pub fn add(&mut self, part: &Part, rows: &[u32], keys: &mut Keys) {
        for &row in rows {
            let key = keys.intern(part.batch.keys.hashes[row as usize], part.batch.keys.key(row));
            let session = self.session(part.batch.time[row as usize], key, part, keys);
            self.additions.rows.push(row);
            self.additions.slots.push(session);
        }
        self.apply(part);
    }

    fn apply(&mut self, part: &Part) {
        let room = self.sessions.len();
        self.columns.iter_mut().for_each(|column| column.resize(room));
        self.additions.apply(&mut self.columns, &part.batch, part.first_record);
    }

    /// The session that an event at `time` belongs to: sessions that overlap or touch `[time, time + gap)`
    /// become one with it.
    fn session(&mut self, time: i64, key: u32, part: &Part, keys: &mut Keys) -> u32 {
        if self.first.len() <= key as usize {
            self.first.resize(key as usize + 1, NONE);
        }
        let end = time + self.gap;
        let mut home = NONE;
        let (mut before, mut at) = (NONE, self.first[key as usize]);
        while at != NONE {
            let Session { start: other_start, end: other_end, next, .. } = self.sessions[at as usize];
            if other_start > end || other_end < time {
                before = at;
            } else if home == NONE {
                home = at;
                let session = &mut self.sessions[at as usize];
                session.start = session.start.min(time);
                session.end = session.end.max(end);
                before = at;
            } else {
                self.grow_together(at, home, part);
                self.sessions[before as usize].next = next;
                self.retire(at, keys);
            }
            at = next;
        }
        if home == NONE { self.open(time, end, key, keys) } else { home }
    }

    /// Session `from` becomes a part of `to`, which touches it.
    fn grow_together(&mut self, from: u32, to: u32, part: &Part) {
        // Rows that wait to be added to `from` must not be lost.
        self.apply(part);
        self.columns.iter_mut().for_each(|column| column.absorb(from, to));
        let (start, end) = (self.sessions[from as usize].start, self.sessions[from as usize].end);
        let session = &mut self.sessions[to as usize];
        session.start = session.start.min(start);
        session.end = session.end.max(end);
    }

    fn open(&mut self, start: i64, end: i64, key: u32, keys: &mut Keys) -> u32 {
        keys.hold(key);
        let session = Session { start, end, key, next: self.first[key as usize], timers: 1, open: true };
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
        self.first[key as usize] = number;
        self.timers.push(Reverse((end, number)));
        number
    }

    /// A session that has been taken out of its key's list is over. Its number is free once no timer names it.
    fn retire(&mut self, number: u32, keys: &mut Keys) {
        let session = &mut self.sessions[number as usize];
        session.open = false;
        keys.release(session.key);
        if session.timers == 0 {
            self.free.push(number);
        }
    }

    /// Fires every session that ends before `watermark` (strictly), in the order of rows.
    pub fn fire(&mut self, watermark: i64, keys: &mut Keys, emit: &mut dyn FnMut(FiredSession<'_>, &Keys)) {
        let mut due = self.take_due(watermark);
        due.sort_unstable_by(|&a, &b| {
            let (a, b) = (&self.sessions[a as usize], &self.sessions[b as usize]);
            (a.end, a.start)
                .cmp(&(b.end, b.start))
                .then_with(|| crate::parse::key::compare(keys.get(a.key), keys.get(b.key)))
        });
        for number in due {
            let Session { start, end, key, .. } = self.sessions[number as usize];
            let window = Window { end, start };
            emit(FiredSession { window, key, columns: &self.columns, slot: number }, keys);
            self.unlink(number, key);
            self.columns.iter_mut().for_each(|column| column.clear(number));
            self.retire(number, keys);
        }
    }

    /// The sessions that end before the watermark.
    fn take_due(&mut self, watermark: i64) -> Vec<u32> {
        let mut due = Vec::new();
        while let Some(&Reverse((end, number))) = self.timers.peek() {
            if end >= watermark {
                break;
            }
            self.timers.pop();
            let session = &mut self.sessions[number as usize];
            session.timers -= 1;
            if !session.open {
                if session.timers == 0 {
                    self.free.push(number);
                }
            } else if session.end < watermark {
                due.push(number);
            } else {
                session.timers += 1;
                self.timers.push(Reverse((session.end, number)));
            }
        }
        due
    }

    fn unlink(&mut self, number: u32, key: u32) {
        let next = self.sessions[number as usize].next;
        let mut at = self.first[key as usize];
        if at == number {
            self.first[key as usize] = next;
            return;
        }
        while self.sessions[at as usize].next != number {
            at = self.sessions[at as usize].next;
        }
        self.sessions[at as usize].next = next;
    }

    /// How many sessions are open.
    pub fn open_count(&self) -> usize {
        self.sessions.len() - self.free.len()
    }
}
