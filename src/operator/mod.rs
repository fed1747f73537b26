//! From parsed events to fired windows: reading order, watermark, lateness, deduplication, windows.
//!
//! Nothing here knows a thread, a clock or I/O. The [`sequence::Sequencer`] turns the batches of all sources
//! into one sequence of [`step::Step`]s; each [`shard::Shard`] owns a part of the keys and applies the steps
//! one by one. The same batches in the same order per source give the same result, however they are cut and
//! whenever they arrive.

pub mod amendments;
pub mod counts;
pub mod cut;
pub mod dedup;
pub mod fills;
pub mod jump;
pub mod keys;
pub mod loaded;
pub mod order;
pub mod out;
pub mod panes;
pub mod peek;
pub mod repeats;
mod retract;
mod running;
pub mod saved;
pub mod saved_fills;
pub mod saved_repeats;
pub mod sequence;
pub mod sessions;
pub mod shard;
mod stacks;
pub mod step;
pub mod table;
mod timers;
pub mod weight;
mod whole;

use std::ops::ControlFlow;

use crate::checkpoint::codec::Damage;
use crate::output::fired::HandOn;
use loaded::Loaded;
use peek::Peek;
use saved::OwnerV1;
use saved_fills::FillsV6;
use saved_repeats::RepeatsV3;
use weight::Weight;

/// How much an owner holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Open windows: panes, sessions, or the one of `--window none`. For `windrow order`, waiting events.
    pub windows: u64,
    /// Distinct keys in them.
    pub keys: u64,
    /// Where the oldest of them starts, in microseconds since the Unix epoch. `None` if there is none, and for
    /// sessions, which are not kept in the order of their starts.
    pub oldest: Option<i64>,
    /// How many events this run has added to them; `None` where that is not known.
    pub events: Option<u64>,
}

/// One owner of a part of the state: what a shard thread drives.
pub trait Owner: Send {
    /// Applies a step and hands on the rows that leave, in order and in slices: one or more, of which the last
    /// is marked and leaves nothing behind in the owner. Breaks when the receiver has gone, or when a row could
    /// not be decided about, which the last slice then says: the owner is of no use any more.
    fn apply(&mut self, step: &step::Step, hand_on: &mut HandOn<'_>) -> ControlFlow<()>;
    /// How many events it has taken so far.
    fn taken(&self) -> u64;
    /// How much it holds.
    fn held(&self) -> Held;
    /// A look at what is open; it changes nothing. Of an owner that has no windows there is nothing to see.
    fn peek(&mut self) -> Peek {
        Peek::default()
    }
    /// How much memory that takes up, about. Takes as long as going through all groups.
    fn weigh(&self) -> Weight;
    /// All that it holds, for a checkpoint.
    fn save(&mut self) -> OwnerV1;
    /// What it knows besides of windows that may be written more than once; `None` where they may not.
    fn save_repeats(&self) -> Option<RepeatsV3> {
        None
    }
    /// The last rows of its keys, of each kind of windows; none where windows without events have no rows.
    fn save_fills(&self) -> Vec<FillsV6> {
        Vec::new()
    }
    /// Takes in what is its own of last rows that some owner had saved.
    fn load_fills(&mut self, fills: &[FillsV6]) -> Result<(), Damage> {
        if fills.is_empty() { Ok(()) } else { Err(Damage::Content) }
    }
    /// Decodes what some owner had saved, for all owners of this run.
    fn decode<'s>(&self, saved: &'s OwnerV1) -> Result<Loaded<'s>, Damage>;
    /// Takes in what is its own of that. To be called before the first step.
    fn load(&mut self, loaded: &Loaded<'_>, repeats: Option<&RepeatsV3>) -> Result<(), Damage>;
}
