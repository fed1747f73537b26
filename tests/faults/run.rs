//! What is done to one run of the program, and how it ends.

use std::path::Path;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::Duration;

use crate::shim::{Fired, Plan};

/// What is done to a run.
#[derive(Clone, Copy)]
pub enum Disturbance<'p> {
    /// Nothing.
    None,
    /// What a shim does.
    Shim(&'p Plan),
    /// A SIGKILL after this time.
    Kill(Duration),
    /// A SIGTERM after this time.
    Stop(Duration),
    /// After this time the power is cut in this way; the program ends with it.
    PowerCut(Duration, &'p (dyn Fn() + Sync)),
    /// Nothing, but the shim logs, and strace writes a trace of these calls there.
    Traced(&'p Path, &'p str),
}

/// How a run ended.
pub struct Ended {
    /// The exit code; 128 and the number of the signal if one ended it.
    pub code: i32,
    /// What it wrote to standard error.
    pub stderr: String,
    /// What the shim did, if it did.
    pub fired: Option<Fired>,
    /// The shim's log.
    pub log: String,
}

impl Ended {
    /// Whether SIGTERM ended it, which brings a last checkpoint.
    pub fn is_stopped(&self) -> bool {
        self.code == 128 + 15
    }

    /// Whether SIGKILL ended it.
    pub fn is_killed(&self) -> bool {
        self.code == 128 + 9
    }
}

/// Waits for a program that should have ended long before a minute is over.
pub fn wait(child: &mut Child) -> ExitStatus {
    for turn in 0.. {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return status;
        }
        if turn > 60_000 {
            child.kill().expect("it has not been waited for");
            panic!("the program hangs");
        }
        thread::sleep(Duration::from_micros(if turn < 500 { 200 } else { 1000 }));
    }
    unreachable!("the loop has no end")
}
