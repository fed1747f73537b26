//! Names that stand for something that is open already: `/dev/stderr`, `/dev/fd/3`.
//!
//! Whoever opens such a name anew gets the file behind it from its start, and would empty it or write over what others
//! write there (`2>> log`). So what is open is used as it stands.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::io::{Errno, FdFlags};

const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// The number of the descriptor that a name stands for, if it does.
pub fn number(path: &Path) -> Option<u32> {
    match path.to_str()? {
        "/dev/stdin" => Some(0),
        "/dev/stdout" => Some(STDOUT),
        "/dev/stderr" => Some(STDERR),
        path => {
            let name = ["/dev/fd/", "/proc/self/fd/"].iter().find_map(|dir| path.strip_prefix(dir))?;
            // The system knows each by one name: neither `+3` nor `03` is another one for `3`.
            name.parse().ok().filter(|number: &u32| number.to_string() == name)
        }
    }
}

/// Whether a name is another one for standard output.
pub fn is_stdout(path: &Path) -> bool {
    number(path) == Some(STDOUT)
}

/// What a name stands for, to be written to where it stands; `None` if it is a name like others.
pub fn open(path: &Path) -> Option<io::Result<File>> {
    Some(match number(path)? {
        STDOUT => io::stdout().as_fd().try_clone_to_owned().map(File::from),
        STDERR => io::stderr().as_fd().try_clone_to_owned().map(File::from),
        number => handed_down(number).map(File::from),
    })
}

/// A duplicate of a descriptor that this process was started with. The two share their place in the file, so that what
/// whoever opened it writes next stands behind what is written here.
fn handed_down(number: u32) -> io::Result<OwnedFd> {
    let number = RawFd::try_from(number).map_err(|_| Errno::BADF)?;
    // SAFETY: a number that stands for nothing makes the calls below fail, and does no harm. What this process has opened
    // itself has an owner who may close it; all of that has FD_CLOEXEC, which nothing has that came through exec, and is
    // refused. What is left has no owner here: nobody closes it.
    let handed_down = unsafe { BorrowedFd::borrow_raw(number) };
    if rustix::io::fcntl_getfd(handed_down)?.contains(FdFlags::CLOEXEC) {
        return Err(Errno::BADF.into());
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(handed_down, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let check = |path: &str, want: Option<u32>| assert_eq!(number(Path::new(path)), want, "{path}");
        check("/dev/stderr", Some(2));
        check("/dev/fd/63", Some(63));
        check("/proc/self/fd/1", Some(1));
        check("/dev/fd/", None);
        check("/dev/fd/+3", None);
        check("/dev/fd/03", None);
        check("/dev/fd/x", None);
        check("/dev/null", None);
        check("stderr", None);
    }
}
