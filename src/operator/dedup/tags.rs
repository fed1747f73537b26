//! The sixteen bytes at the head of a group, looked at all at once. Bit `n` of an answer speaks of byte `n`.

/// The length of a head, in bytes.
pub const HEAD: usize = 16;

/// The tags in a head that are equal to `tag`; `tag` is that of a slot in use.
///
/// The last byte of a head is no tag and is left out.
#[inline]
pub fn matches(head: [u8; HEAD], tag: u8) -> u32 {
    equal(head, tag) & 0x7fff
}

/// The tags in a head that mark slots in use: those with the highest bit set.
#[inline]
pub fn in_use(head: [u8; HEAD]) -> u32 {
    high_bits(head) & 0x7fff
}

/// The same with vector instructions.
#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};

    use super::HEAD;

    #[inline]
    pub fn equal(head: [u8; HEAD], byte: u8) -> u32 {
        // SAFETY: these are SSE2, which every x86-64 processor has; the load is of 16 bytes at any address.
        unsafe {
            let vector = _mm_loadu_si128(head.as_ptr().cast());
            _mm_movemask_epi8(_mm_cmpeq_epi8(vector, _mm_set1_epi8(byte as i8))) as u32
        }
    }

    #[inline]
    pub fn high_bits(head: [u8; HEAD]) -> u32 {
        // SAFETY: as above.
        unsafe { _mm_movemask_epi8(_mm_loadu_si128(head.as_ptr().cast())) as u32 }
    }
}

/// The same in plain Rust.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain {
    use super::HEAD;

    pub fn equal(head: [u8; HEAD], byte: u8) -> u32 {
        head.iter().rev().fold(0, |mask, &other| (mask << 1) | u32::from(other == byte))
    }

    pub fn high_bits(head: [u8; HEAD]) -> u32 {
        head.iter().rev().fold(0, |mask, &byte| (mask << 1) | u32::from(byte >> 7))
    }
}

#[cfg(not(target_arch = "x86_64"))]
use plain::{equal, high_bits};
#[cfg(target_arch = "x86_64")]
use wide::{equal, high_bits};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..10_000 {
            let tag = 0x80 | random.u8(..4);
            let head: [u8; HEAD] = std::array::from_fn(|_| random.u8(..4) | (random.u8(..2) << 7));
            assert_eq!(equal(head, tag), plain::equal(head, tag), "{head:?} {tag}");
            assert_eq!(high_bits(head), plain::high_bits(head), "{head:?}");
            assert_eq!(matches(head, tag) & !in_use(head), 0);
        }
    }
}
