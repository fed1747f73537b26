//! A file that is followed by its name, like `tail -F`: as one stream, whatever stands under the name.
//!
//! The stream is made of *parts*: the files that have stood under the name, one behind the other. When another file
//! takes over the name (rotation by rename), the one before is read to its end first; when the file is emptied (copy and
//! truncate), the copy is. A part is left when its successor has something and it has not grown between two looks.
//!
//! Nothing here waits, and nothing here knows a clock: whoever reads looks again.

mod part;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use super::rotated::{Rotated, rotated};
use super::skip::Skipped;
use super::source::Source;
use super::{Chunk, Format, ReadOptions, SourceSpec};
use crate::digest::join;
use crate::error::{Error, Escaped, Result};
use part::Part;

/// Where a stream was read to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Bytes of the stream, all parts before counted.
    pub offset: u64,
    /// Their digest.
    pub digest: u64,
    /// Bytes before the part that was being read.
    pub start: u64,
    /// Their digest.
    pub start_digest: u64,
    /// Which file that was: device and inode, where it is known.
    pub identity: Option<(u64, u64)>,
}

/// When and where a stream begins of which nothing has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beginning {
    /// Which file had the name then: device and inode.
    pub identity: Option<(u64, u64)>,
    /// When that was, in microseconds since the Unix epoch.
    pub at: i64,
}

/// A followed file.
pub struct Follow {
    spec: SourceSpec,
    path: PathBuf,
    /// The names of other streams.
    others: Vec<PathBuf>,
    options: ReadOptions,
    current: Option<Part>,
    /// Where the stream begins, until its first file is opened.
    beginning: Option<Beginning>,
    /// How many parts have been begun.
    parts: u64,
    /// Bytes of the stream before the current part, or the next one.
    start: u64,
    /// The file that was left last.
    left: Option<Rotated>,
    /// The same, open, and up to where it was read.
    behind: Option<(Arc<File>, u64)>,
    /// Where the stream stood before the part that has the name was begun, until that is known to be the next one.
    unchecked: Option<(Option<Rotated>, Option<Beginning>)>,
    /// At so many looks a file beside could not be read.
    doubtful: u32,
    /// Length and digest of the parts that were read to their end, the last ones.
    done: VecDeque<(u64, u64)>,
    /// How the files begin that had been rotated away before the stream began.
    earlier: Vec<(u64, u64)>,
    /// Files that look later and are not.
    passed: Vec<Rotated>,
    notes: Vec<String>,
}

/// What a part begins with.
pub struct Head {
    /// Its number: 0, 1, 2, ... within this run.
    pub number: u64,
    /// The names in its header, and how many lines that has.
    pub header: Option<(Vec<String>, u64)>,
    /// Which file it is: device and inode.
    pub file: (u64, u64),
    /// Bytes before its first chunk.
    pub bytes: u64,
    /// Their digest.
    pub digest: u64,
    /// Whether an earlier run had begun it.
    pub resumed: bool,
}

/// What is to be done at the end of a part.
enum Look {
    /// It has grown.
    Grown,
    /// It may grow.
    Wait,
    /// Nothing more comes of it.
    Leave,
    /// It was emptied.
    Emptied,
}

/// A file is left when it was at its end at so many looks, while its successor had something.
const QUIET_LOOKS: u32 = 40;
/// What cannot be read at so many looks is not waited for.
const DOUBTFUL_LOOKS: u32 = 200;
/// How many parts are remembered as done: more than rotation mostly keeps.
const DONE_MAX: usize = 16;
/// How many first bytes of an earlier file are compared: logs differ within their first lines.
const BEGINNING_BYTES: u64 = 4096;
impl Follow {
    /// Follows the file that has this name now, from its start, whatever it is called by the time it is read.
    pub fn new(spec: &SourceSpec, path: &Path, options: &ReadOptions) -> Follow {
        // What has no line end yet may go on.
        let options = ReadOptions { hold: true, digests: true, ..options.clone() };
        Follow {
            spec: spec.clone(),
            path: path.to_owned(),
            others: Vec::new(),
            options,
            current: None,
            beginning: Some(Beginning { identity: named(path).map(|named| named.identity), at: now() }),
            parts: 0,
            start: 0,
            left: None,
            behind: None,
            unchecked: None,
            doubtful: 0,
            done: VecDeque::new(),
            earlier: Vec::new(),
            passed: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// These files are streams of their own, whatever their names look like.
    pub fn beside(self, others: &[PathBuf]) -> Follow {
        Follow { others: others.to_vec(), ..self }
    }

    /// Begins where an earlier run would have begun, had it come to read anything.
    pub fn begin(spec: &SourceSpec, path: &Path, options: &ReadOptions, beginning: Beginning) -> Follow {
        Follow { beginning: Some(beginning), ..Follow::new(spec, path, options) }
    }

    /// Goes on where an earlier run stood, in whatever file has that place now.
    ///
    /// # Errors
    /// [`Error::Usage`] if no file has what was read last.
    pub fn resume(
        spec: &SourceSpec,
        path: &Path,
        others: &[PathBuf],
        options: &ReadOptions,
        place: Place,
    ) -> Result<Follow> {
        let mut follow = Follow::new(spec, path, options).beside(others);
        (follow.start, follow.beginning) = (place.start, None);
        // Files may begin alike: the one that it was comes first, then the oldest.
        let rotated = rotated(path, &follow.others);
        let mut candidates: Vec<(usize, Rotated)> =
            rotated.iter().cloned().chain(named(path)).enumerate().collect();
        candidates.sort_by_key(|(_, candidate)| Some(candidate.identity) != place.identity);
        for (n, candidate) in candidates {
            if let Ok(Some(part)) = follow.stands_in(&candidate, place) {
                follow.note_earlier(&rotated[..n]);
                follow.current = Some(part);
                follow.parts = 1;
                return Ok(follow);
            }
        }
        Err(Error::usage(format!(
            "{}: neither this file nor one that was rotated away from it has the {} bytes that were read last; put the \
             file back that has them, or start anew with --replay",
            Escaped(&spec.name),
            place.offset - place.start
        )))
    }

    /// Goes on behind a place whose file is gone, with whatever has been there since some time in microseconds since the
    /// Unix epoch.
    pub fn behind(spec: &SourceSpec, path: &Path, options: &ReadOptions, place: Place, since: i64) -> Follow {
        let beginning = Beginning { identity: None, at: since };
        Follow { start: place.offset, parts: 1, ..Follow::begin(spec, path, options, beginning) }
    }

    /// A file opened at a place, if it has what was read before it.
    fn stands_in(&self, candidate: &Rotated, place: Place) -> Result<Option<Part>> {
        let mut part = self.open(candidate, true)?;
        if let (Format::Csv { .. }, true) = (self.spec.format, self.options.header) {
            // Its columns are those of its header; what stands behind is passed over from the start.
            let mut other = self.open(candidate, true)?;
            part.head.header = other.source.header()?.map(|(names, _)| (names, 0));
        }
        let len = place.offset - place.start;
        match part.source.skip(len)? {
            Skipped::To(found) if join(place.start_digest, found, len) == place.digest => {
                part.digest = found;
                part.source.shift(self.start);
                Ok(Some(part))
            }
            Skipped::To(_) | Skipped::Short(_) => Ok(None),
        }
    }

    fn open(&self, at: &Rotated, resumed: bool) -> Result<Part> {
        let failed = |cause: io::Error| Error::Input {
            source: self.spec.name.clone(),
            reason: crate::error::words(&cause),
        };
        let file = Arc::new(open_file(&at.path).map_err(failed)?);
        let status = file.metadata().map_err(failed)?;
        if (status.dev(), status.ino()) != at.identity {
            // Another file has got the name since it was looked at.
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        let source = Source::of_growing(&self.spec, &self.options, Arc::clone(&file));
        let head = Head { number: self.parts, header: None, file: at.identity, bytes: 0, digest: 0, resumed };
        Ok(Part { source, file, at: at.clone(), head, digest: 0, given: Vec::new(), quiet: 0 })
    }

    /// The next chunk; `None` if there is nothing for now.
    pub fn next(&mut self, mut buffer: Vec<u8>) -> Result<Option<Chunk>> {
        loop {
            if self.current.is_none() && !self.begin_part()? {
                return Ok(None);
            }
            let Some(part) = &mut self.current else { continue };
            if !part.is_same() {
                if self.find_copy() {
                    continue;
                }
                return Ok(None);
            }
            match part.next(buffer)? {
                Chunk::End => buffer = Vec::new(),
                chunk if !self.has_missed_a_file() => return Ok(Some(chunk)),
                _ => {
                    (self.current, self.parts, buffer) = (None, self.parts - 1, Vec::new());
                    continue;
                }
            }
            match self.look()? {
                Look::Grown => {}
                Look::Wait => return Ok(None),
                Look::Emptied if self.find_copy() => {}
                Look::Emptied => return Ok(None),
                Look::Leave => {
                    if let Some(chunk) = self.last_record()? {
                        return Ok(Some(chunk));
                    }
                }
            }
        }
    }

    /// Whether another file had the name between the part that was left and the one whose first chunk has just been
    /// read. Asked behind that chunk, since rotation may go on between a look at the directory and the opening of a file.
    fn has_missed_a_file(&mut self) -> bool {
        let Some((left, beginning)) = self.unchecked.take() else { return false };
        let identity = self.current.as_ref().map(|part| part.at.identity);
        let earlier = self.behind_of(left.as_ref(), beginning).into_iter().find_map(|candidate| {
            // What comes behind the current part comes later.
            if Some(candidate.identity) == identity {
                return Some(false);
            }
            if candidate.size == 0 || self.passed.contains(&candidate) {
                return None;
            }
            match self.known(&candidate) {
                Ok(Known::Current) => Some(false),
                Ok(Known::Done) => None,
                // What cannot be told now is told when it is asked for again.
                Ok(Known::New) | Err(_) => Some(true),
            }
        });
        let missed = earlier == Some(true);
        if missed {
            (self.left, self.beginning) = (left, beginning);
        }
        missed
    }

    /// What is left at the end of all: a last record without its line end, and what has begun since;
    /// [`Chunk::End`] if there is nothing.
    pub fn finish(&mut self) -> Result<Chunk> {
        loop {
            if let Some(chunk) = self.last_record()? {
                return Ok(chunk);
            }
            if !self.begin_part()? {
                return Ok(Chunk::End);
            }
            if let Some(chunk) = self.next(Vec::new())? {
                return Ok(chunk);
            }
        }
    }

    /// Where it begins, until something of it is read.
    pub fn begins(&self) -> Option<Beginning> {
        self.beginning
    }

    /// What the part of the chunk that came last begins with.
    pub fn head(&self) -> Option<&Head> {
        self.current.as_ref().map(|part| &part.head)
    }

    /// How much of the current file has been read, as stored, in bytes.
    pub fn stored_position(&self) -> u64 {
        self.current.as_ref().map_or(0, |part| part.source.stored_position())
    }

    /// What the user should know, once.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// The last record of a part that has no line end; the part is left when there is none.
    fn last_record(&mut self) -> Result<Option<Chunk>> {
        let Some(part) = &mut self.current else { return Ok(None) };
        part.source.release();
        match part.next(Vec::new())? {
            Chunk::End => {}
            chunk => return Ok(Some(chunk)),
        }
        let Some(part) = self.current.take() else { return Ok(None) };
        let status = part.file.metadata().ok();
        let written = status.map_or(part.at.written, |status| (status.mtime(), status.mtime_nsec()));
        self.note_done(part.source.offset(), part.digest);
        self.left = Some(Rotated { written, ..part.at });
        self.behind = Some((part.file, part.source.stored_position()));
        Ok(None)
    }

    /// Says so when something has been added to the file that was left.
    fn look_behind(&mut self) {
        let Some((file, read)) = &mut self.behind else { return };
        let size = file.metadata().map_or(0, |status| status.size());
        if size > *read {
            self.notes.push(format!(
                "{}: {} bytes were added to the file that was rotated away after the next one had begun; they do not count",
                Escaped(&self.spec.name),
                size - *read
            ));
            // It stays open: as long as it does, no other file can have its inode.
            *read = u64::MAX;
        }
    }

    /// Whether a part has grown, may grow, or is finished. It stands at its end.
    fn look(&mut self) -> Result<Look> {
        self.look_behind();
        let Some(part) = &mut self.current else { return Ok(Look::Wait) };
        let Ok(status) = part.file.metadata() else { return Ok(Look::Leave) };
        let read = part.source.stored_position();
        if status.size() < read || !part.is_same() {
            return Ok(Look::Emptied);
        }
        if status.size() > read {
            part.quiet = 0;
            part.source.go_on();
            return Ok(Look::Grown);
        }
        let named = named(&self.path);
        if named.as_ref().is_some_and(|named| named.identity == part.at.identity) {
            return Ok(Look::Wait);
        }
        let stands = Rotated::of(part.at.path.clone(), &status);
        let behind = self.behind_of(Some(&stands), None);
        let unread = self.unread(behind).unwrap_or_default();
        let later = unread.iter().chain(&named).filter(|other| other.size > 0).take(2).count();
        let Some(part) = &mut self.current else { return Ok(Look::Wait) };
        // Whoever writes may not have changed over to the next file yet, unless that is finished too.
        part.quiet = if later > 0 { part.quiet + 1 } else { 0 };
        Ok(if later > 1 || part.quiet > QUIET_LOOKS { Look::Leave } else { Look::Wait })
    }

    /// A file was emptied: what was not read of it before stands in its copy, if there is one. Returns whether that is
    /// settled: what is being written or moved is looked at again.
    fn find_copy(&mut self) -> bool {
        let Some(part) = self.current.take() else { return true };
        let place = part.source.offset() - self.start;
        for candidate in rotated(&self.path, &self.others).into_iter().rev() {
            if candidate.identity == part.at.identity {
                continue;
            }
            let skipped = self.open(&candidate, part.head.resumed).and_then(|mut copy| {
                let skipped = copy.source.skip(place)?;
                Ok((copy, skipped))
            });
            match skipped {
                Ok((mut copy, Skipped::To(found))) if found == part.digest => {
                    copy.source.shift(self.start);
                    (copy.digest, copy.head) = (found, part.head);
                    (self.current, self.doubtful) = (Some(copy), 0);
                    return true;
                }
                Ok(_) => {}
                Err(_) if self.doubtful < DOUBTFUL_LOOKS => {
                    self.doubtful += 1;
                    self.current = Some(part);
                    return false;
                }
                Err(_) => {}
            }
        }
        // A copy that was made a moment before may be shorter than what was read.
        let is_known = |candidate: &Rotated| {
            candidate.written >= part.at.written && candidate.size <= part.source.stored_position()
        };
        if !rotated(&self.path, &self.others).iter().any(is_known) {
            self.notes.push(format!(
                "{}: the file was emptied when {} bytes of it had been read, and there is no copy: what stood behind \
                 them, if anything did, is lost",
                Escaped(&self.spec.name),
                part.source.stored_position()
            ));
        }
        self.note_done(part.source.offset(), part.digest);
        // What was rotated away in the meantime is still to be read.
        self.left.get_or_insert(Rotated { identity: (0, 0), ..part.at });
        true
    }

    /// The current part has been read to its end, which is there in the stream.
    fn note_done(&mut self, end: u64, digest: u64) {
        if self.done.len() == DONE_MAX {
            self.done.pop_front();
        }
        self.done.push_back((end - self.start, digest));
        self.start = end;
    }

    /// Opens the next part, if there is one.
    fn begin_part(&mut self) -> Result<bool> {
        let Some((next, earlier)) = self.next_file() else { return Ok(false) };
        match self.open(&next, false) {
            Ok(mut part) => {
                // What has nothing yet may be another file by the time it has.
                let is_rotated = next.path != self.path;
                if !part.read_header(&self.spec, &self.options, self.start)? {
                    self.doubtful += u32::from(is_rotated);
                    if self.doubtful > DOUBTFUL_LOOKS {
                        // It is no copy on its way: there is no record in it.
                        self.pass(next);
                    }
                    return Ok(false);
                }
                if self.parts == 0 {
                    self.note_earlier(&earlier);
                }
                self.parts += 1;
                self.unchecked = (!is_rotated).then(|| (self.left.clone(), self.beginning));
                (self.doubtful, self.beginning) = (0, None);
                self.current = Some(part);
                Ok(true)
            }
            // It has just been moved away, and is found under its other name at the next look; or it gets its mode.
            Err(_) if !next.path.exists() || self.doubtful < DOUBTFUL_LOOKS => {
                self.doubtful += 1;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The file that comes behind the one that was left, since rotation may have gone on in the meantime; and those that
    /// come before.
    fn next_file(&mut self) -> Option<(Rotated, Vec<Rotated>)> {
        let (left, beginning) = (self.left.clone(), self.beginning);
        let mut earlier = rotated(&self.path, &self.others);
        let behind = behind_of(&mut earlier, left.as_ref(), beginning);
        if let Some(next) = self.unread(behind)?.into_iter().next() {
            return Some((next, earlier));
        }
        let named = named(&self.path)?;
        let is_left = left.is_some_and(|left| left.identity == named.identity);
        (!is_left).then_some((named, earlier))
    }

    /// The files that stand behind the one that was left, or where none was, since the stream began; in order.
    fn behind_of(&self, left: Option<&Rotated>, beginning: Option<Beginning>) -> Vec<Rotated> {
        behind_of(&mut rotated(&self.path, &self.others), left, beginning)
    }

    /// Those of the files behind that have not been read; `None` while that cannot be told, since one is being written or
    /// moved.
    fn unread(&mut self, behind: Vec<Rotated>) -> Option<Vec<Rotated>> {
        let mut unread = Vec::new();
        for candidate in behind {
            // What has nothing may be a copy that has only been begun. What was listed may be gone by now: opening it
            // tells.
            if candidate.size == 0 || self.passed.contains(&candidate) {
                continue;
            }
            match self.known(&candidate) {
                Ok(Known::New) => unread.push(candidate),
                Ok(Known::Done) => self.pass(candidate),
                Ok(Known::Current) => {}
                // It is being written or moved, or nobody can read it.
                Err(_) if self.doubtful < DOUBTFUL_LOOKS => {
                    self.doubtful += 1;
                    return None;
                }
                Err(error) => {
                    self.notes.push(format!(
                        "{}: {error}; it was rotated away from {} and is passed over",
                        Escaped(&candidate.path.display().to_string()),
                        Escaped(&self.spec.name)
                    ));
                    self.pass(candidate);
                }
            }
        }
        self.doubtful = 0;
        Some(unread)
    }

    fn pass(&mut self, file: Rotated) {
        self.passed.truncate(DONE_MAX);
        self.passed.insert(0, file);
    }

    /// Notes how the files begin that were there before the first part: they do not belong to the stream, also if they
    /// are compressed later, which may make them look new.
    fn note_earlier(&mut self, earlier: &[Rotated]) {
        self.earlier = earlier.iter().filter_map(|rotated| self.beginning(rotated).ok().flatten()).collect();
    }

    /// Length and digest of the first bytes of a file; `None` if it has none.
    fn beginning(&self, file: &Rotated) -> Result<Option<(u64, u64)>> {
        let len = match self.open(file, false)?.source.skip(BEGINNING_BYTES)? {
            Skipped::To(digest) => return Ok(Some((BEGINNING_BYTES, digest))),
            Skipped::Short(0) => return Ok(None),
            Skipped::Short(len) => len,
        };
        Ok(match self.open(file, false)?.source.skip(len)? {
            Skipped::To(digest) => Some((len, digest)),
            Skipped::Short(_) => None,
        })
    }

    /// What a file is known as, by what it holds.
    fn known(&self, candidate: &Rotated) -> Result<Known> {
        if self.beginning(candidate)?.is_some_and(|beginning| self.earlier.contains(&beginning)) {
            return Ok(Known::Done);
        }
        let done = self.done.iter().map(|&(length, digest)| (length, digest, Known::Done));
        // The file that is being read may be there compressed as well.
        let current = self.current.iter().map(|part| {
            let length = part.source.offset() - self.start;
            (length, part.digest, Known::Current)
        });
        let mut wholes: Vec<(u64, u64, Known)> = done.chain(current).collect();
        wholes.sort_unstable_by_key(|&(length, ..)| length);
        let mut part = self.open(candidate, false)?;
        for (length, digest, known) in wholes {
            match part.source.skip(length)? {
                Skipped::To(found) if found == digest && part.source.is_at_end()? => return Ok(known),
                Skipped::To(_) => {}
                Skipped::Short(_) => break,
            }
        }
        Ok(Known::New)
    }
}

/// What a file that was rotated away is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// A part that has been read to its end, or one from before the stream began.
    Done,
    /// What has been read of the current part, and no more.
    Current,
    /// Something else.
    New,
}

impl Beginning {
    /// Whether a file that has been rotated away since belongs to the stream.
    fn is_before(&self, rotated: &Rotated) -> bool {
        let (seconds, nanos) = rotated.written;
        let written = seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000);
        // File systems note times by a coarser clock.
        Some(rotated.identity) == self.identity || written.saturating_add(CLOCK_MICROS) >= self.at
    }
}

/// Takes the files out of `rotated` that stand behind the one that was left, or where none was, those that were rotated
/// away since the stream began.
fn behind_of(
    rotated: &mut Vec<Rotated>,
    left: Option<&Rotated>,
    beginning: Option<Beginning>,
) -> Vec<Rotated> {
    let first = match (left, beginning) {
        (Some(left), _) => match rotated.iter().position(|other| other.identity == left.identity) {
            // By its place among them, if it is there; else by when it was written to.
            Some(place) => Some(place + 1),
            None => return rotated.extract_if(.., |other| other.written >= left.written).collect(),
        },
        (None, Some(beginning)) => rotated.iter().position(|other| beginning.is_before(other)),
        (None, None) => None,
    };
    rotated.split_off(first.unwrap_or(rotated.len()))
}

/// How far file times may trail the clock, in microseconds.
const CLOCK_MICROS: i64 = 10_000;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The file that stands under a name, if one does.
fn named(path: &Path) -> Option<Rotated> {
    let status = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Rotated::of(path.to_owned(), &status))
}

/// Opens a regular file; what else stands under the name is not waited for.
fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)
}
