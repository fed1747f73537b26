//! A shard: some of the tables and their log. What it does in a call touches at most one table, so no call is slow.

use super::buckets::{Buckets, Entry, FOREVER};
use super::key::{SHARDS, TABLES_OF_SHARD, table_of_shard};
use super::line::Line;
use super::log::Log;
use super::table::{Found, Table, Vacancy, lines_min};

/// The ids whose uppermost bits are the same.
pub struct Shard {
    /// By the bits below these.
    tables: Box<[Table; TABLES_OF_SHARD]>,
    /// What is remembered.
    pub log: Log,
    /// Entries in the tables.
    stored: usize,
    /// Memory taken up by the tables, in bytes.
    tables_bytes: usize,
    /// The next table to clear; [`TABLES_OF_SHARD`] when that is not under way.
    clearing: usize,
    /// How many blocks of the log nobody will name any more at the end of this.
    cleared: usize,
    /// At this watermark there is something to do. Never later than the log says.
    due: i64,
    /// How many entries each table is given room for at least; not 0 only during loading.
    pub expected: usize,
    /// Scratch space.
    moving: Vec<u32>,
}

/// Tables are cleared when there is an entry that has been let go of for so many that have not.
const GONE_SHARE: usize = 8;

/// So many entries have the memory that is promised for many: with fewer it is not worth the work.
const MANY: usize = 100_000 / SHARDS;

/// A shard that grows gets this many bytes for each entry.
const BYTES_GROWN: f64 = 22.4;
/// Tables are made smaller when the shard takes more than this many for each entry that counts.
const BYTES_MAX: f64 = 23.4;
/// A table that shrinks is left as many as bring the shard to this: nearly as many as the bound allows, since what is
/// let go of mostly comes again, in the next window.
const BYTES_SHRUNK: f64 = 22.6;
/// The index gets no more than this many for each entry: with half of the places free nothing is gained by more.
const BYTES_LOOSE: f64 = 8.0;
/// While a set is loaded, when it is not known yet how many the log will take, the index gets this many.
const BYTES_LOADED: f64 = 5.2;

impl Shard {
    /// Remembers nothing yet.
    pub fn new(division: Buckets, expected: usize) -> Shard {
        let tables: Box<[Table; TABLES_OF_SHARD]> = Box::new(std::array::from_fn(|_| Table::new()));
        Shard {
            tables_bytes: tables.iter().map(Table::memory_bytes).sum(),
            tables,
            log: Log::new(division),
            stored: 0,
            clearing: TABLES_OF_SHARD,
            cleared: 0,
            due: FOREVER,
            expected,
            moving: Vec::new(),
        }
    }

    /// See [`Dedup::seen`](super::Dedup::seen).
    #[inline]
    pub fn seen(&mut self, id: u128, expiry: i64, watermark: i64) -> bool {
        if watermark >= self.due {
            self.let_go(watermark);
        }
        let table = &mut self.tables[table_of_shard(id)];
        match table.find(id, &self.log) {
            Found::Here(_, position) if self.log.expiry(position) > watermark => return true,
            Found::Here(place, _) if expiry > watermark => {
                table.set(place, self.log.append(id, expiry));
                self.due = self.due.min(expiry);
            }
            Found::Nowhere(vacancy) if expiry > watermark => self.add(id, expiry, vacancy),
            _ => {}
        }
        false
    }

    /// Takes an entry from a checkpoint, unless there is one of this id that expires later.
    #[inline]
    pub fn load(&mut self, entry: Entry) {
        let (id, expiry) = (entry.id(), entry.expiry);
        match self.tables[table_of_shard(id)].find(id, &self.log) {
            Found::Here(_, position) if self.log.expiry(position) >= expiry => {}
            Found::Here(place, _) => {
                self.tables[table_of_shard(id)].set(place, self.log.append(id, expiry));
                self.due = self.due.min(expiry);
            }
            Found::Nowhere(vacancy) => self.add(id, expiry, vacancy),
        }
    }

    /// Has the processor fetch the part of the index where an id would be.
    #[inline]
    pub fn prefetch(&self, id: u128) {
        self.tables[table_of_shard(id)].prefetch(id);
    }

    /// Has the processor fetch the part of the log that the index points to.
    #[inline]
    pub fn prefetch_entry(&self, id: u128) {
        self.tables[table_of_shard(id)].prefetch_entry(id, &self.log);
    }

    /// Entries in the tables.
    pub fn stored(&self) -> usize {
        self.stored
    }

    /// Memory taken up, in bytes, with allocation overhead and scratch space; without what is pending.
    pub fn memory_bytes(&self) -> usize {
        let moving = self.moving.capacity() * size_of::<u32>();
        size_of::<Shard>() + size_of_val(&*self.tables) + self.tables_bytes + moving + self.log.memory_bytes()
    }

    /// Remembers an id that no table holds.
    #[inline]
    fn add(&mut self, id: u128, expiry: i64, mut vacancy: Vacancy) {
        let number = table_of_shard(id);
        if self.tables[number].is_full() {
            self.make_room(number);
            vacancy = self.tables[number].vacancy(id);
        }
        self.tables[number].put(vacancy, id, self.log.append(id, expiry));
        self.stored += 1;
        self.due = self.due.min(expiry);
    }

    /// Makes a table able to take one more entry.
    #[cold]
    fn make_room(&mut self, number: usize) {
        self.clear(number);
        let table = &self.tables[number];
        let count = self.expected.max(table.used() + 1);
        if lines_min(count) > table.lines() {
            let lines = self.lines_for(count, BYTES_GROWN);
            // Where entries come and go, this table has got a few more than its share.
            let most = if self.log.gone() > 0 { table.lines() + table.lines() / 8 + 1 } else { lines };
            self.resize(number, lines.min(most).max(lines_min(count)));
        }
    }

    /// How many lines so many entries get if the shard is to take so many bytes for each.
    fn lines_for(&self, count: usize, bytes: f64) -> usize {
        let index = if self.expected > 0 {
            BYTES_LOADED
        } else if self.log.entries() < MANY / 2 {
            BYTES_LOOSE
        } else {
            let log = self.log.memory_bytes() as f64 / self.log.entries() as f64;
            (bytes - log).min(BYTES_LOOSE)
        };
        (count as f64 * index) as usize / size_of::<Line>()
    }

    fn resize(&mut self, number: usize, lines: usize) {
        let table = &mut self.tables[number];
        self.tables_bytes -= table.memory_bytes();
        table.resize(lines, &self.log, &mut self.moving);
        self.tables_bytes += table.memory_bytes();
    }

    /// Removes what the log has let go of from a table.
    fn clear(&mut self, number: usize) {
        self.stored -= self.tables[number].clear(&self.log, &mut self.moving);
    }

    /// Makes a table smaller if it takes more than it should for what it holds.
    pub fn shrink(&mut self, number: usize) {
        let table = &self.tables[number];
        if table.lines() > self.lines_for(table.used() + 1, BYTES_MAX).max(lines_min(table.used())) {
            self.resize(number, self.lines_for(self.tables[number].used() + 1, BYTES_SHRUNK));
        }
    }

    /// Lets go of the buckets that the watermark has passed, and clears one table if that is due.
    #[cold]
    fn let_go(&mut self, watermark: i64) {
        while self.log.pass(watermark) {}
        let more = self.log.empty();
        let many = TABLES_OF_SHARD.max(self.log.entries() / GONE_SHARE);
        if self.clearing == TABLES_OF_SHARD && self.log.entries_gone >= many {
            (self.clearing, self.cleared, self.log.entries_gone) = (0, self.log.gone(), 0);
        }
        if self.clearing < TABLES_OF_SHARD {
            self.clear(self.clearing);
            // Tables differ by chance, and over time: one that has room left may need it soon.
            if self.memory_bytes() as f64 > self.log.entries().max(MANY / 8) as f64 * BYTES_MAX {
                self.shrink(self.clearing);
            }
            self.clearing += 1;
            if self.clearing == TABLES_OF_SHARD {
                self.log.reuse(self.cleared);
            }
        }
        let busy = more || self.clearing < TABLES_OF_SHARD;
        self.due = if busy { i64::MIN } else { self.log.due().unwrap_or(FOREVER) };
    }

    /// Everything that must hold between tables and log does.
    #[cfg(test)]
    pub fn check(&self) {
        assert_eq!(self.stored, self.tables.iter().map(Table::used).sum::<usize>());
        assert_eq!(self.tables_bytes, self.tables.iter().map(Table::memory_bytes).sum::<usize>());
        self.tables.iter().for_each(|table| table.check(&self.log));
        self.log.check();
    }
}
