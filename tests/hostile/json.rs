//! Small NDJSON records that a careless reader gets wrong.

use crate::common::{Ended, account, feed};

fn run(input: &[u8], options: &[&str]) -> Ended {
    let input = input.to_vec();
    let args = [&["--window=1s", "--time=ts"], options].concat();
    feed(&args, move |out| out.write_all(&input))
}

/// Checks that the record on this line ends the run for this reason, and is one bad record of two with
/// `--bad skip`.
#[track_caller]
fn bad(record: &[u8], reason: &str) {
    let input = [b"{\"ts\":1}\n", record, b"\n"].concat();
    let place = format!("windrow: (standard input):2: {reason}");
    run(&input, &[]).code(1).says(&place);
    let skipped = run(&input, &["--bad=skip", "--stats=json"]).code(0);
    assert_eq!(account(&skipped), [2, 1, 0, 1]);
    skipped.rows(&[r#"{"window_start":1,"window_end":2,"count":1}"#]);
}

#[track_caller]
fn rows(input: &[u8], options: &[&str], rows: &[&str]) {
    run(input, options).code(0).silent().rows(rows);
}

#[test]
fn bytes_that_are_no_text() {
    bad(b"{\"ts\":1,\"a\":\"x\0y\"}", "not valid JSON: control character");
    bad(b"\0", "not a JSON object");
    bad(b"{\"ts\":1,\"a\":\"\xff\"}", "the record is not valid UTF-8 at byte 14");
    bad(b"{\"ts\":1,\"a\":\"\xc0\xaf\"}", "the record is not valid UTF-8 at byte 14");
    bad(b"{\"ts\":1,\"a\":\"\xed\xa0\x80\"}", "the record is not valid UTF-8 at byte 14");
    bad(b"{\"ts\":1,\"a\":\"\xf4\x90\x80\x80\"}", "the record is not valid UTF-8 at byte 14");
    bad(b"{\"ts\":1,\"\xff\":1}", "the record is not valid UTF-8 at byte 10");
    // A broken record does not spoil its neighbours.
    let input = b"{\"ts\":1}\n\xff\n{\"ts\":1}\n";
    rows(input, &["--bad=skip", "-q"], &[r#"{"window_start":1,"window_end":2,"count":2}"#]);
}

#[test]
fn halves_of_surrogate_pairs() {
    bad(br#"{"ts":1,"a":"\ud800"}"#, "not valid JSON: a \\u escape is half of a surrogate pair");
    bad(br#"{"ts":1,"a":"\udc00"}"#, "not valid JSON: a \\u escape is half of a surrogate pair");
    bad(br#"{"ts":1,"\ud800\ud800":1}"#, "not valid JSON: a \\u escape is half of a surrogate pair");
    rows(
        br#"{"ts":1,"a":"\ud83d\ude00"}"#,
        &["--by=a"],
        &["{\"window_start\":1,\"window_end\":2,\"a\":\"\u{1f600}\",\"count\":1}"],
    );
}

#[test]
fn byte_order_marks() {
    rows(b"\xef\xbb\xbf{\"ts\":1}\n", &[], &[r#"{"window_start":1,"window_end":2,"count":1}"#]);
    rows(b"\xef\xbb\xbf", &[], &[]);
    bad(b"\xef\xbb\xbf{\"ts\":2}", "not a JSON object");
    bad(b"\xff\xfe{\0}\0", "the record is not valid UTF-8 at byte 1");
}

#[test]
fn line_ends() {
    let one = [r#"{"window_start":1,"window_end":2,"count":1}"#];
    let two = [r#"{"window_start":1,"window_end":2,"count":2}"#];
    rows(b"{\"ts\":1}\r\n\r\n{\"ts\":1}\r\n", &[], &two);
    rows(b"{\"ts\":1}", &[], &one);
    rows(b"{\"ts\":1}\r", &[], &one);
    rows(b"\n\n \t\n\r\n{\"ts\":1}\n\n", &[], &one);
    rows(b"", &[], &[]);
    rows(b"\n\n\n", &[], &[]);
    bad(b"{\"ts\":1}\r{\"ts\":1}", "not valid JSON: trailing characters at column 10");
    run(b"{\"ts\":\n1}", &[]).code(1).says("(standard input):1: not valid JSON: EOF while parsing a value");
}

#[test]
fn numbers() {
    bad(b"{\"ts\":1,\"a\":NaN}", "not valid JSON");
    bad(b"{\"ts\":1,\"a\":-Infinity}", "not valid JSON: invalid number");
    bad(b"{\"ts\":1,\"a\":0x10}", "not valid JSON");
    bad(b"{\"ts\":1,\"a\":01}", "not valid JSON: invalid number");
    bad(b"{\"ts\":1,\"a\":1.}", "not valid JSON: invalid number");
    let sum = ["--agg=sum(a)"];
    run(b"{\"ts\":1,\"a\":1e400}", &sum)
        .code(1)
        .says("windrow: (standard input):1: sum(a): `1e400` is beyond the range of a double");
    rows(
        b"{\"ts\":1,\"a\":1e400}\n{\"ts\":1,\"a\":-0}\n{\"ts\":1,\"a\":0}",
        &["--by=a"],
        &[
            r#"{"window_start":1,"window_end":2,"a":-0,"count":1}"#,
            r#"{"window_start":1,"window_end":2,"a":0,"count":1}"#,
            r#"{"window_start":1,"window_end":2,"a":1e400,"count":1}"#,
        ],
    );
    let exact = b"{\"ts\":1,\"a\":0.1}\n{\"ts\":1,\"a\":0.2}\n{\"ts\":1,\"a\":9007199254740993}\n\
                  {\"ts\":1,\"a\":18446744073709551617}\n{\"ts\":1,\"a\":-0}";
    rows(exact, &sum, &[r#"{"window_start":1,"window_end":2,"sum_a":18455751272964292610.3}"#]);
}

#[test]
fn numbers_of_very_many_digits() {
    let digits = "7".repeat(100_000);
    let input = format!("{{\"ts\":1,\"a\":0.{digits}}}\n{{\"ts\":1,\"a\":1e-{digits}}}\n");
    let shown = run(input.as_bytes(), &["--agg=sum(a)"]).code(0).silent();
    assert_eq!(shown.stdout, "{\"window_start\":1,\"window_end\":2,\"sum_a\":0.7777777777777778}\n");
    bad(format!("{{\"ts\":{digits}}}").as_bytes(), "event time `ts`");
    bad(format!("{{\"ts\":1e{digits}}}").as_bytes(), "event time `ts`");
    let sum = format!("{{\"ts\":1,\"a\":{digits}}}\n");
    run(sum.as_bytes(), &["--agg=sum(a)"]).code(1).says("is beyond the range of a double");
    run(sum.as_bytes(), &["--where=a * a > 1"]).code(1).says("(standard input):1: ");
    let as_key = run(sum.as_bytes(), &["--by=a"]).code(0);
    assert!(as_key.stdout.contains(&format!("\"a\":{digits},")));
}

#[test]
fn repeated_members() {
    rows(
        br#"{"ts":1,"ts":"x","a":1,"\u0061":2,"b":{"c":3,"c":4},"b":{"c":5},"d":null,"d":6}"#,
        &["--by=a,b.c,d"],
        &[r#"{"window_start":1,"window_end":2,"a":1,"b.c":3,"d":null,"count":1}"#],
    );
}

#[test]
fn records_that_are_no_objects() {
    for record in ["[]", "1", "\"x\"", "null", "x", "}", "// x", "\u{feff}"] {
        bad(record.as_bytes(), "not a JSON object");
    }
    for record in
        ["{", "{]", "{\"ts\":1", "{\"ts\":1,}", "{ts:1}", "{\"ts\":1}{\"ts\":1}", "{\"ts\" 1}", "{'ts':1}"]
    {
        bad(record.as_bytes(), "not valid JSON: ");
    }
    bad(br#"{"ts":[1]}"#, "event time `ts`: the event time is an array");
    bad(br#"{"ts":null}"#, "no event time: field `ts` is absent or null");
}

#[test]
fn the_time_field_is_found_behind_useless_records() {
    let input = b"x\n\n{\"ts\":1}\n{\"timestamp\":2,\"ts\":1}\n";
    for chunk in ["--chunk-bytes=1", "--chunk-bytes=1000000"] {
        let args = ["--window=1s", "--bad=skip", "-q", chunk];
        let ended = feed(&args, move |out| out.write_all(input)).code(0).silent();
        ended.rows(&[r#"{"window_start":1,"window_end":2,"count":2}"#]);
        feed(&["--window=1s", chunk], move |out| out.write_all(input)).code(1).says("(standard input):1: ");
    }
}
