//! How long one waits for windrow when there is little to do:
//!
//!     cargo bench --bench latency -- target/release/windrow
//!
//! From the start of the process to the first byte of the rows of a file of 10 lines; and, through a pipe with 10
//! events a second, from the writing of the event that closes a window until that window's row can be read.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 50;
const EVENTS: u64 = 100;
const BETWEEN_EVENTS: Duration = Duration::from_millis(100);
/// 1 July 2021, 00:00 UTC, in milliseconds.
const START_MS: u64 = 1_625_097_600_000;

fn event(n: u64) -> String {
    format!("{{\"ts\":{},\"page\":\"/p/{n:02}\",\"bytes\":{n}}}\n", START_MS + n * 100)
}

/// Each event closes the window of the one before it.
fn windrow(binary: &str) -> Command {
    let mut command = Command::new(binary);
    command.args(["-q", "-t", "ts", "-w", "100ms", "-d", "0s", "-b", "page", "-a", "count(*), sum(bytes)"]);
    command.stdout(Stdio::piped());
    command
}

fn first_byte(binary: &str, file: &Path) -> io::Result<Duration> {
    let start = Instant::now();
    let mut child = windrow(binary).arg(file).spawn()?;
    let mut out = child.stdout.take().expect("it is a pipe");
    out.read_exact(&mut [0])?;
    let waited = start.elapsed();
    io::copy(&mut out, &mut io::sink())?;
    child.wait()?;
    Ok(waited)
}

fn starts(binary: &str) -> io::Result<Vec<Duration>> {
    let file = std::env::temp_dir().join(format!("windrow-latency-{}.ndjson", std::process::id()));
    std::fs::write(&file, (0..10).map(event).collect::<String>())?;
    let all = (0..STARTS).map(|_| first_byte(binary, &file)).collect();
    std::fs::remove_file(&file)?;
    all
}

fn through_pipe(binary: &str) -> io::Result<Vec<Duration>> {
    let mut child = windrow(binary).arg("-").stdin(Stdio::piped()).spawn()?;
    let mut events = child.stdin.take().expect("it is a pipe");
    let rows = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let reader = std::thread::spawn(move || {
        rows.lines().map(|row| row.map(|_| Instant::now())).collect::<io::Result<Vec<Instant>>>()
    });
    let mut written = Vec::new();
    for n in 0..EVENTS {
        written.push(Instant::now());
        events.write_all(event(n).as_bytes())?;
        std::thread::sleep(BETWEEN_EVENTS);
    }
    drop(events);
    let read = reader.join().expect("the reader does not panic")?;
    child.wait()?;
    if read.len() as u64 != EVENTS {
        return Err(io::Error::other(format!("{} rows of {EVENTS} events", read.len())));
    }
    // The last window is closed by the end of the input.
    Ok(written
        .iter()
        .skip(1)
        .zip(&read)
        .map(|(written, read)| read.saturating_duration_since(*written))
        .collect())
}

fn show(what: &str, mut all: Vec<Duration>) {
    all.sort_unstable();
    let millis = |at: usize| all[at].as_secs_f64() * 1e3;
    let last = all.len() - 1;
    println!("{what}: median {:.2} ms, most {:.2} ms of {}", millis(last / 2), millis(last), all.len());
}

fn main() -> io::Result<()> {
    // Cargo passes `--bench` along.
    let binary = std::env::args().skip(1).find(|arg| arg != "--bench");
    let binary = binary.unwrap_or("target/release/windrow".to_owned());
    show("start to first byte, file of 10 lines", starts(&binary)?);
    show("from the event that closes a window to its row, pipe, 10 events/s", through_pipe(&binary)?);
    Ok(())
}
