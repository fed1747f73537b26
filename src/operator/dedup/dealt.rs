//! Entries in the order of the tables that they belong to: a table that is filled at one go stays in the caches.

use std::ops::Range;

use super::buckets::Entry;
use super::key::{TABLES, table};

/// Entries, dealt out to tables.
pub struct Dealt {
    entries: Vec<Entry>,
    /// Where those of each table end.
    ends: [usize; TABLES],
}

impl Default for Dealt {
    fn default() -> Dealt {
        Dealt { entries: Vec::new(), ends: [0; TABLES] }
    }
}

impl Dealt {
    /// Takes other entries than before. They keep their order within a table.
    pub fn deal(&mut self, entries: &[Entry]) {
        let mut next = [0; TABLES];
        for entry in entries {
            next[table(entry.id())] += 1;
        }
        let mut end = 0;
        for (next, table_end) in next.iter_mut().zip(&mut self.ends) {
            let count = *next;
            *next = end;
            end += count;
            *table_end = end;
        }
        self.entries.resize(entries.len(), Entry::new(0, 0));
        for entry in entries {
            let at = &mut next[table(entry.id())];
            self.entries[*at] = *entry;
            *at += 1;
        }
    }

    /// The entries of some tables, one table after the other.
    pub(super) fn tables(&self, numbers: Range<usize>) -> &[Entry] {
        let end = |number: usize| number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.entries[end(numbers.start)..end(numbers.end)]
    }
}
