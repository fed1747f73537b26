//! What a run is waiting for, in words: results do not come while nothing moves the watermark, and whoever looks at a
//! terminal had better know what would.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::progress::clock;
use super::report;
use crate::error::Escaped;
use crate::pipeline::Progress;
use crate::pipeline::snapshot::Waits;
use crate::time::duration;

/// A pause of this length is worth a word.
const LONG: Duration = Duration::from_secs(3);

/// Says once what the run is waiting for, when it has waited for long. Ends with the process.
pub fn say_once(progress: &Arc<Progress>) {
    let progress = progress.clone();
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_millis(500));
            if let Some(text) = progress.snapshot().waits.as_ref().and_then(text) {
                return report::line(&text);
            }
        }
    });
}

/// What the run has been waiting for, if for long.
pub fn text(waits: &Waits) -> Option<String> {
    if waits.since.elapsed() < LONG {
        return None;
    }
    let held = match (&waits.input, waits.behind) {
        (Some(input), Some(0)) => Some(format!("waiting for {}", Escaped(input))),
        (Some(input), Some(behind)) => {
            Some(format!("waiting for {}, which is {} behind", Escaped(input), duration::format(behind)))
        }
        (Some(input), None) => Some(format!("waiting for the first event of {}", Escaped(input))),
        (None, _) => None,
    };
    let closes = waits
        .closes_at
        .map(|at| format!("the next window closes when an event at or after {} arrives", clock(at)));
    match (held, closes) {
        (Some(held), Some(closes)) => Some(format!("{held}; {closes}")),
        (held, closes) => held.or(closes),
    }
}
