//! The reader of followed files: one thread for all of them, which looks again and again.
//!
//! A request waits until its file has something; files of which nothing comes are looked at every so often. Everybody
//! else is read as soon as that is asked for.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::Progress;
use super::readers::{Read, Request, What, layout, names};
use super::silence::Quiet;
use super::stages::{Stage, Worker};
use crate::error::{Error, Result};
use crate::input::follow::{Follow, Head};
use crate::input::{Chunk, SourceSpec};
use crate::job::Job;
use crate::parse::project::{Layout, Lead, Projection};

/// The reader of all followed files of a job.
pub struct Follower {
    /// The job.
    pub job: Arc<Job>,
    /// What is wanted of their records.
    pub projection: Arc<Projection>,
    /// Where chunks go.
    pub to_parsers: Sender<Read>,
    /// Buffers to be used again.
    pub pool: Receiver<Vec<u8>>,
    /// What the run looks like from outside.
    pub progress: Arc<Progress>,
    /// Where it says who is silent.
    pub quiet: Arc<[Quiet]>,
    /// After so long without anything new they have ended.
    pub stop_after: Option<Duration>,
    /// Since when nothing has come, at the beginning.
    pub since: Instant,
    /// The files, by rank.
    pub files: HashMap<u32, Followed>,
}

/// A followed file, and what of it has been handed on.
pub struct Followed {
    follow: Follow,
    /// How the current part is laid out, and its number.
    layout: Option<(u64, Arc<Layout>)>,
    next: u64,
    ended: bool,
    /// How far it has been read: the number of the part, and bytes of that as stored.
    position: (Option<u64>, u64),
}

/// How often a file is looked at of which nothing comes. It is what an event takes to get into the output at most, beside
/// what windrow itself takes.
const LOOK: Duration = Duration::from_millis(25);

impl Followed {
    /// A file of which nothing has been handed on.
    pub fn new(follow: Follow) -> Followed {
        Followed { follow, layout: None, next: 0, ended: false, position: (None, 0) }
    }
}

impl Follower {
    /// Answers requests until nobody asks any more.
    pub fn serve(mut self, requests: &Receiver<Request>) {
        let stage = self.progress.stages.enter(Stage::Read);
        let mut waiting: VecDeque<Request> = VecDeque::new();
        let (mut heard, mut looked) = (self.since, Instant::now());
        loop {
            let asked = stage.starve(|| match waiting.is_empty() {
                true => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => requests.recv_timeout(LOOK.saturating_sub(looked.elapsed())),
            });
            let mut round: VecDeque<Request> = match asked {
                Ok(request) => VecDeque::from([request]),
                Err(RecvTimeoutError::Timeout) => VecDeque::new(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            round.extend(requests.try_iter());
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                round = waiting.drain(..).chain(round).collect();
            }
            // What one request does not get, the next for the same file does not either.
            let mut silent: HashSet<u32> = waiting.iter().map(|request| request.source).collect();
            for request in round {
                if silent.contains(&request.source) {
                    waiting.push_back(request);
                    continue;
                }
                match self.answer(request.source, false) {
                    None => {
                        self.quiet[request.source as usize].nothing(self.progress.stages.nanos());
                        silent.insert(request.source);
                        waiting.push_back(request);
                    }
                    Some(what) => {
                        heard = Instant::now();
                        self.quiet[request.source as usize].something();
                        if self.send(&stage, &request, what).is_err() {
                            return;
                        }
                    }
                }
            }
            // All that are asked for have been looked at, and have nothing: the run stands still, whatever the others have.
            let all = waiting.iter().all(|request| silent.contains(&request.source));
            let Some(after) = self.stop_after.filter(|_| all && !waiting.is_empty()) else { continue };
            for request in std::mem::take(&mut waiting) {
                let Some(what) = self.answer(request.source, heard.elapsed() >= after) else {
                    waiting.push_back(request);
                    continue;
                };
                if !matches!(what, What::End(_)) {
                    heard = Instant::now();
                }
                if self.send(&stage, &request, what).is_err() {
                    return;
                }
            }
        }
    }

    /// Hands on an answer.
    fn send(&mut self, stage: &Worker, request: &Request, what: What) -> std::result::Result<(), ()> {
        let Request { source, form } = *request;
        let Some(followed) = self.files.get_mut(&source) else { return Ok(()) };
        let read = Read { source, number: followed.next, form, nanos: self.progress.stages.nanos(), what };
        followed.next += 1;
        stage.send(&self.to_parsers, read).map_err(|_| ())
    }

    /// What there is of a file; `None` if nothing is for now.
    fn answer(&mut self, source: u32, ends: bool) -> Option<What> {
        let mut followed = self.files.remove(&source)?;
        // A panic would be a bug; the front would wait for ever for the answer, so it is told instead.
        let read = catch_unwind(AssertUnwindSafe(|| self.read(source, &mut followed, ends)));
        let read = read.unwrap_or_else(|_| Err(Error::Internal("the follower panicked".to_owned())));
        let what = match read {
            Ok(what) => what,
            Err(error) => Some(What::End(Err(error))),
        };
        followed.ended |= matches!(what, Some(What::End(_)));
        self.files.insert(source, followed);
        what
    }

    fn read(&self, source: u32, followed: &mut Followed, ends: bool) -> Result<Option<What>> {
        if followed.ended {
            return Ok(Some(What::End(Ok(()))));
        }
        let spec = &self.job.sources[source as usize];
        let next = followed.follow.next(self.pool.try_recv().unwrap_or_default());
        self.progress.warn(&followed.follow.take_notes());
        let chunk = match next? {
            Some(chunk) => chunk,
            None if ends => followed.follow.finish()?,
            None => {
                self.progress.is_behind(source, 0);
                return Ok(None);
            }
        };
        self.tell(source, followed);
        if matches!(chunk, Chunk::End) {
            return Ok(Some(What::End(Ok(()))));
        }
        let head = followed.follow.head().ok_or_else(|| Error::Internal("a chunk of no file".to_owned()))?;
        let layout = match &followed.layout {
            Some((number, layout)) if *number == head.number => layout.clone(),
            _ => {
                let layout = Arc::new(self.lay_out(spec, head, &chunk)?);
                followed.layout = Some((head.number, layout.clone()));
                layout
            }
        };
        Ok(Some(What::Chunk(chunk, layout)))
    }

    /// Tells those who watch the run how far it has come.
    fn tell(&self, source: u32, followed: &mut Followed) {
        let (part, position) =
            (followed.follow.head().map(|head| head.number), followed.follow.stored_position());
        let (before, from) = followed.position;
        // Another file is read from its start.
        let from = if part == before { from } else { 0 };
        self.progress.read(source, position.saturating_sub(from));
        self.progress.is_behind(source, followed.follow.bytes_ahead());
        followed.position = (part, position);
    }

    /// How the records of a part are laid out.
    fn lay_out(&self, spec: &SourceSpec, head: &Head, first: &Chunk) -> Result<Layout> {
        let names = names(spec.format, &mut head.header.clone(), first).unwrap_or_default();
        let lines = head.header.as_ref().map_or(0, |(_, lines)| *lines);
        let lead = (!head.resumed).then_some(Lead {
            lines,
            bytes: head.bytes,
            digest: head.digest,
            file: Some(head.file),
        });
        let layout = layout(&spec.name, spec.format, names, lead, &self.projection.fields)?;
        Ok(Layout { part: head.number, ..layout })
    }
}
