//! Patterns of LIKE: `%` is any run of characters, `_` any one; the whole text has to match.

use memchr::memmem::Finder;

/// A pattern, ready to be matched.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    shape: Shape,
    any_case: bool,
}

#[derive(Debug, Clone)]
enum Shape {
    /// No wildcard.
    Whole(String),
    /// `abc%`
    Prefix(String),
    /// `%abc`
    Suffix(String),
    /// `%abc%`
    Contains(Box<Finder<'static>>),
    /// Anything else.
    General(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    /// `%`
    Run,
    /// `_`
    One,
    /// Characters that stand for themselves.
    Exactly(String),
}

impl Pattern {
    /// Reads a pattern; with `any_case` letters match in either case. The error says what is wrong.
    pub(super) fn new(pattern: &str, escape: Option<char>, any_case: bool) -> Result<Pattern, String> {
        let pieces = pieces(pattern, escape, any_case)?;
        let shape = match pieces.as_slice() {
            [] => Shape::Whole(String::new()),
            [Piece::Exactly(text)] => Shape::Whole(text.clone()),
            [Piece::Exactly(text), Piece::Run] => Shape::Prefix(text.clone()),
            [Piece::Run, Piece::Exactly(text)] => Shape::Suffix(text.clone()),
            [Piece::Run, Piece::Exactly(text), Piece::Run] => {
                Shape::Contains(Box::new(Finder::new(text).into_owned()))
            }
            _ => Shape::General(pieces),
        };
        Ok(Pattern { shape, any_case })
    }

    /// Whether the whole text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        if self.any_case && !text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
            return self.matches_as_is(&text.to_lowercase());
        }
        self.matches_as_is(text)
    }

    fn matches_as_is(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Whole(whole) => text == whole,
            Shape::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Shape::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Shape::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            Shape::General(pieces) => matches_pieces(pieces, text),
        }
    }
}

fn pieces(pattern: &str, escape: Option<char>, any_case: bool) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let literal = if Some(c) == escape {
            chars.next().ok_or_else(|| format!("the pattern ends with the escape character `{c}`"))?
        } else if c == '%' {
            // Several in a row mean no more than one, and would only cost time.
            if pieces.last() != Some(&Piece::Run) {
                pieces.push(Piece::Run);
            }
            continue;
        } else if c == '_' {
            pieces.push(Piece::One);
            continue;
        } else {
            c
        };
        if !matches!(pieces.last(), Some(Piece::Exactly(_))) {
            pieces.push(Piece::Exactly(String::new()));
        }
        if let Some(Piece::Exactly(text)) = pieces.last_mut() {
            text.push(literal);
        }
    }
    if any_case {
        for piece in &mut pieces {
            if let Piece::Exactly(text) = piece {
                *text = text.to_lowercase();
            }
        }
    }
    Ok(pieces)
}

/// Greedy matching that goes back to the last run only: an earlier run never needs to grow again,
/// so the time is at most the product of both lengths.
fn matches_pieces(pieces: &[Piece], text: &str) -> bool {
    let (mut piece, mut rest) = (0, text);
    let mut retry: Option<(usize, &str)> = None;
    loop {
        let step = match pieces.get(piece) {
            Some(Piece::Run) => {
                retry = Some((piece + 1, rest));
                Some(rest)
            }
            Some(Piece::One) => skip_char(rest),
            Some(Piece::Exactly(expected)) => rest.strip_prefix(expected.as_str()),
            None if rest.is_empty() => return true,
            None => None,
        };
        if let Some(left) = step {
            rest = left;
            piece += 1;
            continue;
        }
        let Some((behind_run, from)) = retry else { return false };
        let Some(next) = skip_char(from) else { return false };
        retry = Some((behind_run, next));
        (piece, rest) = (behind_run, next);
    }
}

fn skip_char(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        let found = Pattern::new(pattern, Some('\\'), false).unwrap().matches(text);
        assert_eq!(found, expected, "{text:?} LIKE {pattern:?}");
    }

    #[test]
    fn wildcards() {
        check("abc", "abc", true);
        check("abc", "abcd", false);
        check("", "", true);
        check("", "a", false);
        check("%", "", true);
        check("%", "anything", true);
        check("_", "", false);
        check("_", "ä", true);
        check("__", "ä", false);
        check("a%", "abc", true);
        check("a%", "ba", false);
        check("%c", "abc", true);
        check("%b%", "abc", true);
        check("%b%", "ac", false);
        check("a%c", "abbc", true);
        check("a%c", "ac", true);
        check("a%b%c", "a-b-b-c", true);
        check("a_c", "abc", true);
        check("a_c", "ac", false);
        check("%a_", "xaab", true);
        check("_%_", "a", false);
        check("_%_", "ab", true);
        check("%%ab%%", "xaby", true);
        check("%aab", "aaaab", true);
        check("abc", "ABC", false);
    }

    #[test]
    fn escapes() {
        check(r"100\%", "100%", true);
        check(r"100\%", "1000", false);
        check(r"a\_b", "a_b", true);
        check(r"a\_b", "axb", false);
        check(r"a\\b", r"a\b", true);
        assert!(Pattern::new("a!", Some('!'), false).is_err());
        assert!(Pattern::new(r"a\", None, false).unwrap().matches(r"a\"));
    }

    #[test]
    fn any_case() {
        let check = |pattern, text, expected| {
            assert_eq!(
                Pattern::new(pattern, None, true).unwrap().matches(text),
                expected,
                "{text} ILIKE {pattern}"
            );
        };
        check("AbC", "aBc", true);
        check("%ÄÖ%", "xäöx", true);
        check("straße_", "STRASSE1", false);
        check("a%", "Abc", true);
        check("_b", "AB", true);
    }

    #[test]
    fn many_runs_stay_quick() {
        let pattern = Pattern::new(&"%a_".repeat(500), None, false).unwrap();
        assert!(!pattern.matches(&"a".repeat(900)));
    }
}
