//! Opening files that must be ours, and their names.
//!
//! Everything that changes a file goes through the standard library, and so through libc, where tests can make
//! it fail.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::{At, Cause, Error, Result};
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
    options().append(true).create_new(true).mode(0o600).open(path).at(path)
}

/// Opens a file of ours to read it.
pub fn open(path: &Path) -> Result<File> {
    ours(options().read(true).open(path).at(path)?, path)
}

/// Opens a file of ours to append to it.
pub fn open_to_append(path: &Path) -> Result<File> {
    ours(options().append(true).open(path).at(path)?, path)
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

/// No link is followed, nothing waits for the other end of a pipe, and no child gets the file. (The standard
/// library adds `O_CLOEXEC`.)
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    options
}

/// Whoever could plant or write to a file could make events vanish.
fn ours(file: File, path: &Path) -> Result<File> {
    let is = file.metadata().at(path)?;
    let ours = is.is_file()
        && is.uid() == rustix::process::geteuid().as_raw()
        && is.nlink() == 1
        && is.mode() & 0o022 == 0;
    if ours { Ok(file) } else { Err(Error { path: path.to_owned(), cause: Cause::NotOurs }) }
}
