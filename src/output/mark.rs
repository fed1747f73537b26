//! How much of an output has been produced: what a checkpoint covers, and what a resumed run starts from.

use crc_fast::{CrcAlgorithm, Digest};

use crate::checkpoint::codec;

/// How much of an output a checkpoint covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Where our bytes begin in the file; 0 for a stream.
    pub base: u64,
    /// Bytes produced so far.
    pub len: u64,
    /// [`codec::digest`] of them for a regular file. 0 for a stream: what has gone cannot be read back.
    pub digest: u64,
    /// Rows produced so far; a header is none.
    pub rows: u64,
}

/// A mark that moves on as bytes are produced.
///
/// Joining two digests takes a good part of a millisecond, so it is done when a mark is asked for only.
pub(super) struct Running {
    start: Mark,
    /// The same digest as the codec's, of the `len` bytes since `start`.
    digest: Digest,
    len: u64,
    rows: u64,
}

impl Running {
    pub fn new(start: Mark) -> Running {
        Running { start, digest: Digest::new(CrcAlgorithm::Crc64Nvme), len: 0, rows: 0 }
    }

    /// Bytes produced so far.
    pub fn len(&self) -> u64 {
        self.start.len + self.len
    }

    /// Rows produced so far.
    pub fn rows(&self) -> u64 {
        self.start.rows + self.rows
    }

    /// Moves on; the digest only where it is `digested`.
    pub fn advance(&mut self, bytes: &[u8], rows: u64, digested: bool) {
        if digested {
            self.digest.update(bytes);
        }
        self.len += bytes.len() as u64;
        self.rows += rows;
    }

    /// The mark as it is now.
    pub fn mark(&self) -> Mark {
        let digest = match self.digest.get_amount() {
            0 => self.start.digest,
            len => codec::join(self.start.digest, self.digest.finalize(), len),
        };
        Mark { base: self.start.base, len: self.len(), digest, rows: self.rows() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_the_digest_of_all_bytes() {
        let bytes: Vec<u8> = (0..3000u32).map(|n| ((n * 7) >> 2) as u8).collect();
        for cut in [0, 1, 100, 2999, 3000] {
            let (before, behind) = bytes.split_at(cut);
            let mut running = Running::new(Mark { base: 9, ..Mark::default() });
            before.chunks(77).for_each(|piece| running.advance(piece, 1, true));
            let mark = running.mark();
            assert_eq!((mark.len, mark.digest), (cut as u64, codec::digest(before)));
            // Resumed from there, it comes to the same.
            let mut running = Running::new(mark);
            behind.chunks(100).for_each(|piece| running.advance(piece, 0, true));
            let want = Mark { base: 9, len: 3000, digest: codec::digest(&bytes), rows: mark.rows };
            assert_eq!(running.mark(), want, "resumed at {cut}");
        }
    }
}
