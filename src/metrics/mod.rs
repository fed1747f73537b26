//! The numbers of a run for those who watch it: as a file for node_exporter's textfile collector, and over HTTP.
//!
//! Both take the same [`text`](exposition) of the same [`Snapshot`](crate::pipeline::snapshot::Snapshot). Nothing
//! here may hold up the job or end it once it has begun: a file that cannot be written is warned of, once, and a client
//! of the server gets no more than its share of one thread.

mod exposition;
mod families;
mod file;
mod http;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::error::{Error, Escaped, Result, words};
use crate::job::{Job, LatePolicy, Task};
use crate::pipeline::Progress;
use file::Target;

/// Publishes the metrics of a run, until it has ended.
pub struct Exporter {
    shared: Arc<Shared>,
    address: Option<SocketAddr>,
}

struct Shared {
    progress: Arc<Progress>,
    kind: Kind,
    labels: Vec<(String, String)>,
    /// The exit code, once the run has ended. Held while the file is written: nothing is written behind its last state.
    ended: Mutex<Option<u8>>,
    file: Option<Target>,
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
            },
            labels: settings.labels.clone(),
            ended: Mutex::new(None),
            file,
        });
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        if let Some(listener) = listener {
            let shared = shared.clone();
            thread::spawn(move || http::serve(&listener, &|| shared.text(*shared.ended())));
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

    /// Writes the last state to the file, with the exit code. Only the first end counts.
    pub fn finish(&self, code: u8) {
        let mut ended = self.shared.ended();
        if ended.is_none() {
            *ended = Some(code);
            self.shared.write_state(*ended);
        }
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
    fn ended(&self) -> MutexGuard<'_, Option<u8>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self, ended: Option<u8>) -> String {
        families::text(&self.progress.snapshot(), self.kind, ended, &self.labels, SystemTime::now())
    }

    /// Writes the file, unless the run has ended, and says whether it goes on.
    fn write(&self) -> bool {
        let ended = self.ended();
        if ended.is_none() {
            self.write_state(None);
        }
        ended.is_none()
    }

    fn write_state(&self, ended: Option<u8>) {
        let Some(file) = &self.file else { return };
        if let Some(cause) = file.write(&self.text(ended)) {
            let path = file.path().display().to_string();
            self.progress.warn(&[format!(
                "--metrics: {} cannot be written: {}; the job goes on, and it is tried again",
                Escaped(&path),
                words(&cause)
            )]);
        }
    }
}
