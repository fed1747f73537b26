//! The files of ids, to be written.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry as Place};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{At, Cause, Error, Lengths, Owner, Result, block, file};
use crate::operator::dedup::Entry;

/// The files of a run's remembered ids. After an error only errors follow.
pub struct Segments {
    dir: PathBuf,
    owner: Owner,
    /// By bucket. All of them lie within one span of expiries: there are some thirty.
    files: BTreeMap<i64, Segment>,
    /// Whether a file was made since the last sync.
    created: bool,
    /// Whether a write or sync has failed.
    failed: bool,
    /// The block that is being written; kept for its memory.
    block: Vec<u8>,
}

struct Segment {
    file: File,
    len: u64,
    /// Whether something was written since the last sync.
    changed: bool,
}

impl Segments {
    /// Begins without any ids: deletes what files of ids there are.
    ///
    /// # Errors
    ///
    /// If that fails.
    pub fn create(dir: &Path, owner: Owner) -> Result<Segments> {
        Segments::cut_back(dir.to_owned(), owner, Vec::new(), BTreeSet::new())
    }

    /// Goes on with files cut back to these lengths; others are deleted, except for those in `kept`.
    pub(super) fn cut_back(
        dir: PathBuf,
        owner: Owner,
        lengths: Lengths,
        kept: BTreeSet<i64>,
    ) -> Result<Segments> {
        let mut files = BTreeMap::new();
        for (bucket, len) in lengths {
            let path = dir.join(file::name(bucket));
            let file = file::open_to_append(&path)?;
            if file.metadata().at(&path)?.len() > len {
                file.set_len(len).at(&path)?;
                file.sync_data().at(&path)?;
            }
            files.insert(bucket, Segment { file, len, changed: false });
        }
        for bucket in present(&dir)? {
            if !files.contains_key(&bucket) && !kept.contains(&bucket) {
                file::delete(&dir.join(file::name(bucket)))?;
            }
        }
        Ok(Segments { dir, owner, files, created: false, failed: false, block: Vec::new() })
    }

    /// Appends entries to the files of their buckets. What is written may be lost until [`Segments::sync`].
    ///
    /// # Errors
    ///
    /// If a file cannot be made or written.
    pub fn append<'e>(&mut self, entries: impl IntoIterator<Item = (i64, &'e [Entry])>) -> Result<()> {
        self.guarded(|segments| {
            let mut entries = entries.into_iter();
            entries.try_for_each(|(bucket, entries)| segments.append_to(bucket, entries))
        })
    }

    /// Makes what was appended last through a power cut, and returns how long each file is of which something
    /// counts at this watermark.
    ///
    /// # Errors
    ///
    /// If a sync fails; nothing is known then about what has been appended since the last one.
    pub fn sync(&mut self, watermark: i64) -> Result<Lengths> {
        self.guarded(|segments| {
            for (&bucket, segment) in segments.files.iter_mut().filter(|(_, segment)| segment.changed) {
                segment.file.sync_data().at(&segments.dir.join(file::name(bucket)))?;
                segment.changed = false;
            }
            if segments.created {
                file::sync_dir(&segments.dir)?;
                segments.created = false;
            }
            let counts = |bucket: i64| segments.owner.buckets.last(bucket) > watermark;
            let files = segments.files.iter().filter(|(bucket, _)| counts(**bucket));
            Ok(files.map(|(&bucket, segment)| (bucket, segment.len)).collect())
        })
    }

    /// Deletes the files in which nothing counts at this watermark, that of the oldest checkpoint that is kept.
    /// A file that comes again after a power cut is deleted by the next run.
    ///
    /// # Errors
    ///
    /// If a file cannot be deleted.
    pub fn expire(&mut self, watermark: i64) -> Result<()> {
        self.guarded(|segments| {
            for bucket in present(&segments.dir)? {
                if segments.owner.buckets.last(bucket) <= watermark {
                    segments.files.remove(&bucket);
                    file::delete(&segments.dir.join(file::name(bucket)))?;
                }
            }
            Ok(())
        })
    }

    fn append_to(&mut self, bucket: i64, entries: &[Entry]) -> Result<()> {
        let path = self.dir.join(file::name(bucket));
        for entries in entries.chunks(block::ENTRIES_MAX) {
            let segment = match self.files.entry(bucket) {
                Place::Occupied(found) => found.into_mut(),
                Place::Vacant(place) => {
                    // One that an older checkpoint needs cannot be in the way: its bucket is behind the watermark.
                    self.created = true;
                    place.insert(Segment { file: file::create(&path)?, len: 0, changed: false })
                }
            };
            block::encode(self.owner, bucket, segment.len, entries, &mut self.block);
            segment.changed = true;
            segment.file.write_all(&self.block).at(&path)?;
            segment.len += self.block.len() as u64;
        }
        Ok(())
    }

    /// Does something after which, if it fails, nothing else is done.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Segments) -> Result<T>) -> Result<T> {
        if self.failed {
            return Err(Error { path: self.dir.clone(), cause: Cause::Failed });
        }
        let done = work(self);
        self.failed = done.is_err();
        done
    }
}

/// The buckets of which there are files.
fn present(dir: &Path) -> Result<Vec<i64>> {
    let mut buckets = Vec::new();
    for entry in fs::read_dir(dir).at(dir)? {
        buckets.extend(entry.at(dir)?.file_name().to_str().and_then(file::bucket));
    }
    buckets.sort_unstable();
    Ok(buckets)
}
