//! The file for the textfile collector: there whole or not at all, and readable by the user the collector runs as.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Escaped, Result, words};
use crate::paths;

/// Everybody may read it, whatever the umask: the collector runs as another user.
const MODE: u32 = 0o644;

/// Where metrics are written.
pub struct Target {
    path: PathBuf,
    /// A name beside it that the collector passes over.
    aside: PathBuf,
    /// Whether a failure has been told.
    told: AtomicBool,
}

impl Target {
    /// Checks that a file can be written there. One that is there already is left as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if it cannot, or if something stands there that is no file.
    pub fn open(path: &Path) -> Result<Target> {
        let refused = |why: &str| {
            Err(Error::usage(format!("--metrics: {} {why}", Escaped(&path.display().to_string()))))
        };
        // Of a link it is the file that is replaced, not the link.
        let path = match fs::metadata(path) {
            Ok(found) if !found.is_file() => return refused("is no regular file; name one"),
            Ok(_) => path.canonicalize().unwrap_or_else(|_| path.to_owned()),
            Err(_) => path.to_owned(),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let aside = paths::parent(&path).join(format!(".{name}.{}.new", std::process::id()));
        let target = Target { path, aside, told: AtomicBool::new(false) };
        match target.create().and_then(|_| fs::remove_file(&target.aside)) {
            Ok(()) => Ok(target),
            Err(cause) => refused(&format!("cannot be written: {}", words(&cause))),
        }
    }

    /// The name of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a text in place of what is there. Returns why that failed, the first time that it does.
    ///
    /// It is not synced: after a power cut the numbers mean nothing any more.
    pub fn write(&self, text: &str) -> Option<io::Error> {
        let written = self
            .create()
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&self.aside, &self.path));
        let cause = written.err()?;
        let _ = fs::remove_file(&self.aside);
        (!self.told.swap(true, Ordering::Relaxed)).then_some(cause)
    }

    /// The file aside, new and empty. What stands under its name is of a process that was killed, or a trap.
    fn create(&self) -> io::Result<File> {
        match fs::remove_file(&self.aside) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&self.aside)?;
        file.set_permissions(Permissions::from_mode(MODE))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.prom");
        let target = Target::open(&path).unwrap();
        assert_eq!(names(dir.path()), [""; 0], "nothing is left of the attempt");
        for text in ["one\n", "another\n"] {
            assert!(target.write(text).is_none());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        }
        assert_eq!(names(dir.path()), ["a.prom"]);
    }

    #[test]
    fn a_link_stays_one() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (link, file) = (dir.path().join("a.prom"), other.path().join("b.prom"));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        assert!(Target::open(&link).unwrap().write("new").is_none());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn a_name_that_was_planted_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, victim) = (dir.path().join("a.prom"), dir.path().join("victim"));
        fs::write(&victim, "mine").unwrap();
        let target = Target::open(&path).unwrap();
        symlink(&victim, &target.aside).unwrap();
        assert!(target.write("text").is_none());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }

    #[test]
    fn a_failure_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inner").join("a.prom");
        fs::create_dir(path.parent().unwrap()).unwrap();
        let target = Target::open(&path).unwrap();
        fs::remove_dir(path.parent().unwrap()).unwrap();
        assert!(target.write("one").is_some());
        assert!(target.write("two").is_none());
        fs::create_dir(path.parent().unwrap()).unwrap();
        assert!(target.write("three").is_none());
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
    }

    #[test]
    fn places_that_cannot_be_written_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let check = |path: &Path, want: &str| {
            let error = Target::open(path).err().expect("it is refused");
            assert_eq!(error.exit_code(), 2);
            assert_eq!(error.to_string(), format!("--metrics: {} {want}", path.display()));
        };
        check(&dir.path().join("none/a.prom"), "cannot be written: no such file or directory");
        let taken = dir.path().join("a.prom");
        fs::create_dir(&taken).unwrap();
        check(&taken, "is no regular file; name one");
        check(Path::new("/proc/a.prom"), "cannot be written: no such file or directory");
    }
}
