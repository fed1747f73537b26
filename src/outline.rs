//! Texts for people in sections: a title, then names and what there is to say of each.

use std::fmt::Write;

use crate::error::printable;

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
