//! What the operators do with values: conversions, comparison, arithmetic, casts.
//!
//! Nothing here knows expressions or rows. Nulls are dealt with by the caller; an error is a reason
//! without a place, and the caller adds the place.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::parser::shorten;
use super::syntax::{Arithmetic, Comparison};
use super::types::CastTo;
use crate::number::{Number, compare_written, is_number, short};
use crate::value::Value;

/// A decimal of at most 18 digits in all: what nearly all numbers in data are, read and compared
/// without the cost of the general type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Small {
    mantissa: i64,
    scale: u8,
}

const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut n = 1;
    while n < 19 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

impl Small {
    /// Reads `-12.5`; `None` for what is longer, has an exponent or is no number.
    #[inline]
    pub(super) fn read(text: &str) -> Option<Small> {
        short(text.as_bytes()).map(|(mantissa, scale)| Small { mantissa, scale })
    }

    /// The same number, if it is that small.
    pub(super) fn from_number(number: &Number) -> Option<Small> {
        match number {
            Number::Decimal { mantissa, scale }
                if *scale <= 18 && mantissa.unsigned_abs() < 10u128.pow(18) =>
            {
                Some(Small { mantissa: i64::try_from(*mantissa).ok()?, scale: *scale })
            }
            _ => None,
        }
    }

    /// The same number in the general type.
    pub(super) fn into_number(self) -> Number {
        Number::Decimal { mantissa: i128::from(self.mantissa), scale: self.scale }
    }

    /// Mantissa and scale.
    pub(super) fn parts(self) -> (i64, u8) {
        (self.mantissa, self.scale)
    }

    /// The number with the other sign.
    pub(super) fn negated(self) -> Small {
        Small { mantissa: -self.mantissa, ..self }
    }

    /// The exact result of an operator; `None` where it is not small, and for all divisions by `/`.
    #[inline]
    pub(super) fn arithmetic(op: Arithmetic, left: Small, right: Small) -> Option<Small> {
        let scale = left.scale.max(right.scale);
        let aligned = |number: Small| number.mantissa.checked_mul(POWERS[usize::from(scale - number.scale)]);
        let (mantissa, scale) = match op {
            Arithmetic::Add => (aligned(left)?.checked_add(aligned(right)?)?, scale),
            Arithmetic::Subtract => (aligned(left)?.checked_sub(aligned(right)?)?, scale),
            Arithmetic::Multiply => (left.mantissa.checked_mul(right.mantissa)?, left.scale + right.scale),
            Arithmetic::Remainder => (aligned(left)?.checked_rem(aligned(right)?)?, scale),
            Arithmetic::Divide => return None,
        };
        let small = mantissa.unsigned_abs() < POWERS[18].unsigned_abs() && scale <= 18;
        small.then_some(Small { mantissa, scale })
    }

    /// The double nearest to the quotient; `None` by zero, and where that takes more than one division
    /// of whole numbers that doubles hold exactly.
    pub(super) fn quotient(left: Small, right: Small) -> Option<f64> {
        let scale = left.scale.max(right.scale);
        let exact = |number: Small| {
            let whole = number.mantissa.checked_mul(POWERS[usize::from(scale - number.scale)])?;
            (whole.unsigned_abs() <= 1 << 53).then_some(whole as f64)
        };
        let (left, right) = (exact(left)?, exact(right)?);
        (right != 0.0).then_some(left / right)
    }

    /// The order by value.
    #[inline]
    pub(super) fn compare(self, other: Small) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        // Both stay below 10^36.
        let left = i128::from(self.mantissa) * i128::from(POWERS[usize::from(other.scale)]);
        let right = i128::from(other.mantissa) * i128::from(POWERS[usize::from(self.scale)]);
        left.cmp(&right)
    }
}

/// A number that values are compared with again and again.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    small: Option<Small>,
    number: Number,
}

impl Constant {
    /// This number.
    pub(super) fn new(number: Number) -> Constant {
        Constant { small: Small::from_number(&number), number }
    }

    /// How a value compares with this number; `None` for null.
    #[inline]
    pub(super) fn compare(&self, value: &Value<'_>) -> Result<Option<Ordering>, String> {
        if let (Value::Written(text) | Value::Untyped(text), Some(small)) = (value, self.small)
            && let Some(read) = Small::read(text)
        {
            return Ok(Some(read.compare(small)));
        }
        match value {
            Value::Null => Ok(None),
            other => compare(other, &Value::Number(self.number.clone())).map(Some),
        }
    }
}

impl Comparison {
    /// Whether the comparison holds between two values in this order.
    #[inline]
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Unequal => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
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

fn canonical(number: &Number) -> String {
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
