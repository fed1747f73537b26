//! The ids of one checkpoint, to be read. Nothing here changes anything.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::segments::Segments;
use super::{At, Lengths, Owner, Result, block, file};
use crate::checkpoint::codec::{self, Damage};
use crate::operator::dedup::Entry;

/// The most entries in a portion: 24 MiB.
pub const PORTION: usize = 1 << 20;

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

/// A file, up to the length that the checkpoint names.
struct Contents {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Contents {
    /// Reads the block that begins there, or what there is of it.
    fn read_block(&self, at: u64, block: &mut Vec<u8>) -> io::Result<()> {
        let rest = self.len - at;
        let mut header = [0; codec::HEADER_BYTES];
        let header = &mut header[..rest.min(codec::HEADER_BYTES as u64) as usize];
        self.file.read_exact_at(header, at)?;
        // A length that is none of ours need not be read to be refused.
        let len = codec::length(header).unwrap_or(0).min(block::BYTES_MAX as u64).min(rest);
        block.clear();
        block.extend_from_slice(header);
        block.resize(header.len().max(len as usize), 0);
        self.file.read_exact_at(&mut block[header.len()..], at + header.len() as u64)
    }
}

impl Stored {
    /// Opens the files that a checkpoint names. Those of which nothing counts at its watermark are left out: they
    /// may have been deleted since.
    ///
    /// # Errors
    ///
    /// If a file is not there, not ours, or shorter than the checkpoint says. What the files hold is only looked
    /// at by [`Stored::read`].
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
        self.files.values().map(|contents| contents.len as usize / block::ENTRY_BYTES).sum()
    }

    /// Reads and checks all files, and hands on what they remember beyond the watermark, in portions of at most
    /// [`PORTION`] entries.
    ///
    /// # Errors
    ///
    /// If a file is damaged or cannot be read. Nothing that was handed on can be used then.
    pub fn read(&self, mut each: impl FnMut(&[Entry])) -> Result<()> {
        let (mut portion, mut window) = (Vec::with_capacity(self.entries().min(PORTION)), Vec::new());
        for (&bucket, contents) in &self.files {
            let mut at = 0;
            while at < contents.len {
                contents.read_block(at, &mut window).at(&contents.path)?;
                let (entries, len) = block::decode(self.owner, bucket, at, &window).at(&contents.path)?;
                let mut strays = false;
                for entry in entries {
                    strays |= self.owner.buckets.of(entry.expiry) != bucket;
                    if entry.expiry > self.watermark {
                        portion.push(entry);
                    }
                    if portion.len() == PORTION {
                        each(&portion);
                        portion.clear();
                    }
                }
                if strays {
                    return Err(Damage::Content).at(&contents.path);
                }
                at += len as u64;
            }
        }
        each(&portion);
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
        let lengths = self.files.iter().map(|(&bucket, contents)| (bucket, contents.len));
        Segments::cut_back(self.dir.clone(), self.owner, lengths.collect(), kept.collect())
    }
}

/// Opens a file of at least this length.
fn contents(path: PathBuf, len: u64) -> Result<Contents> {
    let file = file::open(&path)?;
    if file.metadata().at(&path)?.len() < len {
        return Err(Damage::Length).at(&path);
    }
    Ok(Contents { path, file, len })
}
