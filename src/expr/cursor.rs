//! The walk over the tokens of an option, and the errors at its places. Knows no grammar.

use std::ops::Range;

use super::lexer::{self, Kind as Token};
use crate::error::SyntaxError;
use crate::suggest;

/// The words that can follow an operand.
const INFIX: [&str; 8] = ["and", "or", "not", "in", "between", "like", "ilike", "is"];

/// The outcome of parsing and checking.
pub(super) type Parsed<T> = Result<T, SyntaxError>;

/// A walk over the tokens of an option's text.
pub(super) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<lexer::Token>,
    at: usize,
    /// How many expressions are open around the next token.
    pub(super) depth: usize,
}

impl<'t> Parser<'t> {
    /// A parser at the start of `text[range]`.
    pub(super) fn new(text: &'t str, range: Range<usize>) -> Parsed<Parser<'t>> {
        Ok(Parser { text, tokens: lexer::tokens(text, range)?, at: 0, depth: 0 })
    }

    /// Fails unless everything has been read.
    pub(super) fn end(&self, what: &str) -> Parsed<()> {
        match self.peek() {
            Token::End => Ok(()),
            _ => Err(self.trailing(what)),
        }
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
            Token::Text(_) => format!("text {}", shorten(self.slice())),
            _ => format!("`{}`", shorten(self.slice())),
        }
    }

    /// Something follows where the expression could have ended.
    pub(super) fn trailing(&self, what: &str) -> SyntaxError {
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
