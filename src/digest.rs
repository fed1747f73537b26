//! The digest of a stream of bytes: CRC-64/NVME.
//!
//! Those of two stretches join to that of both, so that the stretches may be looked at by whoever has them at
//! hand, in any order. It finds every change within 64 neighbouring bits, and any other but one in 2^64; it is no
//! defence against somebody who forges.

use crc_fast::{CrcAlgorithm, checksum};

/// The digest of bytes; that of none is 0.
pub fn digest(bytes: &[u8]) -> u64 {
    checksum(CrcAlgorithm::Crc64Nvme, bytes)
}

/// The digest of a stretch and, behind it, another of this length in bytes.
///
/// The first digest moves up by the length of the second stretch: it is multiplied by `x^(8 len)` modulo the CRC's
/// polynomial, by squaring (Mark Adler's `crc32_combine` in zlib does the same for another CRC). A microsecond or
/// two, where the general method of the CRC library takes hundreds.
pub fn join(first: u64, second: u64, second_len: u64) -> u64 {
    let mut moved = first;
    // Bit b of the length stands for x^(8 * 2^b), and 8 is 2^3.
    for (bit, power) in (0..u64::BITS).zip(&POWERS[3..]) {
        if second_len >> bit & 1 == 1 {
            moved = multiply(*power, moved);
        }
    }
    moved ^ second
}

/// The polynomial of CRC-64/NVME, the coefficient of `x^0` in the highest bit.
const POLYNOMIAL: u64 = 0x9a6c_9329_ac4b_c9b5;

/// `x^(2^n)` modulo the polynomial, for every n.
const POWERS: [u64; 67] = {
    let mut powers = [0; 67];
    powers[0] = 1 << 62;
    let mut n = 1;
    while n < powers.len() {
        powers[n] = multiply(powers[n - 1], powers[n - 1]);
        n += 1;
    }
    powers
};

/// The product of two polynomials over GF(2), modulo the polynomial.
const fn multiply(a: u64, b: u64) -> u64 {
    let (mut product, mut b, mut bit) = (0, b, 64);
    while bit > 0 {
        bit -= 1;
        if a >> bit & 1 == 1 {
            product ^= b;
        }
        b = (b >> 1) ^ (POLYNOMIAL & (b & 1).wrapping_neg());
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_join() {
        let bytes: Vec<u8> = (0..5000u32).map(|n| ((n * n) >> 3) as u8).collect();
        for cut in [0, 1, 63, 64, 1000, 4999, 5000] {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(join(digest(a), digest(b), b.len() as u64), digest(&bytes), "at {cut}");
        }
        let zeros = [0; 100];
        assert_eq!(join(digest(&zeros[..1]), digest(b"x"), 1), digest(b"\0x"));
        assert_eq!(join(digest(b""), digest(&zeros), 100), digest(&zeros));
        // Lengths beyond what can be tried, against the library's own method.
        for len in [1 << 20, (1 << 33) + 12345, u64::MAX / 8] {
            let want = crc_fast::checksum_combine(CrcAlgorithm::Crc64Nvme, 0x1234_5678_9abc_def0, 77, len);
            assert_eq!(join(0x1234_5678_9abc_def0, 77, len), want, "{len}");
        }
        // The check value in the catalogue of parametrised CRC algorithms.
        assert_eq!(digest(b"123456789"), 0xae8b_1486_0a79_9888);
    }
}
