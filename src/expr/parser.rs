//! Tokens to syntax tree, by operator precedence as SQL has it:
//! OR < AND < NOT < comparisons, IS, IN, LIKE, BETWEEN < `||` `+` `-` < `*` `/` `%` < sign < `::`.
//!
//! Looks up no field and checks no type. Operands are in `operand` and `forms`.

use std::ops::Range;

use super::cursor::{Parsed, Parser};
use super::lexer::Kind as Token;
use super::syntax::{Arithmetic, Comparison, Kind, Node};
use crate::error::SyntaxError;

/// How deep an expression may be nested, and how high its tree may be.
pub(super) const DEPTH_MAX: usize = 200;

/// The binding powers, weakest first.
pub(super) mod level {
    pub(in crate::expr) const OR: u8 = 1;
    pub(in crate::expr) const AND: u8 = 2;
    pub(in crate::expr) const NOT: u8 = 3;
    pub(in crate::expr) const COMPARE: u8 = 4;
    pub(in crate::expr) const ADD: u8 = 5;
    pub(in crate::expr) const MULTIPLY: u8 = 6;
    pub(in crate::expr) const SIGN: u8 = 7;
    pub(in crate::expr) const CAST: u8 = 8;
}

/// The words that can only be keywords: a field of such a name is written in double quotes.
pub(super) const RESERVED: [&str; 19] = [
    "and", "or", "not", "in", "between", "like", "ilike", "is", "null", "true", "false", "case", "when",
    "then", "else", "end", "cast", "try_cast", "as",
];

impl Parser<'_> {
    /// The one expression that the text is.
    pub(super) fn whole(&mut self) -> Parsed<Node> {
        let node = self.expression(0)?;
        self.end("the expression")?;
        Ok(node)
    }

    /// An expression whose operators bind at least as strongly as `least`.
    pub(super) fn expression(&mut self, least: u8) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.too_deep(self.span()));
        }
        let mut left = self.prefix(least)?;
        // A comparison yields true or false: comparing that again is a mistake in nearly every case,
        // and dialects disagree on what it means.
        let mut compared = false;
        while let Some(level) = self.infix_level() {
            if level < least {
                break;
            }
            let is = self.is_word("is");
            if level == level::COMPARE && !is {
                if compared {
                    return Err(self
                        .error(self.span(), "comparisons cannot be chained")
                        .with_help("join them with AND, or put one in parentheses"));
                }
                compared = true;
            } else {
                compared = false;
            }
            left = self.infix(left, level)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self, least: u8) -> Parsed<Node> {
        let start = self.span();
        if self.is_word("not") {
            if least > level::NOT {
                return Err(self
                    .error(start, "NOT binds less strongly than this")
                    .with_help("put NOT and what it negates in parentheses"));
            }
            self.bump();
            let value = self.expression(level::NOT)?;
            let span = start.start..value.span.end;
            return self.node(Kind::Not(Box::new(value)), span);
        }
        for (symbol, minus) in [("-", true), ("+", false)] {
            if self.eat(symbol) {
                let value = self.expression(level::SIGN)?;
                let span = start.start..value.span.end;
                return self.node(Kind::Sign { value: Box::new(value), minus }, span);
            }
        }
        self.operand()
    }

    /// How strongly the operator that comes next binds; `None` where none comes.
    fn infix_level(&self) -> Option<u8> {
        match self.peek() {
            Token::Symbol("::") => Some(level::CAST),
            Token::Symbol("*" | "/" | "%") => Some(level::MULTIPLY),
            Token::Symbol("+" | "-" | "||") => Some(level::ADD),
            Token::Symbol("=" | "==" | "<>" | "!=" | "<" | "<=" | ">" | ">=") => Some(level::COMPARE),
            Token::Word => match self.word().as_str() {
                "or" => Some(level::OR),
                "and" => Some(level::AND),
                "is" | "in" | "between" | "like" | "ilike" | "not" => Some(level::COMPARE),
                _ => None,
            },
            _ => None,
        }
    }

    fn infix(&mut self, left: Node, level: u8) -> Parsed<Node> {
        let start = left.span.start;
        if self.is_word("is") {
            return self.is(left);
        }
        let negated = self.eat_word("not");
        let operator = self.span();
        let name = match self.peek() {
            Token::Symbol(symbol) => (*symbol).to_owned(),
            _ => self.word(),
        };
        if negated && !matches!(name.as_str(), "in" | "between" | "like" | "ilike") {
            return Err(self
                .error(operator, format!("NOT stands between two values, followed by {}", self.found()))
                .with_help("IN, BETWEEN, LIKE or ILIKE can follow it there"));
        }
        self.bump();
        match name.as_str() {
            "in" => return self.is_in(left, negated),
            "between" => return self.between(left, negated),
            "like" | "ilike" => return self.like(left, negated, name == "ilike"),
            "::" => return self.cast_behind(left),
            _ => {}
        }
        let right = self.expression(level + 1)?;
        let span = start..right.span.end;
        let kind = match name.as_str() {
            "or" => Kind::Or(chain(left, right, |kind| match kind {
                Kind::Or(nodes) => Ok(nodes),
                other => Err(other),
            })),
            "and" => Kind::And(chain(left, right, |kind| match kind {
                Kind::And(nodes) => Ok(nodes),
                other => Err(other),
            })),
            "||" => Kind::Join(chain(left, right, |kind| match kind {
                Kind::Join(nodes) => Ok(nodes),
                other => Err(other),
            })),
            _ => binary(&name, left, right),
        };
        self.node(kind, span)
    }

    /// `IS [NOT] NULL`, `TRUE`, `FALSE`, `UNKNOWN`, `DISTINCT FROM x`
    fn is(&mut self, left: Node) -> Parsed<Node> {
        self.bump();
        let negated = self.eat_word("not");
        let start = left.span.start;
        let value = Box::new(left);
        let kind = match self.word().as_str() {
            "null" | "unknown" => Kind::IsNull { value, negated },
            "true" => Kind::IsTruth { value, truth: true, negated },
            "false" => Kind::IsTruth { value, truth: false, negated },
            "distinct" => {
                self.bump();
                if !self.eat_word("from") {
                    return Err(self.expected("FROM after IS DISTINCT"));
                }
                let right = self.expression(level::ADD)?;
                let span = start..right.span.end;
                return self.node(Kind::Distinct { sides: Box::new([*value, right]), negated }, span);
            }
            _ => {
                let error = self.expected("NULL, TRUE, FALSE or DISTINCT FROM after IS");
                return Err(error.with_help("values are compared with `=`"));
            }
        };
        let end = self.bump().end;
        self.node(kind, start..end)
    }

    fn is_in(&mut self, left: Node, negated: bool) -> Parsed<Node> {
        let open = self.span();
        if !self.eat("(") {
            return Err(self.expected("a list in parentheses after IN").with_help("write IN (1, 2, 3)"));
        }
        if matches!(self.peek(), Token::Symbol(")")) {
            return Err(self.error(open.start..self.span().end, "the list after IN is empty"));
        }
        let list = self.list(open)?;
        let span = left.span.start..self.previous_end();
        self.node(Kind::In { value: Box::new(left), list, negated }, span)
    }

    fn between(&mut self, left: Node, negated: bool) -> Parsed<Node> {
        let low = self.expression(level::ADD)?;
        if !self.eat_word("and") {
            return Err(self.expected("AND and an upper bound after BETWEEN"));
        }
        let high = self.expression(level::ADD)?;
        let span = left.span.start..high.span.end;
        self.node(Kind::Between { parts: Box::new([left, low, high]), negated }, span)
    }

    fn like(&mut self, left: Node, negated: bool, any_case: bool) -> Parsed<Node> {
        let pattern = self.expression(level::ADD)?;
        let escape = if self.eat_word("escape") { Some(self.escape()?) } else { None };
        let span = left.span.start..self.previous_end();
        self.node(Kind::Like { sides: Box::new([left, pattern]), escape, any_case, negated }, span)
    }

    fn escape(&mut self) -> Parsed<char> {
        let span = self.span();
        if let Token::Text(content) = self.peek() {
            let mut chars = content.chars();
            if let (Some(escape), None) = (chars.next(), chars.next()) {
                self.bump();
                return Ok(escape);
            }
        }
        Err(self.error(span, "ESCAPE takes one character in single quotes"))
    }

    /// Expressions separated by commas, up to the bracket that closes `open`.
    pub(super) fn list(&mut self, open: Range<usize>) -> Parsed<Vec<Node>> {
        let mut nodes = vec![self.expression(0)?];
        while self.eat(",") {
            nodes.push(self.expression(0)?);
        }
        self.close(open, ")")?;
        Ok(nodes)
    }

    /// A node, unless the tree gets too high by it.
    pub(super) fn node(&self, kind: Kind, span: Range<usize>) -> Parsed<Node> {
        let height = 1 + kind.children().iter().map(|child| child.height).max().unwrap_or(0);
        if height > DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        Ok(Node { kind, span, height })
    }

    fn too_deep(&self, span: Range<usize>) -> SyntaxError {
        let message = format!("this is nested more than {DEPTH_MAX} levels deep");
        self.error(span, message).with_help("long sums count a level for each term: put parts in parentheses")
    }
}

/// `left OP right` as one list where `left` is such a list already: chains of any length stay flat.
fn chain(left: Node, right: Node, open: fn(Kind) -> Result<Vec<Node>, Kind>) -> Vec<Node> {
    let Node { kind, span, height } = left;
    let mut nodes = match open(kind) {
        Ok(nodes) => nodes,
        Err(kind) => vec![Node { kind, span, height }],
    };
    nodes.push(right);
    nodes
}

fn binary(operator: &str, left: Node, right: Node) -> Kind {
    let (left, right) = (Box::new(left), Box::new(right));
    let comparison = match operator {
        "+" => return Kind::Arithmetic(Arithmetic::Add, left, right),
        "-" => return Kind::Arithmetic(Arithmetic::Subtract, left, right),
        "*" => return Kind::Arithmetic(Arithmetic::Multiply, left, right),
        "/" => return Kind::Arithmetic(Arithmetic::Divide, left, right),
        "%" => return Kind::Arithmetic(Arithmetic::Remainder, left, right),
        "<>" | "!=" => Comparison::Unequal,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => Comparison::Equal,
    };
    Kind::Compare(comparison, left, right)
}
