//! The one error type: structured, with the place, what is wrong, what to do, and an exit code.
//!
//! Messages are lower case, without a full stop, in the form `FILE:LINE: what is wrong; what to do`.

use std::fmt;
use std::io;
use std::ops::Range;

/// The result of anything in windrow that can end a run.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a run ended without doing its job.
#[derive(Debug)]
pub enum Error {
    /// The command line or job file asks for something that cannot be. Exit code 2.
    Usage(String),
    /// A text in one of windrow's small languages (expression, aggregate, window) is wrong. Exit code 2.
    Syntax(Box<SyntaxError>),
    /// A record cannot be used and `--bad fail` stands. Exit code 1.
    BadRecord {
        /// The source's name as shown to the user.
        source: String,
        /// The line on which the record starts, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
        /// The start of the record, to recognise it by.
        excerpt: String,
        /// What to do, where passing over such records would not help.
        way_out: Option<String>,
    },
    /// An input cannot be read (further). Exit code 1.
    Input {
        /// The source's name as shown to the user.
        source: String,
        /// What happened, and what to do where that helps.
        reason: String,
    },
    /// Something cannot be written. Exit code 1.
    Output {
        /// The file, or `standard output`.
        target: String,
        /// The cause.
        cause: io::Error,
    },
    /// The run cannot go on for the reason given. Exit code 1.
    Failed(String),
    /// Another run is using the state directory. Exit code 2.
    InUse(String),
    /// The reader of standard output went away: not reported. Exit code 141.
    ReaderGone,
    /// A signal asked the run to stop, and a checkpoint has been taken: not reported. Exit code 128 and its number.
    Stopped(Signal),
    /// A broken promise of windrow itself: a bug. Exit code 1.
    Internal(String),
}

/// A signal that stops a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP.
    Hangup,
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// None that comes from outside: a file that is to be followed has come to be there, and the run goes on with it.
    Newcomer,
}

impl Signal {
    /// The exit code of a program that it stopped.
    pub fn exit_code(self) -> u8 {
        128 + match self {
            Signal::Hangup => 1,
            Signal::Interrupt => 2,
            Signal::Terminate | Signal::Newcomer => 15,
        }
    }
}

/// What is wrong with a text in one of windrow's small languages, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The option the text came from, with its dashes (`--where`); filled in by whoever knows it.
    pub option: String,
    /// The whole text.
    pub text: String,
    /// The bytes of `text` at fault; empty at the end of the text where something is missing.
    pub span: Range<usize>,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// A way out, such as "did you mean `length`?".
    pub help: Option<String>,
}

impl Error {
    /// The process exit code for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) | Error::Syntax(_) | Error::InUse(_) => 2,
            Error::ReaderGone => 141,
            Error::Stopped(signal) => signal.exit_code(),
            _ => 1,
        }
    }

    /// A usage error from anything that can be shown.
    pub fn usage(message: impl Into<String>) -> Error {
        Error::Usage(message.into())
    }
}

impl From<SyntaxError> for Error {
    fn from(error: SyntaxError) -> Error {
        Error::Syntax(Box::new(error))
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(message) | Error::Failed(message) | Error::InUse(message) => {
                f.write_str(&shown(message))
            }
            Error::Syntax(error) => error.fmt(f),
            Error::BadRecord { source, line, reason, excerpt, way_out } => {
                write!(f, "{}:{line}: {}", Escaped(source), shown(reason))?;
                if !excerpt.is_empty() {
                    write!(f, "{}the record begins {}", joint(reason), Escaped(excerpt))?;
                }
                let way_out = way_out.as_deref();
                write!(f, "; {}", way_out.unwrap_or("--bad skip counts such records, --bad FILE keeps them"))
            }
            Error::Input { source, reason } => write!(f, "{}: {}", Escaped(source), shown(reason)),
            Error::Output { target, cause } => write!(f, "{}: {}", Escaped(target), words(cause)),
            Error::ReaderGone => f.write_str("the reader of the output went away"),
            Error::Stopped(_) => f.write_str("stopped by a signal"),
            Error::Internal(message) => write!(f, "internal error: {message}; please report it"),
        }
    }
}

/// What stands between a part of a message and the next: a question has its mark already.
pub fn joint(part: &str) -> &'static str {
    if part.ends_with('?') { " " } else { "; " }
}

/// The reason that the operating system gives, in the form of our own messages.
pub fn words(cause: &io::Error) -> String {
    let text = cause.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

impl SyntaxError {
    /// An error at `span` of `text`; the option is filled in with [`SyntaxError::in_option`].
    pub fn new(text: &str, span: Range<usize>, message: impl Into<String>) -> SyntaxError {
        SyntaxError {
            option: String::new(),
            text: text.to_owned(),
            span,
            message: message.into(),
            help: None,
        }
    }

    /// The same error with a way out.
    pub fn with_help(mut self, help: impl Into<String>) -> SyntaxError {
        self.help = Some(help.into());
        self
    }

    /// The same error, said of the option (`--where`) that the text came from.
    pub fn in_option(mut self, option: &str) -> SyntaxError {
        self.option = option.to_owned();
        self
    }
}

impl fmt::Display for SyntaxError {
    /// The message, then the text with the place marked beneath it, unless there is none to mark.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.option.is_empty() {
            write!(f, "{}: ", self.option)?;
        }
        f.write_str(&shown(&self.message))?;
        if let Some(help) = &self.help {
            write!(f, "; {}", shown(help))?;
        }
        if self.text.trim().is_empty() {
            return Ok(());
        }
        // A long text is shown around the mistake only.
        let line: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let column = self.text.get(..self.span.start).map_or(0, |before| before.chars().count());
        let marked = self.text.get(self.span.clone()).map_or(1, |at| at.chars().count()).max(1);
        let skip = column.saturating_sub(100);
        let shown: String = line.chars().skip(skip).take(200).collect();
        let carets = "^".repeat(marked.min(200));
        write!(f, "\n  | {shown}\n  | {}{carets}", " ".repeat(column - skip))
    }
}

/// Whether a character of text from outside must not reach a terminal: it could drive it, or (bidirectional
/// overrides) make a text read as something else.
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text with all that must not reach a terminal escaped. Unlike [`Escaped`] it is not shortened.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_unprintable(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// A message that may quote something long: with the middle left out, where what was quoted most likely stands.
fn shown(message: &str) -> String {
    const HEAD_CHARS: usize = 1200;
    const TAIL_CHARS: usize = 400;
    let message = printable(message);
    let chars = message.chars().count();
    if chars <= HEAD_CHARS + TAIL_CHARS {
        return message;
    }
    let head: String = message.chars().take(HEAD_CHARS).collect();
    let tail: String = message.chars().skip(chars - TAIL_CHARS).collect();
    format!("{head} ... {tail}")
}

/// Shows text from outside with its control characters escaped and at most 200 characters of it,
/// so that a message can neither drive the terminal nor flood it.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, c) in self.0.chars().enumerate() {
            if n == 200 {
                return f.write_str("...");
            }
            if is_unprintable(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_no_picture() {
        let shown =
            |text: &str| SyntaxError::new(text, text.len()..text.len(), "a name is missing").to_string();
        assert_eq!(shown("a,"), "a name is missing\n  | a,\n  |   ^");
        assert_eq!(shown(""), "a name is missing");
        assert_eq!(shown(" \t"), "a name is missing");
    }

    #[test]
    fn nothing_drives_a_terminal() {
        assert_eq!(printable("é \u{1b}[31m\n\u{202e}x"), "é \\u{1b}[31m\\n\\u{202e}x");
        assert_eq!(Escaped("a\u{9b}").to_string(), "a\\u{9b}");
        assert_eq!(Escaped(&"x".repeat(201)).to_string(), "x".repeat(200) + "...");
        assert_eq!(Error::usage("a\u{7}b").to_string(), "a\\u{7}b");
        let long = Error::usage(format!("no such thing: {}; name another", "x".repeat(100_000))).to_string();
        assert!(
            long.len() < 2_000 && long.starts_with("no such thing: x") && long.ends_with("x; name another")
        );
    }
}
