//! Keys of a batch that repeat: each is kept once, and rows say by a number which one is theirs.
//!
//! Whoever owns a key then looks it up once a batch and not once a row, and rows take up 2 bytes in place of some 30 on
//! their way from one core to another. With many keys that seldom repeat nothing would be gained: such batches have a key
//! a row, and it is tried again later.

use super::key::{self, SHORT};
use super::keys::KeyColumn;

/// The most keys of a batch that are kept so: all that is looked up stays in the nearest cache.
pub const KEYS_MAX: usize = 1 << 10;
/// Of the places at most a quarter are taken, so that searches end at once.
const PLACES: usize = 4 * KEYS_MAX;
/// Rows with as many keys as one for so many of them share keys; below some keys it is not asked.
const ROWS_PER_KEY: usize = 4;
const KEYS_MIN: usize = 16;
/// For how many batches at least, and at most, it is not tried again where there were too many keys.
const PAUSE_MIN: u32 = 4;
const PAUSE_MAX: u32 = 256;

/// Finds the keys of a batch again.
pub struct Dictionary {
    /// Open addressing by hash: a key's number + 1, or 0.
    places: Box<[u16; PLACES]>,
    /// Per key, all of it where it is [`key::short`]; else 0, which is no key of a field.
    words: Vec<u128>,
    /// Which places are taken.
    taken: Vec<u16>,
    /// For how many more batches it is not tried, and how long that is next time.
    pausing: u32,
    pause: u32,
}

impl Default for Dictionary {
    fn default() -> Dictionary {
        Dictionary {
            places: Box::new([0; PLACES]),
            words: Vec::new(),
            taken: Vec::new(),
            pausing: 0,
            pause: PAUSE_MIN,
        }
    }
}

impl Dictionary {
    /// A batch begins; returns whether its keys should be kept once each. The one before had so many usable rows.
    pub fn begin(&mut self, rows_before: usize) -> bool {
        if self.pausing > 0 {
            self.pausing -= 1;
            return false;
        }
        match self.words.len() {
            0 => {}
            keys if keys > KEYS_MIN && keys * ROWS_PER_KEY > rows_before => {
                self.give_up();
                return false;
            }
            _ => self.pause = PAUSE_MIN,
        }
        self.forget();
        true
    }

    /// A batch has too many keys.
    pub fn give_up(&mut self) {
        self.forget();
        self.pausing = self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }

    fn forget(&mut self) {
        self.taken.drain(..).for_each(|place| self.places[usize::from(place)] = 0);
        self.words.clear();
    }

    /// The number of a short key, which is of one field, among those of the column. `None`: there are too many.
    #[inline(always)]
    pub fn find_short(&mut self, word: u128, len: usize, seed: u64, column: &mut KeyColumn) -> Option<u16> {
        let hash = key::hash_short(word, seed);
        let mut at = hash as usize % PLACES;
        loop {
            let Some(number) = self.places[at].checked_sub(1) else {
                return self.enter(at, hash, &word.to_le_bytes()[..len], column);
            };
            if self.words[usize::from(number)] == word {
                return Some(number);
            }
            at = (at + 1) % PLACES;
        }
    }

    /// The number of any key. `None`: there are too many.
    pub fn find(&mut self, key: &[u8], seed: u64, column: &mut KeyColumn) -> Option<u16> {
        let hash = key::hash(key, seed);
        let mut at = hash as usize % PLACES;
        loop {
            let Some(number) = self.places[at].checked_sub(1) else {
                return self.enter(at, hash, key, column);
            };
            if column.hashes[usize::from(number)] == hash && column.entry(usize::from(number)) == key {
                return Some(number);
            }
            at = (at + 1) % PLACES;
        }
    }

    /// Adds a key to the column.
    #[inline(never)]
    fn enter(&mut self, place: usize, hash: u64, key: &[u8], column: &mut KeyColumn) -> Option<u16> {
        let number = self.words.len();
        debug_assert_eq!(number, column.ends.len(), "the column has the keys of the dictionary");
        if number == KEYS_MAX {
            return None;
        }
        self.places[place] = number as u16 + 1;
        self.taken.push(place as u16);
        self.words.push(if key.len() <= SHORT { u128::from_le_bytes(key::short(key)) } else { 0 });
        column.push(key, hash);
        Some(number as u16)
    }
}
