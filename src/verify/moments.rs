//! What differs from run to run, and when each is killed: chosen at random, and again the same from the same seed.

use std::time::Duration;

/// Random numbers from a seed: SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014, figure 16).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of one round of a proof.
    pub fn of(seed: u64, round: u64) -> Random {
        let mut random = Random(seed);
        let start = random.next() ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Random(start)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)`.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.next() % from.len() as u64) as usize]
    }
}

/// How a run is made different from others, without a difference to its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// `--threads`.
    pub threads: usize,
    /// `--chunk-bytes`.
    pub chunk_bytes: usize,
    /// `--checkpoint-interval`.
    pub interval: Duration,
}

/// When a run is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// So long after its start.
    Start(Duration),
    /// So long after it has committed so many checkpoints.
    Checkpoints(u64, Duration),
}

/// How long the job takes, as far as that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Long enough to be killed by the clock.
    Long(Duration),
    /// So short that kills go by what the run has done, and the run is made slow besides.
    Short {
        /// How long it took.
        took: Duration,
        /// Of how many checkpoints the kill comes behind one.
        reach: u64,
    },
}

/// Runs shorter than this are over before a clock can be trusted to hit them.
const LONG_MIN: Duration = Duration::from_millis(100);
/// How many checkpoints a short run is believed to make at first.
const REACH: u64 = 32;
/// A run is killed so many times at most.
const KILLS_MAX: u64 = 4;

impl Pace {
    /// That of a job that takes so long undisturbed, and so long with a state directory.
    pub fn of(took: Duration, kept: Duration) -> Pace {
        // A machine that is busy with other things makes one of them longer than it is.
        match took.min(kept) < LONG_MIN {
            true => Pace::Short { took: kept, reach: REACH },
            false => Pace::Long(kept),
        }
    }

    /// The same, knowing that a round with its kills took so long.
    pub fn learned(self, took: Duration) -> Pace {
        match self {
            Pace::Long(before) => Pace::Long((before + took) / 2),
            short => short,
        }
    }

    /// The same, for a job of which kills have come too late.
    pub fn shortened(self) -> Pace {
        match self {
            Pace::Long(took) => Pace::Short { took, reach: REACH },
            Pace::Short { took, reach } => Pace::Short { took, reach: (reach / 2).max(1) },
        }
    }
}

/// How a round runs, and when its runs are killed, one after the other.
pub fn plan(random: &mut Random, pace: Pace, cores: usize) -> (Tuning, Vec<Moment>) {
    let tuning = match pace {
        Pace::Long(_) => Tuning {
            threads: random.pick(&[1, 2, 3, cores, cores + 2]),
            chunk_bytes: random.pick(&[64 << 10, 256 << 10, 1 << 20]),
            interval: Duration::from_millis(random.pick(&[1, 5, 20, 100])),
        },
        Pace::Short { .. } => Tuning {
            threads: random.pick(&[1, 1, 2, cores]),
            chunk_bytes: random.pick(&[200, 1000, 4000, 16 << 10]),
            interval: Duration::from_millis(random.pick(&[0, 1])),
        },
    };
    let kills = 1 + random.next() % KILLS_MAX;
    // The runs of a round divide its work: together their lives reach a bit beyond the end.
    let life = if kills == 1 { 1.0 } else { 2.0 / kills as f64 };
    let moment = |_| match pace {
        Pace::Long(took) => Moment::Start(took.mul_f64(random.fraction() * life)),
        Pace::Short { took, reach } => {
            Moment::Checkpoints(1 + random.next() % reach, took.mul_f64(random.fraction() / 16.0))
        }
    };
    (tuning, (0..kills).map(moment).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the reference implementation (`splitmix64.c`) for the seed 1234567.
    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut random = Random(1_234_567);
        let numbers = [0; 3].map(|_: u64| random.next());
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn plans_are_repeated_and_differ() {
        let took = Duration::from_secs(2);
        for pace in [Pace::of(took, took), Pace::of(took, took).shortened()] {
            let plan = |round| plan(&mut Random::of(7, round), pace, 2);
            assert_eq!(plan(1), plan(1));
            let kills: Vec<usize> = (0..100).map(|round| plan(round).1.len()).collect();
            assert_eq!((kills.iter().min(), kills.iter().max()), (Some(&1), Some(&4)));
            assert!((1..100).any(|round| plan(round).0 != plan(0).0));
        }
    }

    #[test]
    fn paces() {
        let (short, long) = (Duration::from_millis(99), Duration::from_secs(2));
        assert_eq!(Pace::of(short, long), Pace::Short { took: long, reach: 32 });
        assert_eq!(Pace::of(long, short).learned(long), Pace::Short { took: short, reach: 32 });
        assert_eq!(Pace::of(long, 2 * long).learned(4 * long), Pace::Long(3 * long));
        assert_eq!(Pace::Long(long).shortened().shortened(), Pace::Short { took: long, reach: 16 });
        assert_eq!(Pace::Short { took: long, reach: 1 }.shortened(), Pace::Short { took: long, reach: 1 });
    }

    /// Kills by the clock lie all over the time that the job takes.
    #[test]
    fn moments_are_spread() {
        let took = Duration::from_secs(1);
        let mut tenths = [0; 10];
        for round in 0..1000 {
            let (_, moments) = plan(&mut Random::of(3, round), Pace::of(took, took), 2);
            let mut at = Duration::ZERO;
            for moment in moments {
                let Moment::Start(after) = moment else { panic!("it is long") };
                at += after;
                if let Some(tenth) = tenths.get_mut((at.as_secs_f64() * 10.0) as usize) {
                    *tenth += 1;
                }
            }
        }
        assert!(tenths.iter().all(|&kills| kills > 50), "{tenths:?}");
    }
}
