//! Runs a job with the outputs it names, and says on stderr what became of it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use super::progress::Display;
use super::report;
use crate::error::{Error, Result};
use crate::job::{BadPolicy, Job, LatePolicy, Stats};
use crate::output::sink::Sink;
use crate::pipeline::{self, Outputs, Progress};
use crate::stats::Summary;

/// Runs a job to its end.
pub fn run(job: Job) -> Result<()> {
    let job = Arc::new(job);
    let progress = Arc::new(Progress::default());
    let display = Display::start(&job, &progress);
    let (summary, result) = pipeline::run(&job, outputs(&job), &progress);
    display.stop();
    // A reader that has gone away is left in peace.
    if !matches!(result, Err(Error::ReaderGone)) {
        say(&job, &summary, result.is_ok());
    }
    result
}

fn outputs(job: &Job) -> Outputs {
    let file = |path: &PathBuf| -> Box<dyn FnOnce() -> Result<Sink> + Send> {
        let path = path.clone();
        Box::new(move || Sink::file(&path))
    };
    Outputs {
        rows: match &job.output {
            Some(path) => file(path),
            None => Box::new(Sink::stdout),
        },
        late: match &job.late {
            LatePolicy::Drop => None,
            LatePolicy::File(path) => Some(file(path)),
        },
        bad: match &job.bad {
            BadPolicy::Fail | BadPolicy::Skip => None,
            BadPolicy::File(path) => Some(file(path)),
        },
    }
}

/// The account of the run, as asked for, and a warning if something deserves one.
fn say(job: &Job, summary: &Summary, done: bool) {
    let quiet = job.report.quiet;
    match job.report.stats {
        Stats::Json => report::text(&format!("{}\n", summary.json())),
        Stats::Text => report::text(&format!("windrow: {}\n", summary.text())),
        Stats::Auto if done && !quiet && std::io::stderr().is_terminal() => {
            report::text(&format!("windrow: {}\n", summary.text()));
        }
        Stats::Auto => {}
    }
    // An error says more than a warning could.
    if done
        && !quiet
        && let Some(warning) = summary.warning()
    {
        report::text(&format!("windrow: warning: {warning}\n"));
    }
}
