//! Before the threads of a job with a state directory: what an earlier run has left, whether the job still fits it,
//! and where each input goes on. Until all of that is known to fit, nothing is touched.

use std::collections::HashMap;
use std::path::PathBuf;

use super::matches::{Matches, identity_of, matches};
use super::start::Opened;
use crate::checkpoint::directory::{StateDir, Unusable};
use crate::checkpoint::written::{CheckpointV1, EndingV1, HeadV4, SourceV1, UnreadV2};
use crate::error::{Error, Escaped, Result};
use crate::expr::{FieldPath, Step};
use crate::input::follow::{Beginning, Follow, Place};
use crate::input::{Format, Origin, SourceSpec};
use crate::job::fingerprint::Fingerprint;
use crate::job::sources::describe;
use crate::job::{AtEof, DEFAULT_TIME_FIELDS, Durability, Job, Task};
use crate::output::durable;

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
        _ if checkpoint.time_field.is_empty() => Ok(()),
        Some(field) if field.text != checkpoint.time_field => {
            differs("time", &checkpoint.time_field, &field.text)
        }
        None if !DEFAULT_TIME_FIELDS.contains(&checkpoint.time_field.as_str()) => {
            differs("time", &checkpoint.time_field, "")
        }
        _ => Ok(()),
    }
}

/// Whether a run came to nothing: its checkpoint speaks of no byte that was read or written, and nothing was written
/// behind it either.
pub fn is_blank(dir: &StateDir, checkpoint: &CheckpointV1) -> bool {
    let CheckpointV1 { rows, late, bad, sources, run, .. } = checkpoint;
    sources.iter().all(|source| source.offset == 0)
        && [Some(rows), late.as_ref(), bad.as_ref()].into_iter().flatten().all(|output| output.len == 0)
        && !match rows.stream {
            true => durable::has_delivered(dir.path(), *run),
            false => durable::has_more(&rows.path, rows.base),
        }
        // Of a stream of late events or bad records there is no account.
        && ![late, bad].into_iter().flatten().any(|aside| !aside.stream && durable::has_more(&aside.path, aside.base))
}

/// The time field of a job that fits its checkpoint.
pub fn time_field(job: &Job, checkpoint: &CheckpointV1) -> FieldPath {
    let name = &checkpoint.time_field;
    let default = || FieldPath { steps: vec![Step::Member(name.clone())], text: name.clone() };
    job.time_field.clone().unwrap_or_else(default)
}

/// How a source is written down before anything of it is read.
pub fn written(spec: &SourceSpec) -> SourceV1 {
    SourceV1::new(&spec.name, describe(spec.format), identity_of(spec))
}

/// Where the inputs of a continued job go on.
pub struct Continued {
    /// The sources: those of the checkpoint in its order, then new ones.
    pub specs: Vec<SourceSpec>,
    /// How each stands; as long as `specs`.
    pub written: Vec<SourceV1>,
    /// Those that were opened, by rank.
    pub opened: HashMap<u32, Opened>,
    /// Those that are followed, by rank.
    pub follows: HashMap<u32, Follow>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Finds every source of a checkpoint among the job's inputs, and opens each behind what was read of it.
pub fn continue_sources(job: &Job, state: &Durability, checkpoint: &CheckpointV1) -> Result<Continued> {
    if let Some(part) = checkpoint.live.parts.first()
        && job.follow.is_none()
    {
        return Err(Error::usage(format!(
            "the job has followed {} through more than one file; go on with --follow, or start anew with --replay",
            Escaped(&checkpoint.sources[part.source as usize].name.now)
        )));
    }
    // The last of several runs may close what the others have held.
    let hold = state.at_eof == AtEof::Hold || checkpoint.ending == EndingV1::Held;
    let mut saved = checkpoint.sources.clone();
    for source in &mut saved {
        if hold && source.over && source.records == 0 {
            // It was left out before anything of it counted, or had nothing: it joins as one that is new.
            let anew = SourceV1::new(&source.name.now, source.format.clone(), source.identity);
            *source = SourceV1 { name: source.name.clone(), ..anew };
        }
    }
    let mut continued = Continued {
        specs: Vec::new(),
        written: Vec::new(),
        opened: HashMap::new(),
        follows: HashMap::new(),
        notes: Vec::new(),
    };
    if job.follow.is_some() {
        continue_followed(job, checkpoint, saved, hold, &mut continued)?;
        return Ok(continued);
    }
    let Matches { inputs, identities, taken } = matches(job, &saved, hold)?;
    for ((rank, mut written), input) in (0u32..).zip(saved).zip(inputs) {
        match input {
            Some((place, source)) => {
                let spec = job.sources[place].clone();
                (written.name.now, written.identity) = (spec.name.clone(), identities[place]);
                if let Some(opened) = source {
                    check_ended(&written, checkpoint.ending, &spec, opened, rank, &mut continued)?;
                }
                continued.specs.push(spec);
            }
            // Whatever is no longer named is finished, if the job is one that goes on with what it is given.
            None if hold || written.over => continued.specs.push(absent(&mut written, &job.task)),
            None => {
                return Err(Error::usage(format!(
                    "the job was reading {}, which is not named now; name it, run once with --at-eof hold, which \
                     takes it for finished as it is, or start anew with --replay",
                    Escaped(&written.name.now)
                )));
            }
        }
        continued.written.push(written);
    }
    for (spec, _) in job.sources.iter().zip(&taken).filter(|(_, taken)| !**taken) {
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

/// The same where inputs are followed: they are what their names say, and go on in whatever file has what was read last.
fn continue_followed(
    job: &Job,
    checkpoint: &CheckpointV1,
    saved: Vec<SourceV1>,
    hold: bool,
    continued: &mut Continued,
) -> Result<()> {
    let others = paths(job);
    let mut named: HashMap<&str, &SourceSpec> =
        job.sources.iter().map(|spec| (spec.name.as_str(), spec)).collect();
    for (rank, mut written) in (0u32..).zip(saved) {
        let name = written.name.now.as_str();
        let meant = job.follow.as_ref().filter(|follow| follow.means(name));
        let meant = meant.map(|follow| follow.formats.source(name.as_ref()));
        let Some(spec) = named.remove(name).or(meant.as_ref()) else {
            if !hold && !written.over {
                return Err(Error::usage(format!(
                    "the job was following {}, which is not named now; name it, or start anew with --replay",
                    Escaped(&written.name.now)
                )));
            }
            continued.specs.push(absent(&mut written, &job.task));
            continued.written.push(written);
            continue;
        };
        if let Origin::Path(path) = &spec.origin {
            let part = checkpoint.part(rank);
            if written.records == 0 && part.start == 0 {
                // A header may stand in many files: it is no place to go on from.
                let anew = SourceV1::new(&written.name.now, written.format.clone(), written.identity);
                written = SourceV1 { name: written.name.clone(), ..anew };
            }
            let follow = match written.offset {
                0 => {
                    let unread = checkpoint.live.unread.iter().find(|unread| unread.source == rank);
                    let at = unread.map_or(checkpoint.taken_at, |unread| unread.since);
                    let head = checkpoint.heads.iter().find(|head| head.source == rank);
                    let head = head.map(|head| (head.len, head.digest));
                    let beginning = Beginning { identity: written.identity, at, head };
                    Follow::begin(spec, path, &job.read, beginning).beside(&others).found(meant.is_some())?
                }
                offset => {
                    let identity = if part.start > 0 { part.file } else { written.identity };
                    let (digest, start, start_digest) = (written.digest, part.start, part.digest);
                    let place = Place { offset, digest, start, start_digest, identity };
                    match Follow::resume(spec, path, &others, &job.read, place) {
                        // Of many files one may go at any time.
                        Err(Error::Usage(_)) if meant.is_some() => {
                            Follow::behind(spec, path, &job.read, place, checkpoint.taken_at).beside(&others)
                        }
                        follow => follow?,
                    }
                }
            };
            if checkpoint.ending == EndingV1::Closed {
                check_nothing_came(spec, follow)?;
            } else {
                written.over = false;
                continued.follows.insert(rank, follow);
            }
        }
        continued.specs.push(spec.clone());
        continued.written.push(written);
    }
    // What was not named before joins, in the order given.
    for spec in job.sources.iter().filter(|spec| named.contains_key(spec.name.as_str())) {
        let rank = continued.specs.len() as u32;
        match &spec.origin {
            // It may have been rotated since it came to be there, which was not long before the checkpoint.
            Origin::Path(path) if job.follow.as_ref().is_some_and(|follow| follow.means(&spec.name)) => {
                let beginning =
                    Beginning { identity: None, at: checkpoint.taken_at - NOTICED_MICROS, head: None };
                continued
                    .follows
                    .insert(rank, Follow::begin(spec, path, &job.read, beginning).beside(&others));
            }
            _ => continued.follows.extend(follow(job, rank, spec)),
        }
        continued.written.push(written(spec));
        continued.specs.push(spec.clone());
    }
    Ok(())
}

/// A file that has come to be there is noticed after so long, in microseconds.
const NOTICED_MICROS: i64 = 5_000_000;

/// A job that has closed its windows takes nothing more.
fn check_nothing_came(spec: &SourceSpec, mut follow: Follow) -> Result<()> {
    match follow.has_more()? {
        false => Ok(()),
        true => Err(Error::usage(format!(
            "{} has grown since the job closed all windows at its end; --replay computes everything again, and \
             --at-eof hold from the start keeps windows open for what comes",
            Escaped(&spec.name)
        ))),
    }
}

/// The names of all that is followed.
fn paths(job: &Job) -> Vec<PathBuf> {
    let path = |spec: &SourceSpec| match &spec.origin {
        Origin::Path(path) => Some(path.clone()),
        _ => None,
    };
    job.sources.iter().filter_map(path).collect()
}

/// Since when the followed sources are read of which nothing has been read.
pub fn unread(follows: &HashMap<u32, Follow>) -> Vec<UnreadV2> {
    let begins = follows.iter().filter_map(|(&source, follow)| Some((source, follow.begins()?)));
    let mut unread: Vec<UnreadV2> =
        begins.map(|(source, beginning)| UnreadV2 { source, since: beginning.at }).collect();
    unread.sort_by_key(|unread| unread.source);
    unread
}

/// How the files began of those sources.
pub fn heads(follows: &HashMap<u32, Follow>) -> Vec<HeadV4> {
    let heads = follows.iter().filter_map(|(&source, follow)| {
        let (len, digest) = follow.begins()?.head?;
        Some(HeadV4 { source, len, digest })
    });
    let mut heads: Vec<HeadV4> = heads.collect();
    heads.sort_by_key(|head| head.source);
    heads
}

/// The inputs of a job that begins, where they are followed. To be asked for before anything is looked into.
pub fn follows(job: &Job) -> HashMap<u32, Follow> {
    (0..).zip(&job.sources).filter_map(|(rank, spec)| follow(job, rank, spec)).collect()
}

fn follow(job: &Job, rank: u32, spec: &SourceSpec) -> Option<(u32, Follow)> {
    match (&job.follow, &spec.origin) {
        (Some(_), Origin::Path(path)) => Some((rank, Follow::new(spec, path, &job.read).beside(&paths(job)))),
        _ => None,
    }
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

/// The place in the list of a source that is finished and not named any more.
///
/// It stays for good. Should it be named again, its records must not count twice, however long ago that was; and open
/// windows know sources by their rank. So all that is kept of it is what it is recognised by and its ledger, some two
/// hundred bytes, and nothing asks it for records.
fn absent(written: &mut SourceV1, task: &Task) -> SourceSpec {
    written.over = true;
    // `windrow order` passes records on as they are: whatever joins must have the same columns.
    if !matches!(task, Task::Order) {
        written.columns = None;
    }
    SourceSpec { name: written.name.now.clone(), origin: Origin::Absent, format: Format::Ndjson }
}
