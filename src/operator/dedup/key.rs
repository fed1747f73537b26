//! An id taken apart: which table it belongs to, what stands in a slot, and where a search looks for it.

/// The tables of a set. A power of two; with nine bits in the choice of table, seven in the tag and 112 in the
/// slot, an id is complete.
pub const TABLES: usize = 1 << 9;

/// Bytes of an id in a slot, the lowest first.
pub const REST: usize = 14;

/// An id without what its table says of it.
#[derive(Clone, Copy)]
pub struct Key {
    /// The lower 64 bits.
    low: u64,
    /// The 48 bits above them and, in the next byte, the tag.
    high: u64,
}

impl Key {
    /// The key of an id.
    #[inline]
    pub fn of(id: u128) -> Key {
        Key { low: id as u64, high: ((id >> 64) as u64 & ((1 << 55) - 1)) | (1 << 55) }
    }

    /// The number of the table that an id belongs to, below [`TABLES`].
    #[inline]
    pub fn table(id: u128) -> usize {
        (id >> 119) as usize
    }

    /// What marks its slot.
    #[inline]
    pub fn tag(self) -> u8 {
        (self.high >> 48) as u8
    }

    /// The bits that choose the home: neither in the tag nor in the table's number.
    #[inline]
    pub fn order(self) -> u32 {
        (self.high >> 16) as u32
    }

    /// Whether a slot holds it; the tag has been compared.
    #[inline]
    pub fn is_in(self, slot: &[u8; REST]) -> bool {
        read_u64(slot, 0) == self.low && read_u64(slot, REST - 8) == self.upper()
    }

    /// Writes it to a slot.
    #[inline]
    pub fn write(self, slot: &mut [u8; REST]) {
        slot[..8].copy_from_slice(&self.low.to_le_bytes());
        slot[REST - 8..].copy_from_slice(&self.upper().to_le_bytes());
    }

    /// The key in a slot with this tag.
    #[inline]
    pub fn read(slot: &[u8; REST], tag: u8) -> Key {
        Key { low: read_u64(slot, 0), high: (read_u64(slot, REST - 8) >> 16) | (u64::from(tag) << 48) }
    }

    /// The bits that choose the home, from a slot.
    #[inline]
    pub fn order_in(slot: &[u8; REST]) -> u32 {
        (read_u64(slot, REST - 8) >> 32) as u32
    }

    /// The last eight of its bytes in a slot. They overlap the first eight.
    #[inline]
    fn upper(self) -> u64 {
        (self.low >> 48) | (self.high << 16)
    }
}

#[inline]
fn read_u64(slot: &[u8; REST], at: usize) -> u64 {
    u64::from_le_bytes(*slot[at..].first_chunk().expect("eight bytes of a slot"))
}

/// The groups in which an id may be, one after the other, from its home on.
pub struct Probe {
    /// The group that is next.
    pub group: usize,
    step: usize,
    tries: usize,
}

/// So many times a search goes on by a step of the id's own: neighbours that are full would otherwise fill up
/// theirs. Then it goes on by one, so that it comes to every group.
pub const PROBES_APART: usize = 8;
/// The longest such step, less one. It stays near, for the sake of caches.
const STEP_MASK: u64 = 31;

impl Probe {
    /// From an id's home on.
    #[inline]
    pub fn new(home: usize, key: Key) -> Probe {
        Probe { group: home, step: 1 + (key.low & STEP_MASK) as usize, tries: 0 }
    }

    /// To the next group, of so many.
    #[inline]
    pub fn go_on(&mut self, groups: usize) {
        self.tries += 1;
        let next = self.group + if self.tries > PROBES_APART { 1 } else { self.step };
        self.group = if next < groups { next } else { next % groups };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_slot() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..1_000 {
            let id = random.u128(..);
            let (key, mut slot) = (Key::of(id), [0; REST]);
            key.write(&mut slot);
            assert_eq!(slot, id.to_le_bytes()[..REST]);
            let found = Key::read(&slot, key.tag());
            assert_eq!((found.low, found.high, Key::order_in(&slot)), (key.low, key.high, key.order()));
            assert!(key.is_in(&slot));
            let bit = random.usize(..REST * 8);
            slot[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.is_in(&slot));
        }
    }

    #[test]
    fn a_search_comes_to_every_group() {
        for groups in [1, 2, 15, 16, 100, 1_000] {
            for low in 0..64 {
                let mut probe = Probe::new(groups / 2, Key { low, high: 0 });
                let mut reached = vec![false; groups];
                for _ in 0..groups + PROBES_APART {
                    reached[probe.group] = true;
                    probe.go_on(groups);
                }
                assert!(reached.iter().all(|&reached| reached), "{groups} {low}");
            }
        }
    }
}
