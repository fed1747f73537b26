//! Group keys and ids as bytes: equal bytes for equal keys, and the order in which keys are written.
//!
//! Per field a tag, and for numbers and text their length and text. Numbers keep the text they were written
//! with: `1` and `1.0` are two keys, and so are `1` and `"1"`.

use std::borrow::Cow;
use std::cmp::Ordering;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::batch::{Cell, CellKind, field_value};
use crate::number::compare_written;
use crate::value::Value;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const TEXT: u8 = 4;

/// The hash of an encoded key. It may decide about speed only, never about a result.
#[inline]
pub fn hash(key: &[u8], seed: u64) -> u64 {
    if key.len() <= SHORT {
        return hash_short(u128::from_le_bytes(short(key)), seed);
    }
    xxh3_64_with_seed(key, seed)
}

/// [`hash`] of a key that is [`short`]. Both halves multiplied, and the product folded, as in wyhash (Wang Yi).
#[inline(always)]
pub(super) fn hash_short(word: u128, seed: u64) -> u64 {
    let (low, high) =
        (word as u64 ^ seed, (word >> 64) as u64 ^ seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15);
    let product = u128::from(low) * u128::from(high);
    product as u64 ^ (product >> 64) as u64
}

/// [`short`] of the key from `start` to `end` of the keys of a batch.
#[inline(always)]
pub fn short_within(keys: &[u8], start: usize, end: usize) -> [u8; SHORT] {
    match keys.get(start..).and_then(<[u8]>::first_chunk) {
        Some(window) if end - start <= SHORT => {
            (u128::from_le_bytes(*window) & BELOW[end - start]).to_le_bytes()
        }
        _ => short(&keys[start..end]),
    }
}

/// The longest key that [`short`] holds.
pub const SHORT: usize = 16;

/// A key of up to [`SHORT`] bytes, with zeros behind it. A longer one makes no sense.
#[inline(always)]
pub fn short(key: &[u8]) -> [u8; SHORT] {
    // Both ends, which may overlap in the middle, where they agree.
    let ends = match (key.first_chunk(), key.last_chunk(), key.first_chunk(), key.last_chunk()) {
        (Some(&first), Some(&last), _, _) if key.len() <= SHORT => {
            let (first, last) = (u64::from_le_bytes(first), u64::from_le_bytes(last));
            u128::from(first) | u128::from(last) << (8 * (key.len() - 8))
        }
        (None, _, Some(&first), Some(&last)) => {
            let (first, last) = (u32::from_le_bytes(first), u32::from_le_bytes(last));
            u128::from(first) | u128::from(last) << (8 * (key.len() - 4))
        }
        (None, ..) => key.iter().rev().fold(0, |sum, &byte| sum << 8 | u128::from(byte)),
        _ => 0,
    };
    ends.to_le_bytes()
}

/// Appends a value to an encoded key; `false` for objects and arrays, which cannot be keys.
#[inline]
pub fn encode(value: &Value<'_>, out: &mut Vec<u8>) -> bool {
    let (tag, text): (u8, &[u8]) = match value {
        Value::Null => (NULL, b""),
        Value::Bool(false) => (FALSE, b""),
        Value::Bool(true) => (TRUE, b""),
        Value::Written(text) => (NUMBER, text.as_bytes()),
        Value::Text(text) => (TEXT, text.as_bytes()),
        Value::Untyped(text) => (TEXT, text.as_bytes()),
        Value::Json(_) => return false,
        Value::Number(number) => {
            out.push(NUMBER);
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            number.write(out);
            let len = (out.len() - at - 4) as u32;
            out[at..at + 4].copy_from_slice(&len.to_le_bytes());
            return true;
        }
    };
    out.push(tag);
    if tag >= NUMBER {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text);
    }
    true
}

/// How many bytes stand before the text of an encoded field.
const HEAD: usize = 5;

/// The bytes before the n-th.
pub(super) const BELOW: [u128; SHORT + 1] = {
    let mut masks = [u128::MAX; SHORT + 1];
    let mut n = 0;
    while n < SHORT {
        masks[n] = (1 << (8 * n)) - 1;
        n += 1;
    }
    masks
};

/// An encoded field as a [`short`] key and its length. `None` says nothing: [`encode_field`] tells.
#[inline(always)]
pub(super) fn encode_short(cell: Cell, bytes: &[u8]) -> Option<(u128, usize)> {
    let tag = match cell.kind {
        CellKind::Number => NUMBER,
        CellKind::Text | CellKind::Untyped => TEXT,
        _ => return None,
    };
    let len = cell.len as usize;
    if len > SHORT - HEAD {
        return None;
    }
    let window = bytes.get(cell.start as usize..)?.first_chunk::<SHORT>()?;
    let text = u128::from_le_bytes(*window) & BELOW[len];
    Some((u128::from(tag) | (len as u128) << 8 | text << (8 * HEAD), HEAD + len))
}

/// What the only field of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortKind {
    /// A number, as it was written.
    Literal,
    /// Text.
    Text,
}

/// Of a [`short`] key of so many bytes, if it is of one field, a number or text: its text and how long it is. Zeros stand
/// behind the text. `None` says nothing.
#[inline(always)]
pub fn short_field(key: [u8; SHORT], key_len: usize) -> Option<(ShortKind, u128, usize)> {
    let word = u128::from_le_bytes(key);
    let (tag, len) = (word as u8, (word >> 8) as u32 as usize);
    let kind = if tag == NUMBER { ShortKind::Literal } else { ShortKind::Text };
    (tag >= NUMBER && HEAD + len == key_len).then_some((kind, word >> (8 * HEAD), len))
}

/// A text of so many bytes with letters in place of all that stands behind it.
#[inline(always)]
pub fn with_letters_behind(text: u128, len: usize) -> u128 {
    text | !BELOW[len] & u128::from_le_bytes([b'a'; SHORT])
}

/// Appends a field as it stands to an encoded key, as [`encode`] does its value.
#[inline(always)]
pub(super) fn encode_field(cell: Cell, bytes: &[u8], arena: &[u8], out: &mut Vec<u8>) -> bool {
    let tag = match cell.kind {
        CellKind::Number => NUMBER,
        _ if cell.is_text() => TEXT,
        _ => return encode(&field_value(bytes, arena, cell), out),
    };
    // Copies of a fixed length are a move or two, so a short text is copied with what stands behind it.
    const COPIED: usize = 32;
    let (at, len) = (out.len(), cell.len as usize);
    let window = cell.home(bytes, arena).get(cell.start as usize..).and_then(<[u8]>::first_chunk::<COPIED>);
    out.resize(at + HEAD + COPIED, 0);
    let room = &mut out[at..at + HEAD + COPIED];
    room[0] = tag;
    room[1..HEAD].copy_from_slice(&cell.len.to_le_bytes());
    match window {
        Some(window) if len <= COPIED => {
            room[HEAD..].copy_from_slice(window);
            out.truncate(at + HEAD + len);
        }
        _ => {
            out.truncate(at + HEAD);
            out.extend_from_slice(cell.text(bytes, arena));
        }
    }
    true
}

/// Whether these bytes are an encoded key of so many fields: what [`Fields`] and [`compare`] rely on.
pub fn is_encoded(mut key: &[u8], fields: usize) -> bool {
    let mut text = || -> Option<&[u8]> {
        let (&tag, rest) = key.split_first()?;
        if tag < NUMBER {
            key = rest;
            return Some(&[]);
        }
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        key = rest;
        (tag <= TEXT).then_some(text)
    };
    let all = (0..fields).all(|_| text().is_some_and(|text| std::str::from_utf8(text).is_ok()));
    all && key.is_empty()
}

/// The fields of an encoded key, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'k>(pub &'k [u8]);

/// A field of a key, for whoever writes it as it stands.
#[derive(Debug, Clone, Copy)]
pub enum FieldText<'k> {
    /// JSON `null`.
    Null,
    /// `true`, `false`, or a number as it was written.
    Literal(&'k [u8]),
    /// Text, in UTF-8.
    Text(&'k [u8]),
}

impl<'k> Fields<'k> {
    /// The next field as text.
    #[inline]
    pub fn next_text(&mut self) -> Option<FieldText<'k>> {
        let (tag, text) = self.field()?;
        Some(match tag {
            NULL => FieldText::Null,
            FALSE => FieldText::Literal(b"false"),
            TRUE => FieldText::Literal(b"true"),
            NUMBER => FieldText::Literal(text),
            _ => FieldText::Text(text),
        })
    }

    /// The next field's tag and text, which comparing takes as bytes.
    #[inline]
    fn field(&mut self) -> Option<(u8, &'k [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        if tag < NUMBER {
            self.0 = rest;
            return Some((tag, b""));
        }
        let (len, rest) = rest.split_first_chunk::<4>().expect("a key's texts have lengths");
        let (text, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
        self.0 = rest;
        Some((tag, text))
    }
}

fn utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("keys are made of text")
}

impl<'k> Iterator for Fields<'k> {
    type Item = Value<'k>;

    fn next(&mut self) -> Option<Value<'k>> {
        let (tag, text) = self.field()?;
        Some(match tag {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            NUMBER => Value::Written(utf8(text)),
            _ => Value::Text(Cow::Borrowed(utf8(text))),
        })
    }
}

/// The order of rows within a window: field by field, null, false, true, numbers by value and then by text,
/// text by bytes.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    compare_fields::<true>(a, b)
}

/// The same by values alone: numbers that are equal are so however they are written.
pub fn compare_values(a: &[u8], b: &[u8]) -> Ordering {
    compare_fields::<false>(a, b)
}

#[inline(always)]
fn compare_fields<const BY_TEXT: bool>(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (Fields(a), Fields(b));
    loop {
        let order = match (a.field(), b.field()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some((a, a_text)), Some((b, b_text))) => a.cmp(&b).then_with(|| match a {
                NUMBER => {
                    let by_value = compare_written(utf8(a_text), utf8(b_text));
                    if BY_TEXT { by_value.then_with(|| a_text.cmp(b_text)) } else { by_value }
                }
                _ => a_text.cmp(b_text),
            }),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The head of a key as a number: where two heads differ, they order as [`compare`] orders the keys.
pub fn head(key: &[u8]) -> u64 {
    const BEHIND_TAG: u64 = u64::MAX >> 8;
    let Some((tag, text)) = Fields(key).field() else { return 0 };
    let behind_tag = match (tag, text.first_chunk::<7>()) {
        (TEXT, Some(&[a, b, c, d, e, f, g])) => u64::from_be_bytes([0, a, b, c, d, e, f, g]),
        (TEXT, None) => {
            text.iter().chain([0; 7].iter()).take(7).fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        }
        (NUMBER, _) => number_head(text) >> 8,
        _ => 0,
    };
    u64::from(tag) << 56 | behind_tag & BEHIND_TAG
}

/// The nearest double of a number as one that orders alike: a greater number never has a lesser double.
fn number_head(text: &[u8]) -> u64 {
    let double: f64 = utf8(text).parse().expect("numbers are what JSON calls so");
    // Both zeros are one value.
    let bits = (double + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[Value<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        for value in values {
            assert!(encode(value, &mut out));
        }
        out
    }

    fn text(text: &str) -> Value<'_> {
        Value::Text(Cow::Borrowed(text))
    }

    /// A key has one encoding and one hash, whichever way it is made.
    #[test]
    fn short_keys_are_the_same_keys() {
        let mut random = fastrand::Rng::with_seed(5);
        let text: Vec<u8> = (0..60).map(|_| random.alphanumeric() as u8).collect();
        for kind in [CellKind::Text, CellKind::Untyped, CellKind::Number, CellKind::Null, CellKind::True] {
            for start in 0..text.len() as u32 {
                for len in 0..=18.min(text.len() as u32 - start) {
                    let cell = Cell { start, len, kind };
                    let (mut encoded, seed) = (b"before".to_vec(), random.u64(..));
                    assert!(encode_field(cell, &text, &[], &mut encoded));
                    let key = &encoded[6..];
                    if let Some((word, bytes)) = encode_short(cell, &text) {
                        assert_eq!(&word.to_le_bytes()[..bytes], key);
                        assert_eq!(word.to_le_bytes(), short(key));
                        assert_eq!(hash_short(word, seed), hash(key, seed));
                    }
                    let wanted = if key.len() <= SHORT { short(key) } else { [0; SHORT] };
                    assert_eq!(short_within(&encoded, 6, encoded.len()), wanted);
                    encoded.extend_from_slice(&text);
                    assert_eq!(short_within(&encoded, 6, encoded.len() - text.len()), wanted);
                }
            }
        }
    }

    #[test]
    fn order_is_by_type_then_value_then_text() {
        let ascending = [
            key(&[Value::Null]),
            key(&[Value::Bool(false)]),
            key(&[Value::Bool(true)]),
            key(&[Value::Written("-1e400")]),
            key(&[Value::Written("-2e300")]),
            key(&[Value::Written("-2")]),
            key(&[Value::Written("-1e-400")]),
            key(&[Value::Written("-0")]),
            key(&[Value::Written("0")]),
            key(&[Value::Written("0.0")]),
            key(&[Value::Written("1e-400")]),
            key(&[Value::Written("1")]),
            key(&[Value::Written("1.0")]),
            key(&[Value::Written("1.00000000000000000000000001")]),
            key(&[Value::Written("1e1")]),
            key(&[Value::Written("9007199254740992")]),
            key(&[Value::Written("9007199254740993")]),
            key(&[Value::Written("1e400")]),
            key(&[Value::Written("1e401")]),
            key(&[text("")]),
            key(&[text("\0")]),
            key(&[text("1")]),
            key(&[text("abcdefg")]),
            key(&[text("abcdefgh")]),
            key(&[text("b")]),
            key(&[text("b"), Value::Null]),
            key(&[text("é")]),
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{i} {j}");
                assert!(head(a).cmp(&head(b)) == i.cmp(&j) || head(a) == head(b), "{i} {j}");
            }
        }
    }

    #[test]
    fn what_is_no_key_is_told() {
        let whole = key(&[text("a\"b"), Value::Null, Value::Written("1.0"), Value::Bool(true)]);
        assert!(is_encoded(&whole, 4) && is_encoded(b"", 0));
        assert!(!is_encoded(&whole, 3) && !is_encoded(&whole, 5));
        assert!((0..whole.len()).all(|len| !is_encoded(&whole[..len], 4)));
        assert!(!is_encoded(&[5, 0, 0, 0, 0], 1) && !is_encoded(&[TEXT, 1, 0, 0, 0, 0xff], 1));
    }

    #[test]
    fn fields_come_back() {
        let key = key(&[text("a\"b"), Value::Null, Value::Written("1.0"), Value::Bool(true)]);
        let shown: Vec<String> = Fields(&key).map(|value| format!("{value:?}")).collect();
        assert_eq!(shown, [r#"Text("a\"b")"#, "Null", r#"Written("1.0")"#, "Bool(true)"]);
        assert!(!encode(&Value::Json(Cow::Borrowed("{}")), &mut Vec::new()));
    }
}
