//! Aggregates: one file each, and one entry each in the table below.
//!
//! An aggregate's state for one group is an [`Accumulator`]; the states of all groups of a pane
//! stand side by side in [`Accumulators`], addressed by slot. Every aggregate is independent of the
//! order in which events are added and partial states merged: that is what makes results independent
//! of threads, batches and restarts. So no state may depend on hash order, a clock or a random seed
//! in a way that its result shows.

use std::any::Any;

use crate::checkpoint::codec::Damage;
use crate::number::{Number, ShortText};
use crate::operator::weight::Weight;
use crate::parse::batch::Input;
use crate::value::Value;

mod approx_distinct;
mod approx_percentile;
mod arg_extreme;
mod array_agg;
mod avg;
mod count;
mod count_distinct;
mod deviation;
mod ends;
mod extreme;
mod histogram;
mod params;
mod percentile;
mod rate;
mod slots;
mod spilling;
pub mod states;
mod stored;
mod sum;
mod tally;
mod topk;
mod total;
mod written;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod save_tests;

pub(crate) use approx_distinct::ApproxDistinct as Distinct;
pub use params::family_quantile;
pub use slots::Accumulator;

/// The span of a window that fires, for aggregates that depend on its length.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Start and end in microseconds since the Unix epoch; `None` for `--window none`.
    pub bounds: Option<(i64, i64)>,
}

/// Slots whose results are asked for.
#[derive(Clone, Copy)]
pub struct Asked<'s> {
    /// The slots.
    pub slots: &'s [u32],
    /// The span of each, or one for all.
    pub spans: &'s [Span],
    /// The slots that will be asked for next.
    pub ahead: &'s [u32],
}

/// The constant parameters of one call of an aggregate: the `0.95` of `percentile(x, 0.95)`.
pub type Params = [Number];

/// The states of one aggregate for many groups.
pub trait Accumulators: Send {
    /// Makes room for slots `0..len`; new slots are empty.
    fn resize(&mut self, len: usize);
    /// Forgets all slots; the room for them is kept.
    fn reset(&mut self);
    /// Adds row `rows[i]` of the batch to slot `slots[i]`, for every i.
    fn add(&mut self, slots: &[u32], rows: &[u32], input: Input<'_>);
    /// For each `(from, to)`: merges the other's slot `from` into slot `to`. Both are of the same call.
    fn merge(&mut self, other: &dyn Accumulators, pairs: &[(u32, u32)]);
    /// Whether what has been merged can mostly be taken away again.
    fn retracts(&self) -> bool;
    /// For each `(from, to)`: takes away the other's slot `from` from slot `to`, into which it has been merged. `false` if
    /// that is not possible; the states mean nothing then.
    fn retract(&mut self, other: &dyn Accumulators, pairs: &[(u32, u32)]) -> bool;
    /// Removes a slot; the last one takes its place.
    fn swap_remove(&mut self, slot: u32);
    /// Merges slot `from` into slot `to` and empties `from` (sessions that grow together).
    fn absorb(&mut self, from: u32, to: u32);
    /// Empties a slot and frees what it holds.
    fn clear(&mut self, slot: u32);
    /// Asks for a slot's state ahead of its use; speed only.
    fn prefetch(&self, slot: u32);
    /// The result of a slot for one of the calls that share the states.
    fn finish(&self, call: usize, slot: u32, span: Span) -> Value<'_>;
    /// Writes the results of some slots, each to its place: numbers as [`Number::write`](crate::number::Number::write)
    /// does, null as no text at all. `false` if a result is anything else or too long; the texts mean nothing then.
    fn write_short(&self, call: usize, asked: Asked<'_>, texts: &mut [ShortText]) -> bool;
    /// The states of slots `0..len` as bytes, for a checkpoint; `len` is at most what there is room for.
    /// The same states give the same bytes.
    fn save(&self, len: u32) -> Vec<u8>;
    /// Takes the states that `save` of the same call has written in place of its own, and returns how many
    /// there are. `Damage::Content`, and nothing changed, for bytes that make no sense.
    fn load(&mut self, bytes: &[u8]) -> Result<u32, Damage>;
    /// Memory taken up: by the slots, and by what these hold besides, in bytes.
    fn weigh(&self) -> Weight;
    /// For the other side of `merge`.
    fn as_any(&self) -> &dyn Any;
}

/// What an aggregate takes as argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// `*`, or any value of which only its presence matters.
    Presence,
    /// A number; anything else makes the record bad.
    Number,
    /// A number or text; a boolean, object or array makes the record bad.
    Ordered,
    /// Any value.
    Any,
    /// Any value, and a number or text to order by.
    AnyBy,
}

/// What an aggregate gives, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// A number.
    Number,
    /// One of the values that it was given.
    AsGiven,
    /// An array.
    List,
}

/// One aggregate function.
pub struct Definition {
    /// Its name in lower case. `p` stands for the family `p50`, `p99.9`.
    pub name: &'static str,
    /// How it is written, for help texts: `percentile(x, q)`.
    pub usage: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What it gives.
    pub gives: Gives,
    /// Checks the constant parameters; the message goes on where the aggregate's name stands: `takes one quantile`.
    pub check: fn(&Params) -> Result<(), String>,
    /// Aggregates of a family have states of the same type, which do not go by the parameters: only results do.
    pub family: Option<&'static str>,
    /// The empty states for calls that share them, by the parameters of each, which `check` has accepted.
    pub make: fn(&[&Params]) -> Box<dyn Accumulators>,
}

/// All aggregates.
pub static TABLE: &[Definition] = &[
    count::COUNT,
    sum::SUM,
    avg::AVG,
    extreme::MIN,
    extreme::MAX,
    ends::FIRST,
    ends::LAST,
    arg_extreme::ARG_MIN,
    arg_extreme::ARG_MAX,
    deviation::STDDEV,
    deviation::STDDEV_POP,
    deviation::VARIANCE,
    deviation::VARIANCE_POP,
    count_distinct::COUNT_DISTINCT,
    approx_distinct::APPROX_DISTINCT,
    percentile::MEDIAN,
    percentile::P,
    percentile::PERCENTILE,
    approx_percentile::APPROX_PERCENTILE,
    topk::TOPK,
    histogram::HISTOGRAM,
    array_agg::ARRAY_AGG,
    rate::RATE,
];

/// The aggregate of this (lower-case) name; `p99.9` finds the family `p`, whose one parameter is then
/// [`family_quantile`] of the name. `count(distinct x)` is looked up as `count distinct`.
pub fn find(name: &str) -> Option<&'static Definition> {
    let name = match family_quantile(name) {
        Some(_) => percentile::P.name,
        // The family's name alone is not a function.
        None if name == percentile::P.name => return None,
        None => name,
    };
    TABLE.iter().find(|definition| definition.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_by_name() {
        let check = |name: &str, want: Option<&str>| {
            assert_eq!(find(name).map(|definition| definition.name), want, "{name}");
        };
        for definition in TABLE.iter().filter(|definition| definition.name != "p") {
            check(definition.name, Some(definition.name));
            assert!(definition.help.ends_with(|c: char| c != '.'), "{}", definition.name);
        }
        check("p50", Some("p"));
        check("p99.9", Some("p"));
        check("p100", Some("p"));
        check("p", None);
        check("p101", None);
        check("p99.", None);
        check("p-1", None);
        check("percentiles", None);
        check("", None);
    }
}
