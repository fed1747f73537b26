//! A directory in which one job is run, disturbed, and run again until it is done; and whether what comes out is what
//! should.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;
use windrow::checkpoint::inspect::look;
use windrow::checkpoint::written::EndingV1;

use crate::disk::Tree;
use crate::jobs::Job;
use crate::parallel::Checked;
use crate::reader::Reader;
use crate::run::{Disturbance, Ended, wait};
use crate::shim::{self, Mode, Plan};

/// The program as it is.
pub const WINDROW: &str = env!("CARGO_BIN_EXE_windrow");

/// The program that is disturbed: as it is, or `WINDROW_BIN`, a version with a fault in it.
pub fn program() -> PathBuf {
    std::env::var_os("WINDROW_BIN").map_or_else(|| WINDROW.into(), PathBuf::from)
}

/// A directory that goes when it is dropped; in memory where the system has such.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    }
    .expect("a directory")
}

/// Where rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `--output out`.
    Named,
    /// `>> out`, behind what others have written.
    Append,
    /// `1<> out`.
    ReadWrite,
    /// A pipe, with `--row-id` where rows can be numbered.
    Pipe,
}

/// All of them.
pub const WAYS: [Way; 4] = [Way::Named, Way::Append, Way::ReadWrite, Way::Pipe];

/// What others have written in front of our rows.
const BEFORE: &[u8] = b"by others\n";

/// A job in a directory.
pub struct Place<'j> {
    /// The job.
    pub job: &'j Job,
    way: Way,
    /// With how many threads it is run next.
    pub threads: usize,
    /// Whether it is begun anew next, whatever there is.
    pub replay: bool,
    dir: TempDir,
    /// What is none of the job's business: its standard error, files of the shim.
    aside: TempDir,
    /// How many runs over the growing input are done.
    phase: usize,
    /// Whether a run over the input as it is has come to its end.
    is_done: bool,
    /// What whoever reads the pipe has.
    reader: Reader,
}

impl<'j> Place<'j> {
    /// A place for a job that has not begun.
    pub fn new(job: &'j Job, way: Way, threads: usize) -> Place<'j> {
        Place::in_dir(scratch(), job, way, threads)
    }

    /// The same in a directory of this one.
    pub fn within(parent: &Path, job: &'j Job, way: Way, threads: usize) -> Place<'j> {
        Place::in_dir(tempfile::tempdir_in(parent).expect("a directory"), job, way, threads)
    }

    fn in_dir(dir: TempDir, job: &'j Job, way: Way, threads: usize) -> Place<'j> {
        let aside = scratch();
        let place = Place {
            job,
            way,
            threads,
            replay: false,
            dir,
            aside,
            phase: 0,
            is_done: false,
            reader: Reader::default(),
        };
        place.grow();
        match way {
            Way::Append => fs::write(place.path("out"), BEFORE).expect("a file"),
            // As the shell does it, whose business it is that the name outlasts a power cut.
            Way::ReadWrite => fs::write(place.path("out"), b"").expect("a file"),
            Way::Named | Way::Pipe => {}
        }
        place
    }

    /// A place that a kill has left far behind the start and before the end, with two checkpoints and all that is asked
    /// for.
    pub fn midway(job: &'j Job, way: Way, fits: impl Fn(&Tree) -> bool) -> Place<'j> {
        let logged = Place::new(job, way, 2).run(Disturbance::Shim(&Plan::LOG)).expect("it runs");
        let calls = shim::calls(&logged.log);
        // What a call falls together with depends on timing.
        for at in (0..5).flat_map(|_| (calls / 2..calls).step_by(calls / 40 + 1)) {
            let mut place = Place::new(job, way, 2);
            let ended = place.run(Disturbance::Shim(&Plan { mode: Mode::Kill, at })).expect("it is killed");
            let tree = place.tree();
            let kept = tree.files.keys().filter(|name| name.starts_with("state/checkpoint-")).count();
            let goes_on = || {
                look(&place.path("state")).is_ok_and(|looked| looked.checkpoint.ending == EndingV1::Running)
            };
            if ended.is_killed() && kept == 2 && goes_on() && fits(&tree) {
                return place;
            }
        }
        panic!("{}: no kill left what was wanted", job.name);
    }

    /// A place as a power cut has left it in the run over this growth of the input.
    pub fn after_power_cut(
        job: &'j Job,
        way: Way,
        threads: usize,
        phase: usize,
        tree: &Tree,
        has: usize,
    ) -> Place<'j> {
        let reader = Reader { has, is_ahead: true };
        let place = Place { reader, phase, ..Place::new(job, way, threads) };
        place.grow();
        let _ = fs::remove_file(place.path("out"));
        for dir in &tree.dirs {
            fs::DirBuilder::new().mode(0o700).create(place.path(dir)).expect("a directory");
        }
        for (name, bytes) in &tree.files {
            let mut file = File::create(place.path(name)).expect("a file");
            file.set_permissions(PermissionsExt::from_mode(0o600))
                .and_then(|()| file.write_all(bytes))
                .expect("a file");
        }
        place
    }

    /// What there is, inputs left out.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        self.walk(".", &mut tree);
        tree
    }

    fn walk(&self, dir: &str, tree: &mut Tree) {
        for entry in fs::read_dir(self.path(dir)).expect("a directory") {
            let entry = entry.expect("a directory");
            let name = entry.file_name().into_string().expect("names are plain");
            let name = if dir == "." { name } else { format!("{dir}/{name}") };
            if entry.path().is_dir() {
                self.walk(&name, tree);
                tree.dirs.insert(name);
            } else if self.job.files.iter().all(|(input, _)| *input != name) {
                tree.files.insert(name, fs::read(entry.path()).expect("a file"));
            }
        }
    }

    /// The power was cut, and is there again.
    pub fn power_is_back(&mut self) {
        self.reader.is_ahead = true;
    }

    /// How many bytes whoever reads the pipe has.
    pub fn delivered(&self) -> usize {
        self.reader.has
    }

    /// A file of the job.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// How many runs it takes, undisturbed.
    pub fn phases(&self) -> usize {
        self.job.grown.len()
    }

    /// Runs the job undisturbed over the input of the first phases.
    pub fn advance(&mut self, phases: usize) -> Checked {
        while self.phase < phases {
            self.complete()?;
        }
        Ok(())
    }

    /// Runs the job undisturbed over the input as it is, and lets the input grow.
    pub fn complete(&mut self) -> Checked {
        if self.brings_new_data() && self.is_done {
            self.pass();
            return Ok(());
        }
        let ended = self.run(Disturbance::None)?;
        if !self.is_over(&ended) {
            return Err(format!("the undisturbed run ended with {}: {}", ended.code, ended.stderr));
        }
        self.pass();
        Ok(())
    }

    /// Whether there is nothing left to do over the input as it is: the run has come to its end, or was told that one
    /// before had.
    pub fn is_over(&self, ended: &Ended) -> bool {
        let was_closed = || ended.stderr.contains("has grown since the job closed all windows");
        ended.code == 0 || self.brings_new_data() && was_closed()
    }

    /// Whether what a pipe brings is taken for new, so that a job that is done is not to be run again.
    fn brings_new_data(&self) -> bool {
        self.job.kept_with.contains(&"continue")
    }

    /// The run over the input as it is has come to its end: the input grows.
    pub fn pass(&mut self) {
        self.is_done = false;
        self.phase += 1;
        if self.phase < self.phases() {
            self.grow();
        }
    }

    /// Runs what is left undisturbed, and checks what has come out.
    pub fn finish(&mut self) -> Checked {
        self.advance(self.phases())?;
        let wanted = &self.job.wanted;
        if self.job.aside {
            self.check("late", &wanted.late)?;
            self.check("bad", &wanted.bad)?;
        }
        match self.way {
            Way::Named | Way::ReadWrite => self.check("out", &wanted.rows),
            Way::Append => self.check("out", &[BEFORE, &wanted.rows].concat()),
            Way::Pipe if self.reader.has == self.piped().len() => Ok(()),
            Way::Pipe => Err(format!("{} bytes of {} were delivered", self.reader.has, self.piped().len())),
        }
    }

    fn check(&self, name: &str, wanted: &[u8]) -> Checked {
        let found = fs::read(self.path(name)).map_err(|cause| format!("{name}: {cause}"))?;
        if found == wanted {
            return Ok(());
        }
        let at = found.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        Err(format!("{name} has {} bytes instead of {}, and differs at {at}", found.len(), wanted.len()))
    }

    /// What goes through a pipe in the end.
    fn piped(&self) -> &'j [u8] {
        if self.job.numbers { &self.job.wanted.numbered } else { &self.job.wanted.rows }
    }

    fn grow(&self) {
        for (name, bytes) in &self.job.files {
            let path = self.path(name);
            let has = fs::metadata(&path).map_or(0, |status| status.len() as usize);
            let due = bytes.len() * self.job.grown[self.phase] / 100;
            let mut file = OpenOptions::new().append(true).create(true).open(path).expect("a file");
            file.write_all(&bytes[has..due]).expect("it can be written");
        }
    }

    /// The command, as a user would give it again and again.
    fn command(&self, disturbance: &Disturbance) -> Command {
        let mut command = match disturbance {
            Disturbance::Traced(trace, calls) => {
                let mut strace = Command::new("strace");
                strace
                    .args(["-f", "-y", "-s", "1", "-e", &format!("trace={calls}"), "-o"])
                    .arg(trace)
                    .arg(program());
                strace
            }
            _ => Command::new(program()),
        };
        command.current_dir(self.dir.path()).args(&self.job.args);
        command.args(["--state-dir", "state", "--checkpoint-interval", "0s"]);
        command.args(["--chunk-bytes", "900", "-j", &self.threads.to_string()]);
        if self.phase + 1 < self.phases() {
            command.args(["--at-eof", "hold"]);
        }
        command.args(self.job.kept_with);
        if self.replay {
            command.arg("--replay");
        }
        match self.way {
            Way::Named => drop(command.args(["-o", "out"])),
            Way::Pipe if self.job.numbers => drop(command.arg("--row-id")),
            _ => {}
        }
        command.stdin(if self.job.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(match self.way {
            Way::Named => Stdio::null(),
            Way::Append => self.open(OpenOptions::new().append(true).create(true)),
            Way::ReadWrite => {
                self.open(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            }
            Way::Pipe => Stdio::piped(),
        });
        command
    }

    /// The arguments with which the job would run within this process: its files stand by their whole names.
    pub fn arguments(&self) -> Vec<std::ffi::OsString> {
        let command = self.command(&Disturbance::None);
        let whole = |text: &std::ffi::OsStr| match self.path("").join(text) {
            path if text == "out" || text == "late" || text == "bad" || path.exists() => {
                path.into_os_string()
            }
            _ => text.to_owned(),
        };
        std::iter::once("windrow".into()).chain(command.get_args().map(whole)).collect()
    }

    fn open(&self, options: &OpenOptions) -> Stdio {
        options.open(self.path("out")).expect("a file").into()
    }

    /// Runs the job once, and checks what a pipe has got.
    pub fn run(&mut self, disturbance: Disturbance) -> Checked<Ended> {
        let mut command = self.command(&disturbance);
        let errors = self.aside.path().join("stderr");
        command.stderr(File::create(&errors).expect("a file"));
        let plan = match disturbance {
            Disturbance::Shim(plan) => Some(plan),
            Disturbance::Traced(..) => Some(&Plan::LOG),
            Disturbance::None | Disturbance::Kill(_) | Disturbance::Stop(_) | Disturbance::PowerCut(..) => {
                None
            }
        };
        if let Some(plan) = plan {
            plan.apply(&mut command, self.dir.path(), self.aside.path());
        }
        let mut child = command.spawn().expect("the program starts");
        let (status, piped) = thread::scope(|scope| {
            let feeder = child.stdin.take().zip(self.job.stdin.as_ref());
            // A program that was killed reads no more.
            feeder.map(|(mut stdin, bytes)| scope.spawn(move || drop(stdin.write_all(bytes))));
            let piped = child.stdout.take().map(|mut stdout| {
                scope.spawn(move || {
                    let mut bytes = Vec::new();
                    stdout.read_to_end(&mut bytes).expect("a pipe can be read");
                    bytes
                })
            });
            match disturbance {
                Disturbance::Kill(after) => {
                    thread::sleep(after);
                    child.kill().expect("it has not been waited for");
                }
                Disturbance::Stop(after) => {
                    thread::sleep(after);
                    let process = rustix::process::Pid::from_child(&child);
                    // It has not been waited for, so it is there.
                    rustix::process::kill_process(process, rustix::process::Signal::TERM)
                        .expect("it is there");
                }
                Disturbance::PowerCut(after, cut) => {
                    thread::sleep(after);
                    cut();
                    child.kill().expect("it has not been waited for");
                }
                _ => {}
            }
            let status = wait(&mut child);
            (status, piped.map(|piped| piped.join().expect("reading does not panic")).unwrap_or_default())
        });
        let stderr = fs::read(&errors).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        self.is_done = code == 0;
        let (fired, log) = shim::outcome(self.aside.path());
        let ended = Ended { code, stderr: stderr.expect("it was created"), fired, log };
        let wrong = |why: &str| Err(format!("{why}; exit code {code}: {}", ended.stderr));
        if ended.stderr.contains("panicked") || ended.stderr.contains("internal error") {
            return wrong("a bug in windrow");
        }
        match self.reader.take(&piped, self.piped(), self.job.numbers, &ended.stderr) {
            Ok(()) => Ok(ended),
            Err(why) => wrong(&why),
        }
    }
}
