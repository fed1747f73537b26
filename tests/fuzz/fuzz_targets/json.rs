//! The JSON scanners against serde_json: the same lines are records, and wanted fields hold the same values. And
//! the reader of blocks, which learns the layout of lines, against the general scanner, with every kind of vectors.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use windrow::expr::{FieldPath, Step, parse_path};
use windrow::parse::batch::{Cell, Texts};
use windrow::parse::json::block::{Block, Reader};
use windrow::parse::json::{Scanner, Shape};
use windrow::parse::rows::{Flaw, Rows};
use windrow::parse::simd::Level;
use windrow::value::Value;

const FIELDS: [&str; 9] = ["a", "a.b", "a.b.c", "b[0]", "b[1].a", "a.b[2]", "c", "\"a.b\"", "b"];

/// JSON as the reference reads it, every member kept in its place.
#[derive(Debug, Clone, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Members(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Json, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }
            fn visit_unit<E: Error>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E: Error>(self, bool: bool) -> Result<Json, E> {
                Ok(Json::Bool(bool))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
                Ok(Json::Number(number as f64))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
                Ok(Json::Number(number as f64))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
                Ok(Json::Number(number))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
                Ok(Json::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
                let mut all = Vec::new();
                while let Some(element) = list.next_element()? {
                    all.push(element);
                }
                Ok(Json::List(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut all = Vec::new();
                while let Some(member) = map.next_entry()? {
                    all.push(member);
                }
                Ok(Json::Members(all))
            }
        }
        from.deserialize_any(Any)
    }
}

impl Json {
    /// What stands at a path; of repeated members the first counts.
    fn at(&self, steps: &[Step]) -> &Json {
        let Some((step, rest)) = steps.split_first() else { return self };
        let inner = match (self, step) {
            (Json::Members(all), Step::Member(name)) => all.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            (Json::List(all), Step::Index(index)) => all.get(*index),
            _ => None,
        };
        inner.map_or(&Json::Null, |inner| inner.at(rest))
    }
}

fn same(ours: &Value<'_>, theirs: &Json) -> bool {
    match (ours, theirs) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(a), Json::Bool(b)) => a == b,
        // The reference may be off by one in the last place.
        (Value::Written(text), Json::Number(b)) => {
            text.parse::<f64>().is_ok_and(|a| a == *b || ((a - b) / b).abs() < 1e-15)
        }
        (Value::Text(a), Json::Text(b)) => a == b,
        (Value::Json(raw), Json::List(_) | Json::Members(_)) => {
            serde_json::from_str::<Json>(raw).is_ok_and(|raw| raw == *theirs)
        }
        _ => false,
    }
}

type Read = Vec<((u32, u32), Result<Vec<String>, Flaw>)>;

/// The records of a chunk by the reader of blocks.
fn in_blocks(level: Level, shape: &Shape, chunk: &[u8]) -> Read {
    let (mut reader, mut rows) = (Reader::new(shape, level), Rows::new(FIELDS.len()));
    let mut texts = Texts { bytes: chunk.to_vec(), ..Texts::default() };
    let (mut from, mut all) = (0, Vec::new());
    while from < chunk.len() {
        rows.clear();
        let arena = &mut texts.arena;
        let block = Block { reader: &mut reader, bytes: chunk, from, rows: &mut rows, arena };
        from = level.run(block);
        for row in 0..rows.len() {
            let flaw = rows.flaws.iter().find(|(flawed, _)| *flawed as usize == row);
            let cells = || rows.cells(row).iter().map(|cell| format!("{:?}", texts.value(*cell))).collect();
            all.push((rows.spans[row], flaw.map_or_else(|| Ok(cells()), |(_, flaw)| Err(*flaw))));
        }
    }
    all
}

/// The same line by line, by the general scanner.
fn line_by_line(level: Level, shape: &Shape, chunk: &[u8]) -> Read {
    let mut scanner = Scanner::with_level(shape, level);
    let mut texts = Texts { bytes: chunk.to_vec(), ..Texts::default() };
    let (mut next, mut all) = (0, Vec::new());
    for line in chunk.split(|byte| *byte == b'\n') {
        let space = line.iter().take_while(|byte| b" \t\r".contains(byte)).count();
        let (start, end) = (next + space, next + line.len());
        next = end + 1;
        if start == end {
            continue;
        }
        let mut cells = [Cell::NULL; FIELDS.len()];
        let found = match std::str::from_utf8(&chunk[start..end]) {
            Err(error) => Err(Flaw::Utf8(error.valid_up_to())),
            Ok(_) => scanner.scan(chunk, start, &mut cells, &mut texts.arena).map_err(Flaw::Json),
        };
        let cr = usize::from(chunk[end - 1] == b'\r');
        let shown = found.map(|_| cells.iter().map(|cell| format!("{:?}", texts.value(*cell))).collect());
        all.push(((start as u32, (end - cr) as u32), shown));
    }
    all
}

/// Lines, the first of which is met often enough to be learnt from.
fn check_blocks(shape: &Shape, data: &[u8]) {
    let line = data.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
    let mut chunk = [line, line, data, line].concat();
    if !line.ends_with(b"\n") {
        chunk.extend_from_slice(b"\n{}");
    }
    let expected = line_by_line(Level::PORTABLE, shape, &chunk);
    assert_eq!(line_by_line(Level::detect(), shape, &chunk), expected);
    for level in [Level::detect(), Level::PORTABLE] {
        assert_eq!(in_blocks(level, shape, &chunk), expected, "{level:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let fields: Vec<FieldPath> = FIELDS.iter().map(|text| parse_path(text).expect("a path")).collect();
    let shape = Shape::new(&fields);
    check_blocks(&shape, data);
    let line = data.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return };
    let line = line.trim_start_matches([' ', '\t', '\r']);
    let mut scanner = Scanner::new(&shape);
    let mut cells = vec![Cell::NULL; fields.len()];
    let mut texts = Texts { bytes: format!("{line}\n{{}}").into_bytes(), ..Texts::default() };
    let scanned = scanner.scan(&texts.bytes, 0, &mut cells, &mut texts.arena);
    let theirs = serde_json::from_str::<Json>(line);
    let unlike = |error: &serde_json::Error| {
        // Numbers beyond a double are text to us, and the reference counts its depth otherwise.
        let text = error.to_string();
        text.contains("out of range") || text.contains("recursion limit")
    };
    match (scanned, theirs) {
        (Ok(end), Ok(theirs @ Json::Members(_))) => {
            assert_eq!(end, line.len() + 1);
            for (field, cell) in fields.iter().zip(cells) {
                let (ours, theirs) = (texts.value(cell), theirs.at(&field.steps));
                assert!(same(&ours, theirs), "{}: {ours:?} {theirs:?}", field.text);
            }
        }
        (_, Err(error)) if unlike(&error) => {}
        (Ok(_), theirs) => panic!("accepted, where the reference has {theirs:?}"),
        (Err(fault), Ok(Json::Members(_))) => panic!("refused for {fault:?}"),
        (Err(_), _) => {}
    }
});
