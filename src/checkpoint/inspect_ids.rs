//! What is in the files of remembered ids.
//!
//! The one place beside the store itself that knows how such a file looks inside: see [`entries`] and [`bounds`].

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::codec::Damage;
use super::directory::Unusable;

/// The ids of one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdFile {
    /// The bucket.
    pub bucket: i64,
    /// From when to when the ids in it are forgotten, `[from, to)`; `None` where the bucket does not tell.
    pub bounds: Option<(i64, i64)>,
    /// How many ids it has.
    pub count: u64,
    /// How many bytes they take.
    pub bytes: u64,
}

/// The file of a bucket.
pub fn path(dir: &Path, bucket: i64) -> PathBuf {
    dir.join(format!("ids-{bucket}"))
}

/// Looks into the first `len` bytes of the file of a bucket: what stands behind them no checkpoint speaks of.
pub fn look(dir: &Path, bucket: i64, len: u64) -> Result<IdFile, Unusable> {
    let path = path(dir, bucket);
    let count = read(&path, len).and_then(|bytes| entries(&bytes));
    match count {
        Ok(count) => Ok(IdFile { bucket, bounds: bounds(bucket), count, bytes: len }),
        Err(damage) => Err(Unusable { path, damage }),
    }
}

fn read(path: &Path, len: u64) -> Result<Vec<u8>, Damage> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(len).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 == len => Ok(bytes),
        // A bucket without ids needs no file.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && len == 0 => Ok(bytes),
        Ok(_) | Err(_) => Err(Damage::Length),
    }
}

/// How many ids stand in the bytes of a file, all of which are checked.
fn entries(bytes: &[u8]) -> Result<u64, Damage> {
    /// An id of 16 bytes, and when it is forgotten.
    const ENTRY_BYTES: usize = 24;
    match bytes.len() % ENTRY_BYTES {
        0 => Ok((bytes.len() / ENTRY_BYTES) as u64),
        _ => Err(Damage::Length),
    }
}

/// Within which bounds the ids of a bucket are forgotten.
fn bounds(_bucket: i64) -> Option<(i64, i64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_the_checkpoint_says() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(look(dir.path(), 3, 0).unwrap().count, 0);
        assert_eq!(look(dir.path(), 3, 24).unwrap_err().damage, Damage::Length);
        std::fs::write(path(dir.path(), 3), [1; 30]).unwrap();
        let found = look(dir.path(), 3, 24).unwrap();
        assert_eq!((found.bucket, found.count, found.bytes), (3, 1, 24));
        assert_eq!(look(dir.path(), 3, 48).unwrap_err().damage, Damage::Length);
    }
}
