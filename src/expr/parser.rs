//! Tokens to syntax tree, by operator precedence as SQL has it:
//! OR < AND < NOT < comparisons, IS, IN, LIKE, BETWEEN < `||` `+` `-` < `*` `/` `%` < sign < `::`.
//!
//! Looks up no field and checks no type. Operands (literals, paths, calls, CASE, CAST) are in `operand`.

use std::ops::Range;

use super::lexer::{self, Kind as Token};
use super::suggest;
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

/// The words that can follow an operand.
const INFIX: [&str; 8] = ["and", "or", "not", "in", "between", "like", "ilike", "is"];

pub(super) type Parsed<T> = Result<T, SyntaxError>;

/// A walk over the tokens of an option's text.
pub(super) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<lexer::Token>,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// A parser at the start of `text[range]`.
    pub(super) fn new(text: &'t str, range: Range<usize>) -> Parsed<Parser<'t>> {
        Ok(Parser { text, tokens: lexer::tokens(text, range)?, at: 0, depth: 0 })
    }

    /// The one expression that the text is.
    pub(super) fn whole(&mut self) -> Parsed<Node> {
        let node = self.expression(0)?;
        self.end("the expression")?;
        Ok(node)
    }

    /// Fails unless everything has been read.
    pub(super) fn end(&self, what: &str) -> Parsed<()> {
        match self.peek() {
            Token::End => Ok(()),
            _ => Err(self.trailing(what)),
        }
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

    /// Takes the bracket that closes the one at `open`.
    pub(super) fn close(&mut self, open: Range<usize>, bracket: &'static str) -> Parsed<()> {
        match self.peek() {
            Token::Symbol(symbol) if *symbol == bracket => {
                self.bump();
                Ok(())
            }
            Token::End => Err(self.error(open, "this bracket is not closed")),
            _ => Err(self.trailing("what stands in this bracket")),
        }
    }

    /// A node, unless the tree gets too high by it.
    pub(super) fn node(&self, kind: Kind, span: Range<usize>) -> Parsed<Node> {
        let height = 1 + kind.children().iter().map(|child| child.height).max().unwrap_or(0);
        if height > DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        Ok(Node { kind, span, height })
    }

    /// What comes next.
    pub(super) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    /// What comes `ahead` tokens after the next one.
    pub(super) fn peek_at(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)].kind
    }

    /// The place of what comes `ahead` tokens after the next one.
    pub(super) fn span_at(&self, ahead: usize) -> Range<usize> {
        let last = self.tokens.len() - 1;
        self.tokens[(self.at + ahead).min(last)].span.clone()
    }

    /// The place of what comes next.
    pub(super) fn span(&self) -> Range<usize> {
        self.tokens[self.at].span.clone()
    }

    /// Where the token before ends.
    pub(super) fn previous_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |before| self.tokens[before].span.end)
    }

    /// Passes over the next token; its place.
    pub(super) fn bump(&mut self) -> Range<usize> {
        let span = self.span();
        // The end is never passed over.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        span
    }

    /// The next token as written.
    pub(super) fn slice(&self) -> &'t str {
        &self.text[self.span()]
    }

    /// Part of the text.
    pub(super) fn text(&self, span: Range<usize>) -> &'t str {
        &self.text[span]
    }

    /// The next token in lower case if it is a word, else nothing.
    pub(super) fn word(&self) -> String {
        match self.peek() {
            Token::Word => self.slice().to_lowercase(),
            _ => String::new(),
        }
    }

    /// Whether this keyword (given in lower case) comes next.
    pub(super) fn is_word(&self, keyword: &str) -> bool {
        *self.peek() == Token::Word && self.slice().eq_ignore_ascii_case(keyword)
    }

    /// Takes this keyword if it comes next.
    pub(super) fn eat_word(&mut self, keyword: &str) -> bool {
        let found = self.is_word(keyword);
        if found {
            self.bump();
        }
        found
    }

    /// Takes this symbol if it comes next.
    pub(super) fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(next) if *next == symbol);
        if found {
            self.bump();
        }
        found
    }

    /// An error at a place of the text.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.text, span, message)
    }

    /// An error that says what should have come next.
    pub(super) fn expected(&self, what: &str) -> SyntaxError {
        self.error(self.span(), format!("expected {what}, found {}", self.found()))
    }

    /// What a message calls the next token.
    pub(super) fn found(&self) -> String {
        match self.peek() {
            Token::End => "the end".to_owned(),
            Token::Text(_) => format!("the text {}", shorten(self.slice())),
            _ => format!("`{}`", shorten(self.slice())),
        }
    }

    /// Something follows where the expression could have ended.
    fn trailing(&self, what: &str) -> SyntaxError {
        let error = self.error(self.span(), format!("unexpected {} after {what}", self.found()));
        let word = self.word();
        match (self.peek(), word.as_str()) {
            (Token::Word, "over") => error.with_help("window functions are not part of windrow's SQL"),
            (Token::Word, "as") => error.with_help("a name is given in --by and --agg only"),
            (Token::Word, "filter") => error.with_help("FILTER follows an aggregate in --agg"),
            (Token::Word, word) => match suggest::closest(word, INFIX) {
                Some(keyword) => error.with_help(format!("did you mean `{}`?", keyword.to_uppercase())),
                None => error.with_help("an operator may be missing before it"),
            },
            (Token::Symbol(")"), _) => error.with_help("no bracket is open there"),
            (Token::Symbol(","), _) => error.with_help("one expression is wanted there"),
            (Token::Symbol("["), _) => error.with_help("only a field has elements: items[0]"),
            (Token::Symbol("."), _) => error.with_help("only a field has members: data.user"),
            (Token::Number | Token::Text(_) | Token::Quoted(_), _) => {
                error.with_help("an operator may be missing before it")
            }
            _ => error,
        }
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

/// The start of a text from outside, for a message.
pub(super) fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    // What a message quotes need not show its quotes escaped.
    shown = shown.replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(40).is_some() {
        shown.push_str("...");
    }
    shown
}
