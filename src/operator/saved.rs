//! The state of an owner as it is written into a checkpoint: format version 1.
//!
//! Apart from the live types, and never changed once released. Groups stand by key, not by owner: whoever loads
//! them takes those of its own keys, so that a run can go on with another number of owners.

use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::table::Table;
use crate::aggregate::states::States;
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
    /// What is open of each of several kinds of windows: from format version 5 on.
    Several(Vec<KindV5>),
}

/// What is open of one of several kinds of windows. A type of its own, so that none can hold itself.
#[derive(Debug, Serialize, Deserialize)]
pub enum KindV5 {
    /// Open panes.
    Panes(PanesV1),
    /// Open sessions.
    Sessions(SessionsV1),
}

impl OwnerV1 {
    /// Of one kind of windows what there is, of several all of it.
    pub fn of(kinds: Vec<OwnerV1>) -> OwnerV1 {
        let kinds = match <[OwnerV1; 1]>::try_from(kinds) {
            Ok([only]) => return only,
            Err(kinds) => kinds,
        };
        let kind = |saved| match saved {
            OwnerV1::Panes(panes) => KindV5::Panes(panes),
            OwnerV1::Sessions(sessions) => KindV5::Sessions(sessions),
            OwnerV1::Whole(_) | OwnerV1::Waiting(_) | OwnerV1::Several(_) => {
                unreachable!("only windows that close are of several kinds")
            }
        };
        OwnerV1::Several(kinds.into_iter().map(kind).collect())
    }

    /// What there is of each kind.
    pub fn into_each(self) -> Vec<OwnerV1> {
        let owner = |kind| match kind {
            KindV5::Panes(panes) => OwnerV1::Panes(panes),
            KindV5::Sessions(sessions) => OwnerV1::Sessions(sessions),
        };
        match self {
            OwnerV1::Several(kinds) => kinds.into_iter().map(owner).collect(),
            one => vec![one],
        }
    }
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

impl TableV1 {
    /// These keys, with the states of slots `0..keys`.
    pub fn of<'k>(keys: impl Iterator<Item = &'k [u8]>, states: &States) -> TableV1 {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for key in keys {
            bytes.extend_from_slice(key);
            ends.push(bytes.len() as u64);
        }
        let groups = ends.len() as u32;
        TableV1 { keys: Blob(bytes), ends, columns: states.save(groups).into_iter().map(Blob).collect() }
    }
}

impl Table {
    /// The table as it is written.
    pub fn save(&self, keys: &Keys) -> TableV1 {
        TableV1::of(self.keys.iter().map(|&key| keys.get(key)), &self.states)
    }
}
