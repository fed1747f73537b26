//! Thirty-two bytes at a time: the few questions that the scanners ask of a stretch of text, answered as bit
//! masks, with AVX2 where the machine has it and in plain arithmetic elsewhere.
//!
//! All vector code of the parse stage is here. The scanners are generic over [`Lanes`] and run through
//! [`Level::run`], once per block of records: what is marked `#[inline(always)]` there becomes one function
//! that is compiled for the vectors of its level. Nothing here knows what a record is.

/// Bytes in a vector.
pub const WIDTH: usize = 32;

/// A vector of [`WIDTH`] bytes. In the masks bit `i` stands for byte `i`.
pub trait Lanes: Copy {
    /// These bytes.
    fn new(bytes: &[u8; WIDTH]) -> Self;
    /// Where `byte` stands.
    fn equal(self, byte: u8) -> u32;
    /// Where both hold the same byte.
    fn same(self, other: Self) -> u32;
    /// Where a JSON string cannot simply go on: quotes, backslashes and control characters.
    fn string_stops(self) -> u32;
    /// Where an ASCII digit stands.
    fn digits(self) -> u32;
    /// Where a byte of a character that is not ASCII stands.
    fn not_ascii(self) -> u32;
}

/// The bytes from `at` on, with zeros behind the end of the text.
#[inline(always)]
pub fn load<L: Lanes>(text: &[u8], at: usize) -> L {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => L::new(bytes),
        None => L::new(&tail(text, at)),
    }
}

#[cold]
#[inline(never)]
fn tail(text: &[u8], at: usize) -> [u8; WIDTH] {
    let mut bytes = [0; WIDTH];
    let rest = text.get(at..).unwrap_or_default();
    bytes[..rest.len()].copy_from_slice(rest);
    bytes
}

/// The bytes before `n`.
#[inline(always)]
pub fn below(n: u32) -> u32 {
    if n < 32 { (1 << n) - 1 } else { u32::MAX }
}

/// Work that is compiled once for each level.
pub trait Work {
    /// What comes of it.
    type Output;
    /// Does it. Implementations are `#[inline(always)]`, or the vectors are calls.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// What the machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    avx2: bool,
}

impl Level {
    /// Plain arithmetic, which every machine can do.
    pub const PORTABLE: Level = Level { avx2: false };

    /// The best that this machine can do.
    pub fn detect() -> Level {
        #[cfg(target_arch = "x86_64")]
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        #[cfg(not(target_arch = "x86_64"))]
        let avx2 = false;
        Level { avx2 }
    }

    /// Does the work with the vectors of this level.
    #[inline]
    pub fn run<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        if self.avx2 {
            // SAFETY: only `detect` makes a level with `avx2`, and has found all these features.
            return unsafe { avx2::run(work) };
        }
        work.run::<Portable>()
    }
}

/// Four words of eight bytes, the first byte lowest.
#[derive(Clone, Copy)]
struct Portable([u64; 4]);

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

impl Portable {
    /// Asks each word for a word with the upper bit of some bytes set, and gathers these bits.
    #[inline(always)]
    fn gather(self, marks: impl Fn(u64) -> u64) -> u32 {
        let mut mask = 0;
        for (n, word) in self.0.into_iter().enumerate() {
            // The product moves bit 8 i to bit 56 + i, and nothing else comes to stand there.
            let bits = ((marks(word) & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            mask |= (bits as u32) << (8 * n);
        }
        mask
    }
}

/// The upper bit of each byte that is zero.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    // The sum of a byte's lower bits and 127 has the upper bit unless they are all zero; no carry leaves it.
    !(((word & !HIGH) + !HIGH) | word)
}

impl Lanes for Portable {
    #[inline(always)]
    fn new(bytes: &[u8; WIDTH]) -> Portable {
        let mut words = [0; 4];
        for (word, eight) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*eight);
        }
        Portable(words)
    }

    #[inline(always)]
    fn equal(self, byte: u8) -> u32 {
        self.gather(|word| zeros(word ^ (ONES * u64::from(byte))))
    }

    #[inline(always)]
    fn same(self, other: Portable) -> u32 {
        let [a, b, c, d] = self.0;
        let [e, f, g, h] = other.0;
        Portable([a ^ e, b ^ f, c ^ g, d ^ h]).gather(zeros)
    }

    #[inline(always)]
    fn string_stops(self) -> u32 {
        self.gather(|word| {
            let quotes = zeros(word ^ (ONES * u64::from(b'"')));
            let slashes = zeros(word ^ (ONES * u64::from(b'\\')));
            quotes | slashes | zeros(word & (ONES * 0xe0))
        })
    }

    #[inline(always)]
    fn digits(self) -> u32 {
        self.gather(|word| {
            // Six more leave the upper half of a digit alone, and of nothing else in its sixteen.
            let low = (word & !HIGH) + ONES * 6;
            zeros((word ^ (ONES * 0x30)) & (ONES * 0xf0)) & zeros((low ^ (ONES * 0x30)) & (ONES * 0xf0))
        })
    }

    #[inline(always)]
    fn not_ascii(self) -> u32 {
        self.gather(|word| word)
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
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
        fn same(self, other: Avx2) -> u32 {
            // SAFETY: AVX2 is there, see `Avx2`.
            unsafe { _mm256_movemask_epi8(_mm256_cmpeq_epi8(self.0, other.0)) as u32 }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All masks of the bytes, by one level, against `char` methods.
    struct Check([u8; WIDTH]);

    impl Work for Check {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self) {
            let all = |is: &dyn Fn(u8) -> bool| {
                self.0.iter().enumerate().fold(0, |mask, (n, byte)| mask | u32::from(is(*byte)) << n)
            };
            let lanes = L::new(&self.0);
            for byte in [0, b'\n', b'"', b',', 0x7f, 0x80, 0xff, self.0[3]] {
                assert_eq!(lanes.equal(byte), all(&|b| b == byte), "{byte} in {:?}", self.0);
            }
            let stops = all(&|b| b < 0x20 || b == b'"' || b == b'\\');
            assert_eq!(lanes.string_stops(), stops, "{:?}", self.0);
            assert_eq!(lanes.digits(), all(&|b| b.is_ascii_digit()), "{:?}", self.0);
            assert_eq!(lanes.not_ascii(), all(&|b| !b.is_ascii()), "{:?}", self.0);
            let mut other = self.0;
            other[7] ^= 0x80;
            other[30] ^= 1;
            assert_eq!(lanes.same(L::new(&other)), !(1 << 7 | 1 << 30));
        }
    }

    #[test]
    fn masks_are_right() {
        let mut random = fastrand::Rng::with_seed(1);
        for byte in 0..=255 {
            for level in [Level::detect(), Level::PORTABLE] {
                level.run(Check([byte; WIDTH]));
                let mut bytes = [0; WIDTH];
                bytes.fill_with(|| random.u8(..));
                bytes[random.usize(..WIDTH)] = byte;
                level.run(Check(bytes));
                bytes.fill_with(|| b"0123456789/:\"\\\x1f \n"[random.usize(..17)]);
                level.run(Check(bytes));
            }
        }
    }

    #[test]
    fn behind_the_end_stand_zeros() {
        struct Ends;
        impl Work for Ends {
            type Output = ();
            #[inline(always)]
            fn run<L: Lanes>(self) {
                let text = [b'1'; 40];
                for at in 0..=text.len() + 2 {
                    let left = text.len().saturating_sub(at) as u32;
                    assert_eq!(load::<L>(&text, at).digits(), below(left));
                    assert_eq!(load::<L>(&text, at).equal(0), !below(left));
                }
            }
        }
        Level::detect().run(Ends);
        Level::PORTABLE.run(Ends);
    }
}
