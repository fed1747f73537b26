//! Before the threads of a job with a state directory: what an earlier run has left, whether the job still fits it,
//! and where each input goes on. Until all of that is known to fit, nothing is touched.

use std::collections::{HashMap, VecDeque};

use super::start::Opened;
use crate::checkpoint::directory::{StateDir, Unusable};
use crate::checkpoint::written::{CheckpointV1, EndingV1, SourceV1};
use crate::error::{Error, Escaped, Result};
use crate::expr::{FieldPath, Step};
use crate::input::{Format, Origin, Skipped, Source, SourceSpec, identity, identity_of_stdin};
use crate::job::fingerprint::Fingerprint;
use crate::job::sources::describe;
use crate::job::{AtEof, DEFAULT_TIME_FIELDS, Durability, Job, StdinResume};

/// What an earlier run has left: the newest checkpoint that can be used, and what has to be said about others.
pub struct Found<T> {
    /// The checkpoint.
    pub checkpoint: CheckpointV1,
    /// What goes with it.
    pub with: T,
    /// Newer ones that are damaged.
    pub damaged: Vec<Unusable>,
}

/// The newest checkpoint of a directory that `take` can use; `None` if there never was one.
pub fn newest<T>(
    dir: &StateDir,
    mut take: impl FnMut(&CheckpointV1) -> Result<std::result::Result<T, Unusable>>,
) -> Result<Option<Found<T>>> {
    let mut damaged = Vec::new();
    for epoch in dir.epochs()? {
        let unusable = match dir.read(epoch)? {
            Ok(checkpoint) => match take(&checkpoint)? {
                Ok(with) => return Ok(Some(Found { checkpoint, with, damaged })),
                Err(unusable) => unusable,
            },
            Err(unusable) => unusable,
        };
        if unusable.is_newer() {
            return Err(Error::usage(unusable.to_string()));
        }
        damaged.push(unusable);
    }
    match damaged.first() {
        None => Ok(None),
        Some(first) => Err(Error::Failed(format!(
            "{first}; no checkpoint in {} can be used: --replay starts anew",
            Escaped(&dir.path().display().to_string())
        ))),
    }
}

/// Checks that a job is the one that a checkpoint was taken of.
pub fn check_job(job: &Job, checkpoint: &CheckpointV1) -> Result<()> {
    let there = Fingerprint(checkpoint.job.clone());
    let differs = |option: &str, there: &str, here: &str| {
        let shown = |value: &str| {
            if value.is_empty() { "not given".to_owned() } else { format!("`{}`", Escaped(value)) }
        };
        let name = if option == "command" { "the command".to_owned() } else { format!("--{option}") };
        Err(Error::usage(format!(
            "the state directory belongs to another job: {name} is {} there and {} here; \
             name another directory, or start anew with --replay",
            shown(there),
            shown(here)
        )))
    };
    if let Some((option, there, here)) = there.difference(&job.fingerprint) {
        return differs(option, there, here);
    }
    match &job.time_field {
        Some(field) if field.text != checkpoint.time_field => {
            differs("time", &checkpoint.time_field, &field.text)
        }
        None if !DEFAULT_TIME_FIELDS.contains(&checkpoint.time_field.as_str()) => {
            differs("time", &checkpoint.time_field, "")
        }
        _ => Ok(()),
    }
}

/// The time field of a job that fits its checkpoint.
pub fn time_field(job: &Job, checkpoint: &CheckpointV1) -> FieldPath {
    let name = &checkpoint.time_field;
    let default = || FieldPath { steps: vec![Step::Member(name.clone())], text: name.clone() };
    job.time_field.clone().unwrap_or_else(default)
}

/// How a source is written down before anything of it is read.
pub fn written(spec: &SourceSpec) -> SourceV1 {
    SourceV1 {
        name: spec.name.clone(),
        identity: identity_of(spec),
        format: describe(spec.format),
        columns: None,
        offset: 0,
        digest: 0,
        records: 0,
        lines: 0,
        largest: None,
        believed: None,
        form: None,
        over: false,
        counts: [0; 7],
    }
}

fn identity_of(spec: &SourceSpec) -> Option<(u64, u64)> {
    match &spec.origin {
        Origin::Path(path) => identity(path),
        Origin::Stdin => identity_of_stdin(),
        Origin::Memory(_) => None,
    }
}

/// Where the inputs of a continued job go on.
pub struct Continued {
    /// The sources: those of the checkpoint in its order, then new ones.
    pub specs: Vec<SourceSpec>,
    /// How each stands; as long as `specs`.
    pub written: Vec<SourceV1>,
    /// Those that were opened, by rank.
    pub opened: HashMap<u32, Opened>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Finds every source of a checkpoint among the job's inputs, by content: the bytes that were read must be the
/// first ones of it. Opens each behind them.
pub fn continue_sources(job: &Job, state: &Durability, checkpoint: &CheckpointV1) -> Result<Continued> {
    // The last of several runs may close what the others have held.
    let hold = state.at_eof == AtEof::Hold || checkpoint.ending == EndingV1::Held;
    let mut search =
        Search { job, state, claimed: claims(job, checkpoint), taken: vec![false; job.sources.len()] };
    let mut continued =
        Continued { specs: Vec::new(), written: Vec::new(), opened: HashMap::new(), notes: Vec::new() };
    for saved in &checkpoint.sources {
        let rank = continued.specs.len() as u32;
        let mut written = saved.clone();
        match search.find(saved)? {
            Some((place, source)) => {
                let spec = job.sources[place].clone();
                (written.name, written.identity) = (spec.name.clone(), identity_of(&spec));
                if let Some(opened) = source {
                    check_ended(saved, checkpoint.ending, &spec, opened, rank, &mut continued)?;
                }
                continued.specs.push(spec);
            }
            // Whatever is no longer named is finished, if the job is one that goes on with what it is given.
            None if hold => {
                written.over = true;
                continued.specs.push(absent(saved));
            }
            None if saved.over && checkpoint.ending != EndingV1::Closed => {
                continued.specs.push(absent(saved))
            }
            None => {
                return Err(Error::usage(format!(
                    "the job was reading {}, which is not named now; name it, or start anew with --replay",
                    Escaped(&saved.name)
                )));
            }
        }
        continued.written.push(written);
    }
    for (spec, _) in job.sources.iter().zip(&search.taken).filter(|(_, taken)| !**taken) {
        if !hold {
            return Err(Error::usage(format!(
                "{} was not among the inputs of the job that the state directory belongs to; leave it out, \
                 start anew with --replay, or let inputs join with --at-eof hold",
                Escaped(&spec.name)
            )));
        }
        continued.written.push(written(spec));
        continued.specs.push(spec.clone());
    }
    Ok(continued)
}

/// A source that is over needs no reading; one that has grown since is told about, or refused where all windows
/// are closed.
fn check_ended(
    saved: &SourceV1,
    ending: EndingV1,
    spec: &SourceSpec,
    mut opened: Opened,
    rank: u32,
    continued: &mut Continued,
) -> Result<()> {
    if !saved.over {
        continued.opened.insert(rank, opened);
        return Ok(());
    }
    if opened.source.is_at_end()? {
        return Ok(());
    }
    let name = Escaped(&spec.name);
    if ending == EndingV1::Closed {
        return Err(Error::usage(format!(
            "{name} has grown since the job closed all windows at its end; --replay computes everything again, and \
             --at-eof hold from the start keeps windows open for what comes"
        )));
    }
    if ending == EndingV1::Held {
        return Err(Error::usage(format!(
            "{name} was finished when a run did not name it any more, and has grown since; leave it out, or compute \
             everything again with --replay"
        )));
    }
    continued.notes.push(format!(
        "{name} has grown since it was read to its end, before the run was interrupted; what is new in it is not read"
    ));
    Ok(())
}

/// Whether an input is the very file that was read, whatever it is called now.
fn same(spec: &SourceSpec, saved: &SourceV1) -> bool {
    saved.identity.is_some() && identity_of(spec) == saved.identity
}

/// The place in the list of a source that is finished and not named any more.
fn absent(saved: &SourceV1) -> SourceSpec {
    SourceSpec { name: saved.name.clone(), origin: Origin::Memory([].into()), format: Format::Ndjson }
}

/// Per input of the job, whether some source of the checkpoint is called so or is that very file: such an input is
/// not taken for another source, whatever it holds.
fn claims(job: &Job, checkpoint: &CheckpointV1) -> Vec<bool> {
    let claims = |spec: &SourceSpec| {
        checkpoint.sources.iter().any(|saved| spec.name == saved.name || same(spec, saved))
    };
    job.sources.iter().map(claims).collect()
}

struct Search<'j> {
    job: &'j Job,
    state: &'j Durability,
    /// See [`claims`].
    claimed: Vec<bool>,
    /// Per input of the job, whether it has been found to be one of the checkpoint's.
    taken: Vec<bool>,
}

impl Search<'_> {
    /// The input that continues a saved source, and the source itself, opened behind what was read; the latter is
    /// `None` if nothing was read of it.
    fn find(&mut self, saved: &SourceV1) -> Result<Option<(usize, Option<Opened>)>> {
        let mut short = None;
        for place in self.candidates(saved) {
            let spec = &self.job.sources[place];
            let named = spec.name == saved.name;
            if describe(spec.format) != saved.format {
                if named {
                    return Err(Error::usage(format!(
                        "{} was read as {}, and is to be read as {} now; say --from, or start anew with --replay",
                        Escaped(&spec.name),
                        saved.format,
                        describe(spec.format)
                    )));
                }
                continue;
            }
            if saved.offset == 0 {
                // Nothing can be compared: it goes by what the file is called, or which it is.
                if named || same(spec, saved) {
                    self.taken[place] = true;
                    return Ok(Some((place, None)));
                }
                continue;
            }
            match self.open(spec, saved) {
                Ok(Ok(opened)) => {
                    self.taken[place] = true;
                    return Ok(Some((place, Some(opened))));
                }
                Ok(Err(read)) if named => short = Some((spec, read)),
                Err(error) if named => return Err(error),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        match short {
            None => Ok(None),
            Some((spec, skipped)) => Err(changed(spec, saved, skipped)),
        }
    }

    /// The inputs that may continue a saved source, the likeliest first: by name, by inode, then other files by what
    /// they hold. The last is only for a source of which records were read and that is not finished: a header, or
    /// the beginning of a file, may well stand in several. What can be read only once is tried by its name alone.
    fn candidates(&self, saved: &SourceV1) -> Vec<usize> {
        let free = || (0..self.job.sources.len()).filter(|&place| !self.taken[place]);
        let named = |&place: &usize| self.job.sources[place].name == saved.name;
        let regular = |place: &usize| identity_of(&self.job.sources[*place]).is_some();
        let same = |&place: &usize| same(&self.job.sources[place], saved);
        let mut places: Vec<usize> = free().filter(named).collect();
        places.extend(free().filter(|place| !named(place) && same(place)));
        if saved.records > 0 && !saved.over {
            places.extend(free().filter(|place| !self.claimed[*place] && regular(place)));
        }
        places
    }

    /// Opens an input behind what was read of a saved source. The inner error is how it differs.
    fn open(&self, spec: &SourceSpec, saved: &SourceV1) -> Result<std::result::Result<Opened, Skipped>> {
        let mut source = Source::open(spec, &self.job.read)?;
        let goes_on =
            self.state.stdin_resume == StdinResume::Continue && matches!(spec.origin, Origin::Stdin);
        if goes_on && source.may_wait() {
            return self.go_on(source, spec, saved).map(Ok);
        }
        match source.skip(saved.offset)? {
            Skipped::To(digest) if digest == saved.digest => {
                let header = saved.columns.clone().map(|names| (names, 0));
                Ok(Ok(Opened { source, header, ahead: VecDeque::new(), resumed: true }))
            }
            skipped => Ok(Err(skipped)),
        }
    }

    /// A pipe that brings what was not read yet: for CSV behind a header of its own, which must be the same.
    fn go_on(&self, mut source: Source, spec: &SourceSpec, saved: &SourceV1) -> Result<Opened> {
        let header = match (spec.format, &saved.columns) {
            (Format::Csv { .. }, Some(columns)) if self.job.read.header => match source.header()? {
                Some((names, _)) if names != *columns => {
                    return Err(Error::usage(format!(
                        "{}: its columns differ from those read before; --stdin-resume continue needs the same",
                        Escaped(&spec.name)
                    )));
                }
                _ => Some((columns.clone(), 0)),
            },
            (_, columns) => columns.clone().map(|names| (names, 0)),
        };
        source.go_on_at(saved.offset)?;
        Ok(Opened { source, header, ahead: VecDeque::new(), resumed: true })
    }
}

fn changed(spec: &SourceSpec, saved: &SourceV1, skipped: Skipped) -> Error {
    let name = Escaped(&spec.name);
    let (bytes, way_out) = (
        saved.offset,
        match spec.origin {
            Origin::Stdin => {
                "give the same stream from its start, or only what is new with --stdin-resume continue; \
             --replay computes everything again"
            }
            _ => {
                "put it back, name the file that has them now (if it was rotated), or compute everything again with --replay"
            }
        },
    );
    Error::usage(match skipped {
        Skipped::Short(has) => {
            format!("{name} has only {has} bytes, and {bytes} were read of it before; {way_out}")
        }
        Skipped::To(_) => {
            format!("{name} is not what was read before: its first {bytes} bytes have changed; {way_out}")
        }
    })
}
