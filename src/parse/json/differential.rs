//! The readers of blocks against serde_json: over lines laid out alike, a line changed in any way is a record
//! exactly if the reference takes it for one, with the same values, whatever was learnt before and however the
//! vectors are made.

use serde_json::value::RawValue;

use super::block::{Block, Reader};
use super::{Fault, Shape};
use crate::expr::{FieldPath, parse_path};
use crate::parse::batch::{Cell, CellKind};
use crate::parse::rows::{Flaw, Rows};
use crate::parse::simd::Level;

/// What a line is to a reader.
#[derive(Debug, Clone, PartialEq)]
enum Found {
    Record(Vec<String>),
    Flaw(Flaw),
}

/// Reads a chunk; blank lines leave nothing.
fn read(level: Level, fields: &[FieldPath], chunk: &[u8], templates: bool) -> (Vec<Found>, u64) {
    let shape = Shape::new(fields);
    let make = if templates { Reader::new } else { Reader::without_templates };
    let mut reader = make(&shape, level);
    let mut rows = Rows::new(fields.len());
    let (mut found, mut lines, mut from, mut arena) = (Vec::new(), 0, 0, Vec::new());
    while from < chunk.len() {
        rows.clear();
        let block = Block { reader: &mut reader, bytes: chunk, from, rows: &mut rows, arena: &mut arena };
        let next = level.run(block);
        assert!(next > from);
        from = next;
        lines += rows.lines;
        for row in 0..rows.len() {
            found.push(match rows.flaws.iter().find(|(flawed, _)| *flawed as usize == row) {
                Some((_, flaw)) => Found::Flaw(*flaw),
                None => {
                    Found::Record(rows.cells(row).iter().map(|cell| shown(*cell, chunk, &arena)).collect())
                }
            });
        }
    }
    (found, lines)
}

fn shown(cell: Cell, chunk: &[u8], arena: &[u8]) -> String {
    let text = || std::str::from_utf8(cell.text(chunk, arena)).expect("cells are UTF-8");
    match cell.kind {
        CellKind::Null => "null".to_owned(),
        CellKind::True => "true".to_owned(),
        CellKind::False => "false".to_owned(),
        CellKind::Number | CellKind::Json => text().to_owned(),
        CellKind::Text | CellKind::ArenaText => format!("{:?}", text()),
        other => panic!("{other:?} in JSON"),
    }
}

/// What a line is by the reference: serde_json walks the wanted paths over raw values.
fn expected(fields: &[FieldPath], line: &[u8]) -> Option<Found> {
    let space = line.iter().take_while(|byte| b" \t\r".contains(byte)).count();
    let line = &line[space..];
    if line.is_empty() {
        return None;
    }
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => return Some(Found::Flaw(Flaw::Utf8(error.valid_up_to()))),
    };
    let malformed = Found::Flaw(Flaw::Json(Fault::Malformed));
    // Every member and element is checked for lone surrogates, which the reference passes over in raw values.
    if !text.starts_with('{') || serde_json::from_str::<Strict>(text).is_err() {
        return Some(malformed);
    }
    let raw: &RawValue = serde_json::from_str(text).expect("it is JSON");
    Some(Found::Record(fields.iter().map(|field| member(raw, &field.steps)).collect()))
}

/// JSON in which all strings are read.
struct Strict;

impl<'de> serde::Deserialize<'de> for Strict {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Strict, D::Error> {
        struct Any;
        impl<'de> serde::de::Visitor<'de> for Any {
            type Value = Strict;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Strict, A::Error> {
                while list.next_element::<Strict>()?.is_some() {}
                Ok(Strict)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
                while map.next_entry::<Strict, Strict>()?.is_some() {}
                Ok(Strict)
            }
        }
        from.deserialize_any(Any)
    }
}

/// The members of an object, raw, in order.
struct Members<'j>(Vec<(String, &'j RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Members<'de>, D::Error> {
        struct All;
        impl<'de> serde::de::Visitor<'de> for All {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(member) = map.next_entry()? {
                    all.push(member);
                }
                Ok(Members(all))
            }
        }
        from.deserialize_map(All)
    }
}

/// The value at a path, as [`shown`] shows it; of repeated members the first counts.
fn member(raw: &RawValue, steps: &[crate::expr::Step]) -> String {
    use crate::expr::Step;
    let text = raw.get();
    let Some((step, rest)) = steps.split_first() else {
        return match text.as_bytes()[0] {
            b'"' => format!("{:?}", serde_json::from_str::<String>(text).expect("a string")),
            _ => text.to_owned(),
        };
    };
    let inner = match (step, text.as_bytes()[0]) {
        (Step::Member(name), b'{') => {
            let members: Members<'_> = serde_json::from_str(text).expect("an object");
            members.0.into_iter().find(|(member, _)| member == name).map(|(_, value)| value)
        }
        (Step::Index(index), b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).expect("an array");
            elements.get(*index).copied()
        }
        _ => None,
    };
    inner.map_or("null".to_owned(), |inner| member(inner, rest))
}

const SAMPLES: [&str; 8] = [
    r#"{"id":"0000000001-7476cf8a4baa5dc0","ts":1625097727579,"page":"/p/53","n":[1,{"k":null}],"ok":true,"b":1.50}"#,
    r#"{"id":"0000000002-7476cf8a4baa5dc1","ts":1625097727580,"page":"/p/54","n":[1,{"k":null}],"ok":false,"b":-2.5e3}"#,
    r#"{ "ts": 1625097727580, "d": { "id": "x", "u": { "id": 7 } }, "page": "", "b": 0, "ts": 3 }"#,
    r#"{"page":"C:\\dir\"\u00e9\ud83d\ude00","b":12345678901234567890.5,"ts":17,"id":null,"ok":null}"#,
    r#"{"page":"straße – 東京 und noch viel mehr Text, länger als ein Vektor","ts":1625097727580,"b":5,"é":1}"#,
    r#"{"b":0.123456789012345678901234567890123456789,"ts":1,"long name of a member that nobody wants":"y"}"#,
    "{\"b\" :\t1 , \"page\":\"x\",\"ts\":1}\r",
    "{}",
];
const FIELDS: [&str; 8] = ["id", "ts", "page", "b", "ok", "d.u.id", "n[1].k", "d.id"];

fn fields() -> Vec<FieldPath> {
    FIELDS.iter().map(|text| parse_path(text).expect("a path")).collect()
}

/// Compares both levels, with templates and without, with the reference, line by line.
fn check(fields: &[FieldPath], chunk: &[u8]) {
    let wanted: Vec<Found> =
        chunk.split(|byte| *byte == b'\n').filter_map(|line| expected(fields, line)).collect();
    for (level, templates) in Level::all().flat_map(|level| [(level, false), (level, true)]) {
        let (found, lines) = read(level, fields, chunk, templates);
        assert_eq!(lines, memchr::memchr_iter(b'\n', chunk).count() as u64);
        let by = format!("{level:?}, templates: {templates}");
        for (number, pair) in wanted.iter().zip(&found).enumerate() {
            // Numbers beyond a double are numbers all the same to us.
            if pair.0 != pair.1 && !beyond_double(chunk, number) {
                panic!("{by}, line {number}: {pair:?} in {:?}", String::from_utf8_lossy(chunk));
            }
        }
        assert_eq!(found.len(), wanted.len(), "{by}: {:?}", String::from_utf8_lossy(chunk));
    }
}

/// Whether the reference refuses the record with this number for its numbers' size.
fn beyond_double(chunk: &[u8], number: usize) -> bool {
    let is_blank = |line: &&[u8]| line.iter().all(|byte| b" \t\r".contains(byte));
    let mut lines = chunk.split(|byte| *byte == b'\n').filter(|line| !is_blank(line));
    let line = lines.nth(number).expect("there are as many lines");
    matches!(serde_json::from_slice::<Strict>(line), Err(error) if error.to_string().contains("out of range"))
}

/// Changes a few bytes of a line.
fn mutate(line: &mut Vec<u8>, random: &mut fastrand::Rng) {
    const ALPHABET: &[u8] = b"{}[]\",:\\u0123456789eE+-.truefalsnx \t\r/\x00\x1f\x7f\x80\xc3\xa9\xff";
    for _ in 0..random.usize(1..3) {
        if line.is_empty() {
            return;
        }
        let at = random.usize(0..line.len());
        let byte = ALPHABET[random.usize(0..ALPHABET.len())];
        match random.u8(0..5) {
            0 | 1 => line[at] = byte,
            2 => line.insert(at, byte),
            3 => drop(line.remove(at)),
            _ => line.truncate(at),
        }
    }
}

/// A million changed lines, in chunks of lines laid out alike, so that templates are learnt and most lines fit
/// until they are changed.
#[test]
fn a_million_mutations_read_as_the_reference_reads_them() {
    let fields = fields();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut chunk = Vec::new();
    let mut mutations = 0;
    while mutations < 1_000_000 {
        chunk.clear();
        let kinds = random.usize(1..=3);
        let first = random.usize(0..SAMPLES.len());
        for n in 0..64 {
            let mut line = SAMPLES[(first + n % kinds) % SAMPLES.len()].as_bytes().to_vec();
            if n >= 4 {
                mutate(&mut line, &mut random);
                line.retain(|byte| *byte != b'\n');
                mutations += 1;
            }
            chunk.extend_from_slice(&line);
            chunk.push(b'\n');
        }
        if random.bool() {
            chunk.pop();
        }
        check(&fields, &chunk);
    }
}

/// Values of every length, so that their ends and the end of the text fall on every place of a vector.
#[test]
fn every_length_and_every_end() {
    let fields = fields();
    for length in 0..=130 {
        let text = "x".repeat(length);
        let digits = "7".repeat(length.max(1));
        let line = format!("{{\"id\":\"{text}\",\"b\":{digits},\"page\":\"{text}\\n\",\"ts\":0.{digits}}}");
        let chunk = format!("{line}\n{line}\n\n{line}");
        check(&fields, chunk.as_bytes());
        for cut in chunk.len().saturating_sub(130)..chunk.len() {
            if length % 13 == 0 {
                check(&fields, &chunk.as_bytes()[..cut]);
            }
        }
    }
}

/// Members in any order, some missing or repeated, in records of thousands of lines: flat ones, and others.
#[test]
fn shuffled_members() {
    let flat = [
        r#""id":"a""#,
        r#""ts": 1"#,
        r#""page":"straße, {}: 1""#,
        r#""b":-1.25"#,
        r#""ok":true"#,
        r#""n":null"#,
        r#""x":false"#,
        r#""d":7"#,
        r#""long name of a member that nobody wants":"y""#,
        r#""b":8"#,
    ];
    let others = [
        r#""id":"a""#,
        r#""ts":1"#,
        r#""page":"\u0070""#,
        r#""b":1e3"#,
        r#""ok":true"#,
        r#""d":{"u":{"id":[]}}"#,
        r#""n":[{},{"k":"v"}]"#,
        r#""\u0074s":2"#,
        r#""x":[[],{"ts":9}]"#,
        r#""d":7"#,
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for (members, comma) in [(flat, ","), (flat, ", "), (others, ",")] {
        let mut chunk = String::new();
        for _ in 0..3_000 {
            let mut order = members;
            random.shuffle(&mut order);
            chunk.push_str(&format!("{{{}}}\n", order[..random.usize(0..order.len())].join(comma)));
        }
        check(&fields(), chunk.as_bytes());
    }
}

/// Names too long to be compared at once, with the same end.
#[test]
fn long_names_of_flat_records() {
    let names = ["user.session.page", "other.session.page", "session.page", "seventeen letters", "a"];
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let fields: Vec<FieldPath> = quoted[..4].iter().map(|name| parse_path(name).expect("a path")).collect();
    let mut random = fastrand::Rng::with_seed(8);
    let mut chunk = String::new();
    for _ in 0..2_000 {
        let members: Vec<String> =
            (0..random.usize(1..5)).map(|n| format!("{}:{n}", quoted[random.usize(..5)])).collect();
        chunk.push_str(&format!("{{{}}}\n", members.join(",")));
    }
    check(&fields, chunk.as_bytes());
}

#[test]
fn whole_objects_and_deep_ones() {
    let fields: Vec<FieldPath> =
        ["d", "d.u", "n", "n[0]"].iter().map(|text| parse_path(text).expect("a path")).collect();
    let line = r#"{"d":{"u":[1, 2],"v":{}},"n":[{"a":1},2]}"#;
    let other = r#"{"d":5,"n":[]}"#;
    check(&fields, format!("{line}\n{line}\n{other}\n{line}\n{other}\n").as_bytes());
    let nested = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    let (found, _) =
        read(Level::detect(), &fields, format!("{}\n{}\n", nested(128), nested(129)).as_bytes(), true);
    assert!(matches!(found[0], Found::Record(_)));
    assert_eq!(found[1], Found::Flaw(Flaw::Json(Fault::TooDeep)));
}
