//! What the tests of metrics have in common: a job that reads a pipe which the test writes to, and a client.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::exposition::Metrics;

/// A run takes milliseconds.
pub const HANGS_AFTER: Duration = Duration::from_secs(60);

/// What standard input is called.
pub const STDIN: &str = "(standard input)";

/// The binary with these arguments, no input, and pipes for what it says.
pub fn windrow(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
#[track_caller]
pub fn run(dir: &Path, args: &[&str]) -> Output {
    windrow(dir, args).output().expect("windrow can be started")
}

/// Text that it has written.
pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("windrow writes UTF-8")
}

/// The metrics in a file.
#[track_caller]
pub fn file(path: &Path) -> Metrics {
    Metrics::of(&fs::read_to_string(path).expect("the file is there"))
}

/// A job that reads a pipe which the test writes to, and the address where its metrics are.
pub struct Watched {
    /// The process.
    pub child: Child,
    input: Option<ChildStdin>,
    address: String,
}

impl Watched {
    /// Starts a run, and waits until it has told where its metrics are.
    pub fn start(dir: &Path, args: &[&str]) -> Watched {
        let listen = [args, &["--metrics-listen", "127.0.0.1:0"]].concat();
        let mut command = windrow(dir, &listen);
        let err = dir.join("err");
        let mut child = command
            .stdin(Stdio::piped())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .expect("windrow can be started");
        let mut address = String::new();
        wait_until("no address is told", || {
            let told = fs::read_to_string(&err).unwrap();
            let found = told.lines().find_map(|line| line.strip_prefix("windrow: metrics at http://"));
            found
                .and_then(|url| url.strip_suffix("/metrics"))
                .map(|found| address = found.to_owned())
                .is_some()
        });
        Watched { input: child.stdin.take(), child, address }
    }

    /// Sends events.
    pub fn send(&mut self, events: &str) {
        let input = self.input.as_mut().expect("the input goes on");
        input.write_all(events.as_bytes()).expect("it is read");
    }

    /// A connection to where the metrics are.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("somebody listens");
        stream.set_read_timeout(Some(HANGS_AFTER)).unwrap();
        stream
    }

    /// The whole answer to what is sent.
    #[track_caller]
    pub fn answer(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).expect("it is read");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("there is an answer");
        String::from_utf8(answer).expect("answers are UTF-8")
    }

    /// What `/metrics` says, which is read strictly.
    #[track_caller]
    pub fn scrape(&self) -> Metrics {
        let answer = self.answer(b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").expect("there is a head");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        Metrics::of(body)
    }

    /// Waits until so many records have been read.
    #[track_caller]
    pub fn wait_for(&self, records: f64) -> Metrics {
        let mut found = None;
        wait_until("records are not read", || {
            let now = self.scrape();
            let read = now.get("windrow_input_records_total", &[("input", STDIN)]);
            found = Some(now);
            read == Some(records)
        });
        found.expect("it was scraped")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        signal_to(&self.child, signal);
    }

    /// Ends the input, and waits for the end of the run: its exit code and its rows.
    #[track_caller]
    pub fn finish(mut self) -> (Option<i32>, String) {
        self.input = None;
        let mut rows = String::new();
        self.child.stdout.take().expect("it is a pipe").read_to_string(&mut rows).expect("rows are UTF-8");
        (ended(&mut self.child), rows)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // A test that has failed leaves nothing behind.
        let _ = self.child.kill();
    }
}

/// Sends a signal.
pub fn signal_to(child: &Child, signal: Signal) {
    let process = Pid::from_raw(child.id() as i32).expect("it has a number");
    kill_process(process, signal).expect("it runs");
}

/// Waits for something that takes milliseconds, and fails the test if it does not come.
#[track_caller]
pub fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < HANGS_AFTER, "{what}");
        std::thread::yield_now();
    }
}

/// Waits for the end of a run; its exit code, unless a signal ended it.
#[track_caller]
pub fn ended(child: &mut Child) -> Option<i32> {
    let mut status = None;
    wait_until("it goes on", || {
        status = child.try_wait().expect("it is ours");
        status.is_some()
    });
    status.and_then(|status| status.code())
}

/// Events of these seconds: one in seven without a time, one in five filtered, one in eleven a repeat, some late.
pub fn events(seconds: std::ops::Range<u64>) -> String {
    let event = |n: u64| {
        let id = if n % 11 == 10 { n - 1 } else { n };
        let second = if n % 13 == 12 { n.saturating_sub(1000) } else { n };
        match n % 7 {
            6 => format!("{{\"id\":{id},\"k\":{}}}\n", n % 5),
            _ => format!("{{\"t\":{second},\"id\":{id},\"k\":{}}}\n", n % 5),
        }
    };
    seconds.map(event).collect()
}

/// A job over such events, without its windows.
pub const JOB: [&str; 16] = [
    "-t",
    "t",
    "-i",
    "id",
    "-b",
    "k",
    "-d",
    "3s",
    "--bad",
    "skip",
    "--where",
    "k <> 4",
    "--remember",
    "1h",
    "-f",
    "ndjson",
];

/// The same with more options, and inputs.
pub fn job<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&JOB[..], more].concat()
}

/// `read = accepted + filtered + late + duplicate + bad`, at any moment.
#[track_caller]
pub fn check_identity(metrics: &Metrics) {
    let any = ("", "");
    let late = |outcome| metrics.sum("windrow_late_records_total", ("outcome", outcome));
    let counted = metrics.sum("windrow_accepted_records_total", any)
        + metrics.sum("windrow_records_skipped_total", any)
        + metrics.sum("windrow_duplicate_records_total", any)
        + late("dropped")
        + late("side_output");
    assert_eq!(metrics.sum("windrow_input_records_total", any), counted);
}
