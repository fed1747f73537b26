//! Runs a compiled condition over a row: true, false or null.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Row;
use super::eval::{Fallible, Place, both, equal};
use super::like::Pattern;
use super::ops;
use super::program::{At, Condition, Node};
use super::regexes::with_regex;
use super::small::Constant;
use crate::value::Value;

impl Condition {
    /// The truth over a row; `None` for null.
    pub(super) fn truth(&self, row: &dyn Row) -> Fallible<Option<bool>> {
        match self {
            Condition::Constant(truth) => Ok(*truth),
            Condition::FieldNumber(field, op, constant, at) => {
                let order = constant.compare(&row.field(*field)).place(*at)?;
                Ok(order.map(|order| op.holds(order)))
            }
            Condition::FieldText(field, op, text, at) => match row.field(*field) {
                Value::Text(value) => Ok(Some(op.holds(value.as_bytes().cmp(text.as_bytes())))),
                Value::Untyped(value) => Ok(Some(op.holds(value.as_bytes().cmp(text.as_bytes())))),
                Value::Null => Ok(None),
                other => ops::compare(&other, &Value::Text(Cow::Borrowed(text)))
                    .map(|order| Some(op.holds(order)))
                    .place(*at),
            },
            Condition::And(parts) => all(parts, row, true),
            Condition::Or(parts) => all(parts, row, false),
            Condition::Not(inner) => Ok(inner.truth(row)?.map(|truth| !truth)),
            Condition::Value(node, at) => ops::truth(&node.value(row)?).place(*at),
            Condition::Compare(op, sides, at) => {
                if sides.iter().any(Node::is_arithmetic)
                    && let (Some(left), Some(right)) = (sides[0].small(row), sides[1].small(row))
                {
                    return Ok(Some(op.holds(left.compare(right))));
                }
                let Some((left, right)) = both(sides, row)? else { return Ok(None) };
                Ok(Some(op.holds(ops::compare(&left, &right).place(*at)?)))
            }
            Condition::Distinct(sides, at) => {
                let (left, right) = (sides[0].value(row)?, sides[1].value(row)?);
                match (left.is_null(), right.is_null()) {
                    (false, false) => Ok(Some(ops::compare(&left, &right).place(*at)?.is_ne())),
                    (left_null, right_null) => Ok(Some(left_null != right_null)),
                }
            }
            Condition::AmongNumbers { value, list, at } => among_numbers(&value.value(row)?, list).place(*at),
            Condition::AmongTexts { value, list, at } => {
                let value = value.value(row)?;
                if value.is_null() {
                    return Ok(None);
                }
                let text = ops::text(value).place(*at)?;
                Ok(Some(list.binary_search_by(|candidate| candidate.as_bytes().cmp(text.as_bytes())).is_ok()))
            }
            Condition::Among { value, list, at } => among(value, list, row, *at),
            Condition::Between(parts, at) => between(parts, row, *at),
            Condition::Like(node, pattern, at) => {
                let value = node.value(row)?;
                if value.is_null() {
                    return Ok(None);
                }
                Ok(Some(pattern.matches(&ops::text(value).place(*at)?)))
            }
            Condition::LikeComputed { sides, escape, any_case, at } => {
                let Some((value, pattern)) = both(sides, row)? else { return Ok(None) };
                let (text, pattern) = (ops::text(value).place(*at)?, ops::text(pattern).place(*at)?);
                let pattern = Pattern::new(&pattern, *escape, *any_case).place(*at)?;
                Ok(Some(pattern.matches(&text)))
            }
            Condition::RegexMatch(node, source, at) => {
                let value = node.value(row)?;
                let found = with_regex(source, row, *at, |regex| {
                    if value.is_null() {
                        return Ok(None);
                    }
                    Ok(Some(regex.is_match(&ops::text(value).place(*at)?)))
                })?;
                found.unwrap_or(Ok(None))
            }
            Condition::IsNull(node) => Ok(Some(node.value(row)?.is_null())),
            Condition::Is(inner, truth) => Ok(Some(inner.truth(row)? == Some(*truth))),
        }
    }
}

/// AND (`neutral` true) and OR (false): the first part that is the opposite of neutral decides, and what
/// stands behind it is not looked at; else null if one was null.
fn all(parts: &[Condition], row: &dyn Row, neutral: bool) -> Fallible<Option<bool>> {
    let mut result = Some(neutral);
    for part in parts {
        match part.truth(row)? {
            Some(truth) if truth != neutral => return Ok(Some(!neutral)),
            Some(_) => {}
            None => result = None,
        }
    }
    Ok(result)
}

/// Whether a value is in a list sorted by value; `None` for null.
fn among_numbers(value: &Value<'_>, list: &[Constant]) -> Result<Option<bool>, String> {
    let (mut low, mut high) = (0, list.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match list[middle].compare(value)? {
            None => return Ok(None),
            Some(Ordering::Equal) => return Ok(Some(true)),
            Some(Ordering::Less) => high = middle,
            Some(Ordering::Greater) => low = middle + 1,
        }
    }
    Ok(Some(false))
}

fn among(value: &Node, list: &[Node], row: &dyn Row, at: At) -> Fallible<Option<bool>> {
    let value = value.value(row)?;
    if value.is_null() {
        return Ok(None);
    }
    let mut result = Some(false);
    for candidate in list {
        match equal(&value, &candidate.value(row)?, at)? {
            Some(true) => return Ok(Some(true)),
            Some(false) => {}
            None => result = None,
        }
    }
    Ok(result)
}

/// `value >= low AND value <= high`, the value computed once.
fn between(parts: &[Node; 3], row: &dyn Row, at: At) -> Fallible<Option<bool>> {
    let [value, low, high] = parts;
    let value = value.value(row)?;
    if value.is_null() {
        return Ok(None);
    }
    let mut result = Some(true);
    for (bound, excluded) in [(low, Ordering::Less), (high, Ordering::Greater)] {
        let bound = bound.value(row)?;
        if bound.is_null() {
            result = None;
        } else if ops::compare(&value, &bound).place(at)? == excluded {
            return Ok(Some(false));
        }
    }
    Ok(result)
}
