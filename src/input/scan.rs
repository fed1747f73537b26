//! Finds record ends, each byte once however the reads are split.

use std::ops::ControlFlow;

use memchr::{memchr, memrchr};

use super::Format;
use super::quotes::Quotes;

/// How far is looked ahead before the length of records is checked: bounds the work that is lost when
/// one of them is too long.
const PIECE_BYTES: usize = 64 * 1024;

/// Follows a stream from the start of a record on. Positions are counted from there.
#[derive(Debug)]
pub(super) struct Scanner {
    /// For CSV.
    quotes: Option<Quotes>,
    /// The longest record, without its line end.
    record_bytes_max: usize,
    /// Bytes looked at.
    scanned: usize,
    /// The end of the last complete record. No record up to there is too long.
    complete: usize,
}

impl Scanner {
    /// At the start of a record.
    pub fn new(format: Format, record_bytes_max: usize) -> Scanner {
        let quotes = match format {
            Format::Ndjson => None,
            Format::Csv { delimiter } => Some(Quotes::new(delimiter)),
        };
        Scanner { quotes, record_bytes_max, scanned: 0, complete: 0 }
    }

    /// The end of the last complete record found; 0 while there is none.
    pub fn complete(&self) -> usize {
        self.complete
    }

    /// Whether a quote is open behind the bytes seen so far.
    pub fn is_quote_open(&self) -> bool {
        self.quotes.as_ref().is_some_and(Quotes::is_open)
    }

    /// Counts from the start of another record, with nothing looked at.
    pub fn restart(&mut self) {
        (self.scanned, self.complete) = (0, 0);
        if let Some(quotes) = &mut self.quotes {
            quotes.restart();
        }
    }

    /// Counts from the end of the last complete record; the bytes behind it stay looked at.
    pub fn cut(&mut self) {
        self.scanned -= self.complete;
        self.complete = 0;
    }

    /// Goes on over the bytes that have come. `false` when the record behind [`Scanner::complete`] is
    /// too long: then the scanner must be restarted there.
    pub fn scan(&mut self, bytes: &[u8]) -> bool {
        while self.scanned < bytes.len() {
            let from = self.scanned;
            let to = bytes.len().min(from + PIECE_BYTES);
            self.scanned = to;
            let mut ends = Ends { complete: self.complete, record_bytes_max: self.record_bytes_max };
            let flow = match &mut self.quotes {
                None => ends.visit(bytes, from, to),
                Some(quotes) => quotes.outside(bytes, from, to, |from, to| ends.visit(bytes, from, to)),
            };
            self.complete = ends.complete;
            // One byte more may still be the CR of its end.
            if flow.is_break() || to - self.complete > self.record_bytes_max.saturating_add(1) {
                return false;
            }
        }
        true
    }

    /// Whether `tail`, the last record of a source, without a line feed, is too long.
    pub fn is_too_long(&self, tail: &[u8]) -> bool {
        tail.strip_suffix(b"\r").unwrap_or(tail).len() > self.record_bytes_max
    }

    /// Goes on to the end of the record at the start; where that is, once it is found. What lies behind
    /// it is not looked at: the scanner must be restarted there.
    pub fn first_end(&mut self, bytes: &[u8]) -> Option<usize> {
        while self.scanned < bytes.len() {
            let from = self.scanned;
            let to = bytes.len().min(from + PIECE_BYTES);
            self.scanned = to;
            let mut end = None;
            let mut visit = |from: usize, to: usize| match memchr(b'\n', &bytes[from..to]) {
                Some(n) => {
                    end = Some(from + n + 1);
                    ControlFlow::Break(())
                }
                None => ControlFlow::Continue(()),
            };
            let _ = match &mut self.quotes {
                None => visit(from, to),
                Some(quotes) => quotes.outside(bytes, from, to, visit),
            };
            if end.is_some() {
                return end;
            }
        }
        None
    }

    /// Forgets the bytes seen so far, of which [`Scanner::first_end`] found no end: more of the same
    /// record comes in their place.
    pub fn drop_scanned(&mut self) {
        self.scanned = 0;
    }
}

/// Moves on from record end to record end in leaps as long as a record may be: only where no end is
/// found within a leap is a record too long, and few of the ends are ever looked at.
struct Ends {
    complete: usize,
    record_bytes_max: usize,
}

impl Ends {
    /// Goes on over a range outside quotes. Breaks off when the record behind `complete` is too long.
    fn visit(&mut self, bytes: &[u8], mut from: usize, to: usize) -> ControlFlow<()> {
        loop {
            // The last place for a line feed, and one more for one behind a CR.
            let last = self.complete.saturating_add(self.record_bytes_max);
            let reach = to.min(last.saturating_add(2));
            let within = |at: usize| at <= last || bytes[at - 1] == b'\r';
            let range = bytes.get(from..reach).unwrap_or_default();
            let mut found = memrchr(b'\n', range).map(|n| from + n);
            if found.is_some_and(|at| !within(at)) {
                found = memrchr(b'\n', &bytes[from..last + 1]).map(|n| from + n);
                if found.is_none() {
                    return ControlFlow::Break(());
                }
            }
            match found {
                Some(at) => {
                    self.complete = at + 1;
                    from = at + 1;
                    // Behind it there are none up to `reach`, except one that the next leap finds.
                    if from >= to {
                        return ControlFlow::Continue(());
                    }
                }
                None if reach == to => return ControlFlow::Continue(()),
                None => return ControlFlow::Break(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of the complete records, and whether the one behind them is too long.
    #[track_caller]
    fn check(text: &str, record_bytes_max: usize, complete: usize, fits: bool) {
        for step in 1..=text.len() {
            for format in [Format::Ndjson, Format::Csv { delimiter: b',' }] {
                let mut scanner = Scanner::new(format, record_bytes_max);
                let mut all = true;
                for to in (step..=text.len()).step_by(step).chain([text.len()]) {
                    all = all && scanner.scan(&text.as_bytes()[..to]);
                }
                let tail = &text.as_bytes()[scanner.complete()..];
                all = all && !scanner.is_too_long(tail);
                assert_eq!((scanner.complete(), all), (complete, fits), "{text:?} step {step} {format:?}");
            }
        }
    }

    #[test]
    fn the_limit_does_not_count_the_line_end() {
        check("abc\nabc\n", 3, 8, true);
        check("abc\r\nabc\r\n", 3, 10, true);
        check("abc\nabcd\nabc\n", 3, 4, false);
        check("abc\nabcd\r\n", 3, 4, false);
        check("abc\nab\r\r\n", 3, 9, true);
        check("abc", 3, 0, true);
        check("abc\r", 3, 0, true);
        check("abcd", 3, 0, false);
        check("\n\n\n", 0, 3, true);
        check("\r\n\n", 0, 3, true);
        check("\na\n", 0, 1, false);
        check("a\nb\nc\nddd\ne\n", 2, 6, false);
        check("a\nbbbbbbbbbbbb", 2, 2, false);
    }

    #[test]
    fn a_quoted_field_counts_whole() {
        let mut scanner = Scanner::new(Format::Csv { delimiter: b',' }, 8);
        assert!(scanner.scan(b"\"a\nb\nc\"\n1\n"));
        assert_eq!(scanner.complete(), 10);
        let mut scanner = Scanner::new(Format::Csv { delimiter: b',' }, 6);
        assert!(!scanner.scan(b"1\n\"a\nb\nc\"\n1\n"));
        assert_eq!(scanner.complete(), 2);
    }

    #[test]
    fn the_first_end_over_pieces() {
        let text = b"\"a\n\"\nb\n";
        for step in 1..=text.len() {
            let mut scanner = Scanner::new(Format::Csv { delimiter: b',' }, 8);
            let ends = (1..=text.len()).step_by(step).chain([text.len()]);
            assert_eq!(ends.map(|to| scanner.first_end(&text[..to])).find_map(|end| end), Some(5));
        }
    }
}
