//! Deduplication: which ids are remembered, and for how long.
//!
//! An entry counts while its expiry lies beyond the watermark before the event in question. When entries are
//! really removed decides about memory only, never about a result.

use std::mem;

/// The remembered ids: open addressing over 128-bit hashes, with the expiry of each beside it.
pub struct Dedup {
    /// Hashes; 0 marks a free slot.
    hashes: Vec<u128>,
    /// Per slot, the watermark at which the id is forgotten.
    expiries: Vec<i64>,
    /// Slots in use, by entries that count and entries that no longer do.
    used: usize,
    pending: Option<Vec<Entry>>,
}

/// An id and its expiry.
pub struct Entry(pub u128, pub i64);

/// The fewest slots.
const SLOTS_MIN: usize = 1 << 10;

impl Default for Dedup {
    fn default() -> Dedup {
        Dedup::new()
    }
}

impl Dedup {
    /// Remembers nothing yet.
    pub fn new() -> Dedup {
        Dedup { hashes: vec![0; SLOTS_MIN], expiries: vec![0; SLOTS_MIN], used: 0, pending: None }
    }

    /// Whether the id is remembered at this watermark. If not, it is from now on, until the watermark
    /// reaches `expiry` (exclusive: at a watermark of `expiry` it is forgotten).
    #[inline]
    pub fn seen(&mut self, id: u128, expiry: i64, watermark: i64) -> bool {
        // Zero is taken as the mark of free slots; a hash of zero shares the fate of one other.
        let id = if id == 0 { 1 } else { id };
        let mask = self.hashes.len() - 1;
        let mut slot = (id >> 64) as usize & mask;
        loop {
            let found = self.hashes[slot];
            if found == id {
                if self.expiries[slot] > watermark {
                    return true;
                }
                self.expiries[slot] = expiry;
                if let Some(pending) = &mut self.pending {
                    pending.push(Entry(id, expiry));
                }
                return false;
            }
            if found == 0 {
                break;
            }
            slot = (slot + 1) & mask;
        }
        self.hashes[slot] = id;
        self.expiries[slot] = expiry;
        self.used += 1;
        if let Some(pending) = &mut self.pending {
            pending.push(Entry(id, expiry));
        }
        if self.used * 4 > self.hashes.len() * 3 {
            self.rebuild(watermark);
        }
        false
    }

    /// r
    pub fn record(&mut self) {
        self.pending = Some(Vec::new());
    }
    /// t
    pub fn take_pending(&mut self) -> Vec<(i64, Vec<Entry>)> {
        self.pending.as_mut().map(|p| vec![(0, mem::take(p))]).unwrap_or_default()
    }
    /// b
    pub fn pending_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, |p| p.len() * 24)
    }

    /// How many ids take up memory.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Drops what no longer counts, and makes room so that at most half of the slots are used.
    fn rebuild(&mut self, watermark: i64) {
        let counting =
            self.expiries.iter().zip(&self.hashes).filter(|(e, h)| **h != 0 && **e > watermark).count();
        let slots = (counting * 2 + 1).next_power_of_two().max(SLOTS_MIN);
        let hashes = mem::replace(&mut self.hashes, vec![0; slots]);
        let expiries = mem::replace(&mut self.expiries, vec![0; slots]);
        let mask = slots - 1;
        self.used = counting;
        for (id, expiry) in hashes.into_iter().zip(expiries) {
            if id == 0 || expiry <= watermark {
                continue;
            }
            let mut slot = (id >> 64) as usize & mask;
            while self.hashes[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.hashes[slot] = id;
            self.expiries[slot] = expiry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn an_id_is_forgotten_at_its_expiry() {
        let mut dedup = Dedup::new();
        assert!(!dedup.seen(7, 100, 0));
        assert!(dedup.seen(7, 500, 99));
        assert!(!dedup.seen(7, 500, 100));
        assert!(dedup.seen(7, 600, 499));
        assert!(!dedup.seen(0, 100, 0));
        assert!(dedup.seen(0, 100, 0));
    }

    #[test]
    fn agrees_with_a_map_and_forgets() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut dedup = Dedup::new();
        let mut model: HashMap<u128, i64> = HashMap::new();
        for watermark in 0..200_000 {
            let id = u128::from(random.u32(0..150_000)) << 64 | 5;
            let expiry = watermark + random.i64(1..2_000);
            let seen = model.get(&id).is_some_and(|&until| until > watermark);
            assert_eq!(dedup.seen(id, expiry, watermark), seen, "at {watermark}");
            if !seen {
                model.insert(id, expiry);
            }
        }
        assert!(dedup.hashes.len() <= 8192, "{} slots for 1,000 live ids", dedup.hashes.len());
    }
}
