//! A mistake in the arguments, said in the form that all of windrow's messages have.

use clap::error::ErrorKind;

use crate::error::printable;

/// clap's message in the form that all messages have: one line, the ways out behind semicolons.
pub fn message(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut message = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        // The usage would hide the message, and the last line says what is said below.
        if line.starts_with("Usage:") {
            break;
        }
        if line.starts_with("For more information") {
            continue;
        }
        match (line.strip_prefix("error: "), line.strip_prefix("tip: ")) {
            (Some(what), _) => message += what,
            // An option that is none was rarely meant for a file name.
            (_, Some(tip)) if tip.starts_with("to pass ") => {}
            (_, Some(tip)) => message = format!("{message}; {tip}"),
            _ => message = format!("{message} {line}"),
        }
    }
    if error.kind() == ErrorKind::UnknownArgument && !message.contains("; ") {
        message += "; try windrow --help";
    }
    printable(&message)
}
