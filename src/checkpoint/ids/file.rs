//! The files of ids: their names, and opening them.
//!
//! Everything that changes a file goes through the standard library, and so through libc, where tests can make
//! it fail.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use super::{At, Result};
use crate::checkpoint::guard;
use crate::operator::dedup::Buckets;

const PREFIX: &str = "ids-";
const FOREVER: &str = "forever";

/// The name of a bucket's file.
pub fn name(bucket: i64) -> String {
    if bucket == Buckets::FOREVER { format!("{PREFIX}{FOREVER}") } else { format!("{PREFIX}{bucket}") }
}

/// The bucket whose file has this name.
pub fn bucket(name: &str) -> Option<i64> {
    let number = name.strip_prefix(PREFIX)?;
    let bucket = if number == FOREVER { Buckets::FOREVER } else { number.parse().ok()? };
    // Of a number that could be written in several ways, only one is a name.
    (self::name(bucket) == name).then_some(bucket)
}

/// Makes a file that is not there yet, to be appended to.
pub fn create(path: &Path) -> Result<File> {
    guard::open(OpenOptions::new().append(true).create_new(true), path).at(path)
}

/// Opens a file of ours to read it.
pub fn open(path: &Path) -> Result<File> {
    guard::open(OpenOptions::new().read(true), path).at(path)
}

/// Opens a file of ours to append to it.
pub fn open_to_append(path: &Path) -> Result<File> {
    guard::open(OpenOptions::new().append(true), path).at(path)
}

/// Makes sure that what was created or deleted in a directory stays so.
pub fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).at(dir)
}

/// Deletes a file; it is no error if there is none.
pub fn delete(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done.at(path),
    }
}
