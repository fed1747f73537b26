//! A channel to the writer: it may be behind by many messages, of which few are large.
//!
//! Every step has a note for the writer and a slice of rows from each shard, which mostly is empty; now and then a window
//! fires and fills some, or records are set aside. While the writer is busy with these, the other stages go on with the
//! steps behind, and what waits takes no more memory than it would in a short channel.

use std::ops::ControlFlow;
use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvError, Sender, TrySendError, bounded};

use super::stages::{Queue, Stages, Worker};
use crate::operator::step::Note;
use crate::output::fired::{Fired, SLICE_BYTES};

/// How many small messages may wait beside the large ones, unless `--buffer` is very small.
const SMALL_MAX: usize = 32;
/// The same for each large one.
const SMALL_SHARE: usize = 8;

/// What is sent to the writer.
pub trait Message {
    /// Whether it holds so much that few may wait.
    fn is_large(&self) -> bool;
}

impl Message for Fired {
    fn is_large(&self) -> bool {
        self.bytes() > SLICE_BYTES / 16
    }
}

impl Message for Note {
    /// Whether it keeps a batch.
    fn is_large(&self) -> bool {
        !self.set_aside.is_empty()
    }
}

/// Where messages go in.
pub struct Entry<T> {
    all: Sender<T>,
    /// One message for each large one that waits.
    large: Sender<()>,
}

/// Where the writer takes messages from.
pub struct Exit<T> {
    all: Arc<Receiver<T>>,
    large: Receiver<()>,
}

/// A channel in which at most this many large messages wait.
pub fn backlog<T>(large_max: usize) -> (Entry<T>, Exit<T>) {
    let (all_in, all_out) = bounded(large_max + SMALL_MAX.min(SMALL_SHARE * large_max));
    let (large_in, large_out) = bounded(large_max);
    (Entry { all: all_in, large: large_in }, Exit { all: Arc::new(all_out), large: large_out })
}

impl<T: Message> Entry<T> {
    /// Hands a message on; breaks when nobody takes any more.
    pub fn send(&self, message: T, stage: &Worker) -> ControlFlow<()> {
        let has_room = !message.is_large()
            || match self.large.try_send(()) {
                Ok(()) => true,
                Err(TrySendError::Full(())) => stage.block(|| self.large.send(())).is_ok(),
                Err(TrySendError::Disconnected(())) => false,
            };
        match has_room && stage.send(&self.all, message).is_ok() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

impl<T: Message> Exit<T> {
    /// Takes the next message.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv(&self, stage: &Worker) -> Result<T, RecvError> {
        let message = stage.recv(&self.all)?;
        if message.is_large() {
            // It was there before the message.
            self.large.recv()?;
        }
        Ok(message)
    }
}

impl<T: Send + 'static> Exit<T> {
    /// Lets what waits be looked at.
    pub fn watch(&self, stages: &Stages, queue: Queue) {
        stages.watch(queue, &self.all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::step::{SetAside, Step, Why};
    use crate::pipeline::stages::Stage;
    use std::thread;
    use std::time::{Duration, Instant};

    const LARGE: usize = SLICE_BYTES / 16 + 1;

    fn slice(size: usize) -> Fired {
        Fired { text: vec![b'x'; size], ..Fired::default() }
    }

    /// Waits until so many messages wait, and no more come.
    fn settle(exit: &Receiver<Fired>, expected: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while exit.len() < expected && Instant::now() < deadline {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(20));
        assert_eq!(exit.len(), expected);
    }

    /// Of large messages few wait, of small ones many, and all come in order.
    #[test]
    fn few_large_ones_wait_and_many_small_ones() {
        let stages = Arc::new(Stages::default());
        let small_room = 2 + SMALL_MAX.min(2 * SMALL_SHARE);
        // The third large one waits for room, and so does a small one behind too many others.
        for (sizes, waiting) in [
            ((0..200).map(|n| if n % 5 == 0 { LARGE + n } else { n }).collect::<Vec<_>>(), 10),
            ((0..100).collect(), small_room),
        ] {
            let (entry, exit) = backlog(2);
            let all = exit.all.clone();
            thread::scope(|scope| {
                scope.spawn(|| {
                    let worker = stages.enter(Stage::Aggregate);
                    let sent = sizes.iter().try_for_each(|&size| entry.send(slice(size), &worker));
                    assert!(sent.is_continue(), "somebody takes them");
                    drop(entry);
                });
                settle(&all, waiting);
                let worker = stages.enter(Stage::Write);
                let found: Vec<usize> =
                    std::iter::from_fn(|| Some(exit.recv(&worker).ok()?.text.len())).collect();
                assert_eq!(found, sizes);
            });
        }
    }

    #[test]
    fn what_keeps_a_batch_is_large() {
        let mut step = Step::default();
        assert!(!step.take_note().is_large() && !slice(0).is_large() && slice(LARGE).is_large());
        step.set_aside.push(SetAside { batch: Arc::default(), row: 0, line: 1, offset: 0, why: Why::Bad });
        assert!(step.take_note().is_large() && step.set_aside.is_empty());
    }

    /// Whether it goes while somebody waits for room, or before.
    #[test]
    fn nobody_waits_for_a_writer_that_has_gone() {
        let stages = Arc::new(Stages::default());
        let (entry, exit) = backlog(1);
        thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let worker = stages.enter(Stage::Aggregate);
                let first = entry.send(slice(LARGE), &worker);
                (first, entry.send(slice(LARGE), &worker), entry.send(slice(0), &worker))
            });
            let deadline = Instant::now() + Duration::from_secs(20);
            while stages.account(Stage::Aggregate).blocked.is_zero() && Instant::now() < deadline {
                thread::yield_now();
            }
            drop(exit);
            let (first, second, third) = sender.join().expect("it ends");
            assert!(first.is_continue() && second.is_break() && third.is_break());
        });
    }
}
