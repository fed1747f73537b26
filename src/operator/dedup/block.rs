//! A block of the log: entries side by side, each an id but for its uppermost byte, and the code of its expiry.

use super::coding::Coding;
use crate::prefetch::prefetch_address;

/// The most entries of a block. A power of two, so that a position in the log is a block and a place in it.
pub const PLACES: usize = 1 << 7;

/// Bytes of an id in an entry, the lowest first.
const ID: usize = 15;

/// Some entries. How many is for the log to know.
pub struct Block {
    bytes: Box<[u8]>,
    coding: Coding,
}

impl Block {
    /// A block without room for anything.
    pub fn new(coding: Coding) -> Block {
        Block { bytes: Box::default(), coding }
    }

    /// How its expiries are written.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Memory taken up, in bytes, with what an allocation costs; 0 without room for anything.
    pub fn memory_bytes(&self) -> usize {
        if self.bytes.is_empty() { 0 } else { self.bytes.len() + 16 }
    }

    /// Makes room for entries up to this place.
    pub fn extend(&mut self, places: usize) {
        let mut bytes = std::mem::take(&mut self.bytes).into_vec();
        let len = places * self.stride();
        bytes.reserve_exact(len - bytes.len());
        bytes.resize(len, 0);
        self.bytes = bytes.into_boxed_slice();
    }

    /// Writes its first `used` entries in another coding, which knows their expiries.
    pub fn recode(&mut self, coding: Coding, used: usize) {
        let mut block = Block::new(coding);
        block.extend(self.bytes.len() / self.stride());
        for place in 0..used {
            let code = coding.encode(self.expiry(place)).expect("the coding knows what is there");
            block.write(place, self.low(place), code);
        }
        *self = block;
    }

    /// Writes an entry: an id and the code of its expiry.
    #[inline]
    pub fn write(&mut self, place: usize, id: u128, code: u64) {
        let stride = self.stride();
        let entry = &mut self.bytes[place * stride..][..stride];
        // Eight bytes at once: a copy of a few would be a call. What of the code's is too much is overwritten.
        let unused = 64 - 8 * (stride - ID) as u32;
        let code = code.checked_shl(unused).unwrap_or(0);
        entry[stride - 8..].copy_from_slice(&code.to_le_bytes());
        entry[..8].copy_from_slice(&(id as u64).to_le_bytes());
        entry[ID - 8..ID].copy_from_slice(&upper(id).to_le_bytes());
    }

    /// Whether there is an entry of this id. Its uppermost byte is not looked at.
    #[inline]
    pub fn holds(&self, place: usize, id: u128) -> bool {
        // A block that has been let go of has no bytes.
        let entry = self.bytes.get(place * self.stride()..).and_then(|bytes| bytes.first_chunk::<ID>());
        entry.is_some_and(|entry| (read_u64(entry, 0) == id as u64) & (read_u64(entry, ID - 8) == upper(id)))
    }

    /// An entry's id; its uppermost byte is 0.
    #[inline]
    pub fn low(&self, place: usize) -> u128 {
        let at = place * self.stride();
        u128::from(read_u64(&self.bytes, at))
            | u128::from(read_u64(&self.bytes, at + ID - 8)) << (8 * (ID - 8))
    }

    /// An entry's expiry.
    #[inline]
    pub fn expiry(&self, place: usize) -> i64 {
        let (stride, width) = (self.stride(), self.coding.width() as u32);
        let code = read_u64(&self.bytes, (place + 1) * stride - 8).checked_shr(64 - 8 * width).unwrap_or(0);
        self.coding.decode(code)
    }

    /// Has the processor fetch an entry.
    #[inline]
    pub fn prefetch(&self, place: usize) {
        prefetch_address(self.bytes.as_ptr().wrapping_add(place * self.stride()));
    }

    #[inline]
    fn stride(&self) -> usize {
        ID + self.coding.width()
    }
}

/// The last eight bytes of an id in an entry. They overlap the first eight.
#[inline]
fn upper(id: u128) -> u64 {
    (id >> (8 * (ID - 8))) as u64
}

#[inline]
fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("eight bytes of an entry"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        let mut random = fastrand::Rng::with_seed(5);
        for range in [0i64, 200, 60_000, 16_000_000, 1 << 40, i64::MAX - 1] {
            let mut block = Block::new(Coding::of(range));
            let (mut ids, mut expiries) = (Vec::new(), Vec::new());
            for place in 0..PLACES {
                if place % 16 == 0 {
                    block.extend(place + 16);
                }
                let (id, expiry) = (random.u128(..) >> random.u32(..120), random.i64(0..=range));
                if block.coding().encode(expiry).is_none() {
                    block.recode(block.coding().with(expiry, (0, range)), place);
                }
                block.write(place, id, block.coding().encode(expiry).unwrap());
                ids.push(id);
                expiries.push(expiry);
            }
            for (place, (&id, &expiry)) in ids.iter().zip(&expiries).enumerate() {
                assert_eq!((block.low(place), block.expiry(place)), (id << 8 >> 8, expiry), "{range}");
                assert!(block.holds(place, id));
                let bit = random.usize(..ID * 8);
                assert!(!block.holds(place, id ^ 1 << bit), "bit {bit}");
            }
        }
    }
}
