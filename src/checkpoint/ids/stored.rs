//! The ids of one checkpoint, to be read. Nothing here changes anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::segments::Segments;
use super::{At, Lengths, Owner, Result, block, file};
use crate::checkpoint::codec::Damage;
use crate::operator::dedup::Loader;

/// The files that a checkpoint names, as far as it needs them.
pub struct Stored {
    dir: PathBuf,
    owner: Owner,
    watermark: i64,
    /// By bucket.
    files: BTreeMap<i64, Contents>,
    /// Buckets that the checkpoint names and does not need. A checkpoint before it may.
    unneeded: Vec<i64>,
}

/// What a file holds, up to the length that the checkpoint names.
struct Contents {
    path: PathBuf,
    /// `None` where nothing is named.
    map: Option<Mmap>,
}

impl Contents {
    fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

impl Stored {
    /// Opens the files that a checkpoint names. Those of which nothing counts at its watermark are left out: they
    /// may have been deleted since.
    ///
    /// # Errors
    ///
    /// If a file is not there, not ours, or shorter than the checkpoint says. What the files hold is only looked
    /// at by [`Stored::load`].
    pub fn open(dir: &Path, owner: Owner, lengths: &[(i64, u64)], watermark: i64) -> Result<Stored> {
        let mut stored =
            Stored { dir: dir.to_owned(), owner, watermark, files: BTreeMap::new(), unneeded: Vec::new() };
        for &(bucket, len) in lengths {
            if owner.buckets.last(bucket) > watermark {
                stored.files.insert(bucket, contents(dir.join(file::name(bucket)), len)?);
            } else {
                stored.unneeded.push(bucket);
            }
        }
        Ok(stored)
    }

    /// How many entries there are, about: never fewer than there are.
    pub fn entries(&self) -> usize {
        self.files.values().map(|contents| contents.bytes().len() / block::ENTRY_BYTES).sum()
    }

    /// Checks all files and loads part `part` of `parts` of a set for this span, counted from 0. Several threads
    /// may load a part each; [`Loader::join`] makes a set of them.
    ///
    /// # Errors
    ///
    /// If a file is damaged. Every part finds that, so none can be used.
    pub fn load(&self, part: usize, parts: usize, span: i64) -> Result<Loader> {
        let mut loader = Loader::new(part, parts, span, self.entries(), self.watermark);
        for (&bucket, contents) in &self.files {
            self.blocks(bucket, contents.bytes(), &mut loader).at(&contents.path)?;
        }
        Ok(loader)
    }

    fn blocks(&self, bucket: i64, bytes: &[u8], loader: &mut Loader) -> std::result::Result<(), Damage> {
        let mut at = 0;
        while at < bytes.len() {
            let (entries, len) = block::decode(self.owner, bucket, at as u64, &bytes[at..])?;
            let mut strays = false;
            loader.add(entries.inspect(|entry| strays |= self.owner.buckets.of(entry.expiry) != bucket));
            if strays {
                return Err(Damage::Content);
            }
            at += len;
        }
        Ok(())
    }

    /// Makes the files what the checkpoint says, so that the run can go on from it: cuts off what stands beyond
    /// it, and deletes the files of other buckets, except for those that an older checkpoint names in `kept`.
    ///
    /// To be called only when the checkpoint has turned out to be good, this part of it included.
    ///
    /// # Errors
    ///
    /// If that cannot be done, or not be made to last.
    pub fn into_segments(self, kept: &[Lengths]) -> Result<Segments> {
        let kept = kept.iter().flatten().map(|&(bucket, _)| bucket).chain(self.unneeded.iter().copied());
        let lengths = self.files.iter().map(|(&bucket, contents)| (bucket, contents.bytes().len() as u64));
        Segments::cut_back(self.dir.clone(), self.owner, lengths.collect(), kept.collect())
    }
}

/// Maps a file up to a length. A map of a file that others could cut off would be a danger; these are ours, and
/// are cut back only when nothing is mapped beyond.
fn contents(path: PathBuf, len: u64) -> Result<Contents> {
    let file = file::open(&path)?;
    if file.metadata().at(&path)?.len() < len {
        return Err(Damage::Length).at(&path);
    }
    let len = usize::try_from(len).map_err(|_| Damage::Length).at(&path)?;
    if len == 0 {
        return Ok(Contents { path, map: None });
    }
    // SAFETY: the file belongs to this user and lies in a directory that the caller has locked for this run; the
    // run itself never changes bytes before the lengths that a checkpoint names, and cuts back to those only.
    let map = unsafe { memmap2::MmapOptions::new().len(len).map(&file) }.at(&path)?;
    // Only a hint: reading goes from front to back.
    let _ = map.advise(memmap2::Advice::Sequential);
    Ok(Contents { path, map: Some(map) })
}
