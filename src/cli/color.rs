//! Whether to colour: decided for each stream by itself.

use std::ffi::{OsStr, OsString};

use clap::ValueEnum;

use crate::job::When;

/// What decides about colour besides `--color`; read once, so that tests need no environment.
#[derive(Debug, Default, Clone)]
pub struct Surroundings {
    /// `NO_COLOR`.
    pub no_color: Option<OsString>,
    /// `CLICOLOR_FORCE`.
    pub force: Option<OsString>,
    /// `CLICOLOR`.
    pub clicolor: Option<OsString>,
    /// `TERM`.
    pub term: Option<OsString>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Surroundings {
        Surroundings {
            no_color: std::env::var_os("NO_COLOR"),
            force: std::env::var_os("CLICOLOR_FORCE"),
            clicolor: std::env::var_os("CLICOLOR"),
            term: std::env::var_os("TERM"),
        }
    }
}

/// Whether a stream gets colour: the option, then `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR=0` and
/// `TERM=dumb`, then whether it is a terminal.
pub fn wanted(option: When, terminal: bool, around: &Surroundings) -> bool {
    let set = |variable: &Option<OsString>| variable.as_ref().is_some_and(|value| !value.is_empty());
    match option {
        When::Always => true,
        When::Never => false,
        When::Auto if set(&around.no_color) => false,
        When::Auto if set(&around.force) && around.force.as_deref() != Some(OsStr::new("0")) => true,
        When::Auto if around.clicolor.as_deref() == Some(OsStr::new("0")) => false,
        When::Auto if around.term.as_deref() == Some(OsStr::new("dumb")) => false,
        When::Auto => terminal,
    }
}

/// The last `--color` of a command line that has not been parsed, since it may be one that cannot be:
/// its error is to be coloured as asked too.
pub fn asked_for(argv: &[OsString]) -> When {
    let mut asked = When::Auto;
    let options = argv.iter().take_while(|arg| arg.as_os_str() != "--");
    let mut options = options.filter_map(|arg| arg.to_str()).peekable();
    while let Some(option) = options.next() {
        let value = match option.strip_prefix("--color") {
            Some("") => options.peek().copied(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        if let Some(when) = value.and_then(|value| When::from_str(value, false).ok()) {
            asked = when;
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence() {
        let check = |option, [no_color, force, clicolor, term]: [&str; 4], terminal, want| {
            // A dash stands for a variable that is not set.
            let var = |value: &str| (value != "-").then(|| OsString::from(value));
            let around = Surroundings {
                no_color: var(no_color),
                force: var(force),
                clicolor: var(clicolor),
                term: var(term),
            };
            assert_eq!(wanted(option, terminal, &around), want, "{option:?} {around:?} {terminal}");
        };
        check(When::Auto, ["-", "-", "-", "-"], true, true);
        check(When::Auto, ["-", "-", "-", "-"], false, false);
        check(When::Auto, ["", "-", "-", "xterm"], true, true);
        check(When::Auto, ["1", "-", "-", "-"], true, false);
        check(When::Auto, ["1", "1", "-", "-"], true, false);
        check(When::Auto, ["-", "1", "0", "dumb"], false, true);
        check(When::Auto, ["-", "0", "-", "-"], false, false);
        check(When::Auto, ["-", "-", "0", "-"], true, false);
        check(When::Auto, ["-", "-", "1", "-"], false, false);
        check(When::Auto, ["-", "-", "-", "dumb"], true, false);
        check(When::Always, ["1", "-", "0", "dumb"], false, true);
        check(When::Never, ["-", "1", "-", "-"], true, false);
    }

    #[test]
    fn found_before_parsing() {
        let check = |line: &str, want| {
            let argv: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(asked_for(&argv), want, "{line}");
        };
        check("windrow -w 1m", When::Auto);
        check("windrow --color always", When::Always);
        check("windrow --color=never --bogus", When::Never);
        check("windrow --color=never --color=always", When::Always);
        check("windrow --color", When::Auto);
        check("windrow --color=red", When::Auto);
        check("windrow --colors=always", When::Auto);
        check("windrow -- --color=always", When::Auto);
    }
}
