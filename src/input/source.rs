//! A source: chunk after chunk of whole records.
//!
//! A call keeps nothing but the unfinished tail of its chunk, so that thousands of sources can be open.

use std::fs::File;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::content::{Content, FIRST_BYTES};
use super::fault::Fault;
use super::files::FileCache;
use super::raw::{Got, Raw};
use super::room::Room;
use super::scan::Scanner;
use super::{Chunk, Format, Origin, ReadOptions, SourceSpec};
use crate::digest::digest;
use crate::error::{Error, Result};

/// A UTF-8 byte order mark.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// An open source.
pub struct Source {
    name: String,
    pub(super) format: Format,
    pub(super) chunk_bytes: usize,
    pub(super) record_bytes_max: usize,
    pub(super) digests: bool,
    pub(super) hold: bool,
    pub(super) content: Content,
    /// Whether the first bytes have been looked at.
    started: bool,
    progress: Arc<AtomicU64>,
    stored_size: Option<u64>,
    may_wait: bool,
    /// Finds record ends in `rest[rest_at..]` and what is read behind it.
    pub(super) scanner: Scanner,
    /// Bytes that have been read but not given out; those before `rest_at` are done with.
    pub(super) rest: Vec<u8>,
    pub(super) rest_at: usize,
    /// The offset of `rest[rest_at]` in the uncompressed stream.
    pub(super) offset: u64,
    /// The digest of what came before the first chunk: a byte order mark, a header, or all that was skipped.
    pub(super) lead: u64,
    /// Whether the record at `rest[rest_at]` is known to be too long.
    long_next: bool,
    /// Whether the end has been read.
    pub(super) ended: bool,
    /// Why nothing more can be read.
    failed: Option<String>,
}

impl Source {
    /// Opens a source. Reads nothing yet, and waits for nobody: compression is recognised by the first
    /// bytes when they are needed.
    pub fn open(spec: &SourceSpec, options: &ReadOptions) -> Result<Source> {
        Source::open_with(spec, options, &FileCache::shared())
    }

    /// The same, with a cache of open files of one's own.
    pub fn open_with(spec: &SourceSpec, options: &ReadOptions, cache: &Arc<FileCache>) -> Result<Source> {
        let raw = Raw::open(&spec.origin, cache)
            .map_err(|fault| Error::Input { source: spec.name.clone(), reason: fault.to_string() })?;
        Ok(Source::new(spec, options, raw))
    }

    /// A source of a file that may grow: at its end there may be more later, see [`Source::go_on`].
    pub(super) fn of_growing(spec: &SourceSpec, options: &ReadOptions, file: Arc<File>) -> Source {
        Source::new(spec, options, Raw::growing(file))
    }

    pub(super) fn new(spec: &SourceSpec, options: &ReadOptions, raw: Raw) -> Source {
        Source {
            name: spec.name.clone(),
            format: spec.format,
            chunk_bytes: options.chunk_bytes.max(1),
            record_bytes_max: options.record_bytes_max,
            digests: options.digests,
            hold: options.hold
                && !(options.stdin_is_new && raw.may_wait() && matches!(spec.origin, Origin::Stdin)),
            progress: raw.progress(),
            stored_size: raw.size(),
            may_wait: raw.may_wait(),
            content: Content::new(raw),
            started: false,
            scanner: Scanner::new(spec.format, options.record_bytes_max),
            rest: Vec::new(),
            rest_at: 0,
            offset: 0,
            lead: 0,
            long_next: false,
            ended: false,
            failed: None,
        }
    }

    /// Reads the next chunk into `buffer` (reused; its old content is dropped, but best left in: bytes
    /// within its length need not be cleared). Blocks until at least one record is complete; never
    /// waits for more once one is.
    ///
    /// What was complete before a fault is given out first, an unterminated record is not. After an
    /// error the source gives nothing more but that error.
    pub fn next(&mut self, buffer: Vec<u8>) -> Result<Chunk> {
        self.start()?;
        if !self.long_next && !self.scanner.scan(&self.rest[self.rest_at..]) {
            self.long_next = true;
            let complete = self.scanner.complete();
            self.scanner.restart();
            if complete > 0 {
                let records = &self.rest[self.rest_at..self.rest_at + complete];
                let bytes = Room::new(buffer, records, self.chunk_bytes).into_bytes(complete);
                self.rest_at += complete;
                return Ok(self.records(bytes));
            }
        }
        if mem::take(&mut self.long_next) {
            return self.pass_over();
        }
        self.read_records(buffer)
    }

    /// Reads on behind the rest, in which no record is too long.
    fn read_records(&mut self, buffer: Vec<u8>) -> Result<Chunk> {
        let rest = mem::take(&mut self.rest);
        let mut room = Room::new(buffer, &rest[mem::take(&mut self.rest_at)..], self.chunk_bytes);
        drop(rest);
        let fits = self.fill(&mut room);
        let complete = self.scanner.complete();
        let (all, tail) = (room.filled().len(), &room.filled()[complete..]);
        if !fits || self.ended && self.scanner.is_too_long(tail) {
            self.scanner.restart();
            if complete == 0 {
                self.rest = room.into_bytes(all);
                return self.pass_over();
            }
            self.long_next = true;
            self.rest = tail.to_vec();
        } else if self.ended && self.hold {
            self.scanner.restart();
            self.rest = tail.to_vec();
            if complete == 0 {
                return Ok(Chunk::End);
            }
        } else if self.ended {
            // A last record without its newline is one too.
            self.scanner.restart();
            return Ok(if all == 0 { Chunk::End } else { self.records(room.into_bytes(all)) });
        } else if self.failed.is_some() {
            // Nobody knows how the tail would have gone on: it is no record.
            self.scanner.restart();
            if complete == 0 {
                self.check()?;
            }
        } else {
            self.rest = tail.to_vec();
            self.scanner.cut();
        }
        Ok(self.records(room.into_bytes(complete)))
    }

    /// Reads until a chunk is full, or nothing more is there and a record complete, or the source ends
    /// or fails. `false` when a record is too long.
    fn fill(&mut self, room: &mut Room) -> bool {
        while !self.ended && self.failed.is_none() {
            let complete = self.scanner.complete() > 0;
            if complete && room.filled().len() >= self.chunk_bytes {
                break;
            }
            let space = room.space(self.content.left());
            match self.content.read(space, !complete) {
                Ok(Got::Bytes(n)) => {
                    room.add(n);
                    if !self.scanner.scan(room.filled()) {
                        return false;
                    }
                }
                Ok(Got::Nothing) => break,
                Ok(Got::End) => self.ended = true,
                Err(fault) => self.failed = Some(fault.to_string()),
            }
        }
        true
    }

    /// A chunk of the bytes that come next.
    fn records(&mut self, bytes: Vec<u8>) -> Chunk {
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        Chunk::Records { bytes, offset }
    }

    /// Before the first bytes are needed: recognises compression and passes over a byte order mark.
    pub(super) fn start(&mut self) -> Result<()> {
        self.check()?;
        if !mem::replace(&mut self.started, true) {
            self.recognise().or_else(|fault| self.fail(&fault))?;
        }
        Ok(())
    }

    /// Looks at the first bytes, if that has not been done: compression, a byte order mark.
    pub(super) fn recognise_start(&mut self) -> Result<()> {
        self.start()
    }

    /// There is more behind the end of a file that grows.
    pub(super) fn go_on(&mut self) {
        self.ended = false;
        self.content.go_on();
    }

    /// What has been read and not given out; `None` of a compressed source, where that says nothing of the file.
    pub(super) fn plain_rest(&self) -> Option<&[u8]> {
        (!self.content.is_packed()).then(|| &self.rest[self.rest_at..])
    }

    /// Nothing more comes: a last record without its line end is one too.
    pub(super) fn release(&mut self) {
        self.hold = false;
    }

    /// Counts offsets behind so many bytes that others brought.
    pub(super) fn shift(&mut self, start: u64) {
        self.offset += start;
    }

    fn recognise(&mut self) -> std::result::Result<(), Fault> {
        self.content.recognise()?;
        while self.rest.len() < BOM.len() && BOM.starts_with(&self.rest) && !self.ended {
            self.try_read_rest(FIRST_BYTES)?;
        }
        if self.rest.starts_with(BOM) {
            self.rest_at = BOM.len();
            self.offset = BOM.len() as u64;
            self.lead = digest(BOM);
        }
        Ok(())
    }

    /// Reads up to `bytes_max` more behind the rest, and blocks until there are any; at the end, notes it.
    pub(super) fn read_rest(&mut self, bytes_max: usize) -> Result<()> {
        self.try_read_rest(bytes_max).or_else(|fault| self.fail(&fault))
    }

    fn try_read_rest(&mut self, bytes_max: usize) -> std::result::Result<(), Fault> {
        let len = self.rest.len();
        self.rest.resize(len + bytes_max, 0);
        let got = self.content.read(&mut self.rest[len..], true);
        self.rest.truncate(len + if let Ok(Got::Bytes(n)) = got { n } else { 0 });
        self.ended = got? == Got::End;
        Ok(())
    }

    /// Ends the source with an error.
    pub(super) fn fail(&mut self, reason: &dyn std::fmt::Display) -> Result<()> {
        self.failed = Some(reason.to_string());
        self.check()
    }

    /// The error that ended the source, if one did.
    fn check(&self) -> Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(reason) => Err(Error::Input { source: self.name.clone(), reason: reason.clone() }),
        }
    }

    /// The offset in the uncompressed stream of what comes next: behind the header once that is read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The digest of all that stands before the first chunk, up to [`Source::offset`] as it is then.
    pub fn lead(&self) -> u64 {
        self.lead
    }

    /// The size of the input as stored, in bytes, where it is known (regular files), for progress.
    pub fn stored_size(&self) -> Option<u64> {
        self.stored_size
    }

    /// How much of it has been read, as stored, in bytes.
    pub fn stored_position(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// The same, for another thread to look at while this one reads.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// Whether a read may wait for somebody else (pipes, terminals, FIFOs, devices).
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }
}
