//! Checking conditions: comparisons, lists, ranges, patterns and what joins them; comparisons with
//! literals take their short form.

use std::ops::Range;

use super::Step;
use super::check::{Checker, in_single_quotes, place, quoted_name};
use super::cursor::Parsed;
use super::like::Pattern;
use super::program::{At, Condition, Node};
use super::small::Constant;
use super::syntax::{Comparison, Kind, Node as Tree};
use super::types::Type;
use crate::error::SyntaxError;
use crate::value::Value;

impl Checker<'_> {
    pub(super) fn truth(&mut self, tree: &Tree) -> Parsed<Condition> {
        let at = place(&tree.span);
        match &tree.kind {
            Kind::And(parts) => self.chain(parts, "AND"),
            Kind::Or(parts) => self.chain(parts, "OR"),
            Kind::Not(inner) => self.condition(inner, "NOT").map(not),
            Kind::Compare(op, left, right) => self.compare(*op, left, right, at),
            Kind::Distinct { sides, negated } => {
                let sides = self.comparable(&sides[0], &sides[1])?;
                let constant = sides.iter().all(Node::is_literal);
                let condition = self.fold_condition(Condition::Distinct(Box::new(sides), at), constant)?;
                Ok(not_if(*negated, condition))
            }
            Kind::In { value, list, negated } => Ok(not_if(*negated, self.among(value, list, at)?)),
            Kind::Between { parts, negated } => Ok(not_if(*negated, self.between(parts, at)?)),
            Kind::Like { sides, escape, any_case, negated } => {
                let condition = self.like(sides, *escape, *any_case, at)?;
                Ok(not_if(*negated, condition))
            }
            Kind::IsNull { value, negated } => {
                let (node, found) = self.value(value)?;
                self.no_time(found, &value.span)?;
                let constant = node.is_literal();
                Ok(not_if(*negated, self.fold_condition(Condition::IsNull(node), constant)?))
            }
            Kind::IsTruth { value, truth, negated } => {
                let inner = self.condition(value, if *truth { "IS TRUE" } else { "IS FALSE" })?;
                let constant = matches!(inner, Condition::Constant(_));
                let condition = self.fold_condition(Condition::Is(Box::new(inner), *truth), constant)?;
                Ok(not_if(*negated, condition))
            }
            _ => self.condition(tree, "this"),
        }
    }

    fn chain(&mut self, parts: &[Tree], by: &str) -> Parsed<Condition> {
        let mut conditions = Vec::with_capacity(parts.len());
        for part in parts {
            conditions.push(self.condition(part, by)?);
        }
        let constant = conditions.iter().all(|condition| matches!(condition, Condition::Constant(_)));
        let list = conditions.into_boxed_slice();
        self.fold_condition(if by == "AND" { Condition::And(list) } else { Condition::Or(list) }, constant)
    }

    fn compare(&mut self, op: Comparison, left: &Tree, right: &Tree, at: At) -> Parsed<Condition> {
        let sides = self.comparable(left, right)?;
        let constant = sides.iter().all(Node::is_literal);
        let condition = short_compare(op, sides, at);
        self.fold_condition(condition, constant)
    }

    /// Two sides of a comparison.
    fn comparable(&mut self, left: &Tree, right: &Tree) -> Parsed<[Node; 2]> {
        self.no_quoted_text(left, right)?;
        let (a, a_type) = self.value(left)?;
        self.no_time(a_type, &left.span)?;
        let (b, b_type) = self.value(right)?;
        self.no_time(b_type, &right.span)?;
        self.note_bare_word(right, &b);
        self.can_compare(a_type, b_type, &(left.span.start..right.span.end))
            .map_err(|error| self.or_dashed(error, [left, right]))?;
        Ok([a, b])
    }

    pub(super) fn can_compare(&self, left: Type, right: Type, span: &Range<usize>) -> Parsed<()> {
        if left.join(right).is_some() {
            return Ok(());
        }
        let error = self.error(span, format!("cannot compare {left} with {right}"));
        Err(error.with_help("CAST or :: makes them one type"))
    }

    /// `host = web1`: a field by its grammar, and text without its quotes if no record has it.
    fn note_bare_word(&mut self, tree: &Tree, node: &Node) {
        if let (Kind::Field(path), Node::Field(number)) = (&tree.kind, node)
            && matches!(path.steps.as_slice(), [Step::Member(name)] if *name == path.text)
        {
            self.bare_words.push(*number);
        }
    }

    /// The error of a comparison, if a side of it shows a likelier way out.
    fn or_dashed(&self, error: SyntaxError, sides: [&Tree; 2]) -> SyntaxError {
        match sides.iter().find_map(|side| self.dashed_name(side)) {
            Some(help) => error.with_help(help),
            None => error,
        }
    }

    fn among(&mut self, value: &Tree, list: &[Tree], at: At) -> Parsed<Condition> {
        let (looked_for, value_type) = self.value(value)?;
        self.no_time(value_type, &value.span)?;
        let mut nodes = Vec::with_capacity(list.len());
        for candidate in list {
            self.no_quoted_text(value, candidate)?;
            let (node, found) = self.value(candidate)?;
            self.no_time(found, &candidate.span)?;
            self.note_bare_word(candidate, &node);
            self.can_compare(value_type, found, &candidate.span)
                .map_err(|error| self.or_dashed(error, [value, candidate]))?;
            nodes.push(node);
        }
        let constant = looked_for.is_literal() && nodes.iter().all(Node::is_literal);
        self.fold_condition(short_among(looked_for, nodes, at), constant)
    }

    fn between(&mut self, parts: &[Tree; 3], at: At) -> Parsed<Condition> {
        let [value, low, high] = parts;
        let (looked_at, value_type) = self.value(value)?;
        self.no_time(value_type, &value.span)?;
        let mut bounds = Vec::with_capacity(2);
        for bound in [low, high] {
            self.no_quoted_text(value, bound)?;
            let (node, found) = self.value(bound)?;
            self.no_time(found, &bound.span)?;
            self.can_compare(value_type, found, &bound.span)?;
            bounds.push(node);
        }
        let (high, low) = (bounds.pop().expect("two bounds"), bounds.pop().expect("two bounds"));
        let nodes = match [looked_at, low, high] {
            [Node::Field(field), low @ Node::Literal(_), high @ Node::Literal(_)] => {
                let above = short_compare(Comparison::GreaterOrEqual, [Node::Field(field), low], at);
                let below = short_compare(Comparison::LessOrEqual, [Node::Field(field), high], at);
                return Ok(Condition::And([above, below].into()));
            }
            nodes => nodes,
        };
        let constant = nodes.iter().all(Node::is_literal);
        self.fold_condition(Condition::Between(Box::new(nodes), at), constant)
    }

    fn like(&mut self, sides: &[Tree; 2], escape: Option<char>, any_case: bool, at: At) -> Parsed<Condition> {
        let by = if any_case { "ILIKE" } else { "LIKE" };
        self.no_quoted_text(&sides[0], &sides[1])?;
        let text = self.wanted(&sides[0], Type::Text, by)?;
        let pattern = self.wanted(&sides[1], Type::Text, by)?;
        self.note_bare_word(&sides[1], &pattern);
        let constant = text.is_literal() && pattern.is_literal();
        let condition = match pattern {
            Node::Literal(Value::Text(pattern)) => {
                let pattern = Pattern::new(&pattern, escape, any_case)
                    .map_err(|message| self.error(&sides[1].span, message))?;
                Condition::Like(text, Box::new(pattern), at)
            }
            pattern => Condition::LikeComputed { sides: Box::new([text, pattern]), escape, any_case, at },
        };
        self.fold_condition(condition, constant)
    }

    /// `host = "web"`: any name is a field where records say what fields there are, so that this would
    /// quietly compare two fields. Whoever means that writes the quoted one first.
    fn no_quoted_text(&self, left: &Tree, right: &Tree) -> Parsed<()> {
        let Kind::Field(path) = &right.kind else { return Ok(()) };
        let left_is_quoted = matches!(&left.kind, Kind::Field(path) if quoted_name(path).is_some());
        let (Some(name), false, true) = (quoted_name(path), left_is_quoted, self.scope.takes_any_name())
        else {
            return Ok(());
        };
        let error = self.error(&right.span, "double quotes make this a field, and text seems to be meant");
        Err(error.with_help(format!("{}; a field in double quotes goes on the left", in_single_quotes(name))))
    }
}

fn not(condition: Condition) -> Condition {
    match condition {
        Condition::Constant(truth) => Condition::Constant(truth.map(|truth| !truth)),
        // Exact in three-valued logic too: the opposite of a comparison with null is null.
        Condition::FieldNumber(field, op, constant, at) => {
            Condition::FieldNumber(field, op.opposite(), constant, at)
        }
        Condition::FieldText(field, op, text, at) => Condition::FieldText(field, op.opposite(), text, at),
        other => Condition::Not(Box::new(other)),
    }
}

fn not_if(negated: bool, condition: Condition) -> Condition {
    if negated { not(condition) } else { condition }
}

/// A comparison in its shortest form.
fn short_compare(op: Comparison, sides: [Node; 2], at: At) -> Condition {
    let (op, sides) = match sides {
        [literal @ Node::Literal(_), field @ Node::Field(_)] => (op.flipped(), [field, literal]),
        sides => (op, sides),
    };
    match sides {
        [Node::Field(field), Node::Literal(Value::Number(number))] => {
            Condition::FieldNumber(field, op, Box::new(Constant::new(number)), at)
        }
        [Node::Field(field), Node::Literal(Value::Text(text))] => {
            Condition::FieldText(field, op, text.into(), at)
        }
        sides => Condition::Compare(op, Box::new(sides), at),
    }
}

/// `IN` in its shortest form.
fn short_among(value: Node, list: Vec<Node>, at: At) -> Condition {
    let numbers: Option<Vec<Constant>> = (list.iter())
        .map(|node| match node {
            Node::Literal(Value::Number(number)) => Some(Constant::new(number.clone())),
            _ => None,
        })
        .collect();
    if let Some(mut numbers) = numbers {
        numbers.sort_by(Constant::order);
        return Condition::AmongNumbers { value, list: numbers.into(), at };
    }
    let texts: Option<Vec<Box<str>>> = (list.iter())
        .map(|node| match node {
            Node::Literal(Value::Text(text)) => Some(Box::from(text.as_ref())),
            _ => None,
        })
        .collect();
    if let Some(mut texts) = texts {
        texts.sort_unstable();
        return Condition::AmongTexts { value, list: texts.into(), at };
    }
    Condition::Among { value, list: list.into(), at }
}
