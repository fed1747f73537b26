//! Why a source cannot be read further, in words for the user.
//!
//! Knows no source names: whoever reports a fault adds the name.

use std::fmt;
use std::io;

use super::magic::Kind;

/// What stopped a source.
#[derive(Debug)]
pub(super) enum Fault {
    /// The operating system refused.
    Io(io::Error),
    /// The file became shorter while it was read.
    Shrunk {
        /// How many bytes of it had been read.
        read: u64,
        /// How many it has now.
        size: u64,
    },
    /// Another file stands under the name now.
    Replaced,
    /// No file stands under the name any more.
    Removed,
    /// A compressed stream ends in the middle.
    Cut(Kind),
    /// A compressed stream cannot be decoded.
    Damaged {
        /// What it is.
        kind: Kind,
        /// The decoder's words.
        detail: String,
    },
    /// A compressed stream is followed by bytes that are not one.
    Trailing {
        /// What it is.
        kind: Kind,
        /// Where they start in the file as stored.
        at: u64,
    },
    /// A compressed stream asks for more memory than is granted.
    Memory(Kind),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

impl From<rustix::io::Errno> for Fault {
    fn from(error: rustix::io::Errno) -> Fault {
        Fault::Io(error.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Io(error) => f.write_str(&words(error)),
            Fault::Shrunk { read, size } => write!(
                f,
                "the file was truncated while being read ({read} bytes were read, it has {size} now); \
                 run again when nothing writes to it"
            ),
            Fault::Replaced => {
                f.write_str("the file was replaced while being read; run again when nothing moves it")
            }
            Fault::Removed => f.write_str(
                "the file was moved or removed while being read; run again when nothing moves it, \
                 or raise ulimit -n so that it can stay open",
            ),
            Fault::Cut(kind) => write!(
                f,
                "the {kind} stream ends in the middle (truncated archive?); everything before was processed \
                 ({kind} -dc FILE | windrow ... takes that for all there is)"
            ),
            Fault::Damaged { kind, detail } => {
                write!(f, "the {kind} stream is damaged ({detail}); everything before was processed")
            }
            Fault::Trailing { kind, at } => write!(
                f,
                "the {kind} stream is followed by something else at byte {at} of the file; \
                 everything before was processed"
            ),
            Fault::Memory(Kind::Zstd) => f.write_str(
                "the zstd stream needs a window of more than 128 MiB (made with --long or --ultra); \
                 decompress it with zstd -dc --long=31 and pipe the result in",
            ),
            Fault::Memory(kind) => write!(
                f,
                "the {kind} stream needs more than 256 MiB of memory; decompress it with {kind} -dc \
                 and pipe the result in"
            ),
        }
    }
}

/// The reason the operating system gives, in the form of our own messages, with a way out where one exists.
fn words(error: &io::Error) -> String {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        Some(Errno::ISDIR) => return "is a directory; name the files in it".to_owned(),
        Some(Errno::MFILE | Errno::NFILE) => {
            return "too many open files; raise the limit with ulimit -n".to_owned();
        }
        Some(Errno::NXIO) => return "is a socket or has no device behind it; cannot be read".to_owned(),
        _ => {}
    }
    crate::error::words(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fault: Fault, expected: &str) {
        assert_eq!(fault.to_string(), expected);
    }

    #[test]
    fn reasons_are_lower_case_and_say_what_to_do() {
        check(io::Error::from_raw_os_error(2).into(), "no such file or directory");
        check(io::Error::from_raw_os_error(13).into(), "permission denied");
        check(rustix::io::Errno::ISDIR.into(), "is a directory; name the files in it");
        check(rustix::io::Errno::IO.into(), "input/output error");
        check(
            Fault::Cut(Kind::Gzip),
            "the gzip stream ends in the middle (truncated archive?); everything before was processed \
             (gzip -dc FILE | windrow ... takes that for all there is)",
        );
    }
}
