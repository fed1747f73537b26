//! Compression formats, recognised by their first bytes.

use std::fmt;

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// bzip2.
    Bzip2,
    /// The .xz file format.
    Xz,
    /// The LZ4 frame format.
    Lz4,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Gzip => "gzip",
            Kind::Zstd => "zstd",
            Kind::Bzip2 => "bzip2",
            Kind::Xz => "xz",
            Kind::Lz4 => "lz4",
        })
    }
}

/// What a stream begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing that is known here.
    Plain,
    /// So far the beginning of a known mark: more bytes are needed to tell.
    Short,
    /// A member or frame of this format.
    Member(Kind),
    /// A skippable frame, as zstd and lz4 streams may hold them: a mark and a length of four bytes each.
    Skippable,
}

/// The marks that are plain byte strings.
const MARKS: [(Kind, &[u8]); 4] = [
    (Kind::Gzip, &[0x1f, 0x8b]),
    (Kind::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
    (Kind::Lz4, &[0x04, 0x22, 0x4d, 0x18]),
    (Kind::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0x00]),
];

/// Behind `BZh` and a level: the mark of a block, or that of the end of an empty stream. Looked at
/// because a text may well begin with `BZh1`.
const BZIP2_NEXT: [[u8; 6]; 2] = [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];

/// Recognises what `bytes`, the start of a stream or of what follows a member, begins with.
/// `whole` says that no more bytes follow: then the answer is never [`Start::Short`].
pub(super) fn recognise(bytes: &[u8], whole: bool) -> Start {
    let mut short = false;
    for (kind, mark) in MARKS {
        match common(bytes, mark) {
            n if n == mark.len() => return Start::Member(kind),
            n => short |= n == bytes.len(),
        }
    }
    match bzip2(bytes) {
        Some(10) => return Start::Member(Kind::Bzip2),
        Some(4..) if whole => return Start::Member(Kind::Bzip2),
        Some(_) => short = true,
        None => {}
    }
    if let [0x50..=0x5f, rest @ ..] = bytes {
        match common(rest, &[0x2a, 0x4d, 0x18]) {
            3 => return Start::Skippable,
            n => short |= n == rest.len(),
        }
    }
    if short && !whole { Start::Short } else { Start::Plain }
}

/// How many of the ten bytes of a bzip2 start are there; `None` if one of them is another.
fn bzip2(bytes: &[u8]) -> Option<usize> {
    let (head, next) = bytes.split_at(bytes.len().min(4));
    let head_fits =
        common(head, b"BZh") == head.len().min(3) && matches!(head.get(3), None | Some(b'1'..=b'9'));
    let next = &next[..next.len().min(6)];
    let next_fits = BZIP2_NEXT.iter().any(|mark| common(next, mark) == next.len());
    (head_fits && next_fits).then_some(head.len() + next.len())
}

/// The length of the common beginning.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], so_far: Start, whole: Start) {
        assert_eq!(recognise(bytes, false), so_far);
        assert_eq!(recognise(bytes, true), whole);
    }

    #[test]
    fn marks() {
        check(b"", Start::Short, Start::Plain);
        check(b"\x1f", Start::Short, Start::Plain);
        check(b"\x1f\x8b", Start::Member(Kind::Gzip), Start::Member(Kind::Gzip));
        check(b"\x1f\x8a", Start::Plain, Start::Plain);
        check(b"\x28\xb5\x2f", Start::Short, Start::Plain);
        check(b"\x28\xb5\x2f\xfd!", Start::Member(Kind::Zstd), Start::Member(Kind::Zstd));
        check(b"\x04\x22\x4d\x18", Start::Member(Kind::Lz4), Start::Member(Kind::Lz4));
        check(b"\xfd7zXZ", Start::Short, Start::Plain);
        check(b"\xfd7zXZ\0", Start::Member(Kind::Xz), Start::Member(Kind::Xz));
        check(b"{\"a\":1}", Start::Plain, Start::Plain);
    }

    #[test]
    fn bzip2_is_told_from_text() {
        check(b"BZh", Start::Short, Start::Plain);
        check(b"BZh9", Start::Short, Start::Member(Kind::Bzip2));
        check(b"BZh91AY&SY", Start::Member(Kind::Bzip2), Start::Member(Kind::Bzip2));
        check(b"BZh1\x17\x72\x45\x38\x50\x90", Start::Member(Kind::Bzip2), Start::Member(Kind::Bzip2));
        check(b"BZh1,name", Start::Plain, Start::Plain);
        check(b"BZh0", Start::Plain, Start::Plain);
    }

    #[test]
    fn skippable_frames() {
        check(b"\x50\x2a\x4d\x18", Start::Skippable, Start::Skippable);
        check(b"\x5f\x2a\x4d\x18", Start::Skippable, Start::Skippable);
        check(b"P*", Start::Short, Start::Plain);
        check(b"Price", Start::Plain, Start::Plain);
    }
}
