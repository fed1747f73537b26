//! Runs the binary on hostile input: fed through a pipe or started by a shell, with its peak memory measured
//! and an end put to it if it hangs.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program under test.
pub const WINDROW: &str = env!("CARGO_BIN_EXE_windrow");

/// Whoever runs longer than this hangs: 100 s, or what `WINDROW_PATIENCE` says.
fn patience() -> Duration {
    let seconds = std::env::var("WINDROW_PATIENCE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(100))
}

/// How a run ended.
pub struct Ended {
    /// The exit code; 128 and the number of the signal if one ended it.
    pub code: i32,
    /// What it wrote to standard output, if that was a pipe.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// The most memory it has had in use, in MiB.
    pub peak_mib: i64,
    /// Wall time.
    pub took: Duration,
}

/// A run of these arguments with two threads, without input.
pub fn windrow<A: AsRef<OsStr>>(args: &[A]) -> Ended {
    feed(args, |_| Ok(()))
}

/// The same, started in this directory.
pub fn windrow_in<A: AsRef<OsStr>>(directory: &std::path::Path, args: &[A]) -> Ended {
    let mut command = Command::new(WINDROW);
    command.arg("--threads=2").args(args).current_dir(directory);
    finish(command, |_| Ok(()))
}

/// A run whose standard input is what `write` writes.
pub fn feed<A: AsRef<OsStr>>(
    args: &[A],
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Ended {
    let mut command = Command::new(WINDROW);
    command.arg("--threads=2").args(args);
    finish(command, write)
}

/// A shell script; `$W` is the program under test.
pub fn shell(script: &str, directory: &std::path::Path) -> Ended {
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(directory);
    finish(command, |_| Ok(()))
}

fn finish(
    mut command: Command,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Ended {
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).env("W", WINDROW);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let stdin = child.stdin.take().expect("it was asked for");
    let feeder = thread::spawn(move || {
        // A program that stops reading is judged by what it says.
        let mut stdin = io::BufWriter::with_capacity(1 << 16, stdin);
        let _ = write(&mut stdin).and_then(|()| stdin.flush());
    });
    let stdout = drain(child.stdout.take().expect("it was asked for"));
    let stderr = drain(child.stderr.take().expect("it was asked for"));
    let (status, peak_kib) = wait(&mut child, started);
    feeder.join().expect("the feeder does not panic");
    Ended {
        code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        stdout: stdout.join().expect("reading does not panic"),
        stderr: stderr.join().expect("reading does not panic"),
        peak_mib: peak_kib / 1024,
        took: started.elapsed(),
    }
}

fn drain(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the child, and kills one that hangs. The second is its peak memory in KiB.
///
/// The peak is looked up while the child runs: what the system says of a child that has ended counts the memory
/// of the test's own process too, of which it was a copy before it became the program.
fn wait(child: &mut Child, started: Instant) -> (ExitStatus, i64) {
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    loop {
        let program =
            std::fs::read_link(format!("/proc/{}/exe", child.id())).is_ok_and(|exe| exe != own_exe());
        if program && let Some(now) = std::fs::read_to_string(&status).ok().as_deref().and_then(high_water) {
            peak_kib = peak_kib.max(now);
        }
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return (status, peak_kib);
        }
        if started.elapsed() > patience() {
            child.kill().expect("it has not been waited for");
            panic!("the program hangs");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn own_exe() -> std::path::PathBuf {
    std::env::current_exe().expect("a test is a program")
}

/// The peak memory in KiB that a process status file tells of.
fn high_water(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

impl Ended {
    /// Checks the exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "stderr: {}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert!(!self.stderr.contains("internal error"), "{}", self.stderr);
        self
    }

    /// Checks that all rows are these lines.
    #[track_caller]
    pub fn rows(self, rows: &[&str]) -> Ended {
        assert_eq!(self.stdout.lines().collect::<Vec<_>>(), rows, "stderr: {}", self.stderr);
        self
    }

    /// Checks that the message holds this.
    #[track_caller]
    pub fn says(self, part: &str) -> Ended {
        assert!(self.stderr.contains(part), "expected {part:?} in: {}", self.stderr);
        assert!(self.stderr.len() < 4_000, "a message of {} bytes", self.stderr.len());
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!self.stderr.contains(control), "control characters in {:?}", self.stderr);
        self
    }

    /// Checks that there is no message at all.
    #[track_caller]
    pub fn silent(self) -> Ended {
        assert_eq!(self.stderr, "");
        self
    }

    /// Checks the peak memory.
    #[track_caller]
    pub fn within_mib(self, mib: i64) -> Ended {
        assert!(self.peak_mib <= mib, "{} MiB, bound {mib}", self.peak_mib);
        self
    }
}

/// The account that `--stats=json` gives: read, accepted, late, bad, in this order.
pub fn account(ended: &Ended) -> [u64; 4] {
    let json = ended.stderr.lines().find(|line| line.starts_with('{')).expect("--stats=json was given");
    let stats: serde_json::Value = serde_json::from_str(json).expect("the account is JSON");
    ["read", "accepted", "late", "bad"].map(|name| stats[name].as_u64().expect("a count"))
}
