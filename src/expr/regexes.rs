//! Regular expressions: compiled once where they are constant; where they come from data, the latest ones are
//! remembered.

use std::borrow::Cow;
use std::cell::RefCell;

use regex::Regex;

use super::Row;
use super::eval::{Fallible, Place};
use super::known::Known;
use super::ops;
use super::program::{At, Node, RegexSource};
use crate::value::Value;

/// The largest compiled size of a regular expression that the user wrote, in bytes.
pub(super) const WRITTEN_BYTES_MAX: usize = 10 << 20;

thread_local! {
    /// Those made from data. To compile one takes a thousand times as long as to use it.
    static COMPUTED: RefCell<Known> = RefCell::default();
}

/// `regexp_extract`: what a group matches, null where it matches nothing.
pub(super) fn extract<'a>(
    text: &'a Node,
    source: &'a RegexSource,
    group: &'a Node,
    row: &'a dyn Row,
    at: At,
) -> Fallible<Value<'a>> {
    let (value, group) = (text.value(row)?, group.value(row)?);
    let found = with_regex(source, row, at, |regex| {
        if value.is_null() || group.is_null() {
            return Ok(Value::Null);
        }
        find(regex, value, group).place(at)
    })?;
    found.unwrap_or(Ok(Value::Null))
}

/// What a group of a regular expression matches in a text.
fn find<'a>(regex: &Regex, text: Value<'a>, group: Value<'_>) -> Result<Value<'a>, String> {
    let group = ops::number(group)?.to_i64().and_then(|group| usize::try_from(group).ok());
    let group = group.filter(|group| *group < regex.captures_len()).ok_or("the pattern has no such group")?;
    let text = ops::text(text)?;
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

/// What `then` makes of the regular expression; `None` if its text is null. It must not evaluate anything.
pub(super) fn with_regex<R>(
    source: &RegexSource,
    row: &dyn Row,
    at: At,
    then: impl FnOnce(&Regex) -> R,
) -> Fallible<Option<R>> {
    let node = match source {
        RegexSource::Ready(regex) => return Ok(Some(then(regex))),
        RegexSource::Computed(node) => node,
    };
    let pattern = node.value(row)?;
    if pattern.is_null() {
        return Ok(None);
    }
    let pattern = ops::text(pattern).place(at)?;
    // Not cloned: each clone of a regular expression begins with empty caches.
    COMPUTED.with_borrow_mut(|known| known.with(&pattern, then)).map(Some).place(at)
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
