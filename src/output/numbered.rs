//! `--row-id`: rows with their numbers, 1, 2, 3, ..., in a first column `row`.

use crate::job::OutputFormat;
use crate::output::cells::CELL_END;

/// The name of the column.
pub const COLUMN: &str = "row";

/// Numbers rows in the order in which they are written.
pub struct RowNumbers {
    format: OutputFormat,
    /// How many rows have been numbered.
    rows: u64,
    digits: itoa::Buffer,
}

impl RowNumbers {
    /// Numbers for rows of this format, behind so many rows.
    pub fn new(format: OutputFormat, rows: u64) -> RowNumbers {
        RowNumbers { format, rows, digits: itoa::Buffer::new() }
    }

    /// The names of the columns, that of the numbers first.
    pub fn columns(columns: &[String]) -> Vec<String> {
        std::iter::once(COLUMN.to_owned()).chain(columns.iter().cloned()).collect()
    }

    /// Appends the header, which may be empty.
    pub fn header(&self, header: &[u8], out: &mut Vec<u8>) {
        if let (OutputFormat::Csv { delimiter }, false) = (self.format, header.is_empty()) {
            out.extend_from_slice(COLUMN.as_bytes());
            out.push(delimiter);
        }
        out.extend_from_slice(header);
    }

    /// Appends a row with the next number.
    pub fn row(&mut self, row: &[u8], out: &mut Vec<u8>) {
        self.rows += 1;
        let number = self.digits.format(self.rows).as_bytes();
        match self.format {
            OutputFormat::Ndjson => {
                out.extend_from_slice(b"{\"row\":");
                out.extend_from_slice(number);
                // An object has a member at least, so that a comma is due.
                out.push(b',');
                out.extend_from_slice(&row[1..]);
            }
            OutputFormat::Csv { delimiter } => {
                out.extend_from_slice(number);
                out.push(delimiter);
                out.extend_from_slice(row);
            }
            OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => {
                out.extend_from_slice(number);
                out.push(CELL_END);
                out.extend_from_slice(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: OutputFormat, header: &str, row: &str, want: &str) {
        let mut numbers = RowNumbers::new(format, 41);
        let mut out = Vec::new();
        numbers.header(header.as_bytes(), &mut out);
        numbers.row(row.as_bytes(), &mut out);
        numbers.row(row.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn rows_are_numbered() {
        check(OutputFormat::Ndjson, "", "{\"a\":1}\n", "{\"row\":42,\"a\":1}\n{\"row\":43,\"a\":1}\n");
        check(OutputFormat::Csv { delimiter: b';' }, "a\n", "x\n", "row;a\n42;x\n43;x\n");
        check(OutputFormat::Table, "", "x\u{1f}", "42\u{1f}x\u{1f}43\u{1f}x\u{1f}");
    }
}
