//! From one group's state to the states of many: what all aggregates have in common.
//!
//! An aggregate implements [`Accumulator`] for its state; [`Slots`] keeps one per group and runs the
//! loops over rows, compiled for each aggregate. Nothing here knows what is aggregated.

use std::any::Any;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::{Accumulators, Asked, Params, Span};
use crate::checkpoint::codec::{self, Damage};
use crate::number::ShortText;
use crate::operator::weight::Weight;
use crate::parse::batch::{ArgColumn, Input, NumberColumn};
use crate::prefetch::{AHEAD, CACHED_BYTES, prefetch};
use crate::value::Value;

/// The state of one aggregate for one group; the default is empty.
///
/// Adding and merging must not depend on their order.
pub trait Accumulator: Default + Send + 'static {
    /// What a call's parameters amount to; the same for all groups. Of several calls that share their states (see
    /// [`Definition::family`](super::Definition::family)) results alone go by it.
    type Setup: Send + 'static;
    /// How rows are looked at.
    type View<'a>: Copy;
    /// The state as it stands in a checkpoint: a plain type of its own, whose name ends in its version, which
    /// holds nothing whose size or order differs between machines or runs, and takes up at least one byte.
    ///
    /// Once released, a written type never changes, nor does what it means: checkpoints of all versions stay
    /// readable. A state that has to be written otherwise gets a new type, beside the old one.
    type Written: Serialize + DeserializeOwned;

    /// Looks at the argument column of a batch.
    fn view(input: Input<'_>) -> Self::View<'_>;
    /// Whether adding a row looks at memory that [`Accumulator::soon`] asks for.
    const LOOKS_FAR: bool = false;
    /// Asks for what a row that is added soon will be looked at for; speed only.
    #[inline(always)]
    fn soon(_: Self::View<'_>, _: u32) {}
    /// Whether rows are looked at in two steps: what says where a row goes within its state is worked out for some rows
    /// first, so that the waits for these places overlap.
    const HAS_CLUES: bool = false;
    /// What says where a row goes within its state; 0 says nothing.
    #[inline(always)]
    fn clue(_: Self::View<'_>, _: u32) -> u64 {
        0
    }
    /// Asks for the place that a row with this clue goes to; speed only.
    #[inline(always)]
    fn approach(&self, _: u64) {}
    /// Adds a row with this clue.
    #[inline(always)]
    fn add_by(&mut self, _: u64, setup: &Self::Setup, view: Self::View<'_>, row: u32) {
        self.add(setup, view, row);
    }
    /// Adds a row.
    fn add(&mut self, setup: &Self::Setup, view: Self::View<'_>, row: u32);
    /// Adds all that another state has seen.
    fn merge(&mut self, setup: &Self::Setup, other: &Self);
    /// Whether what another state has added can mostly be taken away again.
    const RETRACTS: bool = false;
    /// Takes away all that another state has seen, which has been merged into this one. `false` if it cannot: then this
    /// state means nothing any more.
    fn retract(&mut self, _: &Self) -> bool {
        false
    }
    /// As `merge`, where the other state is no longer needed: large states move the larger side.
    fn absorb(&mut self, setup: &Self::Setup, other: Self) {
        self.merge(setup, &other);
    }
    /// The result.
    fn finish(&self, setup: &Self::Setup, span: Span) -> Value<'_>;
    /// Writes the result if it is a number, as [`Number::write`](crate::number::Number::write) does, and null as no text
    /// at all. `false` if it is anything else or too long; the text means nothing then.
    #[inline]
    fn write_short(&self, setup: &Self::Setup, span: Span, short: &mut ShortText) -> bool {
        match self.finish(setup, span) {
            Value::Number(number) => short.put(&number),
            Value::Null => short.put_text(b""),
            _ => false,
        }
    }
    /// Memory that the state takes up beside its own size, in bytes, about. `None` if there is never any that is worth
    /// looking for.
    fn beside(&self) -> Option<usize> {
        None
    }
    /// The written form; the same for the same state, so that what comes from a hash map is sorted.
    fn written(&self) -> Self::Written;
    /// The state again; `None` if it makes no sense. What is accepted can be added to, merged and finished
    /// like any other state.
    fn read(setup: &Self::Setup, written: Self::Written) -> Option<Self>;
}

/// One state per group.
pub struct Slots<A: Accumulator> {
    /// Of the call that states go by, if they do.
    setup: A::Setup,
    /// Of the other calls.
    others: Vec<A::Setup>,
    slots: Vec<A>,
}

impl<A: Accumulator> Slots<A> {
    /// No groups yet, for at least one call.
    pub fn boxed(calls: &[&Params], setup: impl Fn(&Params) -> A::Setup) -> Box<dyn Accumulators> {
        let (first, others) = calls.split_first().expect("somebody asks for the results");
        let others = others.iter().map(|params| setup(params)).collect();
        Box::new(Slots::<A> { setup: setup(first), others, slots: Vec::new() })
    }

    /// Adds rows whose places are asked for first, some at a time.
    fn add_by_clues(&mut self, slots: &[u32], rows: &[u32], view: A::View<'_>) {
        let mut clues = [0; AHEAD];
        for start in (0..rows.len()).step_by(AHEAD) {
            let end = rows.len().min(start + AHEAD);
            rows[end..].iter().take(AHEAD).for_each(|row| A::soon(view, *row));
            let (slots, rows) = (&slots[start..end], &rows[start..end]);
            for ((slot, row), clue) in slots.iter().zip(rows).zip(&mut clues) {
                prefetch(&self.slots, *slot as usize);
                *clue = A::clue(view, *row);
            }
            for (slot, clue) in slots.iter().zip(&clues) {
                self.slots[*slot as usize].approach(*clue);
            }
            for ((slot, row), clue) in slots.iter().zip(rows).zip(&clues) {
                self.slots[*slot as usize].add_by(*clue, &self.setup, view, *row);
            }
        }
    }

    fn setup(&self, call: usize) -> &A::Setup {
        match call {
            0 => &self.setup,
            call => &self.others[call - 1],
        }
    }
}

impl<A: Accumulator> Accumulators for Slots<A> {
    fn resize(&mut self, len: usize) {
        if len > self.slots.len() {
            self.slots.resize_with(len, A::default);
        }
    }

    fn reset(&mut self) {
        self.slots.clear();
    }

    fn add(&mut self, slots: &[u32], rows: &[u32], input: Input<'_>) {
        let view = A::view(input);
        if A::HAS_CLUES {
            return self.add_by_clues(slots, rows, view);
        }
        if size_of_val(&self.slots[..]) < CACHED_BYTES && !A::LOOKS_FAR {
            for (slot, row) in slots.iter().zip(rows) {
                self.slots[*slot as usize].add(&self.setup, view, *row);
            }
            return;
        }
        for (n, (slot, row)) in slots.iter().zip(rows).enumerate() {
            if let Some(ahead) = slots.get(n + AHEAD) {
                prefetch(&self.slots, *ahead as usize);
                A::soon(view, rows[n + AHEAD]);
            }
            self.slots[*slot as usize].add(&self.setup, view, *row);
        }
    }

    fn merge(&mut self, other: &dyn Accumulators, pairs: &[(u32, u32)]) {
        let other = other.as_any().downcast_ref::<Self>().expect("only states of the same call are merged");
        for (n, (from, to)) in pairs.iter().enumerate() {
            if let Some((_, ahead)) = pairs.get(n + AHEAD) {
                prefetch(&self.slots, *ahead as usize);
            }
            self.slots[*to as usize].merge(&self.setup, &other.slots[*from as usize]);
        }
    }

    fn retracts(&self) -> bool {
        A::RETRACTS
    }

    fn retract(&mut self, other: &dyn Accumulators, pairs: &[(u32, u32)]) -> bool {
        let other =
            other.as_any().downcast_ref::<Self>().expect("only states of the same call are taken away");
        pairs.iter().enumerate().all(|(n, (from, to))| {
            if let Some((_, ahead)) = pairs.get(n + AHEAD) {
                prefetch(&self.slots, *ahead as usize);
            }
            self.slots[*to as usize].retract(&other.slots[*from as usize])
        })
    }

    fn swap_remove(&mut self, slot: u32) {
        self.slots.swap_remove(slot as usize);
    }

    fn absorb(&mut self, from: u32, to: u32) {
        if from != to {
            let other = std::mem::take(&mut self.slots[from as usize]);
            self.slots[to as usize].absorb(&self.setup, other);
        }
    }

    fn clear(&mut self, slot: u32) {
        self.slots[slot as usize] = A::default();
    }

    fn finish(&self, call: usize, slot: u32, span: Span) -> Value<'_> {
        self.slots[slot as usize].finish(self.setup(call), span)
    }

    fn prefetch(&self, slot: u32) {
        prefetch(&self.slots, slot as usize);
    }

    fn write_short(&self, call: usize, asked: Asked<'_>, texts: &mut [ShortText]) -> bool {
        let Asked { slots, spans, ahead } = asked;
        let setup = self.setup(call);
        slots.iter().zip(texts).enumerate().all(|(n, (slot, short))| {
            if let Some(ahead) = ahead.get(n) {
                prefetch(&self.slots, *ahead as usize);
            }
            let span = spans[n.min(spans.len() - 1)];
            self.slots[*slot as usize].write_short(setup, span, short)
        })
    }

    fn save(&self, len: u32) -> Vec<u8> {
        codec::encode(&Column(&self.slots[..len as usize]))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<u32, Damage> {
        let written: Vec<A::Written> = codec::decode(bytes)?;
        let len = u32::try_from(written.len()).map_err(|_| Damage::Content)?;
        let states = written.into_iter().map(|written| A::read(&self.setup, written));
        self.slots = states.collect::<Option<_>>().ok_or(Damage::Content)?;
        Ok(len)
    }

    fn weigh(&self) -> Weight {
        // The first one without tells that there is none in any.
        let beside = self.slots.iter().map_while(A::beside).sum();
        Weight { sketches: beside, ..Weight::of_room(&self.slots) }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// States, written one after the other as a `Vec` of them would be, without making one.
///
/// Sums as columns (a `Vec` per field) took half as long again: most of the time goes into memory that is
/// touched for the first time, of which columns need twice as much.
struct Column<'a, A>(&'a [A]);

impl<A: Accumulator> Serialize for Column<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(A::written))
    }
}

/// The numbers of a batch, for aggregates that take numbers.
pub fn numbers(input: Input<'_>) -> &NumberColumn {
    match input.arg {
        ArgColumn::Numbers(column) => column,
        other => unreachable!("an aggregate over numbers was given {other:?}"),
    }
}

/// Which rows count, for aggregates that take any value's presence; `None`: all.
pub fn presence(input: Input<'_>) -> Option<&[bool]> {
    match input.arg {
        ArgColumn::Every => None,
        ArgColumn::Present(present) => Some(present),
        other => unreachable!("an aggregate over presence was given {other:?}"),
    }
}
