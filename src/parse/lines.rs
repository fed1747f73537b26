//! Where lines end, a block at a time: the start of a line is known before the line in front of it has been
//! read, so that the CPU works on several at once.

use std::mem::MaybeUninit;

use super::rows::BLOCK_BYTES;
use super::simd::{Lanes, WIDE, wide};

/// Line ends of a stretch of text.
#[derive(Debug)]
pub struct Lines {
    ends: Vec<u32>,
    count: usize,
    /// Whether a byte of the stretch is not ASCII.
    pub not_ascii: bool,
}

/// How many ends one step may find.
const STEP: usize = WIDE;

impl Lines {
    /// Room for at least so many line ends.
    pub fn new(lines: usize) -> Lines {
        Lines { ends: vec![0; lines + STEP], count: 0, not_ascii: false }
    }

    /// The line ends found, each the place of a newline; the last may be the end of the text.
    pub fn ends(&self) -> &[u32] {
        &self.ends[..self.count]
    }

    /// Finds the ends of some lines from `from` on, which is within `text` and the start of a line: at least of
    /// one.
    #[inline(always)]
    pub fn find<L: Lanes>(&mut self, text: &[u8], from: usize) {
        let (mut count, mut high, mut at) = (0, false, from);
        let stop = text.len().min(from + BLOCK_BYTES);
        let ends = &mut self.ends[..];
        // One place is kept for the end of the text.
        while at < stop && count + STEP < ends.len() {
            let mut copy = MaybeUninit::uninit();
            let bytes = wide(text, at, &mut copy);
            let mut newlines = L::equal_wide(bytes, b'\n');
            high |= L::not_ascii_wide(bytes);
            // Lines are longer than a step, mostly: none or one is found without a branch.
            ends[count] = at as u32 + newlines.trailing_zeros();
            let found = newlines.count_ones() as usize;
            if found > 1 {
                for end in &mut ends[count..count + found] {
                    *end = at as u32 + newlines.trailing_zeros();
                    newlines &= newlines - 1;
                }
            }
            count += found;
            at += STEP;
        }
        self.not_ascii = high;
        self.count = count;
        let last = if count == 0 { None } else { Some(self.ends[count - 1] as usize) };
        if at >= text.len() {
            // A last line without a newline.
            if last.map_or(from, |last| last + 1) < text.len() {
                self.push(text.len());
            }
        } else if count == 0 {
            self.not_ascii = true;
            self.push(memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n));
        }
    }

    fn push(&mut self, end: usize) {
        self.ends[self.count] = end as u32;
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::simd::{Level, Work};

    struct All<'t>(&'t [u8], usize);

    impl Work for All<'_> {
        type Output = Vec<u32>;

        #[inline(always)]
        fn run<L: Lanes>(self) -> Vec<u32> {
            let (mut lines, mut from, mut all) = (Lines::new(self.1), 0, Vec::new());
            while from < self.0.len() {
                lines.find::<L>(self.0, from);
                assert!(!lines.ends().is_empty());
                let next = *lines.ends().last().expect("not empty") as usize + 1;
                let ascii = self.0[from..next.min(self.0.len())].is_ascii();
                assert!(ascii || lines.not_ascii);
                all.extend_from_slice(lines.ends());
                from = next;
            }
            all
        }
    }

    #[test]
    fn finds_every_end() {
        let mut random = fastrand::Rng::with_seed(1);
        for round in 0..300 {
            let longest = [1, 3, 80, 300, 40_000][round % 5];
            let mut text = Vec::new();
            while text.len() < 20_000 {
                text.extend((0..random.usize(..longest)).map(|_| b'x'));
                text.push(if random.u8(..9) == 0 { 0xc3 } else { b'\n' });
            }
            text.truncate(random.usize(..text.len()));
            let mut expected: Vec<u32> =
                (0..text.len()).filter(|at| text[*at] == b'\n').map(|at| at as u32).collect();
            if text.last().is_some_and(|byte| *byte != b'\n') {
                expected.push(text.len() as u32);
            }
            for level in Level::all() {
                assert_eq!(level.run(All(&text, [1, 256][round % 2])), expected);
            }
        }
    }
}
