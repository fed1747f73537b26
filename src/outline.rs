//! Texts for people in sections: a title, then names and what there is to say of each.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use crate::error::{is_unprintable, printable};

/// Begins a section; all but the first stand behind a blank line.
pub fn section(text: &mut String, title: &str) {
    let gap = if text.is_empty() { "" } else { "\n" };
    *text += &format!("{gap}{title}\n");
}

/// Adds a line: two blanks, the name in so many columns, and what there is to say of it.
pub fn line(text: &mut String, columns: usize, name: &str, what: &str) {
    let (name, what) = (printable(name), printable(what));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {name:columns$}  {what}");
}

/// A word as a shell takes it. What must not reach a terminal, or is no UTF-8, is written as `$'...'`, which bash, zsh
/// and ksh read.
pub fn word(word: &OsStr) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Some(text) if !text.chars().any(is_unprintable) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let byte = |byte: &u8| match byte {
                b'\\' | b'\'' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                other => format!("\\x{other:02x}"),
            };
            format!("$'{}'", word.as_bytes().iter().map(byte).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        for (text, want) in [
            ("a/b-c_1.csv", "a/b-c_1.csv"),
            ("--window", "--window"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("count(*)", "'count(*)'"),
            ("a\nb'", r"$'a\x0ab\''"),
        ] {
            assert_eq!(word(text.as_ref()), want);
        }
        assert_eq!(word(OsStr::from_bytes(b"\xff\\")), r"$'\xff\\'");
    }
}
