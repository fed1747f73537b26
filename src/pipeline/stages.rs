//! What the threads of each stage do with their time: work, wait for something to do, or wait for room behind them.
//! The stage that neither waits for the one before nor for the one behind is what a run takes its time from.
//!
//! Only a wait looks at the clock: a message that is there, or that there is room for, costs nothing here.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError};

/// The stages, in the order in which data goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading and decompressing, and waiting for an input that is not there yet.
    Read,
    /// Parsing.
    Parse,
    /// Merging the sources into one sequence: watermark, lateness, repeats.
    Sequence,
    /// Windows and aggregates.
    Aggregate,
    /// Merging and writing rows.
    Write,
}

impl Stage {
    /// All of them.
    pub const ALL: [Stage; 5] = [Stage::Read, Stage::Parse, Stage::Sequence, Stage::Aggregate, Stage::Write];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Read => "read",
            Stage::Parse => "parse",
            Stage::Sequence => "sequence",
            Stage::Aggregate => "aggregate",
            Stage::Write => "write",
        }
    }
}

/// The accounts of all stages.
#[derive(Debug)]
pub struct Stages {
    /// Times are in nanoseconds since then.
    origin: Instant,
    books: [Book; Stage::ALL.len()],
}

/// What is noted of a stage.
#[derive(Debug, Default)]
struct Book {
    threads: AtomicUsize,
    lived: Total,
    starved: Total,
    blocked: Total,
    queued: AtomicUsize,
    room: AtomicUsize,
}

/// A stage's account, or that of its threads so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// How many threads it has had.
    pub threads: usize,
    /// How long they have worked, all of them together.
    pub busy: Duration,
    /// How long they have waited for something to do.
    pub starved: Duration,
    /// How long they have waited for room behind them.
    pub blocked: Duration,
    /// The most messages that have waited in a queue behind the stage.
    pub queued: usize,
    /// How many a queue has room for.
    pub room: usize,
}

/// Time spent by several threads, those included that are at it.
#[derive(Debug, Default)]
struct Total {
    /// Ends minus beginnings.
    sum: AtomicI64,
    /// How many have begun and not ended.
    open: AtomicI64,
}

impl Total {
    fn begin(&self, now: i64) {
        self.sum.fetch_sub(now, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self, now: i64) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.sum.fetch_add(now, Ordering::Relaxed);
    }

    fn nanos(&self, now: i64) -> u64 {
        let open = self.open.load(Ordering::Relaxed);
        u64::try_from(self.sum.load(Ordering::Relaxed) + open * now).unwrap_or(0)
    }
}

impl Default for Stages {
    fn default() -> Stages {
        Stages { origin: Instant::now(), books: Default::default() }
    }
}

impl Stages {
    /// A thread of a stage begins.
    pub fn enter(self: &Arc<Self>, stage: Stage) -> Worker {
        let worker = Worker { stages: self.clone(), stage };
        worker.book().threads.fetch_add(1, Ordering::Relaxed);
        worker.book().lived.begin(self.now());
        worker
    }

    /// How long the run has gone on.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The account of a stage.
    pub fn account(&self, stage: Stage) -> Account {
        let (book, now) = (&self.books[stage as usize], self.now());
        let [lived, starved, blocked] = [&book.lived, &book.starved, &book.blocked].map(|t| t.nanos(now));
        Account {
            threads: book.threads.load(Ordering::Relaxed),
            busy: Duration::from_nanos(lived.saturating_sub(starved + blocked)),
            starved: Duration::from_nanos(starved),
            blocked: Duration::from_nanos(blocked),
            queued: book.queued.load(Ordering::Relaxed),
            room: book.room.load(Ordering::Relaxed),
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

/// A thread at its stage. It leaves when this is dropped.
pub struct Worker {
    stages: Arc<Stages>,
    stage: Stage,
}

impl Worker {
    /// Takes the next message.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv<T>(&self, from: &Receiver<T>) -> Result<T, RecvError> {
        match from.try_recv() {
            Ok(message) => Ok(message),
            Err(TryRecvError::Disconnected) => Err(RecvError),
            Err(TryRecvError::Empty) => self.starve(|| from.recv()),
        }
    }

    /// Takes messages as long as any come.
    pub fn drain<T>(&self, from: &Receiver<T>) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.recv(from).ok())
    }

    /// Waits for something to do.
    pub fn starve<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.spend(&self.book().starved, wait)
    }

    /// Waits until what was handed on has been dealt with.
    pub fn block<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.spend(&self.book().blocked, wait)
    }

    /// Hands a message on.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub fn send<T>(&self, to: &Sender<T>, message: T) -> Result<(), SendError<T>> {
        let sent = match to.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(message)) => Err(SendError(message)),
            Err(TrySendError::Full(message)) => self.block(|| to.send(message)),
        };
        self.book().queued.fetch_max(to.len(), Ordering::Relaxed);
        self.book().room.store(to.capacity().unwrap_or(0), Ordering::Relaxed);
        sent
    }

    fn book(&self) -> &Book {
        &self.stages.books[self.stage as usize]
    }

    fn spend<T>(&self, total: &Total, wait: impl FnOnce() -> T) -> T {
        total.begin(self.stages.now());
        let waited = wait();
        total.end(self.stages.now());
        waited
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.book().lived.end(self.stages.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;
    use std::thread;

    const WAIT: Duration = Duration::from_millis(60);

    #[test]
    fn waits_are_told_apart() {
        let stages = Arc::new(Stages::default());
        let (sender, receiver) = bounded(1);
        thread::scope(|scope| {
            let worker = stages.enter(Stage::Parse);
            scope.spawn(|| {
                let worker = stages.enter(Stage::Sequence);
                // Two messages fill the queue and wait for room; the third is waited for.
                thread::sleep(WAIT);
                assert_eq!(worker.drain(&receiver).collect::<Vec<_>>(), [1, 2, 3]);
            });
            worker.send(&sender, 1).unwrap();
            worker.send(&sender, 2).unwrap();
            thread::sleep(WAIT);
            let so_far = stages.account(Stage::Sequence);
            assert!(so_far.starved >= WAIT / 2, "a wait counts while it lasts: {so_far:?}");
            worker.send(&sender, 3).unwrap();
            drop(sender);
        });
        let (parse, sequence) = (stages.account(Stage::Parse), stages.account(Stage::Sequence));
        assert_eq!((parse.threads, parse.queued, parse.room), (1, 1, 1));
        assert!(parse.blocked >= WAIT / 2 && parse.starved.is_zero(), "{parse:?}");
        assert!(sequence.starved >= WAIT / 2 && sequence.blocked.is_zero(), "{sequence:?}");
        assert!(sequence.busy >= WAIT / 2, "{sequence:?}");
        let whole = stages.elapsed();
        assert!(
            [parse, sequence].iter().all(|a| a.busy + a.starved + a.blocked <= whole),
            "{parse:?} {sequence:?}"
        );
        assert_eq!(stages.account(Stage::Write).threads, 0);
    }
}
