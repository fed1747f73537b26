//! `histogram(x, b1, b2, ...)`: counts per half-open bucket between bounds.

use serde::{Deserialize, Serialize};

use super::slots::{Accumulator, Slots, numbers};
use super::{Definition, Gives, Span, Takes, params, written};
use crate::number::Number;
use crate::parse::batch::{Input, NumberColumn};
use crate::value::Value;

/// The entry of `histogram`.
pub const HISTOGRAM: Definition = Definition {
    name: "histogram",
    usage: "histogram(x, b1, b2, ...)",
    help: "counts below b1, in [b1, b2), ..., and from the last bound on",
    takes: Takes::Number,
    gives: Gives::List,
    check: params::check_bounds,
    family: None,
    make: |calls| Slots::<Histogram>::boxed(calls, |params| params.to_vec()),
};

/// A count per bucket, one more than there are bounds; empty before the first value.
#[derive(Default)]
struct Histogram(Vec<u64>);

/// The written form: as many counts as the live one has.
#[derive(Serialize, Deserialize)]
struct HistogramV1(Vec<u64>);

impl Accumulator for Histogram {
    /// The bounds, rising.
    type Setup = Vec<Number>;
    type View<'a> = &'a NumberColumn;
    type Written = HistogramV1;

    fn view(input: Input<'_>) -> &NumberColumn {
        numbers(input)
    }

    fn add(&mut self, bounds: &Vec<Number>, column: &NumberColumn, row: u32) {
        let Some(number) = column.get(row) else { return };
        self.0.resize(bounds.len() + 1, 0);
        self.0[bounds.partition_point(|bound| bound.compare(&number).is_le())] += 1;
    }

    fn merge(&mut self, _: &Vec<Number>, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (count, other) in self.0.iter_mut().zip(&other.0) {
            *count += other;
        }
    }

    /// Counts are 0 over nothing.
    fn finish(&self, bounds: &Vec<Number>, _: Span) -> Value<'_> {
        let counts: Vec<String> =
            (0..=bounds.len()).map(|n| self.0.get(n).unwrap_or(&0).to_string()).collect();
        Value::Json(format!("[{}]", counts.join(",")).into())
    }

    fn beside(&self) -> Option<usize> {
        Some(self.0.capacity() * size_of::<u64>())
    }

    fn written(&self) -> HistogramV1 {
        HistogramV1(self.0.clone())
    }

    fn read(bounds: &Vec<Number>, HistogramV1(counts): HistogramV1) -> Option<Self> {
        written::count_all(counts.iter().copied())?;
        (counts.is_empty() || counts.len() == bounds.len() + 1).then_some(Histogram(counts))
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::check;
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn buckets_are_half_open() {
        check("histogram", "10 20", "", "[0,0,0]");
        check("histogram", "10 20", "null", "[0,0,0]");
        check("histogram", "10 20", "9.99 10 19 20 1e300 -1e300", "[2,2,2]");
        check("histogram", "0", "-0 0.0 -1", "[1,2]");
        check("histogram", "0.1 0.2", "0.1 0.1000000000000000000000000001 0.2", "[0,2,1]");
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "histogram",
            "0 0.15 1e20",
            &[
                ("1 2 null 5", "[0,0,3,0]"),
                ("", "[0,0,0,0]"),
                ("0.1 -7.25 12", "[1,1,1,0]"),
                ("123456789012345678901234567890.5 -0.000000000000000001", "[1,0,0,1]"),
                ("1e300 0.1 0.2 -1e300", "[1,1,1,1]"),
                ("9007199254740993 0.5", "[0,0,2,0]"),
            ],
            &[],
        );
    }
}
