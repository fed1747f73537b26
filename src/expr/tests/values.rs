//! What expressions give: operators, conditions, casts, CSV fields.

use super::*;

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
    check("n IN (9, 1.5, 7, 5.0, -3, 100)", "true");
    check("x IN (9, 1.5, 7, 5.0, -3, 2.5, 100)", "true");
    check("x NOT IN (9, 1.5, 7, 5.0, -3, 2.4, 100)", "true");
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
