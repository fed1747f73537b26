//! The writer: merges what the shards have fired, step by step, and writes it once.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender};

use super::{Outputs, Progress};
use crate::error::{Error, Result};
use crate::job::{Job, OutputFormat, Task};
use crate::operator::step::{Step, Why};
use crate::output::merge::{Slices, merge};
use crate::output::rows::{Fired, RowPlan};
use crate::output::set_aside;
use crate::output::sink::Sink;
use crate::output::table::Table;
use crate::time::Form;

/// Starts the writer; it ends with the number of rows written. `lives` is dropped when it stops.
pub fn start(
    job: &Arc<Job>,
    outputs: Outputs,
    steps: Receiver<Arc<Step>>,
    fired: Vec<Receiver<Fired>>,
    progress: &Arc<Progress>,
    lives: Sender<Infallible>,
) -> JoinHandle<(u64, Result<()>)> {
    let (job, progress) = (job.clone(), progress.clone());
    thread::spawn(move || {
        let mut writer = Writer::new(&job, outputs, progress);
        let result = writer.serve(&steps, &fired);
        drop(lives);
        (writer.rows, result)
    })
}

struct Writer<'j> {
    job: &'j Job,
    plan: Option<RowPlan>,
    outputs: Option<Outputs>,
    sinks: Option<Sinks>,
    table: Option<Table>,
    rows: u64,
    progress: Arc<Progress>,
}

struct Sinks {
    rows: Sink,
    late: Option<Sink>,
    bad: Option<Sink>,
}

impl<'j> Writer<'j> {
    fn new(job: &'j Job, outputs: Outputs, progress: Arc<Progress>) -> Writer<'j> {
        let plan = match &job.task {
            Task::Order => None,
            Task::Aggregate(task) => Some(RowPlan::new(task, job.reads_csv())),
        };
        let table = plan.as_ref().filter(|plan| plan.format() == OutputFormat::Table);
        let table = table.map(|plan| Table::new(plan.columns()));
        Writer { job, table, plan, outputs: Some(outputs), sinks: None, rows: 0, progress }
    }

    fn serve(&mut self, steps: &Receiver<Arc<Step>>, fired: &[Receiver<Fired>]) -> Result<()> {
        for step in steps {
            self.open(&step)?;
            self.write_set_aside(&step)?;
            drop(step);
            if let Some(reason) = self.write_rows(fired)? {
                self.finish()?;
                return Err(Error::Failed(reason));
            }
        }
        self.finish()
    }

    /// Opens the outputs when the first step comes.
    fn open(&mut self, step: &Step) -> Result<()> {
        let Some(outputs) = self.outputs.take() else { return Ok(()) };
        let mut rows = (outputs.rows)()?;
        match &self.plan {
            Some(plan) => rows.buffer().extend_from_slice(&plan.header()),
            None => rows.buffer().extend_from_slice(&step.header),
        }
        let late = outputs.late.map(|open| open()).transpose()?;
        let bad = outputs.bad.map(|open| open()).transpose()?;
        self.sinks = Some(Sinks { rows, late, bad });
        Ok(())
    }

    fn write_set_aside(&mut self, step: &Step) -> Result<()> {
        let Some(sinks) = &mut self.sinks else { return Ok(()) };
        for record in &step.set_aside {
            let sink = match record.why {
                Why::Late { .. } => &mut sinks.late,
                Why::Bad | Why::Unbelieved => &mut sinks.bad,
            };
            if let Some(sink) = sink {
                let source = &self.job.sources[record.batch.source as usize].name;
                set_aside::write(record, source, step.form.unwrap_or(Form::Text), sink.buffer());
                sink.relieve()?;
            }
        }
        Ok(())
    }

    /// Writes what fires in one step; returns why the run cannot go on, if a row could not be decided about.
    fn write_rows(&mut self, fired: &[Receiver<Fired>]) -> Result<Option<String>> {
        let Some(sinks) = &mut self.sinks else { return Ok(None) };
        // Late and bad records first: they are not lost when the reader of the rows goes away.
        for sink in [&mut sinks.late, &mut sinks.bad].into_iter().flatten() {
            sink.deliver()?;
        }
        let mut slices = Slices::new(fired.len(), |shard| {
            fired[shard].recv().map_err(|_| Error::Internal("a shard has stopped".to_owned()))
        });
        let failure = merge(self.plan.as_ref(), &mut slices, &mut |fired, rows| {
            self.rows += rows.len() as u64;
            match &mut self.table {
                Some(table) => rows.for_each(|row| table.row(fired.row_text(row))),
                None => sinks.rows.buffer().extend_from_slice(fired.texts(rows)),
            }
            self.progress.rows.store(self.rows, Ordering::Relaxed);
            sinks.rows.relieve()
        })?;
        // Nothing waits for a buffer to fill: what has fired is delivered.
        sinks.rows.deliver()?;
        Ok(failure)
    }

    fn finish(&mut self) -> Result<()> {
        let Some(sinks) = &mut self.sinks else { return Ok(()) };
        if let Some(table) = &self.table {
            table.write(sinks.rows.buffer());
        }
        sinks.rows.deliver()
    }
}
