//! Sessions that may be written more than once.
//!
//! A session that has fired stays in its key's list until its allowed lateness is over, so that a late event finds it.
//! If one makes it end beyond the watermark it is open again, and closes like others. What is known of each stands
//! beside the sessions, by number, so that a job without such sessions has nothing of it.

use std::cmp::Ordering;
use std::mem;
use std::ops::ControlFlow;

use super::{Due, Session, SessionStore, in_order};
use crate::aggregate::states::Calls;
use crate::checkpoint::codec::Damage;
use crate::operator::keys::Keys;
use crate::operator::loaded::{LoadedSessions, Share};
use crate::operator::out::Out;
use crate::operator::repeats::{Repeats, post_increment};
use crate::operator::saved_repeats::{SessionV3, SessionsV3};
use crate::operator::timers::{Found, Timers};
use crate::operator::weight::Weight;
use crate::output::fired::Timing;
use crate::prefetch::{AHEAD, prefetch};
use crate::window::Window;

/// What is known of sessions beside what they hold.
pub struct Lives {
    repeats: Repeats,
    /// Sessions that end before this have fired.
    fired: i64,
    /// By number.
    lives: Vec<Life>,
    /// Sessions that have changed since they were written, in no order; some perhaps twice, or gone.
    changed: Vec<u32>,
    /// When the allowed lateness of which session is over, once it has fired.
    overs: Timers,
}

/// What is known of a session.
#[derive(Debug, Clone, Copy, Default)]
struct Life {
    /// Whether it has changed since it was written.
    changed: bool,
    /// Whether it has fired, or one that has grown into it.
    fired: bool,
    /// Whether `overs` names it.
    kept: bool,
    /// How often it has been written; of several that have grown together, the most.
    times: u32,
}

impl Lives {
    /// A session has been opened. One that a late event has opened may be over already.
    pub(super) fn open(&mut self, session: &mut Session, number: u32, timers: &mut Timers) {
        if self.lives.len() <= number as usize {
            self.lives.resize(number as usize + 1, Life::default());
        }
        let has_fired = session.end < self.fired;
        session.timed = !has_fired;
        self.lives[number as usize] = Life { fired: has_fired, kept: has_fired, ..Life::default() };
        match has_fired {
            true => self.overs.set(session.end.saturating_add(self.repeats.lateness), number),
            false => timers.set(session.end, number),
        }
    }

    /// Events are added to these sessions.
    pub(super) fn change(&mut self, numbers: &[u32], sessions: &mut [Session], timers: &mut Timers) {
        for &number in numbers {
            let life = &mut self.lives[number as usize];
            if !life.changed {
                life.changed = true;
                // Without early rows nobody asks for those that will fire.
                if self.repeats.early || life.fired {
                    self.changed.push(number);
                }
            }
            let session = &mut sessions[number as usize];
            if life.fired && !session.timed && session.end >= self.fired {
                session.timed = true;
                timers.set(session.end, number);
            }
        }
    }

    /// Session `from` becomes a part of `to`.
    pub(super) fn grow_together(&mut self, from: u32, to: u32) {
        let from = self.lives[from as usize];
        let life = &mut self.lives[to as usize];
        life.fired |= from.fired;
        life.times = life.times.max(from.times);
        if from.changed && !mem::replace(&mut life.changed, true) {
            self.changed.push(to);
        }
    }

    /// A session is over. Returns whether its number is free.
    pub(super) fn forget(&mut self, number: u32) -> bool {
        let life = &mut self.lives[number as usize];
        *life = Life { kept: life.kept, ..Life::default() };
        !life.kept
    }

    /// Whether a session may be looked for once its allowed lateness is over.
    pub(super) fn is_kept(&self, number: u32) -> bool {
        self.lives[number as usize].kept
    }
}

/// The sessions of one shard.
pub struct RepeatedSessions {
    store: SessionStore,
}

impl RepeatedSessions {
    /// No sessions yet; `gap` in microseconds.
    pub fn new(gap: i64, calls: &Calls, repeats: Repeats) -> RepeatedSessions {
        let lives = Lives {
            repeats,
            fired: i64::MIN,
            lives: Vec::new(),
            changed: Vec::new(),
            overs: Timers::new(gap.max(repeats.lateness)),
        };
        RepeatedSessions { store: SessionStore { lives: Some(lives), ..SessionStore::new(gap, calls) } }
    }

    /// The sessions themselves.
    pub fn store(&mut self) -> &mut SessionStore {
        &mut self.store
    }

    /// How many there are.
    pub fn held_count(&self) -> usize {
        self.store.open_count()
    }

    /// Memory taken up by the sessions and their states.
    pub fn weigh(&self) -> Weight {
        self.store.weigh()
    }

    fn lives(&mut self) -> &mut Lives {
        self.store.lives.as_mut().expect("it was made with them")
    }

    /// Fires every session that ends before `watermark`, and forgets those whose allowed lateness is over.
    pub fn close(&mut self, watermark: i64, keys: &mut Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        if watermark <= self.lives().fired {
            return ControlFlow::Continue(());
        }
        self.store.sort_due(watermark, keys);
        let later = self.store.due.partition_point(|due| due.window.end >= watermark);
        let due = self.store.due.split_off(later);
        // One that has fired before has nothing to say unless it has changed since.
        let mut writes: Vec<(Timing, &Due)> = Vec::new();
        for session in &due {
            let life = self.lives().lives[session.number as usize];
            match (life.fired, life.changed) {
                (false, _) => writes.push((Timing::Final, session)),
                (true, true) => writes.push((Timing::Revised, session)),
                (true, false) => {}
            }
        }
        self.write(&mut writes, keys, out)?;
        let lives = self.store.lives.as_mut().expect("it was made with them");
        for &Due { window, number, .. } in &due {
            let life = &mut lives.lives[number as usize];
            life.fired = true;
            if !mem::replace(&mut life.kept, true) {
                lives.overs.set(window.end.saturating_add(lives.repeats.lateness), number);
            }
        }
        lives.fired = watermark;
        self.forget(watermark, keys);
        ControlFlow::Continue(())
    }

    /// See [`SessionStore::next_firing`].
    pub fn next_firing(&mut self, watermark: i64, keys: &Keys) -> Option<i64> {
        self.store.next_firing(watermark, keys)
    }

    /// Forgets sessions whose allowed lateness is over and that are not to be written any more.
    fn forget(&mut self, watermark: i64, keys: &mut Keys) {
        let SessionStore { sessions, lives, free, .. } = &mut self.store;
        let Some(Lives { repeats, lives, overs, .. }) = lives else { return };
        let mut over = Vec::new();
        overs.expire(watermark, |number, _| {
            let (session, life) = (&sessions[number as usize], &mut lives[number as usize]);
            let ends = session.end.saturating_add(repeats.lateness);
            if session.open && (ends >= watermark || session.timed || life.changed) {
                // It is open again, or waits to be written: then it is looked at whenever time has gone on.
                return Found::Later(ends.max(watermark));
            }
            life.kept = false;
            match session.open {
                true => over.push(number),
                false if session.timed => {}
                false => free.push(number),
            }
            Found::Over
        });
        for number in over {
            self.store.unlink(number);
            self.store.states.clear(number);
            self.store.retire(number, keys);
        }
    }

    /// Writes sessions that have changed: those that have closed, or all.
    pub fn write_changed(&mut self, open: bool, keys: &Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        let numbers = mem::take(&mut self.lives().changed);
        let mut due = Vec::new();
        for &number in &numbers {
            let Lives { lives, fired, .. } = self.store.lives.as_mut().expect("it was made with them");
            let life = &mut lives[number as usize];
            let &Session { start, end, key, open: lives_on, .. } = &self.store.sessions[number as usize];
            if lives_on && life.changed && (open || end < *fired) {
                // It may stand here twice.
                life.changed = false;
                due.push((life.fired, Due { window: Window { end, start }, key, number }));
            }
        }
        let timing = |fired: bool| if fired { Timing::Revised } else { Timing::Early };
        let mut writes: Vec<_> = due.iter().map(|(fired, due)| (timing(*fired), due)).collect();
        self.write(&mut writes, keys, out)
    }

    /// Writes sessions in the order of rows.
    fn write(
        &mut self,
        writes: &mut [(Timing, &Due)],
        keys: &Keys,
        out: &mut Out<'_, '_>,
    ) -> ControlFlow<()> {
        let by_timing = |a: &(Timing, &Due), b: &(Timing, &Due)| a.0.cmp(&b.0);
        writes.sort_unstable_by(|a, b| match a.1.window.cmp(&b.1.window) {
            Ordering::Equal => by_timing(a, b).then_with(|| in_order(a.1, b.1, keys)),
            order => order,
        });
        for (n, &(timing, &Due { window, key, number })) in writes.iter().enumerate() {
            if let Some((_, ahead)) = writes.get(n + AHEAD) {
                keys.prefetch(ahead.key);
                prefetch(&self.store.sessions, ahead.number as usize);
                self.store.states.prefetch(ahead.number);
            }
            let life = &mut self.store.lives.as_mut().expect("it was made with them").lives[number as usize];
            life.changed = false;
            out.builder.set_revision(post_increment(&mut life.times));
            out.builder.begin_at(Some(window), timing, out.hand_on)?;
            out.builder.row(keys.get(key), keys.head(key), &self.store.states, number)?;
        }
        ControlFlow::Continue(())
    }

    /// What there is besides the sessions, as it is written.
    pub fn save_repeats(&self) -> SessionsV3 {
        let Some(lives) = &self.store.lives else { return SessionsV3::default() };
        let session = |(session, life): (&Session, &Life)| match session.open {
            true => SessionV3 { changed: life.changed, fired: life.fired, times: life.times },
            false => SessionV3::default(),
        };
        let sessions = self.store.sessions.iter().zip(&lives.lives).map(session).collect();
        SessionsV3 { fired: lives.fired, sessions }
    }

    /// Takes in what is its own of sessions that were saved.
    pub fn load(
        &mut self,
        loaded: &LoadedSessions<'_>,
        repeats: Option<&SessionsV3>,
        share: Share,
        keys: &mut Keys,
    ) -> Result<(), Damage> {
        let Some(saved) = repeats else {
            self.store.load(loaded, share, keys);
            return Ok(());
        };
        if saved.sessions.len() != loaded.bounds.len() {
            return Err(Damage::Content);
        }
        // Those that have fired are known by it, and must not fire again.
        self.lives().fired = saved.fired;
        let numbers = self.store.load(loaded, share, keys);
        for (slot, number) in numbers {
            let SessionV3 { changed, fired, times } = saved.sessions[slot as usize];
            let lives = self.lives();
            let life = &mut lives.lives[number as usize];
            (life.changed, life.times) = (changed, times);
            life.fired |= fired;
            if changed && (lives.repeats.early || life.fired) {
                lives.changed.push(number);
            }
        }
        Ok(())
    }
}
