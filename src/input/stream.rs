//! Pipes, FIFOs, terminals and devices: bytes that are read as they come.

use std::fs::File;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::Errno;

use super::fault::Fault;
use super::raw::Got;

/// What a pipe is asked to hold: the most that an unprivileged process may have by default.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;

/// A stream, read with blocking reads in the caller's thread.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
    /// Whether it is a FIFO that perhaps no writer has opened yet: reading would take that for its end.
    awaits_writer: bool,
}

impl Stream {
    /// A stream of this type. `by_name`: opened by path, without waiting for a writer.
    pub fn new(file: File, kind: FileType, by_name: bool) -> Stream {
        #[cfg(target_os = "linux")]
        if kind == FileType::Fifo {
            // A larger pipe only saves switches between processes; a refusal changes nothing.
            let _ = rustix::pipe::fcntl_setpipe_size(&file, PIPE_BYTES);
        }
        Stream { file, awaits_writer: by_name && kind == FileType::Fifo }
    }

    /// Reads what is there. With `wait`, blocks until something is or the stream ends.
    pub fn read(&mut self, bytes: &mut [u8], wait: bool) -> Result<Got, Fault> {
        let mut ask_first = !wait || self.awaits_writer;
        loop {
            if ask_first && !self.is_ready(wait)? {
                return Ok(Got::Nothing);
            }
            self.awaits_writer = false;
            match rustix::io::read(&self.file, &mut *bytes) {
                Ok(0) => return Ok(Got::End),
                Ok(n) => return Ok(Got::Bytes(n)),
                Err(Errno::INTR) => {}
                // Whoever shares a descriptor can make its reads non-blocking at any time.
                Err(Errno::AGAIN) => ask_first = true,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether a read would return at once; with `wait`, blocks until it would.
    fn is_ready(&self, wait: bool) -> Result<bool, Fault> {
        self.poll(if wait { None } else { Some(Duration::ZERO) })
    }

    /// Whether a read would return at once, now or after a time; without one, waits until it would.
    pub fn poll(&self, patience: Option<Duration>) -> Result<bool, Fault> {
        let patience = patience.map(|patience| Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: patience.subsec_nanos().into(),
        });
        let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
        loop {
            match poll(&mut fds, patience.as_ref()) {
                Ok(n) => return Ok(n > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
