//! A state directory: who may use it, which files it has, and how a checkpoint becomes one of them.
//!
//! ```text
//! LOCK                  held while a run uses the directory; has the process id
//! checkpoint-N          the last two checkpoints, N = 0000000000000001, ...
//! checkpoint.new        one that is being written
//! ids-B                 remembered ids of the bucket B
//! delivery              how much has been delivered to a pipe
//! decisions-N           decisions about event time, from the N-th on
//! ```
//!
//! The directory holds keys and ids, which may be personal data: it is made 0700 and its files 0600. One that
//! somebody else owns, could write or could replace is refused, and so are such files in it: see `guard`.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::codec::{self, Damage, Kind};
use super::decisions;
use super::guard;
use super::written::CheckpointV1;
use crate::error::{Error, Escaped, Result};
use crate::paths;

/// The file that is locked by the run that uses the directory.
pub(super) const LOCK: &str = "LOCK";
const NEW: &str = "checkpoint.new";
const PREFIX: &str = "checkpoint-";
/// How many checkpoints are kept.
const KEPT: usize = 2;

/// A state directory that this process may use.
pub struct StateDir {
    path: PathBuf,
    /// The directory itself, to be synced.
    handle: File,
    /// Held as long as this lives; `None` where the directory is only looked at.
    _lock: Option<File>,
}

/// A checkpoint that could not be used, and why.
#[derive(Debug)]
pub struct Unusable {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub damage: Damage,
}

impl Unusable {
    /// Whether it is of a newer version than this program knows.
    pub fn is_newer(&self) -> bool {
        matches!(self.damage, Damage::Newer { .. })
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used: {}", shown(&self.path), self.damage)
    }
}

impl StateDir {
    /// Opens a directory for a run: makes it if it is not there, checks it, and locks it.
    pub fn open(path: &Path) -> Result<StateDir> {
        guard::check_place(path).map_err(|denied| denied.at(path))?;
        match DirBuilder::new().mode(0o700).create(path) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(failed(path, cause)),
            Ok(()) => paths::sync_parent(path).map_err(|cause| failed(path, cause))?,
            Err(_) => {}
        }
        let handle = guard::open_directory(path).map_err(|denied| denied.at(path))?;
        let lock_path = path.join(LOCK);
        if fs::symlink_metadata(&lock_path).is_err() {
            check_unused(path)?;
        }
        let mut lock = guard::open(OpenOptions::new().read(true).write(true).create(true), &lock_path)
            .map_err(|denied| denied.at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut lock)),
            Err(TryLockError::Error(cause)) => return Err(failed(&lock_path, cause)),
        }
        let noted = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        noted.map_err(|cause| failed(&lock_path, cause))?;
        Ok(StateDir { path: path.to_owned(), handle, _lock: Some(lock) })
    }

    /// Opens a directory to look at it. Nothing is changed, and a run may use it meanwhile.
    pub fn look(path: &Path) -> Result<StateDir> {
        let handle = guard::check_place(path).and_then(|()| guard::open_directory(path));
        let handle = handle.map_err(|denied| denied.at(path))?;
        if fs::symlink_metadata(path.join(LOCK)).is_err() {
            return Err(Error::usage(format!("{} is no state directory of windrow's", shown(path))));
        }
        Ok(StateDir { path: path.to_owned(), handle, _lock: None })
    }

    /// Refuses a file to be written that would stand in the directory.
    pub fn check_outside(&self, output: &Path) -> Result<()> {
        let within = |path: &Path| path.parent().is_some_and(|parent| same_directory(parent, &self.path));
        // What is not there yet has no links to follow.
        if within(output) || fs::canonicalize(output).is_ok_and(|path| within(&path)) {
            return Err(refused(
                output,
                "stands in the state directory, which is windrow's alone; name another file",
            ));
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers of the checkpoints that are there, newest first.
    pub fn epochs(&self) -> Result<Vec<u64>> {
        let mut epochs = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|cause| failed(&self.path, cause))? {
            let entry = entry.map_err(|cause| failed(&self.path, cause))?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            epochs.extend(
                number
                    .filter(|number| number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|number| number.parse::<u64>().ok()),
            );
        }
        epochs.sort_unstable_by(|a, b| b.cmp(a));
        Ok(epochs)
    }

    /// Reads a checkpoint.
    pub fn read(&self, epoch: u64) -> Result<std::result::Result<CheckpointV1, Unusable>> {
        let path = self.file(epoch);
        let mut bytes = Vec::new();
        let mut file =
            guard::open(OpenOptions::new().read(true), &path).map_err(|denied| denied.at(&path))?;
        file.read_to_end(&mut bytes).map_err(|cause| failed(&path, cause))?;
        let decoded = codec::open(Kind::Checkpoint, &bytes)
            .and_then(|(version, payload)| CheckpointV1::decode(version, payload))
            .and_then(|found| if found.epoch == epoch { Ok(found) } else { Err(Damage::Content) });
        Ok(decoded.map_err(|damage| Unusable { path, damage }))
    }

    /// The file of a checkpoint.
    pub fn file(&self, epoch: u64) -> PathBuf {
        self.path.join(format!("{PREFIX}{epoch:016}"))
    }

    /// Makes a checkpoint the newest one. It exists completely or not at all: written aside, synced, renamed, the
    /// directory synced. After a failure of any step nothing more is done, so that the one before stays good.
    /// Returns its size in bytes.
    pub fn commit(&self, checkpoint: &CheckpointV1) -> Result<u64> {
        let (version, payload) = checkpoint.encode();
        let header = codec::header_of(Kind::Checkpoint, version, &payload);
        let (aside, path) = (self.path.join(NEW), self.file(checkpoint.epoch));
        self.write_aside(&aside, &[&header, &payload]).map_err(|cause| failed(&aside, cause))?;
        fs::rename(&aside, &path).map_err(|cause| failed(&path, cause))?;
        self.sync()?;
        Ok((header.len() + payload.len()) as u64)
    }

    fn write_aside(&self, aside: &Path, parts: &[&[u8]]) -> io::Result<()> {
        // A run that was killed may have left one.
        match fs::remove_file(aside) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()
    }

    /// Removes all checkpoints but the last two.
    pub fn tidy(&self) -> Result<()> {
        self.epochs()?.into_iter().skip(KEPT).try_for_each(|epoch| self.remove(epoch))
    }

    /// Removes all checkpoints, for good: what comes starts anew.
    pub fn clear(&self) -> Result<()> {
        // The oldest first: never does one that is not the newest seem to be.
        self.epochs()?.into_iter().rev().try_for_each(|epoch| self.remove(epoch))?;
        decisions::clear(&self.path)?;
        self.sync()
    }

    fn remove(&self, epoch: u64) -> Result<()> {
        let path = self.file(epoch);
        fs::remove_file(&path).map_err(|cause| failed(&path, cause))
    }

    /// Makes durable which files there are.
    pub fn sync(&self) -> Result<()> {
        self.handle.sync_all().map_err(|cause| failed(&self.path, cause))
    }
}

fn same_directory(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
    };
    identity(one).is_some_and(|found| Some(found) == identity(other))
}

/// A directory that is there already must be empty, or a state directory.
fn check_unused(path: &Path) -> Result<()> {
    let mut entries = fs::read_dir(path).map_err(|cause| failed(path, cause))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => {
            Err(refused(path, "has files in it that are not windrow's; name an empty or a new directory"))
        }
    }
}

fn in_use(path: &Path, lock: &mut File) -> Error {
    let mut holder = String::new();
    let _ = lock.take(32).read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => String::new(),
        holder => format!(" (process {holder})"),
    };
    Error::InUse(format!(
        "{}: another run{holder} is using this state directory; wait for it, or name another",
        shown(path)
    ))
}

fn refused(path: &Path, why: &str) -> Error {
    Error::usage(format!("{} {why}", shown(path)))
}

fn failed(path: &Path, cause: io::Error) -> Error {
    Error::Output { target: path.display().to_string(), cause }
}

fn shown(path: &Path) -> String {
    Escaped(&path.display().to_string()).to_string()
}
