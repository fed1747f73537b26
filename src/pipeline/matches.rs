//! Which input of a job is which source of a checkpoint.
//!
//! A source is known by what was read of it: an input is the same if its first bytes have the same digest. Names and
//! inodes say where to look first, and decide only where nothing was read: names are given anew when files are
//! rotated, and inodes when files are deleted.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeBounds;

use super::start::Opened;
use crate::checkpoint::written::SourceV1;
use crate::error::{Error, Escaped, Result};
use crate::input::{Format, Origin, Skipped, Source, SourceSpec, identity, identity_of_stdin};
use crate::job::Job;
use crate::job::sources::describe;

/// What was found.
pub struct Matches {
    /// Per source, the input that it is, and that opened behind what was read; the latter is `None` if nothing was
    /// read of it, and it is to be read from its start.
    pub inputs: Vec<Option<(usize, Option<Opened>)>>,
    /// Which file each input is: device and inode.
    pub identities: Vec<Option<(u64, u64)>>,
    /// Per input, whether it is one of the sources.
    pub taken: Vec<bool>,
}

/// Finds the sources among the inputs of a job. With `hold`, a source that is finished need not be there any more,
/// whatever has its name now.
///
/// # Errors
/// [`Error::Usage`] where an input has a source's name, is no other source, and has not what was read.
pub fn matches(job: &Job, saved: &[SourceV1], hold: bool) -> Result<Matches> {
    let mut search = Search::new(job, saved);
    for rank in 0..saved.len() {
        search.by_inode(rank)?;
    }
    for rank in 0..saved.len() {
        search.by_name(rank)?;
    }
    search.by_content(TELLING_BYTES..)?;
    for rank in 0..saved.len() {
        search.unread(rank, |same_name, same_inode| same_name && same_inode)?;
    }
    search.by_content(0..TELLING_BYTES)?;
    for is_it in [|_: bool, same_inode: bool| same_inode, |same_name: bool, _: bool| same_name] {
        for rank in 0..saved.len() {
            search.unread(rank, is_it)?;
        }
    }
    for (rank, source) in saved.iter().enumerate() {
        if !(hold && source.over) {
            search.check_name(rank)?;
        }
    }
    let Search { inputs, identities, taken, .. } = search;
    Ok(Matches { inputs, identities, taken })
}

/// So many first bytes in common are no accident: they say more than a name and an inode.
const TELLING_BYTES: u64 = 64;

/// Which file an input is: device and inode.
pub fn identity_of(spec: &SourceSpec) -> Option<(u64, u64)> {
    match &spec.origin {
        Origin::Path(path) => identity(path),
        Origin::Stdin => identity_of_stdin(),
        Origin::Memory(_) | Origin::Absent => None,
    }
}

/// The search. There may be thousands of sources, of which few are named.
struct Search<'j> {
    job: &'j Job,
    saved: &'j [SourceV1],
    /// What each input is called.
    named: HashMap<&'j str, Vec<usize>>,
    identities: Vec<Option<(u64, u64)>>,
    /// The inputs that are a file.
    files: HashMap<(u64, u64), Vec<usize>>,
    inputs: Vec<Option<(usize, Option<Opened>)>>,
    taken: Vec<bool>,
    /// How inputs differ from the sources of their name: by source and input.
    differs: HashMap<(usize, usize), Skipped>,
}

impl<'j> Search<'j> {
    fn new(job: &'j Job, saved: &'j [SourceV1]) -> Search<'j> {
        let identities: Vec<_> = job.sources.iter().map(identity_of).collect();
        let (mut named, mut files) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (place, (spec, identity)) in job.sources.iter().zip(&identities).enumerate() {
            named.entry(spec.name.as_str()).or_default().push(place);
            if let Some(identity) = identity {
                files.entry(*identity).or_default().push(place);
            }
        }
        Search {
            job,
            saved,
            named,
            identities,
            files,
            inputs: saved.iter().map(|_| None).collect(),
            taken: vec![false; job.sources.len()],
            differs: HashMap::new(),
        }
    }

    /// The inputs not taken yet that have the inode of a source; those that have its name too come first.
    fn same_inode(&self, saved: &SourceV1) -> Vec<usize> {
        let places = saved.identity.and_then(|identity| self.files.get(&identity)).into_iter().flatten();
        let mut places: Vec<usize> = places.copied().filter(|&place| !self.taken[place]).collect();
        places.sort_by_key(|&place| self.job.sources[place].name != saved.name.now);
        places
    }

    /// The inputs not taken yet that have the name of a source.
    fn same_name(&self, saved: &SourceV1) -> Vec<usize> {
        let places = self.named.get(saved.name.now.as_str()).into_iter().flatten();
        places.copied().filter(|&place| !self.taken[place]).collect()
    }

    fn by_inode(&mut self, rank: usize) -> Result<()> {
        let saved = &self.saved[rank];
        if saved.offset == 0 {
            return Ok(());
        }
        for place in self.same_inode(saved) {
            let spec = &self.job.sources[place];
            if describe(spec.format) != saved.format {
                continue;
            }
            match self.open(spec, saved) {
                Ok(Ok(opened)) => {
                    self.take(rank, place, Some(opened));
                    break;
                }
                Err(error) if spec.name == saved.name.now => return Err(error),
                Ok(Err(skipped)) => drop(self.differs.insert((rank, place), skipped)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// What can be read only once is tried here alone.
    fn by_name(&mut self, rank: usize) -> Result<()> {
        let saved = &self.saved[rank];
        if saved.offset == 0 || self.inputs[rank].is_some() {
            return Ok(());
        }
        for place in self.same_name(saved) {
            let spec = &self.job.sources[place];
            if describe(spec.format) != saved.format || self.differs.contains_key(&(rank, place)) {
                continue;
            }
            match self.open(spec, saved)? {
                Ok(opened) => {
                    self.take(rank, place, Some(opened));
                    break;
                }
                Err(skipped) => drop(self.differs.insert((rank, place), skipped)),
            }
        }
        Ok(())
    }

    /// Looks into the files that are left for what was read of the sources that are left, where that is so many bytes.
    /// Only sources of which records were read are looked for: a header may well stand in several files.
    fn by_content(&mut self, bytes: impl RangeBounds<u64>) -> Result<()> {
        for place in 0..self.job.sources.len() {
            if self.taken[place] || self.identities[place].is_none() {
                continue;
            }
            let spec = &self.job.sources[place];
            let format = describe(spec.format);
            let mut wanted: Vec<usize> = (0..self.saved.len())
                .filter(|&rank| self.inputs[rank].is_none() && bytes.contains(&self.saved[rank].offset))
                .filter(|&rank| self.saved[rank].records > 0 && self.saved[rank].format == format)
                .collect();
            // The last one that fits is taken: of several of which as much was read, one that goes on.
            wanted.sort_by_key(|&rank| (self.saved[rank].offset, !self.saved[rank].over));
            if wanted.is_empty() {
                continue;
            }
            match self.look(spec, &wanted) {
                Some((rank, Some(source))) => {
                    let opened = behind(source, &self.saved[rank]);
                    self.take(rank, place, Some(opened));
                }
                Some((rank, None)) => {
                    if let Ok(opened) = self.open(spec, &self.saved[rank])? {
                        self.take(rank, place, Some(opened));
                    }
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Which of these sources, in the order of their offsets, a file is. It may begin as several do: it is the one of
    /// which most was read. With it comes the file, if it still stands behind what was read of that source.
    fn look(&self, spec: &SourceSpec, wanted: &[usize]) -> Option<(usize, Option<Source>)> {
        // What is wrong with a file that cannot be read is said when it is its turn.
        let mut source = Source::open(spec, &self.job.read).ok()?;
        let size = source.plain_size().ok()?;
        let (mut found, mut stands_there) = (None, false);
        for &rank in wanted {
            let saved = &self.saved[rank];
            // A finished source that has grown since is still that source, unless it was too short to tell.
            let whole = saved.over && saved.offset < TELLING_BYTES;
            if size.is_some_and(|size| if whole { size != saved.offset } else { size < saved.offset }) {
                continue;
            }
            stands_there = false;
            match source.skip(saved.offset) {
                Ok(Skipped::To(digest)) if digest == saved.digest => {
                    if !whole || source.is_at_end().is_ok_and(|is| is) {
                        (found, stands_there) = (Some(rank), true);
                    }
                }
                Ok(Skipped::To(_)) => {}
                Ok(Skipped::Short(_)) | Err(_) => break,
            }
        }
        Some((found?, stands_there.then_some(source)))
    }

    /// Where nothing was read there is nothing to compare: it goes by what the file is called, or which it is.
    fn unread(&mut self, rank: usize, is_it: fn(bool, bool) -> bool) -> Result<()> {
        let saved = &self.saved[rank];
        if saved.offset > 0 || self.inputs[rank].is_some() {
            return Ok(());
        }
        let places = [self.same_name(saved), self.same_inode(saved)].concat();
        let place = places.into_iter().find(|&place| {
            let spec = &self.job.sources[place];
            let same_name = spec.name == saved.name.now;
            describe(spec.format) == saved.format
                && is_it(same_name, self.identities[place] == saved.identity)
        });
        if let Some(place) = place {
            let opened = if saved.over { Some(self.open_empty(&self.job.sources[place])?) } else { None };
            self.take(rank, place, opened);
        }
        Ok(())
    }

    /// A source that was not found is changed if something has its name that is no other source.
    fn check_name(&self, rank: usize) -> Result<()> {
        let saved = &self.saved[rank];
        if self.inputs[rank].is_some() {
            return Ok(());
        }
        for place in self.same_name(saved) {
            let spec = &self.job.sources[place];
            if describe(spec.format) != saved.format {
                return Err(Error::usage(format!(
                    "{} was read as {}, and is to be read as {} now; say --from, or start anew with --replay",
                    Escaped(&spec.name),
                    saved.format,
                    describe(spec.format)
                )));
            }
            if let Some(skipped) = self.differs.get(&(rank, place)) {
                return Err(changed(spec, saved, *skipped));
            }
        }
        Ok(())
    }

    fn take(&mut self, rank: usize, place: usize, opened: Option<Opened>) {
        self.taken[place] = true;
        self.inputs[rank] = Some((place, opened));
    }

    /// Opens an input behind what was read of a saved source. The inner error is how it differs.
    fn open(&self, spec: &SourceSpec, saved: &SourceV1) -> Result<std::result::Result<Opened, Skipped>> {
        let mut source = Source::open(spec, &self.job.read)?;
        let goes_on = self.job.read.stdin_is_new && matches!(spec.origin, Origin::Stdin);
        if goes_on && source.may_wait() {
            return self.go_on(source, spec, saved).map(Ok);
        }
        match source.skip(saved.offset)? {
            Skipped::To(digest) if digest == saved.digest => Ok(Ok(behind(source, saved))),
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

/// A source that stands behind what was read of it.
fn behind(source: Source, saved: &SourceV1) -> Opened {
    let header = saved.columns.clone().map(|names| (names, 0));
    Opened { source, header, ahead: VecDeque::new(), resumed: true }
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
                "put it back, name the file that has them now (if it was rotated), or, if what was read is gone for \
                 good, give this file another name; --replay computes everything again"
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
