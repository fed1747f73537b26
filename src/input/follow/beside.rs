//! The files beside a followed one: which of them have been read, and which are still to be read. It goes by what they
//! hold, since names, inodes and times are given anew by rotation and compression.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use super::Head;
use super::part::Part;
use crate::error::{Error, Result, words};
use crate::input::rotated::{Rotated, rotated};
use crate::input::skip::Skipped;
use crate::input::source::Source;
use crate::input::{ReadOptions, SourceSpec};

/// The files beside a followed one.
pub struct Beside {
    pub spec: SourceSpec,
    pub path: PathBuf,
    pub options: ReadOptions,
    /// The names of other streams.
    pub others: Vec<PathBuf>,
    /// Length and digest of the parts that were read to their end, the last ones.
    done: VecDeque<(u64, u64)>,
    /// The files that were there before the stream began.
    earlier: Vec<Earlier>,
    /// Files that look later and are not.
    passed: Vec<Rotated>,
    /// What files were found to be while the stream stood at this place.
    judged: (u64, HashMap<Rotated, Known>),
    /// What was listed last.
    listed: Option<Listed>,
}

/// A list of files, and of which directory.
struct Listed {
    /// When that was last changed.
    changed: (i64, i64),
    /// So often it was looked at since.
    looks: u32,
    files: Vec<Rotated>,
}

/// How a file begins that was there before the stream began, and how to know it again.
struct Earlier {
    /// Length and digest of its first bytes.
    beginning: (u64, u64),
    /// Rotation keeps this, compression does not.
    identity: (u64, u64),
    /// Compression keeps this.
    written: (i64, i64),
}

/// What a file that was rotated away is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A part that has been read to its end, or one from before the stream began.
    Done,
    /// The part that was read to its end last.
    Last,
    /// What has been read of the current part, and no more.
    Current,
    /// Something else.
    New,
}

/// How many parts are remembered as done: more than rotation mostly keeps.
const DONE_MAX: usize = 512;
/// How many first bytes of an earlier file are compared.
const BEGINNING_BYTES: u64 = 4096;
/// A list of files is used for so many looks.
const LOOKS_MAX: u32 = 40;
/// A directory that was changed since so short a time may be changed again without another time.
const SETTLED: Duration = Duration::from_secs(2);

impl Beside {
    /// Nothing is known yet.
    pub fn new(spec: &SourceSpec, path: &Path, options: ReadOptions) -> Beside {
        Beside {
            spec: spec.clone(),
            path: path.to_owned(),
            options,
            others: Vec::new(),
            done: VecDeque::new(),
            earlier: Vec::new(),
            passed: Vec::new(),
            judged: (0, HashMap::new()),
            listed: None,
        }
    }

    /// Those that were rotated away, the oldest first.
    pub fn list(&self) -> Vec<Rotated> {
        rotated(&self.path, &self.others)
    }

    /// The same for whoever asks again and again: a directory that stays as it is is not listed at every look. What its
    /// files are by then is told after a while.
    pub fn list_again(&mut self) -> Vec<Rotated> {
        let changed = || {
            let status = fs::metadata(crate::paths::parent(&self.path)).ok()?;
            Some((status.mtime(), status.mtime_nsec()))
        };
        let before = changed();
        if let Some(listed) = self.listed.as_mut().filter(|listed| before == Some(listed.changed)) {
            listed.looks += 1;
            if listed.looks < LOOKS_MAX {
                return listed.files.clone();
            }
        }
        let files = self.list();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let settled = i64::try_from(now.saturating_sub(SETTLED).as_secs()).unwrap_or(i64::MAX);
        // What a link points at stands in another directory.
        self.listed = before
            .filter(|changed| changed.0 < settled && !self.path.is_symlink())
            .map(|changed| Listed { changed, looks: 0, files: files.clone() });
        files
    }

    /// The file that has the name now.
    pub fn named(&self) -> Option<Rotated> {
        let status = fs::metadata(&self.path).ok().filter(fs::Metadata::is_file)?;
        Some(Rotated::of(self.path.clone(), &status))
    }

    /// Opens a file as the part of this number.
    ///
    /// # Errors
    /// [`Error::Input`] where it cannot be read, or is another one by now; [`Error::Failed`] where no file can be opened.
    pub fn open(&self, at: &Rotated, number: u64, resumed: bool) -> Result<Part> {
        let failed = |cause: io::Error| match cause.raw_os_error() {
            // Neither patience nor another file helps.
            Some(code) if code == rustix::io::Errno::MFILE.raw_os_error() => Error::Failed(format!(
                "{}: {}; let the process have more open files (ulimit -n)",
                self.spec.name,
                words(&cause)
            )),
            _ => Error::Input { source: self.spec.name.clone(), reason: words(&cause) },
        };
        let file = Arc::new(open_file(&at.path).map_err(failed)?);
        let status = file.metadata().map_err(failed)?;
        if (status.dev(), status.ino()) != at.identity {
            // Another file has got the name since it was looked at.
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        let source = Source::of_growing(&self.spec, &self.options, Arc::clone(&file));
        let head = Head { number, header: None, file: at.identity, bytes: 0, digest: 0, resumed };
        Ok(Part { source, file, at: at.clone(), head, digest: 0, given: Vec::new(), quiet: 0, from: None })
    }

    /// A part of this length and digest has been read to its end.
    pub fn note_done(&mut self, length: u64, digest: u64) {
        if self.done.len() == DONE_MAX {
            self.done.pop_front();
        }
        self.done.push_back((length, digest));
        self.judged.1.clear();
    }

    /// These files were there before the first part: they do not belong to the stream, also if they are compressed
    /// later, which may make them look new.
    pub fn note_earlier(&mut self, earlier: &[Rotated]) {
        let known = |file: &Rotated| {
            let beginning = self.beginning(file).ok().flatten()?;
            Some(Earlier { beginning, identity: file.identity, written: file.written })
        };
        self.earlier = earlier.iter().filter_map(known).collect();
    }

    /// From now on a file is not asked about any more.
    pub fn pass(&mut self, file: Rotated) {
        self.passed.truncate(DONE_MAX);
        self.passed.insert(0, file);
    }

    /// Whether a file need not be looked into. What has nothing may be a copy that has only been begun.
    pub fn is_out(&self, file: &Rotated) -> bool {
        file.size == 0 || self.passed.contains(file)
    }

    /// What a file is known as; `current` is the part that is being read, which began at `start` of the stream.
    pub fn known(&mut self, file: &Rotated, current: Option<&Part>, start: u64) -> Result<Known> {
        let place = current.map_or(start, |part| part.source.offset());
        if self.judged.0 != place {
            self.judged = (place, HashMap::new());
        }
        if let Some(known) = self.judged.1.get(file) {
            return Ok(*known);
        }
        let known = self.look_into(file, current.map(|part| (place - start, part.digest)))?;
        self.judged.1.insert(file.clone(), known);
        Ok(known)
    }

    fn look_into(&self, file: &Rotated, current: Option<(u64, u64)>) -> Result<Known> {
        if let Some(beginning) = self.beginning(file)?
            && self.earlier.iter().any(|earlier| earlier.beginning == beginning && earlier.is(file))
        {
            return Ok(Known::Done);
        }
        let last = self.done.len().saturating_sub(1);
        let done = self.done.iter().enumerate();
        let done = done.map(|(n, &whole)| (whole, if n == last { Known::Last } else { Known::Done }));
        // The file that is being read may be there compressed as well.
        let mut wholes: Vec<_> = done.chain(current.map(|whole| (whole, Known::Current))).collect();
        wholes.sort_by_key(|&((length, _), _)| length);
        let mut part = self.open(file, 0, false)?;
        for ((length, digest), known) in wholes {
            match part.source.skip(length)? {
                Skipped::To(found) if found == digest && part.source.is_at_end()? => return Ok(known),
                Skipped::To(_) => {}
                Skipped::Short(_) => break,
            }
        }
        Ok(Known::New)
    }

    /// Length and digest of the first bytes of a file; `None` if it has none.
    pub fn beginning(&self, file: &Rotated) -> Result<Option<(u64, u64)>> {
        let len = match self.open(file, 0, false)?.source.skip(BEGINNING_BYTES)? {
            Skipped::To(digest) => return Ok(Some((BEGINNING_BYTES, digest))),
            Skipped::Short(0) => return Ok(None),
            Skipped::Short(len) => len,
        };
        Ok(self.begins_with(file, len)?.map(|digest| (len, digest)))
    }

    /// The digest of so many first bytes of a file; `None` if it has fewer.
    pub fn begins_with(&self, file: &Rotated, len: u64) -> Result<Option<u64>> {
        Ok(match self.open(file, 0, false)?.source.skip(len)? {
            Skipped::To(digest) => Some(digest),
            Skipped::Short(_) => None,
        })
    }
}

impl Earlier {
    /// Whether a file that begins alike is this one: logs may all begin with the same lines.
    fn is(&self, file: &Rotated) -> bool {
        let ((seconds, nanos), (other_seconds, other_nanos)) = (self.written, file.written);
        // Some keep whole seconds only.
        let same_time = seconds == other_seconds && (nanos == other_nanos || nanos == 0 || other_nanos == 0);
        self.identity == file.identity || same_time
    }
}

/// Opens a regular file; what else stands under the name is not waited for.
fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)
}
