//! An output that is a regular file, so that a run can find and continue what a run before it has written.
//!
//! A resumed run checks what its checkpoint covers before anything else, then compares what it produces with what
//! stands beyond (see `tail`), and writes only behind that. Nothing that someone else has written is ever
//! written over or cut off.
//!
//! All that changes the file goes through the standard library, whose calls a test can make fail.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::mark::{Mark, Running};
use super::tail::Tail;
use crate::error::{Error, Result};

/// The most that is read at once to find a digest.
const PIECE_BYTES: usize = 256 * 1024;

/// How the file came to us, which decides what can be advised.
pub(super) enum Origin<'a> {
    /// By a name on the command line.
    Named(&'a Path),
    /// As standard output.
    Stdout,
}

/// A regular file with our bytes at its end.
pub(super) struct Regular {
    name: String,
    file: File,
    /// Whether every write goes to the end by itself (`O_APPEND`).
    append: bool,
    /// Where our bytes begin.
    base: u64,
    /// What stands where the bytes produced next belong, until it is found to be ours.
    tail: Option<Tail>,
}

impl Regular {
    /// Begins anew with an open file: a named one is emptied, one that is standard output is continued at its end.
    pub fn begin(name: &str, file: File, origin: &Origin) -> Result<Regular> {
        let failed = |cause| Error::Output { target: name.to_owned(), cause };
        let append = appends(&file).map_err(failed)?;
        let base = match origin {
            Origin::Named(_) => {
                file.set_len(0).map_err(failed)?;
                0
            }
            Origin::Stdout => {
                let size = file.metadata().map_err(failed)?.len();
                // The offset of a file opened for appending says nothing before the first write.
                let at = if append { size } else { (&file).stream_position().map_err(failed)? };
                if at != size {
                    return Err(Error::usage(format!(
                        "{name} is at byte {at} of a file that has {size} bytes, and would be written over; \
                         use >> or --output"
                    )));
                }
                size
            }
        };
        Ok(Regular { name: name.to_owned(), file, append, base, tail: None })
    }

    /// Continues at a mark, after checking that what it covers is still there. Nothing is changed here.
    pub fn resume(name: &str, file: File, origin: &Origin, mark: &Mark, state_dir: &Path) -> Result<Regular> {
        let failed = |cause| Error::Output { target: name.to_owned(), cause };
        let append = appends(&file).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let end = mark.base.saturating_add(mark.len);
        if size < end {
            return Err(shorter(name, origin, size, end));
        }
        let back = read_back(&file, origin).map_err(|cause| {
            let why = crate::error::words(&cause);
            Error::usage(format!("{name}: what was written before cannot be read back: {why}"))
        })?;
        if digest_of(&back, mark.base, end).map_err(failed)? != mark.digest {
            return Err(Error::usage(format!(
                "{name}: the {} bytes from byte {} on have been changed since windrow wrote them; put them back \
                 as they were, or use --replay to compute and write everything again",
                mark.len, mark.base
            )));
        }
        let tail = (size > end).then(|| Tail::new(name, back, size, state_dir));
        let mut regular = Regular { name: name.to_owned(), file, append, base: mark.base, tail };
        if regular.tail.is_none() {
            regular.move_to(end)?;
        }
        Ok(regular)
    }

    /// Where our bytes begin.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Takes bytes that stand behind the first `len` produced: compares them with what is there, or writes them.
    pub fn deliver(&mut self, len: u64, bytes: &[u8]) -> Result<()> {
        let (mut at, mut bytes) = (self.base + len, bytes);
        if let Some(tail) = &mut self.tail {
            let left = usize::try_from(tail.end() - at).unwrap_or(usize::MAX);
            let (known, new) = bytes.split_at(left.min(bytes.len()));
            tail.verify(at, known)?;
            (at, bytes) = (at + known.len() as u64, new);
            if at == tail.end() {
                self.settle(at)?;
            }
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.expect_size(at)?;
        self.file.write_all(bytes).map_err(|cause| self.failed(cause))
    }

    /// Whether all that was produced stands in the file.
    pub fn is_complete(&self) -> bool {
        self.tail.as_ref().is_none_or(|tail| !tail.has_lost_pages())
    }

    /// Whether nothing stands in the file that has not been produced yet.
    pub fn has_caught_up(&self) -> bool {
        self.tail.is_none()
    }

    /// Ends the output behind the first `len` bytes produced: lost pages beyond are cut off, anything else there
    /// is an error.
    pub fn finish(&mut self, len: u64) -> Result<()> {
        let at = self.base + len;
        match &mut self.tail {
            Some(tail) => {
                tail.verify_lost(at)?;
                self.settle(at)
            }
            None => self.expect_size(at),
        }
    }

    /// Another handle on the file, to sync it by.
    pub fn sync_handle(&self) -> Result<File> {
        self.file.try_clone().map_err(|cause| self.failed(cause))
    }

    /// All of the tail is ours: what was lost is written, what was produced ends at `at`.
    fn settle(&mut self, at: u64) -> Result<()> {
        let Some(tail) = self.tail.take() else { return Ok(()) };
        self.expect_size(tail.end())?;
        let end = tail.end();
        let spool = tail.into_spool();
        let kept = spool.as_ref().map_or(at, |spool| spool.start);
        if kept < end {
            self.file.set_len(kept).map_err(|cause| self.failed(cause))?;
        }
        self.move_to(kept)?;
        match spool {
            Some(spool) => spool.copy(&mut self.file, &self.name),
            None => Ok(()),
        }
    }

    /// Where the next write goes; what follows windrow in the same shell list writes there too.
    fn move_to(&mut self, at: u64) -> Result<()> {
        if self.append {
            return Ok(());
        }
        let moved = self.file.seek(SeekFrom::Start(at)).map(|_| ());
        moved.map_err(|cause| self.failed(cause))
    }

    fn expect_size(&self, want: u64) -> Result<()> {
        let size = self.file.metadata().map_err(|cause| self.failed(cause))?.len();
        let done = match size.cmp(&want) {
            std::cmp::Ordering::Equal => return Ok(()),
            std::cmp::Ordering::Less => "cut this file",
            std::cmp::Ordering::Greater => "written to this file",
        };
        Err(Error::Failed(format!(
            "{}: someone else has {done} while windrow was at it: it has {size} bytes where windrow has left \
             {want}; nothing was written over",
            self.name
        )))
    }

    fn failed(&self, cause: io::Error) -> Error {
        Error::Output { target: self.name.clone(), cause }
    }
}

/// Opens a named file for writing, and says whether it was created. Nothing is emptied here: first it must be
/// known what it is.
pub(super) fn open(path: &Path, create: bool) -> io::Result<(File, bool)> {
    let created = create && !path.exists();
    let file = OpenOptions::new().append(true).create(create).open(path)?;
    Ok((file, created))
}

fn appends(file: &File) -> io::Result<bool> {
    Ok(rustix::fs::fcntl_getfl(file)?.contains(OFlags::APPEND))
}

/// The same file once more, opened for reading.
fn read_back(file: &File, origin: &Origin) -> io::Result<File> {
    let path = match origin {
        Origin::Named(path) => path.to_path_buf(),
        Origin::Stdout => PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
    };
    let (back, ours) = (File::open(path)?, file.metadata()?);
    let found = back.metadata()?;
    match (found.dev(), found.ino()) == (ours.dev(), ours.ino()) {
        true => Ok(back),
        false => Err(io::Error::other("another file has taken its place")),
    }
}

/// The digest of the bytes from `start` to `end`.
fn digest_of(file: &File, start: u64, end: u64) -> io::Result<u64> {
    let mut piece = vec![0; PIECE_BYTES];
    let (mut at, mut read) = (start, Running::new(Mark::default()));
    while at < end {
        let len = PIECE_BYTES.min(usize::try_from(end - at).unwrap_or(usize::MAX));
        file.read_exact_at(&mut piece[..len], at)?;
        read.advance(&piece[..len], 0, true);
        at += len as u64;
    }
    Ok(read.mark().digest)
}

fn shorter(name: &str, origin: &Origin, size: u64, want: u64) -> Error {
    let way_out = match origin {
        Origin::Stdout => {
            "it has been emptied or cut since, as > does; put it back as it was and use >> or --output, or use --replay \
             to compute and write everything again"
        }
        Origin::Named(_) => {
            "it has been emptied or cut since; put it back as it was, or use --replay to compute and write \
             everything again"
        }
    };
    Error::usage(format!("{name} has {size} bytes where windrow had written up to byte {want}: {way_out}"))
}
