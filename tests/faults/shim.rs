//! The library that is preloaded to make single calls fail (`shim.c`), and the check that it sees them all.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What happens to a call; see `shim.c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: calls are logged.
    None,
    /// A kill before it.
    Kill,
    /// A kill in the middle of it.
    Torn,
    /// An error of the disk.
    Eio,
    /// A full disk.
    Enospc,
    /// A signal that interrupts it.
    Eintr,
    /// A write that takes only part of the bytes.
    Short,
}

/// Those that disturb.
pub const MODES: [Mode; 6] = [Mode::Kill, Mode::Torn, Mode::Eio, Mode::Enospc, Mode::Eintr, Mode::Short];

/// What a shim is to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What happens.
    pub mode: Mode,
    /// To which call, from 1.
    pub at: usize,
}

impl Plan {
    /// Nothing but a log.
    pub const LOG: Plan = Plan { mode: Mode::None, at: 0 };

    /// Has a command run with the shim; `root` is where its files are, `aside` takes those of the shim.
    pub fn apply(&self, command: &mut Command, root: &Path, aside: &Path) {
        let mode = format!("{:?}", self.mode).to_lowercase();
        let _ = std::fs::remove_file(aside.join("fired"));
        let _ = std::fs::remove_file(aside.join("log"));
        command.env("LD_PRELOAD", library()).env("SHIM_ROOT", root).env("SHIM_MODE", mode);
        command.env("SHIM_AT", self.at.to_string()).env("SHIM_FIRED", aside.join("fired"));
        command.env("SHIM_LOG", aside.join("log"));
    }
}

/// What a shim has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The number of the call.
    pub number: usize,
    /// The call.
    pub call: String,
    /// The file, as seen from the root; `stdout` for a pipe.
    pub name: String,
}

/// What the shim of the last run has left, which is taken away.
pub fn outcome(aside: &Path) -> (Option<Fired>, String) {
    let take = |name: &str| {
        let path = aside.join(name);
        let text = std::fs::read_to_string(&path).ok();
        let _ = std::fs::remove_file(path);
        text
    };
    let fired = take("fired").map(|text| {
        let mut words = text.split_whitespace().map(str::to_owned);
        let mut word = || words.next().expect("the shim writes three words");
        Fired { number: word().parse().expect("a number"), call: word(), name: word() }
    });
    (fired, take("log").unwrap_or_default())
}

/// How many calls a log has.
pub fn calls(log: &str) -> usize {
    log.lines().filter(|line| !line.starts_with("page ")).count()
}

/// The compiled shim.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compiled("shim.c", "shim.so", &["-shared", "-fPIC"]))
}

/// What a C file here compiles to, under this name.
pub fn compiled(source: &str, name: &str, options: &[&str]) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (own, path) = (dir.join(format!("{name}-{}", std::process::id())), dir.join(name));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults").join(source);
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-Wall", "-Wextra", "-Werror"]).args(options).arg("-o").args([&own, &source]);
    assert!(
        compiler.status().expect("a C compiler is there").success(),
        "{} does not compile",
        source.display()
    );
    // Another run of the tests may be using the one that is there.
    std::fs::rename(own, &path).expect("it was compiled");
    path
}
