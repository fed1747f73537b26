//! What the threads of each stage do with their time: work, wait for something to do, or wait for room behind them.
//! The stage that neither waits for the one before nor for the one behind is what a run takes its time from.
//!
//! Only a wait looks at the clock: a message that is there, or that there is room for, costs nothing here.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

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

/// What waits between two stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Chunks that have been read and are to be parsed.
    Chunks,
    /// Batches that have been parsed and are to be merged.
    Batches,
    /// Steps of the one sequence that are to be applied, once for each owner of keys.
    Steps,
    /// Slices of rows that are to be written.
    Rows,
}

impl Queue {
    /// All of them.
    pub const ALL: [Queue; 4] = [Queue::Chunks, Queue::Batches, Queue::Steps, Queue::Rows];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Queue::Chunks => "chunks",
            Queue::Batches => "batches",
            Queue::Steps => "steps",
            Queue::Rows => "rows",
        }
    }
}

/// The accounts of all stages, and what waits between them.
#[derive(Debug)]
pub struct Stages {
    /// Times are in nanoseconds since then.
    origin: Instant,
    started: SystemTime,
    books: [Book; Stage::ALL.len()],
    queues: Mutex<Vec<Watched>>,
}

/// A queue that is looked at, as long as somebody takes from it: how many messages wait, and for how many there is
/// room.
struct Watched(Queue, Box<dyn Fn() -> Option<(usize, usize)> + Send>);

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.0, self.1())
    }
}

/// What is noted of a stage.
#[derive(Debug, Default)]
struct Book {
    threads: AtomicUsize,
    /// Together under one lock, and by a clock that is read under it: what is read of them while threads change them
    /// fits together and never goes back.
    times: Mutex<Times>,
    /// See [`Fill`].
    fullest: AtomicU64,
}

/// How full a queue was; written as one number, since both belong together. Queues behind a stage may differ in room.
#[derive(Clone, Copy)]
struct Fill {
    queued: u32,
    room: u32,
}

impl Fill {
    fn read(written: u64) -> Fill {
        Fill { queued: (written >> 32) as u32, room: written as u32 }
    }

    fn written(self) -> u64 {
        u64::from(self.queued) << 32 | u64::from(self.room)
    }

    /// Whether a larger share of the room was taken, or it was the first queue.
    fn is_over(self, other: Fill) -> bool {
        let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
        other.room == 0 || product(self.queued, other.room) > product(other.queued, self.room)
    }
}

#[derive(Debug, Default)]
struct Times {
    lived: Total,
    starved: Total,
    blocked: Total,
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
    /// The messages that have waited in a queue behind the stage when one was fullest.
    pub queued: usize,
    /// How many that queue has room for.
    pub room: usize,
}

/// Time spent by several threads, those included that are at it.
#[derive(Debug, Default)]
struct Total {
    /// Ends minus beginnings, in nanoseconds.
    sum: i64,
    /// How many have begun and not ended.
    open: i64,
}

impl Total {
    fn begin(&mut self, now: i64) {
        (self.sum, self.open) = (self.sum - now, self.open + 1);
    }

    fn end(&mut self, now: i64) {
        (self.sum, self.open) = (self.sum + now, self.open - 1);
    }

    fn nanos(&self, now: i64) -> u64 {
        u64::try_from(self.sum + self.open * now).unwrap_or(0)
    }
}

impl Default for Stages {
    fn default() -> Stages {
        Stages {
            origin: Instant::now(),
            started: SystemTime::now(),
            books: Default::default(),
            queues: Mutex::default(),
        }
    }
}

impl Stages {
    /// A thread of a stage begins.
    pub fn enter(self: &Arc<Self>, stage: Stage) -> Worker {
        let worker = Worker { stages: self.clone(), stage };
        worker.book().threads.fetch_add(1, Ordering::Relaxed);
        worker.note(|times| &mut times.lived, Total::begin);
        worker
    }

    /// Lets a queue be looked at. That keeps nobody waiting, and does not keep the queue alive.
    pub fn watch<T: Send + 'static>(&self, queue: Queue, receiver: &Arc<Receiver<T>>) {
        let receiver = Arc::downgrade(receiver);
        let look = move || receiver.upgrade().map(|queue| (queue.len(), queue.capacity().unwrap_or(0)));
        locked(&self.queues).push(Watched(queue, Box::new(look)));
    }

    /// How many messages wait in a queue now, and for how many there is room: over all owners of keys, where each
    /// has one.
    pub fn queue(&self, queue: Queue) -> (usize, usize) {
        let queues = locked(&self.queues);
        let found = queues.iter().filter(|watched| watched.0 == queue).filter_map(|watched| watched.1());
        found.fold((0, 0), |(all, room_for_all), (waiting, room)| (all + waiting, room_for_all + room))
    }

    /// When the run began.
    pub fn started(&self) -> SystemTime {
        self.started
    }

    /// How long the run has gone on.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The same in nanoseconds.
    pub fn nanos(&self) -> u64 {
        u64::try_from(self.now()).unwrap_or(0)
    }

    /// The account of a stage.
    pub fn account(&self, stage: Stage) -> Account {
        let book = &self.books[stage as usize];
        let times = locked(&book.times);
        let now = self.now();
        let [lived, starved, blocked] = [&times.lived, &times.starved, &times.blocked].map(|t| t.nanos(now));
        let Fill { queued, room } = Fill::read(book.fullest.load(Ordering::Relaxed));
        Account {
            threads: book.threads.load(Ordering::Relaxed),
            busy: Duration::from_nanos(lived.saturating_sub(starved + blocked)),
            starved: Duration::from_nanos(starved),
            blocked: Duration::from_nanos(blocked),
            queued: queued as usize,
            room: room as usize,
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.spend(|times| &mut times.starved, wait)
    }

    /// Waits until what was handed on has been dealt with.
    pub fn block<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.spend(|times| &mut times.blocked, wait)
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
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let fill = Fill { queued: number(to.len()), room: number(to.capacity().unwrap_or(0)) };
        let fullest = &self.book().fullest;
        if fill.is_over(Fill::read(fullest.load(Ordering::Relaxed))) {
            let over = |known| fill.is_over(Fill::read(known)).then_some(fill.written());
            // Where it is not over what another thread has noted since, that stays.
            let _ = fullest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, over);
        }
        sent
    }

    fn book(&self) -> &Book {
        &self.stages.books[self.stage as usize]
    }

    fn spend<T>(&self, total: impl Fn(&mut Times) -> &mut Total, wait: impl FnOnce() -> T) -> T {
        self.note(&total, Total::begin);
        let waited = wait();
        self.note(&total, Total::end);
        waited
    }

    fn note(&self, total: impl Fn(&mut Times) -> &mut Total, what: fn(&mut Total, i64)) {
        let mut times = locked(&self.book().times);
        what(total(&mut times), self.stages.now());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.note(|times| &mut times.lived, Total::end);
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

    /// Accounts are looked at while threads change them, and what they say must never go back: whoever computes
    /// rates would take that for a new beginning.
    #[test]
    fn accounts_never_go_back() {
        let stages = Arc::new(Stages::default());
        let (sender, receiver) = bounded(1);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (worker, sender) = (stages.enter(Stage::Parse), sender);
                (0..2_000).for_each(|n| worker.send(&sender, n).unwrap());
            });
            let reader = scope.spawn(|| stages.enter(Stage::Sequence).drain(&receiver).count());
            let mut last = [Duration::ZERO; 6];
            while !reader.is_finished() {
                let accounts = [Stage::Parse, Stage::Sequence].map(|stage| stages.account(stage));
                let now: Vec<_> = accounts.iter().flat_map(|a| [a.busy, a.starved, a.blocked]).collect();
                assert!(now.iter().zip(&last).all(|(now, last)| now >= last), "{last:?} {now:?}");
                last.copy_from_slice(&now);
            }
            assert_eq!(reader.join().unwrap(), 2_000);
        });
    }

    #[test]
    fn queues_are_looked_at_while_they_live() {
        let stages = Stages::default();
        let (sender, receiver) = bounded(3);
        let receiver = Arc::new(receiver);
        stages.watch(Queue::Steps, &receiver);
        sender.send(1).unwrap();
        let (other, others) = bounded(2);
        let others = Arc::new(others);
        stages.watch(Queue::Steps, &others);
        other.send(2).unwrap();
        other.send(2).unwrap();
        assert_eq!((stages.queue(Queue::Steps), stages.queue(Queue::Rows)), ((3, 5), (0, 0)));
        drop(receiver);
        assert!(sender.send(2).is_err());
        assert_eq!(stages.queue(Queue::Steps), (2, 2));
    }
}
