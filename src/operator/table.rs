//! The groups of one pane (or of all sessions): a slot per key, and every aggregate's states by slot.

use std::hint::select_unpredictable;

use super::keys::Keys;
use super::weight::Weight;
use crate::aggregate::states::{Calls, States};
use crate::parse::batch::Batch;

/// Rows of one batch, and the slot that each goes to.
#[derive(Default)]
pub struct Additions {
    /// The rows.
    pub rows: Vec<u32>,
    /// Their slots.
    pub slots: Vec<u32>,
    /// The numbers of their keys, while slots are looked for.
    pub numbers: Vec<u32>,
    /// The slots of the keys that rows share; reused.
    known: Vec<u32>,
}

impl Additions {
    /// Adds the rows to the states, and forgets them.
    pub fn apply(&mut self, states: &mut States, batch: &Batch, first_record: u64) {
        if self.rows.is_empty() {
            return;
        }
        states.add(&self.slots, &self.rows, batch, first_record);
        self.rows.clear();
        self.slots.clear();
        self.numbers.clear();
    }
}

/// One group of a table.
pub struct Group {
    /// The head of its key: see [`crate::parse::key::head`].
    pub head: u64,
    /// The number of its key.
    pub key: u32,
    /// Its slot.
    pub slot: u32,
}

/// A table with fewer than one of so many keys is sorted by itself; otherwise it is cheaper to go through all
/// keys, whose order is kept.
const SHARE_SORTED: usize = 8;

/// The groups of one stretch of event time.
pub struct Table {
    /// Per slot, its key.
    pub keys: Vec<u32>,
    /// The states, by slot.
    pub states: States,
    slots: SlotMap,
    /// Whether it keeps its keys from being forgotten.
    holds: bool,
}

impl Table {
    /// An empty table.
    pub fn new(calls: &Calls) -> Table {
        Table { keys: Vec::new(), states: calls.make(), slots: SlotMap::default(), holds: true }
    }

    /// An empty table for groups whose keys others hold as long as they stand here.
    pub fn passing(calls: &Calls) -> Table {
        Table { holds: false, ..Table::new(calls) }
    }

    /// Forgets the groups; keys that it has held have been released. Keeps the room for them, unless that is far too much:
    /// merges ask for up to four times as much as they need.
    pub fn reset(&mut self, calls: &Calls) {
        if self.is_nearly_empty() {
            *self = Table { holds: self.holds, ..Table::new(calls) };
            return;
        }
        self.slots.remove(&self.keys);
        self.keys.clear();
        self.states.reset();
    }

    /// The slot of a key, which is made if there is none. New slots have states after [`Table::make_room`].
    #[inline]
    pub fn slot(&mut self, key: u32, keys: &mut Keys) -> u32 {
        let next = self.keys.len() as u32;
        let slot = self.slots.get_or_insert(key, next, keys.capacity());
        if slot == next {
            self.keys.push(key);
            if self.holds {
                keys.hold(key);
            }
        }
        slot
    }

    /// Adds rows of a batch.
    pub fn add(
        &mut self,
        batch: &Batch,
        first_record: u64,
        rows: &[u32],
        keys: &mut Keys,
        additions: &mut Additions,
    ) {
        self.find_slots(batch, rows, keys, additions);
        additions.apply(&mut self.states, batch, first_record);
    }

    /// Finds the slots of rows that are to be added, and makes room for them.
    #[inline]
    pub fn find_slots(&mut self, batch: &Batch, rows: &[u32], keys: &mut Keys, additions: &mut Additions) {
        if batch.keys.pays_once_each(rows.len()) {
            let Additions { known, slots, .. } = additions;
            keys.each_once(&batch.keys, rows, known, slots, |keys, number| self.slot(number, keys));
            additions.rows.extend_from_slice(rows);
            return self.make_room();
        }
        // One step after the other: the cache misses of a short loop overlap.
        keys.intern_rows(&batch.keys, rows, &mut additions.numbers);
        additions.slots.reserve(additions.numbers.len());
        for &number in &additions.numbers {
            let slot = self.slots.get_dense(number).unwrap_or_else(|| self.slot(number, keys));
            additions.slots.push(slot);
        }
        additions.rows.extend_from_slice(rows);
        self.make_room();
    }

    /// The slot of a key, if it has one.
    #[inline]
    pub fn find(&self, key: u32) -> Option<u32> {
        self.slots.get(key)
    }

    /// Of some keys, in any order and perhaps repeated, the groups in the order of rows, put in place of what is in
    /// `groups`. Orders the keys.
    pub fn chosen_in_order(&self, chosen: &mut Vec<u32>, keys: &mut Keys, groups: &mut Vec<Group>) {
        groups.clear();
        if chosen.len() * SHARE_SORTED < keys.len() {
            chosen.sort_unstable();
            chosen.dedup();
            let group = |&key: &u32| Some(Group { head: keys.head(key), key, slot: self.find(key)? });
            groups.extend(chosen.iter().filter_map(group));
            groups.sort_unstable_by(|a, b| keys.compare((a.head, a.key), (b.head, b.key)));
            return;
        }
        let mut is_chosen = vec![false; keys.capacity()];
        chosen.iter().for_each(|&key| is_chosen[key as usize] = true);
        let in_order = keys.in_order().iter().filter(|&&(_, key)| is_chosen[key as usize]);
        groups.extend(in_order.filter_map(|&(head, key)| Some(Group { head, key, slot: self.find(key)? })));
    }

    /// Its groups in the order of rows, put in place of what is in `groups`.
    pub fn groups_in_order(&self, keys: &mut Keys, groups: &mut Vec<Group>) {
        groups.clear();
        if self.keys.len() * SHARE_SORTED < keys.len() {
            groups.extend((0..).zip(&self.keys).map(|(slot, &key)| Group {
                head: keys.head(key),
                key,
                slot,
            }));
            groups.sort_unstable_by(|a, b| keys.compare((a.head, a.key), (b.head, b.key)));
        } else {
            let group = |&(head, key): &(u64, u32)| Some(Group { head, key, slot: self.slots.get(key)? });
            groups.extend(keys.in_order().iter().filter_map(group));
        }
    }

    /// Makes the states of all slots.
    pub fn make_room(&mut self) {
        self.states.resize(self.keys.len());
    }

    /// Adds another table's groups to this one.
    pub fn merge(&mut self, other: &Table, keys: &mut Keys) {
        let pairs = self.slots_of(&other.keys, keys);
        self.make_room();
        self.states.merge(&other.states, &pairs);
    }

    /// For each of these keys, all different: its place among them and its slot, which is made if there is none.
    fn slots_of(&mut self, others: &[u32], keys: &mut Keys) -> Vec<(u32, u32)> {
        let SlotMap::Dense(slots) = &mut self.slots else {
            return (0..).zip(others).map(|(from, &key)| (from, self.slot(key, keys))).collect();
        };
        slots.resize(slots.len().max(keys.capacity()), 0);
        // Which keys are new cannot be foreseen: each is put where the next new one belongs, without a branch.
        let first_new = self.keys.len();
        self.keys.resize(first_new + others.len(), 0);
        let (mut next, mut pairs) = (first_new, Vec::with_capacity(others.len()));
        for (from, &key) in (0..).zip(others) {
            let slot = &mut slots[key as usize];
            let is_new = *slot == 0;
            *slot = select_unpredictable(is_new, next as u32 + 1, *slot);
            pairs.push((from, *slot - 1));
            self.keys[next] = key;
            next += usize::from(is_new);
        }
        self.keys.truncate(next);
        if self.holds {
            self.keys[first_new..].iter().for_each(|&key| keys.hold(key));
        }
        pairs
    }

    /// Takes away another table's groups, which have been merged into this one, and are counted in `live` by slot: a group
    /// that is none's any more goes, and the last one takes its slot. `false` if that is not possible: then this table
    /// means nothing any more.
    pub fn retract(&mut self, other: &Table, live: &mut Vec<u32>) -> bool {
        debug_assert!(!self.holds, "keys that are held have to be released");
        let slots = &mut self.slots;
        let pairs: Option<Vec<(u32, u32)>> =
            (0..).zip(&other.keys).map(|(from, key)| Some((from, slots.get(*key)?))).collect();
        let Some(pairs) = pairs else { return false };
        if !self.states.retract(&other.states, &pairs) {
            return false;
        }
        pairs.iter().for_each(|&(_, slot)| live[slot as usize] -= 1);
        for &key in &other.keys {
            let Some(slot) = slots.get(key).filter(|slot| live[*slot as usize] == 0) else { continue };
            live.swap_remove(slot as usize);
            self.keys.swap_remove(slot as usize);
            self.states.swap_remove(slot);
            slots.remove_one(key);
            if let Some(&moved) = self.keys.get(slot as usize) {
                slots.set(moved, slot);
            }
        }
        true
    }

    /// Whether it has room for many times as many groups as there are.
    pub fn is_nearly_empty(&self) -> bool {
        self.keys.len() < self.keys.capacity() / 16
    }

    /// Adds another table's groups of these keys to this one.
    pub fn merge_chosen(&mut self, other: &Table, chosen: &[u32], keys: &mut Keys) {
        let pairs: Vec<(u32, u32)> =
            chosen.iter().filter_map(|&key| Some((other.find(key)?, self.slot(key, keys)))).collect();
        self.make_room();
        self.states.merge(&other.states, &pairs);
    }

    /// Memory taken up, its keys not counted, which others may share.
    pub fn weigh(&self) -> Weight {
        let slots = match &self.slots {
            SlotMap::Sparse { entries, .. } => Weight::of_room(entries),
            SlotMap::Dense(slots) => Weight::of_room(slots),
        };
        [self.states.weigh(), slots, Weight::of_room(&self.keys)].into_iter().sum()
    }

    /// Gives back the keys.
    pub fn release(&self, keys: &mut Keys) {
        if self.holds {
            self.keys.iter().for_each(|&key| keys.release(key));
        }
    }
}

/// From key numbers to slots: a small hash table while few of the keys are here, an array otherwise.
pub(super) enum SlotMap {
    /// `(key + 1) << 32 | slot` by open addressing; 0 is free.
    Sparse { entries: Vec<u64>, used: usize },
    /// Slot + 1 by key; 0 is none.
    Dense(Vec<u32>),
}

impl Default for SlotMap {
    fn default() -> SlotMap {
        SlotMap::Sparse { entries: vec![0; 16], used: 0 }
    }
}

impl SlotMap {
    /// The slot of a key; `next` becomes its slot if it has none. There are `keys` numbers in all.
    #[inline]
    pub(super) fn get_or_insert(&mut self, key: u32, next: u32, keys: usize) -> u32 {
        match self {
            SlotMap::Dense(slots) => {
                if slots.len() <= key as usize {
                    slots.resize(keys.max(key as usize + 1), 0);
                }
                let slot = &mut slots[key as usize];
                if *slot == 0 {
                    *slot = next + 1;
                }
                *slot - 1
            }
            SlotMap::Sparse { entries, used } => {
                let at = find(entries, key);
                if entries[at] != 0 {
                    return entries[at] as u32;
                }
                entries[at] = u64::from(key + 1) << 32 | u64::from(next);
                *used += 1;
                if *used * 2 > entries.len() {
                    self.grow(keys);
                }
                next
            }
        }
    }

    /// Removes these keys, which are all there are.
    fn remove(&mut self, keys: &[u32]) {
        match self {
            SlotMap::Dense(slots) => keys.iter().for_each(|&key| slots[key as usize] = 0),
            SlotMap::Sparse { entries, used } => {
                entries.fill(0);
                *used = 0;
            }
        }
    }

    /// Removes a key, which is there.
    fn remove_one(&mut self, key: u32) {
        match self {
            SlotMap::Dense(slots) => slots[key as usize] = 0,
            SlotMap::Sparse { entries, used } => {
                // Those behind it up to the next free place move up, unless that is before their home (Knuth, The Art of
                // Computer Programming, section 6.4, algorithm R).
                let mask = entries.len() - 1;
                let (mut free, mut at) = (find(entries, key), find(entries, key));
                loop {
                    at = (at + 1) & mask;
                    let Some(other) = ((entries[at] >> 32) as u32).checked_sub(1) else { break };
                    let way = |from: usize| at.wrapping_sub(from) & mask;
                    if way(home(other, mask)) >= way(free) {
                        entries[free] = entries[at];
                        free = at;
                    }
                }
                entries[free] = 0;
                *used -= 1;
            }
        }
    }

    /// Gives a key, which is there, another slot.
    fn set(&mut self, key: u32, slot: u32) {
        match self {
            SlotMap::Dense(slots) => slots[key as usize] = slot + 1,
            SlotMap::Sparse { entries, .. } => {
                let at = find(entries, key);
                entries[at] = u64::from(key + 1) << 32 | u64::from(slot);
            }
        }
    }

    /// The slot of a key if it has one in an array: most keys have, and most tables are one.
    #[inline(always)]
    fn get_dense(&self, key: u32) -> Option<u32> {
        match self {
            SlotMap::Dense(slots) => slots.get(key as usize)?.checked_sub(1),
            SlotMap::Sparse { .. } => None,
        }
    }

    /// The slot of a key, if it has one.
    #[inline]
    pub(super) fn get(&self, key: u32) -> Option<u32> {
        match self {
            SlotMap::Dense(slots) => slots.get(key as usize)?.checked_sub(1),
            SlotMap::Sparse { entries, .. } => match entries[find(entries, key)] {
                0 => None,
                entry => Some(entry as u32),
            },
        }
    }

    /// Doubles the table, or turns to an array once that takes no more memory.
    #[cold]
    fn grow(&mut self, keys: usize) {
        let SlotMap::Sparse { entries, .. } = self else { return };
        let found =
            entries.iter().filter(|&&entry| entry != 0).map(|&entry| ((entry >> 32) as u32 - 1, entry));
        if entries.len() * 4 >= keys {
            let mut slots = vec![0; keys];
            found.for_each(|(key, entry)| slots[key as usize] = entry as u32 + 1);
            *self = SlotMap::Dense(slots);
            return;
        }
        let (mut doubled, mut used) = (vec![0; entries.len() * 2], 0);
        for (key, entry) in found {
            let at = find(&doubled, key);
            doubled[at] = entry;
            used += 1;
        }
        *self = SlotMap::Sparse { entries: doubled, used };
    }
}

/// Where the search for a key begins in an open-addressing table. Fibonacci hashing.
#[inline]
fn home(key: u32, mask: usize) -> usize {
    (u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask
}

/// Where a key stands in an open-addressing table, or the free place where it would.
#[inline]
fn find(entries: &[u64], key: u32) -> usize {
    let mask = entries.len() - 1;
    let mut at = home(key, mask);
    while entries[at] != 0 && (entries[at] >> 32) as u32 != key + 1 {
        at = (at + 1) & mask;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn slots_agree_with_a_map() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for keys in [1, 20, 1_000, 100_000] {
            let (mut slots, mut model) = (SlotMap::default(), HashMap::new());
            for _ in 0..5_000 {
                let key = random.u32(0..keys);
                let next = model.len() as u32;
                let expected = *model.entry(key).or_insert(next);
                assert_eq!(slots.get_or_insert(key, next, keys as usize), expected);
                let key = random.u32(0..keys);
                assert_eq!(slots.get(key), model.get(&key).copied());
            }
            let all: Vec<u32> = model.keys().copied().collect();
            slots.remove(&all);
            assert!(all.iter().all(|&key| slots.get(key).is_none()));
            assert_eq!(slots.get_or_insert(all[0], 0, keys as usize), 0);
        }
    }

    /// Keys that come and go one by one, few and many of those that there are.
    #[test]
    fn slots_that_are_removed_are_gone() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for (keys, known) in [(20, 20), (60, 1_000_000), (3_000, 1_000_000), (1_000, 1_000)] {
            let (mut slots, mut model) = (SlotMap::default(), HashMap::new());
            for next in 0..20_000 {
                let key = random.u32(0..keys);
                match (random.u8(0..3), model.contains_key(&key)) {
                    (0, true) => {
                        slots.remove_one(key);
                        model.remove(&key);
                    }
                    (1, true) => {
                        slots.set(key, next);
                        model.insert(key, next);
                    }
                    _ => {
                        let slot = *model.entry(key).or_insert(next);
                        assert_eq!(slots.get_or_insert(key, next, known), slot);
                    }
                }
                let key = random.u32(0..keys);
                assert_eq!(slots.get(key), model.get(&key).copied());
            }
            assert!((0..keys).all(|key| slots.get(key) == model.get(&key).copied()));
        }
    }

    /// Tables of few and of most keys, merged one after the other.
    #[test]
    fn merged_tables_have_all_keys_once() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let calls = Calls::only(crate::aggregate::find("count").expect("it is one"));
        for (count, share) in [(10, 2), (3_000, 2), (3_000, 500), (3_000, 1)] {
            let mut keys = Keys::default();
            let numbers: Vec<u32> = (0..count)
                .map(|n: u64| keys.intern(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), &n.to_le_bytes()))
                .collect();
            let (mut merged, mut passing) = (Table::new(&calls), Table::passing(&calls));
            let mut wanted: Vec<u32> = Vec::new();
            for _ in 0..4 {
                let mut other = Table::new(&calls);
                for &key in numbers.iter().filter(|_| random.u32(0..share) == 0) {
                    other.slot(key, &mut keys);
                    if !wanted.contains(&key) {
                        wanted.push(key);
                    }
                }
                other.make_room();
                for table in [&mut merged, &mut passing] {
                    table.merge(&other, &mut keys);
                    assert_eq!(table.keys, wanted);
                    (0..).zip(&wanted).for_each(|(slot, &key)| assert_eq!(table.find(key), Some(slot)));
                }
                other.release(&mut keys);
                assert_eq!(keys.used(), wanted.len());
            }
            passing.reset(&calls);
            assert!(numbers.iter().all(|&key| passing.find(key).is_none()));
            merged.release(&mut keys);
            assert_eq!(keys.used(), 0);
        }
    }
}
