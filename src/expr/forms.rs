//! Operands with a syntax of their own: CASE, CAST and type names, EXTRACT, SUBSTRING.

use super::cursor::{Parsed, Parser};
use super::lexer::Kind as Token;
use super::syntax::{Kind, Node};
use super::types::{self, CastTo};
use crate::number::Number;
use crate::suggest::did_you_mean;

const TYPES: &str = "the types are integer, double, decimal, text and boolean";

impl Parser<'_> {
    pub(super) fn case(&mut self) -> Parsed<Node> {
        let case = self.bump();
        let operand = if self.is_word("when") { None } else { Some(Box::new(self.expression(0)?)) };
        let mut arms = Vec::new();
        while self.eat_word("when") {
            let when = self.expression(0)?;
            if !self.eat_word("then") {
                return Err(self.expected("THEN"));
            }
            arms.push((when, self.expression(0)?));
        }
        if arms.is_empty() {
            return Err(self.expected("WHEN"));
        }
        let default = if self.eat_word("else") { Some(Box::new(self.expression(0)?)) } else { None };
        if matches!(self.peek(), Token::End) {
            return Err(self.error(case, "this CASE has no END"));
        }
        if !self.is_word("end") {
            return Err(self.expected(if default.is_some() { "END" } else { "WHEN, ELSE or END" }));
        }
        let span = case.start..self.bump().end;
        self.node(Kind::Case { operand, arms, default }, span)
    }

    /// `CAST(x AS TYPE)`, `TRY_CAST(x AS TYPE)`
    pub(super) fn cast(&mut self, lenient: bool) -> Parsed<Node> {
        let start = self.bump().start;
        let open = self.bump();
        let value = Box::new(self.expression(0)?);
        if !self.eat_word("as") {
            return Err(self.expected("AS and a type").with_help("write CAST(x AS integer)"));
        }
        let to = self.type_name()?;
        self.close(open, ")")?;
        self.node(Kind::Cast { value, to, lenient }, start..self.previous_end())
    }

    /// The rest of `x::TYPE`.
    pub(super) fn cast_behind(&mut self, value: Node) -> Parsed<Node> {
        let start = value.span.start;
        let to = self.type_name()?;
        self.node(Kind::Cast { value: Box::new(value), to, lenient: false }, start..self.previous_end())
    }

    fn type_name(&mut self) -> Parsed<CastTo> {
        let span = self.span();
        let name = self.word();
        if name.is_empty() {
            return Err(self.expected("a type").with_help(TYPES));
        }
        let Some(to) = CastTo::find(&name) else {
            let help = did_you_mean(&name, types::NAMES.iter().map(|(name, _)| *name));
            return Err(self
                .error(span, format!("unknown type `{}`", self.slice()))
                .with_help(help.unwrap_or_else(|| TYPES.to_owned())));
        };
        self.bump();
        if name == "double" {
            self.eat_word("precision");
        }
        if !matches!(self.peek(), Token::Symbol("(")) {
            return Ok(to);
        }
        if to != CastTo::Decimal(None) {
            return Err(self.error(self.span(), format!("{to} takes no length or precision")));
        }
        self.precision().map(|precision| CastTo::Decimal(Some(precision)))
    }

    /// The `(10, 2)` of `decimal(10, 2)`.
    fn precision(&mut self) -> Parsed<(u8, u8)> {
        let open = self.bump();
        let digits = self.small_number()?;
        let scale = if self.eat(",") { self.small_number()? } else { 0 };
        self.close(open.clone(), ")")?;
        if digits == 0 || digits > 36 || scale > digits {
            let span = open.start..self.previous_end();
            return Err(
                self.error(span, "a decimal has 1 to 36 digits, and no more than those behind the point")
            );
        }
        Ok((digits, scale))
    }

    fn small_number(&mut self) -> Parsed<u8> {
        let Ok(number) = self.slice().parse() else { return Err(self.expected("a number of digits")) };
        self.bump();
        Ok(number)
    }

    /// `extract(PART FROM TIME [AT TIME ZONE 'ZONE'])`, which is `date_part('PART', TIME, 'ZONE')`.
    pub(super) fn extract(&mut self) -> Parsed<Node> {
        let name_span = self.bump();
        let open = self.bump();
        let part_span = self.span();
        let part = match self.peek() {
            Token::Word => self.word(),
            Token::Text(part) => part.clone(),
            _ => {
                return Err(self
                    .expected("a part of the time")
                    .with_help("write extract(hour FROM event_time())"));
            }
        };
        self.bump();
        if !self.eat_word("from") {
            return Err(self.expected("FROM").with_help("write extract(hour FROM event_time())"));
        }
        let mut args = vec![self.node(Kind::Text(part), part_span)?, self.expression(0)?];
        if self.eat_word("at") {
            if !(self.eat_word("time") && self.eat_word("zone")) {
                return Err(self.expected("AT TIME ZONE"));
            }
            args.push(self.expression(0)?);
        }
        self.close(open, ")")?;
        let span = name_span.start..self.previous_end();
        self.node(Kind::Call { name: "date_part".to_owned(), name_span, args }, span)
    }

    /// `substring(x [FROM 2] [FOR 3])` or with commas.
    pub(super) fn substring(&mut self) -> Parsed<Node> {
        let name_span = self.span();
        if matches!(self.peek_at(2), Token::Symbol(")")) {
            return self.call();
        }
        self.bump();
        let open = self.bump();
        let mut args = vec![self.expression(0)?];
        if self.eat_word("from") {
            args.push(self.expression(0)?);
        } else if self.is_word("for") {
            args.push(self.node(Kind::Number(Number::from_int(1)), self.span())?);
        }
        if args.len() == 2 && self.eat_word("for") {
            args.push(self.expression(0)?);
        }
        while self.eat(",") {
            args.push(self.expression(0)?);
        }
        self.close(open, ")")?;
        let span = name_span.start..self.previous_end();
        self.node(Kind::Call { name: "substr".to_owned(), name_span, args }, span)
    }
}
