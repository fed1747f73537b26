//! Which files beside a followed one were rotated away from its name.
//!
//! Log rotation gives the files that are finished a number or a date behind the name (`app.log.1`, `app.log-20261126`),
//! or before its extension (`app.2026-11-26.log`), and may compress them afterwards, with the time at which they were
//! last written to kept. So those times tell the order.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file that was rotated away, or may be about to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rotated {
    /// Where it is.
    pub path: PathBuf,
    /// When it was last written to: seconds and nanoseconds since the Unix epoch.
    pub written: (i64, i64),
    /// Device and inode.
    pub identity: (u64, u64),
    /// How many bytes it had.
    pub size: u64,
}

impl Rotated {
    /// What a file was when its status was asked for.
    pub fn of(path: PathBuf, status: &Metadata) -> Rotated {
        let written = (status.mtime(), status.mtime_nsec());
        Rotated { path, written, identity: (status.dev(), status.ino()), size: status.size() }
    }
}

/// The ends of names that compression adds.
const COMPRESSED: [&str; 6] = [".gz", ".zst", ".bz2", ".xz", ".lz4", ".Z"];

/// The files that were rotated away from a name, the oldest first. `others` are names of streams of their own. Of one that
/// is there compressed as well, the plain one counts: the other may not be complete.
///
/// A directory that is changed while it is listed may show neither the old nor the new name of a file, so it is listed
/// until it says the same twice.
pub fn rotated(path: &Path, others: &[PathBuf]) -> Vec<Rotated> {
    let mut found = list(path, others);
    for _ in 0..LISTINGS_MAX {
        let again = list(path, others);
        if again == found {
            break;
        }
        found = again;
    }
    sort(&mut found);
    found.into_iter().map(|(_, rotated)| rotated).collect()
}

/// How often a directory is listed at most that somebody keeps changing.
const LISTINGS_MAX: usize = 20;

/// One look at the directory, by name.
fn list(path: &Path, others: &[PathBuf]) -> Vec<(Age, Rotated)> {
    // What a link pointed at before stands beside what it points at now.
    let target = fs::read_link(path).ok().and_then(|_| fs::canonicalize(path).ok());
    let is_link = target.is_some();
    let path = target.as_deref().unwrap_or(path);
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(crate::paths::parent(path)) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Ok(other) = entry.file_name().into_string() else { continue };
        let age = match mark(name, &other) {
            Some(mark) => Age::of(mark),
            None if is_link && is_of_a_row(name, &other) => Age::Dated(numbers(&other)),
            None => continue,
        };
        let path = entry.path();
        if let Ok(status) = fs::metadata(&path)
            && status.is_file()
            && !plain_name(&path).is_some_and(|plain| plain.exists())
            && !others.iter().any(|other| other.file_name() == path.file_name())
        {
            found.push((age, Rotated::of(path, &status)));
        }
    }
    found.sort_by(|a, b| a.1.path.cmp(&b.1.path));
    found
}

/// How old a name says that its file is; the oldest is the least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    /// It does not say.
    Unknown,
    /// A single small number: it grows as the file gets older, as logrotate has it, or is greater for newer files.
    Numbered(u64),
    /// A date, which may have a number behind it, or a long number: greater for newer files.
    Dated(Vec<u64>),
}

impl Age {
    fn of(mark: &str) -> Age {
        let digits = mark.trim_matches(|c: char| !c.is_ascii_digit());
        match numbers(mark).as_slice() {
            [] => Age::Unknown,
            &[number] if digits.len() < 6 && !digits.starts_with('0') => Age::Numbered(number),
            numbers => Age::Dated(numbers.to_vec()),
        }
    }

    fn is_like(&self, other: &Age) -> bool {
        !matches!(self, Age::Unknown) && std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// Sorts files by what their names say, the oldest first; where names are of different kinds, times are all there is.
fn sort(found: &mut [(Age, Rotated)]) {
    let by_time =
        |a: &(Age, Rotated), b: &(Age, Rotated)| (a.1.written, &a.1.path).cmp(&(b.1.written, &b.1.path));
    if !found.windows(2).all(|pair| pair[0].0.is_like(&pair[1].0)) {
        found.sort_by(by_time);
        return;
    }
    found.sort_by(|a, b| (&a.0, a.1.written).cmp(&(&b.0, b.1.written)));
    if matches!(found, [(Age::Numbered(_), _), ..]) {
        // Times tell which way numbers go, unless they were all made new by a copy.
        let steps = || found.windows(2).map(|pair| pair[0].1.written.cmp(&pair[1].1.written));
        let older = steps().filter(|step| step.is_gt()).count();
        let newer = steps().filter(|step| step.is_lt()).count();
        if newer <= older {
            found.reverse();
        }
    }
}

/// Whether two files are called alike but for their numbers.
fn is_of_a_row(name: &str, other: &str) -> bool {
    let texts = |name: &str| -> Vec<String> {
        uncompressed(name)
            .split(|c: char| c.is_ascii_digit())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect()
    };
    name != other && texts(name) == texts(other) && name.contains(|c: char| c.is_ascii_digit())
}

/// The numbers in a name.
fn numbers(name: &str) -> Vec<u64> {
    let runs = name.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty());
    runs.map(|run| run.parse().unwrap_or(u64::MAX)).collect()
}

/// The name without what compression has added, if it has.
fn plain_name(path: &Path) -> Option<PathBuf> {
    let text = path.to_str()?;
    COMPRESSED.iter().find_map(|end| text.strip_suffix(end)).map(PathBuf::from)
}

/// A way to read a name as made by rotation of another one.
struct Reading<'n> {
    /// What stands before the mark.
    stem: &'n str,
    /// What was added: a number, a date, or a word for what is over.
    mark: &'n str,
    /// The extension behind it, where it was added before that.
    extension: Option<&'n str>,
}

impl Reading<'_> {
    /// Whether it was made of this name.
    fn is_of(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.stem);
        match self.extension {
            None => rest == Some(""),
            Some(extension) => rest.and_then(|rest| rest.strip_prefix('.')) == Some(extension),
        }
    }

    /// The name that it was made of.
    fn origin(&self) -> String {
        self.extension.map_or_else(|| self.stem.to_owned(), |extension| format!("{}.{extension}", self.stem))
    }
}

/// All ways to read a name, those with the mark at its end first, and the longest marks first.
fn readings(name: &str) -> impl Iterator<Item = Reading<'_>> {
    let plain = uncompressed(name);
    let at_end = marks(plain).map(|(stem, mark)| Reading { stem, mark, extension: None });
    let infix = plain.rsplit_once('.').into_iter().flat_map(|(marked, extension)| {
        let dates = marks(marked).filter(|(_, mark)| is_date(mark));
        dates.map(move |(stem, mark)| Reading { stem, mark, extension: Some(extension) })
    });
    at_end.chain(infix)
}

/// All marks at the end of a text, the longest first, each with what stands before it.
fn marks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = text.char_indices().skip(1).map(|(at, _)| text.split_at(at));
    parts.filter(|(_, mark)| is_mark(mark))
}

/// A name without what compression has added to it.
fn uncompressed(name: &str) -> &str {
    COMPRESSED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// What rotation has added to `name` to make `other` of it.
fn mark<'o>(name: &str, other: &'o str) -> Option<&'o str> {
    readings(other).find(|reading| reading.is_of(name)).map(|reading| reading.mark)
}

/// A name that rotation may have made another one of.
pub struct Origin {
    /// That name.
    pub name: String,
    /// Whether what was added to it stands before its extension.
    pub is_infix: bool,
}

/// The name that rotation has made this one of, if it looks so.
pub fn origin(name: &str) -> Option<Origin> {
    if let Some(reading) = readings(name).next() {
        return Some(Origin { name: reading.origin(), is_infix: reading.extension.is_some() });
    }
    let plain = uncompressed(name);
    (plain != name).then(|| Origin { name: plain.to_owned(), is_infix: false })
}

/// Before the extension a number may well be the name of another log, and a date hardly.
fn is_date(mark: &str) -> bool {
    mark.chars().filter(char::is_ascii_digit).count() >= 6
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
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn what_rotation_makes_of_a_name() {
        for other in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20261126",
            "app.log-20261126.zst",
            "app.2026-11-26.log",
            "app-20261126.log.gz",
            "app.log.old",
            "app.log.2026-11-26T10:00:00Z",
        ] {
            assert!(mark("app.log", other).is_some(), "{other}");
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
            "app-2.log",
            "app.2.log",
        ] {
            assert!(mark("app.log", other).is_none(), "{other}");
        }
        assert!(mark("events", "events.3").is_some() && mark("events", "events-old.txt").is_none());
    }

    /// Files with these names, each written to a second after the one before, are found in this order.
    #[track_caller]
    fn check(names: &[&str], seconds: impl Fn(usize) -> u64) {
        let dir = tempfile::tempdir().unwrap();
        for (n, name) in names.iter().enumerate() {
            let file = fs::File::create(dir.path().join(name)).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds(n))).unwrap();
        }
        let found = rotated(&dir.path().join("a.log"), &[dir.path().join("a.log.99")]);
        let found: Vec<_> = found.iter().map(|rotated| rotated.path.file_name().unwrap()).collect();
        assert_eq!(found, names);
    }

    #[test]
    fn names_tell_the_order() {
        for times in [|n| n as u64, |_| 7, |n| 100 - n as u64] {
            check(&["a.log-20260131", "a.log-20260201.gz", "a.log-20261101"], times);
            check(&["a.log.0009", "a.log.0010"], times);
            check(&["a.2026-11-26.9.log", "a.2026-11-26.10.log.gz", "a.2026-11-27.0.log"], times);
        }
        check(&["a.log.old", "a.log.2", "a.log.bak"], |n| n as u64);
    }

    /// Whether the greatest number is the oldest or the newest is told by the times, if they tell anything.
    #[test]
    fn numbers_go_either_way() {
        check(&["a.log.10.gz", "a.log.3", "a.log.2.gz", "a.log.1"], |n| n as u64);
        check(&["a.log.10.gz", "a.log.3", "a.log.2.gz", "a.log.1"], |_| 0);
        check(&["a.log.1", "a.log.2.gz", "a.log.3", "a.log.10.gz"], |n| n as u64);
        // One of them was made new.
        check(&["a.log.4", "a.log.3", "a.log.2.gz", "a.log.1"], |n| if n == 1 { 9 } else { n as u64 });
    }

    #[test]
    fn a_link_has_had_other_files() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["x-9.log", "x-10.log", "x-11.log", "y-9.log", "x-9.txt"] {
            fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink("x-11.log", at("cur.log")).unwrap();
        let found: Vec<PathBuf> =
            rotated(&at("cur.log"), &[]).into_iter().map(|rotated| rotated.path).collect();
        assert_eq!(found, [at("x-9.log"), at("x-10.log")].map(|path| fs::canonicalize(path).unwrap()));
    }

    #[test]
    fn what_a_name_was_made_of() {
        let check = |name: &str, want: Option<(&str, bool)>| {
            let found = origin(name);
            assert_eq!(found.as_ref().map(|found| (found.name.as_str(), found.is_infix)), want, "{name}");
        };
        check("app.log", None);
        check("app-2.log", None);
        check("app.log.1", Some(("app.log", false)));
        check("app.log.2026-11-26.gz", Some(("app.log", false)));
        check("app.2026-11-26.log.zst", Some(("app.log", true)));
        check("app.log.gz", Some(("app.log", false)));
    }
}
