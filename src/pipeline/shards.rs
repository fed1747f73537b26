//! The shard threads: each applies every step to what it owns, in order, and hands on what fires.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::Progress;
use super::backlog::{Entry, Exit, backlog};
use super::checkpointer::{OwnerPiece, Piece, Pieces};
use super::stages::{Queue, Stage, Worker};
use crate::aggregate::states::Calls;
use crate::job::{Job, Task};
use crate::operator::Owner;
use crate::operator::loaded::Share;
use crate::operator::order::Orderer;
use crate::operator::repeats::Repeats;
use crate::operator::shard::Shard;
use crate::operator::step::Step;
use crate::output::fired::Fired;
use crate::output::plan::RowPlan;

/// The running shards.
pub struct Shards {
    /// Where each takes its steps from.
    pub steps: Vec<Sender<Arc<Step>>>,
    /// What each has fired, in slices, of which each step has exactly one that is its last.
    pub fired: Vec<Exit<Fired>>,
    /// Each ends with the number of events that it has taken.
    pub threads: Vec<JoinHandle<u64>>,
}

/// The owners of a job's keys, or of all its events; the seed is that of the hashes of keys.
pub fn owners(job: &Job, seed: u64) -> Vec<Box<dyn Owner>> {
    match &job.task {
        Task::Order => vec![Box::new(Orderer::default())],
        Task::Aggregate(task) => {
            let (calls, plan) = (Calls::of(&task.calls), Arc::new(RowPlan::new(task, job.reads_csv())));
            let repeats = Repeats::of(task.firing, task.having.is_some() || task.top.is_some());
            // Without keys there is one group, and one owner is enough.
            let owners = if task.keys.is_empty() { 1 } else { job.threads as u64 };
            (0..owners)
                .map(|number| {
                    let share = Share { number, owners, seed };
                    Box::new(Shard::new(share, plan.clone(), &calls, &task.windows, repeats))
                        as Box<dyn Owner>
                })
                .collect()
        }
    }
}

/// Starts a thread for each owner. `pieces` is the way to the checkpointer, if there is one.
pub fn start(
    job: &Job,
    owners: Vec<Box<dyn Owner>>,
    pieces: Option<&Pieces>,
    progress: &Arc<Progress>,
) -> Shards {
    let mut shards = Shards { steps: Vec::new(), fired: Vec::new(), threads: Vec::new() };
    let has_panes = match &job.task {
        Task::Aggregate(task) => task.windows.gaps().is_empty(),
        Task::Order => false,
    };
    progress.own(owners.len(), has_panes);
    for (number, owner) in owners.into_iter().enumerate() {
        let (steps_in, steps_out) = bounded(job.buffer);
        let (fired_in, fired_out) = backlog(job.buffer);
        let steps_out = Arc::new(steps_out);
        progress.stages.watch(Queue::Steps, &steps_out);
        fired_out.watch(&progress.stages, Queue::Rows);
        let progress = progress.clone();
        let pieces = pieces.cloned();
        shards.steps.push(steps_in);
        shards.fired.push(fired_out);
        let thread = move || serve(owner, &steps_out, &fired_in, (number, pieces), progress);
        shards.threads.push(thread::spawn(thread));
    }
    shards
}

fn serve(
    mut owner: Box<dyn Owner>,
    steps: &Receiver<Arc<Step>>,
    fired: &Entry<Fired>,
    (number, pieces): (usize, Option<Pieces>),
    progress: Arc<Progress>,
) -> u64 {
    let stage = progress.stages.enter(Stage::Aggregate);
    progress.hold(number, owner.held());
    let next = progress.is_watched().then(Instant::now);
    let mut scale = Scale { progress: &progress, number, next, is_behind: false };
    scale.weigh(owner.as_ref(), true);
    let hand_on = |slice| fired.send(slice, &stage);
    while let Some(step) = scale.next_step(owner.as_ref(), steps, &stage) {
        let applied = match step.peek {
            true => apply_and_peek(&mut *owner, &step, hand_on),
            false => owner.apply(&step, &mut { hand_on }),
        };
        if applied.is_break() {
            break;
        }
        let cut = step.cut;
        drop(step);
        if let (true, Some(pieces)) = (cut, &pieces) {
            let stopped = Instant::now();
            let (open, repeats, fills) = (owner.save(), owner.save_repeats(), owner.save_fills());
            pieces.send(Piece::Owner(number, Box::new(OwnerPiece { open, repeats, fills })));
            progress.pause(stopped.elapsed());
        }
        progress.hold(number, owner.held());
        scale.weigh(owner.as_ref(), false);
    }
    scale.weigh(owner.as_ref(), true);
    owner.taken()
}

/// Applies a step, and hands on with its last slice what is to be seen behind it.
fn apply_and_peek(
    owner: &mut dyn Owner,
    step: &Step,
    hand_on: impl Fn(Fired) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut last = None;
    let applied = owner.apply(step, &mut |slice| match slice.last {
        true => {
            last = Some(slice);
            ControlFlow::Continue(())
        }
        false => hand_on(slice),
    });
    let Some(mut last) = last else { return applied };
    if applied.is_continue() {
        let begun = Instant::now();
        let peek = owner.peek();
        last.peek = Some(Box::new((peek, begun.elapsed())));
    }
    hand_on(last)?;
    applied
}

/// Tells those who watch the run how much memory an owner takes up.
struct Scale<'p> {
    progress: &'p Progress,
    number: usize,
    /// Not before then; `None` where nobody watches.
    next: Option<Instant>,
    /// Whether a step has been applied since.
    is_behind: bool,
}

/// Of the time of an owner, at most one part of so many is spent on that.
const SHARE: u32 = 100;

impl Scale<'_> {
    /// Weighs an owner, if it is time to, or in any case.
    fn weigh(&mut self, owner: &dyn Owner, in_any_case: bool) {
        let Some(next) = self.next else { return };
        let begun = Instant::now();
        self.is_behind = !(in_any_case || begun >= next);
        if !self.is_behind {
            self.progress.weigh(self.number, owner.weigh());
            let ended = Instant::now();
            self.next = Some(ended + (ended - begun) * SHARE);
        }
    }

    /// Takes the next step. If none comes, the owner is weighed as the last one has left it: what is told of a stream that
    /// pauses must not stay as it was before.
    fn next_step(
        &mut self,
        owner: &dyn Owner,
        steps: &Receiver<Arc<Step>>,
        stage: &Worker,
    ) -> Option<Arc<Step>> {
        if let (true, Some(next), true) = (self.is_behind, self.next, steps.is_empty()) {
            match stage.starve(|| steps.recv_deadline(next)) {
                Ok(step) => return Some(step),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.weigh(owner, true),
            }
        }
        stage.recv(steps).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// It was too early after the last step, and no other one comes.
    #[test]
    fn an_owner_is_weighed_though_nothing_follows() {
        let job = crate::cli::job(&["windrow", "-w", "1m"].map(Into::into)).unwrap();
        let (owner, progress) = (owners(&job, 1).remove(0), Progress::default());
        progress.watch();
        progress.own(1, true);
        let (steps_in, steps) = bounded(1);
        let weight = || progress.snapshot().weight.unwrap_or_default().windows;
        thread::scope(|scope| {
            let (progress, steps) = (&progress, &steps);
            scope.spawn(move || {
                let next = Some(Instant::now() + Duration::from_millis(20));
                let mut scale = Scale { progress, number: 0, next, is_behind: true };
                let stage = progress.stages.enter(Stage::Aggregate);
                assert!(scale.next_step(owner.as_ref(), steps, &stage).is_none());
            });
            let begun = Instant::now();
            while weight() == 0 && begun.elapsed() < Duration::from_secs(30) {
                thread::yield_now();
            }
            drop(steps_in);
        });
        assert!(weight() > 0, "nobody has weighed it");
    }
}
