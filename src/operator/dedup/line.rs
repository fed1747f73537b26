//! A cache line of an index: sixteen entries, looked at all at once. Bit `n` of an answer speaks of entry `n`.

/// Entries of a line.
pub const ENTRIES: usize = 16;

/// Sixteen entries; 0 is none.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Line(pub [u32; ENTRIES]);

/// A line without entries.
pub const EMPTY: Line = Line([0; ENTRIES]);

impl Line {
    /// Which entries agree with `tag` in the bits of `mask`, and which are none. Those that are none may be among
    /// the first.
    #[inline]
    pub fn look(&self, tag: u32, mask: u32) -> (u32, u32) {
        look(self, tag, mask)
    }
}

/// With vector instructions.
#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmpeq_epi32, _mm_load_si128, _mm_movemask_epi8, _mm_packs_epi16,
        _mm_packs_epi32, _mm_set1_epi32, _mm_setzero_si128,
    };

    use super::Line;

    #[inline]
    pub fn look(line: &Line, tag: u32, mask: u32) -> (u32, u32) {
        // SAFETY: these are SSE2, which every x86-64 processor has; the four loads are of 16 bytes each, within the
        // line, at multiples of 16 from its start, which is aligned to 64.
        unsafe {
            let (tag, mask) = (_mm_set1_epi32(tag as i32), _mm_set1_epi32(mask as i32));
            let quarters: *const __m128i = line.0.as_ptr().cast();
            let quarters = [0, 1, 2, 3].map(|n| _mm_load_si128(quarters.add(n)));
            let same = quarters.map(|quarter| _mm_cmpeq_epi32(_mm_and_si128(quarter, mask), tag));
            let none = quarters.map(|quarter| _mm_cmpeq_epi32(quarter, _mm_setzero_si128()));
            (bits(same), bits(none))
        }
    }

    /// One bit of each of sixteen numbers that are 0 or -1.
    #[inline]
    fn bits([a, b, c, d]: [__m128i; 4]) -> u32 {
        // SAFETY: SSE2 again; these only compute.
        unsafe {
            let bytes = _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
            _mm_movemask_epi8(bytes) as u32
        }
    }
}

/// The same in plain Rust.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain {
    use super::Line;

    #[inline]
    pub fn look(line: &Line, tag: u32, mask: u32) -> (u32, u32) {
        let bits = |is: &dyn Fn(u32) -> bool| {
            line.0.iter().rev().fold(0, |bits, &entry| (bits << 1) | u32::from(is(entry)))
        };
        (bits(&|entry| entry & mask == tag), bits(&|entry| entry == 0))
    }
}

#[cfg(not(target_arch = "x86_64"))]
use plain::look;
#[cfg(target_arch = "x86_64")]
use wide::look;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..10_000 {
            let mask = u32::MAX << random.u32(..32);
            let line = Line(std::array::from_fn(|_| (random.u32(..4) * random.u32(..2)) << random.u32(..31)));
            let tag = (random.u32(..4) << random.u32(..31)) & mask;
            let (same, none) = line.look(tag, mask);
            assert_eq!((same, none), plain::look(&line, tag, mask), "{:?} {tag} {mask}", line.0);
            for (n, entry) in line.0.into_iter().enumerate() {
                assert_eq!((same >> n & 1 == 1, none >> n & 1 == 1), (entry & mask == tag, entry == 0));
            }
        }
    }
}
