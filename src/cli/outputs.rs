//! Opens the outputs that a job names: for a job that is kept as ones that a later run can continue.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::report;
use crate::error::Result;
use crate::job::{InDoubt, Job};
use crate::output::durable::Durable;
use crate::output::mark::Mark;
use crate::output::sink::Sink;
use crate::output::stream;
use crate::pipeline::{Kept, Outputs};

type Opens = Box<dyn FnOnce() -> Result<Sink> + Send>;

/// The outputs of a job. What an earlier run has written to is opened now, so that nothing is touched anywhere
/// unless all of it fits; the rest when the first row is due.
pub fn outputs(job: &Job, kept: Option<&Kept>) -> Result<Outputs> {
    let [late, bad] = [job.late.path(), job.bad.path()].map(|path| path.map(Path::to_path_buf));
    let (Some(kept), Some(state)) = (kept, &job.state) else {
        let file = |path: PathBuf| -> Opens { Box::new(move || Sink::file(&path)) };
        let rows: Opens = match &job.output {
            Some(path) => file(path.clone()),
            None => Box::new(Sink::stdout),
        };
        return Ok(Outputs { before: Mark::default(), rows, late: late.map(file), bad: bad.map(file) });
    };
    let durable = Arc::new(Durable {
        state_dir: state.dir.clone(),
        identity: kept.checkpoint.run,
        in_doubt: match state.in_doubt {
            InDoubt::Repeat => stream::InDoubt::Repeat,
            InDoubt::Skip => stream::InDoubt::Skip,
            InDoubt::Fail => stream::InDoubt::Fail,
        },
    });
    let ([rows_mark, late_mark, bad_mark], quiet) = (kept.marks(), job.report.quiet);
    let aside = |path: Option<PathBuf>, mark: Option<Mark>| -> Result<Option<Opens>> {
        let Some(path) = path else { return Ok(None) };
        let durable = durable.clone();
        opened(mark, Box::new(move || durable.set_aside(&path, mark)), quiet).map(Some)
    };
    let (late, bad) = (aside(late, late_mark)?, aside(bad, bad_mark)?);
    let path = job.output.clone();
    let rows: Opens = Box::new(move || match path {
        Some(path) => durable.output(&path, rows_mark),
        None => durable.stdout(rows_mark),
    });
    Ok(Outputs { before: rows_mark.unwrap_or_default(), rows: opened(rows_mark, rows, quiet)?, late, bad })
}

/// Opens what is continued.
fn opened(mark: Option<Mark>, open: Opens, quiet: bool) -> Result<Opens> {
    if mark.is_none() {
        return Ok(open);
    }
    let sink = open()?;
    if let Some(notice) = sink.notice().filter(|_| !quiet) {
        report::warning(notice);
    }
    Ok(Box::new(move || Ok(sink)))
}

/// Looks whether the outputs of a job that is done are still as they were left; others are not opened.
pub fn check(job: &Job, kept: &Kept) -> Result<()> {
    let [_, late, bad] = kept.marks();
    let outputs = outputs(job, Some(kept))?;
    let aside = [outputs.late.filter(|_| late.is_some()), outputs.bad.filter(|_| bad.is_some())];
    aside.into_iter().flatten().chain([outputs.rows]).try_for_each(|open| open()?.finish())
}
