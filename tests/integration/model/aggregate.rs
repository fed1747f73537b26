//! The model's aggregates: from the list of all values of a group, by the definition of each.

use std::cmp::Ordering;

use num_bigint::BigInt;

use super::number::{self, decimal, plain, quotient, unit};
use super::read::{Record, Value};

/// An aggregate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    CountAll,
    Count,
    Sum,
    Avg,
    Min,
    Max,
    First,
    Last,
    ArgMin,
    ArgMax,
    CountDistinct,
    Median,
    P90,
    TopK,
    ArrayAgg,
    Variance,
    VariancePop,
    Histogram,
}

/// All of them, to draw from.
pub const FUNCTIONS: [Function; 18] = [
    Function::CountAll,
    Function::Count,
    Function::Sum,
    Function::Avg,
    Function::Min,
    Function::Max,
    Function::First,
    Function::Last,
    Function::ArgMin,
    Function::ArgMax,
    Function::CountDistinct,
    Function::Median,
    Function::P90,
    Function::TopK,
    Function::ArrayAgg,
    Function::Variance,
    Function::VariancePop,
    Function::Histogram,
];

/// A condition over a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `n >= 2`
    AtLeastTwo,
    /// `n IS NULL`
    Missing,
    /// `12 / n >= 3`: fails where n is 0.
    Quotient,
    /// `NOT (n = 1 OR n > 2)`
    Neither,
}

/// All of them.
pub const CONDITIONS: [Condition; 4] =
    [Condition::AtLeastTwo, Condition::Missing, Condition::Quotient, Condition::Neither];

impl Condition {
    /// As SQL.
    pub fn text(self) -> &'static str {
        match self {
            Condition::AtLeastTwo => "n >= 2",
            Condition::Missing => "n IS NULL",
            Condition::Quotient => "12 / n >= 3",
            Condition::Neither => "NOT (n = 1 OR n > 2)",
        }
    }

    /// Whether it is true of a record; `None`: it cannot be evaluated. `n` is a whole number or null.
    pub fn holds(self, record: &Record) -> Option<bool> {
        let n = record.field("n");
        let n: Option<i64> = n.number().map(|text| text.parse().expect("n is a whole number"));
        Some(match (self, n) {
            (Condition::Missing, n) => n.is_none(),
            (_, None) => false,
            (Condition::AtLeastTwo, Some(n)) => n >= 2,
            (Condition::Quotient, Some(0)) => return None,
            (Condition::Quotient, Some(n)) => n > 0 && 12 >= 3 * n,
            (Condition::Neither, Some(n)) => !(n == 1 || n > 2),
        })
    }
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub function: Function,
    pub filter: Option<Condition>,
}

/// The argument of a call for one record.
#[derive(Clone, Debug)]
pub struct Argument {
    x: Value,
    by: Value,
}

impl Call {
    /// As the command line has it. Numbers are of field `v`, comparable values of `m`, others of `x`.
    pub fn text(self) -> String {
        let call = match self.function {
            Function::CountAll => "count(*)",
            Function::Count => "count(x)",
            Function::Sum => "sum(v)",
            Function::Avg => "avg(v)",
            Function::Min => "min(m)",
            Function::Max => "max(m)",
            Function::First => "first(x)",
            Function::Last => "last(x)",
            Function::ArgMin => "arg_min(x, m)",
            Function::ArgMax => "arg_max(x, m)",
            Function::CountDistinct => "count(distinct x)",
            Function::Median => "median(v)",
            Function::P90 => "p90(v)",
            Function::TopK => "topk(x, 2)",
            Function::ArrayAgg => "array_agg(x)",
            Function::Variance => "variance(v)",
            Function::VariancePop => "variance_pop(v)",
            Function::Histogram => "histogram(v, 0, 1.5)",
        };
        match self.filter {
            Some(filter) => format!("{call} FILTER (WHERE {})", filter.text()),
            None => call.to_owned(),
        }
    }

    /// What a record brings; `None`: the record is bad.
    pub fn argument(self, record: &Record) -> Option<Argument> {
        let nothing = Argument { x: Value::Null, by: Value::Null };
        if let Some(filter) = self.filter
            && !filter.holds(record)?
        {
            return Some(nothing);
        }
        let number = || {
            let v = record.field("v");
            (v == Value::Null || v.number().is_some()).then_some(v)
        };
        let comparable = || {
            let m = record.field("m");
            (!matches!(m, Value::False | Value::True | Value::Json(_))).then_some(m)
        };
        Some(match self.function {
            Function::CountAll => Argument { x: Value::True, ..nothing },
            Function::Sum
            | Function::Avg
            | Function::Median
            | Function::P90
            | Function::Variance
            | Function::VariancePop
            | Function::Histogram => Argument { x: number()?, ..nothing },
            Function::Min | Function::Max => Argument { x: comparable()?, ..nothing },
            Function::ArgMin | Function::ArgMax => Argument { x: record.field("x"), by: comparable()? },
            _ => Argument { x: record.field("x"), ..nothing },
        })
    }

    /// The result over the arguments of a group's events, in order of (time, source, position).
    pub fn result(self, arguments: &[Argument]) -> Value {
        let given: Vec<&Argument> = arguments.iter().filter(|argument| argument.x != Value::Null).collect();
        let values: Vec<&Value> = given.iter().map(|argument| &argument.x).collect();
        let count = |n: usize| Value::Number(n.to_string());
        let or_null = |value: Option<Value>| value.unwrap_or(Value::Null);
        match self.function {
            Function::CountAll | Function::Count => count(values.len()),
            Function::CountDistinct => count(distinct(&values).len()),
            Function::First => or_null(values.first().copied().cloned()),
            Function::Last => or_null(values.last().copied().cloned()),
            Function::Min => or_null(values.into_iter().min_by(|a, b| order(a, b)).map(typed)),
            Function::Max => or_null(greatest(&values).map(typed)),
            Function::ArgMin | Function::ArgMax => or_null(self.arg(&given).map(typed)),
            Function::TopK => top(&values),
            Function::ArrayAgg if values.is_empty() => Value::Null,
            Function::ArrayAgg => {
                let texts: Vec<String> = values.iter().map(|value| value.json()).collect();
                Value::Json(format!("[{}]", texts.join(",")))
            }
            _ => self.of_numbers(&numbers(&values)),
        }
    }

    /// x of the first event with the least or greatest `by`.
    fn arg<'v>(self, given: &[&'v Argument]) -> Option<&'v Value> {
        let mut best: Option<&Argument> = None;
        for argument in given.iter().filter(|argument| argument.by != Value::Null) {
            let better = best.is_none_or(|best| match by_value(&argument.by, &best.by) {
                Ordering::Less => self.function == Function::ArgMin,
                Ordering::Greater => self.function == Function::ArgMax,
                Ordering::Equal => false,
            });
            if better {
                best = Some(argument);
            }
        }
        best.map(|best| &best.x)
    }

    fn of_numbers(self, numbers: &[BigInt]) -> Value {
        let n = BigInt::from(numbers.len());
        let sum: BigInt = numbers.iter().sum();
        if self.function == Function::Histogram {
            let bounds = [BigInt::ZERO, decimal("1.5").expect("a number")];
            let below = |bound: &BigInt| numbers.iter().filter(|number| *number < bound).count();
            let (low, high) = (below(&bounds[0]), below(&bounds[1]));
            return Value::Json(format!("[{low},{},{}]", high - low, numbers.len() - high));
        }
        if numbers.is_empty() {
            return Value::Null;
        }
        let squares: BigInt = numbers.iter().map(|number| number * number).sum();
        // The sum of squared deviations, times n, in units of 1e-36.
        let spread = &n * &squares - &sum * &sum;
        let unit_square = unit() * unit();
        Value::Number(match self.function {
            Function::Sum => plain(&sum),
            Function::Avg => quotient(&sum, &(n * unit())),
            Function::VariancePop => quotient(&spread, &(&n * &n * unit_square)),
            Function::Variance if numbers.len() < 2 => return Value::Null,
            Function::Variance => quotient(&spread, &(&n * (&n - 1) * unit_square)),
            Function::Median => percentile(numbers, 5),
            Function::P90 => percentile(numbers, 9),
            _ => unreachable!("it takes no numbers"),
        })
    }
}

/// The quantile of so many tenths, with linear interpolation between the neighbouring ranks.
fn percentile(numbers: &[BigInt], tenths: usize) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort();
    let place = tenths * (sorted.len() - 1);
    let (low, part) = (place / 10, place % 10);
    let high = (low + 1).min(sorted.len() - 1);
    quotient(&(&sorted[low] * (10 - part) + &sorted[high] * part), &(unit() * 10))
}

fn numbers(values: &[&Value]) -> Vec<BigInt> {
    values.iter().map(|v| decimal(v.number().expect("it was checked")).expect("it was checked")).collect()
}

/// A CSV field that reads as a number is one.
fn typed(value: &Value) -> Value {
    match value.number() {
        Some(text) => Value::Number(text.to_owned()),
        None => value.clone(),
    }
}

/// Numbers before texts; numbers by value, then by text.
fn order(a: &Value, b: &Value) -> Ordering {
    by_value(a, b).then_with(|| text(a).cmp(text(b)))
}

fn by_value(a: &Value, b: &Value) -> Ordering {
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => decimal(a).cmp(&decimal(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => text(a).cmp(text(b)),
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::Number(text) | Value::Text(text) | Value::Field(text) | Value::Json(text) => text,
        _ => "",
    }
}

/// The greatest value; of equal numbers the one with the least text.
fn greatest<'v>(values: &[&'v Value]) -> Option<&'v Value> {
    let greatest = values.iter().max_by(|a, b| by_value(a, b))?;
    values
        .iter()
        .filter(|value| by_value(value, greatest).is_eq())
        .min_by(|a, b| text(a).cmp(text(b)))
        .copied()
}

fn distinct(values: &[&Value]) -> Vec<(Value, usize)> {
    let mut found: Vec<(Value, usize)> = Vec::new();
    for value in values {
        match found.iter_mut().find(|(known, _)| known == *value) {
            Some((_, count)) => *count += 1,
            None => found.push(((*value).clone(), 1)),
        }
    }
    found
}

/// The two most frequent values.
fn top(values: &[&Value]) -> Value {
    let mut found = distinct(values);
    if found.is_empty() {
        return Value::Null;
    }
    found.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| key_order(a, b)));
    let entry = |(value, count): &(Value, usize)| format!("{{\"value\":{},\"count\":{count}}}", value.json());
    let entries: Vec<String> = found.iter().take(2).map(entry).collect();
    Value::Json(format!("[{}]", entries.join(",")))
}

/// The order of keys: null, false, true, numbers by value and then by text, strings by bytes.
pub fn key_order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::False => 1,
        Value::True => 2,
        Value::Number(_) => 3,
        Value::Text(_) | Value::Field(_) => 4,
        Value::Json(_) => 5,
    };
    rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (Value::Number(a), Value::Number(b)) => number::compare(a, b),
        _ => text(a).cmp(text(b)),
    })
}
