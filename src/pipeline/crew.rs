//! Threads that look for ids together with the front, each in a portion of what is remembered: so what has to be done
//! for one record after the other takes little time even where many cores read and parse.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::operator::dedup::{self, Ask, PARTS_MAX, Portion};

/// A portion, and what is asked.
type Question = (Portion, Arc<Vec<Ask>>);

/// The portion again, or why a helper panicked.
type Answer = thread::Result<Portion>;

/// The front and its helpers, which start when there is something to ask, and end with the crew.
pub struct Crew {
    portions: usize,
    /// The way to each helper.
    questions: Vec<Sender<Question>>,
    answers: (Sender<Answer>, Receiver<Answer>),
}

impl Crew {
    /// The crew of a job with so many threads: half of them, in portions of equal size. To look for an id takes between
    /// a tenth (many keys) and a half (few) of what all stages together take for an event. `None` where the front alone
    /// is fast enough for the others.
    pub fn new(threads: usize) -> Option<Crew> {
        let portions = 1 << (threads / 2).clamp(1, PARTS_MAX).ilog2();
        (portions > 1).then(|| Crew { portions, questions: Vec::new(), answers: bounded(portions) })
    }

    fn start(&self) -> Sender<Question> {
        let (questions_in, questions) = bounded::<Question>(1);
        let answers = self.answers.0.clone();
        thread::spawn(move || {
            for question in questions {
                if answers.send(answer(question, Portion::ask)).is_err() {
                    return;
                }
            }
        });
        questions_in
    }
}

/// What a helper answers. A panic would be a bug; the front would wait for ever for the portion, so it is told instead.
fn answer((mut portion, asks): Question, ask: impl FnOnce(&mut Portion, &[Ask])) -> Answer {
    catch_unwind(AssertUnwindSafe(move || {
        ask(&mut portion, &asks);
        portion
    }))
}

impl dedup::Crew for Crew {
    fn portions(&self) -> usize {
        self.portions
    }

    fn ask(&mut self, mut portions: Vec<Portion>, asks: &Arc<Vec<Ask>>) -> Vec<Portion> {
        let helpers = "helpers end with the crew";
        let mut own = portions.pop();
        while self.questions.len() < portions.len() {
            self.questions.push(self.start());
        }
        let asked = portions.len();
        for (questions, portion) in self.questions.iter().zip(portions.drain(..)) {
            questions.send((portion, asks.clone())).expect(helpers);
        }
        if let Some(own) = &mut own {
            own.ask(asks);
        }
        portions.extend(own);
        // The wait counts as the front's work: sequencing is what goes on. All portions come, since helpers answer
        // whatever happens; a panic of theirs is one of the front, as if it had asked alone.
        for _ in 0..asked {
            match self.answers.1.recv().expect(helpers) {
                Ok(portion) => portions.push(portion),
                Err(panic) => resume_unwind(panic),
            }
        }
        portions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::dedup::Dedup;

    /// What cannot be asked ends in an answer, too, and nobody holds what was asked any more.
    #[test]
    fn a_panic_is_answered() {
        let asks = Arc::new(vec![Ask { id: 1, expiry: 1, watermark: 0 }]);
        let fails = |_: &mut Portion, asks: &[Ask]| panic!("{} cannot be asked", asks.len());
        assert!(answer((Portion::default(), asks.clone()), fails).is_err());
        assert!(answer((Portion::default(), asks.clone()), Portion::ask).is_ok());
        assert!(Arc::try_unwrap(asks).is_ok());
    }

    /// Several threads say of each id what one says, whatever is forgotten meanwhile.
    #[test]
    fn a_crew_answers_as_one_thread_does() {
        assert!(Crew::new(1).is_none() && Crew::new(3).is_none());
        let mut random = fastrand::Rng::with_seed(5);
        for (threads, portions) in [(4, 2), (7, 2), (8, 4), (15, 4), (16, 8), (64, 8)] {
            let mut crew = Crew::new(threads).expect("so many need one");
            assert_eq!(dedup::Crew::portions(&crew), portions);
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
            assert_eq!(shared.len(), alone.len());
            assert!(repeats > 1_000, "{repeats} repeats");
        }
    }
}
