//! Whether the files of a state directory are what they should be: checksums, and whether what they cover makes sense.

use std::collections::HashMap;
use std::path::Path;

use super::codec::Damage;
use super::directory::{LOCK, StateDir, Unusable};
use super::inspect::{self, DELIVERY, files, is_gone};
use super::inspect_windows::Open;
use super::written::CheckpointV1;
use super::{ids, inspect_ids};
use crate::error::Result;
use crate::output::ledger::Ledger;

/// One file, and what was found.
#[derive(Debug)]
pub struct Checked {
    /// Its name within the directory.
    pub name: String,
    /// What it holds, in words, or what is wrong with it.
    pub found: std::result::Result<String, Wrong>,
}

/// What is wrong with a file, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub way_out: &'static str,
}

const ANEW: &str = "running the job with --replay starts anew";
const BEFORE: &str = "the next run goes on from the checkpoint before it";

/// Checks every file of a directory. A run may use it meanwhile.
///
/// # Errors
/// As [`inspect::look`], but damage is no error.
pub fn verify(path: &Path) -> Result<Vec<Checked>> {
    const TRIES_MAX: usize = 20;
    let mut checked = Vec::new();
    for _ in 0..TRIES_MAX {
        let newest = inspect::newest_epoch(path);
        checked = check(path)?;
        // A run that makes a checkpoint removes what the ones before the last needed: that is no damage.
        if checked.iter().all(|file| file.found.is_ok()) || inspect::newest_epoch(path) == newest {
            break;
        }
    }
    Ok(checked)
}

fn check(path: &Path) -> Result<Vec<Checked>> {
    let dir = inspect::open(path)?;
    let (mut checked, mut checkpoints) = (Vec::new(), Vec::new());
    for epoch in dir.epochs()? {
        let name = name(&dir.file(epoch));
        match check_checkpoint(&dir, epoch) {
            // A run has replaced it by newer ones.
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
            Ok(Ok((checkpoint, words))) => {
                checked.push(Checked { name, found: Ok(words) });
                checkpoints.push(checkpoint);
            }
            Ok(Err(unusable)) => {
                checked.push(Checked { name, found: Err(wrong(&unusable.damage.to_string(), BEFORE)) })
            }
        }
    }
    if checkpoints.is_empty() {
        // There is none before it.
        let unusable = checked.iter_mut().filter_map(|file| file.found.as_mut().err());
        unusable.for_each(|wrong| wrong.way_out = ANEW);
    }
    checked.extend(check_ids(path, &checkpoints));
    checked.extend(check_delivery(path, checkpoints.first())?);
    for name in files(path)? {
        if !checked.iter().any(|file| file.name == name) && name != LOCK {
            let words = match name.as_str() {
                "checkpoint.new" => {
                    "no part of the state yet: a checkpoint that is being written, or was when a run ended"
                }
                other if other.starts_with("ids-") => "not needed by any checkpoint",
                other if other.starts_with("checkpoint-") => continue,
                DELIVERY => "not needed: the rows go to a file",
                _ => "not looked at: it is no file of windrow's, and in nobody's way",
            };
            checked.push(Checked { name, found: Ok(words.to_owned()) });
        }
    }
    Ok(checked)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn wrong(what: &str, way_out: &'static str) -> Wrong {
    Wrong { what: what.to_owned(), way_out }
}

type Readable = std::result::Result<(CheckpointV1, String), Unusable>;

/// A checkpoint, and what it holds in words.
fn check_checkpoint(dir: &StateDir, epoch: u64) -> Result<Readable> {
    Ok(dir.read(epoch)?.and_then(|checkpoint| match contents(&checkpoint) {
        Ok(words) => Ok((checkpoint, words)),
        Err(damage) => Err(Unusable { path: dir.file(epoch), damage }),
    }))
}

/// Decodes all that a checkpoint holds.
fn contents(checkpoint: &CheckpointV1) -> std::result::Result<String, Damage> {
    if !checkpoint.sources.iter().all(|source| balances(&source.counts)) {
        return Err(Damage::Content);
    }
    let open = Open::of(checkpoint)?.counts();
    let records = checkpoint.sources.iter().map(|source| source.records).fold(0, u64::saturating_add);
    let and_more = if open.more { " or more" } else { "" };
    Ok(format!(
        "inputs {}, records {records}, open {}{and_more}, keys {}",
        checkpoint.sources.len(),
        open.open,
        open.keys
    ))
}

/// Whether a ledger adds up, whatever the numbers are.
fn balances(counts: &[u64; 7]) -> bool {
    let [read, accepted, filtered, late, duplicate, bad, partially_late] = counts.map(u128::from);
    read == accepted + filtered + late + duplicate + bad && partially_late <= accepted
}

/// The files of ids that checkpoints name: each must have what the checkpoint that needs most of it says.
fn check_ids(path: &Path, checkpoints: &[CheckpointV1]) -> Vec<Checked> {
    let mut lengths = HashMap::new();
    for checkpoint in checkpoints {
        for (bucket, len) in &checkpoint.ids {
            let most: &mut u64 = lengths.entry((*bucket, checkpoint.run)).or_default();
            *most = (*most).max(*len);
        }
    }
    let mut lengths: Vec<((i64, u64), u64)> = lengths.into_iter().collect();
    lengths.sort_unstable();
    let check = |((bucket, run), len)| Checked {
        name: name(&ids::path(path, bucket)),
        found: match inspect_ids::look(path, run, bucket, len) {
            Ok(file) => Ok(format!("ids {}", file.count)),
            Err(unusable) => Err(wrong(&unusable.damage.to_string(), ANEW)),
        },
    };
    lengths.into_iter().map(check).collect()
}

/// The page of what a stream has taken, where the rows go to one.
fn check_delivery(path: &Path, newest: Option<&CheckpointV1>) -> Result<Option<Checked>> {
    let Some(checkpoint) = newest.filter(|checkpoint| checkpoint.rows.stream) else { return Ok(None) };
    let page = path.join(DELIVERY);
    let found = match Ledger::look(&page) {
        Err(denied) if !denied.is_missing() => return Err(denied.at(&page)),
        // It is made when the first row is due.
        Err(_) if checkpoint.rows.len == 0 => return Ok(None),
        Err(_) => Err(wrong("it is missing, and says how much the reader of the rows has got", ANEW)),
        Ok(Err(damage)) => Err(wrong(&damage.to_string(), ANEW)),
        Ok(Ok((run, _))) if run != checkpoint.run => Err(wrong("it belongs to another run", ANEW)),
        Ok(Ok((_, now))) if now.counted < checkpoint.rows.len => {
            Err(wrong("it says that less was delivered than the checkpoint says", ANEW))
        }
        Ok(Ok((_, now))) => Ok(format!(
            "bytes {}, rows {}, in doubt {}",
            now.counted,
            now.counted_rows,
            now.announced - now.counted
        )),
    };
    Ok(Some(Checked { name: DELIVERY.to_owned(), found }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledgers_of_any_numbers() {
        assert!(balances(&[15, 1, 2, 3, 4, 5, 1]) && balances(&[0; 7]));
        assert!(!balances(&[16, 1, 2, 3, 4, 5, 0]) && !balances(&[15, 1, 2, 3, 4, 5, 2]));
        assert!(!balances(&[u64::MAX; 7]));
    }
}
