//! Asking for many ids at once: all of the shards, or several portions of them, which do not depend on each other.

use std::mem;
use std::sync::Arc;

use super::Dedup;
use super::key::{SHARDS, shard};
use super::shard::Shard;

/// The most portions that a set can be divided into.
pub const PORTIONS_MAX: usize = SHARDS;

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

/// Some of the shards of a set: those whose numbers have the same lowest bits.
#[derive(Default)]
pub struct Portion {
    /// These bits, and how many they are.
    number: usize,
    bits: u32,
    /// Ascending.
    shards: Vec<Shard>,
    /// Which of the ids asked for are its own: scratch space.
    own: Vec<u32>,
    /// Which of them are repeats.
    repeats: Vec<u32>,
}

/// Whoever has all portions of a set asked, at the same time if that helps.
pub trait Crew: Send {
    /// How many portions there are to be: a power of two, at most [`PORTIONS_MAX`].
    fn portions(&self) -> usize;

    /// Has [`Portion::ask`] called of each with all that is asked, and hands them back, in any order. Nobody holds what
    /// was asked any more then.
    fn ask(&mut self, portions: Vec<Portion>, asks: &Arc<Vec<Ask>>) -> Vec<Portion>;
}

impl Portion {
    /// Memory that the scratch space takes up, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Portion>() + (self.own.capacity() + self.repeats.capacity()) * size_of::<u32>()
    }

    /// Asks for those ids that are its own.
    pub fn ask(&mut self, asks: &[Ask]) {
        let Portion { number, bits, shards, own, repeats } = self;
        let (own_bits, mut count) = ((1 << *bits) - 1, 0);
        own.resize(asks.len().max(own.len()), 0);
        for (at, ask) in (0u32..).zip(asks) {
            // Without a branch: nobody can guess whose an id is.
            own[count] = at;
            count += usize::from(shard(ask.id) & own_bits == *number);
        }
        let own = &own[..count];
        repeats.clear();
        ask_in_order((shards, *bits), own.len(), |n| own[n], asks, repeats);
    }
}

/// Asks shards for so many ids, of which the n-th is the one that was asked for as number `number(n)`.
#[inline(always)]
fn ask_in_order(
    (shards, bits): (&mut [Shard], u32),
    count: usize,
    number: impl Fn(usize) -> u32,
    asks: &[Ask],
    repeats: &mut Vec<u32>,
) {
    let ask = |n: usize| asks[number(n) as usize];
    let home = |id: u128| shard(id) >> bits;
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
    pub fn ask(&mut self, asks: &[Ask], repeats: &mut Vec<u32>) {
        ask_in_order((&mut self.shards, 0), asks.len(), |n| n as u32, asks, repeats);
    }

    /// The same, by portions.
    pub fn ask_by(&mut self, crew: &mut dyn Crew, asks: &Arc<Vec<Ask>>, repeats: &mut Vec<u32>) {
        let count = crew.portions();
        assert!(count.is_power_of_two() && count <= PORTIONS_MAX, "{count} portions");
        let mut portions = mem::take(&mut self.portions);
        portions.resize_with(count, Portion::default);
        for (number, portion) in portions.iter_mut().enumerate() {
            (portion.number, portion.bits) = (number, count.ilog2());
        }
        for (number, shard) in self.shards.drain(..).enumerate() {
            portions[number % count].shards.push(shard);
        }
        let mut portions = crew.ask(portions, asks);
        portions.sort_by_key(|portion| portion.number);
        let mut parts: Vec<_> = portions.iter_mut().map(|portion| portion.shards.drain(..)).collect();
        let shards = (0..SHARDS).map(|number| parts[number % count].next().expect("all come back"));
        self.shards.extend(shards);
        drop(parts);
        // Every id is of one portion only. What is to be sorted are a few runs that are in order.
        let first = repeats.len();
        portions.iter().for_each(|portion| repeats.extend(&portion.repeats));
        repeats[first..].sort();
        self.portions = portions;
    }
}
