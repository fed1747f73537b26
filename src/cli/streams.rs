//! Standard streams that are closed, as in `windrow ... >&-`.
//!
//! Rust's runtime opens `/dev/null` in place of a closed one before `main`: output would vanish there with exit
//! code 0, and input would seem empty. So the program looks before the runtime starts. Where that was not done
//! (in tests, say) none counts as closed.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static STDIN_CLOSED: AtomicBool = AtomicBool::new(false);
static STDOUT_CLOSED: AtomicBool = AtomicBool::new(false);

/// Notes which streams are closed. To be called before the runtime starts: it must not allocate or panic.
pub extern "C" fn look() {
    let is_closed = |stream| rustix::io::fcntl_getfd(stream) == Err(rustix::io::Errno::BADF);
    STDIN_CLOSED.store(is_closed(rustix::stdio::stdin()), Ordering::Relaxed);
    STDOUT_CLOSED.store(is_closed(rustix::stdio::stdout()), Ordering::Relaxed);
}

/// An error if standard input was closed when the program started.
pub fn check_stdin() -> io::Result<()> {
    check(&STDIN_CLOSED)
}

/// An error if standard output was closed when the program started.
pub fn check_stdout() -> io::Result<()> {
    check(&STDOUT_CLOSED)
}

fn check(closed: &AtomicBool) -> io::Result<()> {
    match closed.load(Ordering::Relaxed) {
        false => Ok(()),
        true => Err(io::Error::other("it is closed")),
    }
}
