//! What windrow says on standard error and, for help and explanations, on standard output.
//!
//! A standard error that cannot be written to is nobody's problem: such failures are ignored.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::streams;
use crate::error::{Error, Result};

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";

/// Writes an error as `windrow: ...`, unless it is one that is not reported.
pub fn error(error: &Error, colour: bool) {
    if matches!(error, Error::ReaderGone | Error::Stopped(_)) {
        return;
    }
    // One write, so that the lines of two processes on one terminal do not mix.
    let _ = io::stderr().lock().write_all(message(error, colour).as_bytes());
}

/// Writes a text to standard error as it is.
pub fn text(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a warning while a run goes on.
pub fn warning(text: &str) {
    line(&format!("warning: {text}"));
}

/// Writes a line while a run goes on, with the name of the program before it.
pub fn line(text: &str) {
    let terminal = io::stderr().is_terminal();
    if terminal && let Some(held) = &mut *held_lines() {
        return held.push(format!("windrow: {text}"));
    }
    // A progress display is drawn anew below it.
    let clear = if terminal { "\r\x1b[2K" } else { "" };
    self::text(&format!("{clear}windrow: {text}\n"));
}

/// Lines for a terminal on which a live view is drawn: they would tear it, so it writes them itself. `None`: there is none.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

fn held_lines() -> MutexGuard<'static, Option<Vec<String>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, [`line`] leaves it to others to write to a terminal.
pub fn hold_lines() {
    held_lines().get_or_insert_default();
}

/// The lines that are to be written, which become the caller's.
pub fn take_lines() -> Vec<String> {
    held_lines().as_mut().map(std::mem::take).unwrap_or_default()
}

/// From now on, [`line`] writes again, first what has been left.
pub fn release_lines() {
    let left = held_lines().take();
    left.into_iter().flatten().for_each(|line| text(&format!("{line}\n")));
}

/// Writes a text to standard output. A reader that went away ends the run quietly, as elsewhere.
pub fn output(text: &str) -> Result<()> {
    write(|out| out.write_all(text.as_bytes()))
}

/// Lets `fill` write to standard output, through a buffer.
pub fn write(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let written = streams::check_stdout().and_then(|()| fill(&mut stdout));
    let written = written.and_then(|()| stdout.flush());
    written.map_err(|cause| match cause.kind() {
        io::ErrorKind::BrokenPipe => Error::ReaderGone,
        _ => Error::Output { target: "standard output".to_owned(), cause },
    })
}

/// The message with its prefix; the mark under a faulty text in red.
fn message(error: &Error, colour: bool) -> String {
    let text = error.to_string();
    if !colour {
        return format!("windrow: {text}\n");
    }
    match (error, text.rsplit_once('\n')) {
        (Error::Syntax(_), Some((lines, mark))) => {
            let indent = mark.len() - mark.trim_start_matches(['|', ' ']).len();
            let (indent, mark) = mark.split_at(indent);
            format!("{BOLD}windrow:{PLAIN} {lines}\n{indent}{RED}{mark}{PLAIN}\n")
        }
        _ => format!("{BOLD}windrow:{PLAIN} {text}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SyntaxError;

    #[test]
    fn messages() {
        let usage = Error::usage("--top: needs --order-by");
        assert_eq!(message(&usage, false), "windrow: --top: needs --order-by\n");
        assert_eq!(message(&usage, true), "\x1b[1mwindrow:\x1b[0m --top: needs --order-by\n");
        let syntax = Error::from(SyntaxError::new("a +", 3..3, "a value is missing").in_option("--where"));
        assert_eq!(message(&syntax, false), "windrow: --where: a value is missing\n  | a +\n  |    ^\n");
        assert_eq!(
            message(&syntax, true),
            "\x1b[1mwindrow:\x1b[0m --where: a value is missing\n  | a +\n  |    \x1b[1;31m^\x1b[0m\n"
        );
    }
}
