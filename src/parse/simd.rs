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
    /// Whether every byte is at least that of `low` and at most that of `high`, which is no less, and none is a quote
    /// or a backslash where all bits of `texts` are set; elsewhere none of them is.
    fn fits(self, low: Self, high: Self, texts: Self) -> bool;
    /// The upper bit of each byte is set where it is in either; the others mean nothing.
    fn either_high(self, other: Self) -> Self;
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
    if at < text.len().saturating_sub(WIDTH - 1) {
        // SAFETY: at + WIDTH is at most the length of the text.
        return L::new(unsafe { &*text.as_ptr().add(at).cast() });
    }
    L::new(&tail(text, at))
}

/// The bytes from `at` on as two vectors; see [`load`].
#[inline(always)]
pub fn load_two<L: Lanes>(text: &[u8], at: usize) -> (L, L) {
    if at < text.len().saturating_sub(2 * WIDTH - 1) {
        // SAFETY: at + 2 * WIDTH is at most the length of the text.
        let halves: &[[u8; WIDTH]; 2] = unsafe { &*text.as_ptr().add(at).cast() };
        return (L::new(&halves[0]), L::new(&halves[1]));
    }
    (load(text, at), load(text, at + WIDTH))
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

/// The upper bit of each byte of `a` that is not less than that of `b`.
#[inline(always)]
fn no_less(a: u64, b: u64) -> u64 {
    // Of the lower seven bits, without a borrow from byte to byte; where the upper bits differ, they decide.
    let lower = (a | HIGH) - (b & !HIGH);
    (a & !b) | (!(a ^ b) & lower)
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
    fn fits(self, low: Portable, high: Portable, texts: Portable) -> bool {
        let words = self.0.into_iter().zip(low.0).zip(high.0).zip(texts.0);
        words.fold(HIGH, |fit, (((word, low), high), texts)| {
            let ends = zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
            fit & no_less(word, low) & no_less(high, word) & !(ends & texts)
        }) == HIGH
    }

    #[inline(always)]
    fn either_high(self, other: Portable) -> Portable {
        let [a, b, c, d] = self.0;
        let [e, f, g, h] = other.0;
        Portable([a | e, b | f, c | g, d | h])
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
        fn either_high(self, other: Avx2) -> Avx2 {
            // SAFETY: AVX2 is there, see `Avx2`.
            Avx2(unsafe { _mm256_or_si256(self.0, other.0) })
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
            other.rotate_left(7);
            assert_eq!(
                lanes.either_high(L::new(&other)).not_ascii(),
                lanes.not_ascii() | lanes.not_ascii().rotate_right(7)
            );
            // Bounds around some of the bytes, at places that are texts or not.
            let (mut low, mut high) = (self.0, self.0);
            low.iter_mut().for_each(|byte| *byte = byte.saturating_sub(9));
            high.iter_mut().for_each(|byte| *byte = byte.saturating_add(9));
            for at in [4, 9, 21, 30] {
                low[at] = other[at].min(self.0[WIDTH - at]);
                high[at] = other[at].max(self.0[WIDTH - at]);
            }
            let texts = other.map(|byte| if byte & 1 == 1 { u8::MAX } else { 0 });
            let is_end = |at: usize| texts[at] != 0 && [b'"', b'\\'].contains(&self.0[at]);
            let fits = (0..WIDTH).all(|at| low[at] <= self.0[at] && self.0[at] <= high[at] && !is_end(at));
            assert_eq!(lanes.fits(L::new(&low), L::new(&high), L::new(&texts)), fits);
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
