//! Vectors of x86-64.

use std::arch::x86_64::*;

use super::{Lanes, WIDTH, Work};

/// Does the work with [`Avx2`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn run<W: Work>(work: W) -> W::Output {
    work.run::<Avx2>()
}

/// Made in [`run`] only, so that whoever holds one has the features.
#[derive(Clone, Copy)]
struct Avx2(__m256i);

impl Lanes for Avx2 {
    #[inline(always)]
    fn new(bytes: &[u8; WIDTH]) -> Avx2 {
        // SAFETY: AVX2 is there, see `Avx2`; 32 bytes may be read, at any alignment.
        Avx2(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) })
    }

    #[inline(always)]
    fn equal(self, byte: u8) -> u32 {
        // SAFETY: AVX2 is there, see `Avx2`.
        unsafe { _mm256_movemask_epi8(_mm256_cmpeq_epi8(self.0, _mm256_set1_epi8(byte as i8))) as u32 }
    }

    #[inline(always)]
    fn fits(self, low: Avx2, high: Avx2, texts: Avx2) -> bool {
        // SAFETY: AVX2 is there, see `Avx2`.
        unsafe {
            let quotes = _mm256_cmpeq_epi8(self.0, _mm256_set1_epi8(b'"' as i8));
            let slashes = _mm256_cmpeq_epi8(self.0, _mm256_set1_epi8(b'\\' as i8));
            let ends = _mm256_and_si256(_mm256_or_si256(quotes, slashes), texts.0);
            // What is within the bounds is what it stays when it is brought there.
            let brought = _mm256_min_epu8(_mm256_max_epu8(self.0, low.0), high.0);
            let fit = _mm256_andnot_si256(ends, _mm256_cmpeq_epi8(brought, self.0));
            _mm256_movemask_epi8(fit) == -1
        }
    }

    #[inline(always)]
    fn string_stops(self) -> u32 {
        // SAFETY: AVX2 is there, see `Avx2`.
        unsafe {
            let quotes = _mm256_cmpeq_epi8(self.0, _mm256_set1_epi8(b'"' as i8));
            let slashes = _mm256_cmpeq_epi8(self.0, _mm256_set1_epi8(b'\\' as i8));
            // Unsigned: what is not above 0x1f is its own minimum with it.
            let controls = _mm256_cmpeq_epi8(_mm256_min_epu8(self.0, _mm256_set1_epi8(0x1f)), self.0);
            let stops = _mm256_or_si256(_mm256_or_si256(quotes, slashes), controls);
            _mm256_movemask_epi8(stops) as u32
        }
    }

    #[inline(always)]
    fn digits(self) -> u32 {
        // SAFETY: AVX2 is there, see `Avx2`.
        unsafe {
            let value = _mm256_sub_epi8(self.0, _mm256_set1_epi8(b'0' as i8));
            let digits = _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(9)), value);
            _mm256_movemask_epi8(digits) as u32
        }
    }

    #[inline(always)]
    fn not_ascii(self) -> u32 {
        // SAFETY: AVX2 is there, see `Avx2`.
        unsafe { _mm256_movemask_epi8(self.0) as u32 }
    }
}
