//! Whether events repeat an id that is remembered: asked of many at once, so that memory is fetched ahead of its use, and
//! so that several threads can share the work.

use std::mem;
use std::sync::Arc;

use crate::operator::dedup::{Ask, Crew, Dedup};

/// What is remembered, and the events of which it is still to be asked whether they repeat something of that.
pub struct Asked {
    pub dedup: Dedup,
    /// In the order of the events.
    asks: Vec<Ask>,
    repeats: Vec<u32>,
    crew: Option<Box<dyn Crew>>,
}

/// How many one thread asks for at once: what was written down of them is still in the nearest cache.
const ALONE: usize = 512;
/// With fewer several threads would be busier with each other than with ids.
const MANY: usize = 2 * 1024;

impl Asked {
    pub fn new(dedup: Dedup) -> Asked {
        Asked { dedup, asks: Vec::new(), repeats: Vec::new(), crew: None }
    }

    /// From now on several threads ask where there is much to ask for.
    pub fn share(&mut self, crew: Box<dyn Crew>) {
        self.crew = Some(crew);
    }

    /// How many events wait for an answer.
    pub fn len(&self) -> usize {
        self.asks.len()
    }

    /// How many more may, before there has to be one.
    pub fn room(&self) -> usize {
        if self.crew.is_some() { usize::MAX } else { ALONE.saturating_sub(self.asks.len()) }
    }

    #[inline(always)]
    pub fn push(&mut self, ask: Ask) {
        self.asks.push(ask);
    }

    /// Which of the events that wait are repeats, by their number among these, ascending. None of them waits any more.
    pub fn answer(&mut self) -> &[u32] {
        self.repeats.clear();
        match &mut self.crew {
            Some(crew) if self.asks.len() >= MANY => {
                let asks = Arc::new(mem::take(&mut self.asks));
                self.dedup.ask_by(&mut **crew, &asks, &mut self.repeats);
                self.asks = Arc::try_unwrap(asks).unwrap_or_default();
            }
            _ => self.dedup.ask(&self.asks, &mut self.repeats),
        }
        self.asks.clear();
        &self.repeats
    }
}
