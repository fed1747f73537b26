//! The states of all aggregates of a job, side by side by slot.
//!
//! Calls that need the same states share them: `p50(x), p99(x)` counts the values once and asks twice.

use std::sync::Arc;

use super::{Accumulators, Asked, Definition, Span};
use crate::checkpoint::codec::Damage;
use crate::expr::Call;
use crate::number::{Number, ShortText};
use crate::operator::weight::Weight;
use crate::parse::batch::{Batch, Input};
use crate::value::Value;

/// A job's aggregates: which states they need, and what they ask of them.
#[derive(Clone)]
pub struct Calls(Arc<Plan>);

struct Plan {
    shares: Vec<Share>,
    /// Per call, its share, and which of the questions to it is its own.
    calls: Vec<(usize, usize)>,
}

/// States that some calls share.
struct Share {
    definition: &'static Definition,
    /// The parameters of each call.
    params: Vec<Vec<Number>>,
    /// The argument column, in the order of [`distinct_arguments`].
    arg: usize,
    /// Whether what has been merged can mostly be taken away again.
    retracts: bool,
}

/// The first call of each argument: those that say the same of every record are one.
pub fn distinct_arguments(calls: &[Call]) -> Vec<&Call> {
    let mut distinct: Vec<&Call> = Vec::new();
    for call in calls {
        if !distinct.iter().any(|other| other.has_argument_of(call)) {
            distinct.push(call);
        }
    }
    distinct
}

impl Calls {
    /// These calls, in the order of their results.
    pub fn of(calls: &[Call]) -> Calls {
        let arguments = distinct_arguments(calls);
        let mut plan = Plan { shares: Vec::new(), calls: Vec::new() };
        for call in calls {
            let arg = arguments.iter().position(|other| other.has_argument_of(call));
            plan.push(call.definition, &call.params, arg.expect("every argument is among them"));
        }
        Calls(Arc::new(plan))
    }

    /// One call of an aggregate without parameters.
    #[cfg(test)]
    pub fn only(definition: &'static Definition) -> Calls {
        let mut plan = Plan { shares: Vec::new(), calls: Vec::new() };
        plan.push(definition, &[], 0);
        Calls(Arc::new(plan))
    }

    /// How many results they have: one each.
    pub fn results(&self) -> usize {
        self.0.calls.len()
    }

    /// Whether what has been merged can mostly be taken away again.
    pub fn retracts(&self) -> bool {
        self.0.shares.iter().all(|share| share.retracts)
    }

    /// Empty states of all.
    pub fn make(&self) -> States {
        let make = |share: &Share| {
            let params: Vec<&[Number]> = share.params.iter().map(Vec::as_slice).collect();
            (share.definition.make)(&params)
        };
        States { calls: self.clone(), columns: self.0.shares.iter().map(make).collect() }
    }
}

impl Plan {
    fn push(&mut self, definition: &'static Definition, params: &[Number], arg: usize) {
        let fits = |share: &Share| {
            let none = params.is_empty() && share.params[0].is_empty();
            let same = none && share.definition.name == definition.name;
            let alike = definition.family.is_some() && share.definition.family == definition.family;
            share.arg == arg && (same || alike)
        };
        let number = self.shares.iter().position(fits).unwrap_or_else(|| {
            let retracts = (definition.make)(&[params]).retracts();
            self.shares.push(Share { definition, params: Vec::new(), arg, retracts });
            self.shares.len() - 1
        });
        let share = &mut self.shares[number];
        share.params.push(params.to_vec());
        self.calls.push((number, share.params.len() - 1));
    }
}

/// The states of all aggregates for many groups.
pub struct States {
    calls: Calls,
    columns: Vec<Box<dyn Accumulators>>,
}

impl States {
    /// Makes room for slots `0..len`; new slots are empty.
    pub fn resize(&mut self, len: usize) {
        self.columns.iter_mut().for_each(|column| column.resize(len));
    }

    /// Forgets all slots; the room for them is kept.
    pub fn reset(&mut self) {
        self.columns.iter_mut().for_each(|column| column.reset());
    }

    /// Adds row `rows[i]` of a batch, whose first record has this position in its source, to slot `slots[i]`, for
    /// every i.
    pub fn add(&mut self, slots: &[u32], rows: &[u32], batch: &Batch, first_record: u64) {
        let (texts, time, source) = (&batch.texts, &batch.time[..], batch.source);
        for (column, share) in self.columns.iter_mut().zip(&self.calls.0.shares) {
            let arg = &batch.args[share.arg];
            column.add(slots, rows, Input { arg, texts, time, source, first_record });
        }
    }

    /// For each `(from, to)`: merges the other's slot `from` into slot `to`. Both are of the same calls.
    pub fn merge(&mut self, other: &States, pairs: &[(u32, u32)]) {
        for (column, theirs) in self.columns.iter_mut().zip(&other.columns) {
            column.merge(theirs.as_ref(), pairs);
        }
    }

    /// For each `(from, to)`: takes away the other's slot `from` from slot `to`, into which it has been merged. `false` if
    /// that is not possible; the states mean nothing then.
    pub fn retract(&mut self, other: &States, pairs: &[(u32, u32)]) -> bool {
        let mut columns = self.columns.iter_mut().zip(&other.columns);
        columns.all(|(column, theirs)| column.retract(theirs.as_ref(), pairs))
    }

    /// Removes a slot; the last one takes its place.
    pub fn swap_remove(&mut self, slot: u32) {
        self.columns.iter_mut().for_each(|column| column.swap_remove(slot));
    }

    /// Merges slot `from` into slot `to` and empties `from`.
    pub fn absorb(&mut self, from: u32, to: u32) {
        self.columns.iter_mut().for_each(|column| column.absorb(from, to));
    }

    /// Empties a slot and frees what it holds.
    pub fn clear(&mut self, slot: u32) {
        self.columns.iter_mut().for_each(|column| column.clear(slot));
    }

    /// Asks for a slot ahead of its use; speed only.
    pub fn prefetch(&self, slot: u32) {
        self.columns.iter().for_each(|column| column.prefetch(slot));
    }

    /// How many results a slot has: one a call.
    pub fn width(&self) -> usize {
        self.calls.results()
    }

    /// The result of a call, by its number, for a slot.
    pub fn finish(&self, call: usize, slot: u32, span: Span) -> Value<'_> {
        let (share, question) = self.calls.0.calls[call];
        self.columns[share].finish(question, slot, span)
    }

    /// Writes the results of a call for some slots, each to its place: numbers as [`Number::write`] does, null as no text
    /// at all. `false` if a result is anything else or too long; the texts mean nothing then.
    pub fn write_short(&self, call: usize, asked: Asked<'_>, texts: &mut [ShortText]) -> bool {
        let (share, question) = self.calls.0.calls[call];
        self.columns[share].write_short(question, asked, texts)
    }

    /// The results of a slot, in order.
    pub fn results(&self, slot: u32, span: Span) -> impl Iterator<Item = Value<'_>> {
        (0..self.width()).map(move |call| self.finish(call, slot, span))
    }

    /// The states of slots `0..len` as bytes, for a checkpoint: per call, whatever it shares.
    pub fn save(&self, len: u32) -> Vec<Vec<u8>> {
        let saved: Vec<Vec<u8>> = self.columns.iter().map(|column| column.save(len)).collect();
        self.calls.0.calls.iter().map(|&(share, _)| saved[share].clone()).collect()
    }

    /// Takes the states that `save` of the same calls has written in place of its own: those of so many groups.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`] if they make no sense; the states mean nothing then.
    pub fn load(&mut self, saved: &[&[u8]], groups: usize) -> Result<(), Damage> {
        let States { calls: Calls(plan), columns } = self;
        if saved.len() != plan.calls.len() {
            return Err(Damage::Content);
        }
        let mut loaded: Vec<Option<&[u8]>> = vec![None; columns.len()];
        for (&(share, _), &bytes) in plan.calls.iter().zip(saved) {
            match loaded[share] {
                // States that are shared now were written for each call, as they still are: so they are the same.
                Some(first) if first == bytes => {}
                Some(_) => return Err(Damage::Content),
                None if columns[share].load(bytes)? as usize != groups => return Err(Damage::Content),
                None => loaded[share] = Some(bytes),
            }
        }
        Ok(())
    }

    /// Memory taken up.
    pub fn weigh(&self) -> Weight {
        self.columns.iter().map(|column| column.weigh()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::parse_aggregates;
    use crate::job::fields::Fields;
    use crate::parse::batch::{ArgColumn, NumberColumn};

    /// Calls of every kind of kinship give what each gives alone, and a checkpoint of theirs is read back.
    #[test]
    fn shared_states_answer_every_call() {
        let list = "median(x), p99(x), percentile(x, 0.1), approx_percentile(x, 0.5), approx_percentile(x, 0.9), \
                    sum(x), sum(x) AS again, count(*), p50(x) FILTER (WHERE y > 1), p99(x) FILTER (WHERE y > 1)";
        let calls = parse_aggregates(list, &mut Fields::default()).unwrap();
        let numbers = |skip: usize| {
            let mut column = NumberColumn::default();
            (0..100).for_each(|n| match n % skip {
                0 => assert!(column.push_text(&(n * n).to_string())),
                _ => column.push_null(),
            });
            ArgColumn::Numbers(column)
        };
        let batch = |calls: &[Call]| {
            let mut batch = Batch::default();
            batch.time = vec![0; 100];
            let column = |call: &&Call| match (call.args.is_empty(), &call.filter) {
                (true, _) => ArgColumn::Every,
                (_, None) => numbers(1),
                (_, Some(_)) => numbers(2),
            };
            batch.args = distinct_arguments(calls).iter().map(column).collect();
            batch
        };
        let results = |calls: &[Call]| {
            let plan = Calls::of(calls);
            let (mut states, mut read) = (plan.make(), plan.make());
            states.resize(1);
            states.add(&[0; 100], &(0..100).collect::<Vec<_>>(), &batch(calls), 0);
            let saved = states.save(1);
            let mut bytes: Vec<&[u8]> = saved.iter().map(Vec::as_slice).collect();
            read.load(&bytes, 1).unwrap();
            let results = |states: &States| -> Vec<String> {
                states.results(0, Span { bounds: None }).map(|value| format!("{value:?}")).collect()
            };
            assert_eq!(results(&read), results(&states));
            // States that are shared and differ have been changed by somebody.
            let other = plan.make();
            if calls.len() > 1 {
                let empty = other.save(0);
                bytes[1] = &empty[1];
                assert!(plan.make().load(&bytes, 1).is_err());
            }
            results(&states)
        };
        let together = results(&calls);
        assert_eq!(Calls::of(&calls).0.shares.len(), 5, "exact, approximate, sum, count and filtered");
        let alone: Vec<String> = calls.chunks(1).flat_map(results).collect();
        assert_eq!(together, alone);
    }
}
