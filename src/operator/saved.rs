//! The state of an owner as it is written into a checkpoint: format version 1.
//!
//! Apart from the live types, and never changed once released. Groups stand by key, not by owner: whoever loads
//! them takes those of its own keys, so that a run can go on with another number of owners.

use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::table::{Calls, Table};
use crate::aggregate::Accumulators;
use crate::checkpoint::codec::Damage;
use crate::checkpoint::written::Blob;

/// What an owner holds.
#[derive(Debug, Serialize, Deserialize)]
pub enum OwnerV1 {
    /// Open panes.
    Panes(PanesV1),
    /// Open sessions.
    Sessions(SessionsV1),
    /// The one table of `--window none`.
    Whole(TableV1),
    /// Events that wait for the watermark.
    Waiting(Vec<WaitingV1>),
}

/// Open panes, in the order of their starts.
#[derive(Debug, Serialize, Deserialize)]
pub struct PanesV1 {
    /// Windows that end here or before have fired.
    pub fired: i64,
    /// The panes.
    pub panes: Vec<PaneV1>,
}

/// One open pane.
#[derive(Debug, Serialize, Deserialize)]
pub struct PaneV1 {
    /// Its start.
    pub start: i64,
    /// When the last window that contains it closes.
    pub last_end: i64,
    /// Its groups.
    pub table: TableV1,
}

/// Open sessions.
#[derive(Debug, Serialize, Deserialize)]
pub struct SessionsV1 {
    /// Per slot of the table, start and end; `None` for a slot that is free.
    pub bounds: Vec<Option<(i64, i64)>>,
    /// Their keys and states.
    pub table: TableV1,
}

/// Groups: keys, and the states of each aggregate.
#[derive(Debug, Serialize, Deserialize)]
pub struct TableV1 {
    /// The encoded keys, one behind the other.
    pub keys: Blob,
    /// Per group, where its key ends.
    pub ends: Vec<u64>,
    /// Per aggregate, its states, as it writes them.
    pub columns: Vec<Blob>,
}

/// One group of a saved table.
pub struct SavedGroup<'s> {
    /// Its number in the table, which is the slot of its states.
    pub number: u32,
    /// The hash of its key.
    pub hash: u64,
    /// Its encoded key.
    pub key: &'s [u8],
}

/// An event that waits: `windrow order`.
#[derive(Debug, Serialize, Deserialize)]
pub struct WaitingV1 {
    /// Its time in microseconds since the Unix epoch.
    pub time: i64,
    /// The rank of its source.
    pub source: u32,
    /// Its position in the source, in records.
    pub record: u64,
    /// Its text.
    pub text: Blob,
}

/// Which keys an owner takes of what was saved.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// Its number.
    pub number: u64,
    /// Of how many.
    pub owners: u64,
    /// The seed of the hashes of keys.
    pub seed: u64,
}

impl Share {
    /// Whether a key with this hash is taken: the hash's upper half, scaled to the number of owners.
    #[inline]
    pub fn takes(&self, hash: u64) -> bool {
        ((hash >> 32) * self.owners) >> 32 == self.number
    }

    fn hash(&self, key: &[u8]) -> u64 {
        crate::parse::key::hash(key, self.seed)
    }
}

impl TableV1 {
    /// These keys, with the states of slots `0..keys`.
    pub fn of<'k>(keys: impl Iterator<Item = &'k [u8]>, columns: &[Box<dyn Accumulators>]) -> TableV1 {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for key in keys {
            bytes.extend_from_slice(key);
            ends.push(bytes.len() as u64);
        }
        let groups = ends.len() as u32;
        TableV1 { keys: Blob(bytes), ends, columns: columns.iter().map(|c| Blob(c.save(groups))).collect() }
    }

    /// The states again, in the order of the groups.
    pub fn columns(&self, calls: &Calls) -> Result<Vec<Box<dyn Accumulators>>, Damage> {
        let mut columns = calls.make();
        if columns.len() != self.columns.len() {
            return Err(Damage::Content);
        }
        for (column, saved) in columns.iter_mut().zip(&self.columns) {
            if column.load(&saved.0)? as usize != self.ends.len() {
                return Err(Damage::Content);
            }
        }
        Ok(columns)
    }

    /// The groups whose keys are in the share.
    pub fn groups(&self, share: Share) -> Result<Vec<SavedGroup<'_>>, Damage> {
        let (mut groups, mut start) = (Vec::new(), 0);
        for (number, &end) in (0u32..).zip(&self.ends) {
            let end = usize::try_from(end).map_err(|_| Damage::Content)?;
            let key = self.keys.0.get(start..end).ok_or(Damage::Content)?;
            let hash = share.hash(key);
            if share.takes(hash) {
                groups.push(SavedGroup { number, hash, key });
            }
            start = end;
        }
        Ok(groups)
    }
}

impl Table {
    /// The table as it is written.
    pub fn save(&self, keys: &Keys) -> TableV1 {
        TableV1::of(self.keys.iter().map(|&key| keys.get(key)), &self.columns)
    }

    /// Takes in the groups of a saved table that are in the share.
    pub fn load(
        &mut self,
        saved: &TableV1,
        calls: &Calls,
        share: Share,
        keys: &mut Keys,
    ) -> Result<(), Damage> {
        let columns = saved.columns(calls)?;
        let mut pairs = Vec::new();
        for group in saved.groups(share)? {
            let key = keys.intern(group.hash, group.key);
            pairs.push((group.number, self.slot(key, keys)));
        }
        self.make_room();
        for (mine, theirs) in self.columns.iter_mut().zip(&columns) {
            mine.merge(theirs.as_ref(), &pairs);
        }
        Ok(())
    }
}
