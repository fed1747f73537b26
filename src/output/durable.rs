//! Opens the outputs of a job that has a state directory, at their start or where a checkpoint left them.
//!
//! What an output is goes by its kind alone (`S_IFMT`): `/dev/null` can be sought in and is a stream all the same.
//! Exactly once holds for regular files, and for the stream that takes the rows. Late events and bad records that
//! are sent to a pipe or device are only written to it: what stands behind the checkpoint comes again.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::descriptor;
use super::file::{self, Origin, Regular};
use super::ledger::Ledger;
use super::mark::Mark;
use super::sink::{Sink, To};
use super::stream::{InDoubt, Stream};
use crate::checkpoint::guard::Denied;
use crate::cli::streams;
use crate::error::{Error, Result};
use crate::paths;

/// What durable outputs need to know of the run.
pub struct Durable {
    /// The state directory. The page for deliveries is there, and what must be kept for a while.
    pub state_dir: PathBuf,
    /// A number that no other run has.
    pub identity: u64,
    /// What becomes of a write that may have been delivered or not.
    pub in_doubt: InDoubt,
}

/// Where the page for deliveries stands in the state directory.
const LEDGER: &str = "delivery";

const STDOUT: &str = "standard output";

/// Whether the rows go to a pipe or the like, which cannot be cut back, when this output is named; standard output
/// where none is.
pub fn is_stream(path: Option<&Path>) -> bool {
    let is_file = match path {
        // What is not there yet will be a file.
        Some(path) => std::fs::metadata(path).map_or(true, |status| status.is_file()),
        None => {
            let status = rustix::fs::fstat(io::stdout());
            status.is_ok_and(|status| rustix::fs::FileType::from_raw_mode(status.st_mode).is_file())
        }
    };
    !is_file
}

/// The same of late events or bad records. What is open already when the run starts cannot be found again by a later
/// one.
pub fn is_stream_aside(path: &Path) -> bool {
    descriptor::number(path).is_some() || is_stream(Some(path))
}

/// Whether something stands in a file behind byte `base`; without a name the file is standard output. What is not
/// there has nothing.
pub fn has_more(path: &str, base: u64) -> bool {
    let size = match path {
        "" => rustix::fs::fstat(io::stdout()).ok().and_then(|status| u64::try_from(status.st_size).ok()),
        path => std::fs::metadata(path).ok().map(|status| status.len()),
    };
    size.is_some_and(|size| size > base)
}

/// Whether a run has delivered rows to a stream, or may have, by the page in its state directory.
pub fn has_delivered(state_dir: &Path, run: u64) -> bool {
    match Ledger::look(&state_dir.join(LEDGER)) {
        Ok(Ok((whose, delivery))) => whose == run && delivery.announced > 0,
        Ok(Err(_damage)) => true,
        Err(Denied::Io(cause)) => cause.kind() != io::ErrorKind::NotFound,
        Err(Denied::NotOurs(_)) => true,
    }
}

impl Durable {
    /// Standard output, anew or at a mark.
    ///
    /// # Errors
    /// [`Error::Usage`] where rows would be written over, or where what the mark covers is not there any more.
    pub fn stdout(&self, from: Option<Mark>) -> Result<Sink> {
        let own = streams::check_stdout().and_then(|()| io::stdout().as_fd().try_clone_to_owned());
        let own = own.map_err(|cause| Error::Output { target: STDOUT.to_owned(), cause })?;
        self.rows(STDOUT, File::from(own), &Origin::Stdout, from)
    }

    /// `--output FILE`, created or emptied, or at a mark.
    ///
    /// # Errors
    /// [`Error::Usage`] where what the mark covers is not there any more.
    pub fn output(&self, path: &Path, from: Option<Mark>) -> Result<Sink> {
        if let Some((name, opened)) = opened_before(path) {
            return self.rows(&name, opened?, &Origin::Stdout, from);
        }
        let (name, file) = open(path, from)?;
        self.rows(&name, file, &Origin::Named(path), from)
    }

    /// `--late FILE` or `--bad FILE`, created or emptied, or at a mark; a stream, or what is open already under such a
    /// name, without an account.
    ///
    /// # Errors
    /// As for [`Durable::output`].
    pub fn set_aside(&self, path: &Path, from: Option<Mark>) -> Result<Sink> {
        if let Some((name, opened)) = opened_before(path) {
            return Ok(Sink::plain(&name, opened?, false).starting_at(from.unwrap_or_default()));
        }
        let (name, file) = open(path, from)?;
        if is_regular(&name, &file)? {
            return self.regular(&name, file, &Origin::Named(path), from);
        }
        Ok(Sink::plain(&name, file, false).starting_at(from.unwrap_or_default()))
    }

    /// An open file that takes the rows.
    pub(super) fn rows(&self, name: &str, file: File, origin: &Origin, from: Option<Mark>) -> Result<Sink> {
        match is_regular(name, &file)? {
            true => self.regular(name, file, origin, from),
            false => self.stream(name, file, matches!(origin, Origin::Stdout), from),
        }
    }

    fn regular(&self, name: &str, file: File, origin: &Origin, from: Option<Mark>) -> Result<Sink> {
        let file = match &from {
            None => Regular::begin(name, file, origin)?,
            Some(mark) => Regular::resume(name, file, origin, mark, &self.state_dir)?,
        };
        let start = from.unwrap_or(Mark { base: file.base(), ..Mark::default() });
        Ok(Sink::new(name, To::File(file)).starting_at(start))
    }

    fn stream(&self, name: &str, file: File, is_stdout: bool, from: Option<Mark>) -> Result<Sink> {
        let path = self.state_dir.join(LEDGER);
        let ledger = match from {
            None => Ledger::create(&path, self.identity)?,
            Some(_) => Ledger::open(&path, self.identity)?,
        };
        let escaped = file.is_terminal();
        let mut stream = Stream::new(name, Box::new(file), is_stdout, escaped, ledger);
        let mark = from.unwrap_or_default();
        let notice = stream.resume(&mark, self.in_doubt)?;
        Ok(Sink::new(name, To::Stream(stream)).starting_at(mark).with_notice(notice))
    }
}

/// What is open already under this name, if it is such a name.
fn opened_before(path: &Path) -> Option<(String, Result<File>)> {
    let name = path.display().to_string();
    let opened = descriptor::open(path)?.map_err(|cause| Error::Output { target: name.clone(), cause });
    Some((name, opened))
}

fn open(path: &Path, from: Option<Mark>) -> Result<(String, File)> {
    let name = path.display().to_string();
    let opened = file::open(path, from.is_none()).and_then(|(file, created)| {
        if created {
            paths::sync_parent(path)?;
        }
        Ok(file)
    });
    match opened {
        Ok(file) => Ok((name, file)),
        Err(cause) if from.is_some() && cause.kind() == io::ErrorKind::NotFound => {
            Err(Error::usage(format!(
                "{name} has been removed since windrow wrote to it; put it back, or use --replay to compute and \
                 write everything again"
            )))
        }
        Err(cause) => Err(Error::Output { target: name, cause }),
    }
}

fn is_regular(name: &str, file: &File) -> Result<bool> {
    let status = file.metadata().map_err(|cause| Error::Output { target: name.to_owned(), cause })?;
    Ok(status.file_type().is_file())
}
