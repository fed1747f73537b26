//! The types of the expression language: what is known of an expression before any record is read,
//! and what it can be cast to.

use std::fmt;

/// What is known of an expression's value at plan time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// A field's value: anything.
    Any,
    /// Always null.
    Null,
    /// A number or null.
    Number,
    /// Text or null.
    Text,
    /// True, false or null.
    Bool,
    /// The event time, which only date parts take.
    Time,
}

impl Type {
    /// Whether a value of this type may be one of `wanted`.
    pub(super) fn may_be(self, wanted: Type) -> bool {
        self == wanted || matches!(self, Type::Any | Type::Null) || wanted == Type::Any && self != Type::Time
    }

    /// The type of a value that is of one of two types; `None` where they exclude each other.
    pub(super) fn join(self, other: Type) -> Option<Type> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Type::Time, _) | (_, Type::Time) => None,
            (Type::Null, known) | (known, Type::Null) => Some(known),
            (Type::Any, _) | (_, Type::Any) => Some(Type::Any),
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Any => "any value",
            Type::Null => "null",
            Type::Number => "a number",
            Type::Text => "text",
            Type::Bool => "true or false",
            Type::Time => "a time",
        })
    }
}

/// What a value can be cast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CastTo {
    /// A whole number of 64 bits; fractions are rounded half away from zero.
    Integer,
    /// The nearest double.
    Double,
    /// An exact decimal; with digits in all and behind the point, rounded to them.
    Decimal(Option<(u8, u8)>),
    /// Text.
    Text,
    /// True or false.
    Boolean,
}

impl CastTo {
    /// What is known of the result.
    pub(super) fn result(self) -> Type {
        match self {
            CastTo::Integer | CastTo::Double | CastTo::Decimal(_) => Type::Number,
            CastTo::Text => Type::Text,
            CastTo::Boolean => Type::Bool,
        }
    }

    /// The type of this lower-case name.
    pub(super) fn find(name: &str) -> Option<CastTo> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, to)| *to)
    }
}

/// The names that types go by.
pub(super) const NAMES: [(&str, CastTo); 14] = [
    ("integer", CastTo::Integer),
    ("bigint", CastTo::Integer),
    ("int", CastTo::Integer),
    ("double", CastTo::Double),
    ("float", CastTo::Double),
    ("real", CastTo::Double),
    ("decimal", CastTo::Decimal(None)),
    ("numeric", CastTo::Decimal(None)),
    ("text", CastTo::Text),
    ("varchar", CastTo::Text),
    ("char", CastTo::Text),
    ("string", CastTo::Text),
    ("boolean", CastTo::Boolean),
    ("bool", CastTo::Boolean),
];

impl fmt::Display for CastTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CastTo::Integer => f.write_str("integer"),
            CastTo::Double => f.write_str("double"),
            CastTo::Decimal(None) => f.write_str("decimal"),
            CastTo::Decimal(Some((digits, scale))) => write!(f, "decimal({digits}, {scale})"),
            CastTo::Text => f.write_str("text"),
            CastTo::Boolean => f.write_str("boolean"),
        }
    }
}
