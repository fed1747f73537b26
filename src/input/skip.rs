//! Passing over what an earlier run has read, with its digest, to go on behind it.

use std::time::Duration;

use super::raw::Got;
use super::source::Source;
use crate::digest;
use crate::error::Result;

/// How much is read at a time.
const READ_BYTES: usize = 256 * 1024;

/// What became of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// The source stands there; this is the digest of what lies before.
    To(u64),
    /// It ends before, after this many bytes.
    Short(u64),
}

impl Source {
    /// Passes over the first `to` bytes of the uncompressed stream, before anything else is read. What follows
    /// must be the start of a record.
    pub fn skip(&mut self, to: u64) -> Result<Skipped> {
        self.start()?;
        let (mut passed, mut digest) = (self.offset, self.lead);
        let mut buffer = vec![0; READ_BYTES];
        while passed < to {
            let left = usize::try_from(to - passed).unwrap_or(usize::MAX);
            let rest = &self.rest[self.rest_at..];
            let read = match rest.len().min(left) {
                0 => match self.content.read(&mut buffer[..left.min(READ_BYTES)], true) {
                    Ok(Got::Bytes(n)) => n,
                    Ok(_) => return Ok(Skipped::Short(passed)),
                    Err(fault) => return self.fail(&fault).map(|()| Skipped::Short(passed)),
                },
                n => {
                    let n = n.min(READ_BYTES);
                    buffer[..n].copy_from_slice(&rest[..n]);
                    self.rest_at += n;
                    n
                }
            };
            digest = digest::join(digest, digest::digest(&buffer[..read]), read as u64);
            passed += read as u64;
        }
        (self.offset, self.lead) = (passed, digest);
        Ok(Skipped::To(digest))
    }

    /// Counts offsets from `at` on: what this source brings stands behind bytes that another one brought.
    pub fn go_on_at(&mut self, at: u64) -> Result<()> {
        self.start()?;
        self.offset = at;
        Ok(())
    }

    /// Whether there is something to read, now or after a time: a record that has begun, bytes, or the end.
    pub fn is_ready(&mut self, patience: Duration) -> Result<bool> {
        if self.has_begun_a_record() || self.ended {
            return Ok(true);
        }
        self.content.is_ready(patience).or_else(|fault| self.fail(&fault).map(|()| true))
    }

    /// Whether more bytes are there than have been read, or the end, now or after a time.
    pub fn has_more(&mut self, patience: Duration) -> Result<bool> {
        if self.ended {
            return Ok(true);
        }
        self.content.is_ready(patience).or_else(|fault| self.fail(&fault).map(|()| true))
    }

    /// Reads what is there, if no whole line has been read and not given out. Returns whether one has now, or more of
    /// one than is looked for, or the end.
    pub fn reads_a_line(&mut self, patience: Duration) -> Result<bool> {
        let has_one = |source: &Source| {
            let rest = &source.rest[source.rest_at..];
            source.ended || rest.len() >= source.chunk_bytes || memchr::memchr(b'\n', rest).is_some()
        };
        if has_one(self) || !self.has_more(patience)? {
            return Ok(has_one(self));
        }
        // That may take all that is there.
        self.start()?;
        if !has_one(self) && self.has_more(Duration::ZERO)? {
            self.read_rest(READ_BYTES.min(self.chunk_bytes))?;
        }
        Ok(has_one(self))
    }

    /// Whether a part of a record has been read and not given out.
    pub fn has_begun_a_record(&self) -> bool {
        self.rest_at < self.rest.len()
    }

    /// How many bytes of that part there are.
    pub fn begun_bytes(&self) -> u64 {
        (self.rest.len() - self.rest_at) as u64
    }

    /// The size in bytes of a regular file that is not compressed.
    pub fn plain_size(&mut self) -> Result<Option<u64>> {
        self.start()?;
        let given = self.offset + (self.rest.len() - self.rest_at) as u64;
        Ok(self.content.left().map(|left| given + left))
    }

    /// Whether nothing follows; waits until that is known.
    pub fn is_at_end(&mut self) -> Result<bool> {
        if self.rest_at == self.rest.len() && !self.ended {
            self.read_rest(READ_BYTES.min(self.chunk_bytes))?;
        }
        Ok(self.rest_at == self.rest.len() && self.ended)
    }
}
