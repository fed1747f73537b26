//! An output that cannot be looked at again: a pipe, a terminal, a socket, a device.
//!
//! It is written in whole rows, a bounded number of bytes at once, and the ledger is told before and after each
//! write. A resumed run withholds what has been counted. One write at most is in doubt then: the kernel may have
//! taken it before the process was killed. Whoever runs the job decides what becomes of it.

use std::fmt;
use std::io::{self, Write};

use super::ledger::{Delivery, Ledger};
use super::mark::Mark;
use super::sink::printable;
use crate::error::{Error, Result};

/// The most bytes in one write, unless one row is longer: what a pipe takes as a whole or not at all.
const WRITE_BYTES: usize = 4096;

/// What becomes of a write of which nobody knows whether it was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InDoubt {
    /// It is made again: its rows may be delivered twice.
    #[default]
    Repeat,
    /// It is left out: its rows may never be delivered.
    Skip,
    /// The run ends with an error.
    Fail,
}

/// Where something in a buffer ends that must not be cut: a row, or a text such as the header.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// Bytes of the buffer up to there.
    pub at: usize,
    /// Rows that end in the buffer up to there.
    pub rows: u64,
}

/// A stream and the account of it.
pub(super) struct Stream {
    name: String,
    to: Box<dyn Write + Send>,
    is_stdout: bool,
    /// Whether control characters are escaped.
    escaped: bool,
    ledger: Ledger,
}

/// Where rows end among the bytes produced.
struct Account<'a> {
    /// Where the buffer begins, in bytes produced.
    start: u64,
    /// Rows before it.
    rows: u64,
    ends: &'a [End],
}

impl Stream {
    /// A stream; `ledger` says how much of it has been delivered.
    pub fn new(
        name: &str,
        to: Box<dyn Write + Send>,
        is_stdout: bool,
        escaped: bool,
        ledger: Ledger,
    ) -> Stream {
        Stream { name: name.to_owned(), to, is_stdout, escaped, ledger }
    }

    /// Continues at a mark. A write in doubt is dealt with as asked; the text says which rows it has.
    pub fn resume(&mut self, mark: &Mark, in_doubt: InDoubt) -> Result<Option<String>> {
        let now = self.ledger.now();
        if now.counted < mark.len {
            return Err(Error::Failed(format!(
                "the checkpoint says that {} bytes have been delivered to {}, the page for deliveries in the \
                 state directory says {}: one of them is not of this run; use --replay to compute and write \
                 everything again",
                mark.len, self.name, now.counted
            )));
        }
        if now.counted == now.announced {
            return Ok(None);
        }
        let rows = Rows { first: now.counted_rows + 1, last: now.announced_rows };
        match in_doubt {
            InDoubt::Repeat => Ok(Some(format!("{}: {rows} may have been delivered twice", self.name))),
            InDoubt::Skip => {
                let (counted, counted_rows) = (now.announced, now.announced_rows);
                self.ledger.set(Delivery { counted, counted_rows, ..now });
                Ok(Some(format!("{}: {rows} may not have been delivered at all", self.name)))
            }
            InDoubt::Fail => Err(Error::Failed(format!(
                "{}: {rows} may have been delivered or not, for the run before was stopped while it wrote; \
                 --in-doubt repeat writes again, --in-doubt skip leaves out",
                self.name
            ))),
        }
    }

    /// Delivers bytes that stand behind the first `start` produced and `rows` rows, unless they were delivered
    /// before. `ends` are in order; what stands behind the last is a text of its own.
    pub fn deliver(&mut self, start: u64, rows: u64, bytes: &[u8], ends: &[End]) -> Result<()> {
        let account = Account { start, rows, ends };
        let counted = self.ledger.now().counted.saturating_sub(start);
        let mut done = usize::try_from(counted).map_or(bytes.len(), |counted| counted.min(bytes.len()));
        while done < bytes.len() {
            let position = start + done as u64;
            let mut end = block_end(done, bytes.len(), ends);
            // A write in doubt is made again within its bounds, so that no more than its rows can be repeated.
            let announced = self.ledger.now().announced;
            if announced > position {
                let left = usize::try_from(announced - position).unwrap_or(usize::MAX);
                end = end.min(done.saturating_add(left));
            }
            self.write(&bytes[done..end], position, &account)?;
            done = end;
        }
        Ok(())
    }

    /// Makes one write, or several if the stream takes only part of it at once.
    fn write(&mut self, block: &[u8], position: u64, account: &Account) -> Result<()> {
        let before = self.ledger.now();
        let end = position + block.len() as u64;
        if before.announced < end {
            self.ledger.set(Delivery { announced: end, announced_rows: account.rows_at(end), ..before });
        }
        let written = match self.escaped {
            true => self.write_escaped(block, position, account),
            false => self.write_raw(block, position, account),
        };
        written.map_err(|cause| {
            // A write that failed has delivered nothing. What was in doubt before this run still is.
            let now = self.ledger.now();
            self.ledger.set(Delivery {
                announced: before.announced.max(now.counted),
                announced_rows: before.announced_rows.max(now.counted_rows),
                ..now
            });
            match cause.kind() {
                io::ErrorKind::BrokenPipe if self.is_stdout => Error::ReaderGone,
                _ => Error::Output { target: self.name.clone(), cause },
            }
        })
    }

    fn write_raw(&mut self, block: &[u8], position: u64, account: &Account) -> io::Result<()> {
        let mut done = 0;
        while done < block.len() {
            match self.to.write(&block[done..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => done += len,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(cause),
            }
            self.count(position + done as u64, account);
        }
        Ok(())
    }

    /// On a terminal, where what is shown may be longer than what was produced, a block counts as a whole.
    fn write_escaped(&mut self, block: &[u8], position: u64, account: &Account) -> io::Result<()> {
        self.to.write_all(&printable(block))?;
        self.count(position + block.len() as u64, account);
        Ok(())
    }

    fn count(&mut self, counted: u64, account: &Account) {
        let now = self.ledger.now();
        self.ledger.set(Delivery { counted, counted_rows: account.rows_at(counted), ..now });
    }

    /// Ends the stream behind the first `len` bytes produced.
    pub fn finish(&mut self, len: u64) -> Result<()> {
        let delivered = self.ledger.now().counted;
        if delivered <= len {
            return Ok(());
        }
        Err(Error::usage(format!(
            "{delivered} bytes have been delivered to {}, but this run produces only {len}: the input behind the \
             last checkpoint has been changed since; use --replay to compute and write everything again",
            self.name
        )))
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl Account<'_> {
    /// Whole rows among the first `position` bytes produced, which reach into the buffer at least.
    fn rows_at(&self, position: u64) -> u64 {
        let ended = self.ends.partition_point(|end| self.start + end.at as u64 <= position);
        self.rows + ended.checked_sub(1).map_or(0, |last| self.ends[last].rows)
    }
}

/// Where a block that begins at `start` ends: as many whole rows as fit, or one that does not.
fn block_end(start: usize, len: usize, ends: &[End]) -> usize {
    let limit = start.saturating_add(WRITE_BYTES);
    if len <= limit {
        return len;
    }
    let fits = ends.partition_point(|end| end.at <= limit);
    match fits.checked_sub(1).map(|n| ends[n].at) {
        Some(end) if end > start => end,
        _ => ends.get(fits).map_or(len, |end| end.at),
    }
}

/// Row numbers for a message, in the form "rows 3 to 9".
struct Rows {
    first: u64,
    last: u64,
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last.checked_sub(self.first) {
            None => f.write_str("the header"),
            Some(0) => write!(f, "row {}", self.first),
            Some(_) => write!(f, "rows {} to {}", self.first, self.last),
        }
    }
}
