//! The command line: what the user typed becomes a job, the job is run, and its end becomes an exit code.

pub mod args;
mod chart;
pub mod color;
pub mod examples;
mod heap;
mod live;
pub mod look;
pub mod mistake;
mod newcomers;
pub mod options;
pub mod outputs;
pub mod parse;
mod profile;
pub mod progress;
pub mod report;
pub mod run;
pub mod signals;
mod state;
mod status;
pub mod streams;
pub mod values;
mod verify;
mod waits;
mod why;
mod work;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result, Signal};
use crate::job::{self, Job, Task, When};

use color::Surroundings;
use parse::Request;

/// Runs windrow with these arguments, the program's name first, and returns its exit code.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> u8 {
    let argv: Vec<OsString> = argv.into_iter().collect();
    heap::keep_freed();
    outlive_file_limits();
    // Until the options are read, colour goes by a look at the raw arguments.
    let mut color = color::asked_for(&argv);
    match carry_out(&argv, &mut color) {
        Ok(code) => code,
        Err(error) => {
            report::error(&error, coloured(color, std::io::stderr().is_terminal()));
            error.exit_code()
        }
    }
}

/// The checked job that a command line asks for, the program's name first. Nothing is read or run: this is for
/// whoever runs jobs within a program.
pub fn job(argv: &[OsString]) -> Result<Job> {
    match parse::parse(argv, false)? {
        Request::Run(asked) | Request::Explain(asked) => job::build::job(&asked.args, &asked.settings),
        Request::Profile(..)
        | Request::Chart(..)
        | Request::State(_)
        | Request::Verify(_)
        | Request::Why(_)
        | Request::Completions(_)
        | Request::Print(_) => Err(Error::usage("this is not a job")),
    }
}

/// Lets a write beyond `ulimit -f` fail with an error, which can be told, instead of ending the process.
fn outlive_file_limits() {
    let limit = rustix::process::Signal::XFSZ.as_raw();
    // Whoever cannot have a handler is merely ended without a word.
    let _ = signal_hook::flag::register(limit, Arc::default());
}

fn carry_out(argv: &[OsString], color: &mut When) -> Result<u8> {
    let request = parse::parse(argv, coloured(*color, std::io::stdout().is_terminal()))?;
    if let Request::Run(asked) | Request::Explain(asked) = &request {
        *color = asked.args.diagnostics.colour.color;
    }
    if let Request::Chart(args, _) = &request {
        *color = args.colour.color;
    }
    match request {
        Request::Print(text) => report::output(&text)?,
        Request::Completions(shell) => report::output(&completions(shell))?,
        Request::Explain(asked) => {
            let job = job::build::job(&asked.args, &asked.settings)?;
            report::output(&job::explain::explain(&job, &asked.settings))?;
        }
        Request::Profile(args, _) if nothing_to_read(&args.inputs, std::io::stdin().is_terminal()) => {
            return Ok(no_input(argv));
        }
        Request::Profile(args, settings) => profile::carry_out(&args, &settings)?,
        Request::Chart(args, _) if chart::lacks_input(&args) => return Ok(no_input(argv)),
        Request::Chart(args, settings) => chart::carry_out(&args, &settings)?,
        Request::State(command) => state::carry_out(&command)?,
        Request::Verify(args) => verify::verify(&args)?,
        Request::Why(args) => why::carry_out(&args)?,
        Request::Run(asked) if nothing_to_read(&asked.args.input.files, std::io::stdin().is_terminal()) => {
            return Ok(no_input(argv));
        }
        Request::Run(asked) => {
            let Some(job) = newcomers::job(&asked)? else { return Ok(0) };
            let is_order = matches!(job.task, Task::Order);
            match run::run(job) {
                Err(Error::Stopped(Signal::Newcomer)) => return Err(newcomers::begin_anew(argv, is_order)),
                result => result?,
            }
        }
    }
    Ok(0)
}

/// Says how the command is used. Returns the exit code.
fn no_input(argv: &[OsString]) -> u8 {
    report::text(&parse::short_help(argv));
    report::text("\nwindrow: no input: name a FILE, or pipe events in (- reads what is typed)\n");
    2
}

/// Whether a run would wait for somebody to type events, who most likely wanted something else.
fn nothing_to_read(files: &[PathBuf], terminal: bool) -> bool {
    files.is_empty() && terminal
}

fn coloured(color: When, terminal: bool) -> bool {
    color::wanted(color, terminal, &Surroundings::of_process())
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut parse::command(false), "windrow", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
