//! The bytes of a file of ids: blocks, one behind the other, each in the frame of `codec`.
//!
//! ```text
//! payload  0   8  the owner's number, little-endian as all numbers here
//!          8   8  the bucket
//!         16   8  the binary logarithm of a bucket's length in microseconds
//!         24   8  where in the file the frame begins
//!         32   -  entries: 16 bytes of hash, 8 of expiry
//! ```
//!
//! This is the form that bincode gives these numbers, written without it for speed. With owner, bucket and place
//! in the block, a file or block that is whole but in the wrong place is noticed.

use super::Owner;
use crate::checkpoint::codec::{self, Damage, Kind};
use crate::operator::dedup::{Buckets, Entry};

/// The most entries in a block: 1.5 MiB.
pub const ENTRIES_MAX: usize = 1 << 16;

/// The most bytes of a block.
pub const BYTES_MAX: usize = codec::HEADER_BYTES + PREFIX_BYTES + ENTRIES_MAX * ENTRY_BYTES;

const PREFIX_BYTES: usize = 32;
/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 24;

/// Makes `out` a block; `at` is where in the file it will begin.
pub fn encode(owner: Owner, bucket: i64, at: u64, entries: &[Entry], out: &mut Vec<u8>) {
    // The header needs the payload's digest, so only its room comes first.
    out.clear();
    out.extend_from_slice(&codec::header(Kind::Ids, &[]));
    let start = out.len();
    out.extend_from_slice(&prefix(owner, bucket, at));
    for entry in entries {
        out.extend_from_slice(&entry.id().to_le_bytes());
        out.extend_from_slice(&entry.expiry.to_le_bytes());
    }
    let header = codec::header(Kind::Ids, &out[start..]);
    out[..start].copy_from_slice(&header);
}

/// The entries of the block at the start of `bytes`, and the block's length.
pub fn decode(
    owner: Owner,
    bucket: i64,
    at: u64,
    bytes: &[u8],
) -> Result<(impl Iterator<Item = Entry>, usize), Damage> {
    let (_, payload, len) = codec::split(Kind::Ids, bytes)?;
    let entries = payload.strip_prefix(&prefix(owner, bucket, at)).ok_or(Damage::Content)?;
    let (entries, []) = entries.as_chunks::<ENTRY_BYTES>() else { return Err(Damage::Content) };
    let entries = entries.iter().map(|bytes| {
        let (id, expiry) = bytes.split_at(16);
        let id = u128::from_le_bytes(id.try_into().expect("16 bytes"));
        Entry::new(id, i64::from_le_bytes(expiry.try_into().expect("8 bytes")))
    });
    Ok((entries, len))
}

/// Whose the block at the start of `bytes` says it is.
pub fn owner(bytes: &[u8]) -> Result<Owner, Damage> {
    let (_, payload, _) = codec::split(Kind::Ids, bytes)?;
    let number =
        |at: usize| payload.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let buckets = number(16).and_then(Buckets::of_shift);
    number(0).zip(buckets).map(|(run, buckets)| Owner { run, buckets }).ok_or(Damage::Content)
}

fn prefix(owner: Owner, bucket: i64, at: u64) -> [u8; PREFIX_BYTES] {
    let mut prefix = [0; PREFIX_BYTES];
    prefix[..8].copy_from_slice(&owner.run.to_le_bytes());
    prefix[8..16].copy_from_slice(&bucket.to_le_bytes());
    prefix[16..24].copy_from_slice(&u64::from(owner.buckets.shift()).to_le_bytes());
    prefix[24..].copy_from_slice(&at.to_le_bytes());
    prefix
}
