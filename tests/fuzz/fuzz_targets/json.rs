//! The JSON scanners against serde_json: the same lines are records, and wanted fields hold the same values. And
//! the reader of blocks, which learns the layout of lines, against the general scanner, with every kind of vectors.

#![no_main]

#[path = "../reference/json.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;
use reference::{agrees, lines};
use windrow::expr::{FieldPath, parse_path};
use windrow::parse::batch::{Cell, Texts};
use windrow::parse::json::block::{Block, Reader};
use windrow::parse::json::{Scanner, Shape};
use windrow::parse::rows::{Flaw, Rows};
use windrow::parse::simd::Level;

const FIELDS: [&str; 9] = ["a", "a.b", "a.b.c", "b[0]", "b[1].a", "a.b[2]", "c", "\"a.b\"", "b"];

type Read = Vec<((u32, u32), Result<Vec<String>, Flaw>)>;

/// The records of a chunk by the reader of blocks.
fn in_blocks(level: Level, mut reader: Reader<'_>, chunk: &[u8]) -> Read {
    let mut rows = Rows::new(FIELDS.len());
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
    for level in Level::all() {
        for make in [Reader::new, Reader::without_templates] {
            assert_eq!(in_blocks(level, make(shape, level), &chunk), expected, "{level:?}");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let fields: Vec<FieldPath> = FIELDS.iter().map(|text| parse_path(text).expect("a path")).collect();
    let shape = Shape::new(&fields);
    check_blocks(&shape, data);
    let line = data.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if std::str::from_utf8(line).is_err() {
        // The scanner's caller has checked that.
        return;
    }
    let chunk = [line, b"\n{}"].concat();
    let mut scanner = Scanner::new(&shape);
    for ((start, end), line) in lines(&chunk) {
        let (mut cells, mut arena) = (vec![Cell::NULL; fields.len()], Vec::new());
        let scanned = scanner.scan(&chunk, start as usize, &mut cells, &mut arena);
        if let Ok(behind) = scanned {
            let cr = usize::from(chunk.get(end as usize) == Some(&b'\r'));
            assert_eq!(behind, (end as usize + cr + 1).min(chunk.len()));
        }
        let found = scanned.map(|_| &cells[..]).map_err(Flaw::Json);
        assert!(agrees(&line, found, &fields, &chunk, &arena), "{found:?}, where the reference has {line:?}");
    }
});
