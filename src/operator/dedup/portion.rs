//! Asking for many ids at once: by one thread, or by several, each of which has a portion of the shards.

use std::sync::Arc;

use super::Dedup;
use super::key::{SHARDS, shard};
use super::shard::Shard;

/// The most portions that a set can be divided into.
pub const PORTIONS_MAX: usize = SHARDS;

/// What is asked of an id: see [`Dedup::seen`].
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// The id.
    pub id: u128,
    /// When it is forgotten if it is new.
    pub expiry: i64,
    /// The watermark before its event.
    pub watermark: i64,
}

/// Some of the shards of a set, as one thread has them while several ask at once.
pub struct Portion {
    number: usize,
    of: usize,
    /// Those whose numbers leave `number` when they are divided by `of`, ascending.
    shards: Vec<Shard>,
    /// Which of the ids asked for are its own: scratch space.
    own: Vec<u32>,
    /// Which of them are repeats.
    repeats: Vec<u32>,
}

/// Threads that ask at the same time, each with a portion.
pub trait Crew: Send {
    /// How many portions it takes.
    fn portions(&self) -> usize;

    /// Has [`Portion::ask`] called of each with all that is asked, and hands them back, in any order. Nobody holds what
    /// was asked any more then.
    fn ask(&mut self, portions: Vec<Portion>, asks: &Arc<Vec<Ask>>) -> Vec<Portion>;
}

/// How many ids ahead the index is fetched, and the log.
const INDEX_AHEAD: usize = 24;
const ENTRY_AHEAD: usize = 12;

impl Portion {
    /// Asks for those ids that are its own.
    pub fn ask(&mut self, asks: &[Ask]) {
        let Portion { number, of, shards, own, repeats } = self;
        own.resize(asks.len(), 0);
        let mut count = 0;
        for (at, ask) in (0u32..).zip(asks) {
            // Without a branch: nobody can guess whose an id is.
            own[count] = at;
            count += usize::from(shard(ask.id) % *of == *number);
        }
        own.truncate(count);
        repeats.clear();
        let home = |at: u32| (asks[at as usize].id, shard(asks[at as usize].id) / *of);
        for (n, &at) in own.iter().enumerate() {
            if let Some(&ahead) = own.get(n + INDEX_AHEAD) {
                let (id, home) = home(ahead);
                shards[home].prefetch(id);
            }
            if let Some(&ahead) = own.get(n + ENTRY_AHEAD) {
                let (id, home) = home(ahead);
                shards[home].prefetch_entry(id);
            }
            let Ask { id, expiry, watermark } = asks[at as usize];
            if shards[shard(id) / *of].seen(id, expiry, watermark) {
                repeats.push(at);
            }
        }
    }
}

impl Dedup {
    /// [`Dedup::seen`] of each, in this order; adds the numbers of those that are remembered to `repeats`, ascending.
    pub fn ask(&mut self, asks: &[Ask], repeats: &mut Vec<u32>) {
        for (n, ask) in asks.iter().enumerate() {
            if let Some(ahead) = asks.get(n + INDEX_AHEAD) {
                self.prefetch(ahead.id);
            }
            if let Some(ahead) = asks.get(n + ENTRY_AHEAD) {
                self.prefetch_entry(ahead.id);
            }
            if self.seen(ask.id, ask.expiry, ask.watermark) {
                repeats.push(n as u32);
            }
        }
    }

    /// The same, by several threads.
    pub fn ask_by(&mut self, crew: &mut dyn Crew, asks: &Arc<Vec<Ask>>, repeats: &mut Vec<u32>) {
        let of = crew.portions().clamp(1, PORTIONS_MAX);
        let empty = |number| Portion { number, of, shards: Vec::new(), own: Vec::new(), repeats: Vec::new() };
        let mut portions: Vec<Portion> = (0..of).map(empty).collect();
        for (number, shard) in self.shards.drain(..).enumerate() {
            portions[number % of].shards.push(shard);
        }
        let mut portions = crew.ask(portions, asks);
        portions.sort_by_key(|portion| portion.number);
        let mut from: Vec<_> = portions.iter_mut().map(|portion| portion.shards.drain(..)).collect();
        self.shards.extend((0..SHARDS).map(|number| from[number % of].next().expect("all come back")));
        drop(from);
        // Every id is of one portion only.
        portions.iter().for_each(|portion| repeats.extend(&portion.repeats));
        repeats.sort_unstable();
    }
}
