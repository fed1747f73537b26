//! Which files beside a followed one were rotated away from its name.
//!
//! Log rotation gives the files that are finished a number or a date behind the name (`app.log.1`, `app.log-20261126`),
//! or before its extension (`app.2026-11-26.log`), and may compress them afterwards, with the time at which they were
//! last written to kept. So those times tell the order.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file that was rotated away, or may be about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Where it is.
    pub path: PathBuf,
    /// When it was last written to: seconds and nanoseconds since the Unix epoch.
    pub written: (i64, i64),
    /// Device and inode.
    pub identity: (u64, u64),
}

/// The ends of names that compression adds.
const COMPRESSED: [&str; 6] = [".gz", ".zst", ".bz2", ".xz", ".lz4", ".Z"];

/// The files that were rotated away from a name, in the order in which they were last written to. Of one that is there
/// compressed as well, the plain one counts: the other may not be complete.
pub fn rotated(path: &Path) -> Vec<Rotated> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(crate::paths::parent(path)) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Ok(other) = entry.file_name().into_string() else { continue };
        if !is_rotated(name, &other) {
            continue;
        }
        let path = entry.path();
        if let Ok(status) = fs::metadata(&path)
            && status.is_file()
            && !plain_name(&path).is_some_and(|plain| plain.exists())
        {
            let written = (status.mtime(), status.mtime_nsec());
            found.push(Rotated { path, written, identity: (status.dev(), status.ino()) });
        }
    }
    found.sort_by(|a, b| (a.written, &a.path).cmp(&(b.written, &b.path)));
    found
}

/// The name without what compression has added, if it has.
fn plain_name(path: &Path) -> Option<PathBuf> {
    let text = path.to_str()?;
    COMPRESSED.iter().find_map(|end| text.strip_suffix(end)).map(PathBuf::from)
}

/// Whether `other` is what rotation makes of `name`.
fn is_rotated(name: &str, other: &str) -> bool {
    let other = COMPRESSED.iter().find_map(|end| other.strip_suffix(end)).unwrap_or(other);
    if other.strip_prefix(name).is_some_and(is_mark) {
        return true;
    }
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let marked = other.strip_suffix(extension).and_then(|other| other.strip_suffix('.'));
    marked.and_then(|marked| marked.strip_prefix(stem)).is_some_and(is_mark)
}

/// Whether this is a number, a date, or a word for what is over, behind a separator.
fn is_mark(text: &str) -> bool {
    let mut chars = text.chars();
    let separated = matches!(chars.next(), Some('.' | '-' | '_'));
    let rest = chars.as_str();
    let is_date = rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | ':' | 'T' | 'Z'))
        && rest.contains(|c: char| c.is_ascii_digit());
    separated && (is_date || matches!(rest, "old" | "prev" | "bak"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rotation_makes_of_a_name() {
        for other in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20261126",
            "app.log-20261126.zst",
            "app.2026-11-26.log",
            "app-1.log.gz",
            "app.log.old",
            "app.log.2026-11-26T10:00:00Z",
        ] {
            assert!(is_rotated("app.log", other), "{other}");
        }
        for other in [
            "app.log",
            "app.logs",
            "app.log.swp",
            "app.log.lock",
            "apple.log",
            "app.log.",
            "app.log.gz",
            "other.log.1",
        ] {
            assert!(!is_rotated("app.log", other), "{other}");
        }
        assert!(is_rotated("events", "events.3") && !is_rotated("events", "events-old.txt"));
    }
}
