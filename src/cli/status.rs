//! What a run says on SIGUSR1: one line on standard error about how it stands, also with `--quiet`, since somebody has
//! asked. With `--stats=json` it is one JSON object.
//!
//! The signal handler itself only writes a byte to a pipe; a thread of its own reads that and does the rest.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use indicatif::HumanCount;
use serde_json::{Value, json};
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;

use super::progress::clock;
use super::work::share;
use super::{report, signals, waits};
use crate::error::{Error, Result, words};
use crate::pipeline::Progress;
use crate::pipeline::snapshot::Snapshot;

/// Answers SIGUSR1 from now on. Whoever started the program may want the signal to be ignored.
pub fn answer(progress: &Arc<Progress>, json: bool) -> Result<()> {
    if signals::is_ignored(SIGUSR1) {
        return Ok(());
    }
    let mut signals = Signals::new([SIGUSR1])
        .map_err(|cause| Error::Failed(format!("signals cannot be taken over: {}", words(&cause))))?;
    let progress = progress.clone();
    thread::spawn(move || {
        for _ in signals.forever() {
            let now = progress.snapshot();
            match json {
                true => report::text(&format!("{}\n", object(&now))),
                false => report::line(&line(&now, SystemTime::now())),
            }
        }
    });
    Ok(())
}

/// A line for people, without its end.
fn line(run: &Snapshot, now: SystemTime) -> String {
    let mut text = format!("{:.1} s: ", run.elapsed.as_secs_f64());
    if run.held.is_none() {
        return text + "starting, nothing has been read yet";
    }
    text += &format!("{}; {} rows written", run.job, run.rows.job);
    match run.watermark {
        Some(watermark) => text += &format!("; watermark {}", clock(watermark)),
        None => text += "; no watermark yet",
    }
    let held = run.held.unwrap_or_default();
    text += &format!("; {} open, {} keys", HumanCount(held.windows), HumanCount(held.keys));
    if run.ids > 0 {
        text += &format!(", {} ids", HumanCount(run.ids));
    }
    if let Some(checkpoints) = &run.checkpoints {
        let age = checkpoints.last_at.and_then(|at| now.duration_since(at).ok());
        text += &match age {
            Some(age) => format!("; last checkpoint {:.1} s ago", age.as_secs_f64()),
            None => "; no checkpoint yet".to_owned(),
        };
    }
    if let Some(waits) = run.waits.as_ref().and_then(waits::text) {
        text += &format!("; {waits}");
    }
    let shares = run.stages.iter().map(|(stage, account)| share(*stage, account, run.elapsed));
    text + "; at work: " + &shares.collect::<Vec<_>>().join(", ")
}

/// The same for scripts: the ledger as `--stats=json` has it at the end, and how the run stands.
fn object(run: &Snapshot) -> Value {
    let mut object = serde_json::to_value(run.job).unwrap_or_default();
    let held = run.held.unwrap_or_default();
    let status = json!({
        "status": if run.held.is_some() { "running" } else { "starting" },
        "seconds": run.elapsed.as_secs_f64(),
        "rows": run.rows.job,
        "watermark": run.watermark.map(clock),
        "open": held.windows,
        "keys": held.keys,
        "ids": run.ids,
    });
    if let (Value::Object(all), Value::Object(status)) = (&mut object, status) {
        all.extend(status);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_has_not_begun() {
        let run = Progress::default().snapshot();
        let line = line(&run, SystemTime::now());
        assert!(line.ends_with(" s: starting, nothing has been read yet"), "{line}");
        let object = object(&run);
        assert_eq!((&object["status"], &object["read"]), (&json!("starting"), &json!(0)));
        assert_eq!(object["watermark"], Value::Null);
    }
}
