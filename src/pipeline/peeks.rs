//! When what is open is looked at, and what was seen last: for a live view.
//!
//! The front marks a step, the owners of keys look behind it and hand over what they see with their rows, and the writer
//! puts that together. So all of them look at the same instant between two records, and nobody is kept waiting: whoever
//! draws takes what was seen last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, never};

use super::Progress;
use crate::job::{Job, OutputFormat, Task};
use crate::live::Scene;

/// Nobody reads a table that changes more often.
const INTERVAL: Duration = Duration::from_millis(200);
/// Owners of keys have so many times as long for their work as for being looked at.
const SHARE: u32 = 25;

/// What was seen last.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    scene: Option<Arc<Scene>>,
    /// How many looks have been answered.
    answers: u64,
    took: Duration,
}

impl Seen {
    /// Notes what has been seen; it has taken the slowest owner so long to look.
    pub(super) fn put(&self, scene: Scene, took: Duration) {
        let mut last = self.locked();
        *last = Last { scene: Some(Arc::new(scene)), answers: last.answers + 1, took };
    }

    /// What was seen last; `None`: nothing yet.
    pub fn scene(&self) -> Option<Arc<Scene>> {
        self.locked().scene.clone()
    }

    fn locked(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decides when to look.
pub struct Peeks {
    asked: u64,
    last: Option<Instant>,
    /// Whether anything has changed since.
    has_news: bool,
}

impl Peeks {
    /// For a job that is looked at; `None` for others.
    pub fn of(job: &Job) -> Option<Peeks> {
        match &job.task {
            Task::Aggregate(task) if task.to == OutputFormat::Live => {
                Some(Peeks { asked: 0, last: None, has_news: false })
            }
            _ => None,
        }
    }

    /// A step is sent: whether it is looked behind it. `last`: there will be no other.
    pub fn step(&mut self, progress: &Progress, last: bool) -> bool {
        self.has_news = true;
        let looks = last || self.is_due(progress);
        if looks {
            *self = Peeks { asked: self.asked + 1, last: Some(Instant::now()), has_news: false };
        }
        looks
    }

    /// Whether there is something to be looked at now.
    pub fn is_due(&self, progress: &Progress) -> bool {
        self.has_news && self.left(progress).is_zero()
    }

    /// Tells when it is time to look, if nothing comes before.
    pub fn timer(&self, progress: &Progress) -> Receiver<Instant> {
        if self.has_news { after(self.left(progress)) } else { never() }
    }

    /// How long it is left alone yet.
    fn left(&self, progress: &Progress) -> Duration {
        let Some(last) = self.last else { return Duration::ZERO };
        let seen = progress.seen.locked();
        match seen.answers < self.asked {
            // What is asked of those who have not answered yet only makes them slower.
            true => INTERVAL,
            false => INTERVAL.max(seen.took * SHARE).saturating_sub(last.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(options: &str) -> Job {
        let argv: Vec<_> = format!("windrow -w 1m {options}").split_whitespace().map(Into::into).collect();
        crate::cli::job(&argv).expect("a good job")
    }

    #[test]
    fn only_a_view_looks() {
        assert!(Peeks::of(&job("--to table")).is_none());
        assert!(Peeks::of(&job("--to live")).is_some());
    }

    #[test]
    fn it_is_looked_as_often_as_it_takes_little_time() {
        let progress = Progress::default();
        let mut peeks = Peeks::of(&job("--to live")).expect("it looks");
        assert!(!peeks.is_due(&progress), "there is nothing yet");
        assert!(peeks.step(&progress, false), "the first step is looked at");
        peeks.last = peeks.last.and_then(|last| last.checked_sub(INTERVAL));
        assert!(!peeks.step(&progress, false), "it has not been answered");
        progress.seen.put(Scene::default(), Duration::ZERO);
        assert!(peeks.is_due(&progress) && peeks.step(&progress, false));
        assert!(!peeks.is_due(&progress), "nothing is new");
        let took = Duration::from_secs(1);
        progress.seen.put(Scene::default(), took);
        peeks.last = peeks.last.and_then(|last| last.checked_sub(2 * INTERVAL));
        assert!(!peeks.step(&progress, false), "it takes long");
        peeks.last = peeks.last.and_then(|last| last.checked_sub(SHARE * took));
        assert!(peeks.step(&progress, false));
        assert!(peeks.step(&progress, true), "the last one is looked at in any case");
    }
}
