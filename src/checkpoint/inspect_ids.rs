//! What is in the files of remembered ids.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::Path;

use super::codec::Damage;
use super::directory::Unusable;
use super::guard::{self, Denied};
use super::ids;
use crate::operator::dedup::Buckets;

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

/// Looks into the first `len` bytes of the file of a bucket: what stands behind them no checkpoint speaks of.
pub fn look(dir: &Path, run: u64, bucket: i64, len: u64) -> Result<IdFile, Unusable> {
    let path = ids::path(dir, bucket);
    match read(&path, len).and_then(|bytes| ids::check(run, bucket, &bytes)) {
        Ok((count, buckets)) => {
            let bounds = (bucket != Buckets::FOREVER)
                .then(|| (buckets.first(bucket), buckets.last(bucket).saturating_add(1)));
            Ok(IdFile { bucket, bounds, count, bytes: len })
        }
        Err(damage) => Err(Unusable { path, damage }),
    }
}

fn read(path: &Path, len: u64) -> Result<Vec<u8>, Damage> {
    let mut bytes = Vec::new();
    let file = guard::open(OpenOptions::new().read(true), path).map_err(|denied| match denied {
        denied if denied.is_missing() => Damage::Missing,
        Denied::Io(_) => Damage::Length,
        Denied::NotOurs(_) => Damage::Foreign,
    })?;
    match file.take(len).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 == len => Ok(bytes),
        Ok(_) | Err(_) => Err(Damage::Length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::ids::{Owner, Segments};
    use crate::operator::dedup::Entry;

    #[test]
    fn as_much_as_the_checkpoint_says() {
        let dir = tempfile::tempdir().unwrap();
        let owner = Owner { run: 7, buckets: Buckets::for_span(1000) };
        let (bucket, entries) = (owner.buckets.of(500), [Entry::new(1 << 80, 500), Entry::new(2, 501)]);
        let mut segments = Segments::create(dir.path(), owner).unwrap();
        segments.append([(bucket, &entries[..])]).unwrap();
        let len = segments.sync(i64::MIN).unwrap()[0].1;
        segments.append([(bucket, &entries[..])]).unwrap();
        let found = look(dir.path(), 7, bucket, len).unwrap();
        assert_eq!((found.bucket, found.count, found.bytes), (bucket, 2, len));
        assert!(found.bounds.is_some_and(|(from, to)| from <= 500 && 501 < to));
        assert_eq!(look(dir.path(), 8, bucket, len).unwrap_err().damage, Damage::Content);
        assert_eq!(look(dir.path(), 7, bucket, len - 1).unwrap_err().damage, Damage::Length);
        assert_eq!(look(dir.path(), 7, bucket, 1 << 20).unwrap_err().damage, Damage::Length);
        assert_eq!(look(dir.path(), 7, bucket + 1, 9).unwrap_err().damage, Damage::Missing);
        std::os::unix::fs::symlink(ids::path(dir.path(), bucket), ids::path(dir.path(), bucket + 2)).unwrap();
        assert_eq!(look(dir.path(), 7, bucket + 2, len).unwrap_err().damage, Damage::Foreign);
    }
}
