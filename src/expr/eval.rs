//! Runs a compiled expression over a row. Called once per record and expression: the usual comparisons
//! allocate nothing, and text that stands in the record is passed on as it stands.
//!
//! Recursion is bounded by the height that the parser allows.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Row;
use super::cast::cast;
use super::functions::Param;
use super::ops;
use super::program::{At, Node};
use super::regexes::extract;
use super::small::Small;
use super::syntax::Arithmetic;
use super::timepart;
use crate::number::Number;
use crate::value::Value;

/// Why an expression has no value for a row, and which part of it is to blame.
#[derive(Debug)]
pub(super) struct Fail {
    /// The reason.
    pub reason: String,
    /// The place.
    pub at: At,
}

pub(super) type Fallible<T> = Result<T, Box<Fail>>;

/// Adds the place to a reason.
pub(super) trait Place<T> {
    fn place(self, at: At) -> Fallible<T>;
}

impl<T> Place<T> for Result<T, String> {
    #[inline]
    fn place(self, at: At) -> Fallible<T> {
        self.map_err(|reason| Box::new(Fail { reason, at }))
    }
}

/// Calls with up to this many arguments need no allocation for them.
const ARGS_INLINE: usize = 4;

impl Node {
    /// The value over a row.
    pub(super) fn value<'a>(&'a self, row: &'a dyn Row) -> Fallible<Value<'a>> {
        match self {
            Node::Literal(Value::Text(text)) => Ok(Value::Text(Cow::Borrowed(text))),
            Node::Literal(value) => Ok(value.clone()),
            Node::Field(number) => Ok(row.field(*number)),
            Node::Condition(condition) => Ok(condition.truth(row)?.map_or(Value::Null, Value::Bool)),
            Node::Arithmetic(_, _, at) | Node::Sign { at, .. } => {
                if let Some(small) = self.small(row) {
                    return Ok(Value::Number(small.into_number()));
                }
                if let Some(quotient) = self.quotient(row) {
                    return Ok(Value::Number(quotient));
                }
                Ok(self.number(row, *at)?.map_or(Value::Null, Value::Number))
            }
            Node::Join(parts, at) => join(parts, row, *at),
            Node::Case(arms, default) => {
                for (condition, result) in arms {
                    if condition.truth(row)? == Some(true) {
                        return result.value(row);
                    }
                }
                default.value(row)
            }
            Node::Switch { operand, arms, default, at } => {
                let operand = operand.value(row)?;
                for (candidate, result) in arms {
                    if equal(&operand, &candidate.value(row)?, *at)? == Some(true) {
                        return result.value(row);
                    }
                }
                default.value(row)
            }
            Node::Cast { value, to, lenient, at } => {
                let value = value.value(row)?;
                if value.is_null() {
                    return Ok(Value::Null);
                }
                match cast(value, *to) {
                    Err(_) if *lenient => Ok(Value::Null),
                    result => result.place(*at),
                }
            }
            Node::Call { .. } => self.call(row),
            Node::Coalesce(args) => {
                for arg in args {
                    let value = arg.value(row)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
            Node::NullIf(sides, at) => {
                let value = sides[0].value(row)?;
                let equal = equal(&value, &sides[1].value(row)?, *at)?;
                Ok(if equal == Some(true) { Value::Null } else { value })
            }
            Node::Extreme { greatest, args, at } => extreme(*greatest, args, row, *at),
            Node::Extract { text, regex, group, at } => extract(text, regex, group, row, *at),
            Node::Part { part, time, zone, at } => {
                let micros = match time {
                    None => row.event_time(),
                    Some(node) => {
                        let value = node.value(row)?;
                        if value.is_null() {
                            return Ok(Value::Null);
                        }
                        read_time(value).place(*at)?
                    }
                };
                part.of(micros, zone.as_ref()).map(Value::Number).place(*at)
            }
        }
    }

    /// The number over a row if it is a small one and all that it is made of are; `None` for everything
    /// else, null and failures included, about which [`Node::value`] knows more. Nearly all arithmetic
    /// in practice ends here: numbers of two words travel in registers, general ones through memory.
    pub(super) fn small(&self, row: &dyn Row) -> Option<Small> {
        match self {
            Node::Field(field) => match row.field(*field) {
                Value::Written(text) | Value::Untyped(text) => Small::read(text),
                Value::Number(number) => Small::from_number(&number),
                _ => None,
            },
            Node::Literal(Value::Number(number)) => Small::from_number(number),
            Node::Arithmetic(op, sides, _) => {
                Small::arithmetic(*op, sides[0].small(row)?, sides[1].small(row)?)
            }
            Node::Sign { value, minus, .. } => {
                let small = value.small(row)?;
                Some(if *minus { small.negated() } else { small })
            }
            _ => None,
        }
    }

    /// The same for divisions, whose result is a double.
    fn quotient(&self, row: &dyn Row) -> Option<Number> {
        let Node::Arithmetic(Arithmetic::Divide, sides, _) = self else { return None };
        Small::quotient(sides[0].small(row)?, sides[1].small(row)?).and_then(Number::from_f64)
    }

    /// Whether this computes a number by operators.
    pub(super) fn is_arithmetic(&self) -> bool {
        matches!(self, Node::Arithmetic(..) | Node::Sign { .. })
    }

    /// The number over a row, `None` for null; `at` is what wants a number.
    fn number(&self, row: &dyn Row, at: At) -> Fallible<Option<Number>> {
        match self {
            Node::Literal(Value::Number(number)) => Ok(Some(number.clone())),
            Node::Arithmetic(op, sides, at) => {
                let (left, right) = (sides[0].number(row, *at)?, sides[1].number(row, *at)?);
                let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
                ops::arithmetic(*op, &left, &right).map(Some).place(*at)
            }
            Node::Sign { value, minus, at } => {
                let number = value.number(row, *at)?;
                Ok(if *minus { number.map(|number| number.neg()) } else { number })
            }
            other => match other.value(row)? {
                Value::Null => Ok(None),
                value => ops::number(value).map(Some).place(at),
            },
        }
    }

    fn call<'a>(&'a self, row: &'a dyn Row) -> Fallible<Value<'a>> {
        let Node::Call { run, params, args, at } = self else { return Ok(Value::Null) };
        let mut inline = [const { Value::Null }; ARGS_INLINE];
        let mut spilled = Vec::new();
        let values = if args.len() <= ARGS_INLINE {
            &mut inline[..args.len()]
        } else {
            spilled.resize_with(args.len(), || Value::Null);
            &mut spilled[..]
        };
        for (n, arg) in args.iter().enumerate() {
            let value = arg.value(row)?;
            if value.is_null() {
                return Ok(Value::Null);
            }
            let param = params.get(n).or(params.last()).copied().unwrap_or(Param::Any);
            values[n] = argument(value, param).place(*at)?;
        }
        run(values).place(*at)
    }
}

/// Both values, unless one is null.
pub(super) fn both<'a>(sides: &'a [Node; 2], row: &'a dyn Row) -> Fallible<Option<(Value<'a>, Value<'a>)>> {
    let (left, right) = (sides[0].value(row)?, sides[1].value(row)?);
    Ok(if left.is_null() || right.is_null() { None } else { Some((left, right)) })
}

/// Whether two values are equal; `None` if one is null.
pub(super) fn equal(left: &Value<'_>, right: &Value<'_>, at: At) -> Fallible<Option<bool>> {
    if left.is_null() || right.is_null() {
        return Ok(None);
    }
    Ok(Some(ops::compare(left, right).place(at)?.is_eq()))
}

fn join<'a>(parts: &'a [Node], row: &'a dyn Row, at: At) -> Fallible<Value<'a>> {
    let mut joined = String::new();
    for part in parts {
        let value = part.value(row)?;
        if value.is_null() {
            return Ok(Value::Null);
        }
        joined.push_str(&ops::as_text(&argument(value, Param::Shown).place(at)?));
    }
    Ok(Value::Text(Cow::Owned(joined)))
}

fn extreme<'a>(greatest: bool, args: &'a [Node], row: &'a dyn Row, at: At) -> Fallible<Value<'a>> {
    let mut best: Option<Value<'a>> = None;
    for arg in args {
        let value = arg.value(row)?;
        if value.is_null() {
            return Ok(Value::Null);
        }
        let wanted = if greatest { Ordering::Greater } else { Ordering::Less };
        match &best {
            Some(so_far) if ops::compare(&value, so_far).place(at)? != wanted => {}
            _ => best = Some(value),
        }
    }
    Ok(best.unwrap_or(Value::Null))
}

/// A value (not null) as a function's argument.
fn argument(value: Value<'_>, param: Param) -> Result<Value<'_>, String> {
    match param {
        Param::Text => ops::text(value).map(Value::Text),
        Param::Number => ops::number(value).map(Value::Number),
        Param::Integer => {
            let number = ops::number(value)?;
            match number.to_i64() {
                Some(whole) => Ok(Value::Number(Number::from_int(whole))),
                None => {
                    Err(format!("a whole number is wanted, not {}", ops::as_text(&Value::Number(number))))
                }
            }
        }
        Param::Shown if matches!(value, Value::Json(_)) => {
            Err(format!("text is wanted, not {} (::text makes text of it)", value.kind()))
        }
        Param::Shown | Param::Any => Ok(value),
    }
}

/// The time, in microseconds since the Unix epoch, that a value (not null) stands for.
fn read_time(value: Value<'_>) -> Result<i64, String> {
    match value {
        Value::Text(text) => timepart::read(&text),
        Value::Untyped(text) => timepart::read(text),
        other => Err(format!(
            "event_time() or text such as 2026-01-31T12:00:00Z is wanted, not {}",
            ops::describe(&other)
        )),
    }
}
