//! From the arguments of the process to a request: command line and job file through one parser.

use std::ffi::{OsStr, OsString};

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, ColorChoice, Command, CommandFactory, FromArgMatches};
use clap_complete::Shell;

use super::args::{
    self, ChartArgs, Cli, ExplainCommand, JobArgs, ProfileArgs, StateCommand, VerifyArgs, WhyArgs,
};
use super::mistake;
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
    /// Say what is in the inputs.
    Profile(Box<ProfileArgs>, Settings),
    /// Draw a result.
    Chart(Box<ChartArgs>, Settings),
    /// Look into a state directory.
    State(StateCommand),
    /// Prove that a job survives kills.
    Verify(VerifyArgs),
    /// `windrow why`.
    Why(WhyArgs),
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
        Err(error) => return rejected(&error, &command, argv, colour, None),
    };
    let (path, mut file) = (path(&matches), None);
    let innermost = descend(&command, &path);
    if let Some(name) = named_file(deepest(&matches)) {
        let read = file::read(name.as_ref(), innermost)?;
        let with_file = with_file(argv, &path, &read, deepest(&matches), innermost);
        let sources = deepest(&matches).clone();
        matches = match command.clone().try_get_matches_from(with_file) {
            Ok(matches) => matches,
            // The command line by itself was in order.
            Err(error) => return rejected(&error, &command, argv, colour, Some(&read)),
        };
        file = Some((read, sources));
    }
    let settings = settings(innermost, deepest(&matches), file.as_ref());
    if let Some(message) = mistake::detached(&command, argv) {
        return Err(Error::usage(message));
    }
    // A file that is not there may still come, or have been read by an earlier run.
    let given = |id| deepest(&matches).try_contains_id(id).unwrap_or(true);
    let follows = deepest(&matches).try_get_one("follow").ok().flatten() == Some(&true);
    let may_be_file = file.is_some() || given("window") && (follows || given("state_dir"));
    if let Some(message) = mistake::misnamed(&command, argv).filter(|_| !may_be_file) {
        return Err(Error::usage(message));
    }
    let cli = Cli::from_arg_matches(&matches)
        .map_err(|error| Error::usage(mistake::message(&error, &command, argv)))?;
    let asked = |mut args: JobArgs, settings: Settings| {
        if let (true, Some((JobFile { files: Some((files, _)), .. }, _))) =
            (args.input.files.is_empty(), &file)
        {
            args.input.files.clone_from(files);
        }
        Box::new(Asked { args, settings })
    };
    Ok(match cli.command {
        None => Request::Run(asked(cli.main.into(), settings)),
        Some(args::Command::Order(args)) => Request::Run(asked((*args).into(), settings)),
        Some(args::Command::Explain(explain)) => Request::Explain(match explain.command {
            None => asked(explain.main.into(), settings),
            Some(ExplainCommand::Order(args)) => asked((*args).into(), settings),
        }),
        Some(args::Command::Profile(args)) => Request::Profile(args, settings),
        Some(args::Command::Chart(args)) => Request::Chart(args, settings),
        Some(args::Command::State { command }) => Request::State(command),
        Some(args::Command::Verify(args)) => Request::Verify(args),
        Some(args::Command::Why(args)) => Request::Why(args),
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
    on_a_screen(descend(&command, &path)).render_help().to_string()
}

/// A command whose short help fits on a screen of 24 lines: beside options, commands are named in one line.
fn on_a_screen(command: &Command) -> Command {
    let names: Vec<&str> =
        command.get_subcommands().filter(|of| !of.is_hide_set()).map(Command::get_name).collect();
    let has_options = command.get_opts().any(|option| !option.is_hide_short_help_set());
    if names.is_empty() || !has_options {
        return command.clone();
    }
    let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let commands = format!("Commands: {} (each has -h)\n{more}", names.join(" "));
    command.clone().mut_subcommands(|of| of.hide(true)).after_help(commands.trim_end().to_owned())
}

/// The short help that clap has printed, on a screen; `None` if it is another text.
fn short(printed: &StyledStr, command: &Command) -> Option<StyledStr> {
    if command.clone().render_help() == *printed {
        return Some(on_a_screen(command).render_help());
    }
    command.get_subcommands().find_map(|inner| short(printed, inner))
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
fn rejected(
    error: &clap::Error,
    command: &Command,
    argv: &[OsString],
    colour: bool,
    file: Option<&JobFile>,
) -> Result<Request> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = error.render();
        let text = short(&text, command).unwrap_or(text);
        let text = if colour { text.ansi().to_string() } else { text.to_string() };
        return Ok(Request::Print(text));
    }
    let message = mistake::message(error, command, argv);
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

#[cfg(test)]
mod tests;
