//! The job file of `--job`: TOML with the long option names as keys, turned into arguments.
//!
//! The arguments go through the same parser as the command line, so that there is one set of rules.
//! What this file adds is the place: every key remembers its line.

use std::any::TypeId;
use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use toml::de::{DeTable, DeValue};

use crate::cli::mistake;
use crate::error::{Error, Escaped, Result};
use crate::suggest::closest;

/// The options that a job file gives.
#[derive(Debug)]
pub struct JobFile {
    /// The file as named by `--job`.
    pub path: PathBuf,
    /// Its options in the order of their lines; `files` is not among them.
    pub options: Vec<FileOption>,
    /// `files` and its line.
    pub files: Option<(Vec<PathBuf>, usize)>,
}

/// One option of a job file.
#[derive(Debug, PartialEq, Eq)]
pub struct FileOption {
    /// The long name.
    pub name: String,
    /// Its line, from 1.
    pub line: usize,
    /// The arguments that say the same, such as `--by=page`, `--by=user`.
    pub args: Vec<OsString>,
}

/// Reads a job file for a command: its options are the keys that the file may have.
pub fn read(path: &Path, command: &Command) -> Result<JobFile> {
    let shown = path.display().to_string();
    let text = fs::read(path)
        .map_err(|cause| Error::usage(format!("--job: cannot read {}: {cause}", Escaped(&shown))))?;
    let text = String::from_utf8(text)
        .map_err(|_| Error::usage(format!("--job: {} is not UTF-8 text", Escaped(&shown))))?;
    parse(path, &text, command)
}

fn parse(path: &Path, text: &str, command: &Command) -> Result<JobFile> {
    let place = Place { path, text };
    let table = DeTable::parse(text).map_err(|error| {
        let message = error.message().replace('\n', ", ");
        place.error(error.span().unwrap_or(0..0), message)
    })?;
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut file = JobFile { path: path.to_owned(), options: Vec::new(), files: None };
    for (key, value) in entries {
        let name: &str = key.get_ref();
        let line = place.line(&key.span());
        let wrong = |message: String| place.error(key.span(), message);
        if name == "files" {
            let texts = texts(name, value.get_ref()).map_err(wrong)?;
            file.files = Some((texts.into_iter().map(PathBuf::from).collect(), line));
            continue;
        }
        let option = command.get_arguments().find(|arg| arg.get_long() == Some(name));
        let Some(option) = option.filter(|arg| is_key(arg)) else {
            return Err(wrong(unknown(name, command)));
        };
        let args = args(option, name, value.get_ref()).map_err(wrong)?;
        file.options.push(FileOption { name: name.to_owned(), line, args });
    }
    Ok(file)
}

/// Where something stands in the file, for messages.
struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    /// The line of a span, from 1.
    fn line(&self, span: &Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        1 + before.iter().filter(|&&byte| byte == b'\n').count()
    }

    fn error(&self, span: Range<usize>, message: String) -> Error {
        Error::usage(format!("{}:{}: {message}", self.path.display(), self.line(&span)))
    }
}

/// Whether an argument of the command can be given in a file: a job is not its own option.
fn is_key(arg: &Arg) -> bool {
    let helps = matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    !helps && arg.get_long() != Some("job")
}

fn unknown(name: &str, command: &Command) -> String {
    if let Some(said) = mistake::elsewhere(&name.replace('_', "-"), command) {
        return format!("there is no option `{}`; {said}", Escaped(name));
    }
    let names = command.get_arguments().filter(|arg| is_key(arg) && !arg.is_hide_set());
    // Of two that are as near, `files` is likelier.
    let names = ["files"].into_iter().chain(names.filter_map(Arg::get_long));
    // Keys with underscores are the likeliest slip.
    match closest(&name.replace('_', "-"), names) {
        Some(near) => format!("there is no option `{}`; did you mean `{near}`?", Escaped(name)),
        None => {
            let help = command.get_bin_name().unwrap_or(command.get_name());
            format!("there is no option `{}`; {help} --help lists them", Escaped(name))
        }
    }
}

/// The arguments that say what the key and its value say.
fn args(option: &Arg, name: &str, value: &DeValue<'_>) -> std::result::Result<Vec<OsString>, String> {
    let with = |text: String| OsString::from(format!("--{name}={text}"));
    match (option.get_action(), value) {
        (ArgAction::SetTrue, DeValue::Boolean(given)) => Ok(alone(name, usize::from(*given))),
        (ArgAction::SetTrue, _) => Err(wrong_type(name, "true or false", value)),
        (ArgAction::Count, DeValue::Boolean(given)) => Ok(alone(name, usize::from(*given))),
        (ArgAction::Count, DeValue::Integer(number)) => {
            let times = usize::from_str_radix(number.as_str(), number.radix()).ok();
            let times = times.filter(|times| *times <= 9);
            times.map(|times| alone(name, times)).ok_or_else(|| format!("`{name}` takes a number up to 9"))
        }
        (ArgAction::Count, _) => Err(wrong_type(name, "a number, or true or false", value)),
        // --stats may stand alone.
        (_, DeValue::Boolean(given)) if may_stand_alone(option) => Ok(alone(name, usize::from(*given))),
        (ArgAction::Append, _) => Ok(texts(name, value)?.into_iter().map(with).collect()),
        (_, DeValue::Array(_)) if name == "id" => Ok(vec![with(texts(name, value)?.join(","))]),
        (_, DeValue::Array(_)) => Err(wrong_type(name, "one value", value)),
        (_, DeValue::Integer(number)) if takes_number(option) && number.radix() == 10 => {
            Ok(vec![with(number.as_str().to_owned())])
        }
        (_, DeValue::String(_)) if takes_number(option) && !is_size(option) => {
            Err(wrong_type(name, "a number", value))
        }
        (_, DeValue::String(text)) => Ok(vec![with(text.to_string())]),
        _ if is_size(option) => Err(wrong_type(name, "a number of bytes, or text such as \"64MiB\"", value)),
        _ if takes_number(option) => Err(wrong_type(name, "a whole number", value)),
        _ => Err(wrong_type(name, "text", value)),
    }
}

fn alone(name: &str, times: usize) -> Vec<OsString> {
    vec![OsString::from(format!("--{name}")); times]
}

fn may_stand_alone(option: &Arg) -> bool {
    option.get_num_args().is_some_and(|range| range.min_values() == 0)
}

/// Counts and sizes are read into this type, and may be written as numbers; every other option is text.
fn takes_number(option: &Arg) -> bool {
    option.get_value_parser().type_id() == TypeId::of::<usize>()
}

/// Sizes may have a unit, and then are text.
fn is_size(option: &Arg) -> bool {
    option.get_value_names().is_some_and(|names| names.iter().any(|name| name == "SIZE"))
}

/// One text, or an array of texts.
fn texts(name: &str, value: &DeValue<'_>) -> std::result::Result<Vec<String>, String> {
    match value {
        DeValue::String(text) => Ok(vec![text.to_string()]),
        DeValue::Array(values) => values
            .iter()
            .map(|value| match value.get_ref() {
                DeValue::String(text) => Ok(text.to_string()),
                other => Err(wrong_type(name, "texts", other)),
            })
            .collect(),
        other => Err(wrong_type(name, "text, or an array of texts", other)),
    }
}

fn wrong_type(name: &str, wanted: &str, value: &DeValue<'_>) -> String {
    let found = match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    format!("`{name}` takes {wanted}, not {found}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<JobFile> {
        let command = crate::cli::parse::command(false);
        parse(Path::new("job.toml"), text, &command)
    }

    #[test]
    fn options_become_arguments() {
        let check = |text: &str, want: &[&str]| {
            let file = parsed(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let args: Vec<_> = file.options.into_iter().flat_map(|option| option.args).collect();
            assert_eq!(args, want, "{text}");
        };
        check("", &[]);
        check("window = '1m'", &["--window=1m"]);
        check("window = '-x'", &["--window=-x"]);
        check("by = ['page', 'user']", &["--by=page", "--by=user"]);
        check("by = 'page'", &["--by=page"]);
        check(
            "agg = ['count(*)', \"sum(x) AS \\\"a b\\\"\"]",
            &["--agg=count(*)", "--agg=sum(x) AS \"a b\""],
        );
        check("id = ['host', 'seq']", &["--id=host,seq"]);
        check("id = 'host,seq'", &["--id=host,seq"]);
        check("ties = true", &["--ties"]);
        check("ties = false", &[]);
        check("threads = 2", &["--threads=2"]);
        check("threads = 1_000", &["--threads=1000"]);
        check("max-record = 1000", &["--max-record=1000"]);
        check("max-record = '1MB'", &["--max-record=1MB"]);
        check("stats = true", &["--stats"]);
        check("stats = 'json'", &["--stats=json"]);
        check("verbose = 2", &["--verbose", "--verbose"]);
        check("quiet = true", &["--quiet"]);
        // The order is that of the lines.
        check("window = '1m'\nby = 'a'\nagg = []\ndelay = '1s'", &["--window=1m", "--by=a", "--delay=1s"]);
    }

    #[test]
    fn files_are_kept_apart() {
        let file = parsed("window = '1m'\nfiles = ['a.csv', '-']\n").expect("is in order");
        assert_eq!(file.files, Some((vec!["a.csv".into(), "-".into()], 2)));
    }

    #[test]
    fn mistakes_name_the_line() {
        let check = |text: &str, want: &str| {
            let error = parsed(text).expect_err(text);
            assert_eq!(error.to_string(), format!("job.toml:{want}"), "{text}");
            assert_eq!(error.exit_code(), 2);
        };
        check("\nwindwo = '1m'", "2: there is no option `windwo`; did you mean `window`?");
        check("order_by = 'x'", "1: there is no option `order_by`; did you mean `order-by`?");
        check("file = 'x'", "1: there is no option `file`; did you mean `files`?");
        check("something = 1", "1: there is no option `something`; windrow --help lists them");
        check(
            "group_by = 'x'",
            "1: there is no option `group_by`; --by FIELD makes a row for each value of the field",
        );
        check("help = true", "1: there is no option `help`; windrow --help lists them");
        check("version = true", "1: there is no option `version`; windrow --help lists them");
        check("job = 'a'", "1: there is no option `job`; windrow --help lists them");
        check("window = 1", "1: `window` takes text, or an array of texts, not a number");
        check("delay = 1", "1: `delay` takes text, not a number");
        check("delay = ['1m']", "1: `delay` takes one value, not an array");
        check("by = 1", "1: `by` takes text, or an array of texts, not a number");
        check("by = ['a', 1]", "1: `by` takes texts, not a number");
        check("ties = 'yes'", "1: `ties` takes true or false, not text");
        check("verbose = 'yes'", "1: `verbose` takes a number, or true or false, not text");
        check("verbose = 10", "1: `verbose` takes a number up to 9");
        check("threads = '2'", "1: `threads` takes a number, not text");
        check("threads = 2.5", "1: `threads` takes a whole number, not a number with a fraction");
        check("threads = true", "1: `threads` takes a whole number, not true or false");
        check(
            "max-record = true",
            "1: `max-record` takes a number of bytes, or text such as \"64MiB\", not true or false",
        );
        check("delay = 2024-01-01", "1: `delay` takes text, not a date");
        check("[delay]\nsize = 1", "1: `delay` takes text, not a table");
        check("files = 1", "1: `files` takes text, or an array of texts, not a number");
    }

    #[test]
    fn text_that_is_no_toml_names_the_line() {
        let check = |text: &str, line: usize| {
            let error = parsed(text).expect_err(text).to_string();
            assert!(error.starts_with(&format!("job.toml:{line}: ")), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        };
        check("window = ", 1);
        check("a = 1\nb", 2);
        check("window = '1m'\nwindow = '2m'", 2);
        check("quiet = true\nby = ['a'\n\n", 2);
    }

    #[test]
    fn unreadable_files() {
        let command = crate::cli::parse::command(false);
        let error = read(Path::new("/no/such/job.toml"), &command).expect_err("there is no such file");
        assert!(error.to_string().starts_with("--job: cannot read /no/such/job.toml: "), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
