//! Where bytes end up: a file, standard output, or memory in tests.
//!
//! Standard output is written through its descriptor: the standard library's handle hides a failing one.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;

use crate::cli::streams;
use crate::error::{Error, Result, is_unprintable};

/// A named destination with a buffer.
pub struct Sink {
    name: String,
    to: Box<dyn Write + Send>,
    buffer: Vec<u8>,
    is_stdout: bool,
    /// Whether control characters are escaped: values come from outside, and must not drive a terminal.
    escaped: bool,
}

/// The buffer is handed on when it holds this much.
const BUFFER_BYTES: usize = 256 * 1024;

impl Sink {
    /// A file, created or emptied.
    pub fn file(path: &Path) -> Result<Sink> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|cause| Error::Output { target: name.clone(), cause })?;
        Ok(Sink { name, to: Box::new(file), buffer: Vec::new(), is_stdout: false, escaped: false })
    }

    /// Standard output.
    pub fn stdout() -> Result<Sink> {
        let name = "standard output".to_owned();
        let own = streams::check_stdout().and_then(|()| io::stdout().as_fd().try_clone_to_owned());
        let own = own.map_err(|cause| Error::Output { target: name.clone(), cause })?;
        let escaped = own.is_terminal();
        Ok(Sink { name, to: Box::new(File::from(own)), buffer: Vec::new(), is_stdout: true, escaped })
    }

    /// Anything else.
    pub fn to(name: &str, to: Box<dyn Write + Send>) -> Sink {
        Sink { name: name.to_owned(), to, buffer: Vec::new(), is_stdout: false, escaped: false }
    }

    /// The buffer to append to; call [`Sink::relieve`] afterwards.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Hands the buffer on if it is full.
    pub fn relieve(&mut self) -> Result<()> {
        if self.buffer.len() >= BUFFER_BYTES { self.deliver() } else { Ok(()) }
    }

    /// Hands everything on.
    pub fn deliver(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.escaped {
            self.buffer = printable(&self.buffer);
        }
        let written = self.to.write_all(&self.buffer).and_then(|()| self.to.flush());
        self.buffer.clear();
        written.map_err(|cause| match cause.kind() {
            io::ErrorKind::BrokenPipe if self.is_stdout => Error::ReaderGone,
            _ => Error::Output { target: self.name.clone(), cause },
        })
    }
}

/// Rows with everything escaped that could drive a terminal; line ends and tabs stay.
fn printable(rows: &[u8]) -> Vec<u8> {
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
