//! What owners had saved, on its way to those that go on: states are decoded once, and groups dealt out by key.

use super::keys::Keys;
use super::saved::{KindV5, OwnerV1, PanesV1, SessionsV1, TableV1, WaitingV1};
use super::table::Table;
use crate::aggregate::states::{Calls, States};
use crate::checkpoint::codec::Damage;

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
        self.owner(hash) == self.number
    }

    /// The number of the owner that takes a key with this hash.
    fn owner(&self, hash: u64) -> u64 {
        ((hash >> 32) * self.owners) >> 32
    }
}

/// What one owner had saved.
pub enum Loaded<'s> {
    /// Open panes.
    Panes(LoadedPanes<'s>),
    /// Open sessions.
    Sessions(LoadedSessions<'s>),
    /// The one table of `--window none`.
    Whole(LoadedTable<'s>),
    /// Events that wait for the watermark.
    Waiting(&'s [WaitingV1]),
    /// What was open of each of several kinds of windows.
    Several(Vec<Loaded<'s>>),
}

/// Open panes.
pub struct LoadedPanes<'s> {
    /// Windows that end here or before have fired.
    pub fired: i64,
    /// Each with its start, and when its last window closes.
    pub panes: Vec<(i64, i64, LoadedTable<'s>)>,
}

/// Open sessions.
pub struct LoadedSessions<'s> {
    /// Per slot of the table, start and end, if it is in use.
    pub bounds: &'s [Option<(i64, i64)>],
    /// Their keys and states.
    pub table: LoadedTable<'s>,
}

/// Groups: keys, and the states of each aggregate.
pub struct LoadedTable<'s> {
    states: States,
    /// By owner.
    groups: Vec<Vec<LoadedGroup<'s>>>,
}

/// One group of a table.
#[derive(Clone, Copy)]
pub struct LoadedGroup<'s> {
    /// Its number in the table, which is the slot of its states.
    pub number: u32,
    /// The hash of its key.
    pub hash: u64,
    /// Its encoded key.
    pub key: &'s [u8],
}

impl<'s> Loaded<'s> {
    /// Decodes what was saved for owners like that of this share, with these aggregates.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`] if it makes no sense.
    pub fn of(saved: &'s OwnerV1, calls: &Calls, share: Share) -> Result<Loaded<'s>, Damage> {
        Ok(match saved {
            OwnerV1::Panes(saved) => Loaded::Panes(LoadedPanes::of(saved, calls, share)?),
            OwnerV1::Sessions(saved) => Loaded::Sessions(LoadedSessions::of(saved, calls, share)?),
            OwnerV1::Whole(saved) => Loaded::Whole(LoadedTable::of(saved, calls, share)?),
            OwnerV1::Waiting(saved) => Loaded::Waiting(saved),
            OwnerV1::Several(kinds) => {
                let kind = |saved: &'s KindV5| {
                    Ok(match saved {
                        KindV5::Panes(saved) => Loaded::Panes(LoadedPanes::of(saved, calls, share)?),
                        KindV5::Sessions(saved) => Loaded::Sessions(LoadedSessions::of(saved, calls, share)?),
                    })
                };
                Loaded::Several(kinds.iter().map(kind).collect::<Result<_, Damage>>()?)
            }
        })
    }
}

impl<'s> Loaded<'s> {
    /// What was saved of each kind of windows.
    pub fn each(&self) -> &[Loaded<'s>] {
        match self {
            Loaded::Several(kinds) => kinds,
            one => std::slice::from_ref(one),
        }
    }
}

impl<'s> LoadedPanes<'s> {
    /// See [`Loaded::of`].
    pub fn of(saved: &'s PanesV1, calls: &Calls, share: Share) -> Result<LoadedPanes<'s>, Damage> {
        let panes = saved.panes.iter().map(|pane| {
            let table = LoadedTable::of(&pane.table, calls, share)?;
            Ok((pane.start, pane.last_end, table))
        });
        Ok(LoadedPanes { fired: saved.fired, panes: panes.collect::<Result<_, Damage>>()? })
    }
}

impl<'s> LoadedSessions<'s> {
    /// See [`Loaded::of`].
    pub fn of(saved: &'s SessionsV1, calls: &Calls, share: Share) -> Result<LoadedSessions<'s>, Damage> {
        if saved.bounds.len() != saved.table.ends.len() {
            return Err(Damage::Content);
        }
        Ok(LoadedSessions { bounds: &saved.bounds, table: LoadedTable::of(&saved.table, calls, share)? })
    }
}

impl<'s> LoadedTable<'s> {
    /// See [`Loaded::of`].
    pub fn of(saved: &'s TableV1, calls: &Calls, share: Share) -> Result<LoadedTable<'s>, Damage> {
        let states = saved.states(calls)?;
        let mut groups = vec![Vec::new(); share.owners as usize];
        let mut start = 0;
        for (number, &end) in (0u32..).zip(&saved.ends) {
            let end = usize::try_from(end).map_err(|_| Damage::Content)?;
            let key = saved.keys.0.get(start..end).ok_or(Damage::Content)?;
            let hash = crate::parse::key::hash(key, share.seed);
            groups[share.owner(hash) as usize].push(LoadedGroup { number, hash, key });
            start = end;
        }
        Ok(LoadedTable { states, groups })
    }

    /// The groups that an owner takes.
    pub fn groups(&self, share: Share) -> &[LoadedGroup<'s>] {
        &self.groups[share.number as usize]
    }

    /// Merges states into those of an owner: for each `(from, to)` group `from` into slot `to`.
    pub fn merge_into(&self, states: &mut States, pairs: &[(u32, u32)]) {
        states.merge(&self.states, pairs);
    }
}

impl TableV1 {
    /// The states again, in the order of the groups.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`] if they make no sense.
    pub fn states(&self, calls: &Calls) -> Result<States, Damage> {
        let mut states = calls.make();
        let saved: Vec<&[u8]> = self.columns.iter().map(|column| &column.0[..]).collect();
        states.load(&saved, self.ends.len())?;
        Ok(states)
    }
}

impl Table {
    /// Takes in the groups that are in the share.
    pub fn load(&mut self, loaded: &LoadedTable<'_>, share: Share, keys: &mut Keys) {
        let mut pairs = Vec::new();
        for group in loaded.groups(share) {
            let key = keys.intern(group.hash, group.key);
            pairs.push((group.number, self.slot(key, keys)));
        }
        self.make_room();
        loaded.merge_into(&mut self.states, &pairs);
    }
}
