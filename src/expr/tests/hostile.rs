//! Deep, long and senseless texts; small numbers against all others.

use super::*;

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

/// Workers share expressions, or take a clone each.
#[test]
fn expressions_go_to_threads() {
    fn check<T: Send + Sync + Clone>(_: &T) {}
    check(&parse("regexp_match(s, 'a') AND hour(event_time(), 'Europe/Berlin') = 1", &mut json()).unwrap());
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
