//! `windrow verify`: from the words behind `--` to a job whose outputs can be put anywhere, and its proof.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::args::VerifyArgs;
use super::parse::{self, Asked, Request};
use super::{report, streams};
use crate::error::{Error, Escaped, Result};
use crate::input::Origin;
use crate::job::settings::{Origin as Given, Setting};
use crate::job::{self, AtEof, BadPolicy, OutputFormat, Task};
use crate::parse::project::random_seed;
use crate::verify::Proof;
use crate::verify::child::Stop;
use crate::verify::job::Job;
use crate::verify::scratch::{Scratch, failed};

/// Options of a job that the proof sets, or that say nothing of the output.
const REPLACED: [&str; 26] = [
    "files",
    "follow",
    "stop-after",
    "idle-timeout",
    "job",
    "output",
    "late",
    "bad",
    "state-dir",
    "checkpoint-interval",
    "at-eof",
    "stdin-resume",
    "in-doubt",
    "replay",
    "goes-on",
    "threads",
    "chunk-bytes",
    "stats",
    "quiet",
    "verbose",
    "progress",
    "metrics",
    "metrics-interval",
    "metrics-listen",
    "metrics-label",
    "color",
];

/// Options without a value.
const FLAGS: [&str; 3] = ["no-header", "ties", "row-id"];

/// Carries out `windrow verify`.
pub fn verify(args: &VerifyArgs) -> Result<()> {
    let asked = asked(&args.words)?;
    let checked = job::build::job(&asked.args, &asked.settings)?;
    let inputs = inputs(&checked)?;
    let stop = Stop::listen()?;
    let mut scratch = Scratch::new()?;
    let stdin = match checked.sources.iter().any(|source| matches!(source.origin, Origin::Stdin)) {
        true => Some(spool(&scratch.path().join("input"))?),
        false => None,
    };
    let job = job_of(&asked, &checked, stdin)?;
    let mut proof = Proof {
        job,
        inputs,
        scratch: &mut scratch,
        rounds: args.kills,
        // Short enough to be typed.
        seed: args.seed.unwrap_or_else(|| random_seed() >> 40),
        cores: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        stop: &stop,
        say: &mut |line| report::output(&format!("{line}\n")),
    };
    proof.prove()
}

/// The job that the words ask for; they may begin with `windrow` itself.
pub fn asked(words: &[OsString]) -> Result<Asked> {
    let words = match words {
        [first, rest @ ..] if first == "windrow" => rest,
        words => words,
    };
    let argv: Vec<OsString> = std::iter::once("windrow".into()).chain(words.iter().cloned()).collect();
    match parse::parse(&argv, false)? {
        Request::Run(asked) => Ok(*asked),
        _ => Err(Error::usage("what stands behind -- is not a job; give the options and files of one")),
    }
}

/// The files among a job's inputs, each of which can be read again and again.
fn inputs(job: &job::Job) -> Result<Vec<PathBuf>> {
    let paths = job.sources.iter().filter_map(|source| match &source.origin {
        Origin::Path(path) => Some(path),
        Origin::Stdin | Origin::Memory(_) | Origin::Absent => None,
    });
    let once = |path: &&PathBuf| path.metadata().is_ok_and(|found| !found.is_file());
    match paths.clone().find(once) {
        None => Ok(paths.cloned().collect()),
        Some(path) => Err(Error::usage(format!(
            "{} is no regular file, and the job has to be run many times; give it as standard input",
            Escaped(&path.display().to_string())
        ))),
    }
}

/// Keeps standard input, to be read again and again.
fn spool(path: &Path) -> Result<PathBuf> {
    let mut file = File::create_new(path).map_err(|cause| failed(path, cause))?;
    let copied = streams::check_stdin().and_then(|()| io::copy(&mut io::stdin().lock(), &mut file));
    copied.map_err(|cause| failed(path, cause))?;
    Ok(path.to_owned())
}

/// The job in the form in which it is run. It is built once more, to be refused here if it cannot be kept.
fn job_of(asked: &Asked, checked: &job::Job, stdin: Option<PathBuf>) -> Result<Job> {
    let given =
        |setting: &&Setting| setting.origin != Given::Default && !REPLACED.contains(&setting.name.as_str());
    let (order, row_id, csv) = match &checked.task {
        Task::Order => (true, false, false),
        Task::Aggregate(task) if task.to == OutputFormat::Live => {
            return Err(Error::usage(
                "--to live writes nothing that could be continued; take csv, tsv or ndjson",
            ));
        }
        Task::Aggregate(task) if matches!(task.to, OutputFormat::Table | OutputFormat::Chart(_)) => {
            let what = if task.to == OutputFormat::Table { "table" } else { "chart" };
            return Err(Error::usage(format!(
                "--to {what} is written whole, at the end, and cannot be continued; take csv, tsv or ndjson",
            )));
        }
        Task::Aggregate(task) => (false, task.row_id, matches!(task.to, OutputFormat::Csv { .. })),
    };
    Ok(Job {
        program: std::env::current_exe()
            .map_err(|cause| Error::Output { target: "windrow itself".to_owned(), cause })?,
        order,
        options: asked.settings.0.iter().filter(given).flat_map(words).collect(),
        inputs: asked.args.input.files.iter().map(|path| path.clone().into_os_string()).collect(),
        stdin,
        hold: asked.args.state.at_eof == AtEof::Hold,
        keeps_bad: checked.bad != BadPolicy::Fail,
        row_id,
        csv,
    })
}

/// An option as words.
fn words(setting: &Setting) -> Vec<OsString> {
    let name = &setting.name;
    match FLAGS.contains(&name.as_str()) {
        true => vec![format!("--{name}").into()],
        false => setting.values.iter().map(|value| format!("--{name}={value}").into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::job::{Files, Rows};

    /// The arguments of an undisturbed run of a job.
    fn args(line: &[&str]) -> Vec<String> {
        let words: Vec<OsString> = line.iter().map(Into::into).collect();
        let asked = asked(&words).unwrap();
        let checked = job::build::job(&asked.args, &asked.settings).unwrap();
        let job = job_of(&asked, &checked, None).unwrap();
        let args = job.args(&Files("d".into()), Rows::File, None);
        args.into_iter().map(|arg| arg.into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_computed_stays_and_what_is_written_goes_elsewhere() {
        let said = ["--quiet", "--progress=never", "--color=never", "--late=d/late"];
        let want = |options: &[&str], rest: &[&str]| -> Vec<String> {
            options.iter().chain(&said).chain(rest).map(|word| (*word).to_owned()).collect()
        };
        assert_eq!(
            args(&[
                "windrow",
                "-w1m",
                "-o",
                "x",
                "-s",
                "y",
                "--replay",
                "-j",
                "3",
                "-b",
                "a",
                "-b",
                "b",
                "f",
                "-v",
                "--metrics",
                "m.prom",
                "--metrics-interval",
                "1s",
                "--metrics-listen",
                "[::1]:0",
                "--metrics-label",
                "a=b"
            ]),
            want(&["--window=1m", "--by=a", "--by=b"], &["--output=d/rows", "--", "f"])
        );
        assert_eq!(
            args(&["order", "--where", "-x > 1", "--late", "l", "--bad", "skip", "-"]),
            ["order".to_owned()]
                .into_iter()
                .chain(want(&["--where=-x > 1"], &["--bad=d/bad", "--output=d/rows", "--", "-"]))
                .collect::<Vec<_>>()
        );
        assert_eq!(
            args(&["-w1m", "--top=3", "--order-by=count", "--ties", "a.csv"]),
            want(
                &["--window=1m", "--top=3", "--order-by=count", "--ties"],
                &["--output=d/rows", "--", "a.csv"]
            )
        );
    }

    /// Every option is either part of what is proved or one of those that the proof replaces.
    #[test]
    fn the_lists_name_options() {
        let command = parse::command(false);
        let known: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        for name in REPLACED.iter().chain(&FLAGS).filter(|name| **name != "files") {
            assert!(known.contains(name), "{name}");
        }
        for arg in command.get_arguments().filter(|arg| !arg.get_action().takes_values()) {
            let Some(name) = arg.get_long() else { continue };
            let listed = FLAGS.contains(&name) || REPLACED.contains(&name);
            assert!(listed || ["help", "version"].contains(&name), "{name} takes no value");
        }
    }
}
