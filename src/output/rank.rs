//! What the rows of a window rank by with `--top`, and which of many may be among the first.

use std::cmp::Ordering;

use super::builder::RowBuilder;
use super::plan::RowPlan;
use crate::aggregate::Span;
use crate::aggregate::states::States;
use crate::number::Number;
use crate::operator::table::Group;
use crate::parse::key;
use crate::prefetch::AHEAD;
use crate::value::Value;

/// What a row ranks by.
#[derive(Debug, Clone)]
pub struct Rank<'v> {
    /// Where values differ in this, they differ so.
    size: f64,
    value: Value<'v>,
}

impl<'v> Rank<'v> {
    /// The rank of a row whose value this is.
    pub fn new(value: Value<'v>) -> Rank<'v> {
        // Of numbers that are no doubles nothing is known but on which side they are.
        let least = match &value {
            Value::Null | Value::Bool(_) | Value::Json(_) => true,
            Value::Written(text) => text.starts_with('-'),
            Value::Number(_) | Value::Text(_) | Value::Untyped(_) => false,
        };
        let beyond = if least { f64::NEG_INFINITY } else { f64::INFINITY };
        Rank { size: value.as_number().map_or(beyond, |number| number.to_f64()), value }
    }

    /// The order of two ranks, the least first: that of their encodings.
    fn compare(&self, other: &Rank<'_>) -> Ordering {
        let by_size = self.size.total_cmp(&other.size);
        by_size.then_with(|| match (&self.value, &other.value) {
            (Value::Number(a @ Number::Decimal { .. }), Value::Number(b @ Number::Decimal { .. })) => {
                a.compare(b)
            }
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (a, b) => {
                let [a, b] = [a, b].map(|value| {
                    let mut rank = Vec::new();
                    encode_rank(value, &mut rank);
                    rank
                });
                key::compare_values(&a, &b)
            }
        })
    }
}

/// A rank and the number of its row.
type Numbered<'v> = (Rank<'v>, u32);

/// Numbers rank by value alone, so their text is made canonical.
pub(super) fn encode_rank(value: &Value<'_>, out: &mut Vec<u8>) {
    let ranked = match value.as_number() {
        Some(number) => key::encode(&Value::Number(number), out),
        None => key::encode(value, out),
    };
    if !ranked {
        key::encode(&Value::Null, out);
    }
}

impl RowPlan {
    /// The rank of the group with this slot, if rows are ranked by a call by itself: [`RowPlan::rank_call`].
    pub fn rank<'s>(&self, states: &'s States, call: usize, slot: u32, span: Span) -> Rank<'s> {
        Rank::new(self.as_column(states.finish(call, slot, span)))
    }

    /// The order of two ranks within a window: what comes first is less.
    pub fn order(&self, a: &Rank<'_>, b: &Rank<'_>) -> Ordering {
        let order = a.compare(b);
        if self.is_descending() { order.reverse() } else { order }
    }

    /// The same with the numbers of rows, which ascend with their keys: without `ties` they decide about equal ranks.
    fn order_numbered(&self, a: &Numbered<'_>, b: &Numbered<'_>, ties: bool) -> Ordering {
        let by_rank = self.order(&a.0, &b.0);
        if ties { by_rank } else { by_rank.then(a.1.cmp(&b.1)) }
    }
}

impl RowBuilder {
    /// Leaves of the groups of the current window, which are in the order of keys, those whose rows may be among the
    /// first of the window. Where nothing is known of that before they are rows, all.
    pub fn leave_first(&self, groups: &mut Vec<Group>, states: &States) {
        let plan = self.plan();
        let (Some((rows_max, ties)), Some(call)) = (plan.top(), plan.rank_call(states.width())) else {
            return;
        };
        if groups.len() <= rows_max {
            return;
        }
        let span = self.span();
        let mut first =
            First::new(rows_max, |a: &Numbered<'_>, b: &Numbered<'_>| plan.order_numbered(a, b, ties));
        for (n, group) in groups.iter().enumerate() {
            if let Some(ahead) = groups.get(n + AHEAD) {
                states.prefetch(ahead.slot);
            }
            first.add((plan.rank(states, call, group.slot, span), n as u32));
        }
        let mut numbers: Vec<u32> = first.finish().into_iter().map(|(_, number)| number).collect();
        numbers.sort_unstable();
        for (to, &from) in numbers.iter().enumerate() {
            groups.swap(to, from as usize);
        }
        groups.truncate(numbers.len());
    }
}

/// The first of many by an order, and those that are equal to the last of them.
pub struct First<T, O> {
    max: usize,
    order: O,
    /// Those that may be among them.
    kept: Vec<T>,
    /// When there are more, it pays to look for those that are not.
    enough: usize,
    /// The last of those that were among them when that was done.
    last: Option<T>,
}

impl<T: Clone, O: Fn(&T, &T) -> Ordering> First<T, O> {
    /// The first so many.
    pub fn new(max: usize, order: O) -> First<T, O> {
        First { max, order, kept: Vec::new(), enough: max.saturating_mul(2), last: None }
    }

    /// Adds one.
    #[inline]
    pub fn add(&mut self, item: T) {
        if self.last.as_ref().is_some_and(|last| (self.order)(&item, last).is_gt()) {
            return;
        }
        self.kept.push(item);
        if self.kept.len() > self.enough {
            self.cut();
            self.enough = 2 * self.kept.len();
        }
    }

    /// All that are among them, in any order.
    pub fn finish(mut self) -> Vec<T> {
        self.cut();
        self.kept
    }

    /// Forgets those that are not among the first any more.
    fn cut(&mut self) {
        let Some(at) = self.max.checked_sub(1).filter(|at| *at < self.kept.len()) else { return };
        let order = &self.order;
        let (_, last, _) = self.kept.select_nth_unstable_by(at, order);
        let last = last.clone();
        self.kept.retain(|item| order(item, &last).is_le());
        self.last = Some(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Task;

    /// Against sorting, with many equal ranks, of kinds that are compared in different ways.
    #[test]
    fn the_first_are_left() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..4_000 {
            let (rows_max, ties, ascending) = (random.usize(1..9), random.bool(), random.bool());
            let order = if ascending { "count ASC" } else { "count" };
            let most = rows_max.to_string();
            let mut argv = vec!["windrow", "-w", "1m", "-b", "k", "--top", &most, "--order-by", order];
            argv.extend(ties.then_some("--ties"));
            let argv: Vec<_> = argv.into_iter().map(Into::into).collect();
            let Task::Aggregate(task) = crate::cli::job(&argv).expect("a good job").task else {
                unreachable!("it has windows")
            };
            let plan = RowPlan::new(&task, false);
            let number = |text: &str| Value::Number(Number::parse(text).expect("a number"));
            let kinds = [
                Value::Written("1"),
                Value::Written("1.0"),
                number("1"),
                number("2"),
                Value::Written("9007199254740992"),
                number("9007199254740993"),
                number("-0.5"),
                Value::Untyped("-3"),
                Value::Untyped("-x"),
                Value::Written("1e400"),
                Value::Written("-1e400"),
                number("10000000000000000000000"),
                Value::Number(Number::from_f64(1e22).expect("it is finite")),
                number("1e300"),
                Value::Null,
                Value::Bool(true),
                Value::Bool(false),
                Value::Json("{\"a\":1}".into()),
                Value::Text("x".into()),
                Value::Text("1".into()),
            ];
            // Few kinds make many ties.
            let few: Vec<&Value<'_>> =
                (0..random.usize(1..6)).map(|_| &kinds[random.usize(..kinds.len())]).collect();
            let ranks: Vec<Rank<'_>> =
                (0..random.usize(..60)).map(|_| Rank::new(few[random.usize(..few.len())].clone())).collect();
            let mut first =
                First::new(rows_max, |a: &Numbered<'_>, b: &Numbered<'_>| plan.order_numbered(a, b, ties));
            (0..).zip(&ranks).for_each(|(number, rank)| first.add((rank.clone(), number)));
            let mut found: Vec<u32> = first.finish().iter().map(|kept| kept.1).collect();
            found.sort_unstable();

            let encoded = |number: u32| {
                let mut rank = Vec::new();
                encode_rank(&ranks[number as usize].value, &mut rank);
                rank
            };
            let mut wanted: Vec<u32> = (0..ranks.len() as u32).collect();
            wanted.sort_by(|a, b| plan.compare_ranks(&encoded(*a), &encoded(*b)).then(a.cmp(b)));
            let mut kept = rows_max.min(wanted.len());
            while ties
                && kept > 0
                && kept < wanted.len()
                && plan.compare_ranks(&encoded(wanted[kept - 1]), &encoded(wanted[kept])).is_eq()
            {
                kept += 1;
            }
            wanted.truncate(kept);
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{argv:?} {ranks:?}");
        }
    }
}
