//! What a run has spent: time by stage, and its checkpoints. For `-v`, and for `--stats=json`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::pipeline::snapshot::{Checkpoints, Snapshot};
use crate::pipeline::stages::{Account, Stage};

/// What a run has spent so far.
#[derive(Debug, Default)]
pub struct Work {
    took: Duration,
    stages: Vec<(Stage, Account)>,
    checkpoints: Option<Checkpoints>,
}

impl Work {
    /// That of a run.
    pub fn of(run: &Snapshot) -> Work {
        Work { took: run.elapsed, stages: run.stages.into(), checkpoints: run.checkpoints }
    }

    /// Lines for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Some(checkpoints) = &self.checkpoints {
            let made = checkpoints.took.count();
            let s = if made == 1 { "" } else { "s" };
            text += &format!("windrow: {made} checkpoint{s}");
            if made > 0 {
                text += &format!(
                    ", the last one in {} ms, with {} bytes beside the ids; the longest pause for one: {:.1} ms",
                    checkpoints.last_took.as_micros().div_ceil(1000),
                    checkpoints.last_bytes.unwrap_or(0),
                    checkpoints.longest_pause.as_secs_f64() * 1e3
                );
            }
            text.push('\n');
        }
        let shares: Vec<String> =
            self.stages.iter().map(|(stage, account)| share(*stage, account, self.took)).collect();
        if !shares.is_empty() {
            text += &format!("windrow: {:.2} s; at work: {}\n", self.took.as_secs_f64(), shares.join(", "));
        }
        text
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
            Some(checkpoints) => json!({
                "made": checkpoints.took.count(), "last_seconds": checkpoints.last_took.as_secs_f64(),
                "last_bytes": checkpoints.last_bytes.unwrap_or(0),
                "longest_pause_seconds": checkpoints.longest_pause.as_secs_f64()
            }),
        };
    }
}

/// How much of its threads' time a stage has worked, of so long a run.
pub fn share(stage: Stage, account: &Account, took: Duration) -> String {
    let available = took.as_secs_f64() * account.threads.max(1) as f64;
    let percent = 100.0 * account.busy.as_secs_f64() / available.max(1e-9);
    let of = match account.threads {
        0 | 1 => String::new(),
        threads => format!(" of {threads} threads"),
    };
    format!("{} {percent:.0} %{of}", stage.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_counted() {
        let check = |made, want: &str| {
            let mut checkpoints = Checkpoints::default();
            checkpoints.took.observe(Duration::from_millis(2), made);
            (checkpoints.last_took, checkpoints.last_bytes) = (Duration::from_millis(2), Some(7));
            let work = Work { checkpoints: Some(checkpoints), ..Work::default() };
            let text = work.text();
            assert!(text.starts_with(want), "{text}");
        };
        check(0, "windrow: 0 checkpoints\n");
        check(1, "windrow: 1 checkpoint, the last one in 2 ms");
        check(2, "windrow: 2 checkpoints, the last one in 2 ms");
    }
}
