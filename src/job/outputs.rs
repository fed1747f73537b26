//! Where the output, late events and bad records go; two of them in one file, or one in an input, is refused.
//!
//! Nothing is opened or created here.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::cli::options::OutputOptions;
use crate::error::{Error, Result};
use crate::input::{Origin, SourceSpec};
use crate::output::descriptor;
use crate::paths;

use super::settings::Settings;
use super::{BadPolicy, LatePolicy};

/// How many symbolic links in a row are followed to a file that does not exist yet.
const LINKS_MAX: usize = 40;

/// `--output`, `--late` and `--bad`.
#[derive(Debug, PartialEq, Eq)]
pub struct Outputs {
    /// `None`: standard output.
    pub output: Option<PathBuf>,
    /// What happens to late events.
    pub late: LatePolicy,
    /// What happens to unusable records.
    pub bad: BadPolicy,
}

/// Reads the three options by themselves.
pub fn outputs(options: &OutputOptions, settings: &Settings) -> Result<Outputs> {
    let named = |name: &str, path: &Path| match path.as_os_str() {
        text if text.is_empty() => Err(settings.wrong(name, "the file name is empty")),
        text if text == "-" && name != "output" => {
            Err(settings.wrong(name, "- is standard output, which takes the rows; a file called - is ./-"))
        }
        _ => Ok(path.to_owned()),
    };
    let output = match &options.output {
        Some(path) if path.as_os_str() == "-" || descriptor::is_stdout(path) => None,
        Some(path) => Some(named("output", path)?),
        None => None,
    };
    let late = match options.late.as_os_str() {
        word if word == "drop" => LatePolicy::Drop,
        _ => LatePolicy::File(named("late", &options.late)?),
    };
    let bad = match options.bad.as_os_str() {
        word if word == "fail" => BadPolicy::Fail,
        word if word == "skip" => BadPolicy::Skip,
        _ => BadPolicy::File(named("bad", &options.bad)?),
    };
    Ok(Outputs { output, late, bad })
}

/// Refuses one file for two purposes. Devices are let pass: `/dev/null` may take everything.
pub fn check_distinct(
    outputs: &Outputs,
    metrics: Option<&Path>,
    sources: &[SourceSpec],
    settings: &Settings,
) -> Result<()> {
    let mut taken: Vec<(String, Identity)> = Vec::new();
    for source in sources {
        let identity = match &source.origin {
            Origin::Path(path) => Identity::of_path(path),
            Origin::Stdin => Identity::of_descriptor(rustix::fs::fstat(std::io::stdin())),
            Origin::Memory(_) | Origin::Absent => None,
        };
        // The same file may be read twice; only writing is checked below.
        taken.extend(identity.map(|identity| (format!("the input {}", source.name), identity)));
    }
    let mut write = |label: String, identity: Option<Identity>| {
        let Some(identity) = identity else { return Ok(()) };
        if let Some((other, _)) = taken.iter().find(|(_, known)| *known == identity) {
            return Err(Error::usage(format!("{label} is the same file as {other}; name another file")));
        }
        taken.push((label, identity));
        Ok(())
    };
    match &outputs.output {
        Some(path) => write(settings.option("output"), Identity::of_path(path))?,
        None => write(
            "standard output".to_owned(),
            Identity::of_descriptor(rustix::fs::fstat(std::io::stdout())),
        )?,
    }
    if let Some(path) = outputs.late.path() {
        write(settings.option("late"), Identity::of_path(path))?;
    }
    if let Some(path) = outputs.bad.path() {
        write(settings.option("bad"), Identity::of_path(path))?;
    }
    if let Some(path) = metrics {
        write(settings.option("metrics"), Identity::of_path(path))?;
    }
    Ok(())
}

/// What makes two names one file.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// Device and inode of a file that exists.
    Existing(u64, u64),
    /// Directory (device and inode) and name of a file that does not.
    Planned(u64, u64, OsString),
}

impl Identity {
    /// `None` for devices, and where the file system cannot say: opening the file will then fail.
    fn of_path(path: &Path) -> Option<Identity> {
        if let Ok(found) = fs::metadata(path) {
            let kind = found.file_type();
            let device = kind.is_char_device() || kind.is_block_device();
            return (!device).then(|| Identity::Existing(found.dev(), found.ino()));
        }
        let path = followed(path)?;
        let directory = fs::metadata(paths::parent(&path)).ok()?;
        Some(Identity::Planned(directory.dev(), directory.ino(), path.file_name()?.to_owned()))
    }

    /// Only regular files: a terminal or a socket is often standard input and output at once.
    fn of_descriptor(status: rustix::io::Result<rustix::fs::Stat>) -> Option<Identity> {
        let status = status.ok()?;
        let regular = rustix::fs::FileType::from_raw_mode(status.st_mode).is_file();
        regular.then_some(Identity::Existing(status.st_dev, status.st_ino))
    }
}

/// Where a chain of symbolic links to a file that does not exist ends; `None` for a loop.
fn followed(path: &Path) -> Option<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Some(path),
        }
    }
    None
}
