//! Files that come to be there while patterns are followed.
//!
//! A run that is kept takes them in like a run that is continued with more inputs: it stops behind a checkpoint, and the
//! process begins anew with the same command. So there is one way in which inputs join, and a kill at any instant of it
//! is like any other. A run that is not kept cannot stop; it says what it leaves alone.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::parse::Asked;
use super::report;
use crate::error::{Error, Escaped, Result, Signal};
use crate::job::{self, Job, Report, Stats};
use crate::pipeline::Progress;

/// How often it is looked for them.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked for the first of them, without which nothing begins.
const LOOK_FIRST: Duration = Duration::from_millis(100);

/// The job that is asked for, once there is a file to begin with; `None` if that has taken as long as the job waits for
/// more.
pub fn job(asked: &Asked) -> Result<Option<Job>> {
    let (begun, mut said) = (Instant::now(), false);
    loop {
        let job = job::build::job(&asked.args, &asked.settings)?;
        let is_begun = job.state.as_ref().is_some_and(|state| !state.replay && has_checkpoint(&state.dir));
        if !job.sources.is_empty() || is_begun {
            return Ok(Some(job));
        }
        let stop_after = job.follow.as_ref().and_then(|follow| follow.stop_after);
        if stop_after.is_some_and(|after| begun.elapsed() >= after) {
            return Ok(None);
        }
        if let Some(follow) = job.follow.as_ref().filter(|_| says(&job.report) && !said) {
            let patterns: Vec<String> =
                follow.patterns.iter().map(|pattern| Escaped(pattern.text()).to_string()).collect();
            report::line(&format!("waiting for a file that fits {} to appear", patterns.join(" or ")));
            said = true;
        }
        thread::sleep(LOOK_FIRST);
    }
}

/// Whether anything is said that nobody has asked for.
fn says(report: &Report) -> bool {
    !report.quiet && report.stats != Stats::Json
}

/// Whether an earlier run has left something in a state directory, which then names its inputs.
fn has_checkpoint(dir: &std::path::Path) -> bool {
    let is_one = |name: OsString| name.to_str().is_some_and(|name| name.starts_with("checkpoint-"));
    std::fs::read_dir(dir).is_ok_and(|entries| entries.flatten().any(|entry| is_one(entry.file_name())))
}

/// Looks for new files while the job runs; `signals` are passed on. To a job that is kept they are told as a signal.
pub fn watch(job: &Arc<Job>, signals: Receiver<Signal>, progress: &Arc<Progress>) -> Receiver<Signal> {
    let Some(follow) = job.follow.as_ref().filter(|follow| !follow.patterns.is_empty()) else {
        return signals;
    };
    let (tell, told) = bounded(1);
    let (follow, job, progress) = (follow.clone(), job.clone(), progress.clone());
    thread::spawn(move || {
        let mut known: HashSet<String> = job.sources.iter().map(|source| source.name.clone()).collect();
        loop {
            match signals.recv_timeout(LOOK) {
                Ok(signal) => {
                    let _ = tell.send(signal);
                    return;
                }
                // Nobody will tell any more.
                Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let new = follow.newcomers(&known.iter().map(String::as_str).collect());
            if !new.is_empty() && job.state.is_some() {
                for name in new.iter().filter(|_| says(&job.report)) {
                    report::line(&format!("{} has come to be there, and joins", Escaped(name)));
                }
                let _ = tell.send(Signal::Newcomer);
                return;
            }
            for name in new {
                let name_shown = Escaped(&name);
                progress.warn(&[format!(
                    "{name_shown} has come to be there, and is not followed: that needs --state-dir"
                )]);
                known.insert(name);
            }
        }
    });
    told
}

/// Begins anew with the same command, in the same process. Comes back with an error alone.
pub fn begin_anew(argv: &[OsString], is_order: bool) -> Error {
    let (program, rest) =
        argv.split_first().map_or((OsString::new(), argv), |(first, rest)| (first.clone(), rest));
    let (command, rest) = rest.split_at(usize::from(is_order).min(rest.len()));
    // Wherever the program is called from, and whatever has its name by now.
    let mut again = Command::new("/proc/self/exe");
    // What was to be computed anew has been begun.
    let cause = again.arg0(program).args(command).arg("--goes-on").args(rest).exec();
    Error::Failed(format!(
        "the run cannot go on with the files that have joined: {}",
        crate::error::words(&cause)
    ))
}
