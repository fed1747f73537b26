//! What an owner knows of windows that may be written more than once, as it is written into a checkpoint: format
//! version 3, beside the state of [`super::saved`].
//!
//! Apart from the live types, and never changed once released. Groups are named by their keys: whoever loads them takes
//! those of its own.

use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::loaded::Share;
use super::repeats::Written;
use crate::checkpoint::codec::Damage;
use crate::checkpoint::written::Blob;
use crate::parse::key;
use crate::window::Window;

/// What an owner knows besides what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RepeatsV3 {
    /// Of panes and their windows.
    Panes(PanesV3),
    /// Of sessions.
    Sessions(SessionsV3),
    /// Of the one table of `--window none`.
    Whole(WholeV3),
    /// Of each of several kinds of windows: from format version 5 on.
    Several(Vec<KindRepeatsV5>),
}

/// What is known of one of several kinds of windows. A type of its own, so that none can hold itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KindRepeatsV5 {
    /// Of panes and their windows.
    Panes(PanesV3),
    /// Of sessions.
    Sessions(SessionsV3),
}

/// What is known of one kind of windows.
#[derive(Debug, Clone, Copy)]
pub enum Known<'k> {
    /// Of panes and their windows.
    Panes(&'k PanesV3),
    /// Of sessions.
    Sessions(&'k SessionsV3),
    /// Of the one table of `--window none`.
    Whole(&'k WholeV3),
}

/// What is known of panes and their windows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanesV3 {
    /// Panes that have changed since open windows were written.
    pub changed: Vec<ChangedV3>,
    /// Windows that have changed since they fired.
    pub pending: Vec<ChangedV3>,
    /// Windows that have been written, and may be again.
    pub written: Vec<WrittenV3>,
}

/// A pane or a window that has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedV3 {
    /// Its start.
    pub start: i64,
    /// Its end; 0 for a pane, which is named by its start.
    pub end: i64,
    /// The groups that have changed.
    pub groups: GroupsV3,
}

/// How often a window has been written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenV3 {
    /// Its start.
    pub start: i64,
    /// Its end.
    pub end: i64,
    /// How often, if it is written as a whole.
    pub times: Option<u32>,
    /// If not, its groups.
    pub groups: GroupsV3,
}

/// Groups by their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupsV3 {
    /// The encoded keys, one behind the other.
    pub keys: Blob,
    /// Per group, where its key ends.
    pub ends: Vec<u64>,
    /// Per group, how often it has been written, where that is asked.
    pub times: Vec<u32>,
}

/// What is known of sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsV3 {
    /// Those that end before this have fired.
    pub fired: i64,
    /// Per slot, as in the state of the sessions.
    pub sessions: Vec<SessionV3>,
}

/// What is known of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionV3 {
    /// Whether it has changed since it was written.
    pub changed: bool,
    /// Whether it has fired, or one that has grown into it.
    pub fired: bool,
    /// How often it has been written.
    pub times: u32,
}

/// What is known of the one table of `--window none`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeV3 {
    /// Whether anything has changed since it was written.
    pub changed: bool,
    /// The groups that have.
    pub groups: GroupsV3,
    /// How often it has been written; its bounds mean nothing.
    pub written: Option<WrittenV3>,
}

impl RepeatsV3 {
    /// Of one kind of windows what there is, of several all of it.
    pub fn of(kinds: Vec<RepeatsV3>) -> RepeatsV3 {
        let kinds = match <[RepeatsV3; 1]>::try_from(kinds) {
            Ok([only]) => return only,
            Err(kinds) => kinds,
        };
        let kind = |saved| match saved {
            RepeatsV3::Panes(panes) => KindRepeatsV5::Panes(panes),
            RepeatsV3::Sessions(sessions) => KindRepeatsV5::Sessions(sessions),
            RepeatsV3::Whole(_) | RepeatsV3::Several(_) => {
                unreachable!("only windows that close are of several kinds")
            }
        };
        RepeatsV3::Several(kinds.into_iter().map(kind).collect())
    }

    /// What is known of each kind.
    pub fn each(&self) -> Vec<Known<'_>> {
        match self {
            RepeatsV3::Panes(panes) => vec![Known::Panes(panes)],
            RepeatsV3::Sessions(sessions) => vec![Known::Sessions(sessions)],
            RepeatsV3::Whole(whole) => vec![Known::Whole(whole)],
            RepeatsV3::Several(kinds) => {
                let mut known = Vec::with_capacity(kinds.len());
                for kind in kinds {
                    known.push(match kind {
                        KindRepeatsV5::Panes(panes) => Known::Panes(panes),
                        KindRepeatsV5::Sessions(sessions) => Known::Sessions(sessions),
                    });
                }
                known
            }
        }
    }
}

impl<'k> Known<'k> {
    /// What is known of panes.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`], as for the others, if it is something else.
    pub fn panes(self) -> Result<&'k PanesV3, Damage> {
        match self {
            Known::Panes(panes) => Ok(panes),
            _ => Err(Damage::Content),
        }
    }

    /// What is known of sessions.
    pub fn sessions(self) -> Result<&'k SessionsV3, Damage> {
        match self {
            Known::Sessions(sessions) => Ok(sessions),
            _ => Err(Damage::Content),
        }
    }

    /// What is known of the one table.
    pub fn whole(self) -> Result<&'k WholeV3, Damage> {
        match self {
            Known::Whole(whole) => Ok(whole),
            _ => Err(Damage::Content),
        }
    }
}

impl GroupsV3 {
    /// Groups by the numbers of their keys.
    pub fn of(numbers: impl Iterator<Item = u32>, keys: &Keys) -> GroupsV3 {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for number in numbers {
            bytes.extend_from_slice(keys.get(number));
            ends.push(bytes.len() as u64);
        }
        GroupsV3 { keys: Blob(bytes), ends, times: Vec::new() }
    }

    /// The keys.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`] where there is none.
    pub fn keys(&self) -> impl Iterator<Item = Result<&[u8], Damage>> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let end = usize::try_from(end).map_err(|_| Damage::Content)?;
            let key = self.keys.0.get(start..end).ok_or(Damage::Content)?;
            start = end;
            Ok(key)
        })
    }

    /// The numbers of the keys that an owner takes, and how often each has been written, where that is known.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`] where it makes no sense.
    pub fn own(&self, share: Share, keys: &mut Keys) -> Result<Vec<(u32, u32)>, Damage> {
        let mut own = Vec::new();
        for (n, bytes) in self.keys().enumerate() {
            let bytes = bytes?;
            let hash = key::hash(bytes, share.seed);
            if share.takes(hash) {
                own.push((keys.intern(hash, bytes), self.times.get(n).copied().unwrap_or(0)));
            }
        }
        Ok(own)
    }
}

impl WrittenV3 {
    /// How often a window has been written.
    pub fn of(window: Window, written: &Written, keys: &Keys) -> WrittenV3 {
        let (times, groups) = match written {
            Written::Times(times) => (Some(*times), GroupsV3::default()),
            Written::Groups(revisions) => {
                let groups = GroupsV3::of(revisions.iter().map(|(key, _)| key), keys);
                (None, GroupsV3 { times: revisions.iter().map(|(_, times)| times).collect(), ..groups })
            }
        };
        WrittenV3 { start: window.start, end: window.end, times, groups }
    }

    /// The window.
    pub fn window(&self) -> Window {
        Window { end: self.end, start: self.start }
    }

    /// Adds what an owner takes of it.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`] where it makes no sense.
    pub fn load(&self, written: &mut Written, share: Share, keys: &mut Keys) -> Result<(), Damage> {
        match (written, self.times) {
            (Written::Times(times), Some(saved)) => *times = saved.max(*times),
            (Written::Groups(revisions), None) => {
                for (key, times) in self.groups.own(share, keys)? {
                    *revisions.times(key, keys) = times;
                }
            }
            _ => return Err(Damage::Content),
        }
        Ok(())
    }
}
