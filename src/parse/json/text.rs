//! Strings, numbers and words of JSON: where they end, and what escapes stand for.

use crate::parse::batch::CellKind;
use crate::parse::simd::{Lanes, WIDTH, load};

/// The first place from `at` on of a quote, a backslash or a control character; the end if there is none.
#[inline(always)]
pub fn string_stop<L: Lanes>(bytes: &[u8], mut at: usize) -> usize {
    loop {
        // Behind the end stand zeros, which are control characters.
        let stops = load::<L>(bytes, at).string_stops();
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += WIDTH;
    }
}

/// The place behind the closing quote of the string that goes on at `at`, and whether it is free of escapes up
/// to there; `None` if it is no string.
#[inline(always)]
pub fn string_end<L: Lanes>(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let (mut at, mut plain) = (at, true);
    loop {
        at = string_stop::<L>(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Some((at + 1, plain)),
            Some(b'\\') => at = escape_end(bytes, at)?,
            _ => return None,
        }
        plain = false;
    }
}

/// The place behind the escape whose backslash stands at `at`, the second half of a surrogate pair included.
#[inline]
pub fn escape_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => match hex4(bytes, at + 2)? {
            0xd800..=0xdbff => {
                let paired = bytes.get(at + 6..at + 8) == Some(b"\\u")
                    && matches!(hex4(bytes, at + 8), Some(0xdc00..=0xdfff));
                paired.then_some(at + 12)
            }
            0xdc00..=0xdfff => None,
            _ => Some(at + 6),
        },
        _ => None,
    }
}

/// The end of the whole number without a sign that starts at `at`; `None` if there is none, or perhaps none.
#[inline(always)]
pub fn integer_end<L: Lanes>(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = load::<L>(bytes, at).digits();
    has_whole(bytes, at, digits).then(|| at + digits.trailing_ones() as usize)
}

/// The same of a number with a point.
#[inline(always)]
pub fn decimal_end<L: Lanes>(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = load::<L>(bytes, at).digits();
    let point = digits.trailing_ones();
    let end = (digits | 1 << (point & 31)).trailing_ones();
    let is_decimal =
        has_whole(bytes, at, digits) && bytes.get(at + point as usize) == Some(&b'.') && end > point + 1;
    (is_decimal && end < WIDTH as u32).then(|| at + end as usize)
}

/// Whether digits begin with one, which is no zero if there are several, and end within the vector.
#[inline(always)]
fn has_whole(bytes: &[u8], at: usize, digits: u32) -> bool {
    digits & 1 == 1 && digits != u32::MAX && (bytes[at] != b'0' || digits & 2 == 0)
}

/// The end of the JSON number that starts at `at`; `None` if there is none.
#[inline(always)]
pub fn number_end<L: Lanes>(bytes: &[u8], at: usize) -> Option<usize> {
    let minus = u32::from(bytes.get(at) == Some(&b'-'));
    let digits = load::<L>(bytes, at).digits() >> minus;
    let whole = digits.trailing_ones();
    // What may go on behind the vector, or has an exponent, is rare.
    if whole > 28 {
        return number_end_slowly(bytes, at);
    }
    let mut end = at + (minus + whole) as usize;
    if whole == 0 || (whole > 1 && bytes[end - whole as usize] == b'0') {
        return None;
    }
    let mut next = bytes.get(end).copied().unwrap_or(0);
    if next == b'.' {
        let fraction = (digits >> (whole + 1)).trailing_ones();
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction as usize;
        if end - at > 30 {
            return number_end_slowly(bytes, at);
        }
        next = bytes.get(end).copied().unwrap_or(0);
    }
    if next | 0x20 == b'e' { number_end_slowly(bytes, at) } else { Some(end) }
}

/// [`number_end`] for all numbers, digit by digit.
#[inline(never)]
pub fn number_end_slowly(bytes: &[u8], mut at: usize) -> Option<usize> {
    let digits = |mut at: usize| {
        let start = at;
        while matches!(bytes.get(at), Some(b'0'..=b'9')) {
            at += 1;
        }
        (at > start).then_some(at)
    };
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at) {
        // No digit may follow a leading zero; callers see that none of what may follow a number does.
        Some(b'0') if matches!(bytes.get(at + 1), Some(b'0'..=b'9')) => return None,
        _ => digits(at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(at)?;
    }
    Some(at)
}

/// The word at `at` and its end.
#[inline]
pub fn word(bytes: &[u8], at: usize) -> Option<(usize, CellKind)> {
    let (word, kind): (&[u8], _) = match bytes.get(at)? {
        b't' => (b"true", CellKind::True),
        b'f' => (b"false", CellKind::False),
        b'n' => (b"null", CellKind::Null),
        _ => return None,
    };
    let end = at + word.len();
    (bytes.get(at..end) == Some(word)).then_some((end, kind))
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |unit, &byte| Some(unit << 4 | (byte as char).to_digit(16)?))
}

/// Unescapes the inside of a JSON string that a scanner has accepted.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let mut taken = 2;
        match rest[at + 1] {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                taken = 6;
                let mut code = hex4(rest, at + 2).unwrap_or(0xfffd);
                if let 0xd800..=0xdbff = code {
                    let low = hex4(rest, at + 8).unwrap_or(0xdc00);
                    code = 0x10000 + ((code - 0xd800) << 10) + (low & 0x3ff);
                    taken = 12;
                }
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            quoted => out.push(quoted),
        }
        rest = &rest[at + taken..];
    }
    out.extend_from_slice(rest);
}
