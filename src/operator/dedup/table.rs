//! One of the hash tables that the remembered ids are spread over.
//!
//! ```text
//! table:  groups, one behind the other
//! group:  15 tags, 1 mark, 15 codes of expiries (see `coding`), 15 slots
//! slot:   the lower 14 bytes of the id
//! ```
//!
//! The tag of a slot in use is 0x80 and seven bits of the id. The remaining nine bits are the table's number, so
//! all 128 decide. A group is looked through by comparing all tags at once. An id is put into the first group
//! with a free slot, from its home on; each group that it goes past is marked, and a search ends at the first
//! group without a mark. A sweep sets the marks anew, so nothing of the past makes a search longer. The home
//! grows with the id, so that a table is rewritten front to back. Codes stand beside tags, so that a sweep looks
//! for what has expired in one cache line of a group.
//!
//! A table knows neither the watermark nor when it is time to sweep.

use super::coding::Coding;
use super::key::{Key, PROBES_APART, Probe, REST};
use super::tags::{HEAD, in_use, matches};

/// Slots of a group.
const SLOTS: usize = 15;

/// An entry on its way from one layout of a table to the next.
pub struct Moving {
    key: Key,
    code: u64,
}

/// A slot of a table.
#[derive(Clone, Copy)]
pub struct Place {
    /// Where its group begins.
    at: usize,
    /// Which slot of the group it is.
    number: usize,
}

/// A table.
pub struct Table {
    bytes: Vec<u8>,
    groups: usize,
    used: usize,
    coding: Coding,
    /// Whether something has been swept from it since it was rewritten.
    swept: bool,
}

/// Zeros that have been written, not just promised: a page that is read before it is written costs two faults, and
/// an id is always looked for before it is put somewhere.
fn zeroed(bytes: usize) -> Vec<u8> {
    let mut zeros = Vec::with_capacity(bytes);
    // Without this, the compiler asks for promised ones.
    std::hint::black_box(&mut zeros);
    zeros.resize(bytes, 0);
    zeros
}

impl Table {
    /// An empty table.
    pub fn new(coding: Coding) -> Table {
        Table { bytes: vec![0; group_bytes(coding)], groups: 1, used: 0, coding, swept: false }
    }

    /// Slots in use.
    #[cfg(test)]
    pub fn used(&self) -> usize {
        self.used
    }

    /// How its expiries are written.
    #[inline]
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Memory taken up, in bytes, with what an allocation costs.
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Table>() + self.bytes.capacity() + 16
    }

    /// Whether one more entry needs a rewrite first.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.used >= fill_max(self.groups)
    }

    /// Whether it takes up more than it should for what it holds.
    pub fn is_sparse(&self) -> bool {
        self.groups > groups_for(self.used + 1, self.coding, BYTES_SPARSE)
    }

    /// Has the processor fetch the group that an id would be in.
    #[inline]
    pub fn prefetch(&self, key: Key) {
        let at = self.home(key) * group_bytes(self.coding);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instruction is a hint and faults on no address; this one lies in `bytes`.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.bytes.as_ptr().wrapping_add(at).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = at;
    }

    /// The slot of an id.
    #[inline]
    pub fn find(&self, key: Key) -> Option<Place> {
        let group_bytes = group_bytes(self.coding);
        let mut probe = Probe::new(self.home(key), key);
        for _ in 0..self.groups + PROBES_APART {
            let at = probe.group * group_bytes;
            let head: [u8; HEAD] = *self.bytes[at..].first_chunk().expect("a group has a head");
            let mut same = matches(head, key.tag());
            while same != 0 {
                let place = Place { at, number: same.trailing_zeros() as usize };
                if key.is_in(self.slot(place)) {
                    return Some(place);
                }
                same &= same - 1;
            }
            if head[SLOTS] == 0 {
                return None;
            }
            probe.go_on(self.groups);
        }
        None
    }

    /// The expiry of the id in a slot.
    #[inline]
    pub fn expiry(&self, place: Place) -> i64 {
        self.coding.decode(self.code(place))
    }

    /// Gives the id in a slot another expiry, by its code in this table's coding.
    #[inline]
    pub fn set(&mut self, place: Place, code: u64) {
        let at = place.at + HEAD + place.number * self.coding.width();
        if self.coding.width() == 1 {
            self.bytes[at] = code as u8;
            return;
        }
        // Eight bytes at once: a copy of a few would be a call. What follows the codes in a group is longer.
        let mask = u64::MAX >> (64 - 8 * self.coding.width());
        let bytes = (read_u64(&self.bytes, at) & !mask) | code;
        self.bytes[at..at + 8].copy_from_slice(&bytes.to_le_bytes());
    }

    /// Adds an id that is not there, with the code of its expiry. The table is not full.
    #[inline]
    pub fn insert(&mut self, key: Key, code: u64) {
        let group_bytes = group_bytes(self.coding);
        let mut probe = Probe::new(self.home(key), key);
        loop {
            let at = probe.group * group_bytes;
            let head: &mut [u8; HEAD] = self.bytes[at..].first_chunk_mut().expect("a group has a head");
            let free = !in_use(*head) & ((1 << SLOTS) - 1);
            if free != 0 {
                let place = Place { at, number: free.trailing_zeros() as usize };
                head[place.number] = key.tag();
                self.set(place, code);
                let slot = self.slot_at(place);
                key.write(self.bytes[slot..].first_chunk_mut().expect("a slot of the group"));
                self.used += 1;
                return;
            }
            head[SLOTS] = 1;
            probe.go_on(self.groups);
        }
    }

    /// Removes what expires at the horizon or before; returns how many entries that was.
    pub fn sweep(&mut self, horizon: i64) -> usize {
        let Some(upto) = self.coding.upto(horizon) else { return 0 };
        let before = self.used;
        let mut marks = 0;
        for group in self.bytes.chunks_exact_mut(group_bytes(self.coding)) {
            let mut expired = expired(group, self.coding.width(), upto);
            self.used -= expired.count_ones() as usize;
            marks += usize::from(group[SLOTS]);
            while expired != 0 {
                group[expired.trailing_zeros() as usize] = 0;
                expired &= expired - 1;
            }
        }
        self.swept |= self.used < before;
        if marks > 0 && self.used < before {
            self.settle();
        }
        before - self.used
    }

    /// Sets the marks anew: what had to go past groups that were full is brought home, or nearer to it.
    fn settle(&mut self) {
        let group_bytes = group_bytes(self.coding);
        for group in self.bytes.chunks_exact_mut(group_bytes) {
            group[SLOTS] = 0;
        }
        for group in 0..self.groups {
            let mut away = self.away(group);
            while away != 0 {
                let place = Place { at: group * group_bytes, number: away.trailing_zeros() as usize };
                let (key, code) = (self.key(place), self.code(place));
                self.bytes[place.at + place.number] = 0;
                self.used -= 1;
                self.insert(key, code);
                away &= away - 1;
            }
        }
    }

    /// Which slots of a group hold ids that have their home elsewhere.
    fn away(&self, group: usize) -> u32 {
        let at = group * group_bytes(self.coding);
        let bytes = &self.bytes[at..at + group_bytes(self.coding)];
        let slots = bytes[bytes.len() - SLOTS * REST..].as_chunks::<REST>().0;
        let away = |slot| u32::from(self.home_of(Key::order_in(slot)) != group);
        let mask = slots.iter().rev().fold(0, |mask, slot| (mask << 1) | away(slot));
        mask & in_use(*bytes.first_chunk().expect("a group has a head"))
    }

    /// Drops what expires at the horizon or before, writes the rest in another coding, and gives the table room
    /// for one more entry, and for `expected` of them at least. Returns how many entries were dropped. The
    /// coding knows the expiries of all that stay. `moving` is scratch space.
    pub fn rewrite(
        &mut self,
        coding: Coding,
        horizon: i64,
        expected: usize,
        moving: &mut Vec<Moving>,
    ) -> usize {
        moving.clear();
        self.collect(coding, horizon, moving);
        let dropped = self.used - moving.len();
        let count = expected.max(moving.len() + 1);
        if self.groups > groups_for(count, coding, BYTES_SPARSE) {
            self.groups = groups_for(count, coding, BYTES_SHRUNK);
        } else if count > fill_max(self.groups) * 31 / 32 {
            // More than what has just been dropped is needed: much while the set grows, and less where entries
            // come and go and this table has got a few more than its share.
            let most = if self.swept { self.groups + self.groups / 8 + 1 } else { usize::MAX };
            self.groups =
                groups_for(count, coding, BYTES_GROWN).min(most).max(groups_for(count, coding, 0.0));
        }
        self.swept = false;
        self.coding = coding;
        self.used = 0;
        let bytes = self.groups * group_bytes(coding);
        if bytes == self.bytes.len() {
            self.bytes.fill(0);
        } else {
            // The old ones first: two layouts of a table never stand side by side.
            self.bytes = Vec::new();
            self.bytes = zeroed(bytes);
        }
        for Moving { key, code } in moving.drain(..) {
            self.insert(key, code);
        }
        dropped
    }

    /// All entries beyond the horizon, with their codes in another coding.
    fn collect(&self, coding: Coding, horizon: i64, moving: &mut Vec<Moving>) {
        moving.reserve_exact(self.used);
        let upto = self.coding.upto(horizon);
        for group in 0..self.groups {
            let at = group * group_bytes(self.coding);
            let mut used = in_use(*self.bytes[at..].first_chunk().expect("a group has a head"));
            while used != 0 {
                let place = Place { at, number: used.trailing_zeros() as usize };
                used &= used - 1;
                let code = self.code(place);
                if upto.is_some_and(|upto| code <= upto) {
                    continue;
                }
                let key = self.key(place);
                let code = if coding == self.coding {
                    code
                } else {
                    coding.encode(self.coding.decode(code)).expect("the coding knows what stays")
                };
                moving.push(Moving { key, code });
            }
        }
    }

    #[inline]
    fn home(&self, key: Key) -> usize {
        self.home_of(key.order())
    }

    #[inline]
    fn home_of(&self, order: u32) -> usize {
        ((u64::from(order) * self.groups as u64) >> 32) as usize
    }

    #[inline]
    fn slot_at(&self, place: Place) -> usize {
        place.at + HEAD + SLOTS * self.coding.width() + place.number * REST
    }

    #[inline]
    fn slot(&self, place: Place) -> &[u8; REST] {
        self.bytes[self.slot_at(place)..].first_chunk().expect("a slot of the group")
    }

    #[inline]
    fn key(&self, place: Place) -> Key {
        Key::read(self.slot(place), self.bytes[place.at + place.number])
    }

    #[inline]
    fn code(&self, place: Place) -> u64 {
        let width = self.coding.width();
        read_u64(&self.bytes, place.at + HEAD + place.number * width) & (u64::MAX >> (64 - 8 * width))
    }
}

/// Which slots in use of a group have a code of at most `upto`.
#[inline]
fn expired(group: &[u8], width: usize, upto: u64) -> u32 {
    let (head, codes) = group.split_first_chunk::<HEAD>().expect("a group has a head");
    // Without branches, since nobody can guess which of them expire.
    let mask = if width == 1 {
        let upto = upto.min(0xff) as u8;
        codes[..SLOTS].iter().rev().fold(0, |mask, &code| (mask << 1) | u32::from(code <= upto))
    } else {
        let code = |n: usize| read_u64(codes, n * width) & (u64::MAX >> (64 - 8 * width));
        (0..SLOTS).rev().fold(0, |mask, n| (mask << 1) | u32::from(code(n) <= upto))
    };
    mask & in_use(*head)
}

/// A table that grows gets this many bytes an entry.
const BYTES_GROWN: f64 = 21.6;
/// A table that takes more may shrink.
const BYTES_SPARSE: f64 = 23.8;
/// A table that shrinks is left this many: nearly as many as the bound on the whole set allows, since what is let
/// go of mostly comes again, in the next window.
const BYTES_SHRUNK: f64 = 22.6;

/// How many slots may be in use. With 15 slots in a group, a search in a table as full as this still ends in the
/// first or second group mostly.
fn fill_max(groups: usize) -> usize {
    groups * SLOTS * 62 / 64
}

/// How many groups a table of so many entries gets, at so many bytes an entry.
fn groups_for(count: usize, coding: Coding, bytes: f64) -> usize {
    let fair = (count as f64 * bytes) as usize / group_bytes(coding);
    // The next growth is some way off, even where that takes more bytes.
    let least = (64 * (count + count / 32)).div_ceil(fill_max(64));
    fair.max(least).max(1)
}

#[inline]
fn group_bytes(coding: Coding) -> usize {
    HEAD + SLOTS * (coding.width() + REST)
}

#[inline]
fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("eight bytes of a group"))
}
