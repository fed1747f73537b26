//! Options made of expressions: --order-by, --by, --time, --id, --agg.

use super::*;

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
    check("min(items[0].sku)", &[("min_items_0__sku", 1, "")]);
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
    fails("bytes", "bytes", "unknown aggregate `bytes`; the aggregates are count, sum");
    fails("mean(n)", "mean", "unknown aggregate `mean`; write avg(x)");
    fails("nunique(n)", "nunique", "write count(DISTINCT x)");
    fails("count(*) AS n FILTER (WHERE t)", "FILTER", "FILTER comes before AS");
    fails("first(n, 2)", "2", "`first` takes no further parameters; write first(x)");
    fails("percentile(n, 95)", "95", "`percentile` wants a quantile between 0 and 1, such as 0.95");
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
    fails("p101(n)", "p101", "p0 to p100");
    fails("sum(n) sum(x)", "sum", "a name follows AS");
    fails("sum(n) FILTER (WHERE hour(event_time()) > 99", "(", "not closed");
}
