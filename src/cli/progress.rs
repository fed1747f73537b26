//! The progress display: a bar where the size of the input is known, else a spinner with the rate, the
//! watermark and the open windows.
//!
//! One thread of its own looks at the pipeline's counters four times a second; the pipeline knows nothing of it.

use std::io::IsTerminal;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::live;
use crate::input::Origin;
use crate::job::{Job, When};
use crate::pipeline::Progress;
use crate::pipeline::snapshot::Snapshot;
use crate::time::{Form, write_time};

/// How often the display is renewed.
const INTERVAL: Duration = Duration::from_millis(250);
/// A run shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A display that runs until it is stopped.
pub struct Display {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Display {
    /// Starts the display of a run, if the job wants one.
    pub fn start(job: &Job, progress: &Arc<Progress>) -> Display {
        let wanted = match job.report.progress {
            // It has the terminal, and says the same.
            _ if live::is_wanted(job) => false,
            When::Always => true,
            When::Never => false,
            // Rows and a bar on one terminal would spoil each other.
            When::Auto => {
                let rows_on_terminal = job.output.is_none() && std::io::stdout().is_terminal();
                std::io::stderr().is_terminal() && !rows_on_terminal && !job.report.quiet
            }
        };
        if !wanted {
            return Display { running: None };
        }
        let (stop, stopped) = bounded(0);
        let (progress, size) = (progress.clone(), input_size(job));
        let patience = if job.report.progress == When::Always { Duration::ZERO } else { PATIENCE };
        let thread = thread::spawn(move || show(&progress, size, patience, &stopped));
        Display { running: Some((stop, thread)) }
    }

    /// Takes the display away.
    pub fn stop(self) {
        if let Some((stop, thread)) = self.running {
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// The size of the input as stored, if all of it is regular files that are read to their ends.
fn input_size(job: &Job) -> Option<u64> {
    // Of what is followed there is no end to measure by.
    if job.follow.is_some() {
        return None;
    }
    let size = |origin: &Origin| match origin {
        Origin::Path(path) => {
            std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|m| m.len())
        }
        _ => None,
    };
    job.sources.iter().map(|source| size(&source.origin)).sum()
}

fn show(progress: &Progress, size: Option<u64>, patience: Duration, stopped: &Receiver<()>) {
    if !matches!(stopped.recv_timeout(patience), Err(RecvTimeoutError::Timeout)) {
        return;
    }
    let target = ProgressDrawTarget::stderr_with_hz(4);
    let bar = match size {
        Some(size) => {
            let style = ProgressStyle::with_template(
                "{bar:16} {percent:>3}% of {total_bytes}, eta {eta}, {wide_msg}",
            );
            ProgressBar::with_draw_target(Some(size), target).with_style(style.unwrap_or_else(|_| plain()))
        }
        None => ProgressBar::with_draw_target(None, target)
            .with_style(ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| plain())),
    };
    let start = Instant::now();
    loop {
        let now = progress.snapshot();
        if size.is_some() {
            bar.set_position(now.bytes_read());
        } else {
            bar.tick();
        }
        bar.set_message(message(&now, size.is_some(), start.elapsed()));
        if !matches!(stopped.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
            break;
        }
    }
    bar.finish_and_clear();
}

fn plain() -> ProgressStyle {
    ProgressStyle::default_spinner()
}

fn message(now: &Snapshot, bar: bool, elapsed: Duration) -> String {
    let records = now.run.read;
    let rate = records as f64 / elapsed.as_secs_f64().max(0.25);
    let mut text = format!("{} records, {}/s", HumanCount(records), HumanCount(rate as u64));
    if !bar {
        text = format!("{}, {text}", HumanBytes(now.bytes_read()));
    }
    match now.bytes_ahead {
        None => {}
        Some(0) => text += ", at the end",
        Some(bytes) => text += &format!(", {} behind the end", HumanBytes(bytes)),
    }
    if let Some(watermark) = now.watermark {
        text += &format!(", watermark {}", clock(watermark));
    }
    text += &format!(", {} open", HumanCount(now.held.unwrap_or_default().windows));
    if let Some(waits) = now.waits.as_ref().and_then(super::waits::text) {
        text += &format!(", {waits}");
    }
    for (count, what) in [(now.job.late, "late"), (now.job.bad, "bad")] {
        if count > 0 {
            text += &format!(", {} {what}", HumanCount(count));
        }
    }
    text
}

/// An event time for people, in whole seconds: nobody can read fractions that pass four times a second.
pub fn clock(micros: i64) -> String {
    let mut shown = Vec::new();
    let seconds = micros.div_euclid(MICROS_PER_SECOND).saturating_mul(MICROS_PER_SECOND);
    write_time(seconds, Form::Text, None, &mut shown);
    String::from_utf8_lossy(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    /// Files that are followed grow: there is no share of them that has been read.
    #[test]
    fn what_is_followed_has_no_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "{}\n").unwrap();
        let size = |options: &[&str]| {
            let argv = [&["windrow", "-w", "1m"], options, &[path.to_str().unwrap()]].concat();
            let argv: Vec<_> = argv.into_iter().map(Into::into).collect();
            input_size(&cli::job(&argv).unwrap())
        };
        assert_eq!((size(&[]), size(&["-F"])), (Some(3), None));
    }

    #[test]
    fn how_far_behind_it_is() {
        let mut now = Progress::default().snapshot();
        let shown = |now: &Snapshot| message(now, false, Duration::from_secs(1));
        assert_eq!(shown(&now), "0 B, 0 records, 0/s, 0 open");
        now.bytes_ahead = Some(0);
        assert_eq!(shown(&now), "0 B, 0 records, 0/s, at the end, 0 open");
        now.bytes_ahead = Some(3 << 20);
        assert_eq!(shown(&now), "0 B, 0 records, 0/s, 3.00 MiB behind the end, 0 open");
    }
}
