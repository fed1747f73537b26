//! Decisions about event time, on record before they take effect.
//!
//! ```text
//! decisions-N     frames of the codec, one a decision: its number (N, N + 1, ...), its place, what it is
//! ```
//!
//! A checkpoint says how many had been made by then. A run that is continued makes those with higher numbers again,
//! each at its place. A new file begins behind each cut, so that whole files go when no checkpoint needs them.
//!
//! A decision by which the watermark has risen is followed by one that says how far: a run that repeats it may not know
//! all that was known then.
//!
//! A frame at the end of a file that is not whole was never synced, so its decision never took effect.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::codec::{self, Kind};
use super::directory::StateDir;
use super::guard;
use crate::error::{Error, Escaped, Result};
use crate::operator::sequence::{Decided, Decision};

const PREFIX: &str = "decisions-";

/// A decision as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct DecidedV1 {
    /// 0, 1, 2, ... within a run and those that continue it.
    number: u64,
    /// See [`Decided::at`].
    at: u64,
    what: DecisionV1,
}

/// See [`Decision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum DecisionV1 {
    Idle(u32),
    Awake(u32),
    Raise(i64),
}

/// The decisions of a run, as they are made.
pub struct Decisions {
    dir: PathBuf,
    /// Makes durable which files there are.
    handle: File,
    /// The number of the next one.
    next: u64,
    /// The numbers with which the files begin, ascending.
    firsts: Vec<u64>,
    /// The last of them, unless a cut was made since.
    last: Option<(PathBuf, File)>,
}

impl Decisions {
    /// The decisions of a run that begins. Files that are there belong to another one, and go before the first is made.
    pub fn begin(dir: &StateDir) -> Result<Decisions> {
        Decisions::open(dir, 0, Vec::new())
    }

    /// The decisions of a run that goes on behind so many.
    pub fn resume(dir: &StateDir, next: u64) -> Result<Decisions> {
        Decisions::open(dir, next, firsts(dir.path())?)
    }

    fn open(dir: &StateDir, next: u64, firsts: Vec<u64>) -> Result<Decisions> {
        let path = dir.path();
        let handle = File::open(path).map_err(|cause| failed(path, cause))?;
        Ok(Decisions { dir: path.to_owned(), handle, next, firsts, last: None })
    }

    /// Puts a decision on record. It may take effect once this has succeeded.
    ///
    /// # Errors
    /// [`Error::Output`]. The run must end then: nobody knows what is on the disk.
    pub fn append(&mut self, decided: Decided) -> Result<()> {
        let what = match decided.what {
            Decision::Idle(source) => DecisionV1::Idle(source),
            Decision::Awake(source) => DecisionV1::Awake(source),
            Decision::Raise(watermark) => DecisionV1::Raise(watermark),
        };
        let payload = codec::encode(&DecidedV1 { number: self.next, at: decided.at, what });
        let frame = [&codec::header(Kind::Decision, &payload)[..], &payload].concat();
        let is_new = self.last.is_none();
        let (path, file) = match &mut self.last {
            Some(last) => last,
            None => {
                let path = file(&self.dir, self.next);
                // What a run that was killed has left under this name never took effect.
                let opened = guard::open(OpenOptions::new().write(true).create(true).truncate(true), &path);
                let opened = opened.map_err(|denied| denied.at(&path))?;
                self.firsts.retain(|first| *first < self.next);
                self.firsts.push(self.next);
                self.last.insert((path, opened))
            }
        };
        file.write_all(&frame).and_then(|()| file.sync_data()).map_err(|cause| failed(path, cause))?;
        if is_new {
            self.handle.sync_all().map_err(|cause| failed(&self.dir, cause))?;
        }
        self.next += 1;
        Ok(())
    }

    /// A cut is made here: returns how many decisions stand before it.
    pub fn cut(&mut self) -> u64 {
        self.last = None;
        self.next
    }

    /// Removes the files of which no decision with this number or a higher one is.
    pub fn forget(&mut self, before: u64) -> Result<()> {
        while let [first, next, ..] = self.firsts[..]
            && next <= before
        {
            let path = file(&self.dir, first);
            fs::remove_file(&path).map_err(|cause| failed(&path, cause))?;
            self.firsts.remove(0);
        }
        Ok(())
    }
}

/// The decisions on record with this number or a higher one.
///
/// # Errors
/// [`Error::Failed`] where one is missing or cannot be read that others stand behind.
pub fn read(dir: &Path, from: u64) -> Result<Vec<Decided>> {
    let mut found = Vec::new();
    let mut next = from;
    for first in firsts(dir)? {
        let path = file(dir, first);
        let mut bytes = Vec::new();
        let mut opened =
            guard::open(OpenOptions::new().read(true), &path).map_err(|denied| denied.at(&path))?;
        opened.read_to_end(&mut bytes).map_err(|cause| failed(&path, cause))?;
        let mut rest = &bytes[..];
        while let Some((written, len)) = split(rest) {
            rest = &rest[len..];
            if written.number < next {
                continue;
            }
            if written.number > next {
                return Err(Error::Failed(format!(
                    "{}: decision {next} is missing; --replay starts anew",
                    Escaped(&path.display().to_string())
                )));
            }
            next += 1;
            let what = match written.what {
                DecisionV1::Idle(source) => Decision::Idle(source),
                DecisionV1::Awake(source) => Decision::Awake(source),
                DecisionV1::Raise(watermark) => Decision::Raise(watermark),
            };
            found.push(Decided { at: written.at, what });
        }
    }
    Ok(found)
}

/// Removes all of them.
pub fn clear(dir: &Path) -> Result<()> {
    firsts(dir)?.into_iter().try_for_each(|first| {
        let path = file(dir, first);
        fs::remove_file(&path).map_err(|cause| failed(&path, cause))
    })
}

/// The decision at the start of `bytes`, and how many bytes it takes up.
fn split(bytes: &[u8]) -> Option<(DecidedV1, usize)> {
    let (_, payload, len) = codec::split(Kind::Decision, bytes).ok()?;
    Some((codec::decode(payload).ok()?, len))
}

/// The numbers with which files begin, ascending.
fn firsts(dir: &Path) -> Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(dir).map_err(|cause| failed(dir, cause))? {
        let name = entry.map_err(|cause| failed(dir, cause))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        firsts
            .extend(number.filter(|number| number.len() == 16).and_then(|number| number.parse::<u64>().ok()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

fn file(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{first:016}"))
}

fn failed(path: &Path, cause: io::Error) -> Error {
    Error::Output { target: path.display().to_string(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, StateDir) {
        let parent = tempfile::tempdir().unwrap();
        let dir = StateDir::open(&parent.path().join("state")).unwrap();
        (parent, dir)
    }

    fn decided(at: u64) -> Decided {
        let what = match at % 3 {
            0 => Decision::Idle(at as u32),
            1 => Decision::Awake(at as u32),
            _ => Decision::Raise(-(at as i64)),
        };
        Decided { at, what }
    }

    #[test]
    fn what_was_decided_behind_a_cut_is_found() {
        let (_parent, dir) = directory();
        let mut decisions = Decisions::begin(&dir).unwrap();
        (0..3).for_each(|at| decisions.append(decided(at)).unwrap());
        assert_eq!(decisions.cut(), 3);
        (3..5).for_each(|at| decisions.append(decided(at)).unwrap());
        let all: Vec<Decided> = (0..5).map(decided).collect();
        assert_eq!(read(dir.path(), 0).unwrap(), all);
        assert_eq!(read(dir.path(), 4).unwrap(), all[4..]);
        decisions.forget(2).unwrap();
        assert_eq!(read(dir.path(), 0).unwrap(), all, "the checkpoint before the last needs the third");
        decisions.forget(3).unwrap();
        assert_eq!(read(dir.path(), 3).unwrap(), all[3..]);
        assert!(read(dir.path(), 0).is_err(), "it is missing, and others stand behind it");
        clear(dir.path()).unwrap();
        assert_eq!(read(dir.path(), 0).unwrap(), []);
    }

    /// Whatever a kill leaves of the last frame, the run that goes on writes over it.
    #[test]
    fn a_torn_frame_was_never_made() {
        let (_parent, dir) = directory();
        let mut decisions = Decisions::begin(&dir).unwrap();
        (0..2).for_each(|at| decisions.append(decided(at)).unwrap());
        let path = file(dir.path(), 0);
        let whole = fs::read(&path).unwrap();
        for len in whole.len() / 2..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            assert_eq!(read(dir.path(), 0).unwrap(), [decided(0)]);
        }
        let mut decisions = Decisions::resume(&dir, 1).unwrap();
        decisions.append(decided(7)).unwrap();
        assert_eq!(read(dir.path(), 0).unwrap(), [decided(0), decided(7)]);
    }
}
