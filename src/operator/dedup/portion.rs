//! Asking for many ids at once: all of the shards, or several portions of them, which do not depend on each other.

use std::mem;
use std::sync::Arc;

use super::Dedup;
use super::key::{SHARDS, shard};
use super::loader::PARTS_MAX;
use super::shard::Shard;

/// How many ids ahead the index is fetched.
pub const INDEX_AHEAD: usize = 24;
/// How many ids ahead the log is fetched.
pub const ENTRY_AHEAD: usize = 12;

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

/// Some of the shards of a set, one behind the other.
#[derive(Default)]
pub struct Portion {
    /// The number of the first of them.
    first: usize,
    shards: Vec<Shard>,
    /// Which of the ids asked for are its own: scratch space.
    own: Vec<u32>,
    /// Which of them are repeats.
    repeats: Vec<u32>,
}

/// Whoever has all portions of a set asked, at the same time if that helps.
pub trait Crew: Send {
    /// How many portions there are to be: at least one, at most [`PARTS_MAX`].
    fn portions(&self) -> usize;

    /// Has [`Portion::ask`] called of each with all that is asked, and hands them back, in any order. Nobody holds what
    /// was asked any more then.
    fn ask(&mut self, portions: Vec<Portion>, asks: &Arc<Vec<Ask>>) -> Vec<Portion>;
}

impl Portion {
    /// Memory that it takes up without shards, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let scratch = (self.own.capacity() + self.repeats.capacity()) * size_of::<u32>();
        size_of::<Portion>() + self.shards.capacity() * size_of::<Shard>() + scratch
    }

    /// Asks for those ids that are its own.
    pub fn ask(&mut self, asks: &[Ask]) {
        let Portion { first, shards, own, repeats } = self;
        let mut count = 0;
        own.resize(asks.len().max(own.len()), 0);
        for (at, ask) in (0u32..).zip(asks) {
            // Without a branch: nobody can guess whose an id is.
            own[count] = at;
            count += usize::from(shard(ask.id).wrapping_sub(*first) < shards.len());
        }
        let own = &own[..count];
        repeats.clear();
        ask_in_order((shards, *first), own.len(), |n| own[n], asks, repeats);
    }
}

/// Asks shards, of which the first has this number, for so many ids, of which the n-th is the one that was asked for as
/// number `number(n)`.
#[inline(always)]
fn ask_in_order(
    (shards, first): (&mut [Shard], usize),
    count: usize,
    number: impl Fn(usize) -> u32,
    asks: &[Ask],
    repeats: &mut Vec<u32>,
) {
    let ask = |n: usize| asks[number(n) as usize];
    let home = |id: u128| shard(id) - first;
    let fetch = |shards: &[Shard], n: usize| shards[home(ask(n).id)].prefetch(ask(n).id);
    let fetch_entry = |shards: &[Shard], n: usize| shards[home(ask(n).id)].prefetch_entry(ask(n).id);
    (0..count.min(INDEX_AHEAD)).for_each(|n| fetch(shards, n));
    (0..count.min(ENTRY_AHEAD)).for_each(|n| fetch_entry(shards, n));
    for n in 0..count {
        if n + INDEX_AHEAD < count {
            fetch(shards, n + INDEX_AHEAD);
        }
        if n + ENTRY_AHEAD < count {
            fetch_entry(shards, n + ENTRY_AHEAD);
        }
        let Ask { id, expiry, watermark } = ask(n);
        if shards[home(id)].seen(id, expiry, watermark) {
            repeats.push(number(n));
        }
    }
}

impl Dedup {
    /// [`Dedup::seen`] of each, in this order; adds the numbers of those that are remembered to `repeats`, ascending.
    /// Memory is fetched ahead.
    pub fn ask(&mut self, asks: &[Ask], repeats: &mut Vec<u32>) {
        ask_in_order((&mut self.shards, 0), asks.len(), |n| n as u32, asks, repeats);
    }

    /// The same, by portions.
    pub fn ask_by(&mut self, crew: &mut dyn Crew, asks: &Arc<Vec<Ask>>, repeats: &mut Vec<u32>) {
        let count = crew.portions();
        assert!((1..=PARTS_MAX).contains(&count), "{count} portions");
        let mut portions = mem::take(&mut self.portions);
        portions.resize_with(count, Portion::default);
        let mut shards = self.shards.drain(..);
        for (number, portion) in portions.iter_mut().enumerate() {
            portion.first = number * SHARDS / count;
            let end = (number + 1) * SHARDS / count;
            portion.shards.extend(shards.by_ref().take(end - portion.first));
        }
        drop(shards);
        let mut portions = crew.ask(portions, asks);
        portions.sort_by_key(|portion| portion.first);
        portions.iter_mut().for_each(|portion| self.shards.append(&mut portion.shards));
        assert_eq!(self.shards.len(), SHARDS, "all come back");
        // Every id is of one portion only. What is to be sorted are a few runs that are in order.
        let first = repeats.len();
        portions.iter().for_each(|portion| repeats.extend(&portion.repeats));
        repeats[first..].sort();
        self.portions = portions;
    }
}
