//! `windrow verify`: whether a job that is killed and continued, again and again, writes what it writes undisturbed.
//!
//! The product is tried as it is, from outside: processes, signals, files. Nothing here knows how it keeps its promise,
//! except that a checkpoint is looked at to say from where a run goes on.
//!
//! | module | what it does |
//! |---|---|
//! | `job` | the command line of a run, with its outputs in a directory of the proof |
//! | `moments` | how runs differ and when they are killed, from a seed |
//! | `child` | one process |
//! | `round` | a run that is killed and continued until it is done |
//! | `pipe` | what the reader of a pipe makes of repeats |
//! | `compare` | where two files differ |

pub mod child;
pub mod compare;
pub mod job;
pub mod moments;
pub mod pipe;
pub mod round;
pub mod scratch;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use child::{Child, Stop};
use compare::Difference;
use job::{Files, Job, Rows};
use moments::{Pace, Random, Tuning, plan};
use round::{Broken, Passed, broken, compare_outputs, records};
use scratch::{Scratch, failed};

use crate::checkpoint::inspect;
use crate::error::{Error, Result};

/// What is to be proved, and where.
pub struct Proof<'p> {
    /// The job.
    pub job: Job,
    /// The files among its inputs.
    pub inputs: Vec<PathBuf>,
    /// Where everything is written.
    pub scratch: &'p mut Scratch,
    /// How many rounds are to count.
    pub rounds: usize,
    /// What the rounds follow from.
    pub seed: u64,
    /// How many threads the machine can run at once.
    pub cores: usize,
    /// Whether somebody wants it to end.
    pub stop: &'p Stop,
    /// Takes each line of the account.
    pub say: &'p mut dyn FnMut(&str) -> Result<()>,
}

/// What the rounds went through together.
#[derive(Debug, Default)]
struct Tally {
    rounds: usize,
    not_counted: usize,
    early: u64,
    midway: u64,
    late: u64,
    bytes: u64,
}

/// One round that is to be made.
struct Round<'r> {
    name: &'r str,
    /// What its moments follow from, with the seed.
    number: u64,
    pace: Pace,
    /// What it is compared with.
    expected: &'r Files,
    through_pipe: bool,
}

/// What is known of the job from its undisturbed runs.
struct Known {
    files: Files,
    pace: Pace,
    records: u64,
}

/// How a file looked: its size, and when it was last written to.
type Look = Option<(u64, Option<SystemTime>)>;

impl Proof<'_> {
    /// Proves it, or fails with what speaks against it.
    ///
    /// # Errors
    /// [`Error::Failed`] where a round came out different, or too few count; [`Error::Usage`] where the job itself
    /// is refused.
    pub fn prove(&mut self) -> Result<()> {
        let looks = self.looks();
        let known = self.undisturbed()?;
        let proved = self.rounds(&known);
        if self.looks() != looks {
            self.scratch.discard();
            return Err(Error::Failed("an input was written to meanwhile: nothing is proved".to_owned()));
        }
        let Tally { rounds, not_counted, early, midway, late, bytes } = proved?;
        (self.say)(&format!(
            "{rounds} rounds equal, {not_counted} not counted; kills: {midway} mid-run, {early} before the first \
             checkpoint, {late} behind the last; {} resumes; {bytes} bytes compared; 0 differences (--seed {})",
            midway + late,
            self.seed
        ))?;
        match rounds {
            enough if enough >= self.rounds => Ok(()),
            0 => Err(Error::Failed(
                "nothing is proved: every run was over before a kill could come; give the job more input"
                    .to_owned(),
            )),
            few => Err(Error::Failed(format!(
                "only {few} rounds of {} count: the others were over before a kill came; give the job more input",
                self.rounds
            ))),
        }
    }

    fn looks(&self) -> Vec<Look> {
        let look = |path: &PathBuf| fs::metadata(path).ok().map(|found| (found.len(), found.modified().ok()));
        self.inputs.iter().map(look).collect()
    }

    /// Runs the job to its end without a kill, and says how long that took.
    fn run(&self, name: &str, rows: Rows, kept: Option<&Tuning>) -> Result<(Files, Duration)> {
        let files = Files(self.scratch.directory(name)?);
        let started = Instant::now();
        let mut child = Child::start(&self.job.launch(&files, rows, kept, false))?;
        match child.wait(self.stop, &mut || false)? {
            Some(status) if !status.success() => {
                let Broken(how) = broken(status, &files);
                let message = format!("the job fails undisturbed, {how}");
                Err(if status.code() == Some(2) { Error::Usage(message) } else { Error::Failed(message) })
            }
            _ => Ok((files, started.elapsed())),
        }
    }

    /// A run that keeps what it must, in the usual way.
    fn usual(&self) -> Tuning {
        Tuning { threads: self.cores, chunk_bytes: 1 << 20, interval: Duration::from_secs(30) }
    }

    /// The run that all others are compared with, and one with a state directory, whose time counts.
    fn undisturbed(&mut self) -> Result<Known> {
        let usual = self.usual();
        // Without a state directory, unless windows are held in it: the plainest run there is.
        let (files, took) = self.run("undisturbed", Rows::File, self.job.hold.then_some(&usual))?;
        let (kept, kept_took) = self.run("kept", Rows::File, Some(&usual))?;
        let (bytes, difference) = compare_outputs(&files, &kept)?;
        if let Some(difference) = difference {
            return Err(self.differs("the run with a state directory", &files, &kept, &difference));
        }
        let records = records(&inspect::look(&kept.state())?.checkpoint);
        if records == 0 {
            return Err(Error::Failed("nothing is proved: the job has no record to read".to_owned()));
        }
        fs::remove_dir_all(&kept.0).map_err(|cause| failed(&kept.0, cause))?;
        (self.say)(&format!(
            "undisturbed: {records} records, {bytes} bytes written, {:.3} s; {:.3} s with a state directory",
            took.as_secs_f64(),
            kept_took.as_secs_f64()
        ))?;
        Ok(Known { files, pace: Pace::of(took, kept_took), records })
    }

    fn rounds(&mut self, known: &Known) -> Result<Tally> {
        let (mut tally, mut pace, mut misses) = (Tally::default(), known.pace, 0);
        // Runs that are over too soon are not made again for ever.
        let attempts_max = 3 * self.rounds as u64 + 10;
        for number in 1..=attempts_max {
            if tally.rounds == self.rounds {
                break;
            }
            let name = format!("round {} of {}", tally.rounds + 1, self.rounds);
            let round = Round { name: &name, number, pace, expected: &known.files, through_pipe: false };
            let (counts, took) = self.round(&round, known.records, &mut tally)?;
            misses = if counts { 0 } else { misses + 1 };
            // A single one is chance.
            pace = if misses > 1 { pace.shortened() } else { pace.learned(took) };
        }
        if tally.rounds > 0 {
            self.through_pipe(known, pace, &mut tally)?;
        }
        Ok(tally)
    }

    /// One more round, through a pipe.
    fn through_pipe(&mut self, known: &Known, mut pace: Pace, tally: &mut Tally) -> Result<()> {
        const ATTEMPTS_MAX: u64 = 10;
        if self.job.order {
            return (self.say)(
                "through a pipe: not tried, for windrow order has no --row-id to know repeats by",
            );
        }
        let usual = self.usual();
        let numbered = match self.job.row_id {
            true => known.files.clone(),
            false => self.run("numbered", Rows::Numbered, self.job.hold.then_some(&usual))?.0,
        };
        for attempt in 0..ATTEMPTS_MAX {
            // Its moments are none of the other rounds'.
            let (name, number) = ("through a pipe", u64::MAX - attempt);
            let round = Round { name, number, pace, expected: &numbered, through_pipe: true };
            let (counts, took) = self.round(&round, known.records, tally)?;
            if counts {
                return Ok(());
            }
            pace = if attempt > 0 { pace.shortened() } else { pace.learned(took) };
        }
        Err(Error::Failed(
            "nothing is proved of pipes: every run was over before a kill could come".to_owned(),
        ))
    }

    /// Makes a round. Returns whether it counts, and how long it took.
    fn round(&mut self, round: &Round<'_>, records: u64, tally: &mut Tally) -> Result<(bool, Duration)> {
        let Round { name, number, pace, expected, through_pipe } = *round;
        let files = Files(self.scratch.directory("round")?);
        let plan = plan(&mut Random::of(self.seed, number), pace, self.cores);
        // Standard input comes as a file and through a pipe by turns.
        let passed = round::run(&self.job, &files, through_pipe, number % 2 == 1, &plan, self.stop)?;
        let passed = passed.map_err(|Broken(how)| {
            self.scratch.keep();
            let (dir, seed) = (files.0.display(), self.seed);
            Error::Failed(format!(
                "{name}: a continued run failed, {how}; its files are kept: {dir} (--seed {seed})"
            ))
        })?;
        let mut discarded = String::new();
        if through_pipe {
            let parts: Vec<PathBuf> = (0..passed.runs).map(|number| files.part(number)).collect();
            let found = pipe::discard_repeats(&parts, self.job.csv, &files.rows());
            let found = found.map_err(|cause| failed(&files.rows(), cause))?;
            discarded = format!("; discarded {} repeats, {} torn rows", found.repeats, found.torn);
        }
        let (bytes, difference) = compare_outputs(expected, &files)?;
        if let Some(difference) = difference {
            return Err(self.differs(name, expected, &files, &difference));
        }
        let counts = !passed.midway.is_empty();
        (self.say)(&format!("{name}: {}{discarded}", account(&plan.0, &passed, records)))?;
        tally.bytes += bytes;
        tally.early += passed.early;
        tally.midway += passed.midway.len() as u64;
        tally.late += passed.late;
        tally.not_counted += usize::from(!counts);
        tally.rounds += usize::from(counts && !through_pipe);
        Ok((counts, passed.took))
    }

    /// What is said of a difference. The files stay.
    fn differs(
        &mut self,
        name: &str,
        expected: &Files,
        found: &Files,
        (output, difference): &(&str, Difference),
    ) -> Error {
        self.scratch.keep();
        Error::Failed(format!(
            "{name}: {output} differ, {difference}; both are kept: {}, {} (--seed {})",
            expected.0.display(),
            found.0.display(),
            self.seed
        ))
    }
}

/// A round in words; there are records.
fn account(tuning: &Tuning, passed: &Passed, records: u64) -> String {
    let Tuning { threads, chunk_bytes, interval } = tuning;
    let share = |at: &u64| format!("{}%", u128::from(*at) * 100 / u128::from(records));
    let outcome = match passed.midway.is_empty() {
        true => "equal, but NOT COUNTED: no kill came between its first checkpoint and its last".to_owned(),
        false => {
            let shares: Vec<String> = passed.midway.iter().map(share).collect();
            format!("equal; killed and continued at {} of the input", shares.join(", "))
        }
    };
    format!(
        "{outcome}; threads {threads}, chunks {chunk_bytes}, checkpoints every {} ms",
        interval.as_millis()
    )
}
