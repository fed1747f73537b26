//! The expression language: SQL expressions over the fields of a record or the columns of a row.
//!
//! A text becomes tokens (`lexer`), a syntax tree (`parser`, `operand`) and a checked program (`check`,
//! `call`), which is run once per record (`eval`). What can be found wrong before the first record is a
//! [`SyntaxError`] with the place marked; what shows only in the data is the reason why a record is bad.
//! Nothing here reads, writes or knows where records come from.
//!
//! Nulls follow SQL: null in, null out; conditions are true, false or null. AND and OR look at their right
//! side only if the left one leaves the matter open, and CASE and COALESCE only at what they need, so that
//! `b <> 0 AND a / b > 1` is safe. Numbers are exact decimals. JSON values have types: a number against
//! text is an error. CSV fields have none: they are numbers where numbers are wanted, if they read as one.

use std::fmt;
use std::ops::Range;

use crate::error::SyntaxError;
use crate::value::Value;

mod aggregates;
mod call;
mod cast;
mod check;
mod conditions;
mod cursor;
mod eval;
mod forms;
mod functions;
mod known;
mod lexer;
mod like;
mod operand;
mod ops;
mod parser;
mod paths;
mod program;
mod regexes;
mod simple;
mod small;
mod synonyms;
mod syntax;
#[cfg(test)]
mod tests;
mod timepart;
mod truth;
mod types;

use check::Checker;
use cursor::{Parsed, Parser};
use program::{Condition, Node};

pub use functions::{FunctionHelp, functions};
pub use simple::Simple;

/// A field as the user names it: a column, a member, or a path into nested JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldPath {
    /// The steps from the record down.
    pub steps: Vec<Step>,
    /// The text as the user wrote it (`d.x`, `"a.b".c`, `items[0].sku`).
    pub text: String,
}

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// A member by name, unquoted.
    Member(String),
    /// An array element, from 0.
    Index(usize),
}

/// Gives field paths their numbers; implemented by whoever will answer [`Row::field`].
pub trait Scope {
    /// The number of the field; an error message (and perhaps a "did you mean") if there is no such field.
    fn field(&mut self, path: &FieldPath) -> Result<usize, (String, Option<String>)>;
    /// Whether the event time's parts (`hour(event_time())` and the like) can be asked for.
    fn has_event_time(&self) -> bool;
    /// Whether any name is a field, because only the records show what fields there are (NDJSON).
    /// Then `host = "web"` is refused, which would quietly compare two fields.
    fn takes_any_name(&self) -> bool {
        false
    }
    /// Whether fields have numbers for names (`--no-header`). Then `sum(3)` means the third field; within
    /// larger expressions it takes double quotes, as in `"3" * 2`.
    fn numbers_are_fields(&self) -> bool {
        false
    }
}

/// What an expression is evaluated over.
pub trait Row {
    /// The value of the field with this number.
    fn field(&self, number: usize) -> Value<'_>;
    /// The event time in microseconds since the Unix epoch.
    fn event_time(&self) -> i64;
}

/// A checked expression, ready to be evaluated. A clone for each thread keeps threads from sharing the
/// working memory of its regular expressions.
#[derive(Debug, Clone)]
pub struct Expr {
    root: Node,
    /// What the user wrote.
    text: Box<str>,
    /// Where `text` starts in the option's text, which places count from.
    start: usize,
    fields: Box<[usize]>,
    bare_words: Box<[usize]>,
}

impl Expr {
    /// The value over a row. The error says why this record cannot be used.
    pub fn eval<'a>(&'a self, row: &'a dyn Row) -> Result<Value<'a>, String> {
        self.root.value(row).map_err(|fail| self.reason(&fail))
    }

    /// The value over a row if it is a number of at most 18 digits: mantissa and scale, as they go into
    /// a column. `None` says nothing: [`Expr::eval`] tells what it is then.
    pub fn eval_short(&self, row: &dyn Row) -> Option<(i64, u8)> {
        self.root.small(row).map(small::Small::parts)
    }

    /// The truth of a condition over a row: null counts as not true.
    pub fn is_true(&self, row: &dyn Row) -> Result<bool, String> {
        let truth = match &self.root {
            Node::Condition(condition) => condition.truth(row),
            node => match node.value(row) {
                Ok(value) => {
                    return ops::truth(&value)
                        .map(|truth| truth == Some(true))
                        .map_err(|reason| self.of_all(&reason));
                }
                Err(fail) => Err(fail),
            },
        };
        truth.map(|truth| truth == Some(true)).map_err(|fail| self.reason(&fail))
    }

    /// If the expression is just a field: its number.
    pub fn as_field(&self) -> Option<usize> {
        match self.root {
            Node::Field(number) => Some(number),
            _ => None,
        }
    }

    /// If the expression is a field against a constant: what can be answered from the field's text alone.
    pub fn as_simple(&self) -> Option<Simple<'_>> {
        let Node::Condition(condition) = &self.root else { return None };
        Simple::of(condition)
    }

    /// The fields it looks at, each once.
    pub fn fields(&self) -> &[usize] {
        &self.fields
    }

    /// The fields that are one word where a value is compared with them, as text would be that lacks its quotes.
    pub fn bare_words(&self) -> &[usize] {
        &self.bare_words
    }

    /// A reason with the part of the expression that it is about.
    #[cold]
    fn reason(&self, fail: &eval::Fail) -> String {
        let inside = |place: u32| (place as usize).checked_sub(self.start);
        let part = match (inside(fail.at.start), inside(fail.at.end)) {
            (Some(start), Some(end)) => self.text.get(start..end),
            _ => None,
        };
        format!("`{}`: {}", cursor::shorten(part.unwrap_or(&self.text)), fail.reason)
    }

    #[cold]
    fn of_all(&self, reason: &str) -> String {
        format!("`{}`: {reason}", cursor::shorten(&self.text))
    }
}

impl fmt::Display for Expr {
    /// The expression as the user wrote it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses and checks a condition: `--where`, `--having`.
pub fn parse(text: &str, scope: &mut dyn Scope) -> Result<Expr, SyntaxError> {
    let tree = Parser::new(text, 0..text.len())?.whole()?;
    condition_expr(text, &tree, scope, "this option")
}

/// Parses and checks an expression of any type.
pub fn parse_value(text: &str, scope: &mut dyn Scope) -> Result<Expr, SyntaxError> {
    let tree = Parser::new(text, 0..text.len())?.whole()?;
    value_expr(text, &tree, scope)
}

/// `--order-by`: an expression and its direction (`true` for descending, the default).
pub fn parse_order(text: &str, scope: &mut dyn Scope) -> Result<(Expr, bool), SyntaxError> {
    let mut parser = Parser::new(text, 0..text.len())?;
    let tree = parser.expression(0)?;
    let ascending = parser.eat_word("asc");
    if !ascending {
        parser.eat_word("desc");
    }
    parser.end("the expression")?;
    Ok((value_expr(text, &tree, scope)?, !ascending))
}

/// One key of `--by`.
#[derive(Debug, Clone)]
pub struct Key {
    /// The column name: what stands behind `AS`, or the field's text as written; a single name in double
    /// quotes without them.
    pub name: String,
    /// What is computed.
    pub expr: Expr,
}

/// Parses one `--by` option: fields and `EXPR AS NAME`, comma-separated.
pub fn parse_keys(text: &str, scope: &mut dyn Scope) -> Result<Vec<Key>, SyntaxError> {
    paths::items(text)?.into_iter().map(|item| key(text, item, scope)).collect()
}

fn key(text: &str, item: Range<usize>, scope: &mut dyn Scope) -> Parsed<Key> {
    if let Some(keyword) = paths::find_as(text, item.clone()) {
        let mut name = Parser::new(text, keyword.end..item.end)?;
        let column = name.column_name()?;
        name.end("the name")?;
        let tree = Parser::new(text, item.start..keyword.start)?.whole()?;
        return Ok(Key { name: column, expr: value_expr(text, &tree, scope)? });
    }
    let path = paths::path(text, item.clone(), &paths::Expected::Name)?;
    let name = match path.steps.as_slice() {
        [Step::Member(name)] => name.clone(),
        _ => path.text.clone(),
    };
    let tree = syntax::Node { kind: syntax::Kind::Field(path), span: item, height: 1 };
    Ok(Key { name, expr: value_expr(text, &tree, scope)? })
}

/// A field path, as `--time` takes it.
pub fn parse_path(text: &str) -> Result<FieldPath, SyntaxError> {
    let mut paths = parse_paths(text)?;
    match (paths.pop(), paths.is_empty()) {
        (Some(path), true) => Ok(path),
        _ => {
            let comma = text.find(',').unwrap_or(0);
            let error = SyntaxError::new(text, comma..comma + 1, "one field is wanted here");
            Err(error.with_help("a name with a comma in it is written in double quotes"))
        }
    }
}

/// Field paths, comma-separated, as `--id` takes them.
pub fn parse_paths(text: &str) -> Result<Vec<FieldPath>, SyntaxError> {
    paths::items(text)?.into_iter().map(|item| paths::path(text, item, &paths::Expected::Field)).collect()
}

/// One call of an aggregate.
#[derive(Clone)]
pub struct Call {
    /// The aggregate.
    pub definition: &'static crate::aggregate::Definition,
    /// The argument expressions that are evaluated per record: none for `*`, two for `arg_min(x, by)`.
    pub args: Vec<Expr>,
    /// The constant parameters, checked.
    pub params: Vec<crate::number::Number>,
    /// The condition of `FILTER (WHERE ...)`.
    pub filter: Option<Expr>,
    /// The column name.
    pub name: String,
    /// The text as written, for `explain`.
    pub text: String,
    /// Where it stands in the option's text.
    pub span: Range<usize>,
    /// How much of `text` stands before AS, in bytes; all of it where there is none.
    unnamed: usize,
}

impl Call {
    /// Whether it says of every record what another one says, by what it is given.
    pub fn has_argument_of(&self, other: &Call) -> bool {
        let (one, two) = (self.args.iter().chain(&self.filter), other.args.iter().chain(&other.filter));
        self.definition.takes == other.definition.takes
            && self.filter.is_some() == other.filter.is_some()
            && one.map(|expr| &expr.text).eq(two.map(|expr| &expr.text))
    }

    /// The text without AS and the name.
    pub fn unnamed(&self) -> &str {
        &self.text[..self.unnamed]
    }
}

/// Parses one `--agg` option: calls, comma-separated.
pub fn parse_aggregates(text: &str, scope: &mut dyn Scope) -> Result<Vec<Call>, SyntaxError> {
    aggregates::calls(text, scope)
}

fn value_expr(text: &str, tree: &syntax::Node, scope: &mut dyn Scope) -> Parsed<Expr> {
    let mut checker = Checker::new(text, scope);
    let (node, known) = checker.value(tree)?;
    checker.no_time(known, &tree.span)?;
    Ok(finish_expr(checker, node, &tree.span))
}

/// A condition; `by` says what wants it, for messages.
fn condition_expr(text: &str, tree: &syntax::Node, scope: &mut dyn Scope, by: &str) -> Parsed<Expr> {
    let mut checker = Checker::new(text, scope);
    let root = match checker.condition(tree, by)? {
        Condition::Value(node, _) => node,
        condition => check::as_value(condition).0,
    };
    Ok(finish_expr(checker, root, &tree.span))
}

fn finish_expr(checker: Checker<'_>, root: Node, span: &Range<usize>) -> Expr {
    let text = checker.text.get(span.clone()).unwrap_or_default();
    Expr {
        root,
        text: text.into(),
        start: span.start,
        fields: checker.fields.into(),
        bare_words: checker.bare_words.into(),
    }
}
