//! The syntax tree: what was written, with places, before any name is looked up or any type checked.

use std::ops::Range;

use super::FieldPath;
use super::types::CastTo;
use crate::number::Number;

/// One node of the tree.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// What it is.
    pub kind: Kind,
    /// The bytes of the option's text that it covers.
    pub span: Range<usize>,
    /// The number of nodes on the longest way down, this one included: bounded, so that whoever
    /// walks the tree by recursion cannot exhaust the stack.
    pub height: usize,
}

/// `+ - * / %`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// `= <> < <= > >=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// The kinds of nodes.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// `NULL`
    Null,
    /// `TRUE`, `FALSE`
    Bool(bool),
    /// A number literal.
    Number(Number),
    /// A text literal.
    Text(String),
    /// A field.
    Field(FieldPath),
    /// `-x`, `+x`
    Sign {
        /// The operand.
        value: Box<Node>,
        /// Whether it is `-`.
        minus: bool,
    },
    /// `a + b`
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    /// `a || b || c`
    Join(Vec<Node>),
    /// `a AND b AND c`
    And(Vec<Node>),
    /// `a OR b OR c`
    Or(Vec<Node>),
    /// `NOT a`
    Not(Box<Node>),
    /// `a = b`
    Compare(Comparison, Box<Node>, Box<Node>),
    /// `a IS [NOT] DISTINCT FROM b`
    Distinct {
        /// Both sides.
        sides: Box<[Node; 2]>,
        /// With `NOT`.
        negated: bool,
    },
    /// `a [NOT] IN (b, c)`
    In {
        /// What is looked for.
        value: Box<Node>,
        /// What it is compared with; at least one.
        list: Vec<Node>,
        /// With `NOT`.
        negated: bool,
    },
    /// `a [NOT] BETWEEN b AND c`
    Between {
        /// The value, the lower and the upper bound.
        parts: Box<[Node; 3]>,
        /// With `NOT`.
        negated: bool,
    },
    /// `a [NOT] LIKE b [ESCAPE c]`
    Like {
        /// The text and the pattern.
        sides: Box<[Node; 2]>,
        /// The character that takes `%` and `_` their meaning.
        escape: Option<char>,
        /// `ILIKE`.
        any_case: bool,
        /// With `NOT`.
        negated: bool,
    },
    /// `a IS [NOT] NULL`
    IsNull {
        /// The operand.
        value: Box<Node>,
        /// With `NOT`.
        negated: bool,
    },
    /// `a IS [NOT] TRUE`, `a IS [NOT] FALSE`
    IsTruth {
        /// The operand.
        value: Box<Node>,
        /// What it is held against.
        truth: bool,
        /// With `NOT`.
        negated: bool,
    },
    /// `CASE [operand] WHEN ... THEN ... [ELSE ...] END`
    Case {
        /// What the arms are compared with; without it they are conditions.
        operand: Option<Box<Node>>,
        /// `WHEN`, `THEN`; at least one.
        arms: Vec<(Node, Node)>,
        /// `ELSE`.
        default: Option<Box<Node>>,
    },
    /// `CAST(x AS TYPE)`, `x::TYPE`, `TRY_CAST(x AS TYPE)`
    Cast {
        /// The operand.
        value: Box<Node>,
        /// The type.
        to: CastTo,
        /// Null instead of an error: `TRY_CAST`.
        lenient: bool,
    },
    /// `name(args)`
    Call {
        /// The name in lower case.
        name: String,
        /// Where the name stands.
        name_span: Range<usize>,
        /// The arguments.
        args: Vec<Node>,
    },
}

impl Kind {
    /// Every node directly below.
    pub(super) fn children(&self) -> Vec<&Node> {
        match self {
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Field(_) => Vec::new(),
            Kind::Sign { value, .. }
            | Kind::Not(value)
            | Kind::IsNull { value, .. }
            | Kind::IsTruth { value, .. }
            | Kind::Cast { value, .. } => vec![value],
            Kind::Arithmetic(_, left, right) | Kind::Compare(_, left, right) => vec![left, right],
            Kind::Join(nodes) | Kind::And(nodes) | Kind::Or(nodes) | Kind::Call { args: nodes, .. } => {
                nodes.iter().collect()
            }
            Kind::Distinct { sides, .. } | Kind::Like { sides, .. } => sides.iter().collect(),
            Kind::Between { parts, .. } => parts.iter().collect(),
            Kind::In { value, list, .. } => std::iter::once(&**value).chain(list).collect(),
            Kind::Case { operand, arms, default } => (operand.iter().map(|node| &**node))
                .chain(arms.iter().flat_map(|(when, then)| [when, then]))
                .chain(default.iter().map(|node| &**node))
                .collect(),
        }
    }
}
