//! Vectors in plain arithmetic, eight bytes a word.

use super::{Lanes, WIDTH};
use crate::number;

/// Four words of eight bytes, the first byte lowest.
#[derive(Clone, Copy)]
pub(super) struct Portable([u64; 4]);

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
    fn letters(self) -> u32 {
        let [first, last] = [b'a', b'z'].map(|byte| ONES * u64::from(byte));
        self.gather(|word| no_less(word, first) & no_less(last, word))
    }

    #[inline(always)]
    fn not_ascii(self) -> u32 {
        self.gather(|word| word)
    }

    #[inline(always)]
    fn unusual(self, bytes: [u8; 2]) -> u32 {
        let [first, second] = bytes.map(|byte| ONES * u64::from(byte));
        self.gather(|word| word | zeros(word ^ first) | zeros(word ^ second))
    }

    #[inline(always)]
    fn alike(bytes: &[u8; 16], others: &[u8; 16], mask: &[u8; 16]) -> bool {
        let [bytes, others, mask] = [bytes, others, mask].map(|bytes| u128::from_le_bytes(*bytes));
        (bytes ^ others) & mask == 0
    }

    #[inline(always)]
    fn whole(window: &[u8; 16], len: usize) -> Option<u64> {
        number::whole_in(window, len)
    }

    #[inline(always)]
    fn decimal(window: &[u8; 16], len: usize) -> Option<(u64, u8)> {
        number::decimal_in(window, len)
    }
}
