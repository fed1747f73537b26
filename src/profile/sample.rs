//! The first records, to see which fields there are. What was read of them is kept, to be read once more.
//!
//! How much that is goes by records and bytes, not by how the input arrives.

use std::collections::HashMap;

use super::Request;
use super::fields::{FIELDS_MAX, Fields, ROOT};
use super::formats::Formats;
use super::records::{Input, Reader, Seen};
use super::walk;
use crate::input::Chunk;
use crate::parse::batch::{Cell, field_value};
use crate::parse::json;

/// A sample ends with the record that makes it this long.
const RECORDS_MAX: u64 = 10_000;
const BYTES_MAX: u64 = 4 << 20;
/// So many inputs are opened for it at most: each keeps what was read of it in memory.
const INPUTS_MAX: usize = 64;

/// The fields of the first records, and the inputs that were opened for them, by rank. An input that cannot be read
/// is left for the pass over all records to tell of.
pub fn take(request: &Request, formats: Formats) -> (Fields, HashMap<usize, Input>) {
    let (mut fields, mut opened) = (Fields::new(Some(formats)), HashMap::new());
    let mut bytes = 0;
    for (rank, spec) in request.sources.iter().enumerate() {
        if rank == INPUTS_MAX || fields.records >= RECORDS_MAX || bytes >= BYTES_MAX {
            break;
        }
        let Ok(mut input) = Input::open(spec, &request.read) else { continue };
        fields.next_input();
        look(&mut input, &mut fields, &mut bytes, request.limit.unwrap_or(u64::MAX));
        opened.insert(rank, input);
    }
    (fields, opened)
}

/// Looks at the first records of an input.
fn look(input: &mut Input, fields: &mut Fields, bytes_seen: &mut u64, limit: u64) {
    let (lines, mut chunks, mut left) = (input.lines, Vec::new(), limit);
    let shape = json::Shape::new(&[]);
    let mut columns: Option<Columns> = None;
    let mut reader: Option<Reader<'_>> = None;
    while fields.records < RECORDS_MAX && *bytes_seen < BYTES_MAX && left > 0 {
        let Ok(chunk) = input.next(Vec::new()) else { break };
        if let (Chunk::Records { bytes, .. }, Some(names)) = (&chunk, &input.names) {
            let columns = columns.get_or_insert_with(|| Columns::new(names, fields));
            let places: Vec<usize> = (0..columns.numbers.len()).collect();
            let reader =
                reader.get_or_insert_with(|| Reader::new(input.format, (&shape, 0), (&places, names.len())));
            reader.each(bytes, |seen, _| {
                if let Seen::Record { text, cells, arena } = seen {
                    columns.record(fields, bytes, text, cells, arena);
                    *bytes_seen += text.len() as u64;
                    left -= 1;
                }
                fields.records < RECORDS_MAX && *bytes_seen < BYTES_MAX && left > 0
            });
        }
        let is_end = matches!(chunk, Chunk::End);
        chunks.push(chunk);
        if is_end {
            break;
        }
    }
    input.put_back(chunks, lines);
}

/// Which field each column of CSV is; none for NDJSON, whose records name theirs.
pub struct Columns {
    /// By column; `None` for those that are not looked at.
    pub numbers: Vec<Option<u32>>,
    is_json: bool,
}

impl Columns {
    /// The columns of these names, which the fields are made for. A name that comes twice is that of the first.
    pub fn new(names: &[String], fields: &mut Fields) -> Columns {
        let mut numbers = Vec::new();
        for (place, name) in names.iter().take(FIELDS_MAX).enumerate() {
            let number = fields.child(ROOT, name.as_bytes(), false);
            let repeats = names[..place].contains(name);
            if let Some(number) = number.filter(|_| repeats) {
                fields.all[number as usize].repeated = true;
            }
            numbers.push(number.filter(|_| !repeats));
        }
        Columns { numbers, is_json: names.is_empty() }
    }

    /// Notes all fields of a record; the first cells are those of the columns.
    #[inline]
    pub fn record(&self, fields: &mut Fields, bytes: &[u8], text: &[u8], cells: &[Cell], arena: &[u8]) {
        if self.is_json {
            // The reader has checked it.
            if let Ok(text) = std::str::from_utf8(text) {
                walk::record(fields, text);
            }
            return;
        }
        fields.records += 1;
        for (number, cell) in self.numbers.iter().zip(cells) {
            if let Some(number) = number {
                fields.value(*number, &field_value(bytes, arena, *cell));
            }
        }
    }
}
