//! Where bytes end up: a file, standard output, or memory in tests; and how far they have come.
//!
//! Standard output is written through its descriptor: the standard library's handle hides a failing one. What can
//! be continued by a later run is opened by `durable`; the writer sees no difference.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::mem;
use std::os::fd::AsFd;
use std::path::Path;

use super::descriptor;
use super::file::Regular;
use super::ledger::LedgerSync;
use super::mark::{Mark, Running};
use super::stream::{End, Stream};
use crate::cli::streams;
use crate::error::{Error, Result, is_unprintable};

/// A named destination with a buffer.
pub struct Sink {
    name: String,
    to: To,
    buffer: Vec<u8>,
    /// Where rows and texts end in the buffer; only for a stream, where they decide what is written at once.
    ends: Vec<End>,
    /// Rows that end in the buffer.
    rows: u64,
    /// What stands before the buffer.
    produced: Running,
    /// Whether something could not be written. How much has gone out is not known then.
    failed: bool,
    notice: Option<String>,
}

/// What becomes of the bytes.
pub(super) enum To {
    /// They are written.
    Plain(Plain),
    /// They can be read back and continued.
    File(Regular),
    /// They are accounted for.
    Stream(Stream),
}

pub(super) struct Plain {
    to: Box<dyn Write + Send>,
    is_stdout: bool,
    /// Whether control characters are escaped: values come from outside, and must not drive a terminal.
    escaped: bool,
}

/// What another thread makes a sink durable with, up to the mark taken before.
pub struct SyncHandle(Handle);

enum Handle {
    Nothing,
    File { name: String, file: File },
    Ledger(LedgerSync),
}

/// The buffer is handed on when it holds this much.
const BUFFER_BYTES: usize = 256 * 1024;

impl Sink {
    /// A file, created or emptied; or what is open under such a name, as it stands.
    pub fn file(path: &Path) -> Result<Sink> {
        let name = path.display().to_string();
        match descriptor::open(path).unwrap_or_else(|| File::create(path)) {
            Ok(file) => Ok(Sink::plain(&name, file, false)),
            Err(cause) => Err(Error::Output { target: name, cause }),
        }
    }

    /// Standard output.
    pub fn stdout() -> Result<Sink> {
        let name = "standard output";
        let own = streams::check_stdout().and_then(|()| io::stdout().as_fd().try_clone_to_owned());
        let own = own.map_err(|cause| Error::Output { target: name.to_owned(), cause })?;
        Ok(Sink::plain(name, File::from(own), true))
    }

    /// Anything else.
    pub fn to(name: &str, to: Box<dyn Write + Send>) -> Sink {
        Sink::new(name, To::Plain(Plain { to, is_stdout: false, escaped: false }))
    }

    pub(super) fn plain(name: &str, file: File, is_stdout: bool) -> Sink {
        let escaped = file.is_terminal();
        Sink::new(name, To::Plain(Plain { to: Box::new(file), is_stdout, escaped }))
    }

    pub(super) fn new(name: &str, to: To) -> Sink {
        Sink {
            name: name.to_owned(),
            to,
            buffer: Vec::new(),
            ends: Vec::new(),
            rows: 0,
            produced: Running::new(Mark::default()),
            failed: false,
            notice: None,
        }
    }

    pub(super) fn starting_at(self, mark: Mark) -> Sink {
        Sink { produced: Running::new(mark), ..self }
    }

    pub(super) fn with_notice(self, notice: Option<String>) -> Sink {
        Sink { notice, ..self }
    }

    /// What the user should be told about the way in which this output is continued.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// Says that whoever writes here escapes what comes from outside, and may drive a terminal with what does not.
    pub fn trust(&mut self) {
        if let To::Plain(plain) = &mut self.to {
            plain.escaped = false;
        }
    }

    /// Whether this is a regular file that is continued as one.
    pub fn is_regular(&self) -> bool {
        matches!(self.to, To::File(_))
    }

    /// The buffer to append to; say where a row ends with [`Sink::end_row`], and call [`Sink::relieve`] afterwards.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Appends a row.
    #[inline]
    pub fn push_row(&mut self, row: &[u8]) {
        self.buffer.extend_from_slice(row);
        self.end_row();
    }

    /// Appends rows, one behind the other; `ends` says where each ends in `texts`.
    pub fn push_rows(&mut self, texts: &[u8], ends: impl ExactSizeIterator<Item = usize>) {
        let before = self.buffer.len();
        self.buffer.extend_from_slice(texts);
        match self.to {
            To::Stream(_) => {
                for end in ends {
                    self.rows += 1;
                    self.ends.push(End { at: before + end, rows: self.rows });
                }
            }
            To::Plain(_) | To::File(_) => self.rows += ends.len() as u64,
        }
    }

    /// Says that a row ends at the end of the buffer.
    #[inline]
    pub fn end_row(&mut self) {
        self.rows += 1;
        self.end_text();
    }

    /// Says that a text that is no row, such as the header, ends at the end of the buffer. Like a row it is not
    /// cut where a stream is written in pieces.
    #[inline]
    pub fn end_text(&mut self) {
        if let To::Stream(_) = self.to {
            self.ends.push(End { at: self.buffer.len(), rows: self.rows });
        }
    }

    /// How many bytes have been produced, by earlier runs too, those in the buffer not counted.
    pub fn produced_bytes(&self) -> u64 {
        self.produced.len()
    }

    /// Whether the buffer is full.
    pub fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER_BYTES
    }

    /// Hands the buffer on if it is full.
    pub fn relieve(&mut self) -> Result<()> {
        if self.is_full() { self.deliver() } else { Ok(()) }
    }

    /// Hands everything on. After an error the sink is of no more use.
    pub fn deliver(&mut self) -> Result<()> {
        if self.failed {
            return Err(Error::Failed(format!("{}: writing has failed before", self.name)));
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        let (len, rows) = (self.produced.len(), self.produced.rows());
        let handed_on = match &mut self.to {
            To::Plain(plain) => plain.write(&self.name, &self.buffer),
            To::File(file) => file.deliver(len, &self.buffer),
            To::Stream(stream) => stream.deliver(len, rows, &self.buffer, &self.ends),
        };
        self.failed = handed_on.is_err();
        let digested = matches!(self.to, To::File(_));
        self.produced.advance(&self.buffer, mem::take(&mut self.rows), digested);
        self.buffer.clear();
        self.ends.clear();
        handed_on
    }

    /// Hands everything on, and tells how much that makes. A checkpoint with this mark may be written once
    /// [`SyncHandle::sync`] has succeeded.
    ///
    /// `None`: a checkpoint must wait. After a power cut pages of the file may be lost, and until all that stands
    /// behind them has been found to be ours, nothing may be written there.
    pub fn mark(&mut self) -> Result<Option<Mark>> {
        self.deliver()?;
        let complete = match &self.to {
            To::File(file) => file.is_complete(),
            To::Plain(_) | To::Stream(_) => true,
        };
        Ok(complete.then(|| self.produced.mark()))
    }

    /// Whether all has been produced again that an earlier run had written.
    pub fn has_caught_up(&self) -> bool {
        match &self.to {
            To::Plain(_) => true,
            To::File(file) => file.has_caught_up(),
            To::Stream(stream) => stream.ledger().now().counted <= self.produced.len(),
        }
    }

    /// What makes the output durable from another thread. It serves for the whole run.
    pub fn sync_handle(&self) -> Result<SyncHandle> {
        Ok(SyncHandle(match &self.to {
            To::Plain(_) => Handle::Nothing,
            To::File(file) => Handle::File { name: self.name.clone(), file: file.sync_handle()? },
            To::Stream(stream) => Handle::Ledger(stream.ledger().sync_handle()),
        }))
    }

    /// Ends the output: all has been produced that the job produces from its input. A run that stops before, to be
    /// continued, must not call this.
    ///
    /// # Errors
    /// [`Error::Usage`] if an earlier run has written more than this one: the output, or the input, has been
    /// changed. Nothing is touched then.
    pub fn finish(&mut self) -> Result<()> {
        self.deliver()?;
        let len = self.produced.len();
        let finished = match &mut self.to {
            To::Plain(_) => Ok(()),
            To::File(file) => file.finish(len),
            To::Stream(stream) => stream.finish(len),
        };
        self.failed = finished.is_err();
        finished
    }
}

impl Plain {
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let written = match self.escaped {
            true => self.to.write_all(&printable(bytes)),
            false => self.to.write_all(bytes),
        };
        written.and_then(|()| self.to.flush()).map_err(|cause| match cause.kind() {
            io::ErrorKind::BrokenPipe if self.is_stdout => Error::ReaderGone,
            _ => Error::Output { target: name.to_owned(), cause },
        })
    }
}

impl SyncHandle {
    /// Makes all that was written until now outlast a power cut.
    ///
    /// # Errors
    /// [`Error::Output`]. The run must end then: what was written may be lost, and a second attempt may succeed
    /// without having written it.
    pub fn sync(&self) -> Result<()> {
        match &self.0 {
            Handle::Nothing => Ok(()),
            Handle::File { name, file } => {
                file.sync_data().map_err(|cause| Error::Output { target: name.clone(), cause })
            }
            Handle::Ledger(ledger) => ledger.sync(),
        }
    }
}

/// Rows with everything escaped that could drive a terminal; line ends and tabs stay.
pub(super) fn printable(rows: &[u8]) -> Vec<u8> {
    let mut shown = String::with_capacity(rows.len());
    for c in String::from_utf8_lossy(rows).chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if is_unprintable(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_driven() {
        let check = |rows: &str, want: &str| assert_eq!(printable(rows.as_bytes()), want.as_bytes());
        check("a\tb,é\n", "a\tb,é\n");
        check("\u{1b}[31m\r\u{7}\u{7f}\u{9b}x\u{202e}\n", "\\u{1b}[31m\\r\\u{7}\\u{7f}\\u{9b}x\\u{202e}\n");
    }
}
