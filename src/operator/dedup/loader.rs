//! Filling a set with entries from a checkpoint, in parts that are independent of each other.

use super::Dedup;
use super::buckets::{Buckets, Entry};
use super::coding::FOREVER;
use super::dealt::Dealt;
use super::key::{Key, TABLES};

/// One of the parts of a set that is being filled. Each may be filled by a thread of its own; all of them must be
/// shown all entries, in any order.
pub struct Loader {
    set: Dedup,
}

/// How many entries ahead memory is fetched.
const AHEAD: usize = 12;

impl Loader {
    /// Part `part` of `parts`, counted from 0, of a set for this span (see [`Dedup::new`]). `entries` is how many
    /// there are, about, in all parts.
    ///
    /// # Panics
    ///
    /// Unless `part < parts <= 512`.
    pub fn new(part: usize, parts: usize, span: i64, entries: usize) -> Loader {
        assert!(part < parts && parts <= TABLES, "part {part} of {parts}");
        let numbers = part * TABLES / parts..(part + 1) * TABLES / parts;
        Loader { set: Dedup::of_tables(numbers, Buckets::for_span(span), entries / TABLES) }
    }

    /// Takes those entries that belong to this part. Of several with one id that of the latest expiry counts, which
    /// is the one that was remembered last: an id is remembered anew only when it has expired.
    pub fn add(&mut self, dealt: &Dealt) {
        for number in 0..self.set.tables.len() {
            let entries = dealt.table(self.set.first + number);
            for (n, entry) in entries.iter().enumerate() {
                if let Some(ahead) = entries.get(n + AHEAD) {
                    self.set.prefetch(ahead.id());
                }
                self.add_one(number, *entry);
            }
        }
    }

    #[inline]
    fn add_one(&mut self, number: usize, entry: Entry) {
        let (id, expiry) = (entry.id(), entry.expiry);
        let table = &self.set.tables[number];
        match table.find(Key::of(id)).map(|place| table.expiry(place)) {
            None => self.set.add(number, id, expiry),
            Some(known) if known < expiry => self.set.renew(number, id, known, expiry, known),
            Some(_) => {}
        }
    }

    /// The set of all parts, in the order of their numbers.
    ///
    /// # Panics
    ///
    /// If there are not all of them.
    pub fn join(parts: Vec<Loader>) -> Dedup {
        let mut sets = parts.into_iter().map(|loader| loader.set);
        let mut joined = sets.next().expect("at least one part");
        for set in sets {
            assert_eq!(set.first, joined.first + joined.tables.len(), "parts in order");
            append(&mut joined, set);
        }
        assert_eq!((joined.first, joined.tables.len()), (0, TABLES), "all parts");
        joined.expected = 0;
        // Some tables may have been given too much room, for entries that had expired.
        for number in 0..TABLES {
            if joined.tables[number].is_sparse() {
                joined.rewrite(number);
            }
        }
        joined
    }
}

/// Adds the tables of the next part. They keep their coding until each has to be rewritten.
fn append(joined: &mut Dedup, next: Dedup) {
    let (own, others) = (joined.tally.range(), next.tally.range());
    joined.coding = match (own, others) {
        (Some((low, high)), Some((other_low, other_high))) => {
            joined.coding.joined(next.coding, (low.min(other_low), high.max(other_high)))
        }
        (None, Some(_)) => next.coding,
        _ => joined.coding,
    };
    // A code that every coding has.
    joined.latest = (FOREVER, joined.coding.encode(FOREVER).expect("there is one for ever"));
    joined.tables.extend(next.tables);
    joined.tables_bytes += next.tables_bytes;
    joined.tally.join(next.tally);
    joined.stored += next.stored;
    joined.due = joined.due.min(next.due);
}
