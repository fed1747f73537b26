//! Where a CSV stream is outside quotes, by the rules of the `csv` crate with a line feed as terminator:
//! a quote opens only at the start of a field, two in a row inside quotes are one, and what follows a
//! closing quote is literal up to the next delimiter or line feed.

use std::ops::ControlFlow;

use memchr::memchr_iter;

/// What the bytes seen so far leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside quotes; whether the next byte begins a field.
    Outside { field_start: bool },
    /// Inside quotes.
    Inside,
    /// Behind a quote inside quotes: the next byte tells whether it closed.
    AfterQuote,
}

/// Follows the quotes of a stream, piece by piece.
#[derive(Debug, Clone)]
pub(super) struct Quotes {
    delimiter: u8,
    state: State,
}

impl Quotes {
    /// At the start of a record.
    pub fn new(delimiter: u8) -> Quotes {
        Quotes { delimiter, state: State::Outside { field_start: true } }
    }

    /// Back to the start of a record.
    pub fn restart(&mut self) {
        self.state = State::Outside { field_start: true };
    }

    /// Whether a quote is open behind the bytes seen so far.
    pub fn is_open(&self) -> bool {
        self.state == State::Inside
    }

    /// Goes on over `bytes[from..to]` and shows the ranges outside quotes, in order, to `visit`. A line
    /// feed ends a record exactly if it stands in one of them. When `visit` breaks off, the quotes are
    /// left in the middle and must be restarted.
    ///
    /// Looks at quotes only and not at every separator: whether a quote outside quotes begins a field
    /// is told by the byte before it.
    pub fn outside(
        &mut self,
        bytes: &[u8],
        from: usize,
        to: usize,
        mut visit: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut state = self.state;
        let separates = |at: usize| bytes[at] == b'\n' || bytes[at] == self.delimiter;
        // Where the range outside quotes began that has not been shown yet.
        let mut outside = from;
        for at in memchr_iter(b'"', &bytes[from..to]).map(|n| from + n) {
            let opens = match state {
                State::Inside => {
                    state = State::AfterQuote;
                    outside = at + 1;
                    continue;
                }
                State::AfterQuote if at == outside => {
                    state = State::Inside;
                    continue;
                }
                State::Outside { field_start } if at == from => field_start,
                State::Outside { .. } | State::AfterQuote => separates(at - 1),
            };
            state = State::Outside { field_start: false };
            if opens {
                visit(outside, at)?;
                state = State::Inside;
            }
        }
        if outside < to && state != State::Inside {
            visit(outside, to)?;
            state = State::Outside { field_start: separates(to - 1) };
        }
        self.state = state;
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends of the records of `text`, found in pieces of `step` bytes.
    fn ends(text: &[u8], step: usize) -> Vec<usize> {
        let mut quotes = Quotes::new(b',');
        let mut ends = Vec::new();
        for from in (0..text.len()).step_by(step) {
            let to = (from + step).min(text.len());
            let _ = quotes.outside(text, from, to, |from, to| {
                ends.extend((from..to).filter(|at| text[*at] == b'\n').map(|at| at + 1));
                ControlFlow::Continue(())
            });
        }
        ends
    }

    #[track_caller]
    fn check(text: &str, expected: &[usize]) {
        for step in 1..=text.len().max(1) {
            assert_eq!(ends(text.as_bytes(), step), expected, "{text:?} in steps of {step}");
        }
    }

    #[test]
    fn line_feeds_outside_quotes_end_records() {
        check("", &[]);
        check("a,b\nc\n", &[4, 6]);
        check("\"a\n\",b\nc\n", &[7, 9]);
        check("\"a\"\"\n\"\nb\n", &[7, 9]);
        check("a\"\nb\n", &[3, 5]);
        check("\"a\"b\"\n\"c\n\"\n", &[6, 11]);
        check("\"a\"b,\"\n\"\n", &[9]);
        check("\"\"\n\"\"\"\n\"\n", &[3, 9]);
        check("\"open\n\n", &[]);
        check("a,\"b\"\r\n\"c\r\n\"\r\n", &[7, 14]);
        check(" \"a\n", &[4]);
        check("\"a\" \"\nb\n", &[6, 8]);
    }
}
