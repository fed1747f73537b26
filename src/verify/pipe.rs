//! What a reader of a pipe makes of the rows of a job that was killed and continued: it discards repeats by number.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What was discarded.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Discarded {
    /// Rows, and headers, that had come before.
    pub repeats: u64,
    /// Rows of which only a part came before the end of the pipe.
    pub torn: u64,
}

/// Writes to `to` what the runs of a job have written to their pipes (`parts`, in order), each row once. Rows have their
/// number in front; `csv` rows may have line ends in quotes, and a header.
pub fn discard_repeats(parts: &[PathBuf], csv: bool, to: &Path) -> io::Result<Discarded> {
    let mut out = BufWriter::new(File::create(to)?);
    let (mut discarded, mut record) = (Discarded::default(), Vec::new());
    // A header counts as row 0.
    let mut next = u64::from(!csv);
    for part in parts {
        let mut reader = BufReader::new(File::open(part)?);
        while read_record(&mut reader, csv, &mut record)? {
            if record.last() != Some(&b'\n') {
                discarded.torn += 1;
                break;
            }
            match number(&record, csv) {
                Some(number) if number < next => discarded.repeats += 1,
                number => {
                    next = number.map_or(next, |number| number.saturating_add(1));
                    out.write_all(&record)?;
                }
            }
        }
    }
    out.flush()?;
    Ok(discarded)
}

/// Reads a record with its line end, if it has one; `false` at the end.
fn read_record(reader: &mut impl BufRead, csv: bool, record: &mut Vec<u8>) -> io::Result<bool> {
    record.clear();
    while reader.read_until(b'\n', record)? > 0 {
        let quotes = record.iter().filter(|&&byte| byte == b'"').count();
        if !csv || quotes % 2 == 0 {
            return Ok(true);
        }
    }
    // A quote that is left open has no line end of its own.
    if record.last() == Some(&b'\n') {
        record.pop();
    }
    Ok(!record.is_empty())
}

/// The number of a row; 0 for a header. `None` where it has none, which is left to whoever compares.
fn number(record: &[u8], csv: bool) -> Option<u64> {
    let digits = match csv {
        true if record.starts_with(b"row") => return Some(0),
        true => record,
        false => record.strip_prefix(b"{\"row\":")?,
    };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..len]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(csv: bool, parts: &[&str], want: &str, repeats: u64, torn: u64) {
        let dir = tempfile::tempdir().unwrap();
        let path = |n: usize| dir.path().join(n.to_string());
        let paths: Vec<PathBuf> = (0..parts.len()).map(path).collect();
        for (path, part) in paths.iter().zip(parts) {
            std::fs::write(path, part).unwrap();
        }
        let to = dir.path().join("to");
        assert_eq!(discard_repeats(&paths, csv, &to).unwrap(), Discarded { repeats, torn }, "{parts:?}");
        assert_eq!(std::fs::read_to_string(to).unwrap(), want, "{parts:?}");
    }

    #[test]
    fn each_row_once() {
        let row = |n: u64| format!("{{\"row\":{n},\"x\":\"\\\"\"}}\n");
        let rows = |numbers: &[u64]| numbers.iter().map(|&n| row(n)).collect::<String>();
        check(false, &[&rows(&[1, 2, 3])], &rows(&[1, 2, 3]), 0, 0);
        check(false, &[&rows(&[1, 2]), "", &rows(&[2, 3]), &rows(&[3, 4])], &rows(&[1, 2, 3, 4]), 2, 0);
        check(false, &[&format!("{}{}", row(1), "{\"row\":2,"), &rows(&[2])], &rows(&[1, 2]), 0, 1);
        // What is missing stays missing, for the comparison to find.
        check(false, &[&rows(&[1]), &rows(&[3])], &rows(&[1, 3]), 0, 0);
        check(false, &["what\n"], "what\n", 0, 0);
    }

    #[test]
    fn csv_has_a_header_and_quotes() {
        check(true, &["row,k\n1,\"a\n2,b\"\n2,c\n", "2,c\n3,d\n"], "row,k\n1,\"a\n2,b\"\n2,c\n3,d\n", 1, 0);
        check(true, &["row\tk\n", "row\tk\n1\ta\n"], "row\tk\n1\ta\n", 1, 0);
        check(true, &["row,k\n1,\"a\n2", "1,\"a\n2\"\n"], "row,k\n1,\"a\n2\"\n", 0, 1);
        check(true, &["row,k\n1,\"a\n", "1,b\n"], "row,k\n1,b\n", 0, 1);
    }
}
