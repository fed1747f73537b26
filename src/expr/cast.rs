//! CAST and `::`: a value as another type. Nulls are dealt with by the caller.

use super::ops::{canonical, describe, into_text};
use super::types::CastTo;
use crate::number::Number;
use crate::value::Value;

/// A value (not null) as another type.
pub(super) fn cast<'v>(value: Value<'v>, to: CastTo) -> Result<Value<'v>, String> {
    if to == CastTo::Text {
        return Ok(Value::Text(into_text(value)));
    }
    let failed = |value: &Value<'_>| format!("cannot cast {} to {to}", describe(value));
    if to == CastTo::Boolean {
        return to_bool(&value).map(Value::Bool).ok_or_else(|| failed(&value));
    }
    let number = match &value {
        Value::Bool(truth) => Some(Number::from_int(i64::from(*truth))),
        Value::Text(text) => Number::parse(text.trim_matches(' ')),
        Value::Untyped(text) => Number::parse(text.trim_matches(' ')),
        other => other.as_number(),
    };
    let result = number.and_then(|number| match to {
        CastTo::Integer => number.round(0)?.to_i64().map(Number::from_int),
        CastTo::Double => Number::from_f64(number.to_f64()),
        CastTo::Decimal(precision) => to_decimal(&number, precision),
        CastTo::Text | CastTo::Boolean => None,
    });
    result.map(Value::Number).ok_or_else(|| failed(&value))
}

fn to_bool(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Written(_) | Value::Number(_) => Some(!value.as_number()?.is_zero()),
        Value::Text(text) => bool_of_word(text),
        Value::Untyped(text) => bool_of_word(text),
        Value::Null | Value::Json(_) => None,
    }
}

/// The spellings of true and false that SQL databases take in a cast.
fn bool_of_word(text: &str) -> Option<bool> {
    let text = text.trim_matches(' ');
    let is = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "t", "yes", "y", "1"]) || text.eq_ignore_ascii_case("on") {
        Some(true)
    } else if is(["false", "f", "no", "n", "0"]) || text.eq_ignore_ascii_case("off") {
        Some(false)
    } else {
        None
    }
}

/// An exact decimal, rounded to the digits behind the point; `None` where it has too many before it.
fn to_decimal(number: &Number, precision: Option<(u8, u8)>) -> Option<Number> {
    // The shortest text of a double is the decimal that people mean by it.
    let decimal = match number {
        Number::Double(_) => Number::parse(&canonical(number)).filter(|n| !matches!(n, Number::Double(_)))?,
        exact => exact.clone(),
    };
    let Some((digits, scale)) = precision else { return Some(decimal) };
    let rounded = decimal.round(i32::from(scale))?;
    let limit = Number::Decimal { mantissa: 10i128.pow(u32::from(digits - scale)), scale: 0 };
    rounded.abs().compare(&limit).is_lt().then_some(rounded)
}
