//! Where bytes end up: a file, standard output, or memory in tests.
//!
//! Standard output is written through its descriptor: the standard library's handle hides a closed one.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

use crate::error::{Error, Result};

/// A named destination with a buffer.
pub struct Sink {
    name: String,
    to: Box<dyn Write + Send>,
    buffer: Vec<u8>,
    is_stdout: bool,
}

/// The buffer is handed on when it holds this much.
const BUFFER_BYTES: usize = 256 * 1024;

impl Sink {
    /// A file, created or emptied.
    pub fn file(path: &Path) -> Result<Sink> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|cause| Error::Output { target: name.clone(), cause })?;
        Ok(Sink { name, to: Box::new(file), buffer: Vec::new(), is_stdout: false })
    }

    /// Standard output.
    pub fn stdout() -> Result<Sink> {
        let name = "standard output".to_owned();
        let own = io::stdout().as_fd().try_clone_to_owned();
        let own = own.map_err(|cause| Error::Output { target: name.clone(), cause })?;
        Ok(Sink { name, to: Box::new(File::from(own)), buffer: Vec::new(), is_stdout: true })
    }

    /// Anything else.
    pub fn to(name: &str, to: Box<dyn Write + Send>) -> Sink {
        Sink { name: name.to_owned(), to, buffer: Vec::new(), is_stdout: false }
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
        let written = self.to.write_all(&self.buffer).and_then(|()| self.to.flush());
        self.buffer.clear();
        written.map_err(|cause| match cause.kind() {
            io::ErrorKind::BrokenPipe if self.is_stdout => Error::ReaderGone,
            _ => Error::Output { target: self.name.clone(), cause },
        })
    }
}
