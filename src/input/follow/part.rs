//! One of the files that a followed stream is made of.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::Head;
use crate::digest::{digest, join};
use crate::error::Result;
use crate::input::rotated::Rotated;
use crate::input::source::Source;
use crate::input::{Chunk, Format, ReadOptions, SourceSpec};

/// A file that is being read.
pub struct Part {
    pub source: Source,
    pub file: File,
    pub at: Rotated,
    pub head: Head,
    /// Whether its header has been read.
    pub begun: bool,
    /// The digest of what has been given out of it, its header included.
    pub digest: u64,
    /// What stands before the place that was read to.
    pub tail: Vec<u8>,
    /// Whether it was at its end at the last look, when its successor had something.
    pub quiet: bool,
}

impl Part {
    /// Reads the header, where there is to be one; whether the records can be read now.
    pub fn read_header(&mut self, spec: &SourceSpec, options: &ReadOptions, start: u64) -> Result<bool> {
        if self.file.metadata().is_ok_and(|status| status.size() == 0) {
            return Ok(false);
        }
        if let (Format::Csv { .. }, true) = (spec.format, options.header) {
            let Some(header) = self.source.header()? else { return Ok(false) };
            self.head.header = Some(header);
        } else {
            self.source.recognise_start()?;
        }
        (self.head.bytes, self.head.digest) = (self.source.offset(), self.source.lead());
        self.digest = self.head.digest;
        self.source.shift(start);
        self.begun = true;
        Ok(true)
    }

    /// The next chunk of what is there.
    pub fn next(&mut self, buffer: Vec<u8>) -> Result<Chunk> {
        let chunk = self.source.next(buffer)?;
        match &chunk {
            Chunk::Records { bytes, .. } => {
                self.digest = join(self.digest, digest(bytes), bytes.len() as u64)
            }
            Chunk::TooLong { len, digest, .. } => self.digest = join(self.digest, *digest, *len),
            Chunk::End => {}
        }
        Ok(chunk)
    }

    /// Notes what stands before the place that was read to.
    pub fn note_tail(&mut self, read: u64) {
        let len = (read as usize).min(TAIL_BYTES);
        let mut tail = vec![0; len];
        let found = self.file.read_exact_at(&mut tail, read - len as u64);
        self.tail = if found.is_ok() { tail } else { Vec::new() };
    }

    /// Whether that is still there.
    pub fn has_same_tail(&self, read: u64) -> bool {
        let len = self.tail.len();
        let mut now = vec![0; len];
        // It was noted at this place, if at all.
        len == 0 || self.file.read_exact_at(&mut now, read - len as u64).is_ok() && now == self.tail
    }
}

/// How many bytes before the place that was read to are compared, to see that it is still the same file.
const TAIL_BYTES: usize = 64;
