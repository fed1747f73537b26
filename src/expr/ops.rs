//! What the operators do with values: conversions, comparison, arithmetic, casts.
//!
//! Nothing here knows expressions or rows. Nulls are dealt with by the caller; an error is a reason
//! without a place, and the caller adds the place.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::cursor::shorten;
use super::small::Small;
use super::syntax::{Arithmetic, Comparison};
use crate::number::{Number, compare_written, is_number};
use crate::value::Value;

impl Comparison {
    /// Whether the comparison holds between two values in this order.
    #[inline]
    pub(super) fn holds(self, order: Ordering) -> bool {
        // One bit for each order in which it holds: less, equal, greater.
        let holds_in = match self {
            Comparison::Equal => 0b010,
            Comparison::Unequal => 0b101,
            Comparison::Less => 0b001,
            Comparison::LessOrEqual => 0b011,
            Comparison::Greater => 0b100,
            Comparison::GreaterOrEqual => 0b110,
        };
        holds_in >> (order as i8 + 1) & 1 == 1
    }

    /// The comparison that holds where this one does not.
    pub(super) fn opposite(self) -> Comparison {
        match self {
            Comparison::Equal => Comparison::Unequal,
            Comparison::Unequal => Comparison::Equal,
            Comparison::Less => Comparison::GreaterOrEqual,
            Comparison::LessOrEqual => Comparison::Greater,
            Comparison::Greater => Comparison::LessOrEqual,
            Comparison::GreaterOrEqual => Comparison::Less,
        }
    }

    /// The same comparison with its sides exchanged.
    pub(super) fn flipped(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            other => other,
        }
    }
}

/// The order of two values, neither of them null: numbers by exact value, text by bytes, false before
/// true. A CSV field is a number against a number if it reads as one, and text against text; where one
/// side is a number and the other a field that is none, the number comes first.
pub(super) fn compare(left: &Value<'_>, right: &Value<'_>) -> Result<Ordering, String> {
    use Value::{Bool, Number as Computed, Text, Untyped, Written};
    match (left, right) {
        (Text(a), Text(b)) => Ok(a.as_bytes().cmp(b.as_bytes())),
        (Text(a), Untyped(b)) => Ok(a.as_bytes().cmp(b.as_bytes())),
        (Untyped(a), Text(b)) => Ok(a.as_bytes().cmp(b.as_bytes())),
        (Bool(a), Bool(b)) => Ok(a.cmp(b)),
        (Bool(a), Untyped(b)) => bool_of_text(b).map(|b| a.cmp(&b)).ok_or_else(|| incomparable(left, right)),
        (Untyped(a), Bool(b)) => bool_of_text(a).map(|a| a.cmp(b)).ok_or_else(|| incomparable(left, right)),
        (Written(_) | Computed(_) | Untyped(_), Written(_) | Computed(_) | Untyped(_)) => {
            Ok(compare_numbers_first(left, right))
        }
        _ => Err(incomparable(left, right)),
    }
}

fn incomparable(left: &Value<'_>, right: &Value<'_>) -> String {
    format!("cannot compare {} with {}", describe(left), describe(right))
}

/// Numbers by value, before CSV fields that are none, by their bytes.
fn compare_numbers_first(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    if let (Value::Written(a) | Value::Untyped(a), Value::Written(b) | Value::Untyped(b)) = (left, right)
        && let (Some(a), Some(b)) = (Small::read(a), Small::read(b))
    {
        return a.compare(b);
    }
    match (left, right) {
        (Value::Untyped(a), _) if !is_number(a) => match right {
            Value::Untyped(b) if !is_number(b) => a.as_bytes().cmp(b.as_bytes()),
            _ => Ordering::Greater,
        },
        (_, Value::Untyped(b)) if !is_number(b) => Ordering::Less,
        _ => match (left.as_number(), right.as_number()) {
            (Some(a), Some(b)) => a.compare(&b),
            // One is beyond the range of a double: still a number, with an exact value.
            _ => compare_written(&as_text(left), &as_text(right)),
        },
    }
}

/// The text of a value that is neither null nor an error to show: numbers as written or in canonical form.
pub(super) fn as_text<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Written(text) | Value::Untyped(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(canonical(number)),
        Value::Text(text) | Value::Json(text) => Cow::Borrowed(text),
    }
}

/// The same as [`as_text`], giving up the value, so that borrowed text stays borrowed.
pub(super) fn into_text<'v>(value: Value<'v>) -> Cow<'v, str> {
    match value {
        Value::Written(text) | Value::Untyped(text) => Cow::Borrowed(text),
        Value::Text(text) | Value::Json(text) => text,
        Value::Null => Cow::Borrowed(""),
        Value::Bool(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
        Value::Number(number) => Cow::Owned(canonical(&number)),
    }
}

pub(super) fn canonical(number: &Number) -> String {
    let mut out = Vec::with_capacity(24);
    number.write(&mut out);
    String::from_utf8(out).expect("numbers are written in ASCII")
}

/// A value with its kind, for messages.
pub(super) fn describe(value: &Value<'_>) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Json(_) => value.kind().to_owned(),
        Value::Written(_) | Value::Number(_) => format!("the number {}", shorten(&as_text(value))),
        Value::Text(text) => format!("the text '{}'", shorten(text)),
        Value::Untyped(text) => format!("the text '{}'", shorten(text)),
    }
}

/// The number that a value (not null) is or, in CSV, reads as.
#[inline]
pub(super) fn number(value: Value<'_>) -> Result<Number, String> {
    match value {
        Value::Number(number) => Ok(number),
        Value::Written(text) | Value::Untyped(text) => Number::parse(text).ok_or_else(|| no_number(&value)),
        other => Err(no_number(&other)),
    }
}

#[cold]
fn no_number(value: &Value<'_>) -> String {
    match value {
        Value::Written(text) => format!("the number {} is out of range", shorten(text)),
        Value::Untyped(text) => format!("a number is wanted, and '{}' is none", shorten(text)),
        other => format!("a number is wanted, not {}", describe(other)),
    }
}

/// The text that a value (not null) is.
pub(super) fn text(value: Value<'_>) -> Result<Cow<'_, str>, String> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Untyped(text) => Ok(Cow::Borrowed(text)),
        other => Err(format!("text is wanted, not {} (::text makes text of it)", describe(&other))),
    }
}

/// The truth of a value: `None` for null.
pub(super) fn truth(value: &Value<'_>) -> Result<Option<bool>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(truth) => Ok(Some(*truth)),
        Value::Untyped(text) if bool_of_text(text).is_some() => Ok(bool_of_text(text)),
        other => Err(format!("true or false is wanted, not {}", describe(other))),
    }
}

/// `true` and `false` in any case.
fn bool_of_text(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// The result of an operator. Exact but for `/`, which gives the double nearest to the quotient; `%` has
/// the sign of the dividend.
pub(super) fn arithmetic(op: Arithmetic, left: &Number, right: &Number) -> Result<Number, String> {
    let divides = matches!(op, Arithmetic::Divide | Arithmetic::Remainder);
    if divides && right.is_zero() {
        return Err("division by zero".to_owned());
    }
    let result = match op {
        Arithmetic::Add => left.add(right),
        Arithmetic::Subtract => left.sub(right),
        Arithmetic::Multiply => left.mul(right),
        Arithmetic::Divide => left.div(right),
        Arithmetic::Remainder => left.rem(right),
    };
    result.ok_or_else(|| "the result is out of range".to_owned())
}
