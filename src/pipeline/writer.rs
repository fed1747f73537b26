//! The writer: merges what the shards have fired, step by step, and writes it once.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::backlog::Exit;
use super::checkpointer::{OutputPiece, Piece, Pieces};
use super::snapshot::Rows;
use super::stages::{Stage, Worker};
use super::{Outputs, Progress};
use crate::error::{Error, Result};
use crate::job::{Job, OutputFormat, Task};
use crate::live::Board;
use crate::operator::peek::Peek;
use crate::operator::step::{Note, Why};
use crate::output::chart::Drawing;
use crate::output::fired::{Fired, Timing};
use crate::output::mark::Mark;
use crate::output::merge::{Interleaver, Slices, Take, merge};
use crate::output::numbered::RowNumbers;
use crate::output::plan::RowPlan;
use crate::output::set_aside;
use crate::output::sink::Sink;
use crate::output::table::Table;
use crate::time::Form;
use crate::window::Windows;

/// What the writer goes by besides the job.
pub struct Plan {
    /// Where the outputs go.
    pub outputs: Outputs,
    /// What records that are set aside have as their source, by rank.
    pub source_names: Vec<String>,
}

/// Starts the writer; it ends with the number of rows written, by earlier runs too. `pieces` is the way to the
/// checkpointer, if there is one; `lives` is dropped when the writer stops.
pub fn start(
    job: &Arc<Job>,
    plan: Plan,
    notes: Exit<Note>,
    fired: Vec<Exit<Fired>>,
    pieces: Option<Pieces>,
    progress: &Arc<Progress>,
    lives: Sender<Infallible>,
) -> JoinHandle<(u64, Result<()>)> {
    let (job, progress) = (job.clone(), progress.clone());
    thread::spawn(move || {
        let mut writer = Writer::new(&job, plan, pieces, progress);
        let result = writer.serve(&notes, &fired);
        writer.tell_rows();
        drop(lives);
        (writer.rows, result)
    })
}

struct Writer {
    plan: Option<RowPlan>,
    outputs: Option<Outputs>,
    /// See [`Plan::source_names`].
    source_names: Vec<String>,
    sinks: Option<Sinks>,
    /// What stands before the first row, until it is written.
    header: Vec<u8>,
    table: Option<Table>,
    drawing: Option<Drawing>,
    board: Option<Board>,
    numbers: Option<RowNumbers>,
    interleaver: Interleaver,
    rows: u64,
    /// By kind, whether a window is that of all keys together; if not, each key has its own.
    shares_windows: Arc<[bool]>,
    /// How many windows have closed in this run.
    closed: u64,
    /// How many rows of this run are early, and how many revised.
    repeated: [u64; 2],
    /// How much of the rows earlier runs have written.
    before: Mark,
    pieces: Option<Pieces>,
    progress: Arc<Progress>,
    stage: Worker,
}

struct Sinks {
    rows: Sink,
    late: Option<Sink>,
    bad: Option<Sink>,
}

impl Writer {
    fn new(job: &Job, plan: Plan, pieces: Option<Pieces>, progress: Arc<Progress>) -> Writer {
        let Plan { outputs, source_names } = plan;
        let (plan, row_id, drawing, board) = match &job.task {
            Task::Order => (None, false, None, None),
            Task::Aggregate(task) => {
                let plan = RowPlan::new(task, job.reads_csv());
                (Some(plan), task.row_id, Drawing::of(task), Board::of(task))
            }
        };
        let before = outputs.before;
        progress.written_before(before.rows);
        let rows = before.rows;
        let numbers = plan.as_ref().filter(|_| row_id).map(|plan| RowNumbers::new(plan.format(), rows));
        let table = plan.as_ref().filter(|plan| plan.format() == OutputFormat::Table);
        let table = table.map(|plan| match &numbers {
            Some(_) => Table::new(&RowNumbers::columns(plan.columns())),
            None => Table::new(plan.columns()),
        });
        let header = Vec::new();
        let (outputs, stage) = (Some(outputs), progress.stages.enter(Stage::Write));
        Writer {
            plan,
            outputs,
            source_names,
            sinks: None,
            header,
            table,
            drawing,
            board,
            numbers,
            interleaver: Interleaver::default(),
            rows,
            shares_windows: shares_windows(&job.task),
            closed: 0,
            repeated: [0; 2],
            before,
            pieces,
            progress,
            stage,
        }
    }

    fn serve(&mut self, notes: &Exit<Note>, fired: &[Exit<Fired>]) -> Result<()> {
        let mut finished = false;
        while let Ok(note) = notes.recv(&self.stage) {
            self.open(&note)?;
            self.write_set_aside(&note)?;
            // Batches are let go before rows are merged.
            let Note { cut, ended, last, read, set_aside, .. } = note;
            drop(set_aside);
            if let Some(board) = &mut self.board {
                board.begin(ended);
            }
            if let Some(reason) = self.write_rows(fired)? {
                self.end()?;
                return Err(Error::Failed(reason));
            }
            if ended {
                self.write_header();
            }
            if last {
                self.finish()?;
                finished = true;
            }
            if let Some(Sinks { rows, late, bad }) = &self.sinks {
                let caught_up = [Some(rows), late.as_ref(), bad.as_ref()].into_iter().flatten();
                self.progress
                    .caught_up
                    .store(caught_up.into_iter().all(Sink::has_caught_up), Ordering::Release);
            }
            self.tell(&read);
            if cut {
                self.hand_over()?;
            }
        }
        if finished { Ok(()) } else { self.end() }
    }

    /// Tells those who watch the run what has been written, and of the events that it comes of.
    fn tell(&self, read: &[(u64, u64)]) {
        self.tell_rows();
        let now = self.progress.stages.nanos();
        let took = |&(at, events): &(u64, u64)| (Duration::from_nanos(now.saturating_sub(at)), events);
        self.progress.applied(read.iter().map(took));
    }

    fn tell_rows(&self) {
        if let Some(sinks) = &self.sinks {
            self.progress.written(rows_of(self.rows, self.closed, self.repeated, &self.before, &sinks.rows));
        }
    }

    /// Opens the outputs when the first step comes.
    fn open(&mut self, note: &Note) -> Result<()> {
        let Some(outputs) = self.outputs.take() else { return Ok(()) };
        let header = match &self.plan {
            Some(plan) => plan.header(),
            None => note.header.clone(),
        };
        // Where an earlier run has written something, that began with the header.
        if outputs.before.len == 0 {
            match &self.numbers {
                Some(numbers) => numbers.header(&header, &mut self.header),
                None => self.header = header,
            }
        }
        let rows = (outputs.rows)()?;
        let late = outputs.late.map(|open| open()).transpose()?;
        let bad = outputs.bad.map(|open| open()).transpose()?;
        self.sinks = Some(Sinks { rows, late, bad });
        Ok(())
    }

    /// With the first row, or at the end of an input that makes none. A run that fails before leaves nothing at all, and
    /// binds nobody to its job.
    fn write_header(&mut self) {
        if let (Some(sinks), false) = (&mut self.sinks, self.header.is_empty()) {
            sinks.rows.buffer().append(&mut self.header);
            sinks.rows.end_text();
        }
    }

    fn write_set_aside(&mut self, note: &Note) -> Result<()> {
        let Some(sinks) = &mut self.sinks else { return Ok(()) };
        for record in &note.set_aside {
            let sink = match record.why {
                Why::Late { .. } => &mut sinks.late,
                Why::Bad | Why::Unbelieved => &mut sinks.bad,
            };
            if let Some(sink) = sink {
                let source = &self.source_names[record.batch.source as usize];
                set_aside::write(record, source, note.form.unwrap_or(Form::Text), sink.buffer());
                sink.end_row();
                waiting_for_readers(sink, &self.progress, Sink::relieve)?;
            }
        }
        Ok(())
    }

    /// Writes what fires in one step; returns why the run cannot go on, if a row could not be decided about.
    fn write_rows(&mut self, fired: &[Exit<Fired>]) -> Result<Option<String>> {
        let Some(sinks) = &mut self.sinks else { return Ok(None) };
        // Late and bad records first: they are not lost when the reader of the rows goes away.
        for sink in [&mut sinks.late, &mut sinks.bad].into_iter().flatten() {
            deliver(sink, &self.progress)?;
        }
        let stage = &self.stage;
        let (mut peeks, mut took): (Vec<Peek>, _) = (Vec::new(), Duration::ZERO);
        let mut slices = Slices::new(fired.len(), self.shares_windows.clone(), |shard| {
            let slice = fired[shard].recv(stage);
            let mut slice = slice.map_err(|_| Error::Internal("a shard has stopped".to_owned()))?;
            if let Some(peek) = slice.peek.take() {
                peeks.push(peek.0);
                took = took.max(peek.1);
            }
            Ok(slice)
        });
        let mut delivery = Delivery {
            plan: self.plan.as_ref(),
            sinks,
            header: &mut self.header,
            table: self.table.as_mut(),
            drawing: self.drawing.as_mut(),
            board: self.board.as_mut(),
            numbers: self.numbers.as_mut(),
            rows: &mut self.rows,
            repeated: &mut self.repeated,
            closed: self.closed,
            before: &self.before,
            progress: &self.progress,
        };
        let failure = merge(self.plan.as_ref(), &mut slices, &mut self.interleaver, &mut delivery)?;
        let Delivery { board, progress, sinks, .. } = delivery;
        self.closed += slices.closed;
        if let (Some(board), Some(plan)) = (board, &self.plan)
            && let Some(scene) = board.end(plan, peeks)
        {
            progress.seen.put(scene, took);
        }
        // Nothing waits for a buffer to fill: what has fired is delivered.
        deliver(&mut sinks.rows, progress)?;
        Ok(failure)
    }

    /// Tells the checkpointer how much has been written.
    fn hand_over(&mut self) -> Result<()> {
        let (Some(pieces), Some(sinks)) = (&self.pieces, &mut self.sinks) else { return Ok(()) };
        let piece = |sink: &mut Sink| -> Result<Option<OutputPiece>> {
            let Some(mark) = sink.mark()? else { return Ok(None) };
            Ok(Some(OutputPiece { mark, sync: sink.sync_handle()? }))
        };
        let rows = piece(&mut sinks.rows)?;
        let aside = |sink: &mut Option<Sink>| match sink {
            Some(sink) => piece(sink).map(|piece| piece.map(Some)),
            None => Ok(Some(None)),
        };
        let (late, bad) = (aside(&mut sinks.late)?, aside(&mut sinks.bad)?);
        let outputs = rows.zip(late).zip(bad).map(|((rows, late), bad)| [Some(rows), late, bad]);
        pieces.send(Piece::Writer(outputs));
        Ok(())
    }

    /// All rows are there that come of the input as it is.
    fn finish(&mut self) -> Result<()> {
        self.end()?;
        let Some(sinks) = &mut self.sinks else { return Ok(()) };
        let aside = [&mut sinks.late, &mut sinks.bad].into_iter().flatten();
        aside.chain([&mut sinks.rows]).try_for_each(Sink::finish)
    }

    /// Nothing more comes in this run.
    fn end(&mut self) -> Result<()> {
        let Some(sinks) = &mut self.sinks else { return Ok(()) };
        if let Some(table) = self.table.take() {
            table.write(sinks.rows.buffer());
        }
        if let Some(drawing) = self.drawing.take() {
            sinks.rows.trust();
            drawing.write(sinks.rows.buffer());
        }
        deliver(&mut sinks.rows, &self.progress)
    }
}

/// What becomes of the rows of a step.
struct Delivery<'w> {
    plan: Option<&'w RowPlan>,
    sinks: &'w mut Sinks,
    header: &'w mut Vec<u8>,
    table: Option<&'w mut Table>,
    drawing: Option<&'w mut Drawing>,
    board: Option<&'w mut Board>,
    numbers: Option<&'w mut RowNumbers>,
    rows: &'w mut u64,
    repeated: &'w mut [u64; 2],
    closed: u64,
    before: &'w Mark,
    progress: &'w Progress,
}

impl Take for Delivery<'_> {
    fn wants_places(&self) -> bool {
        self.drawing.is_some() || self.board.is_some()
    }

    fn rows(&mut self, fired: &Fired, rows: Range<usize>) -> Result<()> {
        if self.plan.is_some_and(RowPlan::repeats) {
            for (place, rows) in fired.by_window(rows.clone()) {
                self.count_repeated(place.timing, rows.len());
            }
        }
        let ends = fired.ends(rows.clone());
        match (&mut self.drawing, &mut self.board, self.plan) {
            (Some(drawing), ..) => {
                *self.rows += rows.len() as u64;
                drawing.rows(fired, rows);
                Ok(())
            }
            (None, Some(board), Some(plan)) => {
                *self.rows += rows.len() as u64;
                board.rows(plan, fired, rows);
                Ok(())
            }
            _ => self.write(fired.texts(rows), ends),
        }
    }

    fn texts(&mut self, timing: Timing, texts: &[u8], ends: &[usize]) -> Result<()> {
        self.count_repeated(timing, ends.len());
        self.write(texts, ends.iter().copied())
    }
}

impl Delivery<'_> {
    fn count_repeated(&mut self, timing: Timing, rows: usize) {
        match timing {
            Timing::Final => {}
            Timing::Early => self.repeated[0] += rows as u64,
            Timing::Revised => self.repeated[1] += rows as u64,
        }
    }

    /// Writes rows, each of which ends where `ends` says, behind the header.
    fn write(&mut self, texts: &[u8], ends: impl ExactSizeIterator<Item = usize>) -> Result<()> {
        let sink = &mut self.sinks.rows;
        if ends.len() > 0 && !self.header.is_empty() {
            sink.buffer().append(self.header);
            sink.end_text();
        }
        *self.rows += ends.len() as u64;
        let mut start = 0;
        let each = |end| &texts[std::mem::replace(&mut start, end)..end];
        match (&mut self.table, &mut self.numbers) {
            (None, None) => sink.push_rows(texts, ends),
            (None, Some(numbers)) => ends.map(each).for_each(|row| {
                numbers.row(row, sink.buffer());
                sink.end_row();
            }),
            (Some(table), None) => ends.map(each).for_each(|row| table.row(row)),
            (Some(table), Some(numbers)) => ends.map(each).for_each(|row| {
                let mut numbered = Vec::new();
                numbers.row(row, &mut numbered);
                table.row(&numbered);
            }),
        }
        if sink.is_full() {
            deliver(sink, self.progress)?;
            let rows = rows_of(*self.rows, self.closed, *self.repeated, self.before, sink);
            self.progress.written(rows);
        }
        Ok(())
    }
}

/// By kind of windows, whether all keys share them.
fn shares_windows(task: &Task) -> Arc<[bool]> {
    let shares = |windows: &Windows| !matches!(windows, Windows::Session { .. });
    match task {
        Task::Aggregate(task) => task.windows.each().into_iter().map(shares).collect(),
        Task::Order => Arc::new([]),
    }
}

/// What has been written: so many rows in all, these of them before this run, of so many windows in this run.
fn rows_of(rows: u64, closed: u64, [early, revised]: [u64; 2], before: &Mark, sink: &Sink) -> Rows {
    let run_bytes = sink.produced_bytes().saturating_sub(before.len);
    Rows { job: rows, run: rows - before.rows, run_bytes, closed, early, revised }
}

/// Hands on what a sink holds, which may take as long as its reader likes.
fn deliver(sink: &mut Sink, progress: &Progress) -> Result<()> {
    waiting_for_readers(sink, progress, Sink::deliver)
}

fn waiting_for_readers(
    sink: &mut Sink,
    progress: &Progress,
    hand_on: impl FnOnce(&mut Sink) -> Result<()>,
) -> Result<()> {
    // A file is not held up by anybody.
    progress.delivering.store(!sink.is_regular(), Ordering::Relaxed);
    let done = hand_on(sink);
    progress.delivering.store(false, Ordering::Relaxed);
    done
}
