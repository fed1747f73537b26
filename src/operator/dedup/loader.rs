//! Filling a set with entries from a checkpoint, in parts that are independent of each other.

use super::Dedup;
use super::buckets::{Buckets, Entry};
use super::coding::FOREVER;
use super::key::{Key, TABLES};

/// One of the parts of a set that is being filled. Each may be filled by a thread of its own; all of them must be
/// shown all entries, in any order.
pub struct Loader {
    set: Dedup,
    watermark: i64,
}

/// How many entries ahead memory is fetched.
const AHEAD: usize = 12;

impl Loader {
    /// Part `part` of `parts`, counted from 0, of a set for this span (see [`Dedup::new`]). `entries` is how many
    /// there are, about, in all parts; what has expired at the watermark is left out.
    ///
    /// # Panics
    ///
    /// Unless `part < parts <= 512`.
    pub fn new(part: usize, parts: usize, span: i64, entries: usize, watermark: i64) -> Loader {
        assert!(part < parts && parts <= TABLES, "part {part} of {parts}");
        let numbers = part * TABLES / parts..(part + 1) * TABLES / parts;
        let set = Dedup::of_tables(numbers, Buckets::for_span(span), entries / TABLES);
        Loader { set, watermark }
    }

    /// Takes those of some entries that belong to this part. Of several with one id that of the latest expiry
    /// counts, which is the one that was remembered last: an id is remembered anew only when it has expired.
    pub fn add(&mut self, entries: impl Iterator<Item = Entry>) {
        let (first, tables, watermark) = (self.set.first, self.set.tables.len(), self.watermark);
        let mine =
            |entry: &Entry| Key::table(entry.id()).wrapping_sub(first) < tables && entry.expiry > watermark;
        let mut waiting = [Entry::new(0, i64::MIN); AHEAD];
        let mut at = 0;
        for entry in entries.filter(mine) {
            self.set.prefetch(entry.id());
            let before = std::mem::replace(&mut waiting[at], entry);
            at = if at + 1 == AHEAD { 0 } else { at + 1 };
            self.add_one(before);
        }
        for entry in waiting {
            self.add_one(entry);
        }
    }

    #[inline]
    fn add_one(&mut self, entry: Entry) {
        let (id, expiry) = (entry.id(), entry.expiry);
        // What has expired is a place in the queue that nothing has taken yet.
        if expiry <= self.watermark {
            return;
        }
        let (number, key) = (Key::table(id) - self.set.first, Key::of(id));
        let table = &self.set.tables[number];
        match table.find(key).map(|place| table.expiry(place)) {
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
