//! Fields by name, as `--time`, `--id` and `--by` take them: more lenient than in expressions.
//!
//! A name may be anything but `,` `.` `[` `]` `"` and white space at its ends, so that `user-id`,
//! `@timestamp` and `1` need no quotes. What looks like an expression is refused rather than taken
//! for a strange name.

use std::ops::Range;

use super::{FieldPath, Step};
use crate::error::SyntaxError;

/// The items of a list, cut at the commas that stand in no brackets and no quotes, without the white
/// space around them.
pub(super) fn items(text: &str) -> Result<Vec<Range<usize>>, SyntaxError> {
    let mut items = Vec::new();
    let mut start = 0;
    let mut depth = 0usize;
    let mut quote: Option<(u8, usize)> = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some((open, _)), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some((byte, at)),
            (None, b'(' | b'[') => depth += 1,
            (None, b')' | b']') => depth = depth.saturating_sub(1),
            (None, b',') if depth == 0 => {
                items.push(trimmed(text, start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    if let Some((_, at)) = quote {
        let error = SyntaxError::new(text, at..at + 1, "this quote is not closed");
        return Err(error.with_help("a name with a quote in it is written in double quotes"));
    }
    items.push(trimmed(text, start..text.len()));
    if let Some(empty) = items.iter().find(|item| item.is_empty()) {
        let what = if text.trim().is_empty() {
            "a field is missing"
        } else {
            "a field is missing beside this comma"
        };
        return Err(SyntaxError::new(text, empty.clone(), what));
    }
    Ok(items)
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + part.len() - part.trim_start().len();
    start..start + part.trim().len()
}

/// Where the `AS` of an item stands: the last one outside of brackets and quotes.
pub(super) fn find_as(text: &str, item: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = None;
    let mut depth = 0usize;
    let mut quote = None;
    // What stands at the edges of an item can be no AS.
    for at in item.clone() {
        let byte = bytes[at];
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[') => depth += 1,
            (None, b')' | b']') => depth = depth.saturating_sub(1),
            (None, b'a' | b'A') if depth == 0 && at > item.start && at + 2 <= item.end => {
                let is_as = bytes[at + 1].eq_ignore_ascii_case(&b's');
                let before = bytes[at - 1];
                let free_before =
                    before.is_ascii_whitespace() || matches!(before, b')' | b'"' | b'\'' | b']');
                let free_behind =
                    at + 2 == item.end || bytes[at + 2].is_ascii_whitespace() || bytes[at + 2] == b'"';
                if is_as && free_before && free_behind {
                    found = Some(at..at + 2);
                }
            }
            _ => {}
        }
    }
    found
}

/// The path that an item is. `expected` says what to do with an item that looks like an expression.
pub(super) fn path(text: &str, item: Range<usize>, expected: &Expected) -> Result<FieldPath, SyntaxError> {
    if let Some(at) = looks_like_expression(&text[item.clone()]) {
        return Err(expected.error(text, item.clone(), item.start + at));
    }
    let mut walk = Walk { text, item: item.clone(), at: item.start };
    let mut steps = vec![walk.member()?];
    while walk.at < item.end {
        if walk.eat(b'.') {
            steps.push(walk.member()?);
        } else if walk.peek() == Some(b'[') {
            steps.push(walk.index()?);
        } else {
            let span = walk.at..item.end;
            return Err(walk
                .error(span, "unexpected text after this field")
                .with_help("fields are separated by commas"));
        }
    }
    Ok(FieldPath { steps, text: text[item].to_owned() })
}

/// What is said of an item that is no plain field.
pub(super) enum Expected {
    /// It needs a name: `--by`.
    Name,
    /// Only fields go here: `--time`, `--id`.
    Field,
}

impl Expected {
    fn error(&self, text: &str, item: Range<usize>, at: usize) -> SyntaxError {
        let written = &text[item.clone()];
        let shown = super::cursor::shorten(written);
        match self {
            Expected::Name => {
                let error =
                    SyntaxError::new(text, item, format!("an expression needs a name: `{shown} AS name`"));
                error.with_help(format!("a field of that name is written \"{}\"", shown.replace('"', "\"\"")))
            }
            Expected::Field => {
                let len = text[at..].chars().next().map_or(0, char::len_utf8);
                let error = SyntaxError::new(text, at..at + len, "a field is wanted here, not an expression");
                error.with_help("a name with such characters is written in double quotes")
            }
        }
    }
}

/// Where an item shows itself to be an expression, if it does: brackets and text in quotes, comparisons,
/// or an operator with space around it. `user-id`, `a/b` and `Total (EUR)` in double quotes are names.
fn looks_like_expression(item: &str) -> Option<usize> {
    let bytes = item.as_bytes();
    let mut quoted = false;
    for (at, byte) in bytes.iter().enumerate() {
        let spaced = |at: usize| at > 0 && bytes[at - 1] == b' ' && bytes.get(at + 1) == Some(&b' ');
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'(' | b')' | b'\'' | b'=' | b'<' | b'>' | b'|' => return Some(at),
            b':' if bytes.get(at + 1) == Some(&b':') => return Some(at),
            b'+' | b'-' | b'*' | b'/' | b'%' if spaced(at) => return Some(at),
            _ => {}
        }
    }
    None
}

struct Walk<'t> {
    text: &'t str,
    item: Range<usize>,
    at: usize,
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    fn rest(&self) -> &str {
        &self.text[self.at..self.item.end]
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn member(&mut self) -> Result<Step, SyntaxError> {
        if self.peek() == Some(b'"') {
            return self.quoted().map(Step::Member);
        }
        let rest = self.rest();
        let len = rest.find(['.', '[', ']', '"', ',']).unwrap_or(rest.len());
        let name = &rest[..len];
        if name.is_empty() || name.trim() != name {
            let span = self.at..self.at + len;
            return Err(self.error(span, "a name is missing here").with_help(NAMES));
        }
        let step = Step::Member(name.to_owned());
        self.at += len;
        Ok(step)
    }

    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        let mut name = String::new();
        self.at += 1;
        loop {
            let Some(stop) = self.rest().find('"') else {
                return Err(self.error(start..start + 1, "this name has no closing quote"));
            };
            name.push_str(&self.rest()[..stop]);
            self.at += stop + 1;
            if !self.eat(b'"') {
                break;
            }
            name.push('"');
        }
        if name.is_empty() {
            return Err(self.error(start..self.at, "a name is empty"));
        }
        Ok(name)
    }

    fn index(&mut self) -> Result<Step, SyntaxError> {
        let open = self.at;
        let rest = &self.rest()[1..];
        let Some(len) = rest.find(']') else {
            return Err(self.error(open..open + 1, "this bracket is not closed"));
        };
        let digits = &rest[..len];
        let index = if digits.starts_with('+') { None } else { digits.parse().ok() };
        let Some(index) = index else {
            let error = self.error(open + 1..open + 1 + len, "the number of an element is wanted, from 0");
            return Err(error.with_help(NAMES));
        };
        self.at += len + 2;
        Ok(Step::Index(index))
    }

    fn error(&self, span: Range<usize>, message: &str) -> SyntaxError {
        SyntaxError::new(self.text, span, message)
    }
}

const NAMES: &str = "a name that itself has a point or a bracket is written in double quotes";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = path(text, 0..text.len(), &Expected::Name).unwrap();
        let steps: Vec<String> = (found.steps.iter())
            .map(|step| match step {
                Step::Member(name) => name.clone(),
                Step::Index(index) => format!("[{index}]"),
            })
            .collect();
        assert_eq!(steps, expected, "{text}");
        assert_eq!(found.text, text);
    }

    fn fails(text: &str, marked: &str, message: &str) {
        let error = (items(text))
            .and_then(|items| {
                items.into_iter().map(|item| path(text, item, &Expected::Name)).collect::<Result<Vec<_>, _>>()
            })
            .unwrap_err();
        assert_eq!(&text[error.span.clone()], marked, "{text}: {error}");
        assert!(error.to_string().contains(message), "{text}: {error}");
    }

    #[test]
    fn lenient_names() {
        check("user-id", &["user-id"]);
        check("@timestamp", &["@timestamp"]);
        check("1", &["1"]);
        check("user id", &["user id"]);
        check("a.b[0].c", &["a", "b", "[0]", "c"]);
        check("\"a.b\".c", &["a.b", "c"]);
        check("\"a\"\"b, (c)\"", &["a\"b, (c)"]);
        check("a/b", &["a/b"]);
        check("größe", &["größe"]);
        check("end", &["end"]);
        check("$x", &["$x"]);
    }

    #[test]
    fn what_is_no_field_is_named() {
        fails("lower(host)", "lower(host)", "`lower(host) AS name`");
        fails("a || b", "a || b", "needs a name");
        fails("a + b", "a + b", "needs a name");
        fails("x, a::text", "a::text", "needs a name");
        fails("", "", "missing");
        fails("a,,b", "", "missing");
        fails("a,", "", "missing");
        fails("a..b", "", "missing");
        fails(".a", "", "missing");
        fails("a.", "", "missing");
        fails("a[x]", "x", "number of an element");
        fails("a[-1]", "-1", "number of an element");
        fails("a[1", "[", "not closed");
        fails("\"a", "\"", "not closed");
        fails("\"a\"b", "b", "unexpected");
        fails("a]", "]", "unexpected");
        fails("a \"b\"", "a ", "missing");
    }

    #[test]
    fn lists_are_cut_at_commas() {
        let check = |text: &str, expected: &[&str]| {
            let found = items(text).unwrap();
            assert_eq!(found.into_iter().map(|item| &text[item]).collect::<Vec<_>>(), expected);
        };
        check("a, b ,c", &["a", "b", "c"]);
        check("\"a,b\",c", &["\"a,b\"", "c"]);
        check("concat(a, ',', b) AS x, d", &["concat(a, ',', b) AS x", "d"]);
    }

    #[test]
    fn as_is_found_outside_of_brackets() {
        let check = |text: &str, expected: Option<usize>| {
            assert_eq!(find_as(text, 0..text.len()).map(|span| span.start), expected, "{text}");
        };
        check("cast(a as text) AS x", Some(16));
        check("cast(a as text)", None);
        check("class", None);
        check("lower(x)as y", Some(8));
        check("a AS \"b as c\"", Some(2));
        check("a as", Some(2));
        check("as", None);
        check("host basis", None);
    }
}
