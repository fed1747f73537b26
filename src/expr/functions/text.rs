//! The functions of text. Positions and lengths are in characters.

use std::borrow::Cow;

use crate::expr::ops;
use crate::number::Number;
use crate::value::Value;

type Outcome<'v> = Result<Value<'v>, String>;

/// The text of an argument, which the table has asked for.
fn text<'t>(value: &'t Value<'_>) -> &'t str {
    match value {
        Value::Text(text) => text,
        Value::Untyped(text) | Value::Written(text) => text,
        _ => "",
    }
}

/// The text of an argument, taken out of it: what was borrowed from the record stays borrowed.
fn take<'v>(value: &mut Value<'v>) -> Cow<'v, str> {
    ops::into_text(std::mem::replace(value, Value::Null))
}

/// A whole number, which the table has asked for.
fn integer(value: &Value<'_>) -> i64 {
    value.as_number().and_then(|number| number.to_i64()).unwrap_or(0)
}

/// `text[from..to]` without a copy where it is borrowed.
fn slice(text: Cow<'_, str>, from: usize, to: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..to]),
        Cow::Owned(text) if from == 0 && to == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text[from..to].to_owned()),
    }
}

pub(super) fn lower<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let text = take(&mut args[0]);
    // Most text is in lower case already and need not be copied.
    let unchanged = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    Ok(Value::Text(if unchanged { text } else { Cow::Owned(text.to_lowercase()) }))
}

pub(super) fn upper<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let text = take(&mut args[0]);
    let unchanged = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase());
    Ok(Value::Text(if unchanged { text } else { Cow::Owned(text.to_uppercase()) }))
}

pub(super) fn length<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    Ok(Value::Number(Number::from_int(text(&args[0]).chars().count() as i64)))
}

/// As in SQL, places before the first character exist and are empty: `substr('abc', 0, 2)` is `a`.
pub(super) fn substr<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let start = integer(&args[1]);
    let end = match args.get(2).map(integer) {
        Some(count) if count < 0 => return Err("the count is negative".to_owned()),
        Some(count) => start.saturating_add(count),
        None => i64::MAX,
    };
    let text = take(&mut args[0]);
    // From here on, positions count from 0.
    let (start, end) = (start.max(1) - 1, end.max(1) - 1);
    let from = byte_of_char(&text, start);
    let to = from + byte_of_char(&text[from..], (end - start).max(0));
    Ok(Value::Text(slice(text, from, to)))
}

/// The byte at which the n-th character (from 0) begins, at most the length.
fn byte_of_char(text: &str, n: i64) -> usize {
    let Ok(n) = usize::try_from(n) else { return 0 };
    if n >= text.len() {
        return text.len();
    }
    text.char_indices().nth(n).map_or(text.len(), |(byte, _)| byte)
}

pub(super) fn split_part<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let n = integer(&args[2]);
    let whole = take(&mut args[0]);
    let separator = text(&args[1]);
    let nth = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
    let Some(before) = nth.checked_sub(1) else {
        return Err("pieces count from 1, or from -1 at the end".to_owned());
    };
    let piece = if separator.is_empty() {
        (before == 0).then_some(&*whole)
    } else if n > 0 {
        whole.split(separator).nth(before)
    } else {
        whole.rsplit(separator).nth(before)
    };
    let (from, to) = piece.map_or((0, 0), |piece| {
        let from = piece.as_ptr() as usize - whole.as_ptr() as usize;
        (from, from + piece.len())
    });
    Ok(Value::Text(slice(whole, from, to)))
}

pub(super) fn replace<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let whole = take(&mut args[0]);
    let (from, to) = (text(&args[1]), text(&args[2]));
    if from.is_empty() || !whole.contains(from) {
        return Ok(Value::Text(whole));
    }
    Ok(Value::Text(Cow::Owned(whole.replace(from, to))))
}

pub(super) fn concat<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    Ok(Value::Text(Cow::Owned(args.iter().map(ops::as_text).collect())))
}

pub(super) fn trim<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    trim_ends(args, true, true)
}

pub(super) fn ltrim<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    trim_ends(args, true, false)
}

pub(super) fn rtrim<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    trim_ends(args, false, true)
}

fn trim_ends<'v>(args: &mut [Value<'v>], start: bool, end: bool) -> Outcome<'v> {
    let whole = take(&mut args[0]);
    let characters = args.get(1).map_or(" ", text);
    let cut = |c: char| characters.contains(c);
    let from = if start { whole.len() - whole.trim_start_matches(cut).len() } else { 0 };
    let to = if end { from + whole[from..].trim_end_matches(cut).len() } else { whole.len() };
    Ok(Value::Text(slice(whole, from, to)))
}

pub(super) fn starts_with<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    Ok(Value::Bool(text(&args[0]).starts_with(text(&args[1]))))
}

pub(super) fn ends_with<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    Ok(Value::Bool(text(&args[0]).ends_with(text(&args[1]))))
}

pub(super) fn contains<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let found = memchr::memmem::find(text(&args[0]).as_bytes(), text(&args[1]).as_bytes());
    Ok(Value::Bool(found.is_some()))
}
