//! `windrow order`: events wait until the watermark has passed them, and leave in event-time order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::step::Step;
use crate::parse::batch::{Batch, Place};

/// The events that wait.
#[derive(Default)]
pub struct Orderer {
    waiting: BinaryHeap<Reverse<(Place, Event)>>,
}

/// An event by its place in a batch. A batch lives as long as one of its events waits.
struct Event {
    batch: Arc<Batch>,
    row: u32,
}

// Places differ, so events need no order of their own; the heap wants one nevertheless.
impl PartialEq for Event {
    fn eq(&self, _: &Event) -> bool {
        true
    }
}
impl Eq for Event {}
impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Event) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Event {
    fn cmp(&self, _: &Event) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Orderer {
    /// Applies a step; `out` gets the records that leave, each with a newline, in the order of event time, then
    /// source, then position. Returns how many.
    pub fn apply(&mut self, step: &Step, out: &mut Vec<u8>) -> u64 {
        for part in &step.parts {
            for &row in &part.rows {
                let place = Place {
                    time: part.batch.time[row as usize],
                    source: part.batch.source,
                    record: part.first_record + u64::from(row),
                };
                self.waiting.push(Reverse((place, Event { batch: part.batch.clone(), row })));
            }
        }
        let mut rows = 0;
        // An event at the watermark may yet be preceded by one of the same time from an earlier source.
        while let Some(Reverse((place, _))) = self.waiting.peek() {
            if !step.ended && place.time >= step.watermark {
                break;
            }
            let Some(Reverse((_, event))) = self.waiting.pop() else { break };
            out.extend_from_slice(event.batch.record(event.row));
            out.push(b'\n');
            rows += 1;
        }
        rows
    }

    /// How many events wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
