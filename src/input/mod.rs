//! Sources: files, pipes and compressed streams, read in chunks that are cut at record ends.
//!
//! Nothing here knows what a record means; only where it ends.

mod content;
mod decode;
mod fault;
mod files;
pub mod follow;
mod header;
mod long;
mod lz4;
mod magic;
mod name;
pub mod pattern;
mod quotes;
mod raw;
mod room;
mod rotated;
mod scan;
mod skip;
mod source;
mod stream;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

pub use files::FileCache;
pub use name::{format_of_name, identity, identity_of_stdin};
pub use skip::Skipped;
pub use source::Source;

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
    /// Nowhere: a source that an earlier run has read, and that is not named any more.
    Absent,
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
    /// The longest record in bytes, its line end (LF or CRLF) not counted; a longer one is passed
    /// over and reported.
    pub record_bytes_max: usize,
    /// Whether the first record of a CSV source is its header.
    pub header: bool,
    /// Whether digests of what is read are wanted.
    pub digests: bool,
    /// Whether a last record without its line end is left unread, for a later run to see how it goes on.
    pub hold: bool,
    /// Whether a pipe at standard input brings only what no run before has read. What is taken from it does not come
    /// again, so nothing is left unread.
    pub stdin_is_new: bool,
}

/// What a source gives next.
#[derive(Debug)]
pub enum Chunk {
    /// Whole records (the last one of the source perhaps without its newline).
    Records {
        /// The bytes: from the start of a record to the end of a record, newlines included.
        /// At least [`SPARE_BYTES`] of spare capacity stand behind them.
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
        /// The digest of those bytes, where digests are wanted; else 0.
        digest: u64,
    },
    /// The end of the source.
    End,
}

/// The least spare capacity behind the bytes of [`Chunk::Records`], for parsers that look at a whole
/// vector's worth of bytes at a time.
pub const SPARE_BYTES: usize = 64;
