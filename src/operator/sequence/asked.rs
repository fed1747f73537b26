//! Whether events repeat an id that is remembered: asked of many at once, so that memory is fetched ahead of its use,
//! and so that several can share the work.

use std::mem;
use std::sync::Arc;

use crate::operator::dedup::{Ask, Crew, Dedup, ENTRY_AHEAD, INDEX_AHEAD};

/// What is remembered, and the events of which it is still to be asked whether they repeat something of that.
pub struct Asked {
    pub dedup: Dedup,
    /// In the order of the events.
    asks: Vec<Ask>,
    repeats: Vec<u32>,
    crew: Option<Box<dyn Crew>>,
    /// Whether lately so few have been asked for at once that memory has to be fetched before they are.
    few: bool,
}

/// How many are asked for at once without a crew, about: what was written down of them is still in the nearest cache.
const ALONE: usize = 512;
/// With fewer a crew would be busier with each other than with ids.
const MANY: usize = 2 * 1024;
/// With fewer a good part is not fetched ahead.
const FEW: usize = 64;

impl Asked {
    pub fn new(dedup: Dedup) -> Asked {
        Asked { dedup, asks: Vec::new(), repeats: Vec::new(), crew: None, few: true }
    }

    /// From now on a crew asks where there is much to ask for.
    pub fn share(&mut self, crew: Box<dyn Crew>) {
        self.crew = Some(crew);
    }

    /// How many events wait for an answer.
    pub fn len(&self) -> usize {
        self.asks.len()
    }

    /// Whether so many wait that there should be one: with a crew never, since no more wait than a batch has rows.
    pub fn is_full(&self) -> bool {
        self.crew.is_none() && self.asks.len() >= ALONE
    }

    /// Memory taken up by the remembered ids and what is asked, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let asked = self.asks.capacity() * size_of::<Ask>() + self.repeats.capacity() * size_of::<u32>();
        self.dedup.memory_bytes() + asked
    }

    /// One more event waits. These are the ids of its batch from its own on.
    #[inline(always)]
    pub fn push(&mut self, ask: Ask, ids: &[u128]) {
        if self.few {
            self.fetch(ids);
        }
        self.asks.push(ask);
    }

    #[inline(never)]
    fn fetch(&self, ids: &[u128]) {
        if let Some(&ahead) = ids.get(INDEX_AHEAD) {
            self.dedup.prefetch(ahead);
        }
        if let Some(&ahead) = ids.get(ENTRY_AHEAD) {
            self.dedup.prefetch_entry(ahead);
        }
    }

    /// Which of the events that wait are repeats, by their number among these, ascending. None of them waits any more.
    pub fn answer(&mut self) -> &[u32] {
        self.repeats.clear();
        let is_fetched = mem::replace(&mut self.few, self.asks.len() < FEW);
        match &mut self.crew {
            Some(crew) if self.asks.len() >= MANY => {
                let asks = Arc::new(mem::take(&mut self.asks));
                self.dedup.ask_by(&mut **crew, &asks, &mut self.repeats);
                self.asks = Arc::try_unwrap(asks).unwrap_or_default();
            }
            _ if is_fetched && self.few => {
                let Asked { dedup, asks, repeats, .. } = self;
                let mut is_repeat = |ask: &Ask| dedup.seen(ask.id, ask.expiry, ask.watermark);
                repeats.extend((0..).zip(&*asks).filter_map(|(n, ask)| is_repeat(ask).then_some(n)));
            }
            _ => self.dedup.ask(&self.asks, &mut self.repeats),
        }
        self.asks.clear();
        &self.repeats
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::operator::dedup::Portion;

    /// Counts how often it is asked.
    struct Counting(Arc<AtomicUsize>);

    impl Crew for Counting {
        fn portions(&self) -> usize {
            4
        }

        fn ask(&mut self, mut portions: Vec<Portion>, asks: &Arc<Vec<Ask>>) -> Vec<Portion> {
            self.0.fetch_add(1, Ordering::Relaxed);
            portions.iter_mut().for_each(|portion| portion.ask(asks));
            portions.reverse();
            portions
        }
    }

    /// A crew is asked where there is much to ask for, and what it says is what would have been said without it.
    #[test]
    fn a_crew_is_asked_for_many() {
        let times = Arc::new(AtomicUsize::new(0));
        let (mut alone, mut shared) = (Asked::new(Dedup::new(100)), Asked::new(Dedup::new(100)));
        shared.share(Box::new(Counting(times.clone())));
        let mut random = fastrand::Rng::with_seed(3);
        for (n, count) in [1, 40, 63, MANY - 1, MANY, 3 * MANY, 70, 9, 60, MANY].into_iter().enumerate() {
            for at in 0..count {
                let id = xxhash_rust::xxh3::xxh3_128(&random.u16(..9_000).to_le_bytes());
                let ask = Ask { id, expiry: (n + at) as i64 + 4_000, watermark: n as i64 };
                alone.push(ask, &[]);
                shared.push(ask, &[id; 30]);
            }
            assert_eq!((shared.len(), alone.len(), shared.is_full()), (count, count, false));
            assert_eq!(alone.is_full(), count >= ALONE);
            assert_eq!(alone.answer(), shared.answer());
            assert_eq!((alone.len(), shared.len(), alone.is_full()), (0, 0, false));
        }
        assert_eq!(times.load(Ordering::Relaxed), 3);
    }
}
