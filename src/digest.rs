//! The digest of a stream of bytes: CRC-64/NVME.
//!
//! Those of two stretches join to that of both, so that the stretches may be looked at by whoever has them at
//! hand, in any order. It finds every change within 64 neighbouring bits, and any other but one in 2^64; it is no
//! defence against somebody who forges.

use crc_fast::{CrcAlgorithm, checksum, checksum_combine};

/// The digest of bytes; that of none is 0.
pub fn digest(bytes: &[u8]) -> u64 {
    checksum(CrcAlgorithm::Crc64Nvme, bytes)
}

/// The digest of a stretch and, behind it, another of this length in bytes.
pub fn join(first: u64, second: u64, second_len: u64) -> u64 {
    match (first, second_len) {
        (_, 0) => first,
        (0, _) => second,
        _ => checksum_combine(CrcAlgorithm::Crc64Nvme, first, second, second_len),
    }
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
        // The check value in the catalogue of parametrised CRC algorithms.
        assert_eq!(digest(b"123456789"), 0xae8b_1486_0a79_9888);
    }
}
