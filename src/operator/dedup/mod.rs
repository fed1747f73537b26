//! Deduplication: which ids are remembered, and for how long.
//!
//! An entry counts while its expiry lies beyond the watermark before the event in question. When entries are
//! really removed decides about memory only, never about a result. No I/O here, no thread, no clock.
//!
//! The ids are spread over 512 tables, each of which grows and is swept by itself: no call touches more than
//! one, so none is slow, and never does a second copy of the whole exist. From 100,000 ids on, the set takes at
//! most 24 bytes for each that counts. That holds while it grows and when the watermark lets go of many at once
//! (the next 512 calls clear them away). The exceptions are expiries that lie years apart and are no multiples
//! of anything: 26 bytes.
//!
//! For checkpoints the set can keep aside what is new, by *bucket*: a stretch of expiries that is let go as one.

mod buckets;
mod coding;
mod dealt;
mod key;
mod loader;
mod table;
mod tags;
#[cfg(test)]
mod tests;

pub use buckets::{Buckets, Entry};
pub use dealt::Dealt;
pub use loader::Loader;

use std::ops::Range;

use buckets::Tally;
use coding::{Coding, FOREVER};
use key::{Key, TABLES};

/// The most parts that a set can be loaded in.
pub const PARTS_MAX: usize = TABLES;
use table::{Moving, Table};

/// The remembered ids, by 128-bit hashes that must be evenly spread.
pub struct Dedup {
    /// By the uppermost bits of the id.
    tables: Vec<Table>,
    /// The number of the first table: not 0 only while a set is loaded in parts.
    first: usize,
    /// How new entries write their expiries. A table with another coding is rewritten before its next entry.
    coding: Coding,
    /// The expiry that was written last, and its code in `coding`: the next is mostly the same.
    latest: (i64, u64),
    /// The entries beyond the horizon.
    tally: Tally,
    /// Entries in the tables.
    stored: usize,
    /// Memory taken up by the tables, in bytes.
    tables_bytes: usize,
    /// Those of them that expire at the horizon or before.
    expired: usize,
    /// The last expiry of the buckets that the watermark has passed. An entry beyond it is in the tally.
    horizon: i64,
    /// The next table to sweep; at the end of `tables` when no sweep is under way.
    sweep: usize,
    /// At this watermark there is something to do. Never later than the tally says.
    due: i64,
    /// How many entries each table is given room for at least; not 0 only during loading.
    expected: usize,
    /// Scratch space for rewriting a table.
    moving: Vec<Moving>,
}

/// A sweep is due when one in so many entries has expired.
const EXPIRED_SHARE: usize = 32;

/// With fewer ids the memory that they take is not worth the work of giving it back.
const MANY: usize = 100_000;

/// Tables are made smaller when together they take more than this many bytes for an entry that counts.
const BYTES_MAX: f64 = 23.4;

impl Dedup {
    /// Remembers nothing yet. `span` is how far beyond the watermark expiries lie, about, in microseconds; it
    /// shapes the [`Buckets`] and decides about no result.
    pub fn new(span: i64) -> Dedup {
        Dedup::of_tables(0..TABLES, Buckets::for_span(span), 0)
    }

    fn of_tables(numbers: Range<usize>, buckets: Buckets, expected: usize) -> Dedup {
        let coding = Coding::of(0);
        let tables: Vec<Table> = numbers.clone().map(|_| Table::new(coding)).collect();
        Dedup {
            first: numbers.start,
            tables_bytes: tables.iter().map(Table::memory_bytes).sum(),
            tables,
            coding,
            latest: (0, 0),
            tally: Tally::new(buckets),
            stored: 0,
            expired: 0,
            horizon: i64::MIN,
            sweep: usize::MAX,
            due: i64::MAX,
            expected,
            moving: Vec::new(),
        }
    }

    /// Whether the id is remembered at this watermark. If not, it is from now on, until the watermark
    /// reaches `expiry` (exclusive: at a watermark of `expiry` it is forgotten). The watermark never goes back
    /// from call to call.
    #[inline]
    pub fn seen(&mut self, id: u128, expiry: i64, watermark: i64) -> bool {
        if watermark >= self.due {
            self.evict(watermark);
        }
        let (number, key) = (Key::table(id) - self.first, Key::of(id));
        let table = &self.tables[number];
        if let Some(place) = table.find(key) {
            let known = table.expiry(place);
            if known > watermark {
                return true;
            }
            self.renew(number, id, known, expiry, watermark);
        } else if expiry > watermark {
            self.add(number, id, expiry);
        }
        false
    }

    /// Has the processor fetch what [`Dedup::seen`] will look at. Some ten ids ahead is a good distance.
    #[inline]
    pub fn prefetch(&self, id: u128) {
        self.tables[Key::table(id) - self.first].prefetch(Key::of(id));
    }

    /// How many ids take up memory: those that count, and a few that no longer do.
    pub fn len(&self) -> usize {
        self.stored
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.stored == 0
    }

    /// Memory taken up, in bytes, with allocation overhead and scratch space; without pending entries.
    pub fn memory_bytes(&self) -> usize {
        let moving = self.moving.capacity() * size_of::<Moving>();
        size_of::<Dedup>() + self.tables_bytes + moving + self.tally.memory_bytes()
    }

    /// How expiries are divided into buckets.
    pub fn buckets(&self) -> Buckets {
        self.tally.buckets()
    }

    /// From now on new entries are kept for [`Dedup::take_pending`], which must then be called every so often.
    pub fn record(&mut self) {
        self.tally.recording = true;
    }

    /// The entries that are new since the last call and that the watermark has not passed, by bucket, ascending.
    pub fn take_pending(&mut self) -> Vec<(i64, Vec<Entry>)> {
        self.tally.take_pending()
    }

    /// Memory taken up by what [`Dedup::take_pending`] would hand over, in bytes. Grows without bound unless
    /// that is called.
    pub fn pending_bytes(&self) -> usize {
        self.tally.pending_bytes()
    }

    /// Remembers an id that no table holds.
    #[inline]
    fn add(&mut self, number: usize, id: u128, expiry: i64) {
        let code = self.prepare(number, expiry);
        self.tables[number].insert(Key::of(id), code);
        self.stored += 1;
        self.tally.add(id, expiry);
        self.due = self.due.min(expiry);
    }

    /// Gives an id that has been forgotten, but still takes up memory, a new expiry.
    #[cold]
    fn renew(&mut self, number: usize, id: u128, known: i64, expiry: i64, watermark: i64) {
        if expiry <= watermark {
            return;
        }
        let code = self.prepare(number, expiry);
        let key = Key::of(id);
        let Some(place) = self.tables[number].find(key) else {
            // Preparing the table has cleared it away.
            return self.add(number, id, expiry);
        };
        self.tables[number].set(place, code);
        if known > self.horizon {
            self.tally.take_back(known);
        } else {
            self.expired -= 1;
        }
        self.tally.add(id, expiry);
        self.due = self.due.min(expiry);
    }

    /// Makes sure that a table has room for an entry of this expiry, and returns its code there.
    #[inline]
    fn prepare(&mut self, number: usize, expiry: i64) -> u64 {
        if expiry != self.latest.0 {
            self.latest = (expiry, self.encode(expiry));
        }
        let table = &self.tables[number];
        if table.is_full() || table.coding() != self.coding {
            self.rewrite(number);
        }
        self.latest.1
    }

    /// The code of an expiry in the coding for new entries, which is changed where it has none.
    fn encode(&mut self, expiry: i64) -> u64 {
        if let Some(code) = self.coding.encode(expiry) {
            return code;
        }
        self.coding = match self.tally.range() {
            Some(range) => self.coding.with(expiry, range),
            None => Coding::of(expiry),
        };
        self.coding.encode(expiry).expect("the coding was made for it")
    }

    #[cold]
    fn rewrite(&mut self, number: usize) {
        let table = &mut self.tables[number];
        self.tables_bytes -= table.memory_bytes();
        let dropped = table.rewrite(self.coding, self.horizon, self.expected, &mut self.moving);
        self.tables_bytes += table.memory_bytes();
        self.stored -= dropped;
        self.expired -= dropped;
    }

    /// Lets go of the buckets that the watermark has passed, and sweeps one table if that is due.
    #[cold]
    fn evict(&mut self, watermark: i64) {
        while let Some((last, entries)) = self.tally.pass(watermark) {
            self.horizon = last;
            self.expired += entries;
        }
        if self.sweep >= self.tables.len() && self.expired >= TABLES.max(self.stored / EXPIRED_SHARE) {
            self.sweep = 0;
        }
        if let Some(table) = self.tables.get_mut(self.sweep) {
            let removed = table.sweep(self.horizon);
            self.stored -= removed;
            self.expired -= removed;
            // Tables differ by chance, and over time: one that has room left may need it soon.
            let fair = (self.stored - self.expired).max(MANY) as f64 * BYTES_MAX;
            if self.tables_bytes as f64 > fair && table.is_sparse() {
                self.rewrite(self.sweep);
            }
            self.sweep += 1;
        }
        let sweeping = self.sweep < self.tables.len();
        self.due = if sweeping { i64::MIN } else { self.tally.due().unwrap_or(FOREVER) };
    }
}
