//! A value as it travels from a record's field through expressions to an output row.

use std::borrow::Cow;

use crate::number::Number;

/// One value. Borrowed variants point into the record they were read from.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// Absent, JSON `null`, or an empty CSV field.
    Null,
    /// JSON `true` or `false`, or the result of a condition.
    Bool(bool),
    /// A JSON number exactly as it stands in the input (its text obeys JSON's grammar).
    Written(&'a str),
    /// A computed number.
    Number(Number),
    /// Text: a JSON string (unescaped), or computed.
    Text(Cow<'a, str>),
    /// A CSV field: text that counts as a number wherever a number is wanted, if it reads as one.
    Untyped(&'a str),
    /// A JSON object or array, raw.
    Json(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// What a message calls this kind of value: `null`, `true`, `a number`, `text`, `an object` ...
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Written(_) | Value::Number(_) => "a number",
            Value::Text(_) | Value::Untyped(_) => "text",
            Value::Json(raw) if raw.starts_with('{') => "an object",
            Value::Json(_) => "an array",
        }
    }

    /// The number this value is, if it is one or (CSV) reads as one; `None` for all else,
    /// and for numbers beyond the range of a double.
    pub fn as_number(&self) -> Option<Number> {
        match self {
            Value::Number(number) => Some(number.clone()),
            Value::Written(text) | Value::Untyped(text) => Number::parse(text),
            _ => None,
        }
    }

    /// The same value, owning what it points to.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(b) => Value::Bool(b),
            Value::Written(text) => match Number::parse(text) {
                Some(number) => Value::Number(number),
                None => Value::Text(Cow::Owned(text.to_owned())),
            },
            Value::Number(number) => Value::Number(number),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Untyped(text) => Value::Text(Cow::Owned(text.to_owned())),
            Value::Json(raw) => Value::Json(Cow::Owned(raw.into_owned())),
        }
    }
}
