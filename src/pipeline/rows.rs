//! The way of rows from a shard to the writer.
//!
//! Every step has a slice of rows at its end, which mostly is empty, and now and then a window fires and fills some. So
//! the writer may be behind by many slices, but by few large ones: while it merges those of a window, the shards go on
//! with the events of the next one.

use std::ops::ControlFlow;
use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvError, Sender, bounded};

use super::stages::Worker;
use crate::output::fired::{Fired, SLICE_BYTES};

/// How many steps and slices the writer may be behind, beside what waits in other channels.
pub const BEHIND_MAX: usize = 32;
/// Slices that take more memory than this are large.
const SMALL_MAX: usize = SLICE_BYTES / 16;

/// Where a shard hands slices on.
pub struct RowsIn {
    all: Sender<Fired>,
    /// One message for each large one that waits.
    large: Sender<()>,
}

/// Where the writer takes the slices of a shard from.
pub struct RowsOut {
    /// The slices.
    pub all: Arc<Receiver<Fired>>,
    large: Receiver<()>,
}

/// A way on which so many large slices may wait.
pub fn channel(large_max: usize) -> (RowsIn, RowsOut) {
    let (all_in, all_out) = bounded(large_max + BEHIND_MAX);
    let (large_in, large_out) = bounded(large_max);
    (RowsIn { all: all_in, large: large_in }, RowsOut { all: Arc::new(all_out), large: large_out })
}

fn is_large(slice: &Fired) -> bool {
    slice.bytes() > SMALL_MAX
}

impl RowsIn {
    /// Hands a slice on; breaks when nobody takes any more.
    pub fn send(&self, slice: Fired, stage: &Worker) -> ControlFlow<()> {
        let has_room = !is_large(&slice) || stage.send(&self.large, ()).is_ok();
        match has_room && stage.send(&self.all, slice).is_ok() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

impl RowsOut {
    /// Takes the next slice.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv(&self, stage: &Worker) -> Result<Fired, RecvError> {
        let slice = stage.recv(&self.all)?;
        if is_large(&slice) {
            // It was there before the slice.
            self.large.recv()?;
        }
        Ok(slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stages::{Stage, Stages};
    use std::thread;
    use std::time::Duration;

    /// Of large slices few wait, of small ones many, and all come in order.
    #[test]
    fn few_large_slices_wait() {
        let stages = Arc::new(Stages::default());
        let (rows_in, rows_out) = channel(2);
        let sizes: Vec<usize> = (0..200).map(|n| if n % 5 == 0 { SMALL_MAX + 1 + n } else { n }).collect();
        let all = rows_out.all.clone();
        thread::scope(|scope| {
            scope.spawn(|| {
                let worker = stages.enter(Stage::Aggregate);
                for &size in &sizes {
                    let slice = Fired { text: vec![b'x'; size], ..Fired::default() };
                    assert!(rows_in.send(slice, &worker).is_continue(), "somebody takes it");
                }
                drop(rows_in);
            });
            // Slices 0 and 5 are large and wait; 10 is the next one.
            while all.len() < 10 {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(20));
            assert_eq!(all.len(), 10);
            let worker = stages.enter(Stage::Write);
            let found: Vec<usize> =
                std::iter::from_fn(|| Some(rows_out.recv(&worker).ok()?.text.len())).collect();
            assert_eq!(found, sizes);
        });
    }

    #[test]
    fn nobody_waits_for_a_writer_that_has_gone() {
        let stages = Arc::new(Stages::default());
        let (rows_in, rows_out) = channel(1);
        let worker = stages.enter(Stage::Aggregate);
        let large = || Fired { text: vec![b'x'; SMALL_MAX + 1], ..Fired::default() };
        assert!(rows_in.send(large(), &worker).is_continue(), "there is room");
        drop(rows_out);
        assert!(rows_in.send(large(), &worker).is_break());
        assert!(rows_in.send(Fired::default(), &worker).is_break());
    }
}
