//! A directory for the files of a proof, which goes when the proof is over unless somebody is to look at them.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The directory. It is removed with all that is in it when this is dropped.
pub struct Scratch {
    path: PathBuf,
    kept: bool,
}

/// So many names are tried.
const NAMES_MAX: u32 = 1000;

impl Scratch {
    /// A new directory, for this user only, where temporary files go (`TMPDIR`).
    pub fn new() -> Result<Scratch> {
        let parent = std::env::temp_dir();
        for n in 0..NAMES_MAX {
            let path = parent.join(format!("windrow-verify-{}-{n}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Scratch { path, kept: false }),
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(failed(&path, cause)),
            }
        }
        Err(Error::Failed(format!("{}: no name is free for a temporary directory", parent.display())))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new directory in it, in place of any of this name.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        match fs::remove_dir_all(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(&path, cause)),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&path).map_err(|cause| failed(&path, cause))?;
        Ok(path)
    }

    /// Lets it stay.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// Lets it go after all.
    pub fn discard(&mut self) {
        self.kept = false;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept {
            // Whoever cannot remove it has said why elsewhere, or never will.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// An error about a file of the proof.
pub fn failed(path: &Path, cause: io::Error) -> Error {
    Error::Output { target: path.display().to_string(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_unless_it_is_kept() {
        for kept in [false, true] {
            let mut scratch = Scratch::new().unwrap();
            fs::write(scratch.directory("a").unwrap().join("x"), "x").unwrap();
            assert!(fs::read_dir(scratch.directory("a").unwrap()).unwrap().next().is_none());
            if kept {
                scratch.keep();
            }
            let path = scratch.path().to_owned();
            drop(scratch);
            assert_eq!(path.exists(), kept);
            let _ = fs::remove_dir_all(path);
        }
    }
}
