//! Where a sequencer stands between two records: what it takes to go on from there.

use super::counts::Counts;
use crate::digest::join;
use crate::parse::project::Lead;
use crate::time::Form;

/// Where all sources stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceCut {
    /// Each source, in the order given.
    pub sources: Vec<SourceCut>,
    /// The watermark; `i64::MIN` before the first event.
    pub watermark: i64,
    /// The form of the first source's times, once it may be told.
    pub form: Option<Form>,
}

/// Where one source stands. Times are in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceCut {
    /// The offset of the next record in the uncompressed stream, in bytes.
    pub offset: u64,
    /// The digest of all bytes before it.
    pub digest: u64,
    /// Where the file begins that it stands in.
    pub part: PartCut,
    /// Records before it.
    pub records: u64,
    /// Newlines before it, in that file.
    pub lines: u64,
    /// The largest event time read; before any, that of the first event, if that is known.
    pub largest: Option<i64>,
    /// The largest event time that `--max-jump` has believed.
    pub believed: Option<i64>,
    /// The form of its times, once a usable one has been seen.
    pub form: Option<Form>,
    /// Its ledger.
    pub counts: Counts,
    /// Whether it has been read to its end.
    pub over: bool,
    /// Whether it holds nobody up because it has been silent for long.
    pub idle: bool,
}

/// Where the file begins that a source stands in: the first one, unless it is followed by its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartCut {
    /// Bytes of the source before that file.
    pub start: u64,
    /// Their digest.
    pub digest: u64,
    /// Which file it is: device and inode, where that is known.
    pub file: Option<(u64, u64)>,
}

impl SourceCut {
    /// Another file begins here; `lead` stands before its first record.
    pub fn begin_part(&mut self, lead: &Lead) {
        self.part = PartCut { start: self.offset, digest: self.digest, file: lead.file };
        self.offset += lead.bytes;
        self.digest = join(self.digest, lead.digest, lead.bytes);
        self.lines = lead.lines;
    }
}
