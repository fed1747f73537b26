//! Arbitrary text as an expression, key, aggregate or path: checked and evaluated without a panic, and every
//! mistake is marked inside the text.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use windrow::error::SyntaxError;
use windrow::expr::{self, Expr, FieldPath, Row, Scope};
use windrow::number::Number;
use windrow::value::Value;

/// Numbers fields as they come.
#[derive(Default)]
struct Fields {
    seen: Vec<FieldPath>,
    any: bool,
}

impl Scope for Fields {
    fn field(&mut self, path: &FieldPath) -> Result<usize, (String, Option<String>)> {
        if !self.any && path.text.len() > 3 {
            return Err(("there is no such field".to_owned(), None));
        }
        let known = self.seen.iter().position(|seen| seen.steps == path.steps);
        Ok(known.unwrap_or_else(|| {
            self.seen.push(path.clone());
            self.seen.len() - 1
        }))
    }

    fn has_event_time(&self) -> bool {
        self.any
    }

    fn takes_any_name(&self) -> bool {
        self.any
    }
}

/// A row in which neighbouring fields hold values of different kinds.
struct Values(usize);

impl Row for Values {
    fn field(&self, number: usize) -> Value<'_> {
        match (number + self.0) % 12 {
            0 => Value::Written("-12.50"),
            1 => Value::Text(Cow::Borrowed("a%_\\é\u{1b}")),
            2 => Value::Null,
            3 => Value::Untyped("1e308"),
            4 => Value::Bool(true),
            5 => Value::Json(Cow::Borrowed("{\"a\":[1,\"x\"]}")),
            6 => Value::Written("99999999999999999999999999999999999999e-20"),
            7 => Value::Number(Number::Decimal { mantissa: i128::MIN, scale: 18 }),
            8 => Value::Text(Cow::Borrowed("2021-07-01T00:00:00Z")),
            9 => Value::Untyped(""),
            10 => Value::Written("9223372036854775807"),
            _ => Value::Number(Number::Double(-1e-300)),
        }
    }

    fn event_time(&self) -> i64 {
        [0, -1, windrow::time::LIMIT - 1, 1 - windrow::time::LIMIT, 1_625_097_600_000_000][self.0 % 5]
    }
}

fn marked<T>(text: &str, parsed: Result<T, SyntaxError>) -> Option<T> {
    parsed
        .map_err(|error| {
            let span = error.span.clone();
            assert!(span.start <= span.end && span.end <= text.len(), "{span:?} in {} bytes", text.len());
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{span:?}");
            assert!(!error.message.is_empty() && !error.message.contains('\n'));
            let _ = error.to_string();
        })
        .ok()
}

fn evaluate(expr: &Expr) {
    for row in (0..12).map(Values) {
        let value = expr.eval(&row);
        let truth = expr.is_true(&row);
        match &value {
            Ok(Value::Bool(bool)) => assert_eq!(truth, Ok(*bool)),
            Ok(Value::Null) => assert_eq!(truth, Ok(false)),
            Ok(Value::Number(number)) => {
                let mut out = Vec::new();
                number.write(&mut out);
                assert!(Number::parse(std::str::from_utf8(&out).expect("ASCII")).is_some());
            }
            _ => {}
        }
        if let Some((mantissa, scale)) = expr.eval_short(&row) {
            let short = Number::Decimal { mantissa: i128::from(mantissa), scale };
            let number = value.expect("it has a short value").as_number().expect("which is a number");
            let text = |number: &Number| {
                let mut out = Vec::new();
                number.write(&mut out);
                out
            };
            assert_eq!(text(&number), text(&short));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let scope = || Fields { any: choice % 2 == 0, ..Fields::default() };
    for expr in [
        marked(text, expr::parse(text, &mut scope())),
        marked(text, expr::parse_value(text, &mut scope())),
        marked(text, expr::parse_order(text, &mut scope())).map(|(expr, _)| expr),
    ] {
        expr.iter().for_each(evaluate);
    }
    let keys = marked(text, expr::parse_keys(text, &mut scope()));
    keys.iter().flatten().for_each(|key| evaluate(&key.expr));
    let calls = marked(text, expr::parse_aggregates(text, &mut scope()));
    for call in calls.iter().flatten() {
        call.args.iter().chain(&call.filter).for_each(evaluate);
        assert!(text.get(call.span.clone()).is_some());
        let _ = (call.definition.make)(&[&call.params]);
    }
    marked(text, expr::parse_path(text));
    marked(text, expr::parse_paths(text));
});
