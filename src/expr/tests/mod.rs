//! Tests of the language as a whole: a text goes in, a value or a message comes out.

use crate::suggest::did_you_mean;
use std::borrow::Cow;

use super::*;
use crate::error::SyntaxError;
use crate::number::Number;
use crate::value::Value;

/// A scope and a row at once: fields by the text of their path.
struct Record {
    fields: Vec<(&'static str, Value<'static>)>,
    any_name: bool,
    event_time: bool,
}

impl Scope for Record {
    fn field(&mut self, path: &FieldPath) -> Result<usize, (String, Option<String>)> {
        let steps: Vec<String> = (path.steps.iter())
            .map(|step| match step {
                Step::Member(name) => name.clone(),
                Step::Index(index) => format!("[{index}]"),
            })
            .collect();
        let name = steps.join(".");
        if let Some(known) = self.fields.iter().position(|(known, _)| *known == name) {
            return Ok(known);
        }
        if self.any_name {
            self.fields.push(("(absent)", Value::Null));
            return Ok(self.fields.len() - 1);
        }
        let help = did_you_mean(&name, self.fields.iter().map(|(name, _)| *name));
        Err((format!("no field `{}`", path.text), help))
    }
    fn has_event_time(&self) -> bool {
        self.event_time
    }
    fn takes_any_name(&self) -> bool {
        self.any_name
    }
}

impl Row for Record {
    fn field(&self, number: usize) -> Value<'_> {
        self.fields[number].1.clone()
    }
    fn event_time(&self) -> i64 {
        // 2026-07-05T23:30:15.25Z, a Sunday.
        1_783_294_215_250_000
    }
}

/// A JSON record.
fn json() -> Record {
    let text = |text| Value::Text(Cow::Borrowed(text));
    let fields = vec![
        ("n", Value::Written("5")),
        ("x", Value::Written("2.50")),
        ("big", Value::Written("1e400")),
        ("zero", Value::Written("0")),
        ("s", text("Hello")),
        ("digits", text("12")),
        ("t", Value::Bool(true)),
        ("f", Value::Bool(false)),
        ("nil", Value::Null),
        ("obj", Value::Json(Cow::Borrowed("{\"a\":1}"))),
        ("ts", text("2026-01-31T12:30:00+01:00")),
        ("data.user.id", Value::Written("7")),
        ("items.[0].sku", text("abc")),
        ("a.b.c", text("dotted")),
        ("odd name", text("odd")),
        ("event_time", text("2020-01-01")),
        ("end", Value::Written("9")),
    ];
    Record { fields, any_name: false, event_time: true }
}

/// A CSV record: fields without type.
fn csv() -> Record {
    let fields = vec![
        ("n", Value::Untyped("5")),
        ("x", Value::Untyped("2.50")),
        ("nine", Value::Untyped("9")),
        ("ten", Value::Untyped("10")),
        ("plus", Value::Untyped("+5.0")),
        ("s", Value::Untyped("web")),
        ("z", Value::Untyped("zoo")),
        ("t", Value::Untyped("True")),
        ("f", Value::Untyped("false")),
        ("huge", Value::Untyped("1e400")),
        ("nil", Value::Null),
    ];
    Record { fields, any_name: false, event_time: true }
}

fn show(result: Result<Value<'_>, String>) -> String {
    match result {
        Err(reason) => format!("! {reason}"),
        Ok(Value::Null) => "null".to_owned(),
        Ok(Value::Text(text)) => format!("'{text}'"),
        Ok(Value::Untyped(text)) => format!("~{text}"),
        Ok(other) => ops::as_text(&other).into_owned(),
    }
}

fn run(mut record: Record, text: &str) -> String {
    match parse_value(text, &mut record) {
        Ok(expr) => show(expr.eval(&record)),
        Err(error) => format!("refused: {}", error.message),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(run(json(), text), expected, "{text}");
}

#[track_caller]
fn check_csv(text: &str, expected: &str) {
    assert_eq!(run(csv(), text), expected, "{text}");
}

/// The option is refused, this part of it marked, with a message (help included) that holds this.
#[track_caller]
fn refused<T>(text: &str, result: Result<T, SyntaxError>, marked: &str, message: &str) {
    let Err(error) = result else { panic!("{text} is taken") };
    let shown = error.to_string();
    assert_eq!(&text[error.span.clone()], marked, "{text}: {shown}");
    assert!(shown.contains(message), "{text}: {shown}");
    assert!(!error.message.ends_with('.') && !error.message.is_empty(), "{shown}");
}

#[track_caller]
fn fails(text: &str, marked: &str, message: &str) {
    refused(text, parse(text, &mut json()), marked, message);
}

mod functions;
mod hostile;
mod messages;
mod options;
mod values;
