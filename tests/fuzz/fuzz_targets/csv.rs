//! The CSV scanner against the csv crate: the same records, fields and values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use windrow::parse::batch::{Cell, Texts};
use windrow::parse::csv::{Columns, Scanned, scan};
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

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let delimiter = [b',', b'\t', b';', b' '][usize::from(choice % 4)];
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
