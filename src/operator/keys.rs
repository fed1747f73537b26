//! Keys as small numbers: each distinct key that some open window holds has one.
//!
//! Rows are interned by the block, so that the cache misses of many rows overlap; short keys stand in their entry,
//! which then is all that a comparison touches. Keys that nothing uses any more are forgotten many at a time.

use super::weight::Weight;
use crate::parse::batch::KeyColumn;
use crate::parse::key::{self, SHORT, short, short_within};
use crate::prefetch::{CACHED_BYTES, prefetch};

/// The keys of one shard. A key lives as long as something uses it.
#[derive(Default)]
pub struct Keys {
    /// Open addressing by hash. At most half of the places are taken; the length is 0 or a power of two.
    table: Vec<Place>,
    entries: Vec<Entry>,
    /// Numbers that name no key.
    free: Vec<u32>,
    /// Keys without uses, which still stand in `table` and may come to use again.
    unused: usize,
    /// The encoded keys that are too long for their entry, in no particular order.
    texts: Vec<u8>,
    /// How much of `texts` belongs to unused keys.
    gaps: usize,
    /// `(head, number)` of keys in the order of rows. All keys stand here or in `fresh`.
    order: Vec<(u64, u32)>,
    /// New keys, in no order.
    fresh: Vec<u32>,
    /// The numbers of the keys that rows share; reused.
    known: Vec<u32>,
}

/// A place in the table: the upper half of a key's hash, and its number or [`VACANT`].
#[derive(Clone, Copy)]
struct Place {
    tag: u32,
    number: u32,
}

const VACANT: Place = Place { tag: 0, number: u32::MAX };

/// A key, in half a cache line.
#[repr(align(32))]
struct Entry {
    /// A key of up to [`SHORT`] bytes, with zeros behind it; of a longer one, where it stands in `texts`.
    text: [u8; SHORT],
    hash: u64,
    len: u32,
    /// [`FREE`] where the number names no key.
    uses: u32,
}

/// How many rows are looked up side by side.
const BLOCK: usize = 64;
const FREE: u32 = u32::MAX;
/// Below these, unused keys and their texts are never worth forgetting.
const UNUSED_MIN: usize = 1 << 10;
const GAPS_MIN: usize = 1 << 20;

impl Keys {
    /// The numbers of the keys of some rows, appended to `numbers`. New keys have no uses yet: whoever stores a
    /// number calls [`Keys::hold`] before the next block.
    pub fn intern_rows(&mut self, column: &KeyColumn, rows: &[u32], numbers: &mut Vec<u32>) {
        if column.pays_once_each(rows.len()) {
            let mut known = std::mem::take(&mut self.known);
            self.each_once(column, rows, &mut known, numbers, |_, number| number);
            self.known = known;
            return;
        }
        self.make_room(rows.len());
        numbers.reserve(rows.len());
        if column.shared().is_some() || size_of_val(&self.entries[..]) < CACHED_BYTES {
            for &row in rows {
                numbers.push(self.intern_row(column, column.number(row), VACANT.number));
            }
            return;
        }
        rows.iter().take(BLOCK).for_each(|&row| self.prefetch_place(column, row));
        let mut guesses = [VACANT.number; BLOCK];
        for start in (0..rows.len()).step_by(BLOCK) {
            let (block, behind) = rows[start..].split_at(BLOCK.min(rows.len() - start));
            for (n, (&row, guess)) in block.iter().zip(&mut guesses).enumerate() {
                if let Some(&row) = behind.get(n) {
                    self.prefetch_place(column, row);
                }
                *guess = self.guess(column.hashes[row as usize]);
                prefetch(&self.entries, *guess as usize);
            }
            for (&row, &guess) in block.iter().zip(&guesses) {
                numbers.push(self.intern_row(column, row as usize, guess));
            }
        }
    }

    /// What is made of the key of each row, appended to `all`, for rows that share keys: each key that one of them has is
    /// looked up once, and `make` is given its number. `known` is reused.
    #[inline(always)]
    pub fn each_once(
        &mut self,
        column: &KeyColumn,
        rows: &[u32],
        known: &mut Vec<u32>,
        all: &mut Vec<u32>,
        mut make: impl FnMut(&mut Keys, u32) -> u32,
    ) {
        self.make_room(rows.len());
        known.clear();
        known.resize(column.ends.len(), VACANT.number);
        all.extend(rows.iter().map(|&row| {
            let key = column.number(row);
            if known[key] == VACANT.number {
                let number = self.intern(column.hashes[key], column.entry(key));
                known[key] = make(self, number);
            }
            known[key]
        }));
    }

    /// Makes room for the keys of so many rows, if there are enough that are not used any more.
    fn make_room(&mut self, rows: usize) {
        let has_many_unused = self.free.len() < rows && self.unused >= UNUSED_MIN.max(self.entries.len() / 2);
        if has_many_unused || self.gaps > GAPS_MIN.max(self.texts.len() / 2) {
            self.forget_unused();
        }
    }

    /// Asks for where the key of a row is looked up first.
    #[inline(always)]
    fn prefetch_place(&self, column: &KeyColumn, row: u32) {
        prefetch(&self.table, self.home(column.hashes[row as usize]));
    }

    /// The number that a key with this hash very likely has, if it has one.
    #[inline(always)]
    fn guess(&self, hash: u64) -> u32 {
        let mut at = self.home(hash);
        loop {
            let Place { tag, number } = self.table[at];
            if tag == tag_of(hash) || number == VACANT.number {
                return number;
            }
            at = (at + 1) & (self.table.len() - 1);
        }
    }

    /// The number of a key of the column, which may be the guessed one.
    #[inline(always)]
    fn intern_row(&mut self, column: &KeyColumn, number: usize, guess: u32) -> u32 {
        let (start, end) = column.place(number);
        let short = short_within(&column.bytes, start, end);
        let (hash, key) = (column.hashes[number], &column.bytes[start..end]);
        // Among the rows before it keys may have been entered, but none has been forgotten.
        if guess != VACANT.number && self.is_at(guess, hash, short, key) {
            return guess;
        }
        self.intern_with(hash, short, key)
    }

    /// Whether this number is that of the key given.
    #[inline(always)]
    fn is_at(&self, number: u32, hash: u64, short: [u8; SHORT], key: &[u8]) -> bool {
        let entry = &self.entries[number as usize];
        entry.hash == hash
            && entry.len as usize == key.len()
            && if key.len() <= SHORT { entry.text == short } else { self.get(number) == key }
    }

    /// The number of an encoded key; see [`Keys::intern_rows`].
    pub fn intern(&mut self, hash: u64, key: &[u8]) -> u32 {
        self.intern_with(hash, short(key), key)
    }

    #[inline(always)]
    fn intern_with(&mut self, hash: u64, short: [u8; SHORT], key: &[u8]) -> u32 {
        if self.table.is_empty() {
            return self.insert(hash, key);
        }
        let mut at = self.home(hash);
        loop {
            let Place { tag, number } = self.table[at];
            if number == VACANT.number {
                return self.insert(hash, key);
            }
            if tag == tag_of(hash) && self.is_at(number, hash, short, key) {
                return number;
            }
            at = (at + 1) & (self.table.len() - 1);
        }
    }

    /// Where the search for a hash begins.
    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        hash as usize & self.table.len().wrapping_sub(1)
    }

    #[cold]
    fn insert(&mut self, hash: u64, key: &[u8]) -> u32 {
        let text = if key.len() <= SHORT { short(key) } else { place(self.texts.len()) };
        if key.len() > SHORT {
            self.texts.extend_from_slice(key);
            self.gaps += key.len();
        }
        let entry = Entry { text, hash, len: key.len() as u32, uses: 0 };
        let number = match self.free.pop() {
            Some(number) => {
                self.entries[number as usize] = entry;
                number
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        self.unused += 1;
        self.fresh.push(number);
        if self.len() * 2 > self.table.len() {
            self.rebuild();
        } else {
            self.enter(number);
        }
        number
    }

    /// Enters all keys into a table with room for twice as many.
    fn rebuild(&mut self) {
        // Few keys get more room: it is in the cache all the same, and searches end at once.
        let room = if self.len() < 1 << 10 { 4 } else { 2 };
        let places = (self.len() * room).next_power_of_two().max(16);
        self.table.clear();
        self.table.resize(places, VACANT);
        for number in 0..self.entries.len() as u32 {
            if self.entries[number as usize].uses != FREE {
                self.enter(number);
            }
        }
    }

    fn enter(&mut self, number: u32) {
        let hash = self.entries[number as usize].hash;
        let mut at = self.home(hash);
        while self.table[at].number != VACANT.number {
            at = (at + 1) & (self.table.len() - 1);
        }
        self.table[at] = Place { tag: tag_of(hash), number };
    }

    /// Frees the numbers of unused keys, and moves the texts that are left together.
    #[cold]
    fn forget_unused(&mut self) {
        let mut texts = Vec::with_capacity(self.texts.len() - self.gaps);
        for (number, entry) in (0..).zip(&mut self.entries) {
            match entry.uses {
                FREE => {}
                0 => {
                    entry.uses = FREE;
                    self.free.push(number);
                }
                _ if entry.len as usize > SHORT => {
                    let at = texts.len();
                    texts.extend_from_slice(&self.texts[entry.place()..][..entry.len as usize]);
                    entry.text = place(at);
                }
                _ => {}
            }
        }
        (self.texts, self.gaps, self.unused) = (texts, 0, 0);
        let entries = &self.entries;
        let lives = |number: u32| entries[number as usize].uses != FREE;
        self.order.retain(|&(_, number)| lives(number));
        self.fresh.retain(|&number| lives(number));
        self.rebuild();
    }

    /// One more use of a key.
    #[inline]
    pub fn hold(&mut self, number: u32) {
        let entry = &mut self.entries[number as usize];
        entry.uses += 1;
        if entry.uses == 1 {
            self.unused -= 1;
            self.gaps -= entry.long();
        }
    }

    /// One use less; after the last one the key may be forgotten.
    #[inline]
    pub fn release(&mut self, number: u32) {
        let entry = &mut self.entries[number as usize];
        entry.uses -= 1;
        if entry.uses == 0 {
            self.unused += 1;
            self.gaps += entry.long();
        }
    }

    /// An encoded key by its number.
    #[inline]
    pub fn get(&self, number: u32) -> &[u8] {
        let entry = &self.entries[number as usize];
        let len = entry.len as usize;
        match len {
            0..=SHORT => &entry.text[..len],
            _ => &self.texts[entry.place()..][..len],
        }
    }

    /// An encoded key by its number, as [`key::short`] has it, and its length, which may be more than that.
    #[inline(always)]
    pub fn get_short(&self, number: u32) -> ([u8; SHORT], usize) {
        let entry = &self.entries[number as usize];
        (entry.text, entry.len as usize)
    }

    /// Asks for a key's entry ahead of its use.
    #[inline]
    pub fn prefetch(&self, number: u32) {
        prefetch(&self.entries, number as usize);
    }

    /// How many numbers have been given out at most at one time.
    pub fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// How many keys there are, with those that are not used any more and not yet forgotten.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// How many keys something uses.
    pub fn used(&self) -> usize {
        self.len() - self.unused
    }

    /// Memory taken up.
    pub fn weigh(&self) -> Weight {
        let lists = [&self.free, &self.fresh].into_iter().map(Weight::of_room).sum::<Weight>();
        [
            lists,
            Weight::of_room(&self.table),
            Weight::of_room(&self.entries),
            Weight::of_room(&self.texts),
            Weight::of_room(&self.order),
        ]
        .into_iter()
        .sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys in the order of rows, as `(head, number)`. New keys are sorted and merged in; the others have
    /// kept their order.
    pub fn in_order(&mut self) -> &[(u64, u32)] {
        let mut fresh = std::mem::take(&mut self.fresh);
        let mut sorted: Vec<(u64, u32)> = fresh.drain(..).map(|number| (self.head(number), number)).collect();
        self.fresh = fresh;
        sorted.sort_unstable_by(|&a, &b| self.compare(a, b));
        // From the end on, so that it can be done in place and stops at the least new key.
        let (mut old, mut to) = (self.order.len(), self.order.len() + sorted.len());
        self.order.resize(to, (0, 0));
        while let Some(&new) = sorted.last() {
            to -= 1;
            if old > 0 && self.compare(self.order[old - 1], new).is_gt() {
                old -= 1;
                self.order[to] = self.order[old];
            } else {
                self.order[to] = new;
                sorted.pop();
            }
        }
        &self.order
    }

    /// The head of a key: see [`key::head`].
    pub fn head(&self, number: u32) -> u64 {
        key::head(self.get(number))
    }

    /// The order of two keys, by their heads where these differ.
    #[inline]
    pub fn compare(&self, a: (u64, u32), b: (u64, u32)) -> std::cmp::Ordering {
        a.0.cmp(&b.0).then_with(|| key::compare(self.get(a.1), self.get(b.1)))
    }
}

/// What tells most keys apart that begin their search at the same place, which goes by the lower half.
#[inline(always)]
fn tag_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Where a long key stands in the texts, as it is kept in an entry.
fn place(at: usize) -> [u8; SHORT] {
    (at as u128).to_le_bytes()
}

impl Entry {
    /// Where a long key stands in the texts.
    #[inline]
    fn place(&self) -> usize {
        u128::from_le_bytes(self.text) as usize
    }

    /// How much of the texts the key takes up.
    #[inline]
    fn long(&self) -> usize {
        if self.len as usize > SHORT { self.len as usize } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;
    use std::borrow::Cow;

    fn encoded(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        key::encode(&Value::Text(Cow::Borrowed(text)), &mut out);
        out
    }

    fn column(keys: &[(u64, Vec<u8>)]) -> KeyColumn {
        let mut column = KeyColumn::default();
        for (hash, key) in keys {
            column.bytes.extend_from_slice(key);
            column.ends.push(column.bytes.len() as u32);
            column.hashes.push(*hash);
        }
        column
    }

    #[test]
    fn memory_follows_the_keys_that_live() {
        for width in [5, 30] {
            let mut keys = Keys::default();
            let stays = keys.intern(0, &encoded("stays"));
            keys.hold(stays);
            for n in 0..200_000_u64 {
                let mut numbers = Vec::new();
                let passes = column(&[(n + 1, encoded(&format!("{n:0width$}")))]);
                keys.intern_rows(&passes, &[0], &mut numbers);
                assert_eq!(keys.get(numbers[0]), passes.key(0));
                keys.hold(numbers[0]);
                keys.release(numbers[0]);
            }
            assert!(keys.texts.len() < 3 * GAPS_MIN, "{} bytes for one key", keys.texts.len());
            assert!(keys.capacity() <= 2 * UNUSED_MIN, "{} numbers for one key", keys.capacity());
            assert_eq!(keys.get(stays), &encoded("stays")[..]);
            assert_eq!(keys.intern(0, &encoded("stays")), stays);
        }
    }

    /// Few long keys must not stay for long, though they are few.
    #[test]
    fn long_keys_are_forgotten_early() {
        let mut keys = Keys::default();
        let long = "x".repeat(1 << 16);
        for n in 0..200_u64 {
            let mut numbers = Vec::new();
            keys.intern_rows(&column(&[(n, encoded(&format!("{n}{long}")))]), &[0], &mut numbers);
            keys.hold(numbers[0]);
            keys.release(numbers[0]);
        }
        assert!(keys.texts.len() < 3 * GAPS_MIN, "{} bytes for no key", keys.texts.len());
    }

    #[test]
    fn a_key_lives_while_it_is_used() {
        let mut keys = Keys::default();
        // Equal hashes must not make equal keys.
        let a = keys.intern(1, &encoded("a"));
        let b = keys.intern(1, &encoded("b"));
        assert_ne!(a, b);
        keys.hold(a);
        keys.hold(a);
        keys.hold(b);
        assert_eq!(keys.intern(1, &encoded("a")), a);
        keys.release(a);
        keys.forget_unused();
        assert_eq!((keys.intern(1, &encoded("a")), keys.len()), (a, 2));
        keys.release(a);
        keys.forget_unused();
        assert_eq!(keys.len(), 1);
        let c = keys.intern(1, &encoded("c"));
        assert_eq!((c, keys.get(c)), (a, &encoded("c")[..]));
        keys.hold(c);
        let expected = [(keys.head(b), b), (keys.head(c), c)];
        assert_eq!(keys.in_order(), expected);
    }

    /// Random keys of every length, which come and go, against a map.
    #[test]
    fn keys_agree_with_a_map_and_stay_in_order() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        // With others there, so that keys are looked up in blocks; without them, one by one.
        for others in [0, CACHED_BYTES / size_of::<Entry>()] {
            come_and_go(&mut random, others);
        }
    }

    fn come_and_go(random: &mut fastrand::Rng, others: usize) {
        let mut keys = Keys::default();
        let mut model: std::collections::HashMap<Vec<u8>, u32> = Default::default();
        for n in 0..others as u64 {
            let other = keys.intern(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), &encoded(&format!("other{n}")));
            keys.hold(other);
        }
        for round in 0..300 {
            let mut new = |_| {
                // Short ones often stand in a block twice.
                let length = random.usize(0..24) >> random.u32(0..3);
                let text: String = (0..length).map(|_| random.char('a'..'c')).collect();
                // Few hashes, so that many are equal.
                ((text.len() as u64 % 7) | ((text.len() as u64 % 3) << 32), encoded(&text))
            };
            let mut column = column(&(0..random_rows(round)).map(&mut new).collect::<Vec<_>>());
            let mut rows: Vec<u32> = (0..column.ends.len() as u32).collect();
            if round % 5 == 0 {
                // Rows that share keys; some keys may be of rows that others own.
                let keys = column.ends.len() as u16;
                rows = (0..random_rows(round * 11)).map(|row| row as u32).collect();
                column.codes = rows.iter().map(|_| random.u16(..keys)).collect();
            }
            let mut numbers = Vec::new();
            keys.intern_rows(&column, &rows, &mut numbers);
            for (&row, &number) in rows.iter().zip(&numbers) {
                let known = *model.entry(column.key(row).to_vec()).or_insert_with(|| {
                    keys.hold(number);
                    number
                });
                assert_eq!((number, keys.get(number)), (known, column.key(row)));
            }
            let gone = |_: &Vec<u8>, _: &mut u32| random.u8(..) < 100;
            model.extract_if(gone).for_each(|(_, number)| keys.release(number));
            if round % 3 == 0 {
                keys.forget_unused();
            }
            if round % 2 == 0 {
                let order: Vec<u32> = keys.in_order().iter().map(|&(_, number)| number).collect();
                assert!(order.is_sorted_by(|&a, &b| key::compare(keys.get(a), keys.get(b)).is_lt()));
                assert!(order.len() >= others);
                assert!(model.values().all(|number| order.contains(number)));
            }
        }
    }

    fn random_rows(round: usize) -> usize {
        1 + round * 7 % (3 * BLOCK)
    }
}
