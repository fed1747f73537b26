//! Names that stand for something that is open already: `/dev/stderr`, `/dev/fd/3`.
//!
//! Whoever opens such a name anew gets the file behind it from its start, and would empty it or write over what others
//! write there (`2>> log`). So what is open is used as it stands.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// The number of the descriptor that a name stands for, if it does.
pub fn number(path: &Path) -> Option<u32> {
    match path.to_str()? {
        "/dev/stdin" => Some(0),
        "/dev/stdout" => Some(STDOUT),
        "/dev/stderr" => Some(STDERR),
        path => {
            let number = ["/dev/fd/", "/proc/self/fd/"].iter().find_map(|dir| path.strip_prefix(dir))?;
            number.parse().ok()
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
        // Nobody else in this process writes there: the end of the file will do.
        _ => OpenOptions::new().append(true).open(path),
    })
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
        check("/dev/fd/x", None);
        check("/dev/null", None);
        check("stderr", None);
    }
}
