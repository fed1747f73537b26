//! Deduplication: which ids are remembered, and for how long.
//!
//! An entry counts while its expiry lies beyond the watermark before the event in question. When entries are
//! really removed decides about memory only, never about a result. No I/O here, no thread, no clock.
//!
//! What is remembered stands in a *log*, in the order in which it came; an *index* of four bytes an entry says where.
//! So a new id costs a wait for one line of the index, and that is small; of the log only the ends are in use, except
//! where an id comes again.
//!
//! The ids are spread over 1,024 tables of the index, each of which grows and is cleared by itself, in eight *shards*
//! with a log each: no call touches more than one table, so none is slow, and never does a second copy of the whole
//! exist.
//!
//! From 100,000 ids on, the set takes at most 24 bytes for each that counts. That holds while it grows and when the
//! watermark lets go of many at once (the next fifteen hundred calls clear them away). Two things come on top: a byte for each
//! that an expiry takes beyond two (none for ends of windows, two for the milliseconds of sessions of minutes, three for
//! microseconds), and for as long as ids are remembered a third of a byte for each of the many that were let go of.
//!
//! For checkpoints the set can tell what is new, by *bucket*: a stretch of expiries that is let go as one.

mod block;
mod buckets;
mod coding;
mod dealt;
mod key;
mod line;
mod loader;
mod log;
mod portion;
mod shard;
mod table;
#[cfg(test)]
mod tests;

pub use buckets::{Buckets, Entry};
pub use dealt::Dealt;
pub use loader::{Loader, PARTS_MAX};
pub use portion::{Ask, Crew, ENTRY_AHEAD, INDEX_AHEAD, Portion};

use std::collections::BTreeMap;

use key::SHARDS;
use shard::Shard;

/// The remembered ids, by 128-bit hashes that must be evenly spread.
pub struct Dedup {
    /// By the uppermost bits of the id.
    shards: Vec<Shard>,
    /// Those of the last question, without shards: kept for their scratch space.
    portions: Vec<Portion>,
}

impl Dedup {
    /// Remembers nothing yet. `span` is how far beyond the watermark expiries lie, about, in microseconds; it
    /// shapes the [`Buckets`] and decides about no result.
    pub fn new(span: i64) -> Dedup {
        let shards = (0..SHARDS).map(|_| Shard::new(Buckets::for_span(span), 0)).collect();
        Dedup { shards, portions: Vec::new() }
    }

    /// Whether the id is remembered at this watermark. If not, it is from now on, until the watermark
    /// reaches `expiry` (exclusive: at a watermark of `expiry` it is forgotten). The watermark never goes back
    /// from call to call.
    #[inline]
    pub fn seen(&mut self, id: u128, expiry: i64, watermark: i64) -> bool {
        self.shards[key::shard(id)].seen(id, expiry, watermark)
    }

    /// Has the processor fetch the part of the index that [`Dedup::seen`] will look at.
    #[inline]
    pub fn prefetch(&self, id: u128) {
        self.shards[key::shard(id)].prefetch(id);
    }

    /// Has the processor fetch the part of the log that [`Dedup::seen`] will look at, which the index tells.
    #[inline]
    pub fn prefetch_entry(&self, id: u128) {
        self.shards[key::shard(id)].prefetch_entry(id);
    }

    /// How many ids take up memory: those that count, and a few that no longer do.
    pub fn len(&self) -> usize {
        self.shards.iter().map(Shard::stored).sum()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory taken up, in bytes, with allocation overhead and scratch space; without pending entries.
    pub fn memory_bytes(&self) -> usize {
        let shards: usize = self.shards.iter().map(Shard::memory_bytes).sum();
        let portions: usize = self.portions.iter().map(Portion::memory_bytes).sum();
        size_of::<Dedup>() + shards + portions
    }

    /// From now on new entries are kept in mind for [`Dedup::take_pending`].
    pub fn record(&mut self) {
        self.shards.iter_mut().for_each(|shard| shard.log.recording = true);
    }

    /// The entries that are new since the last call and that the watermark has not passed, by bucket, ascending.
    pub fn take_pending(&mut self) -> Vec<(i64, Vec<Entry>)> {
        let mut taken = BTreeMap::new();
        self.shards.iter_mut().for_each(|shard| shard.log.take_pending(&mut taken));
        taken.into_iter().collect()
    }

    /// Memory that the entries take up which [`Dedup::take_pending`] would hand over, in bytes.
    pub fn pending_bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.log.pending() * size_of::<Entry>()).sum()
    }
}
