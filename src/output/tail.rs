//! What stands in an output file beyond the checkpoint that a run resumes from.
//!
//! A run that was killed has written more than its last checkpoint covers. The resumed run produces those bytes
//! again, and here they are compared with what stands in the file: a byte is ours if it is the one produced, or
//! zero where a power cut has lost a page. Anything else is somebody else's. The file is only read here: nothing
//! may be touched until all of the tail has been found to be ours. That can be long after the first lost page,
//! so from that page on what is produced is kept, in a file of the state directory that has no name any more:
//! memory stays bounded however long the tail is, and lost pages are rare enough not to deserve more.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The most that is read or copied at once.
const PIECE_BYTES: usize = 64 * 1024;

/// The tail of a file, and how far it has been found to be ours.
pub(super) struct Tail {
    name: String,
    /// The output, opened for reading.
    file: File,
    /// The size of the file when the run began.
    end: u64,
    /// Where what must be kept is put.
    spool_path: PathBuf,
    spool: Option<Spool>,
    found: Vec<u8>,
}

/// What was produced from the first lost byte on.
pub(super) struct Spool {
    name: String,
    file: File,
    /// Where in the output it belongs.
    pub start: u64,
}

impl Tail {
    /// The tail of `file` that ends at `end`; a spool, should it be needed, is made in the state directory.
    pub fn new(name: &str, file: File, end: u64, state_dir: &Path) -> Tail {
        let spool_path = state_dir.join("spool");
        Tail { name: name.to_owned(), file, end, spool_path, spool: None, found: Vec::new() }
    }

    /// Where it ends, in bytes from the start of the file.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether bytes that have been produced do not stand in the file yet.
    pub fn has_lost_pages(&self) -> bool {
        self.spool.is_some()
    }

    /// What was produced from the first lost byte on, if any was lost.
    pub fn into_spool(self) -> Option<Spool> {
        self.spool
    }

    /// Compares bytes produced for position `at`, which reach up to the end of the tail at most.
    pub fn verify(&mut self, at: u64, produced: &[u8]) -> Result<()> {
        let mut at = at;
        for piece in produced.chunks(PIECE_BYTES) {
            self.read(at, piece.len())?;
            // From where on this piece must be kept.
            let mut keep = self.spool.is_some().then_some(0);
            if self.found != piece {
                for (n, (&found, &due)) in self.found.iter().zip(piece).enumerate() {
                    match found {
                        _ if found == due => {}
                        0 => keep = keep.or(Some(n)),
                        _ => return Err(self.foreign(at + n as u64)),
                    }
                }
            }
            if let Some(from) = keep {
                let spool = match &mut self.spool {
                    Some(spool) => spool,
                    None => self.spool.insert(Spool::create(&self.spool_path, at + from as u64)?),
                };
                spool.push(&piece[from..])?;
            }
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// Checks that nothing but zeros stands from `at` on: the run has ended there.
    pub fn verify_lost(&mut self, at: u64) -> Result<()> {
        let mut at = at;
        while at < self.end {
            let len = (self.end - at).min(PIECE_BYTES as u64) as usize;
            self.read(at, len)?;
            if let Some(n) = self.found.iter().position(|&byte| byte != 0) {
                return Err(self.foreign(at + n as u64));
            }
            at += len as u64;
        }
        Ok(())
    }

    fn read(&mut self, at: u64, len: usize) -> Result<()> {
        self.found.resize(len, 0);
        self.file.read_exact_at(&mut self.found, at).map_err(|cause| match cause.kind() {
            io::ErrorKind::UnexpectedEof => Error::Failed(format!(
                "{}: someone else has cut this file while windrow was reading it",
                self.name
            )),
            _ => Error::Output { target: self.name.clone(), cause },
        })
    }

    fn foreign(&self, at: u64) -> Error {
        Error::usage(format!(
            "{}: byte {at} is not what this run writes there: the output, the input behind the last checkpoint, \
             or the name of an input has been changed since; nothing was touched; put it back as it was, or use \
             --replay to compute and write everything again",
            self.name
        ))
    }
}

impl Spool {
    fn create(path: &Path, start: u64) -> Result<Spool> {
        let name = path.display().to_string();
        let open = || {
            // One left by a run that was killed between the two calls below.
            match fs::remove_file(path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
            let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
            fs::remove_file(path)?;
            Ok(file)
        };
        match open() {
            Ok(file) => Ok(Spool { name, file, start }),
            Err(cause) => Err(Error::Output { target: name, cause }),
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|cause| self.failed(cause))
    }

    /// Writes all of it to the output `name`.
    pub fn copy(mut self, to: &mut File, name: &str) -> Result<()> {
        self.file.seek(SeekFrom::Start(0)).map_err(|cause| self.failed(cause))?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let len = match self.file.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(len) => len,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(self.failed(cause)),
            };
            to.write_all(&piece[..len]).map_err(|cause| Error::Output { target: name.to_owned(), cause })?;
        }
    }

    fn failed(&self, cause: io::Error) -> Error {
        Error::Output { target: self.name.clone(), cause }
    }
}
