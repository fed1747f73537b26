//! `windrow state`: what is in a state directory, as text or NDJSON, and whether it is whole.
//!
//! What there is to say is found out by `checkpoint::inspect` and its neighbours; here it is written.

mod dump;
mod object;
mod show;

use std::path::Path;

use super::args::StateCommand;
use super::report;
use crate::checkpoint::codec::Damage;
use crate::checkpoint::inspect::{self, Looked};
use crate::checkpoint::inspect_ids::{self, IdFile};
use crate::checkpoint::inspect_verify;
use crate::error::{Error, Escaped, Result, printable};

/// Does what is asked of a state directory.
pub fn carry_out(command: &StateCommand) -> Result<()> {
    match command {
        StateCommand::Show(arg) => {
            let looked = inspect::look(&arg.dir)?;
            let text = show::show(&looked).map_err(|damage| damaged(&looked, damage))?;
            report::output(&text)
        }
        StateCommand::Dump(arg) => {
            let looked = inspect::look(&arg.dir)?;
            let found = dump::Found::of(&looked).map_err(|damage| damaged(&looked, damage))?;
            report::write(|out| dump::dump(&looked, &found, out))
        }
        StateCommand::Verify(arg) => verify(&arg.dir),
    }
}

/// A checkpoint whose checksum fits, and whose content makes no sense.
fn damaged(looked: &Looked, damage: Damage) -> Error {
    let dir = Escaped(&looked.path.display().to_string()).to_string();
    Error::Failed(format!(
        "{dir}: checkpoint {} cannot be used: {damage}; windrow state verify says more",
        looked.checkpoint.epoch
    ))
}

/// The files of ids that a checkpoint names: bucket, length in bytes, and what is in it if it can be read.
fn ids(looked: &Looked) -> Vec<(i64, u64, Option<IdFile>)> {
    let run = looked.checkpoint.run;
    let look =
        |&(bucket, len): &(i64, u64)| (bucket, len, inspect_ids::look(&looked.path, run, bucket, len).ok());
    looked.checkpoint.ids.iter().map(look).collect()
}

/// Writes a line for each file, and fails if one is damaged.
fn verify(dir: &Path) -> Result<()> {
    let files = inspect_verify::verify(dir)?;
    let columns = files.iter().map(|file| file.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for file in &files {
        let found = match &file.found {
            Ok(words) => format!("ok       {words}"),
            Err(wrong) => format!("DAMAGED  {}; {}", wrong.what, wrong.way_out),
        };
        text += &format!("{:columns$}  {}\n", printable(&file.name), printable(&found));
    }
    report::output(&text)?;
    let mut damaged = files.iter().filter(|file| file.found.is_err());
    let Some(first) = damaged.next() else { return Ok(()) };
    let others = match damaged.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (dir, way_out) =
        (dir.display().to_string(), first.found.as_ref().err().map_or("", |wrong| wrong.way_out));
    Err(Error::Failed(format!("{}: {}{others} damaged; {way_out}", Escaped(&dir), Escaped(&first.name))))
}
