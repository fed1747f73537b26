//! Draws the live view of `--to live`: a thread of its own looks a few times a second at what was seen last, and at how
//! the run stands, and writes a frame. If the terminal is slow, that keeps nobody else waiting.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use signal_hook::consts::SIGCONT;

use super::{look, report, waits};
use crate::error::{Error, Result};
use crate::job::{Job, OutputFormat, Task, When};
use crate::live::frame::{Frame, Status};
use crate::live::screen::Screen;
use crate::pipeline::Progress;
use crate::pipeline::snapshot::Snapshot;

/// How often a frame is drawn.
const INTERVAL: Duration = Duration::from_millis(200);
/// A rate is that of so long before.
const RATE_OVER: Duration = Duration::from_secs(3);
/// So many lines below the last frame are left to others, of a terminal that has more than so many.
const LINES_BELOW: usize = 5;
const LINES_LAST: usize = 12;
/// How long a signal waits for a frame to be written whole.
const PATIENCE: Duration = Duration::from_millis(500);

/// Refuses a view that nobody would see.
///
/// # Errors
/// [`Error::Usage`] if standard output is not a terminal, or one on which nothing can be written over.
pub fn check(job: &Job) -> Result<()> {
    if !is_wanted(job) {
        return Ok(());
    }
    if !io::stdout().is_terminal() {
        return Err(Error::usage(
            "--to live draws on a terminal, and standard output is none; --to table has the rows when the run ends, \
             and --emit-every DURATION writes open windows as they are",
        ));
    }
    let term = std::env::var_os("TERM");
    if term.as_deref().is_none_or(|term| term.is_empty() || term == OsStr::new("dumb")) {
        return Err(Error::usage(
            "--to live draws over what it has drawn before, which this terminal cannot (TERM is dumb, or not set); \
             --to table has the rows when the run ends",
        ));
    }
    Ok(())
}

/// Whether a job is one that is looked at while it runs.
pub fn is_wanted(job: &Job) -> bool {
    matches!(&job.task, Task::Aggregate(task) if task.to == OutputFormat::Live)
}

/// A view that is drawn until it is stopped.
pub struct View {
    running: Option<(Sender<()>, JoinHandle<()>)>,
    drawer: Option<Arc<Mutex<Drawer>>>,
}

impl View {
    /// Starts the view of a run, if the job wants one.
    ///
    /// # Errors
    /// Where no more signals can be taken over.
    pub fn start(job: &Job, progress: &Arc<Progress>) -> Result<View> {
        let task = match &job.task {
            Task::Aggregate(task) if is_wanted(job) => task,
            _ => return Ok(View { running: None, drawer: None }),
        };
        let drawer = Arc::new(Mutex::new(Drawer::new(Frame::of(task), job.report.color, progress.clone())?));
        report::hold_lines();
        let (stop, stopped) = bounded(0);
        let drawing = drawer.clone();
        let thread = thread::spawn(move || draw(&drawing, &stopped));
        Ok(View { running: Some((stop, thread)), drawer: Some(drawer) })
    }

    /// Whether there is one.
    pub fn is_drawn(&self) -> bool {
        self.drawer.is_some()
    }

    /// What is to be done before a signal ends the process: no frame is left half-written. A terminal that takes nothing
    /// is not waited for.
    pub fn last_words(&self) -> impl Fn() + Send + Sync + use<> {
        let drawer = self.drawer.clone();
        move || {
            let begun = Instant::now();
            while let Some(drawer) = &drawer
                && begun.elapsed() < PATIENCE
            {
                match drawer.try_lock() {
                    Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(5)),
                    // Nobody draws any more.
                    held => return std::mem::forget(held),
                }
            }
        }
    }

    /// Draws the last frame, which stays.
    pub fn stop(self) {
        if let Some((stop, thread)) = self.running {
            drop(stop);
            let _ = thread.join();
            report::release_lines();
        }
    }
}

fn draw(drawer: &Mutex<Drawer>, stopped: &Receiver<()>) {
    loop {
        let goes_on = matches!(stopped.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout));
        let frame = drawer.lock().unwrap_or_else(PoisonError::into_inner).draw(!goes_on);
        // A terminal that has gone is nobody's problem: its signal ends the run.
        if !goes_on || frame.is_err() {
            return;
        }
    }
}

/// What draws frames, one after the other.
struct Drawer {
    frame: Frame,
    screen: Screen,
    color: When,
    progress: Arc<Progress>,
    rate: Rate,
    /// Set when the process has been stopped and goes on: others have written in between.
    continued: Arc<AtomicBool>,
    /// Standard output.
    terminal: File,
    /// What was written last.
    lines: Vec<String>,
    size: (usize, usize),
}

impl Drawer {
    fn new(frame: Frame, color: When, progress: Arc<Progress>) -> Result<Drawer> {
        let continued = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGCONT, continued.clone()).map_err(|cause| {
            Error::Failed(format!("signals cannot be taken over: {}", crate::error::words(&cause)))
        })?;
        Ok(Drawer {
            frame,
            screen: Screen::default(),
            color,
            progress,
            rate: Rate::default(),
            continued,
            terminal: io::stdout().as_fd().try_clone_to_owned().map(File::from).map_err(|cause| {
                Error::Failed(format!("standard output: {}", crate::error::words(&cause)))
            })?,
            lines: Vec::new(),
            size: (0, 0),
        })
    }

    fn draw(&mut self, is_last: bool) -> io::Result<()> {
        let mut look = look::of_output(self.color, true);
        let size = (look.columns, look.lines);
        if is_last {
            // The account of the run and the next prompt come below, and are not to push it off the screen.
            look.lines = look.lines.saturating_sub(LINES_BELOW).max(look.lines.min(LINES_LAST));
        }
        let run = self.progress.snapshot();
        let rate = match is_last {
            true => run.run.read as f64 / run.elapsed.as_secs_f64().max(1e-3),
            false => self.rate.after(Instant::now(), run.run.read),
        };
        let scene = self.progress.seen.scene().unwrap_or_default();
        let lines = self.frame.lines(&scene, &status(&run, rate, is_last || scene.is_final), look);
        let above = report::take_lines();
        let continued = self.continued.swap(false, Ordering::Relaxed);
        if continued {
            self.screen.forget();
        }
        if above.is_empty() && lines == self.lines && size == self.size && !continued {
            return Ok(());
        }
        let text = self.screen.frame(&above, &lines, size);
        (self.lines, self.size) = (lines, size);
        // Not through the buffer of lines, which would write the end of a frame apart from its lines.
        let _lock = io::stdout().lock();
        self.terminal.write_all(text.as_bytes())
    }
}

fn status(run: &Snapshot, rate: f64, is_over: bool) -> Status {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Status {
        read: run.run.read,
        rate,
        watermark: run.watermark,
        now: i64::try_from(now.as_micros()).unwrap_or(i64::MAX),
        late: run.job.late,
        duplicate: run.job.duplicate,
        bad: run.job.bad,
        waits: run.waits.as_ref().filter(|_| !is_over).and_then(waits::text),
    }
}

/// How many records have been read lately.
#[derive(Default)]
struct Rate {
    /// When how many had been read, the oldest first.
    seen: std::collections::VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Records a second, when so many have been read now.
    fn after(&mut self, now: Instant, read: u64) -> f64 {
        while self.seen.len() > 1 && now.duration_since(self.seen[0].0) > RATE_OVER {
            self.seen.pop_front();
        }
        self.seen.push_back((now, read));
        let (since, before) = self.seen[0];
        let took = now.duration_since(since).as_secs_f64();
        if took > 0.0 { read.saturating_sub(before) as f64 / took } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_the_last_seconds() {
        let (begun, mut rate) = (Instant::now(), Rate::default());
        let mut after = |seconds: u64, read| rate.after(begun + Duration::from_secs(seconds), read);
        assert_eq!(after(0, 0), 0.0);
        assert_eq!(after(1, 100), 100.0);
        assert_eq!(after(2, 100), 50.0);
        assert_eq!(after(10, 100), 0.0);
        assert_eq!(after(11, 140), 40.0);
    }
}
