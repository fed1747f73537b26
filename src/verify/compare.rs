//! Whether two files have the same bytes, and where they do not.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::Escaped;

/// What came of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub struct Compared {
    /// Bytes that are equal.
    pub bytes: u64,
    /// The first place at which they are not.
    pub difference: Option<Difference>,
}

/// The first byte in which two files differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its offset, from 0.
    pub offset: u64,
    /// The line it is on, from 1.
    pub line: u64,
    /// That line as it should be; `None` behind the end of the file.
    pub expected: Option<String>,
    /// That line as it is; `None` behind the end of the file.
    pub found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |line: &Option<String>| match line {
            Some(line) => format!("`{}`", Escaped(line)),
            None => "the end".to_owned(),
        };
        write!(f, "line {}, byte {}: ", self.line, self.offset)?;
        write!(f, "expected {}, found {}", shown(&self.expected), shown(&self.found))
    }
}

/// Compares two files. One that is not there counts as empty: outputs are made when the first row is due.
pub fn compare(expected: &Path, found: &Path) -> io::Result<Compared> {
    let (mut left, mut right) = (open(expected)?, open(found)?);
    let (mut bytes, mut line, mut line_start) = (0, 1, 0);
    loop {
        let (a, b) = (left.fill_buf()?, right.fill_buf()?);
        let len = a.len().min(b.len());
        let equal = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(len);
        for at in memchr::memchr_iter(b'\n', &a[..equal]) {
            (line, line_start) = (line + 1, bytes + at as u64 + 1);
        }
        let is_over = a.is_empty() && b.is_empty();
        bytes += equal as u64;
        if is_over {
            return Ok(Compared { bytes, difference: None });
        }
        if equal < len || len == 0 {
            let expected = line_at(expected, line_start)?;
            let found = line_at(found, line_start)?;
            let difference = Some(Difference { offset: bytes, line, expected, found });
            return Ok(Compared { bytes, difference });
        }
        left.consume(equal);
        right.consume(equal);
    }
}

fn open(path: &Path) -> io::Result<BufReader<Box<dyn Read>>> {
    const BUFFER_BYTES: usize = 1 << 16;
    let file: Box<dyn Read> = match File::open(path) {
        Ok(file) => Box::new(file),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Box::new(io::empty()),
        Err(cause) => return Err(cause),
    };
    Ok(BufReader::with_capacity(BUFFER_BYTES, file))
}

/// The beginning of the line that starts at an offset.
fn line_at(path: &Path, start: u64) -> io::Result<Option<String>> {
    const LINE_BYTES_MAX: u64 = 4096;
    let mut line = Vec::new();
    match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause),
        Ok(mut file) => {
            file.seek(SeekFrom::Start(start))?;
            BufReader::new(file.take(LINE_BYTES_MAX)).read_until(b'\n', &mut line)?;
        }
    }
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok((!line.is_empty()).then(|| String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &[u8], found: &[u8], bytes: u64, difference: Option<(u64, u64, &str)>) {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, expected).unwrap();
        std::fs::write(&b, found).unwrap();
        let compared = compare(&a, &b).unwrap();
        let place = compared.difference.as_ref().map(|found| (found.offset, found.line));
        assert_eq!((compared.bytes, place), (bytes, difference.map(|(offset, line, _)| (offset, line))));
        if let (Some(found), Some((_, _, text))) = (compared.difference, difference) {
            assert!(found.to_string().contains(text), "{found}");
        }
    }

    #[test]
    fn the_first_byte_that_differs() {
        check(b"", b"", 0, None);
        check(b"a\nb\n", b"a\nb\n", 4, None);
        check(b"a\nb\n", b"a\nc\n", 2, Some((2, 2, "line 2, byte 2: expected `b`, found `c`")));
        check(b"a\nb\n", b"a\n", 2, Some((2, 2, "expected `b`, found the end")));
        check(b"a\n", b"a\nb", 2, Some((2, 2, "expected the end, found `b`")));
        check(b"a\nbcd\n", b"a\nbce\n", 4, Some((4, 2, "expected `bcd`, found `bce`")));
        check(b"a\n", b"a", 1, Some((1, 1, "expected `a`, found `a`")));
        check(b"\x1b[1m\n", b"\xff\n", 0, Some((0, 1, "expected `\\u{1b}[1m`, found `\u{fffd}`")));
    }

    /// Longer than a buffer, at any place.
    #[test]
    fn long_files() {
        let lines: Vec<u8> = (0..40_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        check(&lines, &lines, lines.len() as u64, None);
        for at in [0, 65_535, 65_536, 65_537, 131_072, lines.len() - 2] {
            let mut other = lines.clone();
            other[at] = b'x';
            let line = 1 + lines[..at].iter().filter(|&&byte| byte == b'\n').count() as u64;
            check(&lines, &other, at as u64, Some((at as u64, line, "found `")));
        }
    }

    #[test]
    fn a_missing_file_is_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let (none, some) = (dir.path().join("none"), dir.path().join("some"));
        std::fs::write(&some, "a\n").unwrap();
        assert_eq!(compare(&none, &none).unwrap(), Compared { bytes: 0, difference: None });
        let found = compare(&none, &some).unwrap().difference.unwrap();
        assert_eq!((found.expected, found.found.as_deref()), (None, Some("a")));
    }
}
