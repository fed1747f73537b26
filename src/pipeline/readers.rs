//! Readers: one thread for all regular files, and one for each source whose reads may wait for somebody else.
//!
//! A reader reads a chunk when the front asks for one, and not before. One request is answered by exactly one
//! message.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Progress;
use super::follower::{Followed, Follower};
use super::front;
use super::silence::Quiet;
use super::stages::Stage;
use super::start::{Opened, csv_width};
use crate::error::{Error, Escaped, Result};
use crate::expr::{FieldPath, Step};
use crate::input::follow::Follow;
use crate::input::{Chunk, Format, Origin, ReadOptions, Source};
use crate::job::Job;
use crate::parse::csv::Columns;
use crate::parse::hints;
use crate::parse::project::{Layout, Lead, Projection};
use crate::suggest::did_you_mean;
use crate::time::{Form, cut};

/// The front asks for the next chunk of a source.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// The source.
    pub source: u32,
    /// The form of its times, if known by now.
    pub form: Option<Form>,
}

/// What a reader hands to the parsers. Numbered per source, so that the front can put them in order.
pub struct Read {
    /// The source.
    pub source: u32,
    /// 0, 1, 2, ... per source.
    pub number: u64,
    /// As the request said.
    pub form: Option<Form>,
    /// When it had been read, in nanoseconds since the run began.
    pub nanos: u64,
    /// What was read.
    pub what: What,
}

/// What was read.
pub enum What {
    /// A chunk, and how to parse it.
    Chunk(Chunk, Arc<Layout>),
    /// The source has been opened and its header read; the request goes on with the first chunk.
    End(Result<()>),
}

/// Where to ask for chunks of each source. Several sources may share a reader.
pub type Requests = Vec<Sender<Request>>;

/// The running readers.
pub struct Readers {
    /// The way to each.
    pub requests: Requests,
    /// What they say of each source.
    pub quiet: Arc<[Quiet]>,
}

/// Starts the readers. Of what is followed nothing has come since some time.
pub fn start(
    job: &Arc<Job>,
    projection: &Arc<Projection>,
    mut opened: HashMap<u32, Opened>,
    (mut follows, since): (HashMap<u32, Follow>, Instant),
    to_parsers: Sender<Read>,
    pool: Receiver<Vec<u8>>,
    progress: &Arc<Progress>,
) -> Readers {
    let quiet: Arc<[Quiet]> = job.sources.iter().map(|_| Quiet::default()).collect();
    progress.hear(&quiet);
    // As many requests as can be under way, so that the front never waits for a reader.
    let credit = front::credit(job);
    let (shared_in, shared_out) = bounded(credit * front::live(job));
    let (followed_in, followed_out) = bounded(credit * front::live(job));
    let mut files = HashMap::new();
    let mut requests = Vec::new();
    let options = shared_memory(&job.read, front::live(job));
    let reader = |sources| Reader {
        job: job.clone(),
        options: options.clone(),
        projection: projection.clone(),
        sources,
        to_parsers: to_parsers.clone(),
        pool: pool.clone(),
        progress: progress.clone(),
        quiet: quiet.clone(),
    };
    let mut followed = HashMap::new();
    for (number, spec) in (0u32..).zip(&job.sources) {
        if let Some(follow) = follows.remove(&number) {
            followed.insert(number, Followed::new(follow));
            requests.push(followed_in.clone());
            continue;
        }
        let state =
            State { opened: opened.remove(&number), layout: None, next: 0, ended: false, position: 0 };
        if is_regular(&spec.origin) {
            files.insert(number, state);
            requests.push(shared_in.clone());
        } else {
            let (own_in, own_out) = bounded(credit);
            requests.push(own_in);
            let reader = reader(HashMap::from([(number, state)]));
            thread::spawn(move || reader.serve(&own_out));
        }
    }
    let reader = reader(files);
    thread::spawn(move || reader.serve(&shared_out));
    if !followed.is_empty() {
        progress.follow(job.sources.len());
        let follower = Follower {
            job: job.clone(),
            projection: projection.clone(),
            to_parsers,
            pool,
            progress: progress.clone(),
            quiet: quiet.clone(),
            since,
            stop_after: job.follow.as_ref().and_then(|follow| follow.stop_after),
            files: followed,
        };
        thread::spawn(move || follower.serve(&followed_out));
    }
    Readers { requests, quiet }
}

/// The first chunk of every source is in memory at once, and of those being read two: with many sources the
/// chunks are smaller, so that all of them together stay bounded.
fn shared_memory(options: &ReadOptions, sources: usize) -> ReadOptions {
    let share = (CHUNKS_BYTES / sources.max(1)).max(CHUNK_BYTES_MIN);
    ReadOptions { chunk_bytes: options.chunk_bytes.min(share), ..options.clone() }
}

/// What the first chunks of all sources may take up together, until there are very many.
const CHUNKS_BYTES: usize = 64 << 20;
/// The least size of a chunk that the number of sources brings about.
const CHUNK_BYTES_MIN: usize = 16 << 10;

/// Whether reading never waits for anybody else.
pub fn is_regular(origin: &Origin) -> bool {
    use std::os::fd::AsFd;
    match origin {
        Origin::Memory(_) | Origin::Absent => true,
        Origin::Path(path) => std::fs::metadata(path).map_or(true, |metadata| metadata.is_file()),
        Origin::Stdin => {
            let stat = rustix::fs::fstat(std::io::stdin().as_fd());
            stat.is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file())
        }
    }
}

struct Reader {
    job: Arc<Job>,
    options: ReadOptions,
    projection: Arc<Projection>,
    sources: HashMap<u32, State>,
    to_parsers: Sender<Read>,
    pool: Receiver<Vec<u8>>,
    progress: Arc<Progress>,
    quiet: Arc<[Quiet]>,
}

/// A source of this reader.
struct State {
    opened: Option<Opened>,
    layout: Option<Arc<Layout>>,
    next: u64,
    ended: bool,
    position: u64,
}

impl Reader {
    fn serve(mut self, requests: &Receiver<Request>) {
        let stage = self.progress.stages.enter(Stage::Read);
        for request in stage.drain(requests) {
            let Some(mut state) = self.sources.remove(&request.source) else { continue };
            self.note_silence(request.source, Quiet::nothing);
            // A panic would be a bug; the front would wait for ever for the answer, so it is told instead.
            let read = catch_unwind(AssertUnwindSafe(|| self.read(request.source, &mut state)));
            let read = read.unwrap_or_else(|_| Err(Error::Internal("a reader panicked".to_owned())));
            let what = read.unwrap_or_else(|error| What::End(Err(error)));
            if let What::End(_) = what {
                state.ended = true;
                state.opened = None;
            }
            let Request { source, form } = request;
            self.note_silence(source, |quiet, _| quiet.something());
            let nanos = self.progress.stages.nanos();
            let read = Read { source, number: state.next, form, nanos, what };
            state.next += 1;
            self.sources.insert(request.source, state);
            if stage.send(&self.to_parsers, read).is_err() {
                return;
            }
        }
    }

    fn read(&self, number: u32, state: &mut State) -> Result<What> {
        if state.ended {
            return Ok(What::End(Ok(())));
        }
        let spec = &self.job.sources[number as usize];
        let is_new = self.options.stdin_is_new && matches!(spec.origin, Origin::Stdin);
        let watch = |source: &Source| {
            if is_new {
                self.progress.taken.watch(source);
            }
        };
        state.opened.iter().for_each(|opened| watch(&opened.source));
        if state.opened.is_none() {
            let mut source = Source::open(spec, &self.options)?;
            watch(&source);
            self.await_something(number, &mut source)?;
            let header = match spec.format {
                Format::Csv { .. } if self.job.read.header => source.header()?,
                _ => None,
            };
            state.opened = Some(Opened { source, header, ahead: VecDeque::new(), resumed: false });
        }
        let opened = state.opened.as_mut().expect("it was opened above");
        let chunk = match opened.ahead.pop_front() {
            Some(chunk) => chunk,
            None if is_new && self.is_stopped(&mut opened.source)? => return Ok(What::End(Ok(()))),
            None => {
                self.await_something(number, &mut opened.source)?;
                opened.source.next(self.pool.try_recv().unwrap_or_default())?
            }
        };
        let position = opened.source.stored_position();
        self.progress.read(number, position.saturating_sub(state.position));
        state.position = position;
        let chunk = match chunk {
            // A header without records is held against the job all the same: it comes with a chunk of nothing.
            Chunk::End if opened.header.is_some() && state.layout.is_none() => {
                Chunk::Records { bytes: Vec::new(), offset: opened.source.offset() }
            }
            Chunk::End => {
                // What is no record, a header say, is not lost at the end.
                if is_new {
                    self.progress.taken.hand_on(&opened.source);
                }
                return Ok(What::End(Ok(())));
            }
            chunk => chunk,
        };
        let layout = match &state.layout {
            Some(layout) => layout.clone(),
            None => {
                let lead = lead(opened, &chunk);
                match names(spec.format, &mut opened.header, &chunk) {
                    Some(names) => {
                        let layout = layout(&spec.name, spec.format, names, lead, &self.projection.fields)?;
                        state.layout.insert(Arc::new(layout)).clone()
                    }
                    // Nothing to lay out yet: blank lines, or a record that is too long to look into.
                    None => Arc::new(layout(&spec.name, spec.format, Vec::new(), lead, &[])?),
                }
            }
        };
        if is_new {
            self.progress.taken.hand_on(&opened.source);
        }
        Ok(What::Chunk(chunk, layout))
    }
}

impl Reader {
    /// Notes for those who watch the run that a source has brought nothing yet, or has. Where it may be silent for too
    /// long, [`Reader::await_something`] does that, and more.
    fn note_silence(&self, number: u32, note: impl FnOnce(&Quiet, u64)) {
        if self.job.idle_timeout.is_none() && self.progress.is_watched() {
            note(&self.quiet[number as usize], self.progress.stages.nanos());
        }
    }

    /// Waits until there is a line to read, and says of a source that may be silent for how long there is not.
    fn await_something(&self, number: u32, source: &mut Source) -> Result<()> {
        if self.job.idle_timeout.is_none() || !source.may_wait() {
            return Ok(());
        }
        while !source.reads_a_line(LOOK)? {
            self.quiet[number as usize].nothing(self.progress.stages.nanos());
        }
        self.quiet[number as usize].something();
        Ok(())
    }

    /// Waits until there is something to read of a pipe that brings only what is new, and says whether the run has
    /// been stopped before. A record that has begun is read to its end.
    fn is_stopped(&self, source: &mut Source) -> Result<bool> {
        let stopped = || self.progress.stop_reading.load(Ordering::Relaxed);
        while !stopped() && !source.is_ready(LOOK)? {}
        Ok(stopped() && !source.has_begun_a_record())
    }
}

/// How often it is looked whether the run has been stopped.
const LOOK: Duration = Duration::from_millis(50);

/// What stands before the first chunk of a source that is read from its start.
fn lead(opened: &Opened, first: &Chunk) -> Option<Lead> {
    let bytes = match first {
        Chunk::Records { offset, .. } | Chunk::TooLong { offset, .. } => *offset,
        Chunk::End => opened.source.offset(),
    };
    let lines = opened.header.as_ref().map_or(0, |(_, lines)| *lines);
    (!opened.resumed).then(|| Lead { lines, bytes, digest: opened.source.lead(), file: None })
}

/// The names of a source's columns: as the header says, or by the number of fields in the first record. `None` if
/// the chunk has no record to go by.
pub fn names(format: Format, header: &mut Option<(Vec<String>, u64)>, chunk: &Chunk) -> Option<Vec<String>> {
    let Format::Csv { delimiter } = format else { return Some(Vec::new()) };
    if let Some((names, _)) = header.take() {
        return Some(names);
    }
    let Chunk::Records { bytes, .. } = chunk else { return None };
    let width = csv_width(bytes, delimiter)?;
    Some((1..=width).map(|number| number.to_string()).collect())
}

/// Where the job's fields stand in a source.
pub fn layout(
    source: &str,
    format: Format,
    names: Vec<String>,
    lead: Option<Lead>,
    fields: &[FieldPath],
) -> Result<Layout> {
    let places: Vec<usize> = match format {
        Format::Ndjson => Vec::new(),
        Format::Csv { .. } => {
            fields.iter().map(|field| column(source, field, &names)).collect::<Result<_>>()?
        }
    };
    Ok(Layout { format, columns: Columns::new(&places), width: names.len(), names, lead, part: 0 })
}

/// The column of a field.
fn column(source: &str, field: &FieldPath, names: &[String]) -> Result<usize> {
    let name = match &field.steps[..] {
        [Step::Member(name)] => name,
        _ => &field.text,
    };
    let mut places = names.iter().enumerate().filter(|(_, column)| *column == name).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(Error::usage(format!(
            "{}: the header has `{}` more than once, and the job uses it; rename one of the columns",
            Escaped(source),
            cut(name)
        ))),
        (None, _) => {
            let uncut = hints::mistaken_header(names).map(|what| what + "; ");
            let near = || did_you_mean(name, names.iter().map(String::as_str)).map(|near| near + " ");
            let hint = uncut.or_else(near).unwrap_or_default();
            Err(Error::usage(format!(
                "{}: there is no column `{}`; {}the columns are {}",
                Escaped(source),
                cut(name),
                Escaped(&hint),
                hints::listed(names, 40)
            )))
        }
    }
}
