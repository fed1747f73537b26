//! The shard threads: each applies every step to what it owns, in order, and hands on what fires.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Progress;
use crate::job::{Job, Task};
use crate::operator::Owner;
use crate::operator::order::Orderer;
use crate::operator::shard::Shard;
use crate::operator::step::Step;
use crate::operator::table::Calls;
use crate::output::rows::{Fired, RowPlan};

/// The running shards.
pub struct Shards {
    /// Where each takes its steps from.
    pub steps: Vec<Sender<Arc<Step>>>,
    /// What each has fired, in slices, of which each step has exactly one that is its last.
    pub fired: Vec<Receiver<Fired>>,
    /// Each ends with the number of events that it has taken.
    pub threads: Vec<JoinHandle<u64>>,
}

/// Starts the shards of a job.
pub fn start(job: &Arc<Job>, progress: &Arc<Progress>) -> Shards {
    let owners: Vec<Box<dyn Owner>> = match &job.task {
        Task::Order => vec![Box::new(Orderer::default())],
        Task::Aggregate(task) => {
            let calls = task.calls.iter().map(|call| (call.definition, call.params.clone())).collect();
            let (calls, plan) = (Calls(calls), Arc::new(RowPlan::new(task, job.reads_csv())));
            // Without keys there is one group, and one owner is enough.
            let shards = if task.keys.is_empty() { 1 } else { job.threads };
            (0..shards)
                .map(|n| {
                    Box::new(Shard::new(n, shards, plan.clone(), &calls, &task.windows)) as Box<dyn Owner>
                })
                .collect()
        }
    };
    let mut shards = Shards { steps: Vec::new(), fired: Vec::new(), threads: Vec::new() };
    for (number, owner) in owners.into_iter().enumerate() {
        let (steps_in, steps_out) = bounded(job.buffer);
        let (fired_in, fired_out) = bounded(job.buffer);
        let progress = (number == 0).then(|| progress.clone());
        shards.steps.push(steps_in);
        shards.fired.push(fired_out);
        shards.threads.push(thread::spawn(move || serve(owner, &steps_out, &fired_in, progress)));
    }
    shards
}

fn serve(
    mut owner: Box<dyn Owner>,
    steps: &Receiver<Arc<Step>>,
    fired: &Sender<Fired>,
    progress: Option<Arc<Progress>>,
) -> u64 {
    let mut hand_on = |slice| match fired.send(slice) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    for step in steps {
        if owner.apply(&step, &mut hand_on).is_break() {
            break;
        }
        drop(step);
        if let Some(progress) = &progress {
            progress.open_windows.store(owner.open() as u64, Ordering::Relaxed);
        }
    }
    owner.taken()
}
