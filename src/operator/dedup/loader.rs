//! Filling a set with entries from a checkpoint, in parts that are independent of each other.

use super::Dedup;
use super::buckets::Buckets;
use super::dealt::Dealt;
use super::key::{SHARDS, TABLES, TABLES_OF_SHARD, shard};
use super::portion::{ENTRY_AHEAD, INDEX_AHEAD};
use super::shard::Shard;

/// The most parts that a set can be divided into, to be loaded or asked.
pub const PARTS_MAX: usize = SHARDS;

/// One of the parts of a set that is being filled. Each may be filled by a thread of its own; all of them must be
/// shown all entries, in any order.
pub struct Loader {
    /// The number of its first shard.
    first: usize,
    shards: Vec<Shard>,
}

impl Loader {
    /// Part `part` of `parts`, counted from 0, of a set for this span (see [`Dedup::new`]). `entries` is how many
    /// there are, about, in all parts.
    ///
    /// # Panics
    ///
    /// Unless `part < parts <= PARTS_MAX`.
    pub fn new(part: usize, parts: usize, span: i64, entries: usize) -> Loader {
        assert!(part < parts && parts <= PARTS_MAX, "part {part} of {parts}");
        let (first, end) = (part * SHARDS / parts, (part + 1) * SHARDS / parts);
        let new = |_| Shard::new(Buckets::for_span(span), entries / TABLES);
        Loader { first, shards: (first..end).map(new).collect() }
    }

    /// Takes those entries that belong to this part. Of several with one id that of the latest expiry counts, which
    /// is the one that was remembered last: an id is remembered anew only when it has expired.
    pub fn add(&mut self, dealt: &Dealt) {
        for (number, part) in (self.first..).zip(&mut self.shards) {
            let entries = dealt.tables(number * TABLES_OF_SHARD..(number + 1) * TABLES_OF_SHARD);
            for (n, entry) in entries.iter().enumerate() {
                debug_assert_eq!(shard(entry.id()), number);
                if let Some(ahead) = entries.get(n + INDEX_AHEAD) {
                    part.prefetch(ahead.id());
                }
                if let Some(ahead) = entries.get(n + ENTRY_AHEAD) {
                    part.prefetch_entry(ahead.id());
                }
                part.load(*entry);
            }
        }
    }

    /// The set of all parts, in the order of their numbers.
    ///
    /// # Panics
    ///
    /// If there are not all of them.
    pub fn join(parts: Vec<Loader>) -> Dedup {
        let mut shards = Vec::new();
        for part in parts {
            assert_eq!(part.first, shards.len(), "parts in order");
            shards.extend(part.shards);
        }
        assert_eq!(shards.len(), SHARDS, "all parts");
        for shard in &mut shards {
            shard.expected = 0;
            // Some tables may have been given too much room, for entries that had expired.
            (0..TABLES_OF_SHARD).for_each(|number| shard.shrink(number));
        }
        Dedup { shards, portions: Vec::new() }
    }
}
