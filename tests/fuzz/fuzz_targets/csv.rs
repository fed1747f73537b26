//! The CSV scanner against the csv crate: the same records, fields and values. And the reader of blocks, which
//! takes fields from an index of separators, against the scanner, with every kind of vectors.

#![no_main]

use libfuzzer_sys::fuzz_target;
use windrow::parse::batch::{Cell, Texts};
use windrow::parse::csv::block::{Block, Dialect, Reader};
use windrow::parse::csv::{Columns, Scanned, scan};
use windrow::parse::rows::{Flaw, Rows};
use windrow::parse::simd::Level;
use windrow::value::Value;

const WIDTH: usize = 8;

/// All records, by the scanner; `None` for a quote that is never closed.
fn ours(text: &str, delimiter: u8) -> Vec<Option<(usize, Vec<String>)>> {
    let columns = Columns::new(&(0..WIDTH).collect::<Vec<_>>());
    let mut texts = Texts { bytes: text.as_bytes().to_vec(), ..Texts::default() };
    let (mut at, mut records) = (0, Vec::new());
    while at < text.len() {
        if let Some(blank) = ["\n", "\r\n"].iter().find(|blank| text[at..].starts_with(**blank)) {
            at += blank.len();
            continue;
        }
        let mut cells = vec![Cell::NULL; WIDTH];
        let mut arena = std::mem::take(&mut texts.arena);
        let scanned = scan(&texts.bytes, at, delimiter, &columns, &mut cells, &mut arena);
        texts.arena = arena;
        let Scanned::Record { fields, end } = scanned else {
            records.push(None);
            break;
        };
        assert!(at < end && end <= text.len());
        let shown = cells.iter().take(fields).map(|cell| match texts.value(*cell) {
            Value::Untyped(text) => text.to_owned(),
            Value::Null => String::new(),
            other => panic!("{other:?} in CSV"),
        });
        records.push(Some((fields, shown.collect())));
        at = end;
    }
    records
}

fn theirs(text: &str, delimiter: u8) -> Vec<Option<(usize, Vec<String>)>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(text.as_bytes());
    let mut records = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).expect("valid UTF-8") {
        let end = reader.position().byte() as usize;
        let mut fields: Vec<String> = record.iter().map(str::to_owned).collect();
        // The reference keeps the CR of a CRLF line end.
        if text[..end].ends_with("\r\n")
            && let Some(last) = fields.last_mut()
            && last.ends_with('\r')
        {
            last.pop();
        }
        // A line that holds nothing but its end is blank to us.
        let from = record.position().map_or(0, |position| position.byte() as usize);
        if text[from..end].trim_start_matches('\n') != "\r\n" {
            let width = fields.len();
            fields.truncate(WIDTH);
            records.push(Some((width, fields)));
        }
    }
    records
}

type Read = Vec<((u32, u32), Result<Vec<String>, Flaw>)>;

fn values(cells: &[Cell], texts: &Texts) -> Vec<String> {
    cells.iter().map(|cell| format!("{:?}", texts.value(*cell))).collect()
}

/// The records of a chunk by the reader of blocks.
fn in_blocks(level: Level, dialect: Dialect<'_>, chunk: &[u8], fields: usize) -> Read {
    let (mut reader, mut rows) = (Reader::default(), Rows::new(fields));
    let mut texts = Texts { bytes: chunk.to_vec(), ..Texts::default() };
    let (mut from, mut all) = (0, Vec::new());
    while from < chunk.len() {
        rows.clear();
        let (rows_in, arena) = (&mut rows, &mut texts.arena);
        from = level.run(Block { reader: &mut reader, dialect, bytes: chunk, from, rows: rows_in, arena });
        for row in 0..rows.len() {
            let flaw = rows.flaws.iter().find(|(flawed, _)| *flawed as usize == row);
            let found = flaw.map_or_else(|| Ok(values(rows.cells(row), &texts)), |(_, flaw)| Err(*flaw));
            all.push((rows.spans[row], found));
        }
    }
    all
}

/// The same one by one, by the scanner.
fn one_by_one(dialect: Dialect<'_>, chunk: &[u8], fields: usize) -> Read {
    let mut texts = Texts { bytes: chunk.to_vec(), ..Texts::default() };
    let (mut at, mut all) = (0, Vec::new());
    while at < chunk.len() {
        if let Some(blank) = [&b"\n"[..], b"\r\n"].iter().find(|blank| chunk[at..].starts_with(blank)) {
            at += blank.len();
            continue;
        }
        let mut cells = vec![Cell::NULL; fields];
        let scanned = scan(chunk, at, dialect.delimiter, dialect.columns, &mut cells, &mut texts.arena);
        let (end, next) = match scanned {
            Scanned::OpenQuote => (chunk.len(), chunk.len()),
            Scanned::Record { end, .. } if chunk[end - 1] == b'\n' => (end - 1, end),
            Scanned::Record { end, .. } => (end, end),
        };
        let found = match (scanned, std::str::from_utf8(&chunk[at..end])) {
            (Scanned::OpenQuote, _) => Err(Flaw::OpenQuote),
            (_, Err(error)) => Err(Flaw::Utf8(error.valid_up_to())),
            (Scanned::Record { fields, .. }, _) if fields != dialect.width => Err(Flaw::Fields(fields)),
            _ => Ok(values(&cells, &texts)),
        };
        let cr = usize::from(end > at && chunk[end - 1] == b'\r');
        all.push(((at as u32, (end - cr) as u32), found));
        at = next;
    }
    all
}

fn check_blocks(choice: u8, delimiter: u8, chunk: &[u8]) {
    let width = usize::from(choice / 4 % 8) + 1;
    let places = [(0..width).collect(), vec![width - 1, 0, width - 1], vec![0], vec![]];
    let places: &Vec<usize> = &places[usize::from(choice / 32 % 4)];
    let columns = Columns::new(places);
    let dialect = Dialect { delimiter, columns: &columns, width };
    let expected = one_by_one(dialect, chunk, places.len());
    for level in [Level::detect(), Level::PORTABLE] {
        assert_eq!(in_blocks(level, dialect, chunk, places.len()), expected, "{level:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let delimiter = [b',', b'\t', b';', b' '][usize::from(choice % 4)];
    check_blocks(choice, delimiter, rest);
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut ours = ours(text, delimiter);
    let mut theirs = theirs(text, delimiter);
    if ours.last() == Some(&None) {
        // The reference closes an open quote at the end of the input by itself.
        ours.pop();
        theirs.truncate(ours.len());
    }
    assert_eq!(ours, theirs);
});
