//! Syntax tree to compiled form: fields get their numbers, types are checked as far as they are known,
//! constant parts are computed, and comparisons with literals take their short form.

use std::ops::Range;

use super::cursor::Parsed;
use super::program::{At, Condition, Node};
use super::syntax::{Arithmetic, Kind, Node as Tree};
use super::types::Type;
use super::{FieldPath, Row, Scope, Step};
use crate::error::SyntaxError;
use crate::value::Value;

/// Checks one expression.
pub(super) struct Checker<'s> {
    /// The option's text.
    pub(super) text: &'s str,
    /// Where fields get their numbers.
    pub(super) scope: &'s mut dyn Scope,
    /// The fields met so far, each once.
    pub(super) fields: Vec<usize>,
    /// Those that are one word where a value is compared with them.
    pub(super) bare_words: Vec<usize>,
}

/// A compiled part and what is known of its value.
pub(super) type Typed = (Node, Type);

impl<'s> Checker<'s> {
    /// A checker of expressions in `text`.
    pub(super) fn new(text: &'s str, scope: &'s mut dyn Scope) -> Checker<'s> {
        Checker { text, scope, fields: Vec::new(), bare_words: Vec::new() }
    }

    /// Something that has a value.
    pub(super) fn value(&mut self, tree: &Tree) -> Parsed<Typed> {
        let at = place(&tree.span);
        match &tree.kind {
            Kind::Null => Ok((Node::Literal(Value::Null), Type::Null)),
            Kind::Bool(truth) => Ok((Node::Literal(Value::Bool(*truth)), Type::Bool)),
            Kind::Number(number) => Ok((Node::Literal(Value::Number(number.clone())), Type::Number)),
            Kind::Text(text) => Ok((Node::Literal(Value::Text(text.clone().into())), Type::Text)),
            Kind::Field(path) => Ok((Node::Field(self.field(path, &tree.span)?), Type::Any)),
            Kind::Sign { value, minus } => {
                let operand = self.wanted(value, Type::Number, if *minus { "`-`" } else { "`+`" })?;
                let constant = operand.is_literal();
                let node = Node::Sign { value: Box::new(operand), minus: *minus, at };
                Ok((self.fold(node, constant)?, Type::Number))
            }
            Kind::Arithmetic(op, left, right) => self.arithmetic(*op, left, right, at),
            Kind::Join(parts) => self.join(parts, at),
            Kind::Case { operand: None, arms, default } => self.case(arms, default.as_deref()),
            Kind::Case { operand: Some(operand), arms, default } => {
                self.switch(operand, arms, default.as_deref(), &tree.span)
            }
            Kind::Cast { value, to, lenient } => {
                let (operand, found) = self.value(value)?;
                self.no_time(found, &value.span)?;
                let constant = operand.is_literal();
                let node = Node::Cast { value: Box::new(operand), to: *to, lenient: *lenient, at };
                Ok((self.fold(node, constant)?, to.result()))
            }
            Kind::Call { name, name_span, args } => self.call(name, name_span, args, &tree.span),
            _ => self.truth(tree).map(as_value),
        }
    }

    /// Something that is true, false or null; `by` says what wants it, for messages.
    pub(super) fn condition(&mut self, tree: &Tree, by: &str) -> Parsed<Condition> {
        let (node, found) = self.value(tree)?;
        if !found.may_be(Type::Bool) {
            let error = self.mismatch(&tree.span, by, "a condition", found);
            return Err(error.with_help(match tree.kind {
                Kind::Join(_) => "conditions are joined with OR",
                _ => "compare it with something, such as `bytes > 0`",
            }));
        }
        Ok(match node {
            Node::Condition(condition) => *condition,
            Node::Literal(Value::Bool(truth)) => Condition::Constant(Some(truth)),
            Node::Literal(Value::Null) => Condition::Constant(None),
            other => Condition::Value(other, place(&tree.span)),
        })
    }

    fn field(&mut self, path: &FieldPath, span: &Range<usize>) -> Parsed<usize> {
        let number = self.scope.field(path).map_err(|(message, help)| {
            let error = self.error(span, message);
            match (help, quoted_name(path)) {
                (Some(help), _) => error.with_help(help),
                (None, Some(name)) => error.with_help(in_single_quotes(name)),
                (None, None) => error,
            }
        })?;
        if !self.fields.contains(&number) {
            self.fields.push(number);
        }
        Ok(number)
    }

    fn arithmetic(&mut self, op: Arithmetic, left: &Tree, right: &Tree, at: At) -> Parsed<Typed> {
        let by = match op {
            Arithmetic::Add => "`+`",
            Arithmetic::Subtract => "`-`",
            Arithmetic::Multiply => "`*`",
            Arithmetic::Divide => "`/`",
            Arithmetic::Remainder => "`%`",
        };
        let sides = [self.wanted(left, Type::Number, by)?, self.wanted(right, Type::Number, by)?];
        let constant = sides.iter().all(Node::is_literal);
        Ok((self.fold(Node::Arithmetic(op, Box::new(sides), at), constant)?, Type::Number))
    }

    fn join(&mut self, parts: &[Tree], at: At) -> Parsed<Typed> {
        let mut nodes = Vec::with_capacity(parts.len());
        for part in parts {
            let (node, found) = self.value(part)?;
            if found == Type::Bool {
                let error = self.mismatch(&part.span, "`||`", "text", found);
                return Err(error.with_help("conditions are joined with OR"));
            }
            self.no_time(found, &part.span)?;
            nodes.push(node);
        }
        let constant = nodes.iter().all(Node::is_literal);
        Ok((self.fold(Node::Join(nodes.into(), at), constant)?, Type::Text))
    }

    fn case(&mut self, arms: &[(Tree, Tree)], default: Option<&Tree>) -> Parsed<Typed> {
        let mut known = Type::Null;
        let mut compiled = Vec::with_capacity(arms.len());
        for (when, then) in arms {
            let condition = self.condition(when, "WHEN")?;
            compiled.push((condition, self.branch(then, &mut known)?));
        }
        let default = self.default(default, &mut known)?;
        let constant = default.is_literal()
            && compiled
                .iter()
                .all(|(when, then)| matches!(when, Condition::Constant(_)) && then.is_literal());
        Ok((self.fold(Node::Case(compiled.into(), Box::new(default)), constant)?, known))
    }

    fn switch(
        &mut self,
        operand: &Tree,
        arms: &[(Tree, Tree)],
        default: Option<&Tree>,
        span: &Range<usize>,
    ) -> Parsed<Typed> {
        let (looked_for, operand_type) = self.value(operand)?;
        self.no_time(operand_type, &operand.span)?;
        let mut known = Type::Null;
        let mut compiled = Vec::with_capacity(arms.len());
        for (when, then) in arms {
            let (candidate, found) = self.value(when)?;
            self.can_compare(operand_type, found, &when.span)?;
            compiled.push((candidate, self.branch(then, &mut known)?));
        }
        let default = self.default(default, &mut known)?;
        let constant = looked_for.is_literal()
            && default.is_literal()
            && compiled.iter().all(|(when, then)| when.is_literal() && then.is_literal());
        let node = Node::Switch {
            operand: Box::new(looked_for),
            arms: compiled.into(),
            default: Box::new(default),
            at: place(span),
        };
        Ok((self.fold(node, constant)?, known))
    }

    /// One of several results, which may not exclude each other in type.
    pub(super) fn branch(&mut self, tree: &Tree, known: &mut Type) -> Parsed<Node> {
        let (node, found) = self.value(tree)?;
        self.no_time(found, &tree.span)?;
        *known = known.join(found).ok_or_else(|| {
            let message = format!("this is {found}, where the results before it are {known}");
            self.error(&tree.span, message).with_help("CAST or :: makes them one type")
        })?;
        Ok(node)
    }

    fn default(&mut self, default: Option<&Tree>, known: &mut Type) -> Parsed<Node> {
        match default {
            Some(tree) => self.branch(tree, known),
            None => Ok(Node::Literal(Value::Null)),
        }
    }

    /// A value that must be of a type, as far as that is known; `by` says what wants it.
    pub(super) fn wanted(&mut self, tree: &Tree, wanted: Type, by: &str) -> Parsed<Node> {
        let (node, found) = self.value(tree)?;
        if found.may_be(wanted) {
            return Ok(node);
        }
        let error = self.mismatch(&tree.span, by, &wanted.to_string(), found);
        Err(match (wanted, found, &tree.kind) {
            (_, Type::Time, _) => error.with_help(TIME_HELP),
            (Type::Number, Type::Text, _) if by == "`+`" => error.with_help("text is joined with `||`"),
            (Type::Text, Type::Number, Kind::Number(_)) => error
                .with_help(format!("text is written in single quotes: '{}'", &self.text[tree.span.clone()])),
            (Type::Text, Type::Number, _) => match self.dashed_name(tree) {
                Some(help) => error.with_help(help),
                None => error.with_help("`::text` makes text of it"),
            },
            (Type::Number, Type::Text, _) => error.with_help("`::decimal` makes a number of it"),
            _ => error,
        })
    }

    /// What is said of a difference of fields that is written like one name, `host-name`, where it cannot be meant.
    pub(super) fn dashed_name(&self, tree: &Tree) -> Option<String> {
        fn is_dashed(tree: &Tree) -> bool {
            match &tree.kind {
                Kind::Arithmetic(Arithmetic::Subtract, left, right) => {
                    matches!(left.kind, Kind::Arithmetic(..) | Kind::Field(_))
                        && is_dashed(left)
                        && is_dashed(right)
                }
                Kind::Field(path) => {
                    matches!(path.steps.as_slice(), [Step::Member(name)] if *name == path.text)
                }
                _ => false,
            }
        }
        let name = &self.text[tree.span.clone()];
        let plain = name.contains('-') && !name.contains([' ', '\t', '\n', '(', '"']);
        (plain && is_dashed(tree)).then(|| format!("\"{name}\" in double quotes names one field"))
    }

    pub(super) fn mismatch(&self, span: &Range<usize>, by: &str, wanted: &str, found: Type) -> SyntaxError {
        self.error(span, format!("{by} wants {wanted}, and this is {found}"))
    }

    /// The event time as such is no value.
    pub(super) fn no_time(&self, found: Type, span: &Range<usize>) -> Parsed<()> {
        if found != Type::Time {
            return Ok(());
        }
        Err(self.error(span, "event_time() has no value by itself").with_help(TIME_HELP))
    }

    /// The node, or its value if it is constant.
    pub(super) fn fold(&self, node: Node, constant: bool) -> Parsed<Node> {
        if !constant {
            return Ok(node);
        }
        let value = node.value(&NoRow).map(Value::into_owned);
        value.map(Node::Literal).map_err(|fail| self.failed(*fail))
    }

    /// The condition, or its truth if it is constant.
    pub(super) fn fold_condition(&self, condition: Condition, constant: bool) -> Parsed<Condition> {
        if !constant {
            return Ok(condition);
        }
        condition.truth(&NoRow).map(Condition::Constant).map_err(|fail| self.failed(*fail))
    }

    fn failed(&self, fail: super::eval::Fail) -> SyntaxError {
        self.error(&(fail.at.start as usize..fail.at.end as usize), fail.reason)
    }

    /// An error at a place of the option's text.
    pub(super) fn error(&self, span: &Range<usize>, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.text, span.clone(), message)
    }
}

const TIME_HELP: &str = "it goes in functions such as hour(event_time())";

/// What constant parts are computed over.
struct NoRow;

impl Row for NoRow {
    fn field(&self, _number: usize) -> Value<'_> {
        Value::Null
    }
    fn event_time(&self) -> i64 {
        0
    }
}

/// Where something stands; options are no longer than a command line, far below 4 GiB.
pub(super) fn place(span: &Range<usize>) -> At {
    let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    At { start: clip(span.start), end: clip(span.end) }
}

/// A condition as a value.
pub(super) fn as_value(condition: Condition) -> Typed {
    let node = match condition {
        Condition::Constant(truth) => Node::Literal(truth.map_or(Value::Null, Value::Bool)),
        other => Node::Condition(Box::new(other)),
    };
    (node, Type::Bool)
}

/// The name, if the path is one name in double quotes.
pub(super) fn quoted_name(path: &FieldPath) -> Option<&str> {
    match path.steps.as_slice() {
        [Step::Member(name)] if path.text.starts_with('"') => Some(name),
        _ => None,
    }
}

pub(super) fn in_single_quotes(name: &str) -> String {
    format!("text goes in single quotes: '{}'", name.replace('\'', "''"))
}
