//! The numbers of a run for those who watch it: as a file for node_exporter's textfile collector, and over HTTP.
//!
//! Both take the same text of a [`Snapshot`](crate::pipeline::snapshot::Snapshot). Nothing here may hold up the job, or
//! end it once it has begun: a file that cannot be written is warned of, once, and a client of the server gets no more
//! than its share of one thread.

mod exposition;
mod families;
mod file;
mod http;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use crossbeam_channel::bounded;

use crate::error::{Error, Escaped, Result, words};
use crate::job::{Job, LatePolicy, Task};
use crate::pipeline::Progress;
use file::Target;

/// How long the last state of the file may take to be written.
const LAST_WORDS_MAX: Duration = Duration::from_secs(2);

/// Publishes the metrics of a run, until it has ended.
pub struct Exporter {
    shared: Arc<Shared>,
    address: Option<SocketAddr>,
}

struct Shared {
    progress: Arc<Progress>,
    kind: Kind,
    labels: Vec<(String, String)>,
    /// The exit code, once the run has ended.
    ended: OnceLock<u8>,
    file: Option<Target>,
    /// Held while the file is written, so that nothing is written behind its last state.
    writing: Mutex<()>,
}

/// What of a job says which metrics it has.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// Whether it is `windrow order`.
    order: bool,
    /// Whether it remembers ids.
    dedup: bool,
    /// Whether late events are kept.
    keeps_late: bool,
    /// Whether windows that have fired take in late events.
    revises: bool,
}

impl Exporter {
    /// Begins to listen, and checks that the file can be written; `None` if a job wants no metrics.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the address cannot be listened at, or the file not be written there.
    pub fn start(job: &Job, progress: &Arc<Progress>) -> Result<Option<Exporter>> {
        let settings = &job.metrics;
        if !settings.are_wanted() {
            return Ok(None);
        }
        // First, so that a second run that was started by mistake leaves the file of the first one alone.
        let listener = settings.listen.map(listen).transpose()?;
        let file = settings.file.as_deref().map(Target::open).transpose()?;
        let shared = Arc::new(Shared {
            progress: progress.clone(),
            kind: Kind {
                order: matches!(job.task, Task::Order),
                dedup: !job.ids.is_empty(),
                keeps_late: job.late != LatePolicy::Drop,
                revises: matches!(&job.task, Task::Aggregate(task) if task.firing.lateness.is_some()),
            },
            labels: settings.labels.clone(),
            ended: OnceLock::new(),
            file,
            writing: Mutex::default(),
        });
        progress.watch();
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        if let Some(listener) = listener {
            let shared = shared.clone();
            thread::spawn(move || http::serve(&listener, &|| shared.text()));
        }
        if shared.file.is_some() {
            let (shared, interval) = (shared.clone(), settings.interval);
            thread::spawn(move || write_on(&shared, interval));
        }
        Ok(Some(Exporter { shared, address }))
    }

    /// Where the metrics are served, if they are.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Writes the file for the first time: the run is one that goes on.
    pub fn begin(&self) {
        self.shared.write();
    }

    /// Writes the last state to the file, with the exit code. Only the first end counts. A disk that does not answer
    /// keeps the process from its end for [`LAST_WORDS_MAX`] and no longer.
    pub fn finish(&self, code: u8) {
        let _ = self.shared.ended.set(code);
        let (shared, (done, is_done)) = (self.shared.clone(), bounded::<()>(1));
        thread::spawn(move || {
            shared.write_state(true);
            drop(done);
        });
        let _ = is_done.recv_timeout(LAST_WORDS_MAX);
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|cause| {
        Error::usage(format!("--metrics-listen: {address}: {}; name another port, or 0", words(&cause)))
    })
}

/// Writes the file again and again, as long as the run goes on.
fn write_on(shared: &Shared, interval: Duration) {
    loop {
        thread::sleep(interval);
        if !shared.write() {
            return;
        }
    }
}

impl Shared {
    fn text(&self) -> String {
        let (run, ended) = (self.progress.snapshot(), self.ended.get().copied());
        families::text(&run, self.kind, ended, &self.labels, SystemTime::now())
    }

    /// Writes the file, unless the run has ended, and says whether it goes on.
    fn write(&self) -> bool {
        self.write_state(false);
        self.ended.get().is_none()
    }

    fn write_state(&self, last: bool) {
        let Some(file) = &self.file else { return };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.ended.get().is_some() != last {
            return;
        }
        if let Some(cause) = file.write(&self.text()) {
            let path = file.path().display().to_string();
            self.progress.warn(&[format!(
                "--metrics: {} cannot be written: {}; the job goes on, and it is tried again",
                Escaped(&path),
                words(&cause)
            )]);
        }
    }
}
