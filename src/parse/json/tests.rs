//! The general scanner, case by case and against serde_json.

use super::{Fault, Scanner, Shape};
use crate::expr::{FieldPath, Step};
use crate::parse::batch::{Cell, Texts};

fn path(text: &str) -> FieldPath {
    let steps = text.split('.').map(|step| match step.parse() {
        Ok(index) => Step::Index(index),
        Err(_) => Step::Member(step.to_owned()),
    });
    FieldPath { steps: steps.collect(), text: text.to_owned() }
}

/// Scans one record for the fields and shows what they hold.
fn scan(record: &str, fields: &[&str]) -> Result<Vec<String>, Fault> {
    let fields: Vec<FieldPath> = fields.iter().map(|f| path(f)).collect();
    let shape = Shape::new(&fields);
    let mut cells = vec![Cell::NULL; fields.len()];
    let mut texts = Texts { bytes: record.as_bytes().to_vec(), ..Texts::default() };
    let mut arena = Vec::new();
    let end = Scanner::new(&shape).scan(&texts.bytes, 0, &mut cells, &mut arena)?;
    assert_eq!(end, record.len());
    texts.arena = arena;
    Ok(cells.iter().map(|cell| format!("{:?}", texts.value(*cell))).collect())
}

fn check(record: &str, field: &str, expected: &str) {
    assert_eq!(scan(record, &[field]).map(|cells| cells[0].clone()), Ok(expected.to_owned()), "{record}");
}

#[test]
fn finds_fields() {
    check(r#"{"a":1}"#, "a", r#"Written("1")"#);
    check("{ \"a\" :\t-1.5e+3 , \"b\":{}}\r\n", "a", r#"Written("-1.5e+3")"#);
    check(r#"{"b":[1,{"a":2}],"a":"x"}"#, "a", r#"Text("x")"#);
    check(r#"{"a":"q\"\u0062\ud83d\ude00\n"}"#, "a", r#"Text("q\"b😀\n")"#);
    check(r#"{"\u0061":true}"#, "a", "Bool(true)");
    check(r#"{"a":null,"a":1}"#, "a", "Null");
    check(r#"{"a":1,"a":2}"#, "a", r#"Written("1")"#);
    check(r#"{}"#, "a", "Null");
    check(r#"{"a":{"b":[10,{"c":7}]}}"#, "a.b.1.c", r#"Written("7")"#);
    check(r#"{"a":{"b":1},"a":{"c":2}}"#, "a.c", "Null");
    check(r#"{"a":{"b":1, "x": [] }}"#, "a", r#"Json("{\"b\":1, \"x\": [] }")"#);
    check(r#"{"a":5}"#, "a.b", "Null");
    check(r#"{"a":[]}"#, "a.0", "Null");
    check(r#"{"":3}"#, "", r#"Written("3")"#);
    let both = scan(r#"{"a":{"b":1}}"#, &["a", "a.b"]);
    assert_eq!(both, Ok(vec![r#"Json("{\"b\":1}")"#.into(), r#"Written("1")"#.into()]));
}

#[test]
fn refuses_what_is_no_record() {
    let bad = [
        "",
        "[]",
        "1",
        "{",
        "{}}",
        "{}{}",
        "{} x",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,}"#,
        r#"{"a":01}"#,
        r#"{"a":+1}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":1e}"#,
        r#"{"a":-}"#,
        r#"{"a":NaN}"#,
        r#"{"a":tru}"#,
        r#"{"a":"x}"#,
        "{\"a\":\"\t\"}",
        r#"{"a":"\x"}"#,
        r#"{a:1}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"a":"\u12g4"}"#,
        "{\"a\":\n1}",
        r#"{"b":[1,2}"#,
        r#"{"b":[1 2]}"#,
        r#"{"b":{"c" 1}}"#,
        r#"{"b":[,]}"#,
        r#"{"b":[1,]}"#,
        r#"{'a':1}"#,
        "{\"a\":1\u{0}}",
        "\u{feff}{}",
    ];
    for record in bad {
        assert_eq!(scan(record, &["a"]), Err(Fault::Malformed), "{record}");
    }
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(scan(&nested(128), &["a"]).is_ok());
    assert_eq!(scan(&nested(129), &["a"]), Err(Fault::TooDeep));
    assert_eq!(scan(&nested(1_000_000), &["x"]), Err(Fault::TooDeep));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(129), "}".repeat(129));
    assert_eq!(scan(&objects, &["a.a.a"]), Err(Fault::TooDeep));
}

/// serde_json is the reference: the same texts are refused, whatever one byte is changed.
#[test]
fn agrees_with_the_reference_on_mutations() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let samples = [
        r#"{"id":"c-1","ts":1625097600123,"page":"/a","n":[1,-2.5e3,{"k":null}],"ok":true}"#,
        r#"{"a":"x\"y\u00e9\\","b":{"c":{"d":[[],{}]}},"e":0.1,"a":false}"#,
    ];
    let alphabet = b"{}[]\",:\\u0123456789eE+-.truefalsnx \t\r/\x00\x1f";
    for round in 0..60_000 {
        let mut text = samples[round % samples.len()].as_bytes().to_vec();
        for _ in 0..random.usize(1..3) {
            let at = random.usize(0..text.len());
            let byte = alphabet[random.usize(0..alphabet.len())];
            match random.u8(0..3) {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
        }
        let text = String::from_utf8(text).expect("the alphabet is ASCII");
        let text = text.trim_start_matches([' ', '\t', '\r']);
        let reference = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
        let ours = scan(text, &["a", "b.c", "n.1"]);
        let beyond_double = matches!(&reference, Err(e) if e.to_string().contains("out of range"));
        assert!(ours.is_ok() == reference.is_ok() || beyond_double, "{text}: {ours:?} {reference:?}");
    }
}

/// Names that are alike as far as they are compared at once.
#[test]
fn long_names_are_told_apart() {
    let long = "fifteen letters";
    let names =
        [long, "fifteen letterz", "fifteen letters and", "fifteen letters or", "fifteen letter", "f", ""];
    let members: Vec<String> =
        names.iter().enumerate().map(|(n, name)| format!("\"{name}\":{n},\"{name}\":9")).collect();
    let record = format!("{{{}}}", members.join(","));
    let wanted: Vec<String> = (0..names.len()).map(|n| format!("Written(\"{n}\")")).collect();
    // A field without a name cannot be asked for.
    let asked = names.len() - 1;
    assert_eq!(scan(&record, &names[..asked]), Ok(wanted[..asked].to_vec()));
    check(&record, "fifteen letters an", "Null");
    check(&record, "fifteen letters and more", "Null");
    check(&record.replace("fifteen", "fifte\\u0065n"), long, r#"Written("0")"#);
}
