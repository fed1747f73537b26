//! Changes to a line of text, one place at a time: bytes, tokens, and what stands between two separators.

use std::ops::Range;

use fastrand::Rng;

/// What is put into lines of a format.
pub struct Words {
    /// Bytes that mean something.
    pub bytes: &'static [u8],
    /// Tokens that mean something, or nearly.
    pub tokens: &'static [&'static [u8]],
}

#[rustfmt::skip]
pub const JSON: Words = Words {
    bytes: b"{}[]\",:\\u0123456789eE+-.truefalsnx \t\r\n/\x00\x1f\x7f\x80\xc3\xa9\xff",
    tokens: &[
        b"0", b"-0", b"-", b"01", b"1.", b".5", b"1e", b"1e5", b"1E+05", b"-1.5e-3", b"1e308", b"1e309",
        b"4.9e-324", b"1e-400", b"9007199254740993", b"18446744073709551615", b"18446744073709551616",
        b"123456789012345678901234567890", b"0.1000000000000000055511151231257827", b"NaN", b"Infinity",
        b"true", b"false", b"null", b"True", b"nul", b"nulll", b"\"\"", b"\"ts\"", b"\"t\\u0073\"",
        b"\"page\"", b"\"b\"", b"\"d\"", b"\"\\u0000\"", b"\"\\ud83d\\ude00\"", b"\"\\ud83d\"",
        b"\"\\ude00\"", b"\"\\u00e\"", b"\"\\x\"", b"\"\\n\"", b"\"\\\\\"", b"\"\\\"\"", b"\"\xc3\xa9\"",
        b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\"\xf0\x9f\x98\x80\"", b"{}", b"[]", b"[1,2]",
        b"{\"u\":{\"id\":1}}", b"{\"b\":1}", b"[[]]", b"//", b"'", b"\\", b"\"", b" ", b"\t", b"\r", b"\n",
        b"\xef\xbb\xbf", b",", b":", b"}", b"]", b"{", b"[",
    ],
};

#[rustfmt::skip]
pub const CSV: Words = Words {
    bytes: b",;\t\"\"'0123456789abc.-e \r\n\x00\x7f\x80\xc3\xa9\xff",
    tokens: &[
        b"", b"0", b"-1.5", b"1e5", b"text", b"\"\"", b"\"\"\"\"", b"\"a\"", b"\"a,b\"", b"\"a\"\"b\"",
        b"\"a\nb\"", b"\"a\r\nb\"", b"\"a\"b", b"a\"b", b"\"a", b"a\"", b",", b",,", b"\r\n", b"\n", b"\r",
        b"\n\n", b"\xc3\xa9", b"\xc3", b"\xf0\x9f\x98\x80", b"\"\r\"", b"\" \"", b" \"a\"", b"\"\",\"\"",
    ],
};

/// Changes a line in one place, which may leave it as it is.
pub fn change(line: &mut Vec<u8>, words: &Words, random: &mut Rng) {
    if line.is_empty() {
        line.extend_from_slice(any(words.tokens, random));
        return;
    }
    let at = random.usize(..line.len());
    match random.u8(..24) {
        // Mostly of the same kind, so that lines go on fitting what was learnt from others.
        0..=3 => line[at] = alike(line[at], random),
        4 | 5 => line[at] = any(words.bytes, random),
        6 => line[at] = random.u8(..),
        7 => line[at] ^= 1 << random.u8(..8),
        8 | 9 => line.insert(at, any(words.bytes, random)),
        10 | 11 => drop(line.remove(at)),
        12 => line.insert(at, line[at]),
        13 => {
            let other = random.usize(..line.len());
            line.swap(at, other);
        }
        14 => drop(line.drain(at..random.usize(at..line.len().min(at + 9)))),
        15 if random.bool() => line.truncate(at),
        15 | 16 => put(line, at..at, any(words.tokens, random)),
        17 | 18 => put(line, token(line, at), any(words.tokens, random)),
        19 => drop(line.drain(token(line, at))),
        20 => double(line, token(line, at)),
        21 => swap(line, token(line, at), token, random),
        22 => swap(line, member(line, at), member, random),
        _ => one_member(line, at, random),
    }
}

fn any<T: Copy>(all: &[T], random: &mut Rng) -> T {
    all[random.usize(..all.len())]
}

/// Another byte of the same kind.
fn alike(byte: u8, random: &mut Rng) -> u8 {
    match byte {
        b'0'..=b'9' => random.u8(b'0'..=b'9'),
        b'a'..=b'z' => random.u8(b'a'..=b'z'),
        b'A'..=b'Z' => random.u8(b'A'..=b'Z'),
        other => other,
    }
}

/// The token around a place: a word or number, what stands in quotes, or one sign.
fn token(line: &[u8], at: usize) -> Range<usize> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(byte) || *byte >= 0x80;
    if is_word(&line[at]) {
        let before = line[..at].iter().rev().take_while(|byte| is_word(byte)).count();
        let behind = line[at..].iter().take_while(|byte| is_word(byte)).count();
        return at - before..at + behind;
    }
    let close = match line[at] {
        b'"' => memchr::memchr(b'"', &line[at + 1..]),
        _ => None,
    };
    at..close.map_or(at + 1, |close| at + close + 2)
}

/// What stands around a place between two commas, or a comma and the brackets that enclose the line.
fn member(line: &[u8], at: usize) -> Range<usize> {
    let first = usize::from(line[0] == b'{');
    let last = line.len() - usize::from(line.len() > 1 && line.ends_with(b"}"));
    let start = memchr::memrchr(b',', &line[..at]).map_or(first, |comma| comma + 1);
    let end = memchr::memchr(b',', &line[at..]).map_or(last, |comma| at + comma);
    start.min(end)..end.max(start)
}

/// Leaves a member out, or doubles it.
fn one_member(line: &mut Vec<u8>, at: usize, random: &mut Rng) {
    let member = member(line, at);
    if random.bool() {
        // With the comma behind it, or the one before it.
        match line.get(member.end) {
            Some(b',') => drop(line.drain(member.start..=member.end)),
            _ => drop(line.drain(member.start.saturating_sub(1)..member.end)),
        }
    } else {
        line.insert(member.end, b',');
        let copy = line[member.clone()].to_vec();
        put(line, member.end + 1..member.end + 1, &copy);
    }
}

fn put(line: &mut Vec<u8>, place: Range<usize>, text: &[u8]) {
    line.splice(place, text.iter().copied());
}

fn double(line: &mut Vec<u8>, stretch: Range<usize>) {
    let copy = line[stretch.clone()].to_vec();
    put(line, stretch.end..stretch.end, &copy);
}

/// Exchanges a stretch for another, found around another place.
fn swap(
    line: &mut Vec<u8>,
    one: Range<usize>,
    find: impl Fn(&[u8], usize) -> Range<usize>,
    random: &mut Rng,
) {
    let other = find(line, random.usize(..line.len()));
    let (first, second) = if one.start < other.start { (one, other) } else { (other, one) };
    if first.end <= second.start {
        let texts = (line[first.clone()].to_vec(), line[second.clone()].to_vec());
        put(line, second, &texts.0);
        put(line, first, &texts.1);
    }
}
