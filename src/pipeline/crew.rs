//! Threads that look for ids together with the front, each in a portion of what is remembered: so what has to be done
//! for one record after the other takes little time even where many cores read and parse.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Progress;
use super::stages::{Stage, Worker};
use crate::operator::dedup::{self, Ask, PORTIONS_MAX, Portion};

/// A portion, and what is asked.
type Question = (Portion, Arc<Vec<Ask>>);

/// The front and its helpers.
pub struct Crew {
    /// The way to each helper.
    questions: Vec<Sender<Question>>,
    /// Where their portions come back.
    answers: Receiver<Portion>,
    front: Arc<Worker>,
}

impl Crew {
    /// Starts the helpers that the front of a job with so many threads needs, which end with the crew. `None` if it needs
    /// none: with few threads the others take more time for a record than it does.
    pub fn new(threads: usize, front: &Arc<Worker>, progress: &Arc<Progress>) -> Option<Crew> {
        let portions = (threads / 2).min(PORTIONS_MAX);
        if portions < 2 {
            return None;
        }
        let (answers_in, answers) = bounded(portions);
        let questions = (1..portions).map(|_| {
            let (questions_in, questions) = bounded::<Question>(1);
            let (answers, progress) = (answers_in.clone(), progress.clone());
            thread::spawn(move || {
                let stage = progress.stages.enter(Stage::Sequence);
                for (mut portion, asks) in stage.drain(&questions) {
                    portion.ask(&asks);
                    // Whoever asked may use it anew once all portions are back.
                    drop(asks);
                    if answers.send(portion).is_err() {
                        return;
                    }
                }
            });
            questions_in
        });
        Some(Crew { questions: questions.collect(), answers, front: front.clone() })
    }
}

impl dedup::Crew for Crew {
    fn portions(&self) -> usize {
        self.questions.len() + 1
    }

    fn ask(&mut self, mut portions: Vec<Portion>, asks: &Arc<Vec<Ask>>) -> Vec<Portion> {
        let helpers = "a helper ends with the crew";
        let mut own = portions.pop();
        for (questions, portion) in self.questions.iter().zip(portions.drain(..)) {
            questions.send((portion, asks.clone())).expect(helpers);
        }
        if let Some(own) = &mut own {
            own.ask(asks);
        }
        portions.extend(own);
        portions.extend(self.questions.iter().map(|_| self.front.recv(&self.answers).expect(helpers)));
        portions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::dedup::Dedup;

    /// Several threads say of each id what one says, whatever is forgotten meanwhile.
    #[test]
    fn a_crew_answers_as_one_thread_does() {
        let progress = Arc::new(Progress::default());
        let front = Arc::new(progress.stages.enter(Stage::Sequence));
        assert!(Crew::new(3, &front, &progress).is_none());
        let mut random = fastrand::Rng::with_seed(5);
        for threads in [4, 6, 7, 16, 64] {
            let mut crew = Crew::new(threads, &front, &progress).expect("so many need one");
            let (mut alone, mut shared) = (Dedup::new(1_000), Dedup::new(1_000));
            let (mut watermark, mut repeats) = (0, 0);
            for _ in 0..60 {
                let asks: Vec<Ask> = (0..random.usize(..6_000))
                    .map(|_| {
                        watermark += random.i64(0..3);
                        let number = random.u64(..20_000) + watermark as u64 / 4;
                        let id = xxhash_rust::xxh3::xxh3_128(&number.to_le_bytes());
                        Ask { id, expiry: watermark + random.i64(0..2_000), watermark }
                    })
                    .collect();
                let (mut wanted, mut found) = (Vec::new(), Vec::new());
                alone.ask(&asks, &mut wanted);
                let asks = Arc::new(asks);
                shared.ask_by(&mut crew, &asks, &mut found);
                assert_eq!(found, wanted);
                assert!(Arc::try_unwrap(asks).is_ok(), "nobody holds them any more");
                repeats += found.len();
            }
            assert_eq!(shared.memory_bytes(), alone.memory_bytes());
            assert!(repeats > 1_000, "{repeats} repeats");
        }
    }
}
