//! What a run is waiting for, in words: results do not come while nothing moves the watermark, and whoever looks at a
//! terminal had better know what would.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::progress::clock;
use super::report;
use crate::error::Escaped;
use crate::input::{Origin, SourceSpec};
use crate::job::Job;
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

/// What a run that follows files waits for before it can begin. Nobody would know otherwise that a name was mistyped.
pub fn missing(job: &Job) -> Option<String> {
    job.follow.as_ref()?;
    absent(job).or_else(|| without_records(job))
}

/// The first file, if none has a record that tells which field is the time.
fn without_records(job: &Job) -> Option<String> {
    let is_empty = |spec: &SourceSpec| match &spec.origin {
        Origin::Path(path) => std::fs::metadata(path).is_ok_and(|found| found.len() == 0),
        _ => false,
    };
    let first =
        job.sources.first().filter(|_| job.time_field.is_none() && job.sources.iter().all(is_empty))?;
    Some(format!("waiting for the first record of {}, which tells its time field", Escaped(&first.name)))
}

/// The files that are not there yet.
fn absent(job: &Job) -> Option<String> {
    let is_missing = |spec: &&SourceSpec| matches!(&spec.origin, Origin::Path(path) if !path.exists());
    let names: Vec<String> =
        job.sources.iter().filter(is_missing).map(|spec| Escaped(&spec.name).to_string()).collect();
    match &names[..] {
        [] => None,
        [all @ .., last] if all.len() < NAMES_MAX => {
            let before = if all.is_empty() { String::new() } else { format!("{} and ", all.join(", ")) };
            Some(format!("waiting for {before}{last} to appear"))
        }
        all => {
            let (named, more) = all.split_at(NAMES_MAX);
            Some(format!("waiting for {} and {} more files to appear", named.join(", "), more.len()))
        }
    }
}

/// So many files are named.
const NAMES_MAX: usize = 3;

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
        (None, _) if waits.is_first => Some("waiting for the first event".to_owned()),
        (None, _) => None,
    };
    let held = held.map(|held| match waits.patience {
        Some(patience) => format!("{held}, for {} of silence at most", length(patience)),
        None => held,
    });
    let or = waits
        .closes_after
        .map_or_else(String::new, |after| format!(", or after {} of silence", length(after)));
    let closes = waits
        .closes_at
        .map(|at| format!("the next window closes when an event at or after {} arrives{or}", clock(at)));
    match (held, closes) {
        (Some(held), Some(closes)) => Some(format!("{held}; {closes}")),
        (held, closes) => held.or(closes),
    }
}

/// A length of time, in whole seconds where it is longer than some.
fn length(length: Duration) -> String {
    let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    let rounded =
        if micros > 10_000_000 { micros.saturating_add(999_999) / 1_000_000 * 1_000_000 } else { micros };
    duration::format(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[track_caller]
    fn check(waits: Waits, want: Option<&str>) {
        assert_eq!(text(&waits).as_deref(), want);
    }

    fn waits() -> Waits {
        Waits {
            since: Instant::now().checked_sub(LONG).expect("the clock has run for longer"),
            input: None,
            behind: None,
            closes_at: Some(5_000_000),
            closes_after: None,
            patience: None,
            is_first: false,
        }
    }

    #[test]
    fn what_closes_the_next_window() {
        let event = "the next window closes when an event at or after 1970-01-01T00:00:05Z arrives";
        check(waits(), Some(event));
        check(Waits { since: Instant::now(), ..waits() }, None);
        let after = |seconds| Some(Duration::from_secs_f64(seconds));
        let silent = Waits { closes_after: after(20.0), ..waits() };
        check(silent, Some(&format!("{event}, or after 20s of silence")));
        let odd = Waits { closes_after: after(21.25), ..waits() };
        check(odd, Some(&format!("{event}, or after 22s of silence")));
        let held = Waits { input: Some("b".to_owned()), behind: Some(40_000_000), ..waits() };
        check(held.clone(), Some(&format!("waiting for b, which is 40s behind; {event}")));
        let patient = Waits { patience: after(0.5), closes_after: after(2.0), ..held };
        let want = format!(
            "waiting for b, which is 40s behind, for 500ms of silence at most; {event}, or after 2s of silence"
        );
        check(patient, Some(&want));
        let first = Waits { closes_at: None, is_first: true, ..waits() };
        check(first, Some("waiting for the first event"));
    }
}
