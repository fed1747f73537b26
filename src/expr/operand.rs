//! Operands: literals, fields, calls and what stands in parentheses.

use std::ops::Range;

use super::cursor::{Parsed, Parser};
use super::lexer::Kind as Token;
use super::parser::RESERVED;
use super::syntax::{Kind, Node};
use super::{FieldPath, Step, functions, synonyms};
use crate::error::SyntaxError;
use crate::number::Number;

impl Parser<'_> {
    /// One operand.
    pub(super) fn operand(&mut self) -> Parsed<Node> {
        let span = self.span();
        match self.peek().clone() {
            Token::Number => self.number(),
            Token::Text(content) => {
                self.bump();
                self.node(Kind::Text(content), span)
            }
            Token::Word => self.word_operand(),
            Token::Quoted(_) => self.field(),
            Token::Symbol("(") => self.parenthesised(),
            Token::Symbol("*") => {
                Err(self.expected("a value").with_help("`*` alone goes in count(*) in --agg"))
            }
            _ => Err(self.expected("a value")),
        }
    }

    fn parenthesised(&mut self) -> Parsed<Node> {
        let open = self.bump();
        if self.is_word("select") {
            return Err(self.error(self.span(), "queries inside expressions are not part of windrow's SQL"));
        }
        let inner = self.expression(0)?;
        if matches!(self.peek(), Token::Symbol(",")) {
            return Err(self.error(self.span(), "a list stands only after IN and in calls"));
        }
        self.close(open.clone(), ")")?;
        // The brackets belong to the place that a message marks.
        Ok(Node { span: open.start..self.previous_end(), ..inner })
    }

    fn number(&mut self) -> Parsed<Node> {
        let span = self.span();
        let written = self.slice();
        let Some(number) = Number::parse(written) else {
            return Err(
                self.error(span, format!("the number `{}` is out of range", super::cursor::shorten(written)))
            );
        };
        self.bump();
        self.node(Kind::Number(number), span)
    }

    fn word_operand(&mut self) -> Parsed<Node> {
        let span = self.span();
        let word = self.word();
        let called = matches!(self.peek_at(1), Token::Symbol("("));
        let literal = match word.as_str() {
            "null" => Some(Kind::Null),
            "true" => Some(Kind::Bool(true)),
            "false" => Some(Kind::Bool(false)),
            _ => None,
        };
        if let Some(kind) = literal {
            self.bump();
            return self.node(kind, span);
        }
        match word.as_str() {
            "case" => self.case(),
            "cast" | "try_cast" if called => self.cast(word == "try_cast"),
            "extract" if called => self.extract(),
            "substring" | "substr" if called => self.substring(),
            "select" | "exists" if called || *self.peek_at(1) == Token::Word => {
                Err(self.error(span, "queries inside expressions are not part of windrow's SQL"))
            }
            word if RESERVED.contains(&word) => {
                let written = self.slice();
                Err(self
                    .error(span, format!("expected a value, found the keyword `{written}`"))
                    .with_help(format!("a field of that name is written \"{written}\"")))
            }
            _ if called => self.call(),
            _ => self.field(),
        }
    }

    /// A field: names joined by points, with elements in square brackets.
    fn field(&mut self) -> Parsed<Node> {
        let start = self.span();
        let path = self.path()?;
        if matches!(self.peek(), Token::Symbol("(")) {
            let span = start.start..self.previous_end();
            return Err(self
                .error(span, "this is no function name")
                .with_help("function names are plain words"));
        }
        let span = start.start..self.previous_end();
        self.node(Kind::Field(path), span)
    }

    /// The path that comes next; the caller has seen that it begins with a name.
    fn path(&mut self) -> Parsed<FieldPath> {
        let start = self.span().start;
        let mut steps = vec![self.member()?];
        loop {
            if self.eat(".") {
                if matches!(self.peek(), Token::Number) {
                    let help = "an element is written items[0]; a name with a point or a digit first is written in double quotes";
                    return Err(self.expected("a name after the point").with_help(help));
                }
                steps.push(self.member()?);
            } else if matches!(self.peek(), Token::Symbol("[")) {
                let open = self.bump();
                let Ok(index) = self.slice().parse::<usize>() else {
                    return Err(self.expected("the number of an element, from 0"));
                };
                self.bump();
                steps.push(Step::Index(index));
                self.close(open, "]")?;
            } else {
                break;
            }
        }
        let text = self.text(start..self.previous_end()).to_owned();
        Ok(FieldPath { steps, text })
    }

    fn member(&mut self) -> Parsed<Step> {
        let name = match self.peek() {
            Token::Word => self.slice().to_owned(),
            Token::Quoted(name) => name.clone(),
            _ => return Err(self.expected("a name")),
        };
        self.bump();
        Ok(Step::Member(name))
    }

    pub(super) fn call(&mut self) -> Parsed<Node> {
        let name = self.word();
        let name_span = self.span();
        let Some(function) = functions::find(&name) else { return Err(self.unknown_function(&name)) };
        self.bump();
        let open = self.bump();
        let args = if self.eat(")") {
            Vec::new()
        } else if matches!(self.peek(), Token::Symbol("*")) {
            let message = format!("`{name}` does not take `*`");
            return Err(self.error(self.span(), message).with_help(format!("write {}", function.usage)));
        } else {
            self.list(open)?
        };
        let span = name_span.start..self.previous_end();
        if matches!(self.peek(), Token::Symbol(".") | Token::Symbol("[")) {
            return Err(self.error(self.span(), "only a field has members and elements"));
        }
        self.node(Kind::Call { name: function.name.to_owned(), name_span, args }, span)
    }

    fn unknown_function(&self, name: &str) -> SyntaxError {
        let span = self.span();
        let written = self.slice();
        if is_aggregate(name) {
            let help = "aggregates go in --agg; --having and --order-by name the column it makes";
            return self.error(span, format!("`{written}` is an aggregate")).with_help(help);
        }
        let error = self.error(span, format!("unknown function `{written}`"));
        error.with_help(synonyms::instead_of_function(name))
    }

    /// The name that comes next as a column's name: what stands behind AS.
    pub(super) fn column_name(&mut self) -> Parsed<String> {
        match self.member() {
            Ok(Step::Member(name)) => Ok(name),
            _ => Err(self
                .expected("a name after AS")
                .with_help("a name with odd characters is written in double quotes")),
        }
    }

    /// Where the tokens from `start` to here stand.
    pub(super) fn since(&self, start: usize) -> Range<usize> {
        start..self.previous_end()
    }
}

/// Whether this lower-case word names an aggregate.
fn is_aggregate(name: &str) -> bool {
    crate::aggregate::find(name).is_some()
}
