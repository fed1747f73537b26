//! The remembered ids in a state directory: one file per bucket of expiries, to which each checkpoint appends
//! what is new, and which is deleted when no checkpoint that is kept needs it any more.
//!
//! A checkpoint names the length of each file. What stands beyond is of a later checkpoint that never was;
//! [`Stored`] does not look at it, and [`Stored::into_segments`] cuts it off. So files are only ever appended to,
//! deleted, and cut back before the run goes on.
//!
//! This does I/O and knows no thread. The directory is the caller's, who has made sure that it is ours alone, and
//! who holds a lock on it; each file is looked at by `guard` when it is opened. A failed write or sync is final: the run stops, and the last checkpoint stays good.

mod block;
mod file;
mod segments;
mod stored;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::codec::Damage;
use super::directory::Unusable;
use super::guard::Denied;
use crate::error::{self, Escaped, words};
use crate::operator::dedup::Buckets;

pub use segments::Segments;
pub use stored::{PORTION, Stored};

/// The file of a bucket.
pub fn path(dir: &Path, bucket: i64) -> PathBuf {
    dir.join(file::name(bucket))
}

/// Checks what a file of this run and bucket holds up to the length that a checkpoint names: how many entries, and
/// how expiries are divided.
pub fn check(run: u64, bucket: i64, bytes: &[u8]) -> std::result::Result<(u64, Buckets), Damage> {
    let owner = block::owner(bytes)?;
    let (mut at, mut count, mut strays) = (0, 0, owner.run != run);
    while at < bytes.len() {
        let (entries, len) = block::decode(owner, bucket, at as u64, &bytes[at..])?;
        for entry in entries {
            strays |= owner.buckets.of(entry.expiry) != bucket;
            count += 1;
        }
        at += len;
    }
    if strays { Err(Damage::Content) } else { Ok((count, owner.buckets)) }
}

/// The length in bytes of each file that a checkpoint needs, by bucket.
pub type Lengths = Vec<(i64, u64)>;

/// What makes files those of one job's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// A number that stands for the state directory, such as a part of the key of its id hashes.
    pub run: u64,
    /// How expiries are divided into files.
    pub buckets: Buckets,
}

/// Why ids cannot be stored or read.
#[derive(Debug)]
pub struct Error {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong with a file.
#[derive(Debug)]
pub enum Cause {
    /// The system refused something.
    Io(io::Error),
    /// Its bytes are not what they should be. An older checkpoint may still be good.
    Damaged(Damage),
    /// It is not ours alone, for this reason: see [`Denied::NotOurs`].
    NotOurs(&'static str),
    /// An earlier write or sync failed, so what the file holds is not known.
    Failed,
}

/// The result of storing or reading ids.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.to_string_lossy();
        let name = Escaped(&path);
        match &self.cause {
            Cause::Io(cause) => write!(f, "{name}: {}", words(cause)),
            Cause::Damaged(damage) => write!(f, "{name}: {damage}"),
            Cause::NotOurs(why) => write!(f, "{name} {why}"),
            Cause::Failed => write!(f, "{name}: an earlier write failed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Io(cause) => Some(cause),
            _ => None,
        }
    }
}

impl Error {
    /// Whether an older checkpoint may still be good: then what is wrong, else the error.
    pub fn into_unusable(self) -> std::result::Result<Unusable, error::Error> {
        match self.cause {
            Cause::Damaged(damage) => Ok(Unusable { path: self.path, damage }),
            Cause::Io(cause) if cause.kind() == io::ErrorKind::NotFound => {
                Ok(Unusable { path: self.path, damage: Damage::Missing })
            }
            cause => Err(Error { path: self.path, cause }.into()),
        }
    }
}

impl From<Error> for error::Error {
    fn from(error: Error) -> error::Error {
        match error.cause {
            Cause::Io(cause) => Denied::Io(cause).at(&error.path),
            Cause::NotOurs(why) => Denied::NotOurs(why).at(&error.path),
            _ => error::Error::Failed(error.to_string()),
        }
    }
}

/// Names the file in an error.
trait At<T> {
    fn at(self, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|cause| Error { path: path.to_owned(), cause: Cause::Io(cause) })
    }
}

impl<T> At<T> for std::result::Result<T, Denied> {
    fn at(self, path: &Path) -> Result<T> {
        let cause = |denied| match denied {
            Denied::Io(cause) => Cause::Io(cause),
            Denied::NotOurs(why) => Cause::NotOurs(why),
        };
        self.map_err(|denied| Error { path: path.to_owned(), cause: cause(denied) })
    }
}

impl<T> At<T> for std::result::Result<T, Damage> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|damage| Error { path: path.to_owned(), cause: Cause::Damaged(damage) })
    }
}
