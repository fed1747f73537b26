//! `windrow order`: events wait until the watermark has passed them, and leave in event-time order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::Owner;
use super::step::Step;
use crate::output::rows::{Fired, FiredRow};
use crate::parse::batch::{Batch, Place};

/// The events that wait.
#[derive(Default)]
pub struct Orderer {
    waiting: BinaryHeap<Reverse<(Place, Event)>>,
    taken: u64,
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

impl Owner for Orderer {
    /// The records that leave, each with a newline, in the order of event time, then source, then position.
    fn apply(&mut self, step: &Step) -> Fired {
        let mut fired = Fired::default();
        for part in &step.parts {
            for &row in &part.rows {
                let place = Place {
                    time: part.batch.time[row as usize],
                    source: part.batch.source,
                    record: part.first_record + u64::from(row),
                };
                self.taken += 1;
                self.waiting.push(Reverse((place, Event { batch: part.batch.clone(), row })));
            }
        }
        // An event at the watermark may yet be preceded by one of the same time from an earlier source.
        while let Some(Reverse((place, _))) = self.waiting.peek() {
            if !step.ended && place.time >= step.watermark {
                break;
            }
            let Some(Reverse((_, event))) = self.waiting.pop() else { break };
            fired.text.extend_from_slice(event.batch.record(event.row));
            fired.text.push(b'\n');
            fired.rows.push(FiredRow { text: fired.text.len(), ..FiredRow::default() });
        }
        fired
    }

    fn taken(&self) -> u64 {
        self.taken
    }

    fn open(&self) -> usize {
        self.waiting.len()
    }
}
