//! `histogram(x, b1, b2, ...)`: counts per half-open bucket between bounds.

use super::slots::{Accumulator, Slots, numbers};
use super::{Definition, Span, Takes, params};
use crate::number::Number;
use crate::parse::batch::{Input, NumberColumn};
use crate::value::Value;

/// The entry of `histogram`.
pub const HISTOGRAM: Definition = Definition {
    name: "histogram",
    usage: "histogram(x, b1, b2, ...)",
    help: "counts below b1, in [b1, b2), ..., and from the last bound on",
    takes: Takes::Number,
    check: params::check_bounds,
    make: |params| Slots::<Histogram>::boxed(params.to_vec()),
};

/// A count per bucket, one more than there are bounds; empty before the first value.
#[derive(Default)]
struct Histogram(Vec<u64>);

impl Accumulator for Histogram {
    /// The bounds, rising.
    type Setup = Vec<Number>;
    type View<'a> = &'a NumberColumn;

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
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::check;

    #[test]
    fn buckets_are_half_open() {
        check("histogram", "10 20", "", "[0,0,0]");
        check("histogram", "10 20", "null", "[0,0,0]");
        check("histogram", "10 20", "9.99 10 19 20 1e300 -1e300", "[2,2,2]");
        check("histogram", "0", "-0 0.0 -1", "[1,2]");
        check("histogram", "0.1 0.2", "0.1 0.1000000000000000000000000001 0.2", "[0,2,1]");
    }
}
