//! The job of a proof: its command line, with all that it writes in a directory of the proof's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::child::{Launch, Stdin};
use super::moments::Tuning;

/// A job whose outputs can be put anywhere.
#[derive(Debug, Clone)]
pub struct Job {
    /// The program.
    pub program: PathBuf,
    /// Whether it is `windrow order`.
    pub order: bool,
    /// Its options: those that say what is computed. None of what it writes or keeps, of its pace, or of messages.
    pub options: Vec<OsString>,
    /// Its inputs as they were named.
    pub inputs: Vec<OsString>,
    /// A copy of its standard input, if it reads that.
    pub stdin: Option<PathBuf>,
    /// Whether open windows are held at the end of the input.
    pub hold: bool,
    /// Whether bad records go to a file; else they end the run.
    pub keeps_bad: bool,
    /// Whether `--row-id` is among the options.
    pub row_id: bool,
    /// Whether rows are CSV or TSV.
    pub csv: bool,
}

/// Where the rows of a run go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// To a file.
    File,
    /// To a file, numbered.
    Numbered,
    /// Numbered, through a pipe, into the file of this number.
    Pipe(usize),
}

/// The files of one run, or of runs that continue each other.
#[derive(Debug, Clone)]
pub struct Files(pub PathBuf);

impl Files {
    /// The rows.
    pub fn rows(&self) -> PathBuf {
        self.0.join("rows")
    }

    /// What went through the pipe of one run.
    pub fn part(&self, number: usize) -> PathBuf {
        self.0.join(format!("part-{number}"))
    }

    /// Late events.
    pub fn late(&self) -> PathBuf {
        self.0.join("late")
    }

    /// Bad records.
    pub fn bad(&self) -> PathBuf {
        self.0.join("bad")
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// What was said on standard error.
    pub fn messages(&self) -> PathBuf {
        self.0.join("messages")
    }
}

impl Job {
    /// A run without a state directory, or with one and in this way. `piped`: standard input comes through a pipe.
    pub fn launch<'j>(&'j self, files: &Files, rows: Rows, kept: Option<&Tuning>, piped: bool) -> Launch<'j> {
        Launch {
            program: &self.program,
            args: self.args(files, rows, kept),
            stdin: match &self.stdin {
                None => Stdin::Nothing,
                Some(path) if piped => Stdin::Pipe(path),
                Some(path) => Stdin::File(path),
            },
            stdout: match rows {
                Rows::Pipe(number) => Some(files.part(number)),
                Rows::File | Rows::Numbered => None,
            },
            stderr: files.messages(),
        }
    }

    /// The arguments of such a run.
    pub fn args(&self, files: &Files, rows: Rows, kept: Option<&Tuning>) -> Vec<OsString> {
        let mut args: Vec<OsString> = Vec::new();
        if self.order {
            args.push("order".into());
        }
        args.extend(self.options.iter().cloned());
        args.extend(["--quiet", "--progress=never", "--color=never"].map(OsString::from));
        args.push(with_path("--late=", &files.late()));
        if self.keeps_bad {
            args.push(with_path("--bad=", &files.bad()));
        }
        match rows {
            Rows::Pipe(_) => {}
            Rows::File | Rows::Numbered => args.push(with_path("--output=", &files.rows())),
        }
        if rows != Rows::File && !self.row_id {
            args.push("--row-id".into());
        }
        if let Some(Tuning { threads, chunk_bytes, interval }) = kept {
            args.push(with_path("--state-dir=", &files.state()));
            args.push(format!("--checkpoint-interval={}us", interval.as_micros()).into());
            args.push(format!("--at-eof={}", if self.hold { "hold" } else { "close" }).into());
            args.push(format!("--threads={threads}").into());
            args.push(format!("--chunk-bytes={chunk_bytes}").into());
        }
        args.push("--".into());
        args.extend(self.inputs.iter().cloned());
        args
    }
}

fn with_path(option: &str, path: &Path) -> OsString {
    let mut arg = OsString::from(option);
    arg.push(path);
    arg
}
