//! One of the hash tables that the remembered ids are spread over.
//!
//! ```text
//! table:  groups, one behind the other
//! group:  15 tags, 1 count, 15 slots
//! slot:   the lower 14 bytes of the id, then the code of its expiry (see `coding`)
//! ```
//!
//! The tag of a slot in use is 0x80 and seven bits of the id. The remaining nine bits are the table's number, so
//! all 128 decide. A group is looked through by comparing all tags at once. An id is put into the first group
//! with a free slot, from its home on; the count says how many ids went past this group, and a search ends at
//! the first group that none went past. So an id is removed by clearing its tag, and nothing of the past makes
//! a search longer. (The count is that of Meta's F14 tables.) The home grows with the id, so that a table is
//! rewritten front to back.
//!
//! A table knows neither the watermark nor when it is time to sweep.

use super::coding::Coding;
use super::tags::{HEAD, in_use, matches};

/// The tables of a set. A power of two; with nine bits in the choice of table, seven in the tag and 112 in the
/// slot, an id is complete.
pub const TABLES: usize = 1 << 9;

/// Slots of a group.
const SLOTS: usize = 15;
/// Bytes of an id in a slot.
const REST: usize = 14;
/// A count that has reached this stays, until the table is rewritten.
const COUNT_MAX: u8 = u8::MAX;

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
    fn tag(self) -> u8 {
        (self.high >> 48) as u8
    }

    /// The bits that choose the home: neither in the tag nor in the table's number.
    #[inline]
    fn order(self) -> u32 {
        (self.high >> 16) as u32
    }

    /// The last eight of its bytes in a slot.
    #[inline]
    fn upper(self) -> u64 {
        (self.low >> 48) | (self.high << 16)
    }
}

/// The groups in which an id may be, one after the other, from its home on.
struct Probe {
    group: usize,
    step: usize,
    tries: usize,
}

/// So many times a search goes on by a step of the id's own: neighbours that are full would otherwise fill up
/// theirs. Then it goes on by one, so that it comes to every group.
const PROBES_APART: usize = 8;
/// The longest such step, less one. It stays near, for the sake of caches.
const STEP_MASK: u64 = 31;

impl Probe {
    #[inline]
    fn new(home: usize, low: u64) -> Probe {
        Probe { group: home, step: 1 + (low & STEP_MASK) as usize, tries: 0 }
    }

    #[inline]
    fn go_on(&mut self, groups: usize) {
        self.tries += 1;
        let next = self.group + if self.tries > PROBES_APART { 1 } else { self.step };
        self.group = if next < groups { next } else { next % groups };
    }
}

/// An entry on its way from one layout of a table to the next.
pub struct Moving {
    key: Key,
    code: u64,
}

/// A table.
pub struct Table {
    bytes: Vec<u8>,
    groups: usize,
    used: usize,
    coding: Coding,
}

impl Table {
    /// An empty table.
    pub fn new(coding: Coding) -> Table {
        Table { bytes: vec![0; group_bytes(coding)], groups: 1, used: 0, coding }
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
        self.groups > groups_for(self.used + 1, self.coding, BYTES_SHRUNK)
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

    /// Where the slot of an id stands.
    #[inline]
    pub fn find(&self, key: Key) -> Option<usize> {
        let (group_bytes, slot_bytes) = (group_bytes(self.coding), slot_bytes(self.coding));
        let mut probe = Probe::new(self.home(key), key.low);
        for _ in 0..self.groups + PROBES_APART {
            let at = probe.group * group_bytes;
            let head: [u8; HEAD] = *self.bytes[at..].first_chunk().expect("a group has a head");
            let mut same = matches(head, key.tag());
            while same != 0 {
                let slot = at + HEAD + same.trailing_zeros() as usize * slot_bytes;
                let found = &self.bytes[slot..][..REST];
                if read_u64(found, 0) == key.low && read_u64(found, REST - 8) == key.upper() {
                    return Some(slot);
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
    pub fn expiry(&self, slot: usize) -> i64 {
        self.coding.decode(self.code(slot))
    }

    /// Gives the id in a slot another expiry, by its code in this table's coding.
    pub fn set(&mut self, slot: usize, key: Key, code: u64) {
        self.write(slot, key, code);
    }

    /// Adds an id that is not there, with the code of its expiry. The table is not full.
    #[inline]
    pub fn insert(&mut self, key: Key, code: u64) {
        let (group_bytes, slot_bytes) = (group_bytes(self.coding), slot_bytes(self.coding));
        let mut probe = Probe::new(self.home(key), key.low);
        loop {
            let at = probe.group * group_bytes;
            let head: &mut [u8; HEAD] = self.bytes[at..].first_chunk_mut().expect("a group has a head");
            let free = !in_use(*head) & ((1 << SLOTS) - 1);
            if free != 0 {
                let slot = free.trailing_zeros() as usize;
                head[slot] = key.tag();
                self.write(at + HEAD + slot * slot_bytes, key, code);
                self.used += 1;
                return;
            }
            head[SLOTS] = head[SLOTS].saturating_add(1);
            probe.go_on(self.groups);
        }
    }

    /// Removes what expires at the horizon or before; returns how many entries that was.
    pub fn sweep(&mut self, horizon: i64) -> usize {
        let Some(upto) = self.coding.upto(horizon) else { return 0 };
        let before = self.used;
        let (group_bytes, slot_bytes) = (group_bytes(self.coding), slot_bytes(self.coding));
        let shift = 64 - 8 * self.coding.width();
        for group in 0..self.groups {
            let at = group * group_bytes;
            let bytes = &self.bytes[at..at + group_bytes];
            // Without branches, since nobody can guess which of them expire.
            let codes =
                bytes[HEAD..].chunks_exact(slot_bytes).map(|slot| read_u64(slot, slot_bytes - 8) >> shift);
            let passed = codes.rev().fold(0, |mask, code| (mask << 1) | u32::from(code <= upto));
            let mut expired = passed & in_use(*bytes.first_chunk().expect("a group has a head"));
            self.used -= expired.count_ones() as usize;
            while expired != 0 {
                let number = expired.trailing_zeros() as usize;
                self.bytes[at + number] = 0;
                self.leave(at + HEAD + number * slot_bytes, group);
                expired &= expired - 1;
            }
        }
        if self.used < before {
            self.settle();
        }
        before - self.used
    }

    /// Brings ids that had to go past full groups nearer to their homes, where there is room again. Else every
    /// window would leave counts behind, and searches would become longer from window to window.
    fn settle(&mut self) {
        for group in 0..self.groups {
            let at = group * group_bytes(self.coding);
            let mut used = in_use(*self.bytes[at..].first_chunk().expect("a group has a head"));
            while used != 0 {
                let number = used.trailing_zeros() as usize;
                let slot = at + HEAD + number * slot_bytes(self.coding);
                let key = self.key(slot, self.bytes[at + number]);
                if self.home(key) != group {
                    let code = self.code(slot);
                    self.bytes[at + number] = 0;
                    self.used -= 1;
                    self.leave(slot, group);
                    self.insert(key, code);
                }
                used &= used - 1;
            }
        }
    }

    /// The id in a slot of a group is gone: the groups that it went past count one less.
    fn leave(&mut self, slot: usize, group: usize) {
        let key = self.key(slot, 0);
        let mut probe = Probe::new(self.home(key), key.low);
        while probe.group != group {
            let count = &mut self.bytes[probe.group * group_bytes(self.coding) + SLOTS];
            if *count != COUNT_MAX {
                *count -= 1;
            }
            probe.go_on(self.groups);
        }
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
        let most = groups_for(count, coding, BYTES_SHRUNK);
        if self.groups > most {
            self.groups = most;
        } else if count > fill_max(self.groups) * 31 / 32 {
            // More than what has just been dropped is needed.
            self.groups = groups_for(count, coding, BYTES_GROWN);
        }
        self.coding = coding;
        self.used = 0;
        let bytes = self.groups * group_bytes(coding);
        if bytes == self.bytes.len() {
            self.bytes.fill(0);
        } else {
            // The old ones first: two layouts of a table never stand side by side.
            self.bytes = Vec::new();
            self.bytes = vec![0; bytes];
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
                let number = used.trailing_zeros() as usize;
                let slot = at + HEAD + number * slot_bytes(self.coding);
                used &= used - 1;
                let code = self.code(slot);
                if upto.is_some_and(|upto| code <= upto) {
                    continue;
                }
                let key = self.key(slot, self.bytes[at + number]);
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
        ((u64::from(key.order()) * self.groups as u64) >> 32) as usize
    }

    /// The key in a slot with this tag.
    #[inline]
    fn key(&self, slot: usize, tag: u8) -> Key {
        let slot = &self.bytes[slot..][..REST];
        let upper = read_u64(slot, REST - 8) >> 16;
        Key { low: read_u64(slot, 0), high: upper | (u64::from(tag) << 48) }
    }

    /// The code in a slot: the upper bytes of the last eight.
    #[inline]
    fn code(&self, slot: usize) -> u64 {
        let width = self.coding.width();
        read_u64(&self.bytes, slot + REST + width - 8) >> (64 - 8 * width)
    }

    #[inline]
    fn write(&mut self, slot: usize, key: Key, code: u64) {
        let width = self.coding.width();
        let slot = &mut self.bytes[slot..][..REST + width];
        slot[..8].copy_from_slice(&key.low.to_le_bytes());
        slot[REST - 8..REST].copy_from_slice(&key.upper().to_le_bytes());
        // Again the last eight bytes at once: a copy of a few bytes would be a call.
        let last = key.upper().unbounded_shr(8 * width as u32) | (code << (64 - 8 * width));
        slot[REST + width - 8..].copy_from_slice(&last.to_le_bytes());
    }
}

/// A table that grows gets this many bytes an entry.
const BYTES_GROWN: f64 = 21.6;
/// A table that shrinks is left this many: as much as the bound on the whole set allows, since what is let go of
/// mostly comes again, in the next window.
const BYTES_SHRUNK: f64 = 23.2;

/// How many slots may be in use. With 15 slots in a group, a search in a table as full as this still ends in the
/// first or second group mostly.
fn fill_max(groups: usize) -> usize {
    groups * SLOTS * 62 / 64
}

/// How many groups a table of so many entries gets.
fn groups_for(count: usize, coding: Coding, bytes: f64) -> usize {
    let fair = (count as f64 * bytes) as usize / group_bytes(coding);
    // The next growth is some way off, even where that takes more bytes.
    let least = (64 * (count + count / 32)).div_ceil(fill_max(64));
    fair.max(least).max(1)
}

#[inline]
fn slot_bytes(coding: Coding) -> usize {
    REST + coding.width()
}

#[inline]
fn group_bytes(coding: Coding) -> usize {
    HEAD + SLOTS * slot_bytes(coding)
}

#[inline]
fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("eight bytes of a slot"))
}
