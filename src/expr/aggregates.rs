//! `--agg`: calls of aggregates, `F(ARG) [FILTER (WHERE EXPR)] [AS NAME]`, and the columns' names.

use super::check::Checker;
use super::cursor::{Parsed, Parser};
use super::lexer::Kind as Token;
use super::program::Node;
use super::syntax::{Kind, Node as Tree};
use super::types::Type;
use super::{Call, Expr, FieldPath, Scope, Step, finish_expr, synonyms};
use crate::aggregate::{self, Definition, Takes};
use crate::error::SyntaxError;
use crate::number::Number;
use crate::value::Value;

/// What stands between the brackets of a call.
enum Argument {
    /// `*`
    Star,
    /// `[DISTINCT] x, ...`
    Values(Vec<Tree>),
}

/// The name and the opening of a call.
struct Head {
    /// The name in lower case, with ` distinct` behind it where that was asked for.
    name: String,
    definition: &'static Definition,
    /// Where the name starts.
    start: usize,
}

/// All calls of one `--agg`.
pub(super) fn calls(text: &str, scope: &mut dyn Scope) -> Parsed<Vec<Call>> {
    let mut parser = Parser::new(text, 0..text.len())?;
    let mut calls = Vec::new();
    loop {
        calls.push(call(text, &mut parser, scope)?);
        if !parser.eat(",") {
            break;
        }
    }
    if *parser.peek() == Token::Word {
        let error = parser.error(parser.span(), format!("unexpected {} after the call", parser.found()));
        return Err(error.with_help(match parser.is_word("filter") {
            true => "FILTER comes before AS: count(*) FILTER (WHERE ...) AS name",
            false => "a name follows AS, a condition FILTER (WHERE ...)",
        }));
    }
    parser.end("the call")?;
    Ok(calls)
}

fn call(text: &str, parser: &mut Parser<'_>, scope: &mut dyn Scope) -> Parsed<Call> {
    let (head, argument) = head(parser)?;
    let call_span = parser.since(head.start);
    let filter = filter(parser)?;
    let unnamed = parser.since(head.start).len();
    let name = match parser.eat_word("as") {
        true => parser.column_name()?,
        false => default_name(&head.name, &argument, text),
    };
    let span = parser.since(head.start);

    let per_record = match head.definition.takes {
        Takes::AnyBy => 2,
        _ => 1,
    };
    let wrong_count = || {
        let message = format!("`{}` takes other arguments", head.name);
        SyntaxError::new(text, call_span.clone(), message)
            .with_help(format!("write {}", head.definition.usage))
    };
    let trees = match argument {
        Argument::Star if head.definition.takes != Takes::Presence => return Err(wrong_count()),
        Argument::Star => Vec::new(),
        Argument::Values(trees) if trees.len() < per_record => return Err(wrong_count()),
        Argument::Values(trees) => trees,
    };
    let (values, constants) = trees.split_at(per_record.min(trees.len()));
    let values: Vec<Tree> = values.iter().map(|tree| numbered_field(tree, text, scope)).collect();
    let mut args = Vec::with_capacity(values.len());
    for (n, tree) in values.iter().enumerate() {
        args.push(argument_expr(text, scope, head.definition, &head.name, n, tree)?);
    }
    let params = params(text, scope, &head, constants)?;
    (head.definition.check)(&params).map_err(|message| {
        let span = match (constants.first(), constants.last()) {
            (Some(first), Some(last)) => first.span.start..last.span.end,
            _ => call_span.clone(),
        };
        let message = format!("`{}` {message}", head.name);
        SyntaxError::new(text, span, message).with_help(format!("write {}", head.definition.usage))
    })?;
    let filter = match filter {
        Some(tree) => Some(super::condition_expr(text, &tree, scope, "WHERE")?),
        None => None,
    };
    Ok(Call {
        definition: head.definition,
        args,
        params,
        filter,
        name,
        text: text[span.clone()].to_owned(),
        span,
        unnamed,
    })
}

/// The name, the bracket and what stands in it.
fn head(parser: &mut Parser<'_>) -> Parsed<(Head, Argument)> {
    let start = parser.span();
    if *parser.peek() != Token::Word {
        return Err(parser.expected("an aggregate, such as count(*) or sum(bytes)"));
    }
    let mut name = parser.word();
    parser.bump();
    // `p99.9` is a name, a point and a number to the lexer.
    if parser.is_family_point(start.end) {
        parser.bump();
        name = format!("{name}.{}", parser.slice());
        parser.bump();
    }
    let name_span = parser.since(start.start);
    let open = parser.span();
    if !parser.eat("(") {
        if aggregate::find(&name).is_none() {
            return Err(unknown(parser, &name, name_span));
        }
        let help = if name == "count" { "write count(*)".to_owned() } else { format!("write {name}(...)") };
        return Err(parser.expected("the argument in parentheses").with_help(help));
    }
    let distinct = parser.is_word("distinct") && !matches!(parser.peek_at(1), Token::Symbol(")" | "," | "."));
    if distinct {
        parser.bump();
        name.push_str(" distinct");
    }
    let Some(definition) = aggregate::find(&name) else {
        let plain = name.trim_end_matches(" distinct");
        if distinct && aggregate::find(plain).is_some() {
            let error = parser.error(name_span, format!("`{plain}` does not take DISTINCT"));
            return Err(error.with_help("count(DISTINCT x) counts distinct values"));
        }
        return Err(unknown(parser, plain, name_span));
    };
    let argument = if matches!(parser.peek(), Token::Symbol("*")) && !distinct {
        parser.bump();
        parser.close(open, ")")?;
        Argument::Star
    } else if parser.eat(")") {
        let span = start.start..parser.previous_end();
        let error = parser.error(span, format!("`{name}` has no argument"));
        return Err(error.with_help(format!("write {}", definition.usage)));
    } else {
        Argument::Values(parser.list(open)?)
    };
    Ok((Head { name, definition, start: start.start }, argument))
}

fn unknown(parser: &Parser<'_>, name: &str, span: std::ops::Range<usize>) -> SyntaxError {
    let written = parser.text(span.clone());
    if super::functions::find(name).is_some() {
        let error =
            parser.error(span, format!("`{written}` is a function of single values, not an aggregate"));
        return error.with_help("it goes into an aggregate's argument");
    }
    let error = parser.error(span, format!("unknown aggregate `{written}`"));
    let is_family = name.strip_prefix('p').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    error.with_help(match is_family {
        true => "percentiles are p0 to p100, such as p50 and p99.9".to_owned(),
        false => synonyms::instead_of_aggregate(name),
    })
}

fn filter(parser: &mut Parser<'_>) -> Parsed<Option<Tree>> {
    if !parser.eat_word("filter") {
        return Ok(None);
    }
    let open = parser.span();
    if !parser.eat("(") {
        return Err(parser.expected("a bracket after FILTER").with_help("write FILTER (WHERE condition)"));
    }
    if !parser.eat_word("where") {
        return Err(parser.expected("WHERE").with_help("write FILTER (WHERE condition)"));
    }
    let condition = parser.expression(0)?;
    parser.close(open, ")")?;
    Ok(Some(condition))
}

/// A field that is named by its number, where fields are.
fn numbered_field(tree: &Tree, text: &str, scope: &dyn Scope) -> Tree {
    let mut tree = tree.clone();
    let name = &text[tree.span.clone()];
    if scope.numbers_are_fields() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        tree.kind =
            Kind::Field(FieldPath { steps: vec![Step::Member(name.to_owned())], text: name.to_owned() });
    }
    tree
}

fn argument_expr(
    text: &str,
    scope: &mut dyn Scope,
    definition: &Definition,
    name: &str,
    n: usize,
    tree: &Tree,
) -> Parsed<Expr> {
    let mut checker = Checker::new(text, scope);
    let by = format!("`{name}`");
    let typed = match (definition.takes, n) {
        (Takes::Number, _) => (checker.wanted(tree, Type::Number, &by)?, Type::Number),
        _ => checker.value(tree)?,
    };
    checker.no_time(typed.1, &tree.span)?;
    let ordered = definition.takes == Takes::Ordered || definition.takes == Takes::AnyBy && n == 1;
    if ordered && typed.1 == Type::Bool {
        return Err(
            checker.error(&tree.span, format!("{by} wants a number or text here, and this is true or false"))
        );
    }
    Ok(finish_expr(checker, typed.0, &tree.span))
}

/// The constant parameters: those of the name (`p99` is 0.99), or the arguments behind the values.
fn params(text: &str, scope: &mut dyn Scope, head: &Head, trees: &[Tree]) -> Parsed<Vec<Number>> {
    let mut params: Vec<Number> = aggregate::family_quantile(&head.name).into_iter().collect();
    for tree in trees {
        let mut checker = Checker::new(text, scope);
        match checker.wanted(tree, Type::Number, &format!("`{}`", head.name))? {
            Node::Literal(Value::Number(number)) => params.push(number),
            _ => {
                let error = checker.error(&tree.span, "a constant number is wanted here");
                return Err(error.with_help(format!("write {}", head.definition.usage)));
            }
        }
    }
    Ok(params)
}

/// `count` for `count(*)`, else the function's name and that of its first argument.
fn default_name(function: &str, argument: &Argument, text: &str) -> String {
    let function = function.replace(' ', "_");
    let Argument::Values(trees) = argument else { return function };
    let Some(first) = trees.first() else { return function };
    let argument = match &first.kind {
        Kind::Field(path) => field_name(path),
        _ => expression_name(&text[first.span.clone()]),
    };
    if argument.is_empty() { function } else { format!("{function}_{argument}") }
}

/// A path with its points and brackets turned to `_`, each to one, and without its quotes.
fn field_name(path: &FieldPath) -> String {
    let mut name = String::new();
    for (n, step) in path.steps.iter().enumerate() {
        match step {
            super::Step::Member(member) => {
                name.push_str(if n == 0 { "" } else { "_" });
                name.push_str(&member.replace(['.', '[', ']'], "_"));
            }
            super::Step::Index(index) => name.push_str(&format!("_{index}_")),
        }
    }
    name
}

/// An expression with all that cannot stand in a name turned to `_`.
fn expression_name(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

impl Parser<'_> {
    /// Whether the rest of a name such as `p99.9` follows, without a gap.
    fn is_family_point(&self, name_end: usize) -> bool {
        let point = self.span();
        matches!(self.peek(), Token::Symbol("."))
            && point.start == name_end
            && *self.peek_at(1) == Token::Number
            && self.span_at(1).start == point.end
    }
}
