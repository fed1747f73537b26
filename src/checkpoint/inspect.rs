//! What is in a state directory, for people and scripts that look into it.
//!
//! Reads only: no lock is taken, since a run that is about to start would find the directory in use. A run may add
//! and remove checkpoints meanwhile. Nothing here prints, and nothing here decides what a run does.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::directory::{LOCK, StateDir, Unusable};
use super::guard;
use super::written::CheckpointV1;
use crate::error::{Error, Escaped, Result};
use crate::output::ledger::{Delivery, Ledger};

/// How often the list of checkpoints is read again when one of them is gone before it could be read.
const LISTINGS_MAX: usize = 20;

/// A state directory as it was found.
pub struct Looked {
    /// Where it is.
    pub path: PathBuf,
    /// The newest checkpoint that can be used.
    pub checkpoint: CheckpointV1,
    /// Newer ones that cannot.
    pub damaged: Vec<Unusable>,
    /// The process that uses the directory, if one does.
    pub user: Option<u32>,
    /// How much a stream has taken, where the rows go to one and the page for that can be read.
    pub delivery: Option<Delivery>,
    /// Sizes in bytes.
    pub sizes: Sizes,
}

/// Sizes of the files of a state directory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The file of the checkpoint.
    pub checkpoint: u64,
    /// The files of ids that it names, as long as it says.
    pub ids: u64,
    /// All files in the directory.
    pub total: u64,
}

/// Looks into a directory.
///
/// # Errors
/// [`Error::Usage`] where there is no state directory, or none that this user may trust; [`Error::Failed`] where it has
/// no checkpoint that can be used.
pub fn look(path: &Path) -> Result<Looked> {
    let dir = open(path)?;
    let user = user(path);
    let (checkpoint, damaged) = newest(&dir)?;
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let sizes = Sizes {
        checkpoint: size(&dir.file(checkpoint.epoch)),
        ids: checkpoint.ids.iter().map(|(_, len)| len).fold(0, |sum: u64, len| sum.saturating_add(*len)),
        total: files(path)?.iter().map(|name| size(&path.join(name))).sum(),
    };
    let delivery = match checkpoint.rows.stream {
        true => Ledger::look(&path.join(DELIVERY)).ok().and_then(std::result::Result::ok),
        false => None,
    };
    let delivery = delivery.filter(|(run, _)| *run == checkpoint.run).map(|(_, delivery)| delivery);
    Ok(Looked { path: path.to_owned(), checkpoint, damaged, user, delivery, sizes })
}

/// The number of the newest checkpoint of a directory, damaged or not; `None` if there is none, or no directory.
pub fn newest_epoch(path: &Path) -> Option<u64> {
    open(path).ok()?.epochs().ok()?.first().copied()
}

/// The name of the page for deliveries.
pub(super) const DELIVERY: &str = "delivery";

/// Opens a directory to look at it.
pub(super) fn open(path: &Path) -> Result<StateDir> {
    match fs::symlink_metadata(path) {
        Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(Error::usage(format!("there is no state directory {}", Escaped(&path.display().to_string()))))
        }
        _ => StateDir::look(path),
    }
}

/// The newest checkpoint that can be used, and the damaged ones before it.
fn newest(dir: &StateDir) -> Result<(CheckpointV1, Vec<Unusable>)> {
    let name = || Escaped(&dir.path().display().to_string()).to_string();
    for _ in 0..LISTINGS_MAX {
        match newest_listed(dir) {
            // A run has removed it since it was listed, and has made newer ones.
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
            Ok((Some(checkpoint), damaged)) => return Ok((checkpoint, damaged)),
            Ok((None, damaged)) => {
                return Err(Error::Failed(match damaged.first() {
                    None => format!("{} has no checkpoint yet", name()),
                    Some(first) => format!(
                        "{first}; no checkpoint in {} can be used: running the job with --replay starts anew",
                        name()
                    ),
                }));
            }
        }
    }
    Err(Error::Failed(format!("the checkpoints in {} are replaced faster than they can be read", name())))
}

fn newest_listed(dir: &StateDir) -> Result<(Option<CheckpointV1>, Vec<Unusable>)> {
    let mut damaged = Vec::new();
    for epoch in dir.epochs()? {
        match dir.read(epoch)? {
            Ok(checkpoint) => return Ok((Some(checkpoint), damaged)),
            Err(unusable) => damaged.push(unusable),
        }
    }
    Ok((None, damaged))
}

/// Whether a file that was listed was gone when it was opened.
pub(super) fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Output { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
}

/// The names of all files of a directory, in order.
pub(super) fn files(path: &Path) -> Result<Vec<String>> {
    let failed = |cause| Error::Output { target: path.display().to_string(), cause };
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// The process that uses a directory: the one noted in the lock file, if it still holds the lock.
///
/// Asking for the lock would answer that too, but would stand in the way of a run that starts just then.
fn user(path: &Path) -> Option<u32> {
    let path = path.join(LOCK);
    let mut noted = String::new();
    guard::open(OpenOptions::new().read(true), &path).ok()?.read_to_string(&mut noted).ok()?;
    let process: i32 = noted.trim().parse().ok()?;
    let id = rustix::process::Pid::from_raw(process)?;
    let lives = match rustix::process::test_kill_process(id) {
        Ok(()) => true,
        Err(cause) => cause == rustix::io::Errno::PERM,
    };
    // A process that came later may have the same number. Linux lists who holds which lock; where locks come and go while
    // the list is read, it may leave out others.
    let inode = fs::metadata(&path).ok()?.ino();
    let holds = || match fs::read_to_string("/proc/locks") {
        Ok(locks) => names_lock(&locks, process, inode),
        Err(_) => true,
    };
    (lives && (0..LOOKS).any(|_| holds())).then_some(process.unsigned_abs())
}

/// How often the list of locks is read before a lock that is not in it is taken to be none.
const LOOKS: usize = 5;

/// Whether a list in the form of `/proc/locks` has a lock of this process on a file with this inode:
/// `1: FLOCK  ADVISORY  WRITE 4711 00:2e:1234 0 EOF`.
fn names_lock(locks: &str, process: i32, inode: u64) -> bool {
    let (process, inode) = (process.to_string(), format!(":{inode}"));
    locks.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some("FLOCK")
            && words.nth(2) == Some(process.as_str())
            && words.next().is_some_and(|file| file.ends_with(&inode))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_found_in_the_list() {
        let locks = "1: POSIX  ADVISORY  WRITE 10 00:2e:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 11 00:2e:77 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 12 00:2e:77 0 EOF\n";
        assert!(names_lock(locks, 11, 77));
        assert!(!names_lock(locks, 10, 77) && !names_lock(locks, 12, 77));
        assert!(!names_lock(locks, 11, 7) && !names_lock(locks, 11, 177) && !names_lock("", 11, 77));
    }

    #[test]
    fn the_user_of_a_directory_is_known_while_it_lasts() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("state");
        let dir = StateDir::open(&path).unwrap();
        assert_eq!(user(&path), Some(std::process::id()));
        drop(dir);
        if Path::new("/proc/locks").exists() {
            assert_eq!(user(&path), None);
        }
    }
}
