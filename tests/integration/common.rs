//! Runs jobs within the test's process: inputs and outputs in memory.

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use windrow::error::Result;
use windrow::input::{Format, Origin, SourceSpec};
use windrow::job::{BadPolicy, Job, LatePolicy};
use windrow::output::mark::Mark;
use windrow::output::sink::Sink;
use windrow::pipeline::{Outputs, Progress, run};
use windrow::stats::Summary;

/// One input: its name as messages show it, its format and its bytes.
#[derive(Clone, Debug)]
pub struct Input {
    /// The name.
    pub name: String,
    /// How its records are written.
    pub format: Format,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What a run has left behind.
#[derive(Debug)]
pub struct Outcome {
    /// The account of the run.
    pub summary: Summary,
    /// How it ended.
    pub result: Result<()>,
    /// The rows.
    pub rows: String,
    /// What `--late FILE` holds.
    pub late: String,
    /// What `--bad FILE` holds.
    pub bad: String,
}

/// A destination that the test can look into.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no writer panics")).into_owned()
    }
}

/// The job of these options (without inputs), reading the given inputs instead of files.
pub fn job(options: &[&str], inputs: &[Input]) -> Result<Job> {
    let argv: Vec<OsString> =
        std::iter::once("windrow").chain(options.iter().copied()).map(Into::into).collect();
    let mut job = windrow::cli::job(&argv)?;
    job.sources = inputs
        .iter()
        .map(|input| SourceSpec {
            name: input.name.clone(),
            origin: Origin::Memory(input.bytes.clone().into()),
            format: input.format,
        })
        .collect();
    Ok(job)
}

/// Runs a job to its end.
pub fn run_job(job: Job) -> Outcome {
    let (rows, late, bad) = (Shared::default(), Shared::default(), Shared::default());
    let open = |name: &'static str, shared: &Shared| -> Box<dyn FnOnce() -> Result<Sink> + Send> {
        let shared = shared.clone();
        Box::new(move || Ok(Sink::to(name, Box::new(shared))))
    };
    let outputs = Outputs {
        before: Mark::default(),
        rows: open("rows", &rows),
        late: matches!(job.late, LatePolicy::File(_)).then(|| open("late", &late)),
        bad: matches!(job.bad, BadPolicy::File(_)).then(|| open("bad", &bad)),
    };
    let (summary, result) = run(&Arc::new(job), outputs, &Arc::new(Progress::default()));
    Outcome { summary, result, rows: rows.text(), late: late.text(), bad: bad.text() }
}
