//! Regular expressions: compiled once where they are constant, per record where they are not.

use std::borrow::Cow;

use regex::Regex;

use super::Row;
use super::eval::{Fallible, Place};
use super::ops;
use super::program::{At, Node, RegexSource};
use crate::value::Value;

/// The largest compiled size of a regular expression that the user wrote, in bytes.
pub(super) const WRITTEN_BYTES_MAX: usize = 10 << 20;
/// The largest compiled size of one that is made from data, per record, in bytes.
const COMPUTED_BYTES_MAX: usize = 1 << 20;
pub(super) fn extract<'a>(
    text: &'a Node,
    source: &'a RegexSource,
    group: &'a Node,
    row: &'a dyn Row,
    at: At,
) -> Fallible<Value<'a>> {
    let (value, group) = (text.value(row)?, group.value(row)?);
    let Some(regex) = regex(source, row, at)? else { return Ok(Value::Null) };
    if value.is_null() || group.is_null() {
        return Ok(Value::Null);
    }
    let number = ops::number(group).place(at)?;
    let group = number.to_i64().and_then(|group| usize::try_from(group).ok());
    let Some(group) = group.filter(|group| *group < regex.captures_len()) else {
        return Err("the pattern has no such group".to_owned()).place(at);
    };
    let text = ops::text(value).place(at)?;
    let found = match group {
        0 => regex.find(&text),
        _ => regex.captures(&text).and_then(|captures| captures.get(group)),
    };
    let Some(range) = found.map(|found| found.range()) else { return Ok(Value::Null) };
    Ok(Value::Text(match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }))
}

/// The regular expression; `None` if its text is null.
pub(super) fn regex<'a>(
    source: &'a RegexSource,
    row: &'a dyn Row,
    at: At,
) -> Fallible<Option<Cow<'a, Regex>>> {
    let node = match source {
        RegexSource::Ready(regex) => return Ok(Some(Cow::Borrowed(regex))),
        RegexSource::Computed(node) => node,
    };
    let pattern = node.value(row)?;
    if pattern.is_null() {
        return Ok(None);
    }
    compile_regex(&ops::text(pattern).place(at)?, COMPUTED_BYTES_MAX)
        .map(|regex| Some(Cow::Owned(regex)))
        .place(at)
}

/// Compiles a regular expression; the error says in a line what is wrong with it.
pub(super) fn compile_regex(pattern: &str, bytes_max: usize) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern).size_limit(bytes_max).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        // The library draws the pattern with the place marked; the last line is the message.
        other => {
            let text = other.to_string();
            let line = text.lines().last().unwrap_or_default();
            format!("not a regular expression: {}", line.trim_start_matches("error: "))
        }
    })
}
