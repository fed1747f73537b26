//! The compiled form of an expression: names resolved to field numbers, literals read, constant parts
//! computed, patterns prepared. What runs once per record walks this tree (`eval`).

use jiff::tz::TimeZone;
use regex::Regex;

use super::functions::{Param, Plain};
use super::like::Pattern;
use super::small::Constant;
use super::syntax::{Arithmetic, Comparison};
use super::timepart::Part;
use super::types::CastTo;
use crate::value::Value;

/// Where a part of an expression stands in the option's text, for the reason why it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    /// First byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
}

/// Something that has a value.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// A constant.
    Literal(Value<'static>),
    /// A field of the row.
    Field(usize),
    /// True, false or null.
    Condition(Box<Condition>),
    /// `a + b`
    Arithmetic(Arithmetic, Box<[Node; 2]>, At),
    /// `-x`, `+x`
    Sign {
        /// The operand.
        value: Box<Node>,
        /// Whether it is `-`.
        minus: bool,
        /// Its place.
        at: At,
    },
    /// `a || b`
    Join(Box<[Node]>, At),
    /// `CASE WHEN condition THEN value ... ELSE default END`
    Case(Box<[(Condition, Node)]>, Box<Node>),
    /// `CASE operand WHEN value THEN value ... ELSE default END`
    Switch {
        /// What is looked for.
        operand: Box<Node>,
        /// What it may equal, and the result then.
        arms: Box<[(Node, Node)]>,
        /// The result otherwise.
        default: Box<Node>,
        /// Its place.
        at: At,
    },
    /// `CAST(x AS TYPE)`
    Cast {
        /// The operand.
        value: Box<Node>,
        /// The type.
        to: CastTo,
        /// Null instead of an error.
        lenient: bool,
        /// Its place.
        at: At,
    },
    /// A function of the table.
    Call {
        /// The function.
        run: Plain,
        /// What its arguments must be; the last one stands for all that follow.
        params: &'static [Param],
        /// Its arguments.
        args: Box<[Node]>,
        /// Its place.
        at: At,
    },
    /// `COALESCE(a, b, ...)`
    Coalesce(Box<[Node]>),
    /// `NULLIF(a, b)`
    NullIf(Box<[Node; 2]>, At),
    /// `GREATEST(a, ...)`, `LEAST(a, ...)`
    Extreme {
        /// Whether the greatest is wanted.
        greatest: bool,
        /// The values.
        args: Box<[Node]>,
        /// Its place.
        at: At,
    },
    /// `regexp_extract(text, pattern[, group])`
    Extract {
        /// The text.
        text: Box<Node>,
        /// The pattern.
        regex: RegexSource,
        /// The group.
        group: Box<Node>,
        /// Its place.
        at: At,
    },
    /// `hour(time)` and the like.
    Part {
        /// Which part.
        part: Part,
        /// The time; `None` for the event time.
        time: Option<Box<Node>>,
        /// The zone; `None` for UTC.
        zone: Option<TimeZone>,
        /// Its place.
        at: At,
    },
}

/// Something that is true, false or null.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// A constant.
    Constant(Option<bool>),
    /// A value that must be true, false or null.
    Value(Node, At),
    /// All of these; from left to right, up to the first that is false.
    And(Box<[Condition]>),
    /// One of these; from left to right, up to the first that is true.
    Or(Box<[Condition]>),
    /// The opposite.
    Not(Box<Condition>),
    /// A field against a number.
    FieldNumber(usize, Comparison, Box<Constant>, At),
    /// A field against text.
    FieldText(usize, Comparison, Box<str>, At),
    /// Any two values.
    Compare(Comparison, Box<[Node; 2]>, At),
    /// `IS DISTINCT FROM`
    Distinct(Box<[Node; 2]>, At),
    /// `IN` a list of number literals.
    AmongNumbers {
        /// What is looked for.
        value: Node,
        /// Where; sorted by value.
        list: Box<[Constant]>,
        /// Its place.
        at: At,
    },
    /// `IN` a list of text literals.
    AmongTexts {
        /// What is looked for.
        value: Node,
        /// Where; sorted by bytes.
        list: Box<[Box<str>]>,
        /// Its place.
        at: At,
    },
    /// `IN` any list.
    Among {
        /// What is looked for.
        value: Node,
        /// Where.
        list: Box<[Node]>,
        /// Its place.
        at: At,
    },
    /// `BETWEEN`: the value, the lower and the upper bound.
    Between(Box<[Node; 3]>, At),
    /// `LIKE` a pattern known beforehand.
    Like(Node, Box<Pattern>, At),
    /// `LIKE` a computed pattern.
    LikeComputed {
        /// The text and the pattern.
        sides: Box<[Node; 2]>,
        /// The character that takes `%` and `_` their meaning.
        escape: Option<char>,
        /// `ILIKE`.
        any_case: bool,
        /// Its place.
        at: At,
    },
    /// `regexp_match(text, pattern)`
    RegexMatch(Node, RegexSource, At),
    /// `IS NULL`
    IsNull(Node),
    /// `IS TRUE`, `IS FALSE`
    Is(Box<Condition>, bool),
}

/// A regular expression.
#[derive(Debug, Clone)]
pub(super) enum RegexSource {
    /// Known beforehand.
    Ready(Regex),
    /// Computed for every record.
    Computed(Box<Node>),
}

impl Node {
    /// Whether this is a constant.
    pub(super) fn is_literal(&self) -> bool {
        matches!(self, Node::Literal(_))
    }
}
