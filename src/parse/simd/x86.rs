//! Vectors of x86-64.

use std::arch::x86_64::*;

use super::{Lanes, WIDTH, Work};

/// Does the work with [`Avx2`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn run<W: Work>(work: W) -> W::Output {
    work.run::<Avx2>()
}

/// Named in [`run`] only, as the vectors of a work: whoever calls a function of it has the features.
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
            // What is within the bounds stays what it is when it is brought there.
            let brought = _mm256_min_epu8(_mm256_max_epu8(self.0, low.0), high.0);
            let unfit = _mm256_or_si256(ends, _mm256_xor_si256(brought, self.0));
            _mm256_testz_si256(unfit, unfit) == 1
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
    fn letters(self) -> u32 {
        // SAFETY: AVX2 is there, see `Avx2`.
        unsafe {
            let value = _mm256_sub_epi8(self.0, _mm256_set1_epi8(b'a' as i8));
            let letters = _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(25)), value);
            _mm256_movemask_epi8(letters) as u32
        }
    }

    #[inline(always)]
    fn not_ascii(self) -> u32 {
        // SAFETY: AVX2 is there, see `Avx2`.
        unsafe { _mm256_movemask_epi8(self.0) as u32 }
    }

    #[inline(always)]
    fn unusual(self, bytes: [u8; 2]) -> u32 {
        // SAFETY: AVX2 is there, see `Avx2`.
        unsafe {
            let first = _mm256_cmpeq_epi8(self.0, _mm256_set1_epi8(bytes[0] as i8));
            let second = _mm256_cmpeq_epi8(self.0, _mm256_set1_epi8(bytes[1] as i8));
            _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(first, second), self.0)) as u32
        }
    }

    #[inline(always)]
    fn alike(bytes: &[u8; 16], others: &[u8; 16], mask: &[u8; 16]) -> bool {
        // SAFETY: AVX2 is there, see `Avx2`, and with it SSE4.1; all are 16 bytes.
        unsafe {
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            let others = _mm_loadu_si128(others.as_ptr().cast());
            let mask = _mm_loadu_si128(mask.as_ptr().cast());
            _mm_testz_si128(_mm_xor_si128(bytes, others), mask) == 1
        }
    }

    #[inline(always)]
    fn whole(window: &[u8; 16], len: usize) -> Option<u64> {
        let digits = Digits::new(window, len);
        if digits.others() == 0 { Some(digits.number()) } else { None }
    }

    #[inline(always)]
    fn decimal(window: &[u8; 16], len: usize) -> Option<(u64, u8)> {
        let digits = Digits::new(window, len);
        let others = digits.others();
        if others == 0 {
            return Some((digits.number(), 0));
        }
        let point = others.trailing_zeros() as usize;
        if !others.is_power_of_two() || window[point] != b'.' || len == 1 {
            return None;
        }
        Some((digits.without(point).number(), 15 - point as u8))
    }
}

/// The values of sixteen digits, those that do not count as zeros. Made by functions of [`Avx2`] only.
#[derive(Clone, Copy)]
struct Digits(__m128i);

impl Digits {
    /// The last `len` of these, at most 16.
    #[inline(always)]
    fn new(window: &[u8; 16], len: usize) -> Digits {
        /// The bytes that count from their number on.
        static COUNT: [u8; 32] = {
            let mut count = [0; 32];
            let mut at = 16;
            while at < 32 {
                count[at] = u8::MAX;
                at += 1;
            }
            count
        };
        let count: &[u8; 16] = COUNT[len..].first_chunk().expect("at most sixteen count");
        // SAFETY: AVX2 is there, see `Avx2`, and with it SSE2; both are 16 bytes.
        unsafe {
            let text = _mm_loadu_si128(window.as_ptr().cast());
            let values = _mm_sub_epi8(text, _mm_set1_epi8(b'0' as i8));
            Digits(_mm_and_si128(values, _mm_loadu_si128(count.as_ptr().cast())))
        }
    }

    /// Which are no digits.
    #[inline(always)]
    fn others(self) -> u32 {
        // SAFETY: AVX2 is there, see `Avx2`, and with it SSE2.
        let digits = unsafe {
            _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(self.0, _mm_set1_epi8(9)), self.0)) as u32
        };
        digits ^ 0xffff
    }

    /// Those before the one at `place` moved into it.
    #[inline(always)]
    fn without(self, place: usize) -> Digits {
        /// For each place, where the byte for each place is taken from; none for the first.
        static FROM: [[u8; 16]; 16] = {
            let mut from = [[0; 16]; 16];
            let mut place = 0;
            while place < 16 {
                let mut at = 0;
                while at < 16 {
                    from[place][at] = if at == 0 {
                        u8::MAX
                    } else if at <= place {
                        at as u8 - 1
                    } else {
                        at as u8
                    };
                    at += 1;
                }
                place += 1;
            }
            from
        };
        // SAFETY: AVX2 is there, see `Avx2`, and with it SSSE3.
        Digits(unsafe { _mm_shuffle_epi8(self.0, _mm_loadu_si128(FROM[place].as_ptr().cast())) })
    }

    /// Their number: neighbours are joined to pairs, pairs to fours, fours to eights.
    #[inline(always)]
    fn number(self) -> u64 {
        // SAFETY: AVX2 is there, see `Avx2`, and with it SSE4.1.
        let eights = unsafe {
            let pairs = _mm_maddubs_epi16(self.0, _mm_set1_epi16(1 << 8 | 10));
            let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(1 << 16 | 100));
            let fours = _mm_packus_epi32(fours, fours);
            _mm_cvtsi128_si64(_mm_madd_epi16(fours, _mm_set1_epi32(1 << 16 | 10_000))) as u64
        };
        (eights & 0xffff_ffff) * 100_000_000 + (eights >> 32)
    }
}
