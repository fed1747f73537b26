//! A file that is followed by its name, like `tail -F`: as one stream, whatever stands under the name.
//!
//! The stream is made of *parts*: the files that have stood under the name, one behind the other. When another file
//! takes over the name (rotation by rename), the one before is read to its end first; when the file is emptied (copy and
//! truncate), the copy is. A part is left when its successor has something and it has not grown between two looks.
//!
//! Nothing here waits, and nothing here knows a clock: whoever reads looks again.

mod beside;
mod part;

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::rotated::Rotated;
use super::skip::Skipped;
use super::{Chunk, Format, ReadOptions, SourceSpec};
use crate::digest::join;
use crate::error::{Error, Escaped, Result};
use beside::{Beside, Known};
use part::{From, Part};

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
    /// Length and digest of its first bytes then, if it had some.
    pub head: Option<(u64, u64)>,
}

/// A followed file.
pub struct Follow {
    beside: Beside,
    current: Option<Part>,
    /// Where the stream begins, until its first file is opened.
    beginning: Option<Beginning>,
    /// How many parts have been begun.
    parts: u64,
    /// Bytes of the stream before the current part, or the next one.
    start: u64,
    /// The file that was left last.
    left: Option<Rotated>,
    /// Whether that has been seen since, whatever it is called by now.
    left_is_there: bool,
    /// The same file, open: what is added to it is lost.
    behind: Option<Behind>,
    /// At so many looks in a row a file beside could not be read.
    doubtful: u32,
    /// At so many looks in a row the next file could not be opened, or had no header.
    unopened: u32,
    /// What no line end stands behind waits for the next run, at the end of this one.
    holds: bool,
    /// Nothing may be passed over: the run can be continued.
    is_strict: bool,
    notes: Vec<String>,
}

/// A file that was left.
struct Behind {
    file: Arc<File>,
    /// Up to where it was read.
    read: u64,
    /// How much was told to have been added.
    told: u64,
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
/// What cannot be opened at so many looks is told.
const TOLD_LOOKS: u32 = 40;
/// What cannot be read at so many looks is not waited for.
const DOUBTFUL_LOOKS: u32 = 200;

impl Follow {
    /// Follows the file that has this name now, from its start, whatever it is called by the time it is read.
    pub fn new(spec: &SourceSpec, path: &Path, options: &ReadOptions) -> Follow {
        let follow = Follow::nowhere(spec, path, options);
        let named = follow.beside.named();
        let head = named.as_ref().and_then(|named| follow.beside.beginning(named).ok().flatten());
        let beginning = Beginning { identity: named.map(|named| named.identity), at: now(), head };
        Follow { beginning: Some(beginning), ..follow }
    }

    /// Stands nowhere yet. No file is looked at.
    fn nowhere(spec: &SourceSpec, path: &Path, options: &ReadOptions) -> Follow {
        let (holds, is_strict) = (options.hold, options.digests);
        // What has no line end yet may go on.
        let options = ReadOptions { hold: true, digests: true, ..options.clone() };
        Follow {
            beginning: None,
            beside: Beside::new(spec, path, options),
            current: None,
            parts: 0,
            start: 0,
            left: None,
            left_is_there: false,
            behind: None,
            doubtful: 0,
            unopened: 0,
            holds,
            is_strict,
            notes: Vec::new(),
        }
    }

    /// These files are streams of their own, whatever their names look like.
    pub fn beside(mut self, others: &[PathBuf]) -> Follow {
        self.beside.others = others.to_vec();
        self
    }

    /// Begins where an earlier run would have begun, had it come to read anything.
    pub fn begin(spec: &SourceSpec, path: &Path, options: &ReadOptions, beginning: Beginning) -> Follow {
        Follow { beginning: Some(beginning), ..Follow::nowhere(spec, path, options) }
    }

    /// Looks for the file with which the stream begins: it may have been rotated and compressed since.
    ///
    /// # Errors
    /// [`Error::Usage`] if no file begins as that did, unless it `may_be_gone`.
    pub fn found(mut self, may_be_gone: bool) -> Result<Follow> {
        let Some((beginning, (len, digest))) = self.beginning.and_then(|from| Some((from, from.head?)))
        else {
            return Ok(self);
        };
        let mut candidates = self.beside.list();
        candidates.extend(self.beside.named());
        candidates.sort_by_key(|candidate| Some(candidate.identity) != beginning.identity);
        for candidate in candidates {
            match self.beside.begins_with(&candidate, len) {
                Ok(Some(found)) if found == digest => {
                    self.beginning = Some(Beginning { identity: Some(candidate.identity), ..beginning });
                    return Ok(self);
                }
                Err(error @ Error::Failed(_)) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        if may_be_gone {
            return Ok(self);
        }
        Err(Error::usage(format!(
            "{}: neither this file nor one that was rotated away from it begins as the one did with which the job begins; \
             put that back, or start anew with --replay",
            Escaped(&self.beside.spec.name)
        )))
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
        let mut follow = Follow::nowhere(spec, path, options).beside(others);
        follow.start = place.start;
        // Files may begin alike: the one that it was comes first, then the oldest.
        let rotated = follow.beside.list();
        let named = follow.beside.named();
        let mut candidates: Vec<(usize, Rotated)> =
            rotated.iter().cloned().chain(named).enumerate().collect();
        candidates.sort_by_key(|(_, candidate)| Some(candidate.identity) != place.identity);
        for (n, candidate) in candidates {
            match follow.stands_in(&candidate, place) {
                Ok(Some(part)) => {
                    follow.beside.note_earlier(&rotated[..n]);
                    (follow.current, follow.parts) = (Some(part), 1);
                    return Ok(follow);
                }
                Err(error @ Error::Failed(_)) => return Err(error),
                Ok(None) | Err(_) => {}
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
        let beginning = Beginning { identity: None, at: since, head: None };
        Follow { start: place.offset, parts: 1, ..Follow::begin(spec, path, options, beginning) }
    }

    /// A file opened at a place, if it has what was read before it.
    fn stands_in(&self, candidate: &Rotated, place: Place) -> Result<Option<Part>> {
        let Beside { spec, options, .. } = &self.beside;
        let mut part = self.beside.open(candidate, 0, true)?;
        if let (Format::Csv { .. }, true) = (spec.format, options.header) {
            // Its columns are those of its header; what stands behind is passed over from the start.
            let mut other = self.beside.open(candidate, 0, true)?;
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

    /// The next chunk; `None` if there is nothing for now.
    pub fn next(&mut self, mut buffer: Vec<u8>) -> Result<Option<Chunk>> {
        loop {
            if self.current.is_none() && !self.begin_part()? {
                return Ok(None);
            }
            let Some(part) = &mut self.current else { continue };
            if !part.is_same() {
                if self.find_copy()? {
                    continue;
                }
                return Ok(None);
            }
            match part.next(buffer)? {
                Chunk::End => buffer = Vec::new(),
                chunk => {
                    let Some(from) = part.from.take() else { return Ok(Some(chunk)) };
                    if !self.has_missed_a_file(&from)? {
                        return Ok(Some(chunk));
                    }
                    self.go_back(from);
                    buffer = Vec::new();
                    continue;
                }
            }
            match self.look()? {
                Look::Grown => {}
                Look::Wait => return Ok(None),
                Look::Emptied if self.find_copy()? => {}
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
    fn has_missed_a_file(&mut self, from: &From) -> Result<bool> {
        let Some(part) = self.current.as_ref().filter(|part| part.at.path == self.beside.path) else {
            // What was rotated away does not change any more.
            return Ok(false);
        };
        for candidate in behind_of(&mut self.beside.list(), from.left.as_ref(), from.beginning) {
            // What comes behind the current part comes later.
            if candidate.identity == part.at.identity {
                return Ok(false);
            }
            if self.beside.is_out(&candidate) {
                continue;
            }
            match self.beside.known(&candidate, Some(part), self.start) {
                Ok(Known::Current) => return Ok(false),
                Ok(Known::Done | Known::Last) => {}
                Err(error @ Error::Failed(_)) => return Err(error),
                // What cannot be told now is told when it is asked for again.
                Ok(Known::New) | Err(_) => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Lets go of the current part, of which nothing has been given out: it is looked anew for what comes next.
    fn go_back(&mut self, from: From) {
        (self.left, self.beginning) = (from.left, from.beginning);
        (self.current, self.parts) = (None, self.parts - 1);
    }

    /// What is left at the end of all: a last record without its line end, and what has begun since;
    /// [`Chunk::End`] if there is nothing.
    pub fn finish(&mut self) -> Result<Chunk> {
        // The next run goes on here, and finds them.
        while !self.holds {
            if let Some(chunk) = self.last_record()? {
                return Ok(chunk);
            }
            if !self.begin_part()? {
                break;
            }
            if let Some(chunk) = self.next(Vec::new())? {
                return Ok(chunk);
            }
        }
        Ok(Chunk::End)
    }

    /// Whether something has come: records here, or bytes in a file behind.
    pub fn has_more(&mut self) -> Result<bool> {
        Ok(self.next(Vec::new())?.is_some() || self.successors()? > 0)
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

    /// How much of the current file, and of the one that has the name now, has not been read, as stored, in bytes.
    pub fn bytes_ahead(&self) -> u64 {
        let named = self.beside.named();
        let Some(part) = &self.current else { return named.map_or(0, |named| named.size) };
        let size = part.file.metadata().map_or(0, |status| status.size());
        let next = named.filter(|named| named.identity != part.at.identity).map_or(0, |named| named.size);
        size.saturating_sub(part.source.stored_position()) + next
    }

    /// What the user should know, once.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn note(&mut self, what: &str) {
        self.notes.push(format!("{}: {what}", Escaped(&self.beside.spec.name)));
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
        let left = part.file.metadata().map(|status| Rotated::of(part.at.path.clone(), &status));
        self.note_done(part.source.offset(), part.digest);
        (self.left, self.left_is_there) = (Some(left.unwrap_or(part.at)), false);
        self.behind = Some(Behind { read: part.source.stored_position(), file: part.file, told: 0 });
        Ok(None)
    }

    /// The current part has been read to its end, which is there in the stream.
    fn note_done(&mut self, end: u64, digest: u64) {
        self.beside.note_done(end - self.start, digest);
        self.start = end;
    }

    /// Says so when something has been added to the file that was left, and again when it has become much more.
    fn look_behind(&mut self) {
        let Some(behind) = &mut self.behind else { return };
        // It stays open: as long as it does, no other file can have its inode.
        let added = behind.file.metadata().map_or(0, |status| status.size()).saturating_sub(behind.read);
        if added > 0 && added >= behind.told.saturating_mul(2) {
            behind.told = added;
            self.note(&format!(
                "{added} bytes were added to the file that was rotated away after the next one had begun; they do not \
                 count"
            ));
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
        let later = self.successors()?;
        let Some(part) = &mut self.current else { return Ok(Look::Wait) };
        // Whoever writes may not have changed over to the next file yet, unless that is finished too.
        part.quiet = if later > 0 { part.quiet + 1 } else { 0 };
        Ok(if later > 1 || part.quiet > QUIET_LOOKS { Look::Leave } else { Look::Wait })
    }

    /// How many files have something that come behind the current part, up to two.
    fn successors(&mut self) -> Result<usize> {
        let named = self.beside.named();
        let stands = match &self.current {
            None => None,
            Some(part) if named.as_ref().is_some_and(|named| named.identity == part.at.identity) => {
                return Ok(0);
            }
            Some(part) => match part.file.metadata() {
                Ok(status) => Some(Rotated::of(part.at.path.clone(), &status)),
                Err(_) => return Ok(0),
            },
        };
        let behind =
            behind_of(&mut self.beside.list_again(), stands.as_ref().or(self.left.as_ref()), self.beginning);
        let unread = self.unread(behind, 2)?.unwrap_or_default();
        Ok(unread.iter().chain(&named).filter(|other| other.size > 0).take(2).count())
    }

    /// A file was emptied: what was not read of it before stands in its copy, if there is one. Returns whether that is
    /// settled: what is being written or moved is looked at again.
    fn find_copy(&mut self) -> Result<bool> {
        let Some(mut part) = self.current.take() else { return Ok(true) };
        if let Some(from) = part.from.take() {
            self.go_back(from);
            return Ok(true);
        }
        let place = part.source.offset() - self.start;
        for candidate in self.beside.list().into_iter().rev() {
            if candidate.identity == part.at.identity {
                continue;
            }
            let skipped =
                self.beside.open(&candidate, part.head.number, part.head.resumed).and_then(|mut copy| {
                    let skipped = copy.source.skip(place)?;
                    Ok((copy, skipped, self.beside.known(&candidate, Some(&part), self.start)?))
                });
            match skipped {
                Ok((mut copy, Skipped::To(found), Known::New | Known::Current)) if found == part.digest => {
                    copy.source.shift(self.start);
                    (copy.digest, copy.head) = (found, part.head);
                    (self.current, self.doubtful) = (Some(copy), 0);
                    return Ok(true);
                }
                Ok(_) => {}
                Err(error @ Error::Failed(_)) => return Err(error),
                Err(_) if self.doubtful < DOUBTFUL_LOOKS => {
                    self.doubtful += 1;
                    self.current = Some(part);
                    return Ok(false);
                }
                Err(_) => {}
            }
        }
        // A copy that was made a moment before may be shorter than what was read.
        let is_known = |candidate: &Rotated| {
            candidate.written >= part.at.written && candidate.size <= part.source.stored_position()
        };
        if !self.beside.list().iter().any(is_known) {
            self.note(&format!(
                "the file was emptied when {} bytes of it had been read, and there is no copy: what stood behind them, if \
                 anything did, is lost",
                part.source.stored_position()
            ));
        }
        self.note_done(part.source.offset(), part.digest);
        // What was rotated away in the meantime is still to be read.
        self.left.get_or_insert(Rotated { identity: (0, 0), ..part.at });
        Ok(true)
    }

    /// Opens the next part, if there is one.
    fn begin_part(&mut self) -> Result<bool> {
        let Some((next, earlier)) = self.next_file()? else { return Ok(false) };
        let is_rotated = next.path != self.beside.path;
        let mut part = match self.beside.open(&next, self.parts, false) {
            Ok(part) => part,
            Err(error @ Error::Failed(_)) => return Err(error),
            // It has just been moved away, and is found under its other name at the next look.
            Err(_) if !next.path.exists() => return Ok(false),
            // It gets its mode in a moment, or nobody lets us read it.
            Err(error) => {
                self.unopened += 1;
                if self.unopened == TOLD_LOOKS {
                    self.notes.push(format!("{error}; it is waited for"));
                }
                return Ok(false);
            }
        };
        let Beside { spec, options, .. } = &self.beside;
        // What has nothing yet may be another file by the time it has.
        if !part.read_header(spec, options, self.start)? {
            self.unopened += u32::from(is_rotated);
            if self.unopened > DOUBTFUL_LOOKS {
                // It is no copy on its way: there is no record in it.
                self.beside.pass(next);
                self.unopened = 0;
            }
            return Ok(false);
        }
        if self.parts == 0 {
            self.beside.note_earlier(&earlier);
        }
        self.note_gap();
        self.parts += 1;
        part.from = Some(From { left: self.left.clone(), beginning: self.beginning });
        (self.unopened, self.beginning) = (0, None);
        self.current = Some(part);
        Ok(true)
    }

    /// Says so where files may have been deleted before they were read: then that which was read last has gone too.
    fn note_gap(&mut self) {
        let is_file = self.left.as_ref().is_some_and(|left| left.identity != (0, 0));
        if is_file && !std::mem::replace(&mut self.left_is_there, true) {
            self.note("the file that was read last has been deleted; others may have gone with it before they were read");
        }
    }

    /// The file that comes behind the one that was left, since rotation may have gone on in the meantime; and those that
    /// come before.
    fn next_file(&mut self) -> Result<Option<(Rotated, Vec<Rotated>)>> {
        let mut earlier = self.beside.list_again();
        if let Some(left) = &self.left {
            let is_left = |file: &Rotated| file.identity == left.identity;
            // Where nothing is kept, nothing was lost with it.
            self.left_is_there |= earlier.is_empty() || earlier.iter().any(is_left);
        }
        let behind = behind_of(&mut earlier, self.left.as_ref(), self.beginning);
        let Some(unread) = self.unread(behind, 1)? else { return Ok(None) };
        if let Some(next) = unread.into_iter().next() {
            return Ok(Some((next, earlier)));
        }
        let Some(named) = self.beside.named() else { return Ok(None) };
        let is_left = self.left.as_ref().is_some_and(|left| left.identity == named.identity);
        Ok((!is_left).then_some((named, earlier)))
    }

    /// Those of the files behind that have not been read, the first ones; `None` while that cannot be told, since one is being written or
    /// moved.
    ///
    /// # Errors
    /// If that lasts, and nothing may be passed over.
    fn unread(&mut self, behind: Vec<Rotated>, most: usize) -> Result<Option<Vec<Rotated>>> {
        let mut unread = Vec::new();
        for candidate in behind {
            // There may be thousands, each to be looked into.
            if unread.len() == most {
                break;
            }
            // What was listed may be gone by now: opening it tells.
            if self.beside.is_out(&candidate) {
                continue;
            }
            match self.beside.known(&candidate, self.current.as_ref(), self.start) {
                Ok(Known::New) => unread.push(candidate),
                Ok(Known::Current) => {}
                Ok(known) => {
                    self.left_is_there |= known == Known::Last;
                    self.beside.pass(candidate);
                }
                Err(error @ Error::Failed(_)) => return Err(error),
                // It is being written or moved, or nobody can read it.
                Err(_) if self.doubtful < DOUBTFUL_LOOKS => {
                    self.doubtful += 1;
                    return Ok(None);
                }
                Err(error) if self.is_strict => {
                    let path = candidate.path.display().to_string();
                    let (path, name) = (Escaped(&path), Escaped(&self.beside.spec.name));
                    return Err(Error::Failed(format!(
                        "{path}: {error}; it was rotated away from {name}, and is to be read before what follows"
                    )));
                }
                Err(error) => {
                    let path = candidate.path.display().to_string();
                    self.note(&format!(
                        "{}: {error}; it was rotated away, and is passed over",
                        Escaped(&path)
                    ));
                    self.beside.pass(candidate);
                }
            }
        }
        self.doubtful = 0;
        Ok(Some(unread))
    }
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
