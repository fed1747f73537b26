//! CSV by the csv crate: the records of a chunk, and whether the rows of a reader say the same. For comparisons
//! only.

use windrow::parse::batch::{Cell, field_value};
use windrow::parse::rows::Flaw;
use windrow::value::Value;

/// A record as the reference reads it.
#[derive(Debug)]
pub struct Record {
    /// Where it stands, without its line end.
    pub span: (u32, u32),
    /// Its fields, or why it is none to a source whose records have `width` fields.
    pub fields: Result<csv::ByteRecord, Flaw>,
}

/// All records of a chunk, which is cut at a record end or ends the input. Other than the reference, the readers know
/// of no byte order mark: whoever calls them has left it out.
pub fn records(chunk: &[u8], delimiter: u8, width: usize) -> Vec<Record> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(chunk);
    let mut all = Vec::new();
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).expect("memory can be read") {
        let from = record.position().map_or(0, |position| position.byte() as usize);
        let end = reader.position().byte() as usize;
        // The reference passes over line feeds before a record, but a CRLF on its own is one to it.
        let start = from + chunk[from..end].iter().take_while(|byte| **byte == b'\n').count();
        if &chunk[start..end] != b"\r\n" {
            all.push(checked(chunk, (start, end), delimiter, width, &record));
        }
    }
    all
}

fn checked(
    chunk: &[u8],
    (start, end): (usize, usize),
    delimiter: u8,
    width: usize,
    record: &csv::ByteRecord,
) -> Record {
    let text = &chunk[start..end];
    let is_open = end == chunk.len() && leaves_a_quote_open(text, delimiter);
    let line = if is_open { text } else { text.strip_suffix(b"\n").unwrap_or(text) };
    let cr = usize::from(line.ends_with(b"\r"));
    let span = (start as u32, (start + line.len() - cr) as u32);
    let fields = match std::str::from_utf8(line) {
        _ if is_open => Err(Flaw::OpenQuote),
        Err(error) => Err(Flaw::Utf8(error.valid_up_to())),
        Ok(_) if record.len() != width => Err(Flaw::Fields(record.len())),
        Ok(_) if text.ends_with(b"\r\n") => Ok(without_cr(record)),
        Ok(_) => Ok(record.clone()),
    };
    Record { span, fields }
}

/// The reference closes a quote that is open at the end of the input by itself.
fn leaves_a_quote_open(record: &[u8], delimiter: u8) -> bool {
    let (mut is_open, mut at_start) = (false, true);
    let mut bytes = record.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if is_open {
            is_open = byte != b'"' || bytes.next_if_eq(&b'"').is_some();
        } else {
            is_open = byte == b'"' && at_start;
            at_start = byte == delimiter;
        }
    }
    is_open
}

/// The reference takes the CR of a CRLF for text.
fn without_cr(record: &csv::ByteRecord) -> csv::ByteRecord {
    let last = record.len() - 1;
    record
        .iter()
        .enumerate()
        .map(|(n, field)| if n == last { field.strip_suffix(b"\r").unwrap_or(field) } else { field })
        .collect()
}

/// Whether what a reader found of a record is what the reference finds; cell i is of the column `places[i]`.
pub fn agrees(
    record: &Record,
    found: Result<&[Cell], Flaw>,
    places: &[usize],
    chunk: &[u8],
    arena: &[u8],
) -> bool {
    match (&record.fields, found) {
        (Ok(fields), Ok(cells)) => places.iter().zip(cells).all(|(place, cell)| {
            // The job's columns are in the header, which has as many as a record.
            match (field_value(chunk, arena, *cell), fields.get(*place)) {
                (Value::Null, Some(field)) => field.is_empty(),
                (Value::Untyped(text), Some(field)) => !field.is_empty() && text.as_bytes() == field,
                _ => false,
            }
        }),
        (Err(theirs), Err(ours)) => *theirs == ours,
        _ => false,
    }
}
