//! `windrow order`: events wait until the watermark has passed them, and leave in event-time order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use super::loaded::Loaded;
use super::saved::{OwnerV1, WaitingV1};
use super::saved_repeats::RepeatsV3;
use super::step::Step;
use super::weight::Weight;
use super::{Held, Owner};
use crate::checkpoint::codec::Damage;
use crate::checkpoint::written::Blob;
use crate::output::fired::{Fired, HandOn};
use crate::parse::batch::Place;

/// The events that wait.
#[derive(Default)]
pub struct Orderer {
    /// Records by their places, which all differ. Each is a copy of its own: a batch that lived as long as one
    /// of its events would let a few events from the far future hold the whole input.
    waiting: BinaryHeap<Reverse<(Place, Box<[u8]>)>>,
    taken: u64,
    /// The size of all records that wait.
    bytes: usize,
}

impl Owner for Orderer {
    /// The records that leave, each with a newline, in the order of event time, then source, then position.
    fn apply(&mut self, step: &Step, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        for part in &step.parts {
            self.taken += part.rows.len() as u64;
            for &row in &part.rows {
                let place = Place {
                    time: part.batch.time[row as usize],
                    source: part.batch.source,
                    record: part.first_record + u64::from(row),
                };
                let record = part.batch.record(row);
                self.bytes += record.len();
                self.waiting.push(Reverse((place, record.into())));
            }
        }
        // An event at the watermark may yet be preceded by one of the same time from an earlier source.
        let leaves = |place: &Place| step.ended || place.time < step.watermark;
        let mut fired = Fired::default();
        while self.waiting.peek().is_some_and(|Reverse((place, _))| leaves(place)) {
            let Some(Reverse((_, record))) = self.waiting.pop() else { break };
            self.bytes -= record.len();
            fired.text.extend_from_slice(&record);
            fired.text.push(b'\n');
            // There is one shard, whose rows need no keys.
            fired.end_row(0);
            if fired.is_full() {
                hand_on(std::mem::take(&mut fired))?;
            }
        }
        hand_on(Fired { last: true, ..fired })
    }

    fn taken(&self) -> u64 {
        self.taken
    }

    fn held(&self) -> Held {
        let oldest = self.waiting.peek().map(|Reverse((place, _))| place.time);
        let windows = self.waiting.len() as u64;
        Held { windows, keys: 0, oldest, events: Some(windows) }
    }

    fn weigh(&self) -> Weight {
        let places = self.waiting.capacity() * size_of::<(Place, Box<[u8]>)>();
        Weight { windows: places + self.bytes, sketches: 0 }
    }

    fn save(&mut self) -> OwnerV1 {
        let waiting = self.waiting.iter().map(|Reverse((place, text))| WaitingV1 {
            time: place.time,
            source: place.source,
            record: place.record,
            text: Blob(text.to_vec()),
        });
        OwnerV1::Waiting(waiting.collect())
    }

    fn decode<'s>(&self, saved: &'s OwnerV1) -> Result<Loaded<'s>, Damage> {
        match saved {
            OwnerV1::Waiting(waiting) => Ok(Loaded::Waiting(waiting)),
            _ => Err(Damage::Content),
        }
    }

    fn load(&mut self, loaded: &Loaded<'_>, _: Option<&RepeatsV3>) -> Result<(), Damage> {
        let Loaded::Waiting(waiting) = loaded else { return Err(Damage::Content) };
        self.bytes += waiting.iter().map(|event| event.text.0.len()).sum::<usize>();
        self.waiting.extend(waiting.iter().map(|event| {
            let place = Place { time: event.time, source: event.source, record: event.record };
            Reverse((place, event.text.0.as_slice().into()))
        }));
        Ok(())
    }
}
