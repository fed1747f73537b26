//! The suites find what they are there to find: faults are planted in windrow, and each must be caught by the suite
//! that its patch names. Faults in the order of calls are planted in logs of calls, where they need no build.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::disk::Op;
use crate::place::{WINDROW, Way};
use crate::power::{self, Fate};
use crate::size::{by_size, random};

/// A fault in the order of calls.
struct Misorder {
    name: &'static str,
    /// Where the rows of the jobs go that show it.
    way: Way,
    /// Whether a call is made.
    keep: fn(&Op) -> bool,
    /// Whether renames come before the call in front of them.
    rename_early: bool,
}

fn is_sync_of(op: &Op, is_it: impl Fn(&str) -> bool) -> bool {
    matches!(op, Op::Sync(name) if is_it(name))
}

const MISORDERS: [Misorder; 7] = [
    Misorder {
        name: "output not synced",
        way: Way::Named,
        keep: |op| !is_sync_of(op, |name| name == "out"),
        rename_early: false,
    },
    Misorder {
        name: "late and bad files not synced",
        way: Way::Named,
        keep: |op| !is_sync_of(op, |name| name == "late" || name == "bad"),
        rename_early: false,
    },
    Misorder {
        name: "name of the output not synced",
        way: Way::Named,
        keep: |op| !is_sync_of(op, |name| name == "."),
        rename_early: false,
    },
    Misorder {
        name: "ids not synced",
        way: Way::Named,
        keep: |op| !is_sync_of(op, |name| name.starts_with("state/ids")),
        rename_early: false,
    },
    Misorder {
        name: "checkpoint not synced",
        way: Way::Append,
        keep: |op| !is_sync_of(op, |name| name == "state/checkpoint.new"),
        rename_early: false,
    },
    Misorder {
        name: "directory not synced",
        way: Way::Append,
        keep: |op| !is_sync_of(op, |name| name == "state"),
        rename_early: false,
    },
    Misorder { name: "renamed before it is synced", way: Way::Append, keep: |_| true, rename_early: true },
];

impl Misorder {
    fn plant(&self, ops: &[Op]) -> Vec<Op> {
        let mut planted: Vec<Op> = Vec::new();
        for op in ops.iter().filter(|op| (self.keep)(op)) {
            match op {
                Op::Rename { from, to } if self.rename_early => {
                    let before = planted.iter().rposition(|op| is_sync_of(op, |name| name == from));
                    let before = before.expect("it was synced");
                    planted[before] = op.clone();
                    planted.push(Op::Sync(to.clone()));
                }
                op => planted.push(op.clone()),
            }
        }
        // Behind the first checkpoint there is always one to fall back to.
        planted.truncate(if self.rename_early { 30 } else { usize::MAX });
        assert_ne!(planted, ops, "{}: nothing was planted", self.name);
        planted
    }
}

#[test]
fn calls_in_the_wrong_order_are_found() {
    let mut random = random("planted, calls");
    let jobs = power::jobs();
    let job = jobs.iter().find(|job| job.name == "tumbling").expect("it is there");
    let mut caught = Vec::new();
    for misorder in &MISORDERS {
        let logged = power::logged(job, misorder.way, 2, 0, false).expect("an undisturbed run");
        let planted = misorder.plant(&logged.ops);
        let logged = logged.with(planted);
        let (mut states, mut wrong, mut refused) = (0, 0, 0);
        while wrong + refused == 0 {
            let fates = power::fates(&logged, 100, &mut random);
            states += fates.len();
            wrong += fates.iter().filter(|fate| matches!(fate, Fate::Wrong(_))).count();
            refused += fates.iter().filter(|fate| matches!(fate, Fate::Refused(_))).count();
            assert!(states < 2_000, "planted: {}: none of {states} states shows it", misorder.name);
        }
        caught.push(format!("{} ({states} states: {wrong} wrong, {refused} refused)", misorder.name));
    }
    println!("planted, calls: {} of {} found: {}", caught.len(), MISORDERS.len(), caught.join(", "));
}

/// A fault in the program.
struct Bug {
    name: String,
    patch: PathBuf,
    /// The test that catches it.
    suite: String,
}

fn bugs() -> Vec<Bug> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/bugs");
    let mut bugs = Vec::new();
    for entry in std::fs::read_dir(dir).expect("the patches are there") {
        let patch = entry.expect("the patches are there").path();
        let text = std::fs::read_to_string(&patch).expect("a patch is text");
        let suite =
            text.lines().find_map(|line| line.strip_prefix("Caught by: ")).expect("a patch names a suite");
        let name = patch.file_stem().expect("it has a name").to_string_lossy().into_owned();
        bugs.push(Bug { name, suite: suite.to_owned(), patch });
    }
    bugs.sort_by(|a, b| a.name.cmp(&b.name));
    bugs
}

/// A copy of the sources, in which faults can be planted and built.
struct Copy {
    dir: PathBuf,
}

impl Copy {
    fn new() -> Copy {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bugs");
        let tree = dir.join("tree");
        let _ = std::fs::remove_dir_all(&tree);
        std::fs::create_dir_all(&tree).expect("a directory");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["src", "tests", "Cargo.toml", "Cargo.lock", "README.md"] {
            done("cp", Command::new("cp").arg("-a").arg(root.join(name)).arg(&tree));
        }
        let debug = dir.join("target/debug");
        if !debug.exists() {
            std::fs::create_dir_all(&debug).expect("a directory");
            // Dependencies are not built again. What cargo writes are new files, so links will do.
            let built = Path::new(WINDROW).parent().expect("it is in a directory");
            for name in ["deps", "build", ".fingerprint"] {
                done("cp", Command::new("cp").arg("-al").arg(built.join(name)).arg(&debug));
            }
        }
        Copy { dir }
    }

    /// The program with a fault in it.
    fn build(&self, bug: &Bug) -> PathBuf {
        self.patch(bug, &[]);
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--quiet", "--offline", "--bin", "windrow", "--target-dir"])
            .arg(self.dir.join("target"));
        done(&bug.name, cargo.current_dir(self.dir.join("tree")));
        self.patch(bug, &["-R"]);
        let program = self.dir.join(&bug.name);
        std::fs::copy(self.dir.join("target/debug/windrow"), &program).expect("it was built");
        program
    }

    fn patch(&self, bug: &Bug, more: &[&str]) {
        let mut apply = Command::new("git");
        // The copy stands within a repository, which is not meant.
        apply
            .args(["apply", "--unidiff-zero"])
            .args(more)
            .arg(&bug.patch)
            .env("GIT_CEILING_DIRECTORIES", &self.dir);
        done(&bug.name, apply.current_dir(self.dir.join("tree")));
    }
}

fn done(what: &str, command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{what}: {command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The program changes, and what its faults are planted in with it.
#[test]
fn all_bugs_can_be_planted() {
    let bugs = bugs();
    assert!(bugs.len() >= 12, "{} bugs", bugs.len());
    for bug in &bugs {
        let mut check = Command::new("git");
        check.args(["apply", "--check"]).arg(&bug.patch).current_dir(env!("CARGO_MANIFEST_DIR"));
        done(&bug.name, &mut check);
    }
}

#[test]
fn bugs_are_found() {
    let mut bugs = bugs();
    if let Ok(name) = std::env::var("WINDROW_BUG") {
        bugs.retain(|bug| bug.name == name);
    } else {
        random("planted").shuffle(&mut bugs);
        bugs.truncate(by_size(0, 2, usize::MAX));
    }
    if bugs.is_empty() {
        return;
    }
    let copy = Copy::new();
    let mut missed = Vec::new();
    for bug in &bugs {
        let program = copy.build(bug);
        // What little finds at once need not be looked for at length.
        let caught = ["quick", "short", "short", "short"].iter().any(|size| is_caught(bug, &program, size));
        println!("planted: {} {} by {}", bug.name, if caught { "is caught" } else { "IS MISSED" }, bug.suite);
        std::fs::remove_file(program).expect("it was built");
        if !caught {
            missed.push(&bug.name);
        }
    }
    assert!(missed.is_empty(), "planted: not caught: {missed:?}");
    println!("planted: {} of {} bugs caught", bugs.len(), bugs.len());
}

/// Whether the suite that should catch a fault does.
fn is_caught(bug: &Bug, program: &Path, size: &str) -> bool {
    let suite = Command::new(std::env::current_exe().expect("a test is a program"))
        .args(["--exact", &bug.suite, "--nocapture"])
        .env("WINDROW_BIN", program)
        .env("WINDROW_FAULTS", size)
        .env_remove("WINDROW_LONG")
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("a test is a program");
    let text = [suite.stdout, suite.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("running 1 test"), "{} names no test: {}", bug.name, bug.suite);
    !suite.status.success()
}
