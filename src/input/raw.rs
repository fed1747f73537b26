//! The bytes of a source as they are stored, from wherever they come.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::Origin;
use super::fault::Fault;
use super::files::{CachedFile, FileCache, Opened, read_at};
use super::stream::Stream;

/// What a read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// This many bytes, at least one.
    Bytes(usize),
    /// Nothing just now; only where the caller would not wait.
    Nothing,
    /// The end; so does every later read.
    End,
}

/// The stored bytes of one source, read from front to back.
#[derive(Debug)]
pub(super) struct Raw {
    store: Store,
    /// How many bytes have been read.
    at: u64,
    /// The same, for other threads to look at.
    progress: Arc<AtomicU64>,
    /// The size when it was opened.
    size: Option<u64>,
    ended: bool,
}

#[derive(Debug)]
enum Store {
    /// A regular file, by its path.
    Cached(CachedFile),
    /// A regular file that has no name here (standard input), from `base` on.
    Held {
        file: File,
        base: u64,
    },
    /// A regular file that may grow, and whose owner looks after what becomes of it.
    Growing(Arc<File>),
    Memory(Arc<[u8]>),
    Stream(Stream),
}

impl Raw {
    /// Opens what `origin` names, by its type alone: whether something can be sought says little.
    pub fn open(origin: &Origin, cache: &Arc<FileCache>) -> Result<Raw, Fault> {
        let (store, size) = match origin {
            Origin::Memory(bytes) => (Store::Memory(Arc::clone(bytes)), Some(bytes.len() as u64)),
            Origin::Absent => (Store::Memory([].into()), Some(0)),
            Origin::Path(path) => match CachedFile::open(cache, path)? {
                Opened::Regular(file, size) => (Store::Cached(file), Some(size)),
                Opened::Other(file, kind) => (Store::Stream(Stream::new(file, kind, true)), None),
            },
            Origin::Stdin => {
                crate::cli::streams::check_stdin()?;
                from_handle(File::from(std::io::stdin().as_fd().try_clone_to_owned()?))?
            }
        };
        Ok(Raw::new(store, size))
    }

    /// A regular file that may grow.
    pub fn growing(file: Arc<File>) -> Raw {
        Raw::new(Store::Growing(file), None)
    }

    /// There may be more behind the end.
    pub fn go_on(&mut self) {
        self.ended = false;
    }

    /// An open descriptor, as standard input is one.
    #[cfg(test)]
    pub fn of_handle(file: File) -> Result<Raw, Fault> {
        let (store, size) = from_handle(file)?;
        Ok(Raw::new(store, size))
    }

    fn new(store: Store, size: Option<u64>) -> Raw {
        Raw { store, at: 0, progress: Arc::default(), size, ended: false }
    }

    /// Reads on. With `wait`, blocks until there is something or the end.
    pub fn read(&mut self, bytes: &mut [u8], wait: bool) -> Result<Got, Fault> {
        if self.ended {
            return Ok(Got::End);
        }
        let got = match &mut self.store {
            Store::Stream(stream) => stream.read(bytes, wait)?,
            Store::Cached(file) => got(file.read_at(bytes, self.at)?),
            Store::Held { file, base } => got(read_at(file, bytes, *base + self.at)?),
            Store::Growing(file) => got(read_at(file, bytes, self.at)?),
            Store::Memory(memory) => {
                let left = usize::try_from(self.at).ok().and_then(|at| memory.get(at..)).unwrap_or(&[]);
                let n = left.len().min(bytes.len());
                bytes[..n].copy_from_slice(&left[..n]);
                got(n)
            }
        };
        match got {
            Got::Bytes(n) => {
                self.at += n as u64;
                self.progress.store(self.at, Ordering::Relaxed);
            }
            Got::Nothing => {}
            Got::End => self.end()?,
        }
        Ok(got)
    }

    /// At the end of a regular file: it must not have become shorter. Files of `/proc` and the like
    /// give their size as 0, or as more than they hold; neither changes while they are read.
    fn end(&mut self) -> Result<(), Fault> {
        self.ended = true;
        let (now, opened) = match (&self.store, self.size) {
            (Store::Cached(file), Some(opened)) => (file.size()?, opened),
            (Store::Held { file, base }, Some(opened)) => {
                (file.metadata()?.len().saturating_sub(*base), opened)
            }
            _ => return Ok(()),
        };
        if now < opened || (opened > 0 && self.at > opened && now < self.at) {
            return Err(Fault::Shrunk { read: self.at, size: now });
        }
        if let Store::Cached(file) = &self.store {
            file.close();
        }
        Ok(())
    }

    /// How many bytes have been read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The same, for other threads.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// The size when it was opened, where there is one.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// How many bytes are left, as far as the size at opening tells.
    pub fn left(&self) -> Option<u64> {
        Some(self.size?.saturating_sub(self.at))
    }

    /// Whether a read would not wait, now or after a time.
    pub fn is_ready(&self, patience: Duration) -> Result<bool, Fault> {
        match &self.store {
            Store::Stream(stream) if !self.ended => stream.poll(Some(patience)),
            _ => Ok(true),
        }
    }

    /// Whether reads may wait for somebody else.
    pub fn may_wait(&self) -> bool {
        matches!(self.store, Store::Stream(_))
    }
}

/// Classifies an open descriptor. A regular file is read from where the descriptor stands.
fn from_handle(file: File) -> Result<(Store, Option<u64>), Fault> {
    let stat = rustix::fs::fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Err(Errno::ISDIR.into()),
        FileType::RegularFile => {
            let base = rustix::fs::tell(&file)?;
            let size = u64::try_from(stat.st_size).unwrap_or(0).saturating_sub(base);
            Ok((Store::Held { file, base }, Some(size)))
        }
        kind => Ok((Store::Stream(Stream::new(file, kind, false)), None)),
    }
}

fn got(n: usize) -> Got {
    if n == 0 { Got::End } else { Got::Bytes(n) }
}
