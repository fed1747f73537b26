//! What the threads say of a run while it goes on, each once for a step or a chunk, so that it costs nothing.
//!
//! Whoever looks from outside takes a [`Snapshot`]. Numbers that belong together change together, under a lock that
//! nobody holds for longer than it takes to copy them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use super::peeks::Seen;
use super::silence::Quiet;
use super::snapshot::{Checkpoints, Input, Rows, Snapshot, Waits};
use super::stages::{Queue, Stage, Stages};
use super::stop::Taken;
use crate::distribution::Distribution;
use crate::input::{Origin, SourceSpec};
use crate::operator::Held;
use crate::operator::counts::Counts;
use crate::operator::sequence::{Sequencer, Standing};
use crate::operator::weight::Weight;
use crate::stats::Summary;

/// So many inputs are told one by one; the others together, under the name [`OTHERS`].
const INPUTS_MAX: usize = 50;
/// What further inputs are called.
const OTHERS: &str = "(others)";

/// What a run looks like from outside while it goes on; one for each run.
#[derive(Debug, Default)]
pub struct Progress {
    inputs: OnceLock<Inputs>,
    reading: Mutex<Reading>,
    rows: Mutex<Rows>,
    latency: Mutex<Distribution>,
    waits: Mutex<Option<Waits>>,
    /// Of each source how many bytes stand ahead that have not been read, where inputs are followed.
    ahead: OnceLock<Vec<AtomicU64>>,
    /// What the readers say of each source: since when it has brought nothing.
    quiet: OnceLock<Arc<[Quiet]>>,
    /// Whether somebody wants to know more than what is at hand anyway.
    watched: AtomicBool,
    owners: OnceLock<Owners>,
    /// `None` where none are made.
    checkpoints: Mutex<Option<Checkpoints>>,
    /// Whether all has been written again that an earlier run had written behind its last checkpoint.
    pub caught_up: AtomicBool,
    /// Whether the writer is waiting for whoever takes its output.
    pub delivering: AtomicBool,
    /// Whether a pipe that brings only what is new is to be left alone.
    pub stop_reading: AtomicBool,
    /// How much of that pipe has been taken.
    pub taken: Taken,
    /// What was seen last of what is open, where a live view is drawn.
    pub seen: Seen,
    /// What the threads do with their time.
    pub stages: Arc<Stages>,
    /// Gets what the user had better know while the run goes on; unset: nobody wants to.
    pub warn: OnceLock<fn(&str)>,
    /// Gets what has been lost, which the user must know.
    pub warn_of_loss: OnceLock<fn(&str)>,
}

/// The inputs as they are told: two of one name are one.
#[derive(Debug)]
struct Inputs {
    names: Vec<String>,
    /// Per source, the place of its name; `None` for one of an earlier run that is not named any more.
    places: Vec<Option<usize>>,
    /// Per name, bytes read so far, as stored.
    bytes: Vec<AtomicU64>,
}

impl Inputs {
    fn new(sources: &[SourceSpec]) -> Inputs {
        let mut names: Vec<String> = Vec::new();
        let mut known = HashMap::new();
        let mut place = |source: &SourceSpec| {
            if matches!(source.origin, Origin::Absent) {
                return None;
            }
            let name = match known.len() < INPUTS_MAX || known.contains_key(source.name.as_str()) {
                true => source.name.as_str(),
                false => OTHERS,
            };
            Some(*known.entry(name.to_owned()).or_insert_with(|| {
                names.push(name.to_owned());
                names.len() - 1
            }))
        };
        let places = sources.iter().map(&mut place).collect();
        Inputs { places, bytes: names.iter().map(|_| AtomicU64::default()).collect(), names }
    }
}

/// Where the sequence stands, as of one instant between two records.
#[derive(Debug, Default)]
struct Reading {
    /// The ledger of the job, that of earlier runs included.
    job: Counts,
    /// What of it earlier runs have read.
    before: Counts,
    /// By name.
    inputs: Vec<InputReading>,
    watermark: Option<i64>,
    ids: u64,
    /// Memory taken up by them, in bytes, where somebody wants to know.
    ids_bytes: Option<usize>,
    /// The sources that have been read to their ends.
    over: Vec<bool>,
    /// How far behind the watermark late events were, where somebody wants to know.
    late_by: Option<Distribution>,
    /// When records were last read.
    at: Option<SystemTime>,
}

#[derive(Debug, Clone, Copy, Default)]
struct InputReading {
    counts: Counts,
    before: Counts,
    newest: Option<i64>,
    watermark: Option<i64>,
    /// Whether nobody waits for it; `None` once it is finished.
    idle: Option<bool>,
}

impl InputReading {
    /// Adds a source of this name. One that is finished holds nobody up: its times mean nothing any more.
    fn add(&mut self, source: &Standing) {
        self.counts += source.counts;
        if !source.over {
            self.idle = Some(source.idle && self.idle.unwrap_or(true));
            self.newest = self.newest.max(source.newest);
            self.watermark = self.watermark.into_iter().chain(source.watermark).min();
        }
    }
}

/// What the owners of keys hold.
#[derive(Debug)]
struct Owners {
    /// Whether they have the same windows, each for its own keys.
    share_windows: bool,
    held: Vec<Mutex<Held>>,
    /// How much memory that takes up, where somebody wants to know.
    weights: Vec<Mutex<Weight>>,
}

impl Progress {
    /// A run over these inputs begins.
    pub(super) fn begin(&self, sources: &[SourceSpec]) {
        let inputs = self.inputs.get_or_init(|| Inputs::new(sources));
        locked(&self.reading).inputs = vec![InputReading::default(); inputs.names.len()];
    }

    /// So many sources are followed, or some of them.
    pub(super) fn follow(&self, sources: usize) {
        self.ahead.get_or_init(|| (0..sources).map(|_| AtomicU64::default()).collect());
    }

    /// So much of a source that is followed is there, and has not been read.
    pub(super) fn is_behind(&self, source: u32, bytes: u64) {
        if let Some(ahead) = self.ahead.get().and_then(|ahead| ahead.get(source as usize)) {
            ahead.store(bytes, Ordering::Relaxed);
        }
    }

    /// Somebody wants to know all that there is to know.
    pub fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// Whether somebody does.
    pub(super) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Where the readers say which source has brought nothing, and since when.
    pub(super) fn hear(&self, quiet: &Arc<[Quiet]>) {
        self.quiet.get_or_init(|| quiet.clone());
    }

    /// Checkpoints will be made; the run goes on from one that was made then, if it goes on.
    pub(super) fn keep(&self, resumed: Option<SystemTime>) {
        let begun = Checkpoints { resumed: resumed.is_some(), last_at: resumed, ..Checkpoints::default() };
        *locked(&self.checkpoints) = Some(begun);
    }

    /// A source has brought so many bytes, as stored.
    pub(super) fn read(&self, source: u32, bytes: u64) {
        let Some(inputs) = self.inputs.get() else { return };
        if let Some(&Some(place)) = inputs.places.get(source as usize) {
            inputs.bytes[place].fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Notes where the sequencer stands.
    pub(super) fn stand(&self, sequencer: &Sequencer) {
        let places = self.inputs.get().map_or(&[][..], |inputs| &inputs.places);
        let reading = &mut *locked(&self.reading);
        let read = reading.job.read;
        reading.job = Counts::default();
        for input in &mut reading.inputs {
            *input = InputReading { before: input.before, ..InputReading::default() };
        }
        reading.over.clear();
        for (source, place) in sequencer.standings().zip(places) {
            reading.job += source.counts;
            reading.over.push(source.over);
            if let Some(input) = place.and_then(|place| reading.inputs.get_mut(place)) {
                input.add(&source);
            }
        }
        reading.watermark = Some(sequencer.watermark()).filter(|&watermark| watermark != i64::MIN);
        reading.ids = sequencer.ids() as u64;
        if self.is_watched() {
            reading.ids_bytes = Some(sequencer.dedup_bytes());
            reading.late_by = sequencer.late_by().copied();
        }
        if reading.job.read != read {
            reading.at = Some(SystemTime::now());
        }
    }

    /// Notes where the sequencer stands that goes on from where an earlier run stood.
    pub(super) fn stand_anew(&self, sequencer: &Sequencer) {
        self.stand(sequencer);
        let reading = &mut *locked(&self.reading);
        (reading.before, reading.at) = (reading.job, None);
        reading.inputs.iter_mut().for_each(|input| input.before = input.counts);
    }

    /// Notes what the run is waiting for; `None`: it has come.
    pub(super) fn wait(&self, waits: Option<Waits>) {
        *locked(&self.waits) = waits;
    }

    /// The job was done before.
    pub fn done(&self, summary: &Summary) {
        let total = summary.total();
        *locked(&self.reading) = Reading { job: total, before: total, ..Reading::default() };
        *locked(&self.rows) = Rows { job: summary.rows, ..Rows::default() };
    }

    /// Notes what has been written: rows in all, and of them rows and bytes of this run.
    pub(super) fn written(&self, rows: Rows) {
        *locked(&self.rows) = rows;
    }

    /// Events have been applied, and what they made fire is written: how many, so long after they were read.
    pub(super) fn applied(&self, events: impl Iterator<Item = (Duration, u64)>) {
        let mut latency = locked(&self.latency);
        events.for_each(|(took, count)| latency.observe(took, count));
    }

    /// Earlier runs have written so many rows.
    pub(super) fn written_before(&self, rows: u64) {
        *locked(&self.rows) = Rows { job: rows, ..Rows::default() };
    }

    /// So many owners of keys begin; whether they have the same windows, each for its own keys.
    pub(super) fn own(&self, owners: usize, share_windows: bool) {
        let held = (0..owners).map(|_| Mutex::default()).collect();
        let weights = (0..owners).map(|_| Mutex::default()).collect();
        self.owners.get_or_init(|| Owners { share_windows, held, weights });
    }

    /// Notes what an owner holds.
    pub(super) fn hold(&self, owner: usize, held: Held) {
        if let Some(place) = self.owners.get().and_then(|owners| owners.held.get(owner)) {
            *locked(place) = held;
        }
    }

    /// Notes how much memory an owner takes up.
    pub(super) fn weigh(&self, owner: usize, weight: Weight) {
        if let Some(place) = self.owners.get().and_then(|owners| owners.weights.get(owner)) {
            *locked(place) = weight;
        }
    }

    /// Notes a checkpoint that has been committed.
    pub(super) fn checkpoint(&self, took: Duration, bytes: u64) {
        if let Some(checkpoints) = &mut *locked(&self.checkpoints) {
            checkpoints.took.observe(took, 1);
            (checkpoints.last_took, checkpoints.last_bytes) = (took, Some(bytes));
            checkpoints.last_at = Some(SystemTime::now());
        }
    }

    /// How many checkpoints have been committed.
    pub fn committed(&self) -> u64 {
        locked(&self.checkpoints).as_ref().map_or(0, |checkpoints| checkpoints.took.count())
    }

    /// Notes a checkpoint that could not be made.
    pub(super) fn checkpoint_failed(&self) {
        if let Some(checkpoints) = &mut *locked(&self.checkpoints) {
            checkpoints.failed += 1;
        }
    }

    /// Notes how long a thread stood still for a checkpoint.
    pub(super) fn pause(&self, took: Duration) {
        if let Some(checkpoints) = &mut *locked(&self.checkpoints) {
            checkpoints.longest_pause = checkpoints.longest_pause.max(took);
        }
    }

    /// Passes warnings on.
    pub fn warn(&self, warnings: &[String]) {
        if let Some(warn) = self.warn.get() {
            warnings.iter().for_each(|warning| warn(warning));
        }
    }

    /// Says that something has been lost.
    pub fn lost(&self, what: &str) {
        if let Some(warn) = self.warn_of_loss.get() {
            warn(what);
        }
    }

    /// What can be seen of the run now.
    pub fn snapshot(&self) -> Snapshot {
        let reading = locked(&self.reading);
        let inputs = self.inputs_of(&reading);
        let Reading { job, before, watermark, ids, ids_bytes, late_by, at, .. } = *reading;
        drop(reading);
        Snapshot {
            started: self.stages.started(),
            elapsed: self.stages.elapsed(),
            inputs,
            bytes_ahead: self
                .ahead
                .get()
                .map(|ahead| ahead.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum()),
            job,
            run: job - before,
            watermark,
            ids,
            ids_bytes,
            late_by,
            read_at: at,
            waits: locked(&self.waits).clone(),
            rows: *locked(&self.rows),
            latency: *locked(&self.latency),
            held: self.owners.get().map(Owners::together),
            weight: self.owners.get().filter(|_| self.is_watched()).map(Owners::weight),
            checkpoints: *locked(&self.checkpoints),
            stages: Stage::ALL.map(|stage| (stage, self.stages.account(stage))),
            queues: Queue::ALL.map(|queue| (queue, self.stages.queue(queue))),
        }
    }
}

impl Progress {
    /// The inputs as they are told.
    fn inputs_of(&self, reading: &Reading) -> Vec<Input> {
        let Some(known) = self.inputs.get() else { return Vec::new() };
        let silences = self.silences(known, &reading.over);
        let numbers = known.bytes.iter().zip(&reading.inputs).zip(silences);
        let input =
            |(name, ((bytes, input), silence)): (&String, ((&AtomicU64, &InputReading), Duration))| Input {
                name: name.clone(),
                bytes: bytes.load(Ordering::Relaxed),
                run: input.counts - input.before,
                newest: input.newest,
                watermark: input.watermark,
                idle: input.idle,
                silence: input.idle.map(|_| silence),
            };
        known.names.iter().zip(numbers).map(input).collect()
    }

    /// By name, for how long none of its unfinished sources has brought anything.
    fn silences(&self, known: &Inputs, over: &[bool]) -> Vec<Duration> {
        let mut silences: Vec<Option<Duration>> = vec![None; known.names.len()];
        let quiet = self.quiet.get().map_or(&[][..], |quiet| quiet);
        for ((place, quiet), over) in known.places.iter().zip(quiet).zip(over) {
            if let (Some(place), false) = (*place, *over) {
                let silence = quiet.lasted(self.stages.nanos());
                silences[place] = Some(silences[place].unwrap_or(silence).min(silence));
            }
        }
        silences.into_iter().map(Option::unwrap_or_default).collect()
    }
}

impl Owners {
    fn weight(&self) -> Weight {
        self.weights.iter().map(|weight| *locked(weight)).sum()
    }

    fn together(&self) -> Held {
        let all = self.held.iter().map(|held| *locked(held));
        all.reduce(|one, other| Held {
            windows: match self.share_windows {
                true => one.windows.max(other.windows),
                false => one.windows + other.windows,
            },
            keys: one.keys + other.keys,
            oldest: one.oldest.into_iter().chain(other.oldest).min(),
            events: one.events.zip(other.events).map(|(one, other)| one + other),
        })
        .unwrap_or_default()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Format;

    fn sources(names: impl Iterator<Item = String>) -> Vec<SourceSpec> {
        let spec = |name| SourceSpec { name, origin: Origin::Memory([].into()), format: Format::Ndjson };
        names.map(spec).collect()
    }

    #[test]
    fn inputs_of_one_name_are_told_once() {
        let mut sources = sources(["a", "b", "a"].map(str::to_owned).into_iter());
        sources.insert(0, SourceSpec { origin: Origin::Absent, ..sources[0].clone() });
        let inputs = Inputs::new(&sources);
        assert_eq!(inputs.names, ["a", "b"]);
        assert_eq!(inputs.places, [None, Some(0), Some(1), Some(0)]);
    }

    #[test]
    fn many_inputs_do_not_make_many_series() {
        let inputs = Inputs::new(&sources((0..2000).map(|n| n.to_string())));
        assert_eq!((inputs.names.len(), inputs.places.len()), (INPUTS_MAX + 1, 2000));
        assert_eq!((inputs.places[INPUTS_MAX - 1], inputs.places[1999]), (Some(49), Some(50)));
        assert_eq!(inputs.names[50], OTHERS);
    }

    #[test]
    fn owners_are_told_together() {
        let check = |share_windows, want| {
            let progress = Progress::default();
            assert_eq!(progress.snapshot().held, None);
            progress.own(2, share_windows);
            progress.hold(0, Held { windows: 2, keys: 5, oldest: None, events: Some(9) });
            progress.hold(1, Held { windows: 3, keys: 4, oldest: Some(7), events: Some(4) });
            let want = Held { windows: want, keys: 9, oldest: Some(7), events: Some(13) };
            assert_eq!(progress.snapshot().held, Some(want));
        };
        check(true, 3);
        check(false, 5);
    }
}
