//! From the arguments of the process to a request: command line and job file through one parser.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, ColorChoice, Command, CommandFactory, FromArgMatches};
use clap_complete::Shell;

use super::args::{self, Cli, ExplainCommand, JobArgs};
use super::report::printable;
use crate::error::{Error, Result};
use crate::job::file::{self, JobFile};
use crate::job::settings::{Origin, Setting, Settings};

/// What the user asks for.
#[derive(Debug)]
pub enum Request {
    /// Run a job.
    Run(Box<Asked>),
    /// Print the plan of a job.
    Explain(Box<Asked>),
    /// Print the completions for a shell.
    Completions(Shell),
    /// Print this help or version.
    Print(String),
}

/// The options of a job, and where they came from.
#[derive(Debug)]
pub struct Asked {
    /// The options.
    pub args: JobArgs,
    /// The same as texts with their origins.
    pub settings: Settings,
}

/// Reads the arguments, the name of the program first, and the job file if they name one.
/// `colour` is for help, which is the only thing that is coloured here.
pub fn parse(argv: &[OsString], colour: bool) -> Result<Request> {
    let command = command(colour);
    let mut matches = match command.clone().try_get_matches_from(argv) {
        Ok(matches) => matches,
        Err(error) => return rejected(&error, colour, None),
    };
    let (path, mut file) = (path(&matches), None);
    let innermost = descend(&command, &path);
    if let Some(name) = named_file(deepest(&matches)) {
        let read = file::read(name.as_ref(), innermost)?;
        let argv = with_file(argv, &path, &read, deepest(&matches), innermost);
        let sources = deepest(&matches).clone();
        matches = match command.clone().try_get_matches_from(argv) {
            Ok(matches) => matches,
            // The command line by itself was in order.
            Err(error) => return rejected(&error, colour, Some(&read)),
        };
        file = Some((read, sources));
    }
    let settings = settings(innermost, deepest(&matches), file.as_ref());
    let cli = Cli::from_arg_matches(&matches).map_err(|error| Error::usage(message(&error)))?;
    let asked = |mut args: JobArgs| {
        if let (true, Some((JobFile { files: Some((files, _)), .. }, _))) =
            (args.input.files.is_empty(), &file)
        {
            args.input.files.clone_from(files);
        }
        Box::new(Asked { args, settings })
    };
    Ok(match cli.command {
        None => Request::Run(asked(cli.main.into())),
        Some(args::Command::Order(args)) => Request::Run(asked((*args).into())),
        Some(args::Command::Explain(explain)) => Request::Explain(match explain.command {
            None => asked(explain.main.into()),
            Some(ExplainCommand::Order(args)) => asked((*args).into()),
        }),
        Some(args::Command::Completions { shell }) => Request::Completions(shell),
    })
}

/// The whole command, built: help, completions and the manual pages are made of it.
pub fn command(colour: bool) -> Command {
    let colour = if colour { ColorChoice::Always } else { ColorChoice::Never };
    let mut command = Cli::command().color(colour);
    command.build();
    tidied(command)
}

/// What clap adds by itself, put in its place: -h and -V with the other diagnostics, `help` out of sight.
fn tidied(command: Command) -> Command {
    let help = command.get_name() == "help";
    let command = command
        .mut_args(|arg| match arg.get_id().as_str() {
            "help" | "version" => arg.help_heading("Diagnostics").hide_short_help(true),
            _ => arg,
        })
        .hide(help);
    match help {
        true => command,
        false => command.mut_subcommands(tidied),
    }
}

/// The short help of the command that was given, for a run that has nothing to read.
pub fn short_help(argv: &[OsString]) -> String {
    let command = command(false);
    let path = match command.clone().try_get_matches_from(argv) {
        Ok(matches) => path(&matches),
        Err(_) => Vec::new(),
    };
    descend(&command, &path).clone().render_help().to_string()
}

/// The names of the commands given, outermost first.
fn path(matches: &ArgMatches) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = matches;
    while let Some((name, inner)) = at.subcommand() {
        path.push(name.to_owned());
        at = inner;
    }
    path
}

fn deepest(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, inner)) => deepest(inner),
        None => matches,
    }
}

fn descend<'a>(command: &'a Command, path: &[String]) -> &'a Command {
    path.iter().fold(command, |at, name| at.find_subcommand(name).unwrap_or(at))
}

/// The job file, for commands that have the option.
fn named_file(matches: &ArgMatches) -> Option<&OsStr> {
    matches.try_get_raw("job").ok()??.next()
}

/// The command line with the options of the job file that it does not give itself. They stand before
/// the user's own, right behind the command, where no `--` can have come yet.
fn with_file(
    argv: &[OsString],
    path: &[String],
    file: &JobFile,
    matches: &ArgMatches,
    command: &Command,
) -> Vec<OsString> {
    let (start, rest) = argv.split_at((1 + path.len()).min(argv.len()));
    let missing = file.options.iter().filter(|option| !given(matches, command, &option.name));
    let inserted = missing.flat_map(|option| option.args.iter().cloned());
    start.iter().cloned().chain(inserted).chain(rest.iter().cloned()).collect()
}

/// Whether the command line gives the option of this long name.
fn given(matches: &ArgMatches, command: &Command, name: &str) -> bool {
    let arg = command.get_arguments().find(|arg| arg.get_long() == Some(name));
    arg.is_some_and(|arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine))
}

/// All options with their values. With a job file: the file, and the matches of the command line alone.
fn settings(command: &Command, matches: &ArgMatches, file: Option<&(JobFile, ArgMatches)>) -> Settings {
    let mut settings = Vec::new();
    for arg in command.get_arguments() {
        let name = match arg.get_long() {
            Some("help" | "version") => continue,
            Some(name) => name,
            None if arg.is_positional() => "files",
            None => continue,
        };
        let id = arg.get_id().as_str();
        let raw = matches.try_get_raw(id).ok().flatten();
        let mut values: Vec<String> = raw
            .map(|raw| raw.map(|value| value.to_string_lossy().into_owned()).collect())
            .unwrap_or_default();
        let typed = file.map_or(matches, |(_, typed)| typed);
        let mut origin = match typed.value_source(id) {
            Some(ValueSource::CommandLine) => Origin::CommandLine,
            _ => Origin::Default,
        };
        if let (Origin::Default, Some((file, _))) = (&origin, file) {
            let in_file = |line| Origin::File { path: file.path.clone(), line };
            if let Some(option) = file.options.iter().find(|option| option.name == name) {
                origin = in_file(option.line);
            }
            if let ("files", Some((files, line))) = (name, &file.files) {
                values = files.iter().map(|path| path.display().to_string()).collect();
                origin = in_file(*line);
            }
        }
        settings.push(Setting { name: name.to_owned(), values, origin });
    }
    Settings(settings)
}

/// What clap stopped at: a help text to print, or a mistake, in the job file where there is one.
fn rejected(error: &clap::Error, colour: bool, file: Option<&JobFile>) -> Result<Request> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = error.render();
        let text = if colour { text.ansi().to_string() } else { text.to_string() };
        return Ok(Request::Print(text));
    }
    let message = message(error);
    let place = file.and_then(|file| Some((file, line_of(error, file)?)));
    Err(Error::usage(match place {
        Some((file, line)) => format!("{}:{line}: {message}", file.path.display()),
        None => message,
    }))
}

/// The line of the option at fault in the job file.
fn line_of(error: &clap::Error, file: &JobFile) -> Option<usize> {
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else { return None };
    // As in `--top <N>`.
    let name = arg.strip_prefix("--")?.split([' ', '=', '[']).next()?;
    file.options.iter().find(|option| option.name == name).map(|option| option.line)
}

/// clap's message in the form that all messages have: one line, the ways out behind semicolons.
fn message(error: &clap::Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn request(line: &[&str]) -> Result<Request> {
        let argv: Vec<OsString> = ["windrow"].iter().chain(line).map(OsString::from).collect();
        parse(&argv, false)
    }

    fn asked(line: &[&str]) -> Asked {
        match request(line) {
            Ok(Request::Run(asked) | Request::Explain(asked)) => *asked,
            other => panic!("{line:?}: {other:?}"),
        }
    }

    /// A job file in a directory that lives as long as the first result.
    fn job_file(text: &str) -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("job.toml");
        std::fs::File::create(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("is written");
        (directory, path.to_str().expect("is UTF-8").to_owned())
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands() {
        let check = |line: &[&str], want: &str| {
            let kind = match request(line) {
                Ok(Request::Run(asked)) => format!("run {}", kind(&asked)),
                Ok(Request::Explain(asked)) => format!("explain {}", kind(&asked)),
                Ok(Request::Completions(shell)) => format!("completions {shell}"),
                Ok(Request::Print(_)) => "print".to_owned(),
                Err(error) => format!("error {}", error.exit_code()),
            };
            assert_eq!(kind, want, "{line:?}");
        };
        fn kind(asked: &Asked) -> String {
            let job = if asked.args.aggregate.is_some() { "main" } else { "order" };
            format!("{job} {:?}", asked.args.input.files)
        }
        check(&[], "run main []");
        check(&["-w", "1m", "a", "-"], r#"run main ["a", "-"]"#);
        check(&["order", "a"], r#"run order ["a"]"#);
        check(&["./order"], r#"run main ["./order"]"#);
        check(&["--", "order"], r#"run main ["order"]"#);
        check(&["-w", "1m", "order"], r#"run main ["order"]"#);
        check(&["--", "-x.json"], r#"run main ["-x.json"]"#);
        check(&["-w1m", "--", "--", "-1"], r#"run main ["--", "-1"]"#);
        check(&["explain", "-w", "1m"], "explain main []");
        check(&["explain", "order", "a"], r#"explain order ["a"]"#);
        check(&["completions", "zsh"], "completions zsh");
        check(&["-h"], "print");
        check(&["order", "--help"], "print");
        check(&["--version"], "print");
        check(&["order", "-w", "1m"], "error 2");
        check(&["completions", "tcsh"], "error 2");
        check(&["--state-dir", "x"], "error 2");
    }

    #[test]
    fn options() {
        let asked = asked(&[
            "--stats",
            "a.json",
            "-vv",
            "-b",
            "x,y",
            "-b",
            "z",
            "--delimiter",
            "tab",
            "--where",
            "-1 < x",
        ]);
        let aggregate = asked.args.aggregate.expect("is the main job");
        assert_eq!(asked.args.diagnostics.stats, Some(super::super::values::StatsName::Text));
        assert_eq!(asked.args.input.files, ["a.json"].map(std::path::PathBuf::from));
        assert_eq!(asked.args.diagnostics.verbose, 2);
        assert_eq!(aggregate.window.by, ["x,y", "z"]);
        assert_eq!(asked.args.input.delimiter, Some(b'\t'));
        assert_eq!(asked.args.input.filter.as_deref(), Some("-1 < x"));
    }

    #[test]
    fn mistakes_in_one_line() {
        let check = |line: &[&str], want: &str| {
            let error = request(line).expect_err("is a mistake");
            assert_eq!(error.to_string(), want, "{line:?}");
            assert_eq!(error.exit_code(), 2, "{line:?}");
        };
        check(
            &["--widow", "1m"],
            "unexpected argument '--widow' found; a similar argument exists: '--window'",
        );
        check(
            &["--top", "0"],
            "invalid value '0' for '--top <N>': a whole number from 1 to 1073741824 is needed",
        );
        check(
            &["--to", "xml"],
            "invalid value 'xml' for '--to <FORMAT>' [possible values: ndjson, csv, tsv, table]",
        );
        check(&["--window"], "a value is required for '--window <SPEC>' but none was supplied");
        check(&["-w", "1m", "-w", "2m"], "the argument '--window <SPEC>' cannot be used multiple times");
        check(&["--zzz"], "unexpected argument '--zzz' found; try windrow --help");
        check(
            &["--delimiter", ";;"],
            "invalid value ';;' for '--delimiter <C>': a delimiter is one byte, or tab",
        );
        check(
            &["--max-record", "x\u{1b}[31m"],
            "invalid value 'x' for '--max-record <SIZE>': a size is a whole number of bytes, or such as 64MiB, 64M or 64MB",
        );
        check(&["--stats=xml"], "invalid value 'xml' for '--stats[=<FORMAT>]' [possible values: text, json]");
        check(&["completions"], "the following required arguments were not provided: <SHELL>");
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let (_directory, path) = job_file(
            "window = '1m'\nby = ['page']\ndelay = '1m'\nfiles = ['a.csv']\nties = true\ntop = 3\nverbose = 2\n",
        );
        let asked = asked(&["--job", &path, "--by", "user", "-d2s", "--order-by", "count"]);
        let aggregate = asked.args.aggregate.expect("is the main job");
        assert_eq!(aggregate.window.window.as_deref(), Some("1m"));
        assert_eq!(aggregate.window.by, ["user"]);
        assert_eq!(asked.args.time.delay, "2s");
        assert_eq!(asked.args.input.files, ["a.csv"].map(std::path::PathBuf::from));
        assert!(aggregate.aggregation.ties);
        assert_eq!(aggregate.aggregation.top, Some(3));
        assert_eq!(asked.args.diagnostics.verbose, 2);
        let origin = |name: &str| asked.settings.get(name).map(|setting| setting.origin.clone());
        let line = |line| Some(Origin::File { path: path.clone().into(), line });
        assert_eq!(origin("window"), line(1));
        assert_eq!(origin("by"), Some(Origin::CommandLine));
        assert_eq!(origin("delay"), Some(Origin::CommandLine));
        assert_eq!(origin("files"), line(4));
        assert_eq!(origin("job"), Some(Origin::CommandLine));
        assert_eq!(origin("late"), Some(Origin::Default));
        assert_eq!(asked.settings.option("top"), format!("{path}:6: top"));
    }

    #[test]
    fn files_on_the_command_line_replace_those_of_the_file() {
        let (_directory, path) = job_file("window = '1m'\nfiles = ['a.csv']\n");
        let asked = asked(&["explain", "--job", &path, "--", "-b.json"]);
        assert_eq!(asked.args.input.files, ["-b.json"].map(std::path::PathBuf::from));
        assert_eq!(asked.settings.get("files").map(|files| files.origin.clone()), Some(Origin::CommandLine));
        assert_eq!(asked.args.aggregate.and_then(|main| main.window.window).as_deref(), Some("1m"));
    }

    #[test]
    fn mistakes_in_the_file_name_its_line() {
        let check = |text: &str, line: &[&str], want: &str| {
            let (_directory, path) = job_file(text);
            let line: Vec<&str> = line.iter().copied().chain(["--job", &path]).collect();
            let error = request(&line).expect_err(text).to_string();
            assert_eq!(error.replace(&path, "job.toml"), want, "{text}");
        };
        check(
            "window = '1m'\ntop = 0",
            &[],
            "job.toml:2: invalid value '0' for '--top <N>': a whole number from 1 to 1073741824 is needed",
        );
        check(
            "to = 'xml'",
            &[],
            "job.toml:1: invalid value 'xml' for '--to <FORMAT>' [possible values: ndjson, csv, tsv, table]",
        );
        check(
            "window = '1m'",
            &["order"],
            "job.toml:1: there is no option `window`; windrow order --help lists them",
        );
        check(
            "top = 0",
            &["--top", "x"],
            "invalid value 'x' for '--top <N>': a whole number from 1 to 1073741824 is needed",
        );
    }
}
