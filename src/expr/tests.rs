//! Tests of the language as a whole: a text goes in, a value or a message comes out.

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

#[test]
fn literals() {
    check("1", "1");
    check("1.50", "1.5");
    check(".5", "0.5");
    check("5.", "5");
    check("1e3", "1000");
    check("123456789012345678901234567890.5", "123456789012345678901234567890.5");
    check("'it''s'", "'it's'");
    check("''", "''");
    check("TRUE", "true");
    check("false", "false");
    check("Null", "null");
}

#[test]
fn fields() {
    check("n", "5");
    check("x", "2.50");
    check("data.user.id", "7");
    check("data . user . id", "7");
    check("items[0].sku", "'abc'");
    check("\"a.b\".c", "'dotted'");
    check("\"odd name\"", "'odd'");
    check("\"end\" + 1", "10");
    check("missing", "refused: no field `missing`");
    let expr = parse_value("n + x * n", &mut json()).unwrap();
    assert_eq!(expr.fields(), [0, 1]);
    assert_eq!(expr.to_string(), "n + x * n");
    assert_eq!(parse_value(" (n) ", &mut json()).unwrap().as_field(), Some(0));
    assert_eq!(expr.as_field(), None);
}

#[test]
fn precedence() {
    check("1 + 2 * 3", "7");
    check("(1 + 2) * 3", "9");
    check("10 - 4 - 3", "3");
    check("100 / 10 / 5", "2");
    check("-2 * 3", "-6");
    check("- -2", "2");
    check("2 - -3", "5");
    check("-n + 1", "-4");
    check("+n", "5");
    check("7 % 4 * 2", "6");
    check("'a' || 'b' || 'c' = 'abc'", "true");
    check("1 || 2 = '12'", "true");
    check("TRUE OR FALSE AND FALSE", "true");
    check("(TRUE OR FALSE) AND FALSE", "false");
    check("NOT FALSE AND FALSE", "false");
    check("NOT (FALSE AND FALSE)", "true");
    check("NOT 1 = 2", "true");
    check("NOT NOT TRUE", "true");
    check("1 + 1 = 2 AND 2 * 2 = 4", "true");
    check("1 = 2 IS FALSE", "true");
    check("NOT NULL IS NULL", "false");
    check("n IN (5) = TRUE", "refused: comparisons cannot be chained");
    check("n IS NULL = FALSE", "true");
    check("n BETWEEN 1 + 1 AND 2 * 3 AND TRUE", "true");
    check("NOT n BETWEEN 1 AND 2", "true");
    check("'5'::integer + 1", "6");
    check("-'5'::integer", "-5");
    check("1 + n::text", "refused: `+` wants a number, and this is text");
    check("n::text || 'x'", "'5x'");
    check("n::text::integer", "5");
    check("2 * 3 % 4", "2");
    check("2 + 3 || 'x'", "'5x'");
}

#[test]
fn arithmetic() {
    check("0.1 + 0.2", "0.3");
    check("0.1 + 0.2 = 0.3", "true");
    check("5 / 2", "2.5");
    check("6 / 3", "2");
    check("1 / 3", "0.3333333333333333");
    check("-7 % 3", "-1");
    check("5.5 % 2", "1.5");
    check("n / zero", "! `n / zero`: division by zero");
    check("n % zero", "! `n % zero`: division by zero");
    check("1 + n / zero", "! `n / zero`: division by zero");
    check("n / nil", "null");
    check("nil / zero", "null");
    check("s + 1", "! `s + 1`: a number is wanted, not the text 'Hello'");
    check("digits + 1", "! `digits + 1`: a number is wanted, not the text '12'");
    check("t + 1", "! `t + 1`: a number is wanted, not true");
    check("obj + 1", "! `obj + 1`: a number is wanted, not an object");
    check("big + 1", "! `big + 1`: the number 1e400 is out of range");
    check("-s", "! `-s`: a number is wanted, not the text 'Hello'");
    check("-nil", "null");
    check("nil + n", "null");
    check("nil + s", "! `nil + s`: a number is wanted, not the text 'Hello'");
    check("s + nil", "! `s + nil`: a number is wanted, not the text 'Hello'");
    check("1e308 * 10", "refused: the result is out of range");
    check("1 / 0", "refused: division by zero");
    check("1e999", "refused: the number `1e999` is out of range");
}

#[test]
fn comparisons() {
    check("n = 5 AND n == 5.0 AND n <> 6 AND n != 6", "true");
    check("n < 5", "false");
    check("n <= 5", "true");
    check("n > 4.999999999999999999999", "true");
    check("5 < n", "false");
    check("4 < n", "true");
    check("x = 2.5", "true");
    check("n > x", "true");
    check("big > 1", "true");
    check("big > 1e300", "true");
    check("big = big", "true");
    check("s = 'Hello'", "true");
    check("'Hello' = s", "true");
    check("s < 'I'", "true");
    check("s > 'hello'", "false");
    check("t > f", "true");
    check("t = TRUE", "true");
    check("n = nil", "null");
    check("nil = NULL", "null");
    check("s = 5", "! `s = 5`: cannot compare the text 'Hello' with the number 5");
    check("n = 'a'", "! `n = 'a'`: cannot compare the number 5 with the text 'a'");
    check("t = 1", "! `t = 1`: cannot compare true with the number 1");
    check("obj = 1", "! `obj = 1`: cannot compare an object with the number 1");
    check("obj = obj", "! `obj = obj`: cannot compare an object with an object");
    check("1 = 'a'", "refused: cannot compare a number with text");
    check("n IS DISTINCT FROM 5", "false");
    check("n IS DISTINCT FROM nil", "true");
    check("nil IS DISTINCT FROM NULL", "false");
    check("nil IS NOT DISTINCT FROM NULL", "true");
    check("n IS NOT DISTINCT FROM 5", "true");
}

/// Small numbers take a shorter way than others, to the same result.
#[test]
fn small_numbers_compute_like_all_others() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let number = |random: &mut fastrand::Rng| {
        let bits = random.u32(1..60);
        let digits = random.u64(..1 << bits).to_string();
        let digits = &digits[..digits.len().min(18)];
        let point = random.usize(..=digits.len());
        let sign = if random.bool() { "-" } else { "" };
        match point {
            0 => format!("{sign}0.{digits}"),
            point if point == digits.len() => format!("{sign}{digits}"),
            point => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        }
    };
    for _ in 0..20_000 {
        let (a, b) = (number(&mut random), number(&mut random));
        let written = |text: &str| Value::Written(String::leak(text.to_owned()));
        let op = ["+", "-", "*", "/", "%"][random.usize(..5)];
        let (x, y) = (Number::parse(&a).unwrap(), Number::parse(&b).unwrap());
        let expected = match op {
            "+" => x.add(&y),
            "-" => x.sub(&y),
            "*" => x.mul(&y),
            "/" => x.div(&y),
            _ => x.rem(&y),
        };
        let expected =
            expected.map_or(format!("! `a {op} b`: division by zero"), |n| show(Ok(Value::Number(n))));
        let mut record = json();
        record.fields = vec![("a", written(&a)), ("b", written(&b))];
        let expr = parse_value(&format!("a {op} b"), &mut record).unwrap();
        assert_eq!(show(expr.eval(&record)), expected, "{a} {op} {b}, seed {seed}");
        if let Some((mantissa, scale)) = expr.eval_short(&record) {
            let short = Number::Decimal { mantissa: mantissa.into(), scale };
            assert_eq!(show(Ok(Value::Number(short))), expected, "{a} {op} {b}, seed {seed}");
        }
        let expr = parse("a + 0 < b", &mut record).unwrap();
        assert_eq!(expr.is_true(&record), Ok(x.compare(&y).is_lt()), "{a} < {b}, seed {seed}");
        let expr = parse(&format!("a < {b}"), &mut record).unwrap();
        assert_eq!(expr.is_true(&record), Ok(x.compare(&y).is_lt()), "{a} < {b}, seed {seed}");
    }
}

#[test]
fn three_valued_logic() {
    let values = [("TRUE", Some(true)), ("FALSE", Some(false)), ("NULL", None)];
    let text = |truth: Option<bool>| truth.map_or("null".to_owned(), |truth| truth.to_string());
    for (a, a_truth) in values {
        // Once with constants and once with fields, which are not computed beforehand.
        let fields = |name: &str| match name {
            "TRUE" => "t",
            "FALSE" => "f",
            _ => "nil",
        };
        for (b, b_truth) in values {
            let and = match (a_truth, b_truth) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
            let or = match (a_truth, b_truth) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            let equal = a_truth.zip(b_truth).map(|(a, b)| a == b);
            for (a, b) in [(a, b), (fields(a), fields(b)), (a, fields(b)), (fields(a), b)] {
                check(&format!("{a} AND {b}"), &text(and));
                check(&format!("{a} OR {b}"), &text(or));
                check(&format!("{a} = {b}"), &text(equal));
                check(&format!("NOT ({a} AND {b})"), &text(and.map(|truth| !truth)));
                check(&format!("{a} IS DISTINCT FROM {b}"), &(a_truth != b_truth).to_string());
            }
        }
        for a in [a, fields(a)] {
            check(&format!("NOT {a}"), &text(a_truth.map(|truth| !truth)));
            check(&format!("{a} IS NULL"), &a_truth.is_none().to_string());
            check(&format!("{a} IS UNKNOWN"), &a_truth.is_none().to_string());
            check(&format!("{a} IS NOT NULL"), &a_truth.is_some().to_string());
            check(&format!("{a} IS TRUE"), &(a_truth == Some(true)).to_string());
            check(&format!("{a} IS NOT TRUE"), &(a_truth != Some(true)).to_string());
            check(&format!("{a} IS FALSE"), &(a_truth == Some(false)).to_string());
            check(&format!("{a} IS NOT FALSE"), &(a_truth != Some(false)).to_string());
        }
    }
}

#[test]
fn evaluation_is_lazy() {
    check("zero <> 0 AND n / zero > 1", "false");
    check("zero = 0 OR n / zero > 1", "true");
    check("nil AND n / zero > 1", "! `n / zero`: division by zero");
    check("n / zero > 1 AND zero <> 0", "! `n / zero`: division by zero");
    check("CASE WHEN zero = 0 THEN 0 ELSE n / zero END", "0");
    check("coalesce(n, n / zero)", "5");
    check("coalesce(nil, n / zero)", "! `n / zero`: division by zero");
    check("s IS NOT NULL OR s > 1", "true");
}

#[test]
fn lists_and_ranges() {
    check("n IN (1, 5)", "true");
    check("n IN (1, 2)", "false");
    check("n NOT IN (1, 2)", "true");
    check("n IN (1, NULL)", "null");
    check("n IN (5, NULL)", "true");
    check("n NOT IN (1, NULL)", "null");
    check("nil IN (1, 2)", "null");
    check("nil IN ('a')", "null");
    check("s IN ('a', 'Hello', 'z')", "true");
    check("s NOT IN ('a', 'z')", "true");
    check("s IN (1)", "! `s IN (1)`: cannot compare the text 'Hello' with the number 1");
    check("n IN ('a')", "! `n IN ('a')`: text is wanted, not the number 5 (::text makes text of it)");
    check("n IN (x * 2, 7)", "true");
    check("3 IN (1, 2, 3)", "true");
    check("n BETWEEN 5 AND 6", "true");
    check("n NOT BETWEEN 5 AND 6", "false");
    check("n BETWEEN 6 AND 5", "false");
    check("n BETWEEN nil AND 4", "false");
    check("n BETWEEN nil AND 6", "null");
    check("n * 2 BETWEEN 9 AND 11", "true");
    check("nil BETWEEN 1 AND 2", "null");
    check("s BETWEEN 'A' AND 'Z'", "true");
    check("3 BETWEEN 1 AND 5", "true");
}

#[test]
fn patterns() {
    check("s LIKE 'He%'", "true");
    check("s NOT LIKE 'He%'", "false");
    check("s LIKE 'he%'", "false");
    check("s ILIKE 'he%'", "true");
    check("s LIKE '_ell_'", "true");
    check("s || '%' LIKE '%!%' ESCAPE '!'", "true");
    check("s LIKE nil", "null");
    check("nil LIKE '%'", "null");
    check("s LIKE s", "true");
    check("n LIKE '5'", "! `n LIKE '5'`: text is wanted, not the number 5 (::text makes text of it)");
    check("n::text LIKE '5'", "true");
    check("'abc' LIKE 'a%'", "true");
    check("regexp_match(s, '^H.*o$')", "true");
    check("regexp_match(s, '(?i)hELLO')", "true");
    check("regexp_match(s, nil)", "null");
    check("regexp_match(nil, 'a')", "null");
    check("regexp_match(s, s)", "true");
    check("NOT regexp_match(s, 'x')", "true");
    check("regexp_match('abc', 'b')", "true");
    check("regexp_extract(s, 'l+')", "'ll'");
    check("regexp_extract(s, 'H(e)(x)?', 1)", "'e'");
    check("regexp_extract(s, 'H(e)(x)?', 2)", "null");
    check("regexp_extract(s, 'x')", "null");
    check("regexp_extract(s, 'l', n)", "! `regexp_extract(s, 'l', n)`: the pattern has no such group");
    check("regexp_extract(lower(s), 'h.')", "'he'");
}

#[test]
fn case_and_friends() {
    check("CASE WHEN n > 3 THEN 'high' ELSE 'low' END", "'high'");
    check("CASE WHEN nil THEN 1 END", "null");
    check("case n when 4 then 'four' when 5 then 'five' end", "'five'");
    check("CASE nil WHEN nil THEN 1 ELSE 2 END", "2");
    check("CASE 1 WHEN 1 THEN 'a' END || 'b'", "'ab'");
    check("CASE WHEN t THEN TRUE ELSE FALSE END AND t", "true");
    check("coalesce(nil, NULL, x)", "2.50");
    check("COALESCE(nil, NULL)", "null");
    check("nullif(n, 5)", "null");
    check("nullif(n, 6)", "5");
    check("nullif(n, nil)", "5");
    check("nullif(nil, 1)", "null");
    check("greatest(n, x, 3)", "5");
    check("least(n, x, 3)", "2.50");
    check("greatest(n, nil)", "null");
    check("greatest('a', 'b')", "'b'");
    check("greatest(n, s)", "! `greatest(n, s)`: cannot compare the text 'Hello' with the number 5");
}

#[test]
fn casts() {
    check("CAST('12' AS integer)", "12");
    check("'12.5'::integer", "13");
    check("-2.5::integer", "-3");
    check("' 12 '::int", "12");
    check("t::integer", "1");
    check("9223372036854775808::bigint", "refused: cannot cast the number 9223372036854775808 to integer");
    check("s::integer", "! `s::integer`: cannot cast the text 'Hello' to integer");
    check("obj::integer", "! `obj::integer`: cannot cast an object to integer");
    check("obj::text", "'{\"a\":1}'");
    check("x::text", "'2.50'");
    check("t::varchar", "'true'");
    check("'1e2'::double precision", "100");
    check("'0.1'::double + 0.2::double", "0.30000000000000004");
    check("(1 / 3)::decimal", "0.3333333333333333");
    check("2.345::decimal(10, 2)", "2.35");
    check("12345::numeric(4, 2)", "refused: cannot cast the number 12345 to decimal(4, 2)");
    check("99.999::decimal(4, 2)", "refused: cannot cast the number 99.999 to decimal(4, 2)");
    check("99.99::decimal(4, 2)", "99.99");
    check("'yes'::boolean", "true");
    check("'Off'::bool", "false");
    check("zero::boolean", "false");
    check("s::boolean", "! `s::boolean`: cannot cast the text 'Hello' to boolean");
    check("TRY_CAST(s AS integer)", "null");
    check("try_cast(digits AS integer)", "12");
    check("TRY_CAST(n / zero AS integer)", "! `n / zero`: division by zero");
    check("nil::integer", "null");
    check("big::double", "! `big::double`: cannot cast the number 1e400 to double");
    check("1e300::decimal", "refused: cannot cast the number 1e300 to decimal");
}

#[test]
fn text_functions() {
    check("lower(s)", "'hello'");
    check("UPPER(s)", "'HELLO'");
    check("lower('ÄÖ') || upper('straße')", "'äöSTRASSE'");
    check("length(s)", "5");
    check("char_length('äöü')", "3");
    check("substr(s, 2)", "'ello'");
    check("substr(s, 2, 3)", "'ell'");
    check("substr(s, 0, 2)", "'H'");
    check("substr(s, -1, 3)", "'H'");
    check("substr(s, 9, 3)", "''");
    check("substr(s, 3, 0)", "''");
    check("substr(s, 2, 9223372036854775807)", "'ello'");
    check("substr(s, -9223372036854775807, 3)", "''");
    check("substr(s, 2, 0 - n)", "! `substr(s, 2, 0 - n)`: the count is negative");
    check("substring(s FROM 2 FOR 3)", "'ell'");
    check("substring(s FOR 2)", "'He'");
    check("substring(s FROM 4)", "'lo'");
    check("substring('äöü', 2, 1)", "'ö'");
    check("substr(s, x)", "! `substr(s, x)`: a whole number is wanted, not 2.5");
    check("split_part('a,b,c', ',', 2)", "'b'");
    check("split_part('a,b,c', ',', -1)", "'c'");
    check("split_part('a,b,c', ',', 4)", "''");
    check("split_part('abc', '', 1)", "'abc'");
    check(
        "split_part(s, 'l', n - 5)",
        "! `split_part(s, 'l', n - 5)`: pieces count from 1, or from -1 at the end",
    );
    check("split_part(s, 'l', 1)", "'He'");
    check("replace(s, 'l', 'L')", "'HeLLo'");
    check("replace(s, '', 'x')", "'Hello'");
    check("concat(s, n, t, x)", "'Hello5true2.50'");
    check("concat(s, nil)", "null");
    check("concat(1, 2, 3, 4, 5, 6)", "'123456'");
    check("concat(s, obj)", "! `concat(s, obj)`: text is wanted, not an object (::text makes text of it)");
    check("s || n || x", "'Hello52.50'");
    check("s || nil", "null");
    check("s || obj", "! `s || obj`: text is wanted, not an object (::text makes text of it)");
    check("trim('  a ')", "'a'");
    check("trim('xxaxx', 'x')", "'a'");
    check("ltrim('  a ')", "'a '");
    check("rtrim('  a ')", "'  a'");
    check("trim('xx', 'x')", "''");
    check("starts_with(s, 'He')", "true");
    check("ends_with(s, 'lo')", "true");
    check("contains(s, 'ell') AND NOT contains(s, 'xyz')", "true");
    check("contains(s, '')", "true");
    check("lower(nil)", "null");
    check("lower(n)", "! `lower(n)`: text is wanted, not the number 5 (::text makes text of it)");
}

#[test]
fn numeric_functions() {
    check("abs(-2.5)", "2.5");
    check("round(2.5)", "3");
    check("round(-2.5)", "-3");
    check("round(2.345, 2)", "2.35");
    check("round(1234, -2)", "1200");
    check("floor(-1.5)", "-2");
    check("ceil(-1.5)", "-1");
    check("ceiling(1.2)", "2");
    check("mod(7, 4)", "3");
    check("mod(n, zero)", "! `mod(n, zero)`: division by zero");
    check("power(2, 10)", "1024");
    check("pow(2, -1)", "0.5");
    check("power(zero, -1)", "! `power(zero, -1)`: zero has no negative powers");
    check("power(-8, 0.5)", "refused: a negative number has no fractional powers");
    check("power(10, 400)", "refused: the result is out of range");
    check("sqrt(16)", "4");
    check("sqrt(-n)", "! `sqrt(-n)`: a negative number has no square root");
    check("exp(0)", "1");
    check("ln(1)", "0");
    check("log10(1000)", "3");
    check("ln(zero)", "! `ln(zero)`: only a number above zero has a logarithm");
    check("sign(-2) + sign(0) * 10 + sign(0.5) * 100", "99");
    check("abs(nil)", "null");
    check("abs(s)", "! `abs(s)`: a number is wanted, not the text 'Hello'");
    check("round(s, 2)", "! `round(s, 2)`: a number is wanted, not the text 'Hello'");
}

#[test]
fn times() {
    check("year(event_time())", "2026");
    check("month(event_time())", "7");
    check("day(event_time())", "5");
    check("hour(event_time())", "23");
    check("hour(event_time)", "23");
    check("minute(event_time())", "30");
    check("second(event_time())", "15");
    check("quarter(event_time())", "3");
    check("dow(event_time())", "0");
    check("isodow(event_time())", "7");
    check("doy(event_time())", "186");
    check("week(event_time())", "27");
    check("epoch(event_time())", "1783294215.25");
    check("hour(event_time(), 'Europe/Berlin')", "1");
    check("day(event_time(), '+02:00')", "6");
    check("extract(hour FROM event_time())", "23");
    check("EXTRACT(HOUR FROM event_time)", "23");
    check("extract(hour FROM event_time() AT TIME ZONE 'Europe/Berlin')", "1");
    check("date_part('hour', event_time())", "23");
    check("date_part('hour', event_time(), 'UTC')", "23");
    check("hour(ts)", "11");
    check("hour(ts, 'Europe/Berlin')", "12");
    check("year(\"event_time\")", "2020");
    check("hour(nil)", "null");
    check(
        "hour(n)",
        "! `hour(n)`: event_time() or text such as 2026-01-31T12:00:00Z is wanted, not the number 5",
    );
    check("hour(s)", "! `hour(s)`: 'Hello' is not a time such as 2026-01-31T12:00:00Z");
    check("year('2026-01-31')", "2026");
}

#[test]
fn csv_fields_have_no_type() {
    check_csv("n", "~5");
    check_csv("n = 5", "true");
    check_csv("plus = 5", "true");
    check_csv("n = '5'", "true");
    check_csv("n = '5.0'", "false");
    check_csv("n = plus", "true");
    check_csv("nine < ten", "true");
    check_csv("nine < '10'", "false");
    check_csv("ten < s", "true");
    check_csv("s < ten", "false");
    check_csv("s > 5", "true");
    check_csv("s < 5", "false");
    check_csv("s = 5", "false");
    check_csv("s <> 5", "true");
    check_csv("5 < s", "true");
    check_csv("s < z", "true");
    check_csv("s = 'web'", "true");
    check_csv("huge > 1e300", "true");
    check_csv("huge < s", "true");
    check_csv("n + 1", "6");
    check_csv("n * x", "12.5");
    check_csv("s + 1", "! `s + 1`: a number is wanted, and 'web' is none");
    check_csv("huge + 1", "! `huge + 1`: a number is wanted, and '1e400' is none");
    check_csv("n || s", "'5web'");
    check_csv("lower(s) = 'web' AND length(n) = 1", "true");
    check_csv("t AND NOT f", "true");
    check_csv("t = TRUE", "true");
    check_csv("TRUE > f", "true");
    check_csv("s = TRUE", "! `s = TRUE`: cannot compare the text 'web' with true");
    check_csv("s AND TRUE", "! `s`: true or false is wanted, not the text 'web'");
    check_csv("n IN (1, 5)", "true");
    check_csv("s IN (1, 5)", "false");
    check_csv("n IN ('5')", "true");
    check_csv("s IN (5, 'web')", "true");
    check_csv("n BETWEEN 1 AND 10", "true");
    check_csv("ten BETWEEN 9 AND 11", "true");
    check_csv("n LIKE '5%'", "true");
    check_csv("greatest(nine, ten)", "~10");
    check_csv("coalesce(nil, n) + 1", "6");
    check_csv("n::text", "'5'");
    check_csv("n::integer / 2", "2.5");
    check_csv("s::integer", "! `s::integer`: cannot cast the text 'web' to integer");
    check_csv("substr(s, n - 3)", "'eb'");
    check_csv("nil = 1", "null");
    let mut record = csv();
    assert_eq!(parse("t", &mut record).unwrap().is_true(&record), Ok(true));
    assert_eq!(parse("f", &mut record).unwrap().is_true(&record), Ok(false));
    assert_eq!(parse("nil", &mut record).unwrap().is_true(&record), Ok(false));
    assert!(parse("s", &mut record).unwrap().is_true(&record).is_err());
}

#[test]
fn syntax_errors_mark_the_place() {
    fails("", "", "expected a value, found the end");
    fails("   ", "", "expected a value, found the end");
    fails("n >", "", "expected a value, found the end");
    fails("n = = 3", "=", "expected a value, found `=`");
    fails("n > 3 garbage", "garbage", "unexpected `garbage` after the expression");
    fails("n > 3 adn t", "adn", "did you mean `AND`?");
    fails("n && t", "&&", "write AND");
    fails("!t", "!", "write NOT");
    fails("t || f", "t || f", "conditions are joined with OR");
    fails("(n > 3", "(", "not closed");
    fails("n > 3)", ")", "no bracket is open");
    fails("lower(s", "(", "not closed");
    fails("s = 'abc", "'", "no closing quote");
    fails("1 < n < 3", "<", "join them with AND");
    fails("n IN ()", "()", "empty");
    fails("n IN 5", "5", "in parentheses");
    fails("n IS 5", "5", "compared with `=`");
    fails("n IS DISTINCT 5", "5", "FROM");
    fails("n NOT 5", "5", "IN, BETWEEN, LIKE");
    fails("n BETWEEN 1", "", "upper bound");
    fails("n = NOT t", "NOT", "in parentheses");
    fails("s LIKE 'a' ESCAPE 'ab'", "'ab'", "one character");
    fails("s LIKE 'a!' ESCAPE '!'", "'a!'", "ends with the escape");
    fails("end > 3", "end", "a field of that name is written \"end\"");
    fails("CASE WHEN t THEN 1", "CASE", "no END");
    fails("CASE t END", "END", "WHEN");
    fails("CASE WHEN t 1 END", "1", "THEN");
    fails("CAST(n AS integr)", "integr", "did you mean `integer`?");
    fails("n::uuid = 1", "uuid", "the types are");
    fails("n::varchar(5) = 'a'", "(", "no length");
    fails("n::decimal(99) = 1", "(99)", "36 digits");
    fails("CAST(n, integer)", ",", "AS and a type");
    fails("data.0 = 1", "0", "items[0]");
    fails("items[x].sku = ''", "x", "number of an element");
    fails("items[-1].sku = ''", "-", "number of an element");
    fails("(SELECT 1)", "SELECT", "queries");
    fails("n AS five", "AS", "--by and --agg");
    fails("n, t", ",", "one expression");
    fails("t;", ";", "one expression");
    fails("(n, t)", ",", "after IN");
    fails("5m > 3", "5m", "double quotes");
}

#[test]
fn names_and_types_are_checked_beforehand() {
    fails("n > 0 AND lenght(s) > 3", "lenght", "unknown function `lenght`; did you mean `length`?");
    fails("frobnicate(s)", "frobnicate", "unknown function `frobnicate`");
    fails("count(*) > 3", "count", "aggregates go in --agg");
    fails("SUM(n) > 3", "SUM", "`SUM` is an aggregate");
    fails("count(distinct n) > 3", "count", "aggregates go in --agg");
    fails("lower(5) = 'a'", "5", "text is written in single quotes: '5'");
    fails("lower(n + 1) = 'a'", "n + 1", "`::text`");
    fails("'a' + 1 = 2", "'a'", "text is joined with `||`");
    fails("'a' - 1 = 2", "'a'", "`-` wants a number, and this is text");
    fails("5", "5", "wants a condition, and this is a number");
    fails("'a'", "'a'", "wants a condition, and this is text");
    fails("n + 1", "n + 1", "such as `bytes > 0`");
    fails("t AND 5", "5", "AND wants a condition");
    fails("NOT 'a'", "'a'", "NOT wants a condition");
    fails("(n > 3) = 1", "(n > 3) = 1", "cannot compare true or false with a number");
    fails("'a' IN (1)", "1", "cannot compare text with a number");
    fails("1 BETWEEN 'a' AND 2", "'a'", "cannot compare a number with text");
    fails("length() > 3", "length()", "`length` takes 1 argument, not none; write length(text)");
    fails("length(s, s) > 3", "length(s, s)", "not 2");
    fails("substr(s) = ''", "substr(s)", "takes 2 to 3 arguments, not 1");
    fails("concat() = ''", "concat()", "at least 1 argument");
    fails("substr(s, 1.5) = ''", "1.5", "a whole number is wanted");
    fails("lower(*) = ''", "*", "does not take `*`");
    fails("coalesce(1, 'a') = 1", "'a'", "results before it are a number");
    fails("CASE WHEN t THEN 1 ELSE 'a' END = 1", "'a'", "this is text");
    fails("CASE n WHEN t THEN 1 END", "CASE n WHEN t THEN 1 END", "wants a condition");
    fails("CASE 1 WHEN 'a' THEN t END", "'a'", "cannot compare");
    fails("'x'::integer = 1", "'x'::integer", "cannot cast the text 'x' to integer");
    fails("n > 1 / 0", "1 / 0", "division by zero");
    fails("regexp_match(s, '(')", "'('", "unclosed group");
    fails("regexp_extract(s, 'a', 1) = ''", "1", "no such group");
    fails("regexp_match(s, 5)", "5", "wants text");
    fails("hour(event_time(), 'Europe/Berln') = 1", "'Europe/Berln'", "did you mean `Europe/Berlin`?");
    fails("hour(event_time(), s) = 1", "s", "single quotes");
    fails("epoch(event_time(), 'UTC') = 1", "'UTC'", "same in all zones");
    fails("hour() = 1", "hour()", "takes 1 to 2 arguments");
    fails("extract(huor FROM event_time()) = 1", "huor", "did you mean `hour`?");
    fails("extract(hour event_time()) = 1", "event_time", "expected FROM");
    fails("date_part(s, event_time()) = 1", "s", "named by text");
    fails("event_time() > 5", "event_time()", "hour(event_time())");
    fails("event_time()", "event_time()", "a condition");
    fails("event_time() IS NULL", "event_time()", "hour(event_time())");
    fails("lower(event_time()) = ''", "event_time()", "hour(event_time())");
    fails("coalesce(event_time()) = 1", "event_time()", "hour(event_time())");
    fails("hour(5) = 5", "5", "wants text");
    fails("s = \"web\"", "\"web\"", "text goes in single quotes: 'web'");
    fails("leng(s) = 1 OR missing = 2", "leng", "did you mean");
    let mut rows = Record { event_time: false, ..json() };
    let text = "hour(event_time()) = 1";
    refused(text, parse(text, &mut rows), "event_time()", "window_start");
    let mut open = Record { any_name: true, ..json() };
    for text in ["s = \"web\"", "s IN ('a', \"web\")", "s LIKE \"web\"", "lower(s) <> \"web\""] {
        refused(text, parse(text, &mut open), "\"web\"", "text goes in single quotes: 'web'");
    }
    assert!(parse("\"web\" = s AND \"a\" = \"b\" AND \"n\" = 5", &mut open).is_ok());
}

#[test]
fn errors_are_shown_with_the_place() {
    let error = parse("n >= 500 AND lenght(s) > 3", &mut json()).unwrap_err().in_option("--where");
    assert_eq!(
        error.to_string(),
        "--where: unknown function `lenght`; did you mean `length`?\n  | n >= 500 AND lenght(s) > 3\n  |              ^^^^^^"
    );
}

#[test]
fn order() {
    let order =
        |text| parse_order(text, &mut json()).map(|(expr, descending)| (expr.to_string(), descending));
    assert_eq!(order("n"), Ok(("n".to_owned(), true)));
    assert_eq!(order("n + x asc"), Ok(("n + x".to_owned(), false)));
    assert_eq!(order("n DESC"), Ok(("n".to_owned(), true)));
    refused("n ASC, x", parse_order("n ASC, x", &mut json()), ",", "one expression");
    refused("n up", parse_order("n up", &mut json()), "up", "unexpected");
}

#[test]
fn keys() {
    let check = |text: &str, expected: &[(&str, &str)]| {
        let mut record = json();
        let keys = parse_keys(text, &mut record).unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<(String, String)> =
            keys.iter().map(|key| (key.name.clone(), show(key.expr.eval(&record)))).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(found, expected, "{text}");
    };
    check("s", &[("s", "'Hello'")]);
    check("s, n", &[("s", "'Hello'"), ("n", "5")]);
    check("data.user.id", &[("data.user.id", "7")]);
    check("\"odd name\"", &[("odd name", "'odd'")]);
    check("\"a.b\".c", &[("\"a.b\".c", "'dotted'")]);
    check("end", &[("end", "9")]);
    check("lower(s) AS host, n", &[("host", "'hello'"), ("n", "5")]);
    check("concat(s, ',', n) as \"a b\"", &[("a b", "'Hello,5'")]);
    check("CAST(n AS text) || ' as x' AS v", &[("v", "'5 as x'")]);
    check("hour(event_time()) AS hour", &[("hour", "23")]);
    check("s AS t", &[("t", "'Hello'")]);
    let fails = |text: &str, marked: &str, message: &str| {
        refused(text, parse_keys(text, &mut json()), marked, message)
    };
    fails("lower(s)", "lower(s)", "needs a name: `lower(s) AS name`");
    fails("n, lower(s)", "lower(s)", "needs a name");
    fails("lower(s) AS", "", "a name after AS");
    fails("lower(s) AS a b", "b", "unexpected `b` after the name");
    fails("lower(s) AS user-id", "-", "unexpected");
    fails("lowr(s) AS x", "lowr", "did you mean `lower`?");
    fails("event_time() AS x", "event_time()", "hour(event_time())");
    fails("nn", "nn", "no field `nn`");
}

#[test]
fn paths_without_expressions() {
    assert_eq!(parse_path("@timestamp").unwrap().text, "@timestamp");
    assert_eq!(parse_path(" user-id ").unwrap().text, "user-id");
    assert_eq!(parse_paths("a, b.c").unwrap().len(), 2);
    refused("a,b", parse_path("a,b"), ",", "one field");
    refused("", parse_path(""), "", "missing");
    refused("lower(a)", parse_path("lower(a)"), "(", "not an expression");
}

#[test]
fn aggregates() {
    let check = |text: &str, expected: &[(&str, usize, &str)]| {
        let calls = parse_aggregates(text, &mut json()).unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<(String, usize, String)> = (calls.iter())
            .map(|call| {
                let params: Vec<Value<'_>> = call.params.iter().map(|p| Value::Number(p.clone())).collect();
                let params: Vec<_> = params.iter().map(ops::as_text).collect();
                assert_eq!(call.text, text[call.span.clone()]);
                (call.name.clone(), call.args.len(), params.join(" "))
            })
            .collect();
        let found: Vec<(&str, usize, &str)> = found.iter().map(|(a, b, c)| (&**a, *b, &**c)).collect();
        assert_eq!(found, expected, "{text}");
    };
    check("count(*)", &[("count", 0, "")]);
    check("COUNT( * ), SUM(n)", &[("count", 0, ""), ("sum_n", 1, "")]);
    check("count(n) AS c", &[("c", 1, "")]);
    check("count(distinct s)", &[("count_distinct_s", 1, "")]);
    check("count(1)", &[("count_1", 1, "")]);
    check("sum(data.user.id)", &[("sum_data_user_id", 1, "")]);
    check("min(items[0].sku)", &[("min_items_0_sku", 1, "")]);
    check("p99(n), p99.9(n)", &[("p99_n", 1, "0.99"), ("p99.9_n", 1, "0.999")]);
    check("percentile(n, 0.95)", &[("percentile_n", 1, "0.95")]);
    check("percentile(n, 1 - 0.05) AS \"95 %\"", &[("95 %", 1, "0.95")]);
    check("arg_min(s, n)", &[("arg_min_s", 2, "")]);
    check("topk(s, 3)", &[("topk_s", 1, "3")]);
    check("histogram(n, 1, 2, 5)", &[("histogram_n", 1, "1 2 5")]);
    check("rate(*)", &[("rate", 0, "")]);
    check("sum(n * 8 + x)", &[("sum_n_8_x", 1, "")]);
    check("count(lower(s))", &[("count_lower_s", 1, "")]);
    check("sum(\"odd name\")", &[("sum_odd name", 1, "")]);
    check("sum(\"a.b\".c)", &[("sum_a_b_c", 1, "")]);
    check("count(*) FILTER (WHERE n > 3) AS big, count(*)", &[("big", 0, ""), ("count", 0, "")]);
    check("sum(n) filter(where s = 'a,b')", &[("sum_n", 1, "")]);
    let calls = parse_aggregates("sum(n) FILTER (WHERE n / zero > 1)", &mut json()).unwrap();
    let filter = calls[0].filter.as_ref().unwrap();
    assert_eq!(filter.is_true(&json()), Err("`n / zero`: division by zero".to_owned()));

    let fails = |text: &str, marked: &str, message: &str| {
        refused(text, parse_aggregates(text, &mut json()), marked, message)
    };
    fails("", "", "such as count(*)");
    fails("count", "", "write count(*)");
    fails("count()", "count()", "no argument");
    fails("cuont(*)", "cuont", "did you mean `count`?");
    fails("lower(s)", "lower", "single values");
    fails("bytes", "bytes", "unknown aggregate");
    fails("sum(*)", "sum(*)", "write sum(x)");
    fails("sum(distinct n)", "sum", "does not take DISTINCT");
    fails("count(distinct *)", "*", "expected a value");
    fails("arg_min(n)", "arg_min(n)", "arg_min(x, by)");
    fails("percentile(n)", "percentile(n)", "percentile(x, q)");
    fails("percentile(n, n)", "n", "constant number");
    fails("percentile(n, 'a')", "'a'", "wants a number");
    fails("percentile(n, 2)", "2", "percentile(x, q)");
    fails("sum(n, 2)", "2", "sum(x)");
    fails("count(n, x)", "x", "constant number");
    fails("sum('a')", "'a'", "wants a number");
    fails("max(n > 3)", "n > 3", "number or text");
    fails("sum(n", "(", "not closed");
    fails("sum(n) total", "total", "a name follows AS");
    fails("sum(n) FILTER n > 3", "n", "FILTER (WHERE condition)");
    fails("sum(n) FILTER (n > 3)", "n", "expected WHERE");
    fails("sum(n) FILTER (WHERE n)  AS", "", "a name after AS");
    fails("sum(n) FILTER (WHERE 5)", "5", "wants a condition");
    fails("sum(n),", "", "such as count(*)");
    fails("sum(max(n))", "max", "is an aggregate");
    fails("sum(event_time())", "event_time()", "hour(event_time())");
    fails("p101(n)", "p101", "unknown aggregate");
    fails("sum(n) sum(x)", "sum", "a name follows AS");
    fails("sum(n) FILTER (WHERE hour(event_time()) > 99", "(", "not closed");
}

#[test]
fn keywords_as_plain_words() {
    let mut open = Record { any_name: true, ..json() };
    for text in [
        "from = 1",
        "filter = 1",
        "distinct = 1",
        "year > 2000",
        "hour = 1",
        "asc = 1",
        "date = 'x'",
        "@timestamp = 'x'",
        "a$b = 1",
        "größe = 1",
    ] {
        assert!(parse(text, &mut open).is_ok(), "{text}");
    }
}

/// Deep nesting of every kind is refused or computed, on a thread with the usual stack of two MiB.
#[test]
fn deep_nesting_is_refused() {
    let worker = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let deep = |open: &str, close: &str| format!("{}n{}", open.repeat(100_000), close.repeat(100_000));
        let nested = [
            deep("(", ")"),
            deep("- ", ""),
            deep("NOT ", ""),
            deep("abs(", ")"),
            deep("CASE WHEN t THEN ", " END"),
            deep("", "::text"),
            deep("", " IS NULL"),
            deep("", " + 1"),
            deep("1 BETWEEN 0 AND ", ""),
        ];
        for text in &nested {
            let error = parse_value(text, &mut json()).unwrap_err();
            assert!(
                error.message.contains("nested more than") || error.message.contains("chained"),
                "{}",
                error.message
            );
        }
        // What is just within the limit runs, in every shape.
        let shapes = [
            ("(", ")"),
            ("- ", ""),
            ("abs(", ")"),
            ("coalesce(n, ", ")"),
            ("CASE WHEN t THEN ", " END"),
            ("", " + 1"),
            ("1 + (", ")"),
        ];
        for (open, close) in shapes {
            let text = format!("{}n{}", open.repeat(198), close.repeat(198));
            match parse_value(&text, &mut json()) {
                Ok(expr) => assert!(expr.eval(&json()).is_ok()),
                Err(error) => assert!(error.message.contains("nested more than"), "{}", error.message),
            }
        }
        let text = format!(
            "{}x BETWEEN 1 AND 9{}",
            "(".repeat(60),
            ") IS NOT NULL BETWEEN FALSE AND TRUE".repeat(60)
        );
        assert!(parse(&text, &mut json()).is_ok(), "nested BETWEEN takes linear time");
        let long = vec!["n = 5"; 20_000].join(" AND ");
        assert_eq!(parse(&long, &mut json()).unwrap().is_true(&json()), Ok(true));
        let long = vec!["s"; 20_000].join(" || ");
        assert!(parse_value(&long, &mut json()).unwrap().eval(&json()).is_ok());
    });
    worker.unwrap().join().unwrap();
}

/// Whatever stands in an option, it is refused or runs; nothing panics.
#[test]
fn token_soup_never_panics() {
    const PIECES: &[&str] = &[
        "n",
        "x",
        "s",
        "t",
        "nil",
        "\"odd name\"",
        "1",
        "0",
        "2.5",
        "-1",
        "1e400",
        "'a'",
        "''",
        "'%'",
        "TRUE",
        "NULL",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "/",
        "%",
        "||",
        "=",
        "<>",
        "<",
        ">=",
        "::",
        "integer",
        "text",
        "decimal(5,2)",
        "boolean",
        "AND",
        "OR",
        "NOT",
        "IN",
        "(1, 2)",
        "BETWEEN",
        "LIKE",
        "ESCAPE",
        "'!'",
        "IS",
        "DISTINCT",
        "FROM",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "CAST(",
        "AS",
        "lower(",
        "substr(",
        "coalesce(",
        "nullif(",
        "greatest(",
        "round(",
        "regexp_match(",
        "regexp_extract(",
        "hour(",
        "event_time()",
        "extract(",
        "hour",
        "count(",
        "sum(",
        "p99.9(",
        "percentile(",
        "FILTER",
        "(WHERE",
        "DISTINCT",
        "[",
        "0]",
        ".",
        "ä",
        "é(",
        "@",
        "$",
        "!",
        "&&",
        "|",
        ";",
        "\"",
        "'",
        " ",
        "\u{0}",
        "\u{202e}",
        "items[0].sku",
        "data.user.id",
        "-9223372036854775808",
        "power(10, 300)",
        "split_part(",
        "5m",
        "~",
    ];
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut taken = 0;
    for _ in 0..60_000 {
        let count = random.usize(1..14);
        let glue = if random.u8(..) < 200 { " " } else { "" };
        let pieces: Vec<&str> = (0..count).map(|_| PIECES[random.usize(..PIECES.len())]).collect();
        let text = pieces.join(glue);
        let mut record = if random.bool() { json() } else { csv() };
        record.any_name = random.bool();
        let mut spans = Vec::new();
        match parse(&text, &mut record) {
            Ok(expr) => {
                taken += 1;
                let _ = expr.is_true(&record);
            }
            Err(error) => spans.push(error),
        }
        match parse_value(&text, &mut record) {
            Ok(expr) => {
                let _ = expr.eval(&record);
                let _ = expr.is_true(&record);
            }
            Err(error) => spans.push(error),
        }
        spans.extend(parse_order(&text, &mut record).err());
        spans.extend(parse_keys(&text, &mut record).err());
        spans.extend(parse_paths(&text).err());
        spans.extend(parse_path(&text).err());
        spans.extend(parse_aggregates(&text, &mut record).err());
        for error in spans {
            assert!(text.get(error.span.clone()).is_some(), "{text:?}: {error:?}, seed {seed}");
            let _ = error.to_string();
        }
    }
    assert!(taken > 50, "the soup should hold some expressions: {taken}");
}
