//! Single values as text: in CSV, and in tables and charts.

use crate::job::OutputFormat;
use crate::number::Number;
use crate::number::{has_below, has_byte, word_of};
use crate::value::Value;

/// What separates the cells of a row on its way to an aligned table or a chart.
pub const CELL_END: u8 = 0x1f;

/// A CSV header line.
pub fn csv_header(names: &[String], delimiter: u8) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, name) in names.iter().enumerate() {
        if n > 0 {
            out.push(delimiter);
        }
        write_csv_text(name.as_bytes(), delimiter, &mut out);
    }
    finish_csv_row(&mut out, 0, names.len());
    out
}

/// Writes a whole number.
pub(super) fn write_whole(number: u32, out: &mut Vec<u8>) {
    Number::from_int(i64::from(number)).write(out);
}

pub(super) fn end_cell(to: OutputFormat, out: &mut Vec<u8>) {
    match to {
        OutputFormat::Ndjson => {}
        OutputFormat::Csv { delimiter } => out.push(delimiter),
        OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => out.push(CELL_END),
    }
}

/// Writes a value as a CSV field: null as nothing, objects and arrays as their JSON text.
pub(super) fn write_csv_value(value: &Value<'_>, delimiter: u8, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Value::Written(text) => out.extend_from_slice(text.as_bytes()),
        Value::Number(number) => number.write(out),
        Value::Text(text) => write_csv_text(text.as_bytes(), delimiter, out),
        Value::Untyped(text) => write_csv_text(text.as_bytes(), delimiter, out),
        Value::Json(raw) => write_csv_text(raw.as_bytes(), delimiter, out),
    }
}

/// Writes text as a CSV field, quoted where it has to be.
pub(super) fn write_csv_text(bytes: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    if !needs_quotes(bytes, delimiter) {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for &byte in bytes {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Whether a short text with letters behind it surely needs no quotes. `false` says nothing.
#[inline(always)]
pub(super) fn is_plain_csv(text: u128, delimiter: u8) -> bool {
    let is_plain = |word| !has_below(word, b'"' + 1) & !has_byte(word, delimiter);
    is_plain(text as u64) & is_plain((text >> 64) as u64)
}

/// Whether text would not read as one field without quotes.
#[inline]
fn needs_quotes(bytes: &[u8], delimiter: u8) -> bool {
    let is_special = |word| [delimiter, b'"', b'\n', b'\r'].into_iter().any(|byte| has_byte(word, byte));
    match bytes.len() {
        // Zeros stand for bytes that are not there.
        0..8 if delimiter != 0 => is_special(word_of(bytes)),
        0..8 => bytes.iter().any(|byte| b"\0\"\n\r".contains(byte)),
        _ => {
            let (words, _) = bytes.as_chunks::<8>();
            let last = bytes.last_chunk::<8>();
            words.iter().chain(last).any(|word| is_special(u64::from_le_bytes(*word)))
        }
    }
}

/// Ends a CSV row. A row of one empty field would read as a blank line, so it is quoted.
pub(super) fn finish_csv_row(out: &mut Vec<u8>, row_start: usize, columns: usize) {
    if columns == 1 && out.len() == row_start {
        out.extend_from_slice(b"\"\"");
    }
    out.push(b'\n');
}

/// Writes a value for the aligned table: control characters escaped, null as nothing.
pub(super) fn write_table_value(value: &Value<'_>, out: &mut Vec<u8>) {
    let text = |text: &str, out: &mut Vec<u8>| {
        for c in text.chars() {
            if c.is_control() {
                out.extend(c.escape_default().map(|c| c as u8));
            } else {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    };
    match value {
        Value::Text(t) => text(t, out),
        Value::Untyped(t) => text(t, out),
        Value::Json(t) => text(t, out),
        other => write_csv_value(other, b',', out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_text_is_quoted_where_it_has_to_be() {
        for len in 0..40 {
            for at in 0..len {
                for byte in 0..=127_u8 {
                    for delimiter in [b',', b'\t', 0] {
                        let mut text = vec![b'x'; len];
                        text[at] = byte;
                        let special = byte == delimiter || b"\"\n\r".contains(&byte);
                        let mut out = Vec::new();
                        write_csv_text(&text, delimiter, &mut out);
                        assert_eq!(out.starts_with(b"\""), special, "{byte} at {at} of {len}");
                    }
                }
            }
        }
    }
}
