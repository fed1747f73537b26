//! What is refused beforehand, which place is marked, and what is said.

use super::*;

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
    fails("s = 'a' 'b'", "'b'", "unexpected text 'b' after the expression");
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
    fails("frobnicate(s)", "frobnicate", "unknown function `frobnicate`; the functions are lower, upper");
    fails("if(t, 1, 2) = 1", "if", "write CASE WHEN condition THEN x ELSE y END");
    fails("len(s) > 3", "len", "write length(text)");
    fails("date_trunc('hour', ts) = ''", "date_trunc", "--window cuts time into pieces");
    fails("mean(n) > 3", "mean", "which goes in --agg, write avg(x)");
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
    fails("n-x = 'a'", "n-x = 'a'", "a number with text; \"n-x\" in double quotes names one field");
    fails("'a' = n-x-big", "'a' = n-x-big", "\"n-x-big\" in double quotes names one field");
    fails("n-x IN ('a')", "'a'", "\"n-x\" in double quotes names one field");
    fails("n-x LIKE 'a%'", "n-x", "\"n-x\" in double quotes names one field");
    fails("n - x = 'a'", "n - x = 'a'", "CAST or ::");
    fails("n-5 = 'a'", "n-5 = 'a'", "CAST or ::");
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
