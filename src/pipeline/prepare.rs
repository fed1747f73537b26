//! What is settled before the first thread starts: the time field, what an earlier run has left, where each input
//! goes on.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::checkpointer::{self, Ids};
use super::front::Resumed;
use super::ids::{self, Loaded};
use super::resume::{self, Continued};
use super::start::{self, Opened};
use super::stop;
use crate::checkpoint::codec;
use crate::checkpoint::decisions::{self, Decisions};
use crate::checkpoint::directory::StateDir;
use crate::checkpoint::written::{CheckpointV1, EndingV1, LiveV2, OutputV1, RepeatedV3, SourceV1};
use crate::error::{Error, Escaped, Result};
use crate::expr::FieldPath;
use crate::input::follow::Follow;
use crate::job::fingerprint::Fingerprint;
use crate::job::{Durability, Job, Task};
use crate::operator::Owner;
use crate::operator::counts::Counts;
use crate::operator::saved::OwnerV1;
use crate::output::durable;
use crate::output::mark::Mark;
use crate::parse::project::random_seed;
use crate::stats::Summary;

/// A job that can be run.
pub struct Prepared {
    /// The job; its sources stand in the order that the results go by.
    pub job: Arc<Job>,
    /// Its time field.
    pub time_field: FieldPath,
    /// The seed of the hashes of keys and ids.
    pub seed: u64,
    /// The sources that were opened already.
    pub opened: HashMap<u32, Opened>,
    /// The followed files that an earlier run has begun.
    pub follows: HashMap<u32, Follow>,
    /// Since when nothing has come of them.
    pub since: Instant,
    /// What is kept for a later run, and was by an earlier one.
    pub kept: Option<Kept>,
}

/// What there is to do.
#[expect(clippy::large_enum_variant, reason = "there is one, and it is never moved about")]
pub enum Ready {
    /// A run, and what has to be said before it.
    Run(Prepared, Vec<String>),
    /// Nothing: the job was done already, with this account. Its outputs are still to be looked at.
    Done(Job, Kept, Summary),
}

/// The state of a run that is kept.
pub struct Kept {
    dir: StateDir,
    /// The checkpoint to go on from, or what is known before the first one.
    pub checkpoint: CheckpointV1,
    /// The ids of that checkpoint, if the job has ids.
    ids: Option<Loaded>,
    /// Whether there is no checkpoint to go on from.
    pub fresh: bool,
    /// Whether the file of bad records is not the one that the checkpoint speaks of.
    bad_is_new: bool,
    /// Whether inputs have joined or are called otherwise than the checkpoint on disk says.
    inputs_changed: bool,
}

/// Prepares a job without a state directory.
pub fn plain(job: &Arc<Job>) -> Result<Prepared> {
    start::check_paths(job)?;
    let follows = resume::follows(job);
    let mut opened = HashMap::new();
    let since = Instant::now();
    let time_field = start::settle_time_field(job, &mut opened, &[])?.path;
    Ok(Prepared { job: job.clone(), time_field, seed: random_seed(), opened, follows, since, kept: None })
}

/// Prepares a job. Nothing is written but the state directory itself, if it is not there.
pub fn prepare(job: Job) -> Result<Ready> {
    let Some(state) = job.state.clone() else {
        return Ok(Ready::Run(plain(&Arc::new(job))?, Vec::new()));
    };
    start::check_paths(&job)?;
    stop::check_pipe(&job)?;
    let dir = StateDir::open(&state.dir)?;
    let outputs = [job.output.as_deref(), job.late.path(), job.bad.path(), job.metrics.file.as_deref()];
    outputs.into_iter().flatten().try_for_each(|path| dir.check_outside(path))?;
    let found = match state.replay {
        true => None,
        false => resume::newest(&dir, |checkpoint| ids::load(&job, dir.path(), checkpoint))?,
    };
    match found {
        None => anew(job, dir),
        Some(found) => go_on(job, &state, dir, found),
    }
}

/// A job of which nothing was kept, or nothing that counts.
fn anew(job: Job, dir: StateDir) -> Result<Ready> {
    let follows = resume::follows(&job);
    let mut opened = HashMap::new();
    let since = Instant::now();
    let time_field = start::settle_time_field(&job, &mut opened, &[])?;
    let seed = random_seed();
    let checkpoint = CheckpointV1 {
        epoch: dir.epochs()?.first().copied().unwrap_or(0),
        run: random_seed(),
        hash_seed: seed,
        taken_at: 0,
        ending: EndingV1::Running,
        job: job.fingerprint.0.clone(),
        time_field: time_field.written(),
        watermark: i64::MIN,
        form: None,
        sources: job.sources.iter().map(resume::written).collect(),
        rows: begun(job.output.as_deref()),
        late: job.late.path().map(begun_aside),
        bad: job.bad.path().map(begun_aside),
        ids: Vec::new(),
        owners: Vec::new(),
        live: LiveV2 { unread: resume::unread(&follows), ..LiveV2::default() },
        repeated: RepeatedV3::default(),
        heads: resume::heads(&follows),
        kinds: match &job.task {
            Task::Aggregate(task) if task.windows.kinds() > 1 => task.windows.kinds() as u64,
            Task::Aggregate(_) | Task::Order => 0,
        },
        fills: Vec::new(),
    };
    let kept = Kept { dir, checkpoint, ids: None, fresh: true, bad_is_new: true, inputs_changed: false };
    let time_field = time_field.path;
    let prepared =
        Prepared { job: Arc::new(job), time_field, seed, opened, follows, since, kept: Some(kept) };
    Ok(Ready::Run(prepared, Vec::new()))
}

/// A job that an earlier run has begun, and perhaps finished.
fn go_on(
    mut job: Job,
    state: &Durability,
    dir: StateDir,
    found: resume::Found<Option<Loaded>>,
) -> Result<Ready> {
    let resume::Found { mut checkpoint, with: ids, damaged } = found;
    if let Err(error) = resume::check_job(&job, &checkpoint) {
        // A mistake in the first command does not have to be made again.
        return if resume::is_blank(&dir, &checkpoint) { anew(job, dir) } else { Err(error) };
    }
    let mut noted = Fingerprint(std::mem::take(&mut checkpoint.job));
    noted.take_notes(&job.fingerprint);
    checkpoint.job = noted.0;
    let Continued { specs, written, mut opened, follows, mut notes } =
        resume::continue_sources(&job, state, &checkpoint)?;
    notes.extend(damaged.iter().map(|damaged| format!("{damaged}; the checkpoint before it is used")));
    let is_as_it_was = |(was, is): (&SourceV1, &SourceV1)| was.name == is.name && was.identity == is.identity;
    let inputs_changed = checkpoint.sources.len() != written.len()
        || !checkpoint.sources.iter().zip(&written).all(is_as_it_was);
    (job.sources, checkpoint.sources) = (specs, written);
    (checkpoint.live.unread, checkpoint.heads) = (resume::unread(&follows), resume::heads(&follows));
    let (seed, closed) = (checkpoint.hash_seed, checkpoint.ending == EndingV1::Closed);
    let since = Instant::now();
    let time_field = match checkpoint.time_field.is_empty() {
        // No record had a time yet.
        true if !closed => {
            let over: Vec<bool> = checkpoint.sources.iter().map(|source| source.over).collect();
            let found = start::settle_time_field(&job, &mut opened, &over)?;
            checkpoint.time_field = found.written();
            found.path
        }
        _ => resume::time_field(&job, &checkpoint),
    };
    let bad_is_new = take_outputs(&job, &mut checkpoint)?;
    let kept = Kept { dir, checkpoint, ids, fresh: false, bad_is_new, inputs_changed };
    if closed {
        let summary = kept.summary();
        return Ok(Ready::Done(job, kept, summary));
    }
    let prepared =
        Prepared { job: Arc::new(job), time_field, seed, opened, follows, since, kept: Some(kept) };
    Ok(Ready::Run(prepared, notes))
}

/// Notes where the outputs go now. Returns whether the file of bad records, which may be another than before, is one.
fn take_outputs(job: &Job, checkpoint: &mut CheckpointV1) -> Result<bool> {
    let (rows, stream) = (job.output.as_deref(), durable::is_stream(job.output.as_deref()));
    take_output("rows", rows, checkpoint.rows.stream, stream, &mut checkpoint.rows)?;
    if let (Some(late), Some(path)) = (&mut checkpoint.late, job.late.path()) {
        // Where nothing has been written, either will do.
        let stream = durable::is_stream_aside(path);
        let was_stream = if late.len == 0 && !late.stream { stream } else { was_stream(late) };
        take_output("late events", Some(path), was_stream, stream, late)?;
    }
    let Some(path) = job.bad.path() else {
        // What is only counted for now may be kept again later.
        return Ok(false);
    };
    let holds_something = !durable::is_stream_aside(path)
        && std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0);
    match &mut checkpoint.bad {
        // Under another name it may be the same file, which is told by what it holds; or, before anything of it is on
        // record, by what it is called, from wherever one looks.
        Some(bad)
            if !was_stream(bad)
                && (Path::new(&bad.path).file_name() == path.file_name()
                    || holds_something && bad.len + bad.base > 0) =>
        {
            bad.path = shown(Some(path));
            return Ok(false);
        }
        _ if holds_something => {
            return Err(Error::usage(format!(
                "--bad: {} has something in it that the run has not written; name a new file",
                Escaped(&shown(Some(path)))
            )));
        }
        Some(_) | None => {}
    }
    checkpoint.bad = Some(begun_aside(path));
    Ok(true)
}

/// Notes where an output goes now, which must be of the kind that it was.
fn take_output(
    what: &str,
    path: Option<&Path>,
    was_stream: bool,
    stream: bool,
    output: &mut OutputV1,
) -> Result<()> {
    if stream != was_stream {
        let kind = |stream: bool| if stream { "a pipe or the like" } else { "a file" };
        return Err(Error::usage(format!(
            "the {what} went to {} before and would go to {} now; let them go where they went, name another \
             --state-dir, or start anew with --replay",
            kind(was_stream),
            kind(stream)
        )));
    }
    if let Some(path) = path
        && !stream
        && shown(Some(path)) != output.path
        && !path.exists()
    {
        return Err(Error::usage(format!(
            "the {what} went to {} before, and there is no {}; name the file that has them, or start anew with \
             --replay",
            Escaped(&output.path),
            Escaped(&shown(Some(path)))
        )));
    }
    (output.path, output.stream) = (shown(path), stream);
    Ok(())
}

/// Whether late events or bad records went to a pipe or the like. Of a file there is a digest.
fn was_stream(output: &OutputV1) -> bool {
    output.stream || output.len > 0 && output.digest == 0
}

/// An output of which nothing has been written.
fn begun(path: Option<&Path>) -> OutputV1 {
    OutputV1 { path: shown(path), stream: durable::is_stream(path), ..OutputV1::default() }
}

/// The same of late events or bad records.
fn begun_aside(path: &Path) -> OutputV1 {
    let stream = durable::is_stream_aside(path);
    OutputV1 { path: shown(Some(path)), stream, ..OutputV1::default() }
}

impl Prepared {
    /// What records that are set aside have as their source, by rank: the name that it had at first.
    pub(super) fn source_names(&self) -> Vec<String> {
        match &self.kept {
            Some(kept) => kept.checkpoint.sources.iter().map(|source| source.name.first.clone()).collect(),
            None => self.job.sources.iter().map(|source| source.name.clone()).collect(),
        }
    }
}

impl Kept {
    /// Where the outputs of rows, late events and bad records go on; `None` where one starts anew.
    pub fn marks(&self) -> [Option<Mark>; 3] {
        let mark = |output: &OutputV1| {
            let OutputV1 { base, len, digest, rows, .. } = *output;
            Mark { base, len, digest, rows }
        };
        let CheckpointV1 { rows, late, bad, .. } = &self.checkpoint;
        match self.fresh {
            true => [None; 3],
            false => [
                Some(mark(rows)),
                late.as_ref().map(mark),
                bad.as_ref().filter(|_| !self.bad_is_new).map(mark),
            ],
        }
    }

    /// The state directory.
    pub fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// The account of all that was read up to the checkpoint.
    pub fn summary(&self) -> Summary {
        let sources = &self.checkpoint.sources;
        let mut summary = Summary::new(sources.iter().map(|source| source.name.now.clone()));
        let counts: Vec<Counts> = (0..sources.len()).map(|rank| self.checkpoint.counts(rank)).collect();
        summary.take(counts.iter(), self.checkpoint.rows.rows);
        summary
    }

    /// Gives the owners what was saved, and returns the rest: where the front goes on, what the checkpointer starts
    /// with, and where decisions go on record. From here on files of the state directory are changed.
    pub(super) fn load(
        self,
        job: &Job,
        owners: &mut [Box<dyn Owner>],
    ) -> Result<(Option<Resumed>, checkpointer::Start, Decisions)> {
        let Kept { dir, mut checkpoint, ids, fresh, inputs_changed, .. } = self;
        let damaged = |damage: codec::Damage| {
            let path = dir.file(checkpoint.epoch);
            Error::Failed(format!("{} cannot be used: {damage}; --replay starts anew", path.display()))
        };
        let mut repeated = std::mem::take(&mut checkpoint.repeated.owners).into_iter();
        for saved in std::mem::take(&mut checkpoint.owners) {
            let repeats = repeated.next();
            let saved: OwnerV1 = codec::decode(&saved.0).map_err(damaged)?;
            let Some(first) = owners.first() else { continue };
            let loaded = first.decode(&saved).map_err(damaged)?;
            owners.iter_mut().try_for_each(|owner| owner.load(&loaded, repeats.as_ref())).map_err(damaged)?;
        }
        for fills in std::mem::take(&mut checkpoint.fills) {
            owners.iter_mut().try_for_each(|owner| owner.load_fills(&fills)).map_err(damaged)?;
        }
        let (files, dedup) = match (ids, job.ids.is_empty()) {
            (Some(Loaded { stored, dedup }), _) => {
                let files = stored.into_segments(&ids::older(&dir, checkpoint.epoch)?)?;
                (Ids::Open(files), Some(dedup))
            }
            (None, false) if fresh => (Ids::New(ids::owner(job, &checkpoint)), None),
            (None, false) => {
                return Err(Error::Internal("the ids of a checkpoint were not loaded".to_owned()));
            }
            (None, true) => (Ids::None, None),
        };
        let decided = match fresh {
            true => Vec::new(),
            false => decisions::read(dir.path(), checkpoint.live.decisions)?,
        };
        let decisions = match fresh {
            true => Decisions::begin(&dir)?,
            false => Decisions::resume(&dir, checkpoint.live.decisions + decided.len() as u64)?,
        };
        // Damaged ones may have higher numbers, and are not to outlive those that are good.
        checkpoint.epoch = dir.epochs()?.first().copied().unwrap_or(0).max(checkpoint.epoch);
        let resumed = (!fresh).then(|| Resumed {
            sequence: checkpoint.sequence(),
            columns: checkpoint.sources.iter().map(|source| source.columns.clone()).collect(),
            dedup,
            decided,
            inputs_changed: inputs_changed.then_some(checkpoint.ending),
        });
        Ok((resumed, checkpointer::Start { dir, ids: files, last: checkpoint, fresh }, decisions))
    }
}

fn shown(path: Option<&Path>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checkpoints from before the kind of late events and bad records was written down.
    #[test]
    fn the_kind_of_an_output_is_known() {
        let check = |stream, len, digest, want| {
            assert_eq!(was_stream(&OutputV1 { stream, len, digest, ..OutputV1::default() }), want);
        };
        check(true, 0, 0, true);
        check(true, 9, 0, true);
        check(false, 9, 0, true);
        check(false, 9, 7, false);
        check(false, 0, 0, false);
    }
}
