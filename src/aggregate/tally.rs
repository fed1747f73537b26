//! Distinct values with their counts, under `count(distinct x)` and `topk`.
//!
//! What is distinct goes by the text as written, types kept apart: 1, 1.0 and "1" are three values.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::stored::{Kind, Stored, StoredV1, split};
use super::written;
use crate::value::Value;

/// Distinct values and how often each was added. Its order is random: results must sort.
#[derive(Default)]
pub struct Tally {
    entries: HashTable<(Stored, u64)>,
    hasher: RandomState,
}

/// The written form: values and their counts, sorted by [`StoredV1::key`].
#[derive(Serialize, Deserialize)]
pub struct TallyV1(Vec<(StoredV1, u64)>);

impl Tally {
    /// Counts a value; null is none.
    pub fn add(&mut self, value: &Value<'_>) {
        if let Some((kind, text)) = split(value) {
            self.add_times(kind, text.as_bytes(), 1, || Stored::new(kind, &text));
        }
    }

    fn add_times(&mut self, kind: Kind, bytes: &[u8], times: u64, store: impl FnOnce() -> Stored) {
        let hash = |kind: Kind, bytes: &[u8]| self.hasher.hash_one((kind, bytes));
        let hashed = hash(kind, bytes);
        match self.entries.find_mut(hashed, |(held, _)| held.kind() == kind && held.bytes() == bytes) {
            Some((_, count)) => *count += times,
            None => {
                let rehash = |(held, _): &(Stored, u64)| hash(held.kind(), held.bytes());
                self.entries.insert_unique(hashed, (store(), times), rehash);
            }
        }
    }

    /// Memory taken up, in bytes.
    pub fn bytes(&self) -> usize {
        let texts: usize = self.entries.iter().map(|(stored, _)| stored.beside()).sum();
        size_of::<Tally>() + self.entries.allocation_size() + texts
    }

    /// Adds the counts of another tally.
    pub fn merge(&mut self, other: &Tally) {
        for (stored, count) in &other.entries {
            self.add_times(stored.kind(), stored.bytes(), *count, || stored.clone());
        }
    }

    /// As `merge`; the larger one stays.
    pub fn absorb(&mut self, mut other: Tally) {
        if other.entries.len() > self.entries.len() {
            std::mem::swap(self, &mut other);
        }
        self.merge(&other);
    }

    /// How many distinct values there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The values with their counts, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &(Stored, u64)> {
        self.entries.iter()
    }

    /// The written form; `None` is a tally of nothing.
    pub fn written(tally: Option<&Tally>) -> TallyV1 {
        let entries = tally.into_iter().flat_map(|tally| &tally.entries);
        let mut entries: Vec<_> = entries.map(|(stored, count)| (stored.written(), *count)).collect();
        entries.sort_unstable_by(|(a, _), (b, _)| a.key().cmp(&b.key()));
        TallyV1(entries)
    }

    /// The tally again, `Some(None)` if it is of nothing; `None` if it makes no sense.
    pub fn read(TallyV1(entries): TallyV1) -> Option<Option<Box<Tally>>> {
        let sorted = written::is_strictly(&entries, |(a, _), (b, _)| a.key() < b.key());
        written::count_all(entries.iter().map(|(_, count)| *count))?;
        if !sorted {
            return None;
        }
        if entries.is_empty() {
            return Some(None);
        }
        let mut tally = Tally { entries: HashTable::with_capacity(entries.len()), ..Tally::default() };
        for (stored, count) in entries {
            if count == 0 {
                return None;
            }
            let stored = Stored::read(stored)?;
            let hash = |held: &Stored| tally.hasher.hash_one((held.kind(), held.bytes()));
            tally.entries.insert_unique(hash(&stored), (stored, count), |(held, _)| hash(held));
        }
        Some(Some(Box::new(tally)))
    }
}
