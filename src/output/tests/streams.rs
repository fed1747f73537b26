//! Streams: what a reader has got after kills, partial writes and errors.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::super::file::Origin;
use super::super::ledger::{Delivery, Ledger};
use super::super::mark::Mark;
use super::super::sink::{Sink, To};
use super::super::stream::{InDoubt, Stream};
use super::{Product, durable};
use crate::error::{Error, Result};

/// What the stream does with a write.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Takes that many bytes at most.
    Take(usize),
    /// Is interrupted before it takes any.
    Interrupt,
    /// Takes that many bytes at most; then the process is killed, before it knows.
    Kill(usize),
}

/// What each write brought, and whether the process was killed in it.
type Got = Arc<Mutex<Vec<(Vec<u8>, bool)>>>;

/// A reader in memory that follows a script, then takes all.
struct Reader {
    script: Vec<Act>,
    got: Got,
}

/// What a kill unwinds with.
struct Killed;

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let act = if self.script.is_empty() { Act::Take(usize::MAX) } else { self.script.remove(0) };
        let (taken, killed) = match act {
            Act::Interrupt => return Err(io::ErrorKind::Interrupted.into()),
            Act::Take(max) => (&bytes[..max.min(bytes.len())], false),
            Act::Kill(max) => (&bytes[..max.min(bytes.len())], true),
        };
        self.got.lock().unwrap().push((taken.to_vec(), killed));
        if killed {
            resume_unwind(Box::new(Killed));
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A job that writes to a reader in memory, killed and run again.
struct Job {
    dir: tempfile::TempDir,
    product: Product,
    got: Got,
}

impl Job {
    fn new(product: Product) -> Job {
        Job { dir: tempfile::tempdir().unwrap(), product, got: Arc::default() }
    }

    fn ledger(&self) -> Delivery {
        Ledger::open(&self.dir.path().join("delivery"), 4711).unwrap().now()
    }

    fn open(&self, from: Option<Mark>, in_doubt: InDoubt, script: &[Act]) -> Result<Sink> {
        let path = self.dir.path().join("delivery");
        let ledger = match from {
            None => Ledger::create(&path, 4711)?,
            Some(_) => Ledger::open(&path, 4711)?,
        };
        let reader = Reader { script: script.to_vec(), got: self.got.clone() };
        let mut stream = Stream::new("out", Box::new(reader), true, false, ledger);
        let from = from.unwrap_or_default();
        let notice = stream.resume(&from, in_doubt)?;
        Ok(Sink::new("out", To::Stream(stream)).starting_at(from).with_notice(notice))
    }

    /// Runs to the end, unless killed; whether it was not.
    fn run(&self, sink: Sink, start: usize, mut step: impl FnMut() -> usize) -> bool {
        let run = catch_unwind(AssertUnwindSafe(|| {
            let (mut sink, mut at) = (sink, start);
            while at < self.product.bytes.len() {
                at = self.product.push(&mut sink, at, at + step());
                sink.deliver().unwrap();
            }
            sink.finish().unwrap();
        }));
        match run {
            Ok(()) => true,
            Err(cause) if cause.is::<Killed>() => false,
            Err(cause) => resume_unwind(cause),
        }
    }

    /// All that the reader has got.
    fn read(&self) -> Vec<u8> {
        self.got.lock().unwrap().iter().flat_map(|(bytes, _)| bytes.clone()).collect()
    }
}

fn start() -> Mark {
    Mark::default()
}

#[test]
fn writes_are_whole_rows_of_bounded_size() {
    let lengths = [100, 4000, 96, 97, 1, 4096, 9000, 50, 4097, 2000, 2000, 2000];
    for step in [1, 500, 10_000, 100_000] {
        let job = Job::new(Product::new(lengths));
        assert!(job.run(job.open(None, InDoubt::Repeat, &[]).unwrap(), 0, || step));
        assert!(job.read() == job.product.bytes);
        let mut at = 0;
        for (bytes, _) in job.got.lock().unwrap().iter() {
            let rows = job.product.rows_before(at + bytes.len()) - job.product.rows_before(at);
            at += bytes.len();
            assert!(job.product.ends.contains(&at), "a row is cut at {at}");
            assert!(bytes.len() <= 4096 || rows == 1, "{rows} rows in {} bytes", bytes.len());
        }
        // Rows that come together and fit are written together.
        assert!(step < 100_000 || job.got.lock().unwrap().len() == 9);
        let (counted, rows) = (job.product.bytes.len() as u64, lengths.len() as u64);
        let all = Delivery { counted, counted_rows: rows, announced: counted, announced_rows: rows };
        assert_eq!(job.ledger(), all);
    }
}

#[test]
fn partial_writes_are_continued() {
    let job = Job::new(Product::new([50, 60, 5000, 70]));
    let script =
        [Act::Take(1), Act::Interrupt, Act::Take(55), Act::Take(10), Act::Take(3000), Act::Interrupt];
    assert!(job.run(job.open(None, InDoubt::Repeat, &script).unwrap(), 0, || 100_000));
    assert!(job.read() == job.product.bytes);
}

/// A kill in the second of three writes, before, within and behind it, and what each answer makes of that.
#[test]
fn a_write_in_doubt_is_dealt_with_as_asked() {
    // Each case: what the second write does, and how far it is counted then.
    let whole = [0, 1, 39, 40, 69, 70].map(|taken| (vec![Act::Take(999), Act::Kill(taken)], 30, 30 + taken));
    let rest = [0, 9, 40].map(|taken| (vec![Act::Take(30), Act::Take(30), Act::Kill(taken)], 60, 60 + taken));
    let last = [0, 30].map(|taken| (vec![Act::Take(30), Act::Take(40), Act::Kill(taken)], 70, 70 + taken));
    for (script, counted, delivered) in whole.into_iter().chain(rest).chain(last) {
        let rows = if counted < 70 { "rows 2 to 3" } else { "row 3" };
        let killed = || {
            let job = Job::new(Product::new([30, 40, 30, 20]));
            let mut steps = [1, 41, 1].into_iter();
            let sink = job.open(None, InDoubt::Repeat, &script).unwrap();
            assert!(!job.run(sink, 0, || steps.next().unwrap()));
            assert_eq!((job.ledger().counted, job.ledger().announced), (counted, 100));
            job
        };
        for (in_doubt, from) in [(InDoubt::Repeat, counted as usize), (InDoubt::Skip, 100)] {
            // However the rows come this time.
            for step in [1, 41, 1000] {
                let job = killed();
                let sink = job.open(Some(start()), in_doubt, &[]).unwrap();
                let end = if in_doubt == InDoubt::Repeat {
                    "delivered twice"
                } else {
                    "not have been delivered at all"
                };
                assert_eq!(
                    sink.notice(),
                    Some(&*format!(
                        "out: {rows} may {}{end}",
                        if in_doubt == InDoubt::Repeat { "have been " } else { "" }
                    ))
                );
                assert!(job.run(sink, 0, || step));
                let want = [&job.product.bytes[..delivered], &job.product.bytes[from..]].concat();
                assert!(job.read() == want, "{in_doubt:?} {script:?}");
                // Once decided, it is decided.
                assert_eq!(job.open(Some(start()), InDoubt::Fail, &[]).unwrap().notice(), None);
            }
        }
        let job = killed();
        let before = job.ledger();
        let error = job.open(Some(start()), InDoubt::Fail, &[]).err().unwrap();
        assert!(error.to_string().contains(rows) && error.to_string().contains("--in-doubt skip"), "{error}");
        assert_eq!((error.exit_code(), job.ledger()), (1, before));
    }
}

/// What was in doubt stays so until the write has been made again, through kills and errors.
#[test]
fn doubt_outlasts_another_kill() {
    let job = Job::new(Product::new([30, 40, 30, 20]));
    assert!(!job.run(job.open(None, InDoubt::Repeat, &[Act::Kill(999)]).unwrap(), 0, || 100));
    assert_eq!((job.ledger().counted, job.ledger().announced), (0, 100));
    // The rows come one by one this time; the second write kills.
    let sink = job.open(Some(start()), InDoubt::Repeat, &[Act::Take(999), Act::Kill(0)]).unwrap();
    assert!(!job.run(sink, 0, || 1));
    assert_eq!((job.ledger().counted, job.ledger().announced, job.ledger().announced_rows), (30, 100, 3));
    let sink = job.open(Some(start()), InDoubt::Skip, &[]).unwrap();
    assert_eq!(sink.notice(), Some("out: rows 2 to 3 may not have been delivered at all"));
    assert!(job.run(sink, 0, || 1));
    let (all, bytes) = (job.read(), &job.product.bytes);
    assert!(all == [&bytes[..100], &bytes[..30], &bytes[100..]].concat());
}

/// The write in doubt is made again as it was, though more rows are there by then.
#[test]
fn doubt_does_not_grow() {
    let job = Job::new(Product::new([30, 40, 30, 20]));
    assert!(!job.run(job.open(None, InDoubt::Repeat, &[Act::Kill(0)]).unwrap(), 0, || 31));
    let before = job.ledger();
    assert_eq!((before.counted, before.announced), (0, 70));
    let sink = job.open(Some(start()), InDoubt::Repeat, &[Act::Kill(0)]).unwrap();
    assert!(!job.run(sink, 0, || 1000));
    assert_eq!(job.ledger(), before);
    assert!(job.run(job.open(Some(start()), InDoubt::Repeat, &[]).unwrap(), 0, || 1000));
    let lengths: Vec<_> = job.got.lock().unwrap().iter().map(|(bytes, _)| bytes.len()).collect();
    assert_eq!(lengths, [0, 0, 70, 50]);
}

#[test]
fn texts_are_kept_whole_and_are_no_rows() {
    let job = Job::new(Product::new([]));
    let mut sink = job.open(None, InDoubt::Repeat, &[Act::Kill(0)]).unwrap();
    sink.buffer().extend_from_slice(b"a,b\n");
    sink.end_text();
    assert!(catch_unwind(AssertUnwindSafe(|| sink.deliver())).is_err());
    let mut sink = job.open(Some(start()), InDoubt::Repeat, &[]).unwrap();
    assert_eq!(sink.notice(), Some("out: the header may have been delivered twice"));
    sink.buffer().extend_from_slice(b"a,b\n");
    sink.end_text();
    sink.push_row(&[b'x'; 4095]);
    // What no end follows is a text too.
    sink.buffer().extend_from_slice(&[b'y'; 9000]);
    let mark = sink.mark().unwrap().unwrap();
    assert_eq!(mark, Mark { len: 4 + 4095 + 9000, rows: 1, ..start() });
    let lengths: Vec<_> = job.got.lock().unwrap().iter().map(|(bytes, _)| bytes.len()).collect();
    assert_eq!(lengths, [0, 4, 4095, 9000]);
}

/// Kills at random, rows that come in other pieces each time, partial writes: the reader gets what an undisturbed
/// run writes, but for each write in doubt.
#[test]
fn killed_at_random() {
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let longest = [40, 400, 9000][random.usize(..3)];
        let job = Job::new(Product::new((0..60).map(|_| random.usize(1..longest))));
        let end = job.product.bytes.len();
        let in_doubt = if random.bool() { InDoubt::Repeat } else { InDoubt::Skip };
        let (mut marks, mut want, mut kills) = (vec![], vec![], 0);
        loop {
            let mut script: Vec<Act> = (0..random.usize(..12)).map(|_| act(&mut random, longest)).collect();
            if kills < 15 {
                script.push(Act::Kill(if random.bool() { 0 } else { usize::MAX }));
            }
            let from = marks.iter().rev().nth(random.usize(..2)).or(marks.last()).copied();
            let before = if from.is_some() { job.ledger() } else { Delivery::default() };
            let sink = job.open(from, in_doubt, &script).unwrap();
            assert_eq!(sink.notice().is_some(), before.counted < before.announced, "seed {seed}");
            // What is to come of this run, from the page alone.
            let begun = if in_doubt == InDoubt::Skip { before.announced } else { before.counted };
            let got_before = job.read().len();
            let mark = from.unwrap_or_default();
            if from.is_none() {
                marks.push(mark);
            }
            let most = [10, 1000, 20_000][random.usize(..3)];
            let steps = std::cell::RefCell::new(&mut random);
            let done = job.run(sink, mark.len as usize, || steps.borrow_mut().usize(1..most));
            want.extend_from_slice(&job.product.bytes[begun as usize..][..job.read().len() - got_before]);
            assert!(job.read() == want, "seed {seed}");
            let after = job.ledger();
            if done {
                assert_eq!((after.counted, after.announced), (end as u64, end as u64), "seed {seed}");
                break;
            }
            kills += 1;
            // The reader has what is counted, and nothing behind what is announced.
            let reached = begun as usize + job.read().len() - got_before;
            assert!((after.counted as usize..=after.announced as usize).contains(&reached), "seed {seed}");
            assert!(after.announced - after.counted <= 4096.max(longest as u64), "seed {seed}");
            let rows = |at: u64| job.product.rows_before(at as usize) as u64;
            assert_eq!(
                (after.counted_rows, after.announced_rows),
                (rows(after.counted), rows(after.announced))
            );
            // Any checkpoint between the last one and what was counted.
            let last = marks.last().map_or(0, |mark: &Mark| mark.rows as usize);
            let row = random.usize(last..=after.counted_rows as usize);
            let len = if row == 0 { 0 } else { job.product.ends[row - 1] as u64 };
            marks.push(Mark { len, rows: row as u64, ..start() });
        }
    }
}

fn act(random: &mut fastrand::Rng, longest: usize) -> Act {
    match random.u8(..10) {
        0 => Act::Interrupt,
        1..4 => Act::Take(random.usize(1..longest)),
        4 => Act::Kill(random.usize(..longest)),
        _ => Act::Take(usize::MAX),
    }
}

#[test]
fn the_ledger_and_the_checkpoint_must_agree() {
    let job = Job::new(Product::new([30, 40]));
    assert!(job.run(job.open(None, InDoubt::Repeat, &[]).unwrap(), 0, || 1000));
    let mark = Mark { len: 71, rows: 3, ..start() };
    let why = job.open(Some(mark), InDoubt::Repeat, &[]).err().unwrap();
    assert!(why.to_string().contains("71 bytes") && why.to_string().contains("says 70"), "{why}");
    // Less is produced than was delivered.
    let shorter = Job { product: Product::new([30]), ..job };
    let mut sink = shorter.open(Some(start()), InDoubt::Repeat, &[]).unwrap();
    let error = shorter.product.complete(&mut sink, 0, 100).unwrap_err();
    assert!(matches!(&error, Error::Usage(why) if why.contains("70 bytes") && why.contains("only 30")));
}

/// On a terminal a row is longer than what was produced; positions are those of what was produced.
#[test]
fn terminals_are_not_driven() {
    let job = Job::new(Product::new([]));
    let ledger = Ledger::create(&job.dir.path().join("delivery"), 4711).unwrap();
    let reader = Reader { script: vec![Act::Take(3)], got: job.got.clone() };
    let stream = Stream::new("tty", Box::new(reader), true, true, ledger);
    let mut sink = Sink::new("tty", To::Stream(stream));
    sink.push_row("é\u{1b}[2J\n".as_bytes());
    assert_eq!(sink.mark().unwrap(), Some(Mark { len: 7, rows: 1, ..start() }));
    assert_eq!(job.read(), "é\\u{1b}[2J\n".as_bytes());
    assert_eq!(job.ledger(), Delivery { counted: 7, counted_rows: 1, announced: 7, announced_rows: 1 });
}

/// The other rows of the table of what a process sees about its standard output: what is no regular file is
/// accounted for, whatever it answers to a seek.
#[test]
fn what_is_no_regular_file_is_a_stream() {
    let product = Product::new([30, 40, 30]);
    let dir = tempfile::tempdir().unwrap();
    let durable = durable(dir.path(), InDoubt::Repeat);
    let (mut socket_out, socket) = UnixStream::pair().unwrap();
    let (mut pipe_out, pipe) = io::pipe().unwrap();
    let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
    for file in
        [File::from(std::os::fd::OwnedFd::from(pipe)), File::from(std::os::fd::OwnedFd::from(socket)), null]
    {
        let mut sink = durable.rows("standard output", file, &Origin::Stdout, None).unwrap();
        assert!(!sink.is_regular());
        let at = product.push(&mut sink, 0, 70);
        let mark = sink.mark().unwrap().unwrap();
        assert_eq!(mark, Mark { len: 70, rows: 2, ..start() });
        sink.sync_handle().unwrap().sync().unwrap();
        product.complete(&mut sink, at, 1000).unwrap();
    }
    let (mut from_pipe, mut from_socket) = (Vec::new(), Vec::new());
    pipe_out.read_to_end(&mut from_pipe).unwrap();
    socket_out.read_to_end(&mut from_socket).unwrap();
    assert!(from_pipe == product.bytes && from_socket == product.bytes);
}

/// A pipe that takes a part of a long row and no more.
#[test]
fn a_full_pipe_is_continued_where_it_stopped() {
    let product = Product::new([10, 100_000, 20]);
    let dir = tempfile::tempdir().unwrap();
    let durable = durable(dir.path(), InDoubt::Fail);
    let (mut out, pipe) = io::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&pipe, 4096).unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
    let open = |from| durable.rows("standard output", pipe.try_clone().unwrap(), &Origin::Stdout, from);
    let flags = rustix::fs::fcntl_getfl(&pipe).unwrap();
    rustix::fs::fcntl_setfl(&pipe, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    let mut sink = open(None).unwrap();
    let mut at = product.push(&mut sink, 0, 1);
    let mark = sink.mark().unwrap();
    at = product.push(&mut sink, at, at + 1);
    assert!(matches!(sink.deliver(), Err(Error::Output { .. })), "{at}");
    drop(sink);
    // The failed write is not in doubt, or this would fail.
    rustix::fs::fcntl_setfl(&pipe, flags).unwrap();
    let mut sink = open(mark).unwrap();
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        out.read_to_end(&mut got).unwrap();
        got
    });
    product.complete(&mut sink, 10, 1).unwrap();
    drop((sink, open));
    drop(pipe);
    assert!(reader.join().unwrap() == product.bytes);
}

#[test]
fn what_could_not_be_written_is_not_counted() {
    let product = Product::new([30, 40]);
    let dir = tempfile::tempdir().unwrap();
    let durable = durable(dir.path(), InDoubt::Repeat);
    let delivered = || Ledger::open(&dir.path().join("delivery"), 4711).unwrap().now();
    // A reader that goes away after the first row.
    let (mut out, pipe) = io::pipe().unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
    let mut sink = durable.rows("standard output", pipe, &Origin::Stdout, None).unwrap();
    let at = product.push(&mut sink, 0, 1);
    sink.deliver().unwrap();
    out.read_exact(&mut [0; 30]).unwrap();
    drop(out);
    product.push(&mut sink, at, at + 1);
    assert!(matches!(sink.deliver(), Err(Error::ReaderGone)));
    assert!(sink.mark().is_err() && sink.finish().is_err());
    let first = Delivery { counted: 30, counted_rows: 1, announced: 30, announced_rows: 1 };
    assert_eq!(delivered(), first);
    // A named pipe is an output like any other.
    let path = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let out =
        OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32).open(&path);
    let mut sink = durable.output(&path, None).unwrap();
    product.push(&mut sink, 0, 1);
    drop(out);
    assert!(
        matches!(sink.deliver(), Err(Error::Output { target, .. }) if target == path.display().to_string())
    );
    assert_eq!(delivered(), Delivery::default());
    // A device that is full.
    let mut sink = durable.output(Path::new("/dev/full"), None).unwrap();
    product.push(&mut sink, 0, 1);
    assert!(
        matches!(sink.deliver(), Err(Error::Output { cause, .. }) if cause.kind() == io::ErrorKind::StorageFull)
    );
    assert_eq!(delivered(), Delivery::default());
    assert_eq!(fs::metadata(dir.path().join("delivery")).unwrap().len(), 4096);
}
