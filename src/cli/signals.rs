//! Signals that ask a run to stop: where it can be continued they bring a last checkpoint first.
//!
//! The first one is told to the run; a second one ends the process at once. A run that cannot get to its last
//! checkpoint because whoever reads its output has stopped reading is ended too: the checkpoint before stays good.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::report;
use crate::error::{Error, Result, Signal};
use crate::pipeline::Progress;

/// How long a run has before it is looked at whether it gets on.
const PATIENCE: Duration = Duration::from_millis(800);
/// How often it is looked at then.
const LOOK: Duration = Duration::from_millis(50);

/// Is told the exit code before the process ends for a signal.
pub type LastWords = Arc<dyn Fn(u8) + Send + Sync>;

/// Takes over the signals. The channel gives the first one. `says`: whether it is said that no last checkpoint could be
/// made.
pub fn take_over(progress: &Arc<Progress>, last_words: &LastWords, says: bool) -> Result<Receiver<Signal>> {
    let mut signals = wanted()?;
    let (told, tells) = bounded(1);
    let last_words = last_words.clone();
    let end = move |signal: Signal| {
        last_words(signal.exit_code());
        std::process::exit(signal.exit_code().into());
    };
    let progress = progress.clone();
    thread::spawn(move || {
        let mut coming = signals.forever().map(named);
        let Some(first) = coming.next() else { return };
        // There is room: it is the only message.
        let _ = told.try_send(first);
        let end_first = end.clone();
        thread::spawn(move || {
            wait_until_stuck(&told, &progress);
            if says {
                report::text(
                    "windrow: stopped before a last checkpoint could be made; the same command goes on from the one \
                     before\n",
                );
            }
            end_first(first);
        });
        if let Some(second) = coming.next() {
            end(second);
        }
    });
    Ok(tells)
}

/// Lets a run that is not kept end for a signal as it would by itself, but not without last words.
pub fn end_with(last_words: &LastWords) -> Result<()> {
    let mut signals = wanted()?;
    let last_words = last_words.clone();
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            last_words(named(signal).exit_code());
            // So that whoever started the program sees what ended it. It does not come back.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    Ok(())
}

/// The signals that end a run, but for those that are ignored.
fn wanted() -> Result<Signals> {
    let wanted = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal));
    Signals::new(wanted).map_err(|cause| {
        Error::Failed(format!("signals cannot be taken over: {}", crate::error::words(&cause)))
    })
}

/// Whether whoever started the program wants a signal to be ignored, as `nohup` and shells for background jobs do.
pub fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// Returns if the run has not even noticed the signal, or is held up by whoever reads its output.
fn wait_until_stuck(told: &Sender<Signal>, progress: &Progress) {
    thread::sleep(PATIENCE);
    while told.is_empty() && !progress.delivering.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
    }
}

fn named(signal: i32) -> Signal {
    match signal {
        SIGHUP => Signal::Hangup,
        SIGINT => Signal::Interrupt,
        _ => Signal::Terminate,
    }
}
