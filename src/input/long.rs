//! Records longer than the limit: passed over without being kept.

use memchr::memchr_iter;

use super::Chunk;
use super::source::Source;
use crate::digest;
use crate::error::Result;

/// How many of its first bytes are kept for messages.
const HEAD_BYTES: usize = 200;
/// How much of it is read at a time, at most.
const READ_BYTES: usize = 256 * 1024;

impl Source {
    /// Passes over the record at the start of the rest, to its end or that of the source. The scanner
    /// must stand at its start.
    pub(super) fn pass_over(&mut self) -> Result<Chunk> {
        let offset = self.offset;
        let (mut head, mut lines, mut len, mut digest) = (Vec::new(), 0, 0, 0);
        loop {
            let bytes = &self.rest[self.rest_at..];
            let end = self.scanner.first_end(bytes);
            let passed = &bytes[..end.unwrap_or(bytes.len())];
            head.extend(passed.iter().take(HEAD_BYTES - head.len()));
            lines += memchr_iter(b'\n', passed).count() as u64;
            len += passed.len() as u64;
            if self.digests {
                digest = digest::join(digest, digest::digest(passed), passed.len() as u64);
            }
            self.rest_at += passed.len();
            if end.is_none() {
                self.rest = Vec::new();
                self.rest_at = 0;
                self.scanner.drop_scanned();
            }
            if end.is_none() && self.ended && self.hold {
                self.scanner.restart();
                return Ok(Chunk::End);
            }
            if end.is_some() || self.ended {
                self.scanner.restart();
                self.offset += len;
                return Ok(Chunk::TooLong { offset, head, lines, len, digest });
            }
            self.read_rest(READ_BYTES.min(self.chunk_bytes))?;
        }
    }
}
