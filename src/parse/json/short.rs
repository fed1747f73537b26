//! Members that stand within one wide vector: `"name":value` with a text without escapes or a number without an
//! exponent.
//!
//! Where the order of members varies, nothing about the next one can be foreseen: not how long its name is, nor
//! whether its value is a text, nor where that ends. So all of it is worked out for either case from masks of the
//! bytes, and one is chosen; the only branch is whether all went well. Everything else is left to the scanner.

use std::hint::select_unpredictable;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::Head;
use crate::parse::batch::CellKind;
use crate::parse::simd::{Lanes, WIDE, wide};

/// A member.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Short {
    /// Where its name stands, and the head of that.
    pub name: Range<usize>,
    pub head: Head,
    /// Where its value stands, the quotes of a text left out.
    pub start: u32,
    pub len: u32,
    /// [`CellKind::Text`] or [`CellKind::Number`].
    pub kind: CellKind,
    /// The place of the comma or the brace behind it.
    pub end: usize,
}

/// The member whose name begins with the quote at `at`. `None` says nothing.
#[inline(always)]
pub(super) fn short_member<L: Lanes>(bytes: &[u8], at: usize) -> Option<Short> {
    let mut copy = MaybeUninit::uninit();
    let window = wide(bytes, at, &mut copy);
    let quotes = L::equal_wide(window, b'"');
    let escapes = L::string_stops_wide(window) & !quotes;
    let digits = L::digits_wide(window);
    let points = L::equal_wide(window, b'.');
    let spaces = L::equal_wide(window, b' ');
    // Names end at the second quote. Shifts by 64 and more never count: whatever they give, `ends` is false then.
    let name_end = after_first(quotes).trailing_zeros();
    let colon = byte(window, name_end + 1);
    let value = name_end + 2 + (spaces >> ((name_end + 2) % 64)) as u32 % 2;
    let starts = quotes % 2 == 1;
    let quotes = quotes >> (value % 64);
    let is_text = quotes % 2 == 1;
    // Of a text, what stands between its quotes.
    let text_end = value + after_first(quotes).trailing_zeros();
    // Of a number, the digits, and others behind a point.
    let first = byte(window, value);
    let minus = u32::from(first == b'-');
    let whole = value + minus;
    let others = !digits >> (whole % 64);
    let whole_len = others.trailing_zeros();
    let point = whole + whole_len;
    let has_point = (points >> (point % 64)) % 2 == 1;
    let fraction_end = whole + after_first(others).trailing_zeros();
    let number_end = select_unpredictable(has_point, fraction_end, point);
    let has_zero = (byte(window, whole) == b'0') & (whole_len > 1);
    let is_number = (whole_len > 0) & !has_zero & (!has_point | (fraction_end > point + 1));
    // What ends it, and whether that is all as it must be.
    let end = select_unpredictable(is_text, text_end + 1, number_end);
    let last = byte(window, end);
    let ends = (end < WIDE as u32) & ((last == b',') | (last == b'}'));
    let before_end = !(u64::MAX << (end % 64));
    let is_member = ends & starts & (colon == b':') & (is_text | is_number);
    if !is_member | (escapes & before_end != 0) {
        return None;
    }
    let name: &[u8; 16] = window[1..17].try_into().expect("sixteen bytes");
    let quote = u32::from(is_text);
    Some(Short {
        name: at + 1..at + name_end as usize,
        head: Head::new(name, name_end as usize - 1),
        start: at as u32 + value + quote,
        len: end - value - 2 * quote,
        kind: select_unpredictable(is_text, CellKind::Text, CellKind::Number),
        end: at + end as usize,
    })
}

/// The mask without its lowest bit.
#[inline(always)]
fn after_first(mask: u64) -> u64 {
    mask & mask.wrapping_sub(1)
}

/// A byte of the window; any of them behind its end.
#[inline(always)]
fn byte(window: &[u8; WIDE], offset: u32) -> u8 {
    window[offset as usize % WIDE]
}

#[cfg(test)]
mod tests {
    use super::super::text::{number_end, string_end};
    use super::*;
    use crate::parse::simd::{Level, Work};

    /// A member by itself, against the readers of strings and numbers; returns whether it was read.
    struct Check<'t>(&'t str);

    impl Work for Check<'_> {
        type Output = bool;

        #[inline(always)]
        fn run<L: Lanes>(self) -> bool {
            let text = self.0;
            // Something else stands before it, and behind it or not.
            let mut was_read = None;
            for (before, behind) in [(0, 0), (3, 0), (70, 1), (0, 90)] {
                let bytes = [&vec![b'"'; before], text.as_bytes(), &vec![b'7'; behind]].concat();
                let read = short_member::<L>(&bytes, before);
                assert_eq!(read.is_some(), *was_read.get_or_insert(read.is_some()), "{text}");
                let Some(Short { name, head, start, len, kind, end }) = read else { continue };
                assert_eq!(string_end::<L>(&bytes, before + 1), Some((name.end + 1, true)), "{text}");
                assert_eq!((name.start, head), (before + 1, Head::of(&bytes[name.clone()])), "{text}");
                let colon = name.end + 1;
                let value = if bytes[colon + 1] == b' ' { colon + 2 } else { colon + 1 };
                let (start, stop) = (start as usize, start as usize + len as usize);
                let wanted = match bytes[value] {
                    b'"' => (CellKind::Text, value + 1, string_end::<L>(&bytes, value + 1).unwrap().0 - 1),
                    _ => (CellKind::Number, value, number_end::<L>(&bytes, value).unwrap()),
                };
                assert_eq!((bytes[colon], kind, start, stop), (b':', wanted.0, wanted.1, wanted.2), "{text}");
                assert_eq!(end, stop + usize::from(kind == CellKind::Text), "{text}");
                assert!(matches!(bytes[end], b',' | b'}'), "{text}");
            }
            was_read.expect("it was tried")
        }
    }

    #[test]
    fn usual_members_are_read() {
        let long = format!("\"{}\":1,", "n".repeat(59));
        let usual = [
            "\"a\":1,",
            "\"\":\"\"}",
            "\"a\": 1}",
            "\"b c\": \"x, y} z: 1.5\",",
            "\"a\":-0.25,",
            "\"a\":0}",
            "\"sixteen and more letters\":1234567890123456789.5,",
            &long,
        ];
        let others = [
            "\"a\":01,",
            "\"a\":.5,",
            "\"a\":5.,",
            "\"a\":1.2.3,",
            "\"a\":1e5,",
            "\"a\":-,",
            "\"a\":+1,",
            "\"a\":,",
            "\"a\":1 ,",
            "\"a\" :1,",
            "\"a\":  1,",
            "\"a\"1,",
            "\"a\\n\":1,",
            "\"a\":\"\\u0041\",",
            "\"a\":\"x\"y,",
            "\"a\":\"\u{1}\",",
            "\"a\":true,",
            "\"a\":{},",
            "\"a\":[],",
            "\"a\":1]",
            "a\":1,",
            "\"a,",
            "\"a\"",
            "\"a\":\"x",
            "\"a\":1",
        ];
        for level in Level::all() {
            usual.iter().for_each(|text| assert!(level.run(Check(text)), "{text}"));
            others.iter().for_each(|text| assert!(!level.run(Check(text)), "{text}"));
        }
    }

    #[test]
    fn whatever_is_read_is_read_alike() {
        let mut random = fastrand::Rng::with_seed(3);
        let parts =
            ["\"", "\"", ":", " ", ",", "}", "-", ".", "0", "12", "345678901234", "abc", "\\", "\u{e9}", "e"];
        let mut count = 0;
        for _ in 0..60_000 {
            let mut text = String::from(["\"a\":", "\"name\": \"", "\"", ""][random.usize(..4)]);
            (0..random.usize(..9)).for_each(|_| text.push_str(parts[random.usize(..parts.len())]));
            count += Level::all().filter(|level| level.run(Check(&text))).count();
        }
        assert!(count > 1500, "{count} were read");
    }
}
