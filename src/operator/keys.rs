//! Keys as small numbers: each distinct key that some open window holds has one.

use hashbrown::HashTable;

use crate::parse::key;

/// The keys of one shard. A key lives as long as something uses it.
#[derive(Default)]
pub struct Keys {
    table: HashTable<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// The encoded keys, in no particular order, with gaps where forgotten ones stood.
    texts: Vec<u8>,
    /// How much of `texts` is gaps.
    gaps: usize,
}

struct Entry {
    hash: u64,
    /// See [`key::head`].
    head: u64,
    /// Where the encoded key stands in `texts`.
    start: usize,
    len: u32,
    uses: u32,
}

/// Gaps below this size are never closed.
const GAPS_MIN: usize = 1 << 20;

impl Keys {
    /// The number of an encoded key. A new key has no uses yet: whoever stores its number calls
    /// [`Keys::hold`] before anything is released.
    #[inline]
    pub fn intern(&mut self, hash: u64, key: &[u8]) -> u32 {
        let same = |&number: &u32| {
            let entry = &self.entries[number as usize];
            entry.hash == hash && self.texts[entry.start..entry.start + entry.len as usize] == *key
        };
        match self.table.find(hash, same) {
            Some(&number) => number,
            None => self.insert(hash, key),
        }
    }

    #[cold]
    fn insert(&mut self, hash: u64, key: &[u8]) -> u32 {
        if self.gaps > GAPS_MIN.max(self.texts.len() / 2) {
            self.close_gaps();
        }
        let (start, len) = (self.texts.len(), key.len() as u32);
        self.texts.extend_from_slice(key);
        let entry = Entry { hash, head: key::head(key), start, len, uses: 0 };
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
        let entries = &self.entries;
        self.table.insert_unique(hash, number, |&number| entries[number as usize].hash);
        number
    }

    /// Moves the keys that are left together.
    fn close_gaps(&mut self) {
        let mut texts = Vec::with_capacity(self.texts.len() - self.gaps);
        for &number in &self.table {
            let entry = &mut self.entries[number as usize];
            let start = texts.len();
            texts.extend_from_slice(&self.texts[entry.start..entry.start + entry.len as usize]);
            entry.start = start;
        }
        (self.texts, self.gaps) = (texts, 0);
    }

    /// One more use of a key.
    #[inline]
    pub fn hold(&mut self, number: u32) {
        self.entries[number as usize].uses += 1;
    }

    /// One use less; the last one forgets the key.
    #[inline]
    pub fn release(&mut self, number: u32) {
        let entry = &mut self.entries[number as usize];
        entry.uses -= 1;
        if entry.uses == 0 {
            self.gaps += entry.len as usize;
            let found = self.table.find_entry(entry.hash, |&other| other == number);
            found.expect("a key that is held stands in the table").remove();
            self.free.push(number);
        }
    }

    /// An encoded key by its number.
    #[inline]
    pub fn get(&self, number: u32) -> &[u8] {
        let entry = &self.entries[number as usize];
        &self.texts[entry.start..entry.start + entry.len as usize]
    }

    /// How many numbers have been given out at most at one time.
    pub fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts `(key number, anything)` pairs in the order of rows.
    pub fn sort<T: Copy>(&self, numbers: &mut Vec<(u32, T)>) {
        let mut by_head: Vec<(u64, u32, T)> = numbers
            .drain(..)
            .map(|(number, with)| (self.entries[number as usize].head, number, with))
            .collect();
        by_head
            .sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key::compare(self.get(a.1), self.get(b.1))));
        numbers.extend(by_head.into_iter().map(|(_, number, with)| (number, with)));
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

    #[test]
    fn memory_follows_the_keys_that_live() {
        let mut keys = Keys::default();
        let stays = keys.intern(0, &encoded("stays"));
        keys.hold(stays);
        for n in 0..200_000_u64 {
            let passes = keys.intern(n + 1, &encoded(&format!("{n:030}")));
            keys.hold(passes);
            keys.release(passes);
        }
        assert!(keys.texts.len() < 3 * GAPS_MIN, "{} bytes for one key", keys.texts.len());
        assert_eq!((keys.get(stays), keys.capacity()), (&encoded("stays")[..], 2));
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
        assert_eq!(keys.intern(1, &encoded("a")), a);
        keys.release(a);
        assert_eq!(keys.len(), 1);
        let c = keys.intern(1, &encoded("c"));
        assert_eq!((c, keys.get(c)), (a, &encoded("c")[..]));
        keys.hold(c);
        let mut order = vec![(c, 'c'), (b, 'b')];
        keys.sort(&mut order);
        assert_eq!(order, [(b, 'b'), (c, 'c')]);
    }
}
