//! The expression language: SQL expressions over the fields of a record or the columns of a row.

use std::ops::Range;

use crate::error::SyntaxError;
use crate::value::Value;

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
    /// Whether the event time's parts (`hour(time)` and the like) can be asked for.
    fn has_event_time(&self) -> bool;
}

/// What an expression is evaluated over.
pub trait Row {
    /// The value of the field with this number.
    fn field(&self, number: usize) -> Value<'_>;
    /// The event time in microseconds since the Unix epoch.
    fn event_time(&self) -> i64;
}

/// A checked expression, ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Expr {}

impl Expr {
    /// The value over a row. The error says why this record cannot be used.
    pub fn eval<'a>(&'a self, _row: &'a dyn Row) -> Result<Value<'a>, String> {
        todo!()
    }
    /// The truth of a condition over a row: null counts as not true.
    pub fn is_true(&self, _row: &dyn Row) -> Result<bool, String> {
        todo!()
    }
    /// If the expression is just a field: its number.
    pub fn as_field(&self) -> Option<usize> {
        todo!()
    }
}

/// Parses and checks one expression (`--where`, `--having`, `--order-by` without its direction).
pub fn parse(_text: &str, _scope: &mut dyn Scope) -> Result<Expr, SyntaxError> {
    todo!()
}

/// `--order-by`: an expression and its direction (`true` for descending, the default).
pub fn parse_order(_text: &str, _scope: &mut dyn Scope) -> Result<(Expr, bool), SyntaxError> {
    todo!()
}

/// One key of `--by`.
#[derive(Debug, Clone)]
pub struct Key {
    /// The column name: what stands behind `AS`, or the field's text as written.
    pub name: String,
    /// What is computed.
    pub expr: Expr,
}

/// Parses one `--by` option: fields and `EXPR AS NAME`, comma-separated.
pub fn parse_keys(_text: &str, _scope: &mut dyn Scope) -> Result<Vec<Key>, SyntaxError> {
    todo!()
}

/// A field path, as `--time` takes it.
pub fn parse_path(_text: &str) -> Result<FieldPath, SyntaxError> {
    todo!()
}

/// Field paths, comma-separated, as `--id` takes them.
pub fn parse_paths(_text: &str) -> Result<Vec<FieldPath>, SyntaxError> {
    todo!()
}

/// One call of an aggregate.
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
}

/// Parses one `--agg` option: calls, comma-separated.
pub fn parse_aggregates(_text: &str, _scope: &mut dyn Scope) -> Result<Vec<Call>, SyntaxError> {
    todo!()
}
