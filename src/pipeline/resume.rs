//! Before the threads of a job with a state directory: what an earlier run has left, whether the job still fits it,
//! and where each input goes on. Until all of that is known to fit, nothing is touched.

use std::collections::{HashMap, HashSet, VecDeque};

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
    SourceV1::new(&spec.name, describe(spec.format), identity_of(spec))
}

fn identity_of(spec: &SourceSpec) -> Option<(u64, u64)> {
    match &spec.origin {
        Origin::Path(path) => identity(path),
        Origin::Stdin => identity_of_stdin(),
        Origin::Memory(_) | Origin::Absent => None,
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
    let mut search = Search::new(job, state, checkpoint);
    let mut continued =
        Continued { specs: Vec::new(), written: Vec::new(), opened: HashMap::new(), notes: Vec::new() };
    for saved in &checkpoint.sources {
        let rank = continued.specs.len() as u32;
        let mut written = saved.clone();
        if hold && saved.over && saved.records == 0 {
            // It was left out before anything of it counted, or had nothing: it joins as one that is new.
            let anew = SourceV1::new(&saved.name.now, saved.format.clone(), saved.identity);
            written = SourceV1 { name: saved.name.clone(), ..anew };
        }
        match search.find(&written)? {
            Some((place, source)) => {
                let spec = job.sources[place].clone();
                (written.name.now, written.identity) = (spec.name.clone(), search.identities[place]);
                if let Some(opened) = source {
                    check_ended(&written, checkpoint.ending, &spec, opened, rank, &mut continued)?;
                }
                continued.specs.push(spec);
            }
            // Whatever is no longer named is finished, if the job is one that goes on with what it is given.
            None if hold || saved.over && checkpoint.ending != EndingV1::Closed => {
                continued.specs.push(absent(&mut written));
            }
            None => {
                return Err(Error::usage(format!(
                    "the job was reading {}, which is not named now; name it, or start anew with --replay",
                    Escaped(&saved.name.now)
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

/// The place in the list of a source that is finished and not named any more.
///
/// It stays for good. Should it be named again, its records must not count twice, however long ago that was; and open
/// windows know sources by their rank. So all that is kept of it is what it is recognised by and its ledger, some two
/// hundred bytes, and nothing asks it for records.
fn absent(written: &mut SourceV1) -> SourceSpec {
    (written.over, written.columns) = (true, None);
    SourceSpec { name: written.name.now.clone(), origin: Origin::Absent, format: Format::Ndjson }
}

/// The search for the sources of a checkpoint. There may be thousands, of which few are named: what does not depend
/// on the source that is looked for is found out once.
struct Search<'j> {
    job: &'j Job,
    state: &'j Durability,
    /// What each input of the job is called.
    named: HashMap<&'j str, Vec<usize>>,
    /// Which file each input is: device and inode.
    identities: Vec<Option<(u64, u64)>>,
    /// The inputs that are a file.
    files: HashMap<(u64, u64), Vec<usize>>,
    /// The files that are none of the checkpoint's by name or inode. Only these may be found to be one by what they
    /// hold.
    unclaimed: Vec<usize>,
    /// Per input, whether it has been found to be one of the checkpoint's.
    taken: Vec<bool>,
}

impl<'j> Search<'j> {
    fn new(job: &'j Job, state: &'j Durability, checkpoint: &CheckpointV1) -> Search<'j> {
        let identities: Vec<_> = job.sources.iter().map(identity_of).collect();
        let (mut named, mut files) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (place, (spec, identity)) in job.sources.iter().zip(&identities).enumerate() {
            named.entry(spec.name.as_str()).or_default().push(place);
            if let Some(identity) = identity {
                files.entry(*identity).or_default().push(place);
            }
        }
        let names: HashSet<&str> = checkpoint.sources.iter().map(|saved| saved.name.now.as_str()).collect();
        let known: HashSet<_> = checkpoint.sources.iter().filter_map(|saved| saved.identity).collect();
        let unclaimed = |place: &usize| {
            let identity = identities[*place];
            identity.is_some_and(|identity| !known.contains(&identity))
                && !names.contains(job.sources[*place].name.as_str())
        };
        let unclaimed = (0..identities.len()).filter(unclaimed).collect();
        let taken = vec![false; job.sources.len()];
        Search { job, state, named, identities, files, unclaimed, taken }
    }

    /// The input that continues a saved source, and the source itself, opened behind what was read; the latter is
    /// `None` if nothing was read of it, and it is to be read from its start.
    fn find(&mut self, saved: &SourceV1) -> Result<Option<(usize, Option<Opened>)>> {
        let mut short = None;
        for place in self.candidates(saved) {
            let spec = &self.job.sources[place];
            let named = spec.name == saved.name.now;
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
            // Where nothing was read nothing can be compared: it goes by what the file is called, or which it is.
            if saved.offset == 0 {
                self.taken[place] = true;
                let opened = if saved.over { Some(self.open_empty(spec)?) } else { None };
                return Ok(Some((place, opened)));
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
        let named = self.named.get(saved.name.now.as_str()).into_iter().flatten();
        let same = saved.identity.and_then(|identity| self.files.get(&identity)).into_iter().flatten();
        let same = same.filter(|place| self.job.sources[**place].name != saved.name.now);
        let others = (saved.records > 0 && !saved.over).then_some(&self.unclaimed).into_iter().flatten();
        named.chain(same).chain(others).copied().filter(|place| !self.taken[*place]).collect()
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

    /// Opens an input that was read to its end and had nothing.
    fn open_empty(&self, spec: &SourceSpec) -> Result<Opened> {
        let mut source = Source::open(spec, &self.job.read)?;
        // A byte order mark is nothing.
        source.skip(0)?;
        Ok(Opened { source, header: None, ahead: VecDeque::new(), resumed: true })
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
