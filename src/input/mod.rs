//! Sources: files, pipes and compressed streams, read in chunks that are cut at record ends.
//!
//! Nothing here knows what a record means; only where it ends.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Result;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180 with this delimiter (a comma, a tab, or what `--delimiter` says).
    Csv {
        /// The field delimiter, one byte.
        delimiter: u8,
    },
}

/// Where a source's bytes come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Standard input.
    Stdin,
    /// A path: a regular file, a FIFO, a device.
    Path(PathBuf),
    /// Bytes in memory, for tests.
    Memory(Arc<[u8]>),
}

/// One input of a job.
#[derive(Debug, Clone)]
pub struct SourceSpec {
    /// The name in messages and files: the path as given, or `(standard input)`.
    pub name: String,
    /// Where its bytes come from.
    pub origin: Origin,
    /// How its records are written.
    pub format: Format,
}

/// How sources are read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The usual size of a chunk in bytes; a longer record makes a longer chunk.
    pub chunk_bytes: usize,
    /// The longest record in bytes; a longer one is passed over and reported.
    pub record_bytes_max: usize,
    /// Whether the first record of a CSV source is its header.
    pub header: bool,
}

/// What a source gives next.
#[derive(Debug)]
pub enum Chunk {
    /// Whole records (the last one of the source perhaps without its newline).
    Records {
        /// The bytes: from the start of a record to the end of a record, newlines included.
        bytes: Vec<u8>,
        /// The offset of `bytes[0]` in the uncompressed stream.
        offset: u64,
    },
    /// A record longer than the limit, which was passed over.
    TooLong {
        /// Its offset in the uncompressed stream.
        offset: u64,
        /// Its first bytes, for messages.
        head: Vec<u8>,
        /// How many newlines it holds, its own end included.
        lines: u64,
        /// Its length in bytes, its end included.
        len: u64,
    },
    /// The end of the source.
    End,
}

/// An open source.
pub struct Source {}

impl Source {
    /// Opens a source and recognises compression. Reads nothing else yet.
    pub fn open(_spec: &SourceSpec, _options: &ReadOptions) -> Result<Source> {
        todo!()
    }
    /// The header of a CSV source: its names, and how many lines it took. Read once, before the first chunk.
    /// `None` for an empty source.
    pub fn header(&mut self) -> Result<Option<(Vec<String>, u64)>> {
        todo!()
    }
    /// Reads the next chunk into `buffer` (reused; its old content is dropped). Blocks until at least
    /// one record is complete; never waits for more once one is.
    /// After an error the source gives nothing more.
    pub fn next(&mut self, _buffer: Vec<u8>) -> Result<Chunk> {
        todo!()
    }
    /// The size of the input as stored, in bytes, where it is known (regular files), for progress.
    pub fn stored_size(&self) -> Option<u64> {
        todo!()
    }
    /// How much of it has been read, as stored.
    pub fn stored_position(&self) -> u64 {
        todo!()
    }
    /// Whether a read may wait for somebody else (pipes, terminals, FIFOs, devices).
    pub fn may_wait(&self) -> bool {
        todo!()
    }
}
