//! The log of a shard: what is remembered, in the order in which it came, by bucket of expiries. Expiries that lie far
//! beyond the others, which are few, share a bucket: the farther, the more of them.
//!
//! An entry stands where it was put until all of its bucket has expired: nothing is moved, and a bucket is let go of
//! by giving back its blocks. A *position* names an entry, by the number of its block and its place there. The number
//! of a block that was let go of is used again when nobody names it any more; to see to that is the caller's part.
//! What is new since the last checkpoint is the end of each bucket, so that no copy of it is kept.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::mem;

use super::block::{Block, PLACES};
use super::buckets::{Buckets, Entry};
use super::coding::Coding;
use super::key::top;

/// The entries of a shard.
pub struct Log {
    division: Buckets,
    /// The buckets that the watermark has not passed, by number, ascending.
    alive: VecDeque<Bucket>,
    /// Where a bucket stood when it was last used, by the lowest bits of its number.
    lately: [u16; LATELY],
    /// By number; the first is not used, so that no position is 0.
    blocks: Vec<Block>,
    /// Whether a block has been let go of and may still be named, by its number.
    dead: Vec<bool>,
    /// The numbers of these blocks, in the order in which they were let go of.
    gone: Vec<u32>,
    /// How many entries were let go of since the caller has last begun to see to that.
    pub entries_gone: usize,
    /// How many of these blocks have no memory any more.
    emptied: usize,
    /// The numbers that can be used again. The least comes first, so that there is an end to the others.
    free: BinaryHeap<Reverse<u32>>,
    /// Entries in the buckets.
    entries: usize,
    /// Memory taken up by blocks, in bytes.
    blocks_bytes: usize,
    /// Whether new entries are kept in mind for [`Log::take_pending`].
    pub recording: bool,
}

struct Bucket {
    /// The greatest number among those of its entries that the division allows.
    number: i64,
    /// No expiry in it is less.
    first: i64,
    /// The greatest expiry in it.
    last: i64,
    entries: usize,
    blocks: Vec<u32>,
    /// The last block.
    block: u32,
    /// Entries in it, and how many it has room for.
    used: usize,
    room: usize,
    /// The uppermost bytes of those ids at its end that no checkpoint has.
    pending: Vec<u8>,
}

impl Bucket {
    fn new(number: i64) -> Bucket {
        let (blocks, pending) = (Vec::new(), Vec::new());
        Bucket {
            number,
            first: i64::MAX,
            last: i64::MIN,
            entries: 0,
            blocks,
            block: 0,
            used: 0,
            room: 0,
            pending,
        }
    }
}

/// Within so many numbers from the first bucket's on, each has a bucket of its own.
const NEAR: u64 = 64;
/// Farther on those share one that lie within a part of the distance, of which this is the binary logarithm.
const FAR_SHARE: u32 = 5;

/// As many buckets are found without a search.
const LATELY: usize = 64;

/// A bucket's first blocks get room for so many entries at a time, so that small sets are small.
const ROOM_STEP: usize = 8;
/// How many blocks are first blocks.
const BLOCKS_STEPWISE: usize = 16;

/// How many blocks are given back at a time.
const EMPTIED_AT_ONCE: usize = 256;

impl Log {
    /// No entries.
    pub fn new(division: Buckets) -> Log {
        Log {
            division,
            alive: VecDeque::new(),
            lately: [0; LATELY],
            blocks: vec![Block::new(Coding::of(0))],
            dead: vec![false],
            gone: Vec::new(),
            entries_gone: 0,
            emptied: 0,
            free: BinaryHeap::new(),
            entries: 0,
            blocks_bytes: 0,
            recording: false,
        }
    }

    /// Adds an entry, and returns its position.
    #[inline]
    pub fn append(&mut self, id: u128, expiry: i64) -> u32 {
        let number = self.division.of(expiry);
        let lately = usize::from(self.lately[number as usize % LATELY]);
        let at = match self.alive.get(lately) {
            Some(bucket) if bucket.number == number => lately,
            _ => self.place(number),
        };
        if self.alive[at].used == self.alive[at].room {
            self.extend(at, expiry);
        }
        let bucket = &mut self.alive[at];
        let (block, position) =
            (&mut self.blocks[bucket.block as usize], bucket.block * PLACES as u32 + bucket.used as u32);
        let code = match block.coding().encode(expiry) {
            Some(code) => code,
            None => recode(block, bucket, expiry, self.division, &mut self.blocks_bytes),
        };
        block.write(bucket.used, id, code);
        bucket.used += 1;
        bucket.entries += 1;
        bucket.last = bucket.last.max(expiry);
        if self.recording {
            bucket.pending.push(top(id));
        }
        self.entries += 1;
        position
    }

    /// Whether there is an entry of this id at a position. Its uppermost byte is not looked at.
    #[inline]
    pub fn holds(&self, position: u32, id: u128) -> bool {
        let (block, place) = taken_apart(position);
        self.blocks[block].holds(place, id)
    }

    /// The id at a position that has not been let go of; its uppermost byte is 0.
    #[inline]
    pub fn low(&self, position: u32) -> u128 {
        let (block, place) = taken_apart(position);
        self.blocks[block].low(place)
    }

    /// The expiry at a position that has not been let go of.
    #[inline]
    pub fn expiry(&self, position: u32) -> i64 {
        let (block, place) = taken_apart(position);
        self.blocks[block].expiry(place)
    }

    /// Has the processor fetch the entry at a position.
    #[inline]
    pub fn prefetch(&self, position: u32) {
        let (block, place) = taken_apart(position);
        self.blocks[block].prefetch(place);
    }

    /// Whether the entry at a position has been let go of.
    #[inline]
    pub fn is_gone(&self, position: u32) -> bool {
        self.dead[taken_apart(position).0]
    }

    /// Entries that have not been let go of.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Memory taken up, in bytes; without what is pending.
    pub fn memory_bytes(&self) -> usize {
        let buckets: usize =
            self.alive.iter().map(|bucket| bucket.blocks.capacity() * size_of::<u32>()).sum();
        let numbers = (self.gone.capacity() + self.free.capacity()) * size_of::<u32>() + self.dead.capacity();
        let own = self.alive.capacity() * size_of::<Bucket>() + self.blocks.capacity() * size_of::<Block>();
        self.blocks_bytes + buckets + numbers + own
    }

    /// When the first bucket is passed.
    pub fn due(&self) -> Option<i64> {
        self.alive.front().map(|bucket| bucket.last)
    }

    /// Lets go of the first bucket, which may come again with later expiries, if the watermark has passed it.
    /// Returns whether it has.
    pub fn pass(&mut self, watermark: i64) -> bool {
        if self.alive.front().is_none_or(|bucket| bucket.last > watermark) {
            return false;
        }
        let passed = self.alive.pop_front().expect("there is a first one");
        self.entries -= passed.entries;
        self.entries_gone += passed.entries;
        passed.blocks.iter().for_each(|&number| self.dead[number as usize] = true);
        self.gone.extend(passed.blocks);
        true
    }

    /// Gives back some of the memory of what has been let go of; returns whether there is more.
    pub fn empty(&mut self) -> bool {
        let end = self.gone.len().min(self.emptied + EMPTIED_AT_ONCE);
        for &number in &self.gone[self.emptied..end] {
            let block = mem::replace(&mut self.blocks[number as usize], Block::new(Coding::of(0)));
            self.blocks_bytes -= block.memory_bytes();
        }
        self.emptied = end;
        end < self.gone.len()
    }

    /// How many blocks have been let go of and may still be named.
    pub fn gone(&self) -> usize {
        self.gone.len()
    }

    /// Nobody names the first `count` of [`Log::gone`] any more.
    pub fn reuse(&mut self, count: usize) {
        while self.emptied < count {
            self.empty();
        }
        for number in self.gone.drain(..count) {
            self.dead[number as usize] = false;
            self.free.push(Reverse(number));
        }
        self.emptied -= count;
        self.forget_numbers();
    }

    /// Forgets the numbers behind the last block that is not free.
    fn forget_numbers(&mut self) {
        let used = |number: &usize| self.blocks[*number].memory_bytes() > 0 || self.dead[*number];
        let end = 1 + (1..self.blocks.len()).rev().find(used).unwrap_or(0);
        if end < self.blocks.len() - self.blocks.len() / 8 {
            self.free.retain(|&Reverse(number)| (number as usize) < end);
            self.free.shrink_to_fit();
            self.blocks.truncate(end);
            self.blocks.shrink_to_fit();
            self.dead.truncate(end);
            self.dead.shrink_to_fit();
        }
    }

    /// Adds the entries to `taken` that are new since the last call and have not been let go of, by bucket.
    pub fn take_pending(&mut self, taken: &mut BTreeMap<i64, Vec<Entry>>) {
        for bucket in self.alive.iter_mut().filter(|bucket| !bucket.pending.is_empty()) {
            let tops = mem::take(&mut bucket.pending);
            // All blocks but the last one are full, as far back as there is something new.
            let before = tops.len().saturating_sub(bucket.used).div_ceil(PLACES);
            let blocks = &bucket.blocks[bucket.blocks.len() - 1 - before..];
            let skipped = before * PLACES + bucket.used - tops.len();
            let new = (skipped..).zip(&tops).map(|(n, &top)| {
                let (block, place) = (&self.blocks[blocks[n / PLACES] as usize], n % PLACES);
                Entry::new(block.low(place) | u128::from(top) << 120, block.expiry(place))
            });
            if bucket.first == self.division.first(bucket.number) {
                taken.entry(bucket.number).or_default().extend(new);
            } else {
                new.for_each(|entry| taken.entry(self.division.of(entry.expiry)).or_default().push(entry));
            }
        }
    }

    /// Entries that [`Log::take_pending`] would hand over.
    pub fn pending(&self) -> usize {
        self.alive.iter().map(|bucket| bucket.pending.len()).sum()
    }

    /// The counts agree with what there is.
    #[cfg(test)]
    pub fn check(&self) {
        assert_eq!(self.entries, self.alive.iter().map(|bucket| bucket.entries).sum::<usize>());
        let memory = |number: &u32| self.blocks[*number as usize].memory_bytes();
        let alive = self.alive.iter().flat_map(|bucket| &bucket.blocks);
        let named = alive.chain(&self.gone[self.emptied..]);
        assert_eq!(self.blocks_bytes, named.map(memory).sum::<usize>());
        let numbers = self.alive.iter().map(|bucket| bucket.blocks.len()).sum::<usize>();
        assert_eq!(self.blocks.len(), 1 + numbers + self.gone.len() + self.free.len());
        assert_eq!(self.gone.len(), self.dead.iter().filter(|&&dead| dead).count());
    }

    /// Where the bucket of a number stands; it is made if there is none.
    #[cold]
    fn place(&mut self, number: i64) -> usize {
        let front = self.alive.front().map_or(number, |bucket| bucket.number);
        let distance = if number > front { number.abs_diff(front) } else { 0 };
        let shared = if distance < NEAR || number == Buckets::FOREVER {
            0
        } else {
            (1 << (distance.ilog2() - FAR_SHARE)) - 1
        };
        let (least, most) = (number & !shared, number | shared);
        let found = self.alive.binary_search_by_key(&most, |bucket| bucket.number);
        let at = found.unwrap_or_else(|at| {
            if self.alive.len() == self.alive.capacity() {
                self.alive.reserve_exact(4 + self.alive.len() / 8);
            }
            self.alive.insert(at, Bucket::new(most));
            at
        });
        self.alive[at].first = self.alive[at].first.min(self.division.first(least));
        self.lately[number as usize % LATELY] = at as u16;
        at
    }

    /// Gives a bucket room for more entries, such as one of this expiry.
    #[cold]
    fn extend(&mut self, at: usize, expiry: i64) {
        let bucket = &mut self.alive[at];
        if bucket.room == PLACES || bucket.blocks.is_empty() {
            // A block of the same bucket mostly knows already how the next expiries are written.
            let like = (!bucket.blocks.is_empty()).then(|| self.blocks[bucket.block as usize].coding());
            let block = Block::new(like.unwrap_or(Coding::of(expiry)));
            bucket.block = match self.free.pop() {
                Some(Reverse(number)) => number,
                None => self.blocks.len() as u32,
            };
            if bucket.block as usize == self.blocks.len() {
                push_frugally(&mut self.blocks, block);
                push_frugally(&mut self.dead, false);
            } else {
                self.blocks[bucket.block as usize] = block;
            }
            push_frugally(&mut bucket.blocks, bucket.block);
            (bucket.used, bucket.room) = (0, 0);
        }
        let block = &mut self.blocks[bucket.block as usize];
        self.blocks_bytes -= block.memory_bytes();
        bucket.room = if bucket.blocks.len() > BLOCKS_STEPWISE { PLACES } else { bucket.room + ROOM_STEP };
        block.extend(bucket.room);
        self.blocks_bytes += block.memory_bytes();
    }
}

/// Gives the last block of a bucket a coding that knows one more expiry, and returns its code.
#[cold]
fn recode(block: &mut Block, bucket: &Bucket, expiry: i64, division: Buckets, bytes: &mut usize) -> u64 {
    *bytes -= block.memory_bytes();
    let range = (bucket.first, division.last(bucket.number));
    block.recode(block.coding().with(expiry, range), bucket.used);
    *bytes += block.memory_bytes();
    block.coding().encode(expiry).expect("the coding was made for it")
}

/// Adds an element to a list that is to take up little more than it must.
fn push_frugally<T>(list: &mut Vec<T>, element: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(4 + list.len() / 8);
    }
    list.push(element);
}

/// The block and the place of a position.
#[inline]
fn taken_apart(position: u32) -> (usize, usize) {
    (position as usize / PLACES, position as usize % PLACES)
}
