//! `--state-dir` and the options that go with it.

use std::time::Duration;

use crate::cli::options::StateOptions;
use crate::error::Result;
use crate::time::duration;

use super::settings::{Origin, Settings};
use super::{Aggregation, Durability, Job, OutputFormat, Task};

/// The options that mean nothing without a state directory.
const NEED_STATE_DIR: [&str; 5] = ["checkpoint-interval", "at-eof", "stdin-resume", "in-doubt", "replay"];

/// What is kept, if anything is.
pub fn state(options: &StateOptions, settings: &Settings) -> Result<Option<Durability>> {
    let Some(dir) = &options.state_dir else {
        let given =
            |name: &&&str| settings.get(name).is_some_and(|setting| setting.origin != Origin::Default);
        return match NEED_STATE_DIR.iter().find(given) {
            Some(name) => Err(settings.unfit(name, "needs --state-dir, which says where the state is kept")),
            None => Ok(None),
        };
    };
    if dir.as_os_str().is_empty() {
        return Err(settings.wrong("state-dir", "the name of the directory is empty"));
    }
    let interval = duration::parse(&options.checkpoint_interval)
        .map_err(|message| settings.wrong("checkpoint-interval", message))?;
    Ok(Some(Durability {
        dir: dir.clone(),
        interval: Duration::from_micros(interval.unsigned_abs()),
        at_eof: options.at_eof,
        stdin_resume: options.stdin_resume,
        in_doubt: options.in_doubt,
        replay: options.replay && !options.goes_on,
    }))
}

/// Whether the rest of the job can be continued.
pub fn check(job: &Job, settings: &Settings) -> Result<()> {
    match &job.task {
        Task::Aggregate(Aggregation { to: OutputFormat::Live, .. }) if job.state.is_some() => {
            Err(settings.wrong(
                "to",
                "a live view writes nothing that a later run could continue; with --state-dir take csv, tsv or ndjson",
            ))
        }
        Task::Aggregate(Aggregation { to: to @ (OutputFormat::Table | OutputFormat::Chart(_)), .. })
            if job.state.is_some() =>
        {
            let what = if *to == OutputFormat::Table { "table" } else { "chart" };
            Err(settings.wrong("to", format!(
                "a {what} is written whole, at the end, and cannot be continued; with --state-dir take csv, tsv or ndjson"
            )))
        }
        _ => Ok(()),
    }
}
