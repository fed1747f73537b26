//! When to look at which session: a calendar of buckets, each of which is looked into once it is due.
//!
//! Ends move on while sessions grow, so a timer is not moved with them: when it is due and its session ends later,
//! it is set anew. Only what ends about now stands in a heap, which stays small; of what ends later the order is
//! never asked for. (A heap of all sessions cost more than everything else about them.)

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::prefetch::AHEAD;

/// What a session's timer finds.
pub enum Found {
    /// The session ends here, and that is due.
    Due,
    /// The session ends later, at this time.
    Later(i64),
    /// The session is no more.
    Over,
}

/// The timers of one shard's sessions, named by number.
pub struct Timers {
    /// A bucket is `1 << shift` microseconds long.
    shift: u32,
    /// Timers in buckets before `next`, as `(end, number)`.
    near: BinaryHeap<Reverse<(i64, u32)>>,
    /// Timers in the [`WHEEL`] buckets from `next` on: bucket `b` stands at `b` modulo [`WHEEL`].
    wheel: Vec<Vec<u32>>,
    /// Timers in the buckets behind these, by bucket. They stay here when their buckets come into the wheel's range.
    far: BTreeMap<i64, Vec<u32>>,
    next: i64,
    /// Buckets that are not in use.
    spare: Vec<Vec<u32>>,
}

/// How many buckets a gap is divided into, about.
const BUCKETS: i64 = 32;
/// How many buckets stand side by side: enough for ends up to sixteen gaps away.
const WHEEL: usize = 1024;

impl Timers {
    /// No timers yet; sessions end about `gap` microseconds after they were looked at.
    pub fn new(gap: i64) -> Timers {
        Timers {
            shift: (gap / BUCKETS).max(1).ilog2(),
            near: BinaryHeap::new(),
            wheel: vec![Vec::new(); WHEEL],
            far: BTreeMap::new(),
            next: i64::MIN,
            spare: Vec::new(),
        }
    }

    /// Sets a timer.
    #[inline]
    pub fn set(&mut self, end: i64, number: u32) {
        let bucket = end >> self.shift;
        if bucket < self.next {
            self.near.push(Reverse((end, number)));
            return;
        }
        let numbers = match bucket.abs_diff(self.next) < WHEEL as u64 {
            true => &mut self.wheel[place(bucket)],
            false => self.far.entry(bucket).or_default(),
        };
        if numbers.capacity() == 0 {
            *numbers = self.spare.pop().unwrap_or_default();
        }
        numbers.push(number);
    }

    /// Asks about every timer before `watermark` (exclusive), which is gone then unless its session ends later. The
    /// order in which they are asked about means nothing, and one that ends later may be asked about twice. Said with each is
    /// which one will be asked about soon, if that is known.
    pub fn expire(&mut self, watermark: i64, mut ask: impl FnMut(u32, Option<u32>) -> Found) {
        let before = self.next;
        // Ends lie far within the range of numbers.
        self.next = self.next.max((watermark >> self.shift).saturating_add(1));
        let turned = self.next.abs_diff(before).min(WHEEL as u64) as i64;
        for bucket in before..before + turned {
            let numbers = std::mem::take(&mut self.wheel[place(bucket)]);
            self.look_into(numbers, &mut ask);
        }
        while let Some(bucket) = self.far.first_entry()
            && *bucket.key() < self.next
        {
            let numbers = bucket.remove();
            self.look_into(numbers, &mut ask);
        }
        while let Some(&Reverse((end, number))) = self.near.peek()
            && end < watermark
        {
            self.near.pop();
            if let Found::Later(end) = ask(number, None) {
                self.set(end, number);
            }
        }
    }

    /// Asks about the timers of a bucket that is due.
    fn look_into(&mut self, mut numbers: Vec<u32>, ask: &mut impl FnMut(u32, Option<u32>) -> Found) {
        for (n, &number) in numbers.iter().enumerate() {
            match ask(number, numbers.get(n + AHEAD).copied()) {
                Found::Later(end) => self.set(end, number),
                Found::Due | Found::Over => {}
            }
        }
        if numbers.capacity() > 0 {
            numbers.clear();
            self.spare.push(numbers);
        }
    }
}

/// Where a bucket stands in the wheel.
#[inline(always)]
fn place(bucket: i64) -> usize {
    bucket as usize % WHEEL
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions that grow, against a search through all of them.
    #[test]
    fn every_timer_is_asked_about_in_time() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for gap in [1, 40, 1_000, 1_000_000] {
            let (mut timers, mut ends) = (Timers::new(gap), Vec::<Option<i64>>::new());
            let mut watermark = -5 * gap;
            for _ in 0..400 {
                // Now and then far beyond the wheel.
                let reach = if random.u8(..) < 10 { 10 * WHEEL as i64 * gap } else { 3 * gap };
                for _ in 0..random.usize(0..4) {
                    let end = watermark + random.i64(0..reach);
                    timers.set(end, ends.len() as u32);
                    ends.push(Some(end));
                }
                if let Some(end) = ends.iter_mut().rev().take(9).flatten().next() {
                    let gaps = if random.u8(..) < 30 { 40 } else { 1 };
                    *end += random.i64(0..gaps * gap);
                }
                let step = if random.u8(..) < 10 { reach } else { gap };
                watermark += random.i64(0..=step);
                let expected: Vec<u32> = (0..)
                    .zip(&ends)
                    .filter(|(_, end)| end.is_some_and(|end| end < watermark))
                    .map(|(n, _)| n)
                    .collect();
                let mut found = Vec::new();
                timers.expire(watermark, &mut |number, _| match ends[number as usize] {
                    None => Found::Over,
                    Some(end) if end < watermark => {
                        ends[number as usize] = None;
                        found.push(number);
                        Found::Due
                    }
                    Some(end) => Found::Later(end),
                });
                found.sort_unstable();
                assert_eq!(found, expected);
            }
            timers.expire(i64::MAX, &mut |_, _| Found::Over);
            assert!(
                timers.near.is_empty() && timers.far.is_empty() && timers.wheel.iter().all(Vec::is_empty)
            );
        }
    }
}
