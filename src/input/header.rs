//! The header of a CSV source.

use memchr::memchr_iter;

use super::Format;
use super::source::Source;
use crate::digest;
use crate::error::Result;

/// How much is read at a time until the header is complete, at most.
const READ_BYTES: usize = 16 * 1024;

impl Source {
    /// The header of a CSV source: its names, and how many lines it took, blank ones before it included.
    /// Read once, before the first chunk; the records behind it stay to be read ([`Source::offset`] is
    /// where they begin). `None` for a source without one, an empty one.
    pub fn header(&mut self) -> Result<Option<(Vec<String>, u64)>> {
        self.start()?;
        let mut lines = 0;
        while let Some(len) = self.first_record()? {
            let record = &self.rest[self.rest_at..self.rest_at + len];
            let newlines = memchr_iter(b'\n', record).count() as u64;
            lines += newlines + u64::from(!record.ends_with(b"\n"));
            let text = without_end(record);
            let names = if text.is_empty() { Ok(None) } else { names(text, self.format).map(Some) };
            self.lead = digest::join(self.lead, digest::digest(record), len as u64);
            self.rest_at += len;
            self.offset += len as u64;
            self.scanner.restart();
            match names {
                Ok(None) => {}
                Ok(Some(names)) => return Ok(Some((names, lines))),
                Err(reason) => self.fail(&reason)?,
            }
        }
        Ok(None)
    }

    /// The length of the first record in the rest, its end included; reads until it is complete.
    fn first_record(&mut self) -> Result<Option<usize>> {
        loop {
            let bytes = &self.rest[self.rest_at..];
            let end = self.scanner.first_end(bytes);
            let len = end.unwrap_or(bytes.len());
            // Looked at first, so that what is said does not depend on how much was read at a time.
            if without_end(&bytes[..len]).len() > self.record_bytes_max {
                let reason = format!(
                    "the header is longer than {} bytes; raise --max-record or say --no-header",
                    self.record_bytes_max
                );
                self.fail(&reason)?;
            }
            if end.is_some() {
                return Ok(end);
            }
            if self.ended && self.scanner.is_quote_open() {
                self.fail(&"the header has a quote that is never closed; close it, or say --no-header")?;
            }
            if self.ended {
                return Ok((len > 0 && !self.hold).then_some(len));
            }
            self.read_rest(READ_BYTES.min(self.chunk_bytes))?;
        }
    }
}

/// A record with its line end taken off.
fn without_end(record: &[u8]) -> &[u8] {
    let text = record.strip_suffix(b"\n").unwrap_or(record);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// The names in a header, its line end taken off.
fn names(text: &[u8], format: Format) -> std::result::Result<Vec<String>, &'static str> {
    let delimiter = match format {
        Format::Csv { delimiter } => delimiter,
        Format::Ndjson => b',',
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(text);
    let mut record = csv::ByteRecord::new();
    reader.read_byte_record(&mut record).map_err(|_| "the header cannot be read as CSV")?;
    let name = |field: &[u8]| std::str::from_utf8(field).map(str::to_owned);
    let names: std::result::Result<Vec<String>, _> = record.iter().map(name).collect();
    names.map_err(|_| "the header is not valid UTF-8; convert the file, for example with iconv")
}
