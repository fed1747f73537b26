//! Distinct values with their counts, under `count(distinct x)` and `topk`.
//!
//! What is distinct goes by the text as written, types kept apart: 1, 1.0 and "1" are three values.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::stored::{Kind, Stored, split};
use crate::value::Value;

/// Distinct values and how often each was added. Its order is random: results must sort.
#[derive(Default)]
pub struct Tally {
    entries: HashTable<(Stored, u64)>,
    hasher: RandomState,
}

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
}
