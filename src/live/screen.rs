//! Lines on a terminal in place of the ones before.
//!
//! What is to be written for a frame is one text, and leaves the cursor as everybody else wants it: shown, at the start of
//! the line below. So however a run ends, there is nothing to put right.

use crate::chart::label::width;

/// What stands on the screen.
#[derive(Debug, Default)]
pub struct Screen {
    /// The widths of the lines above the cursor, which were put there.
    lines: Vec<usize>,
    /// The columns of the terminal then.
    columns: usize,
}

/// From here on the terminal shows nothing until the frame is whole (those that know how), hides the cursor, and does not
/// go on in the next line at the right edge.
const BEGIN: &str = "\x1b[?2026h\x1b[?25l\x1b[?7l";
const END: &str = "\x1b[?7h\x1b[?25h\x1b[?2026l";

impl Screen {
    /// What puts these lines in place of the ones before, on a terminal of so many columns and lines. `above`: lines that
    /// are to stay above them.
    pub fn frame(&mut self, above: &[String], lines: &[String], (columns, rows): (usize, usize)) -> String {
        let mut text = format!("{BEGIN}\r");
        // Where a terminal has become narrower it has broken the lines, most terminals at least.
        let broken =
            |width: &usize| if columns < self.columns { width.div_ceil(columns.max(1)).max(1) } else { 1 };
        let up = self.lines.iter().map(broken).sum::<usize>().min(rows.saturating_sub(1));
        if up > 0 {
            text += &format!("\x1b[{up}A");
        }
        if columns != self.columns {
            text += "\x1b[J";
        }
        if !above.is_empty() {
            text += "\x1b[?7h";
            above.iter().for_each(|line| text += &format!("{line}\x1b[K\r\n"));
            text += "\x1b[?7l";
        }
        let lines = &lines[..lines.len().min(rows.saturating_sub(1))];
        self.lines = lines.iter().map(|line| width(&plain(line))).collect();
        self.columns = columns;
        for (line, &width) in lines.iter().zip(&self.lines) {
            // Behind a full line the cursor stands on its last character.
            let clear = if width < columns { "\x1b[K" } else { "" };
            text += &format!("{line}{clear}\r\n");
        }
        text += "\x1b[J";
        text += END;
        text
    }

    /// What stood there has been written over by others: the next frame comes below.
    pub fn forget(&mut self) {
        self.lines.clear();
    }
}

/// A line without the sequences that colour it.
pub fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find("\x1b[") {
        text += &rest[..start];
        let sequence = &rest[start + 2..];
        rest = sequence.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &sequence[end + 1..]);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| (*line).to_owned()).collect()
    }

    /// Without what stands around every frame.
    fn inside(text: &str) -> &str {
        let inside = text.strip_prefix(BEGIN).and_then(|text| text.strip_suffix(END));
        inside.expect("a frame begins and ends")
    }

    #[test]
    fn frames_replace_each_other() {
        let mut screen = Screen::default();
        let first = screen.frame(&[], &lines(&["a", "b"]), (20, 10));
        assert_eq!(inside(&first), "\r\x1b[Ja\x1b[K\r\nb\x1b[K\r\n\x1b[J");
        let second = screen.frame(&[], &lines(&["c"]), (20, 10));
        assert_eq!(inside(&second), "\r\x1b[2Ac\x1b[K\r\n\x1b[J");
        let warned = screen.frame(&lines(&["w"]), &lines(&["d"]), (20, 10));
        assert_eq!(inside(&warned), "\r\x1b[1A\x1b[?7hw\x1b[K\r\n\x1b[?7ld\x1b[K\r\n\x1b[J");
        screen.forget();
        assert_eq!(inside(&screen.frame(&[], &lines(&["e"]), (20, 10))), "\re\x1b[K\r\n\x1b[J");
    }

    #[test]
    fn frames_fit_and_follow_the_size() {
        let mut screen = Screen::default();
        let found = screen.frame(&[], &lines(&["a"; 9]), (20, 4));
        assert_eq!(found.matches("a\x1b[K").count(), 3, "the cursor has the last line");
        // Each of two lines of 20 is broken into three of 8.
        let wide = format!("\x1b[1m{}\x1b[0m", "x".repeat(20));
        let full = screen.frame(&[], &lines(&[&wide, &wide]), (20, 30));
        assert!(!full.contains("\x1b[K"), "what is full is not cleared: {full:?}");
        let narrow = screen.frame(&[], &lines(&["y"]), (8, 30));
        assert!(inside(&narrow).starts_with("\r\x1b[6A\x1b[J"), "{narrow:?}");
        assert!(inside(&screen.frame(&[], &[], (30, 30))).starts_with("\r\x1b[1A\x1b[J"));
        assert!(!screen.frame(&[], &[], (0, 0)).is_empty());
    }
}
