//! A mistake in the arguments, said in the form that all of windrow's messages have.
//!
//! clap finds the mistakes and its words are kept where they help. What people bring along from other tools, and what
//! clap takes for an option, is said here.

use std::ffi::OsString;
use std::path::Path;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::printable;
use crate::suggest::did_you_mean;

/// What other tools call an option: the option that is meant (empty: there is none), and what is said.
const ELSEWHERE: [(&str, &str, &str); 17] = [
    ("filter", "where", "--where EXPR keeps the events for which it is true"),
    ("limit", "top", "--top N --order-by EXPR keeps the first rows of each window"),
    ("format", "from", "--from names the format of the input, --to that of the rows"),
    ("input-format", "from", "--from names the format of the input"),
    ("output-format", "to", "--to names the format of the rows"),
    ("group-by", "by", "--by FIELD makes a row for each value of the field"),
    ("key", "by", "--by FIELD makes a row for each value of the field"),
    ("keys", "by", "--by FIELD makes a row for each value of the field"),
    ("select", "agg", "--agg names what is computed, --by what it is computed for"),
    ("aggregate", "agg", "--agg names what is computed"),
    (
        "sort",
        "order-by",
        "rows come in the order of windows and keys; --top N --order-by EXPR ranks them within each",
    ),
    ("sort-by", "order-by", "--top N --order-by EXPR ranks the rows within each window"),
    ("live", "to", "--to live shows the open windows on the terminal"),
    (
        "watch",
        "to",
        "--to live shows the open windows on the terminal, and --follow reads files as they grow",
    ),
    ("lateness", "delay", DELAY),
    ("watermark", "delay", DELAY),
    ("separator", "delimiter", "--delimiter names the character between the fields of CSV"),
];

const DELAY: &str = "--delay says how far events may be out of order; --late FILE keeps those that come later, and windows \
                     take them in with --allowed-lateness";

/// Why `windrow order` lacks options that the main job has; what is not named here has to do with windows.
const NOT_IN_ORDER: [(&[&str], &str); 2] = [
    (&["to", "row-id"], "records as they were read"),
    (&[], "the events themselves, without windows, keys and aggregates"),
];

/// clap's message in the form that all messages have: one line, the ways out behind semicolons. `argv` is the command
/// line, the program's name first, that `command` did not take.
pub fn message(error: &clap::Error, command: &Command, argv: &[OsString]) -> String {
    let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (command, names) = innermost(command, &words);
    let better = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(found))) => {
            negative(found, command, &words).or_else(|| unknown(found, command, &names))
        }
        (ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, _) => {
            let (name, choices) = (names.join(" "), choices(command));
            Some(format!("a command is missing: {name} {choices}; {name} --help says what they do"))
        }
        (ErrorKind::InvalidSubcommand, _) => {
            Some(format!("{}; {} has {}", in_one_line(error), names.join(" "), choices(command)))
        }
        _ => None,
    };
    printable(&better.unwrap_or_else(|| in_one_line(error)))
}

/// What is said where the value of an option stands behind a space and can only stand behind `=`, so that it was taken
/// for a file that is not there: `--stats json`.
pub fn detached(command: &Command, argv: &[OsString]) -> Option<String> {
    let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (command, _) = innermost(command, &words);
    let given = words.split(|word| word == "--").next().unwrap_or_default();
    given.windows(2).find_map(|pair| {
        let name = pair[0].strip_prefix("--")?;
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(name))?;
        let is_value =
            |value: &str| arg.get_possible_values().iter().any(|known| known.matches(value, false));
        let meant = arg.is_require_equals_set() && is_value(&pair[1]) && !Path::new(&pair[1]).exists();
        meant.then(|| format!("there is no file {0}; the value of --{name} is written --{name}={0}", pair[1]))
    })
}

/// What is said of a line without a job where the first word is nearly the name of a command, and no file:
/// `profil a.ndjson`.
pub fn misnamed(command: &Command, argv: &[OsString]) -> Option<String> {
    let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let word = argv.get(1)?.to_str().filter(is_name).filter(|word| !Path::new(word).exists())?;
    let names = || command.get_subcommands().map(Command::get_name);
    let meant = did_you_mean(word, names()).filter(|_| names().all(|name| name != word))?;
    Some(format!("there is no command and no file {}; {meant}", printable(word)))
}

/// The command that the line calls, and the words that call it.
fn innermost<'c, 'w>(command: &'c Command, words: &'w [String]) -> (&'c Command, Vec<&'w str>) {
    let (mut command, mut names) = (command, vec!["windrow"]);
    for word in words.iter().skip(1) {
        let Some(inner) = command.find_subcommand(word) else { break };
        command = inner;
        names.push(word);
    }
    (command, names)
}

/// The commands of a command, as a choice.
fn choices(command: &Command) -> String {
    let names: Vec<&str> =
        command.get_subcommands().map(Command::get_name).filter(|name| *name != "help").collect();
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        names => names.join(""),
    }
}

/// A value that clap takes for an option, because it begins with a minus.
fn negative(found: &str, command: &Command, words: &[String]) -> Option<String> {
    let is_number = |word: &str| {
        word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
    };
    let at = words.iter().position(|word| word.starts_with(found) && is_number(word))?;
    let (option, value) = (words.get(at.checked_sub(1)?)?, &words[at]);
    let mut args = command.get_arguments().filter(|arg| arg.get_action().takes_values());
    args.find(|arg| {
        let short = arg.get_short().map(|short| format!("-{short}"));
        option.strip_prefix("--").is_some_and(|long| arg.get_long() == Some(long))
            || short.as_ref() == Some(option)
    })?;
    Some(match option.as_str() {
        "--time-zone" => format!("the value of {option} is written {option}={value}"),
        _ => format!("the value of {option} must not be negative: {value}"),
    })
}

/// An option that the command does not have.
fn unknown(found: &str, command: &Command, names: &[&str]) -> Option<String> {
    let main = super::parse::command(false);
    let long = |found: &str| match found.strip_prefix("--") {
        Some(long) => main.get_arguments().find(|arg| arg.get_long() == Some(long)),
        None => main.get_arguments().find(|arg| arg.get_short() == found.chars().nth(1)),
    };
    let name = found.strip_prefix("--").unwrap_or_default();
    if let Some(said) = elsewhere(name, command) {
        return Some(format!("unexpected argument '{found}' found; {said}"));
    }
    let other = ELSEWHERE.iter().find(|(other, ..)| *other == name).map(|(_, option, _)| *option);
    let meant = other.or_else(|| long(found)?.get_long())?;
    if names.last() != Some(&"order") {
        return None;
    }
    let (_, written) =
        NOT_IN_ORDER.iter().find(|(options, _)| options.is_empty() || options.contains(&meant))?;
    let help = names.join(" ");
    Some(format!(
        "{found} is no option of windrow order, which writes {written}; {help} --help lists its options"
    ))
}

/// What is said of an option by this name (without dashes) that the command lacks and other tools have.
pub fn elsewhere(name: &str, command: &Command) -> Option<&'static str> {
    let (_, option, said) = ELSEWHERE.iter().find(|(other, ..)| *other == name)?;
    let has = command.get_arguments().any(|arg| arg.get_long() == Some(option));
    (option.is_empty() || has).then_some(said)
}

fn in_one_line(error: &clap::Error) -> String {
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
    message
}

#[cfg(test)]
mod tests {
    use super::super::parse::command;
    use super::*;

    fn words(line: &[&str]) -> Vec<OsString> {
        ["windrow"].iter().chain(line).map(OsString::from).collect()
    }

    #[track_caller]
    fn check(line: &[&str], want: &str) {
        let (command, argv) = (command(false), words(line));
        let error = command.clone().try_get_matches_from(&argv).expect_err("is a mistake");
        assert_eq!(message(&error, &command, &argv), want, "{line:?}");
    }

    #[test]
    fn names_from_elsewhere() {
        let option = "unexpected argument";
        check(&["--filter", "x"], &format!("{option} '--filter' found; {}", ELSEWHERE[0].2));
        check(&["--limit=3"], &format!("{option} '--limit' found; {}", ELSEWHERE[1].2));
        check(&["order", "--format", "csv"], &format!("{option} '--format' found; {}", ELSEWHERE[2].2));
        check(&["explain", "--select", "x"], &format!("{option} '--select' found; {}", ELSEWHERE[8].2));
        let main = command(false);
        for (name, option, _) in ELSEWHERE {
            let is = |name: &str| main.get_arguments().any(|arg| arg.get_long() == Some(name));
            assert!(!is(name) && (option.is_empty() || is(option)), "{name}");
        }
    }

    #[test]
    fn what_order_lacks() {
        let lists = "windrow order --help lists its options";
        let which = "is no option of windrow order, which writes";
        let records = format!("{which} records as they were read; {lists}");
        let windows = format!("{which} the events themselves, without windows, keys and aggregates; {lists}");
        check(&["order", "--to", "ndjson"], &format!("--to {records}"));
        check(&["order", "-w", "1h"], &format!("-w {windows}"));
        check(&["order", "-bx"], &format!("-b {windows}"));
        check(&["order", "--group-by", "x"], &format!("--group-by {windows}"));
        let explained = windows.replace("; windrow order", "; windrow explain order");
        check(&["explain", "order", "--top", "3"], &format!("--top {explained}"));
        check(&["order", "--zzz"], "unexpected argument '--zzz' found; try windrow --help");
    }

    #[test]
    fn values_that_begin_with_a_minus() {
        check(&["-d", "-5s"], "the value of -d must not be negative: -5s");
        check(&["--top", "-1"], "the value of --top must not be negative: -1");
        check(&["--time-zone", "-05:00"], "the value of --time-zone is written --time-zone=-05:00");
        check(&["--ties", "-5"], "unexpected argument '-5' found; try windrow --help");
        check(&["a.csv", "-5"], "unexpected argument '-5' found; try windrow --help");
    }

    #[test]
    fn commands_of_commands() {
        check(
            &["state"],
            "a command is missing: windrow state show, dump or verify; windrow state --help says what they do",
        );
        check(&["state", "list"], "unrecognized subcommand 'list'; windrow state has show, dump or verify");
    }

    #[test]
    fn names_that_are_nearly_those_of_commands() {
        let check = |line: &[&str], want: Option<&str>| {
            assert_eq!(misnamed(&command(false), &words(line)).as_deref(), want, "{line:?}");
        };
        check(
            &["profil", "a.ndjson"],
            Some("there is no command and no file profil; did you mean `profile`?"),
        );
        check(&["ordr"], Some("there is no command and no file ordr; did you mean `order`?"));
        check(&["-w", "1m", "ordr"], None);
        check(&["a.ndjson"], None);
        check(&["src"], None);
        check(&["./ordr"], None);
        check(&["order"], None);
        check(&[], None);
    }

    #[test]
    fn values_that_stand_apart() {
        let check = |line: &[&str], want: Option<&str>| {
            assert_eq!(detached(&command(false), &words(line)).as_deref(), want, "{line:?}");
        };
        let json = "there is no file json; the value of --stats is written --stats=json";
        check(&["-w", "1m", "--stats", "json"], Some(json));
        check(&["order", "--stats", "json", "a"], Some(json));
        check(&["--stats", "a.json"], None);
        check(&["--stats=json", "json"], None);
        check(&["--color", "auto"], None);
        check(&["--", "--stats", "json"], None);
    }
}
