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

/// Takes over the signals. The channel gives the first one. `says`: whether it is said that no last checkpoint could be
/// made.
pub fn take_over(progress: &Arc<Progress>, says: bool) -> Result<Receiver<Signal>> {
    let wanted = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = Signals::new(wanted).map_err(|cause| {
        Error::Failed(format!("signals cannot be taken over: {}", crate::error::words(&cause)))
    })?;
    let (told, tells) = bounded(1);
    let progress = progress.clone();
    thread::spawn(move || {
        let mut coming = signals.forever().map(named);
        let Some(first) = coming.next() else { return };
        // There is room: it is the only message.
        let _ = told.try_send(first);
        thread::spawn(move || end_if_stuck(first, &told, &progress, says));
        if let Some(second) = coming.next() {
            std::process::exit(second.exit_code().into());
        }
    });
    Ok(tells)
}

/// Whether whoever started the program wants a signal to be ignored, as `nohup` and shells for background jobs do.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// Ends the process if the run has not even noticed the signal, or is held up by whoever reads its output.
fn end_if_stuck(signal: Signal, told: &Sender<Signal>, progress: &Progress, says: bool) {
    thread::sleep(PATIENCE);
    loop {
        if !told.is_empty() || progress.delivering.load(Ordering::Relaxed) {
            if says {
                report::text(
                    "windrow: stopped before a last checkpoint could be made; the same command goes on from the one \
                     before\n",
                );
            }
            std::process::exit(signal.exit_code().into());
        }
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
