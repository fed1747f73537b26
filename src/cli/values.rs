//! The words and numbers that options take: formats, counts, sizes, delimiters.
//!
//! Only values that make sense by themselves; windrow's small languages (durations, windows,
//! expressions) are read by their own modules when the job is built.

use clap::ValueEnum;

/// The greatest number of threads: beyond it the machine would be measured, not the input.
const THREADS_MAX: usize = 1024;
/// The greatest count elsewhere (rows of --top, batches of --buffer).
const COUNT_MAX: usize = 1 << 30;
/// The longest record and the largest chunk. Together they stay below 4 GiB, so that positions in a
/// chunk fit in 32 bits.
const RECORD_BYTES_MAX: usize = 2 << 30;
const CHUNK_BYTES_MAX: usize = 1 << 30;

/// `--from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated, or by `--delimiter`.
    Csv,
    /// Tab-separated.
    Tsv,
}

/// `--to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormatName {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated.
    Csv,
    /// Tab-separated.
    Tsv,
    /// Aligned columns for people.
    Table,
    /// A drawing for people.
    Chart,
    /// A table on the terminal that follows the run.
    Live,
}

/// `--to` of `windrow profile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileFormatName {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// `--stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatsName {
    /// One line of text.
    Text,
    /// One JSON object.
    Json,
}

/// A whole number from 1.
pub fn count(text: &str) -> Result<usize, String> {
    whole(text, COUNT_MAX)
}

/// The most lines of a chart: beyond them nobody tells them apart, and labels have no room.
const LINES_MAX: usize = 100;

/// A number of lines in a chart.
pub fn lines(text: &str) -> Result<usize, String> {
    whole(text, LINES_MAX)
}

/// A number of threads.
pub fn threads(text: &str) -> Result<usize, String> {
    whole(text, THREADS_MAX)
}

/// The longest record, in bytes.
pub fn size(text: &str) -> Result<usize, String> {
    bytes(text, RECORD_BYTES_MAX)
}

/// The size of a chunk, in bytes.
pub fn chunk_bytes(text: &str) -> Result<usize, String> {
    bytes(text, CHUNK_BYTES_MAX)
}

/// A delimiter: one byte that cannot be mistaken for a quote or the end of a record.
pub fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        br"\t" | b"tab" => Ok(b'\t'),
        [b'"' | b'\n' | b'\r'] => Err("a quote or line end cannot be a delimiter".to_owned()),
        [byte] => Ok(*byte),
        _ => Err("a delimiter is one byte, or tab".to_owned()),
    }
}

fn whole(text: &str, max: usize) -> Result<usize, String> {
    let number = digits(text).filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| format!("a whole number from 1 to {max} is needed"))
}

/// A number of digits only: no sign, as `parse` alone would allow.
fn digits(text: &str) -> Option<usize> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A size in bytes: a whole number with nothing, `B`, `K`/`KiB`, `M`/`MiB`, `G`/`GiB` (1024-based) or
/// `KB`, `MB`, `GB` (1000-based), in either case, as GNU tools have it.
fn bytes(text: &str, max: usize) -> Result<usize, String> {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(number.len());
    let factor: usize = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("a size is a whole number of bytes, or such as 64MiB, 64M or 64MB".to_owned()),
    };
    let Some(number) = digits(number) else {
        return Err("a size is a whole number of bytes, or such as 64MiB, 64M or 64MB".to_owned());
    };
    match number.checked_mul(factor) {
        Some(bytes) if (1..=max).contains(&bytes) => Ok(bytes),
        _ => Err(format!("a size from 1 byte to {} MiB is needed", max >> 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let check = |text: &str, want: Option<usize>| assert_eq!(size(text).ok(), want, "{text:?}");
        check("1", Some(1));
        check("1000", Some(1000));
        check("10B", Some(10));
        check("64MiB", Some(64 << 20));
        check("64M", Some(64 << 20));
        check("64m", Some(64 << 20));
        check("64 MiB", Some(64 << 20));
        check("64MB", Some(64_000_000));
        check("2k", Some(2048));
        check("2KB", Some(2000));
        check("1G", Some(1 << 30));
        check("1GB", Some(1_000_000_000));
        check("2GiB", Some(2 << 30));
        check("0", None);
        check("3G", None);
        check("", None);
        check("M", None);
        check("-1", None);
        check("+1", None);
        check("1.5M", None);
        check("1MM", None);
        check("99999999999999999999G", None);
        check("18446744073709551615G", None);
        check("1é", None);
    }

    #[test]
    fn delimiters() {
        let check = |text: &str, want: Option<u8>| assert_eq!(delimiter(text).ok(), want, "{text:?}");
        check(";", Some(b';'));
        check("\t", Some(b'\t'));
        check(r"\t", Some(b'\t'));
        check("tab", Some(b'\t'));
        check(" ", Some(b' '));
        check("", None);
        check(";;", None);
        check("\"", None);
        check("\n", None);
        check("é", None);
    }

    #[test]
    fn counts() {
        let check = |text: &str, want: Option<usize>| assert_eq!(threads(text).ok(), want, "{text:?}");
        check("1", Some(1));
        check("1024", Some(1024));
        check("1025", None);
        check("0", None);
        check("-1", None);
        check("", None);
        check("+1", None);
        check("two", None);
    }
}
