//! Regular expressions that come from data, compiled and remembered: most records name one of a few.
//!
//! What is remembered never changes a result: what a pattern compiles to depends on its text alone. Patterns of
//! LIKE are not here: making one takes no longer than looking it up.

use regex::Regex;

use super::regexes::compile_regex;

/// How many patterns are remembered: few enough to be looked through one by one.
const PATTERNS_MAX: usize = 16;

/// Longer patterns are compiled each time.
const TEXT_BYTES_MAX: usize = 1024;

/// The largest compiled size of one, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Patterns, and what they compile to or why they do not; the one used last stands first.
#[derive(Default)]
pub(super) struct Known(Vec<(Box<str>, Result<Regex, String>)>);

impl Known {
    /// What `then` makes of the regular expression with this text; else why it is none.
    pub(super) fn with<R>(&mut self, text: &str, then: impl FnOnce(&Regex) -> R) -> Result<R, String> {
        if text.len() > TEXT_BYTES_MAX {
            return compile_regex(text, COMPILED_BYTES_MAX).map(|regex| then(&regex));
        }
        match self.0.iter().position(|(known, _)| **known == *text) {
            Some(at) => self.0[..=at].rotate_right(1),
            None => {
                self.0.truncate(PATTERNS_MAX - 1);
                self.0.insert(0, (text.into(), compile_regex(text, COMPILED_BYTES_MAX)));
            }
        }
        match &self.0[0].1 {
            Ok(regex) => Ok(then(regex)),
            Err(reason) => Err(reason.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered() {
        let mut known = Known::default();
        let mut check = |pattern: &str, text: &str, want: Option<bool>, first: bool| {
            let before: Vec<Box<str>> = known.0.iter().map(|(text, _)| text.clone()).collect();
            assert_eq!(known.with(pattern, |regex| regex.is_match(text)).ok(), want, "{pattern}");
            assert_eq!(!before.contains(&pattern.into()), first, "{pattern}");
            assert!(known.0.len() <= PATTERNS_MAX);
        };
        check("^a", "ab", Some(true), true);
        check("^a", "ba", Some(false), false);
        check("(", "a", None, true);
        check("(", "a", None, false);
        // Long ones are not kept.
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        check(&long, &long, Some(true), true);
        check(&long, "x", Some(false), true);
        // Others push out what has not been used for longest.
        for n in 2..=PATTERNS_MAX {
            check(&"b".repeat(n), "bb", Some(n == 2), true);
            check("^a", "a", Some(true), false);
        }
        check("(", "a", None, true);
    }
}
