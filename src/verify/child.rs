//! One run of the job as a process of its own: started, fed, waited for, killed. It never outlives its parent.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::scratch::failed;
use crate::error::{Error, Result, Signal};

/// How often a process is looked at.
const LOOK: Duration = Duration::from_micros(200);

/// What a process gets as standard input.
#[derive(Debug, Clone, Copy)]
pub enum Stdin<'p> {
    /// Nothing.
    Nothing,
    /// This file itself.
    File(&'p Path),
    /// The bytes of this file, through a pipe.
    Pipe(&'p Path),
}

/// How a process is started.
pub struct Launch<'p> {
    /// The program.
    pub program: &'p Path,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its standard input.
    pub stdin: Stdin<'p>,
    /// The file that gets what it writes to standard output, through a pipe; else that is nobody's.
    pub stdout: Option<PathBuf>,
    /// The file that gets its messages.
    pub stderr: PathBuf,
}

/// Signals that ask for the end of the proof.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// Listens for SIGHUP, SIGINT and SIGTERM from now on.
    pub fn listen() -> Result<Stop> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let stop = Stop::default();
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            let registered =
                signal_hook::flag::register_usize(signal, stop.0.clone(), signal.unsigned_abs() as usize);
            registered.map_err(|cause| {
                Error::Failed(format!("signals cannot be taken over: {}", crate::error::words(&cause)))
            })?;
        }
        Ok(stop)
    }

    /// An error once one has come.
    pub fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => Err(Error::Stopped(Signal::Hangup)),
            2 => Err(Error::Stopped(Signal::Interrupt)),
            _ => Err(Error::Stopped(Signal::Terminate)),
        }
    }
}

/// A process. Dropped while it runs, it is killed.
pub struct Child {
    process: std::process::Child,
    /// Threads at the other ends of its pipes.
    helpers: Vec<JoinHandle<io::Result<()>>>,
}

impl Child {
    /// Starts a process.
    pub fn start(launch: &Launch<'_>) -> Result<Child> {
        let messages = File::create(&launch.stderr).map_err(|cause| failed(&launch.stderr, cause))?;
        let source = match launch.stdin {
            Stdin::Nothing => None,
            Stdin::File(path) | Stdin::Pipe(path) => {
                Some(File::open(path).map_err(|cause| failed(path, cause))?)
            }
        };
        let (stdin, feed) = match (launch.stdin, source) {
            (Stdin::Pipe(_), Some(source)) => (Stdio::piped(), Some(source)),
            (_, Some(source)) => (Stdio::from(source), None),
            (_, None) => (Stdio::null(), None),
        };
        let take = match &launch.stdout {
            None => None,
            Some(path) => {
                let file = OpenOptions::new().write(true).create(true).truncate(true).open(path);
                Some(file.map_err(|cause| failed(path, cause))?)
            }
        };
        let mut command = Command::new(launch.program);
        command.args(&launch.args).stdin(stdin).stderr(messages);
        command.stdout(if take.is_some() { Stdio::piped() } else { Stdio::null() });
        die_with_parent(&mut command);
        let mut process = command.spawn().map_err(|cause| failed(launch.program, cause))?;
        let mut helpers = Vec::new();
        if let (Some(mut to), Some(mut from)) = (process.stdin.take(), feed) {
            // A process that is killed leaves its pipe behind: that is no failure.
            helpers.push(thread::spawn(move || io::copy(&mut from, &mut to).map(drop).or(Ok(()))));
        }
        if let (Some(mut from), Some(mut to)) = (process.stdout.take(), take) {
            helpers.push(thread::spawn(move || io::copy(&mut from, &mut to).map(drop)));
        }
        Ok(Child { process, helpers })
    }

    /// Waits until the process has ended, or `until` says that it is time for something else: then `None`.
    pub fn wait(&mut self, stop: &Stop, until: &mut dyn FnMut() -> bool) -> Result<Option<ExitStatus>> {
        loop {
            stop.check()?;
            let ended = self.process.try_wait().map_err(|cause| failed(Path::new("windrow"), cause))?;
            if let Some(status) = ended {
                // A signal for all of a terminal's processes ends the child too: that is no failure of the child's.
                stop.check()?;
                self.join()?;
                return Ok(Some(status));
            }
            if until() {
                return Ok(None);
            }
            thread::sleep(LOOK);
        }
    }

    /// Kills the process. Returns whether that is what ended it.
    pub fn kill(mut self) -> Result<std::result::Result<(), ExitStatus>> {
        let failed = |cause| failed(Path::new("windrow"), cause);
        self.process.kill().map_err(failed)?;
        let status = self.process.wait().map_err(failed)?;
        self.join()?;
        let killed = status.signal() == Some(rustix::process::Signal::KILL.as_raw());
        Ok(if killed { Ok(()) } else { Err(status) })
    }

    fn join(&mut self) -> Result<()> {
        for helper in self.helpers.drain(..) {
            let ended =
                helper.join().map_err(|_| Error::Internal("a thread at a pipe panicked".to_owned()))?;
            ended.map_err(|cause| failed(Path::new("a pipe"), cause))?;
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both do nothing to a process that has been waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lets the kernel kill the process when this one has gone, however it went.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;

    let parent = rustix::process::getpid();
    let ask = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        // It may have gone before it was asked for.
        match rustix::process::getppid() == Some(parent) {
            true => Ok(()),
            false => Err(io::Error::from(rustix::io::Errno::SRCH)),
        }
    };
    // SAFETY: `ask` runs in the new process before the program does. It makes two system calls, allocates nothing,
    // takes no lock and touches no memory but its own stack.
    unsafe {
        command.pre_exec(ask);
    }
}

/// Elsewhere only [`Child::drop`] ends it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn die_with_parent(_: &mut Command) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch<'p>(script: &str, stdin: Stdin<'p>, dir: &Path) -> Launch<'p> {
        let args = vec!["-c".into(), script.into()];
        let (stdout, stderr) = (Some(dir.join("out")), dir.join("err"));
        Launch { program: Path::new("/bin/sh"), args, stdin, stdout, stderr }
    }

    #[test]
    fn processes_are_fed_and_heard() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("in");
        std::fs::write(&input, "x".repeat(100_000)).unwrap();
        for stdin in [Stdin::File(&input), Stdin::Pipe(&input)] {
            let mut child = Child::start(&launch("wc -c; echo no >&2; exit 3", stdin, dir.path())).unwrap();
            let status = child.wait(&Stop::default(), &mut || false).unwrap().unwrap();
            assert_eq!(status.code(), Some(3));
            assert_eq!(std::fs::read_to_string(dir.path().join("out")).unwrap().trim(), "100000");
            assert_eq!(std::fs::read_to_string(dir.path().join("err")).unwrap(), "no\n");
        }
    }

    #[test]
    fn processes_are_killed() {
        let dir = tempfile::tempdir().unwrap();
        let sleeps = || launch("exec sleep 1000", Stdin::Nothing, dir.path());
        let mut child = Child::start(&sleeps()).unwrap();
        assert_eq!(child.wait(&Stop::default(), &mut || true).unwrap(), None);
        assert_eq!(child.kill().unwrap(), Ok(()));
        // One that has ended was not ended by the kill.
        let mut child = Child::start(&launch("exit 4", Stdin::Nothing, dir.path())).unwrap();
        child.wait(&Stop::default(), &mut || false).unwrap();
        assert_eq!(child.kill().unwrap().unwrap_err().code(), Some(4));
        // A signal ends the wait, and the process with it.
        let child = Child::start(&sleeps()).unwrap();
        let id = rustix::process::Pid::from_child(&child.process);
        let stop = Stop::default();
        stop.0.store(15, Ordering::Relaxed);
        let mut waits = child;
        assert!(matches!(waits.wait(&stop, &mut || false), Err(Error::Stopped(Signal::Terminate))));
        drop(waits);
        assert!(rustix::process::test_kill_process(id).is_err());
    }
}
