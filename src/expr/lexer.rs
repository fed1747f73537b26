//! Cuts the text of an option into tokens, each with its place.
//!
//! Knows nothing of grammar: keywords are plain words here, and the parser decides what they mean.

use std::ops::Range;

use crate::error::SyntaxError;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A number as written.
    Number,
    /// Text in single quotes, without them.
    Text(String),
    /// A keyword, a function or a field.
    Word,
    /// A name in double quotes, without them.
    Quoted(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// A token and the bytes it covers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it stands in the option's text.
    pub span: Range<usize>,
}

/// Longer ones first: the first that fits is taken.
const SYMBOLS: [&str; 22] = [
    "<=", ">=", "<>", "!=", "==", "||", "::", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]",
    ",", ".", ":",
];

/// What people write from other languages, and how SQL says it.
const FOREIGN: [(&str, &str); 11] = [
    ("<=>", "write IS NOT DISTINCT FROM"),
    ("->", "a member is written `a.b`"),
    ("=~", "write regexp_match(text, 'pattern')"),
    ("!~", "write NOT regexp_match(text, 'pattern')"),
    ("~", "write regexp_match(text, 'pattern')"),
    ("&&", "write AND"),
    ("&", "write AND"),
    ("=>", "write >="),
    ("=<", "write <="),
    ("--", "comments are not taken; put a space between two minus signs"),
    ("/*", "comments are not taken"),
];

/// The tokens of `text[range]`, with [`Kind::End`] as the last one.
pub(super) fn tokens(text: &str, range: Range<usize>) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { text, end: range.end, at: range.start };
    let mut tokens: Vec<Token> = Vec::new();
    loop {
        let spaces = lexer.rest().len() - lexer.rest().trim_start().len();
        lexer.at += spaces;
        let start = lexer.at;
        // Behind a name, a point leads to a member even if a digit follows: `p99.9`, `items.0`.
        let behind_name = tokens.last().is_some_and(|last| {
            last.span.end == start && matches!(last.kind, Kind::Word | Kind::Quoted(_) | Kind::Symbol("]"))
        });
        let kind = lexer.next(behind_name)?;
        let last = kind == Kind::End;
        tokens.push(Token { kind, span: start..lexer.at });
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    end: usize,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..self.end]
    }

    fn next(&mut self, behind_name: bool) -> Result<Kind, SyntaxError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Kind::End) };
        let point_and_digit =
            !behind_name && first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
        match first {
            '\'' => self.quoted('\'').map(Kind::Text),
            '"' => self.quoted('"').map(Kind::Quoted),
            _ if first.is_ascii_digit() || point_and_digit => self.number(),
            _ if starts_word(first) => {
                let behind = &rest[first.len_utf8()..];
                let more = behind.find(|c| !continues_word(c)).unwrap_or(behind.len());
                self.at += first.len_utf8() + more;
                Ok(Kind::Word)
            }
            _ => self.symbol(first),
        }
    }

    /// Text or a name up to its closing quote; a doubled quote stands for itself.
    fn quoted(&mut self, quote: char) -> Result<String, SyntaxError> {
        let start = self.at;
        let mut content = String::new();
        self.at += 1;
        loop {
            let Some(stop) = self.rest().find(quote) else {
                let what = if quote == '"' { "name" } else { "text" };
                return Err(self
                    .error(start..start + 1, format!("this {what} has no closing quote"))
                    .with_help(format!(
                        "close it with {quote}, and write {quote}{quote} for a quote inside"
                    )));
            };
            content.push_str(&self.rest()[..stop]);
            self.at += stop + 1;
            if !self.rest().starts_with(quote) {
                break;
            }
            content.push(quote);
            self.at += 1;
        }
        if quote == '"' && content.is_empty() {
            return Err(self.error(start..self.at, "a name is empty").with_help("empty text is written ''"));
        }
        Ok(content)
    }

    fn number(&mut self) -> Result<Kind, SyntaxError> {
        let start = self.at;
        self.digits();
        if self.rest().starts_with('.') {
            self.at += 1;
            self.digits();
        }
        let mantissa_end = self.at;
        if self.rest().starts_with(['e', 'E']) {
            self.at += 1;
            if self.rest().starts_with(['+', '-']) {
                self.at += 1;
            }
            if self.digits() == 0 {
                self.at = mantissa_end;
            }
        }
        if self.rest().starts_with(continues_word) {
            let rest = self.rest();
            self.at += rest.find(|c| !continues_word(c)).unwrap_or(rest.len());
            let wrong = &self.text[start..self.at];
            return Err(self
                .error(start..self.at, format!("`{wrong}` is neither a number nor a name"))
                .with_help("a name that begins with a digit is written in double quotes"));
        }
        Ok(Kind::Number)
    }

    /// Passes over digits and says how many there were.
    fn digits(&mut self) -> usize {
        let rest = self.rest();
        let count = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        count
    }

    fn symbol(&mut self, first: char) -> Result<Kind, SyntaxError> {
        let rest = self.rest();
        if let Some((wrong, help)) = FOREIGN.iter().find(|(wrong, _)| rest.starts_with(wrong)) {
            let span = self.at..self.at + wrong.len();
            return Err(self.error(span, format!("unknown operator `{wrong}`")).with_help(*help));
        }
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            self.at += symbol.len();
            return Ok(Kind::Symbol(symbol));
        }
        let help = match first {
            '!' => "write NOT",
            '|' => "write OR; `||` joins text",
            '^' => "write power(x, y)",
            '`' => "a name with odd characters is written in double quotes",
            '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => {
                "text is written in plain single quotes: 'text'"
            }
            ';' => "one expression is wanted, without a closing `;`",
            _ => "a name with odd characters is written in double quotes, text in single quotes",
        };
        let span = self.at..self.at + first.len_utf8();
        Err(self.error(span, format!("unexpected `{}`", first.escape_debug())).with_help(help))
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.text, span, message)
    }
}

fn starts_word(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '@'
}

/// Whether a character can stand inside a word, behind its first one.
pub(super) fn continues_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = tokens(text, 0..text.len())
            .unwrap()
            .iter()
            .map(|token| match &token.kind {
                Kind::Text(content) => format!("'{content}"),
                Kind::Quoted(content) => format!("\"{content}"),
                _ => text[token.span.clone()].to_owned(),
            })
            .collect();
        assert_eq!(found[..found.len() - 1], *expected, "{text}");
    }

    fn fails(text: &str, marked: &str, message: &str) {
        let error = tokens(text, 0..text.len()).unwrap_err();
        assert_eq!(&text[error.span.clone()], marked, "{text}");
        assert!(error.to_string().contains(message), "{text}: {error}");
    }

    #[test]
    fn text_is_cut_into_tokens() {
        check("", &[]);
        check("a<=b", &["a", "<=", "b"]);
        check("a.b[0].\"c d\"", &["a", ".", "b", "[", "0", "]", ".", "\"c d"]);
        check("'it''s' \"a\"\"b\"", &["'it's", "\"a\"b"]);
        check("1 1.5 .5 1e3 1E-3 5. x$1 @t _u", &["1", "1.5", ".5", "1e3", "1E-3", "5.", "x$1", "@t", "_u"]);
        check("p99.9(x)", &["p99", ".", "9", "(", "x", ")"]);
        check("größe||'ä'", &["größe", "||", "'ä"]);
        check("a::text", &["a", "::", "text"]);
        check("a - -1", &["a", "-", "-", "1"]);
    }

    #[test]
    fn what_is_no_token_is_named() {
        fails("a && b", "&&", "write AND");
        fails("!x", "!", "write NOT");
        fails("a | b", "|", "write OR");
        fails("x = 'abc", "'", "no closing quote");
        fails("\"abc", "\"", "no closing quote");
        fails("5m", "5m", "neither a number nor a name");
        fails("a =~ 'x'", "=~", "regexp_match");
        fails("a -> b", "->", "`a.b`");
        fails("a --b", "--", "comments");
        fails("x = ‘a’", "‘", "plain single quotes");
        fails("a;", ";", "one expression");
        fails("x = \"\"", "\"\"", "''");
    }
}
