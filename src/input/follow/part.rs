//! One of the files that a followed stream is made of.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use super::{Beginning, Head};
use crate::digest::{digest, join};
use crate::error::Result;
use crate::input::rotated::Rotated;
use crate::input::source::Source;
use crate::input::{Chunk, Format, ReadOptions, SourceSpec};

/// A file that is being read.
pub struct Part {
    pub source: Source,
    pub file: Arc<File>,
    pub at: Rotated,
    pub head: Head,
    /// The digest of what has been given out of it, its header included.
    pub digest: u64,
    /// The last bytes that were given out.
    pub given: Vec<u8>,
    /// At so many looks it was at its end, and its successor had something.
    pub quiet: u32,
    /// Where the stream stood before, until something of it has been given out.
    pub from: Option<From>,
}

/// Where a stream stood between two parts.
pub struct From {
    /// The file that was left last.
    pub left: Option<Rotated>,
    /// Where the stream begins, if nothing of it had been read.
    pub beginning: Option<Beginning>,
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
        Ok(true)
    }

    /// The next chunk of what is there.
    pub fn next(&mut self, buffer: Vec<u8>) -> Result<Chunk> {
        let chunk = self.source.next(buffer)?;
        match &chunk {
            Chunk::Records { bytes, .. } => {
                self.digest = join(self.digest, digest(bytes), bytes.len() as u64);
                self.given = last(&self.given, bytes);
            }
            Chunk::TooLong { len, digest, .. } => {
                self.digest = join(self.digest, *digest, *len);
                self.given.clear();
            }
            Chunk::End => {}
        }
        Ok(chunk)
    }

    /// Whether the file still holds what was read last: it may have been emptied and written anew.
    pub fn is_same(&self) -> bool {
        let read = self.source.stored_position();
        let Some(rest) = self.source.plain_rest() else { return true };
        let tail = last(&self.given, rest);
        let mut now = vec![0; tail.len()];
        let at = read.checked_sub(tail.len() as u64);
        at.is_some_and(|at| self.file.read_exact_at(&mut now, at).is_ok()) && now == tail
    }
}

/// The last bytes of one text behind another.
fn last(before: &[u8], text: &[u8]) -> Vec<u8> {
    let of_text = &text[text.len().saturating_sub(TAIL_BYTES)..];
    let left = TAIL_BYTES - of_text.len();
    [&before[before.len().saturating_sub(left)..], of_text].concat()
}

/// How many bytes before the place that was read to are compared, to see that it is still the same file.
const TAIL_BYTES: usize = 64;
