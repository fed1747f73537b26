//! Values as JSON: the one place that knows how text is escaped.
//!
//! Control characters, DEL and C1 included, are escaped, so that a row can neither break a line nor
//! drive a terminal. Numbers and raw JSON are written as they stand in the input.

use std::borrow::Cow;

use crate::number::{has_below, has_byte};
use crate::value::Value;

/// Whether a byte can stand in a JSON string as it is. 0xC2 cannot be told alone: C1 begins with it.
static PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 0x20 {
        plain[byte] = false;
        byte += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain[0x7f] = false;
    plain[0xc2] = false;
    plain
};

/// Writes text as a JSON string, with its quotes.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    write_json_bytes(text.as_bytes(), out);
}

/// As [`write_json_string`], for text that is known to be UTF-8.
pub fn write_json_bytes(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out, false);
    out.push(b'"');
}

/// Whether a short text with letters behind it surely stands in a JSON string as it is. `false` says nothing.
#[inline(always)]
pub(super) fn is_plain_json(text: u128) -> bool {
    // Of what is not ASCII some is escaped.
    let is_plain = |word: u64| {
        let is_ascii = word & 0x8080_8080_8080_8080 == 0;
        is_ascii & !has_below(word, b'"' + 1) & !has_byte(word, b'\\') & !has_byte(word, 0x7f)
    };
    is_plain(text as u64) & is_plain((text >> 64) as u64)
}

/// Writes a value as JSON. CSV fields are text.
pub fn write_json_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Written(text) => out.extend_from_slice(text.as_bytes()),
        Value::Number(number) => number.write(out),
        Value::Text(text) => write_json_string(text, out),
        Value::Untyped(text) => write_json_string(text, out),
        // Quotes and backslashes have their meaning there; what else is escaped can only stand in strings.
        Value::Json(raw) => write_escaped(&compact(raw.as_bytes()), out, true),
    }
}

/// JSON without the white space between its tokens.
fn compact(raw: &[u8]) -> Cow<'_, [u8]> {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    if !raw.iter().any(space) {
        return Cow::Borrowed(raw);
    }
    let (mut inside, mut escaped) = (false, false);
    let keep = |byte: &&u8| {
        let kept = inside || !space(byte);
        inside ^= **byte == b'"' && !escaped;
        escaped = inside && **byte == b'\\' && !escaped;
        kept
    };
    Cow::Owned(raw.iter().filter(keep).copied().collect())
}

/// Copies UTF-8 with escapes where a string needs them; `raw` JSON has those it needs already, save
/// for the control characters that JSON itself allows.
fn write_escaped(text: &[u8], out: &mut Vec<u8>, raw: bool) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut copied = 0;
    let mut at = 0;
    while let Some(skip) = text[at..].iter().position(|byte| !PLAIN[usize::from(*byte)]) {
        at += skip;
        let byte = text[at];
        let (code, len) = match byte {
            // U+0080 to U+00BF: the code is the second byte.
            0xc2 => match text.get(at + 1) {
                Some(code @ 0x80..=0x9f) => (*code, 2),
                _ => (0, 1),
            },
            0x7f => (byte, 1),
            _ if raw => (0, 1),
            _ => (byte, 1),
        };
        let keep = code == 0 && (byte == 0xc2 || raw);
        if !keep {
            out.extend_from_slice(&text[copied..at]);
            match code {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', code]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0x08 => out.extend_from_slice(b"\\b"),
                0x0c => out.extend_from_slice(b"\\f"),
                _ => {
                    out.extend_from_slice(b"\\u00");
                    out.extend_from_slice(&[HEX[usize::from(code >> 4)], HEX[usize::from(code & 15)]]);
                }
            }
            copied = at + len;
        }
        at += len;
    }
    out.extend_from_slice(&text[copied..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::Number;

    fn check(value: Value<'_>, want: &str) {
        let mut out = Vec::new();
        write_json_value(&value, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn escapes_what_json_and_terminals_need() {
        check(Value::Text("".into()), r#""""#);
        check(Value::Text("plain é ß 漢".into()), r#""plain é ß 漢""#);
        check(Value::Text("\"\\\n\r\t\u{8}\u{c}".into()), r#""\"\\\n\r\t\b\f""#);
        check(Value::Text("\0\u{1}\u{1b}\u{1f}\u{7f}".into()), r#""\u0000\u0001\u001b\u001f\u007f""#);
        check(
            Value::Text("a\u{80}b\u{9b}c\u{a0}d\u{bf}\u{c0}".into()),
            "\"a\\u0080b\\u009bc\u{a0}d\u{bf}\u{c0}\"",
        );
        check(Value::Text("é\u{85}".into()), r#""é\u0085""#);
        check(Value::Untyped("5"), r#""5""#);
    }

    #[test]
    fn other_values_stay_as_they_are() {
        check(Value::Null, "null");
        check(Value::Bool(true), "true");
        check(Value::Bool(false), "false");
        check(Value::Written("1.50e+3"), "1.50e+3");
        check(Value::Number(Number::Double(0.5)), "0.5");
        check(Value::Json("{\"a\":\t[1,\"\\n\\\"\"]}".into()), "{\"a\":[1,\"\\n\\\"\"]}");
        check(
            Value::Json(r#"{ "a b" : "\\", "c" : [ 1, "x \" y" ] }"#.into()),
            r#"{"a b":"\\","c":[1,"x \" y"]}"#,
        );
        check(Value::Json("[\"\u{7f}\u{9b}\u{a9}\"]".into()), "[\"\\u007f\\u009b\u{a9}\"]");
    }
}
