//! What the functions give.

use super::*;

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
