//! What a run has spent: time by stage, and its checkpoints. For `-v`, and for `--stats=json`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::pipeline::Progress;
use crate::pipeline::stages::{Account, Stage};

/// What a run has spent so far.
#[derive(Debug, Default)]
pub struct Work {
    took: Duration,
    stages: Vec<(Stage, Account)>,
    checkpoints: Option<Checkpoints>,
}

#[derive(Debug)]
struct Checkpoints {
    made: u64,
    last_took: Duration,
    last_bytes: u64,
    longest_pause: Duration,
}

impl Work {
    /// That of a run, which keeps checkpoints or does not.
    pub fn of(progress: &Progress, keeps: bool) -> Work {
        let of = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let micros = |value: &AtomicU64| Duration::from_micros(of(value));
        Work {
            took: progress.stages.elapsed(),
            stages: Stage::ALL.map(|stage| (stage, progress.stages.account(stage))).into(),
            checkpoints: keeps.then(|| Checkpoints {
                made: of(&progress.checkpoints),
                last_took: micros(&progress.checkpoint_micros),
                last_bytes: of(&progress.checkpoint_bytes),
                longest_pause: micros(&progress.pause_micros),
            }),
        }
    }

    /// Lines for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Some(Checkpoints { made, last_took, last_bytes, longest_pause }) = &self.checkpoints {
            let s = if *made == 1 { "" } else { "s" };
            text += &format!("windrow: {made} checkpoint{s}");
            if *made > 0 {
                text += &format!(
                    ", the last one in {} ms, with {last_bytes} bytes beside the ids; the longest pause for one: {:.1} ms",
                    last_took.as_micros().div_ceil(1000),
                    longest_pause.as_secs_f64() * 1e3
                );
            }
            text.push('\n');
        }
        let shares: Vec<String> =
            self.stages.iter().map(|(stage, account)| self.share(*stage, account)).collect();
        if !shares.is_empty() {
            text += &format!("windrow: {:.2} s; at work: {}\n", self.took.as_secs_f64(), shares.join(", "));
        }
        text
    }

    /// How much of its threads' time a stage has worked.
    fn share(&self, stage: Stage, account: &Account) -> String {
        let available = self.took.as_secs_f64() * account.threads.max(1) as f64;
        let percent = 100.0 * account.busy.as_secs_f64() / available.max(1e-9);
        let of = match account.threads {
            0 | 1 => String::new(),
            threads => format!(" of {threads} threads"),
        };
        format!("{} {percent:.0} %{of}", stage.name())
    }

    /// Adds it to a JSON object: `seconds`, `stages` and `checkpoints`. Times are in seconds.
    pub fn add_to(&self, object: &mut Value) {
        let Work { took, stages, checkpoints } = self;
        object["seconds"] = took.as_secs_f64().into();
        let stages = stages.iter().map(|(stage, account)| {
            let Account { threads, busy, starved, blocked, queued, room } = *account;
            let [busy, starved, blocked] = [busy, starved, blocked].map(|time| time.as_secs_f64());
            json!({
                "stage": stage.name(), "threads": threads, "busy": busy, "starved": starved,
                "blocked": blocked, "queue_longest": queued, "queue_capacity": room
            })
        });
        object["stages"] = stages.collect();
        object["checkpoints"] = match checkpoints {
            None => Value::Null,
            Some(Checkpoints { made, last_took, last_bytes, longest_pause }) => json!({
                "made": made, "last_seconds": last_took.as_secs_f64(), "last_bytes": last_bytes,
                "longest_pause_seconds": longest_pause.as_secs_f64()
            }),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_counted() {
        let check = |made, want: &str| {
            let checkpoints = Checkpoints {
                made,
                last_took: Duration::from_millis(2),
                last_bytes: 7,
                longest_pause: Duration::ZERO,
            };
            let work = Work { checkpoints: Some(checkpoints), ..Work::default() };
            let text = work.text();
            assert!(text.starts_with(want), "{text}");
        };
        check(0, "windrow: 0 checkpoints\n");
        check(1, "windrow: 1 checkpoint, the last one in 2 ms");
        check(2, "windrow: 2 checkpoints, the last one in 2 ms");
    }
}
