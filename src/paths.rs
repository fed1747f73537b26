//! Where a name stands, and how it is made to outlast a power cut.
//!
//! Whether a file is ours is not asked here: see `checkpoint::guard`.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::Path;

/// The directory that a name is looked up in, `.` for a bare name. By the text alone: links are not followed.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a name that was created outlast a power cut.
///
/// # Errors
/// If there is no such file, or its directory cannot be synced.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    // Behind symbolic links it is another directory that has changed.
    let path = path.canonicalize()?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Puts bytes in place of what a file holds, whole or not at all: a failure leaves the file as it was, or none where none
/// was. What stands under the name and is no file (a terminal, a pipe) is written to.
///
/// # Errors
/// If the file cannot be written beside the old one, or not take its place.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (path, mode) = match fs::metadata(path) {
        Ok(found) if !found.is_file() => return fs::write(path, bytes),
        // Of a link it is the file that is replaced, not the link.
        Ok(found) => (path.canonicalize()?, Some(found.permissions())),
        Err(_) => (path.to_owned(), None),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let aside = parent(&path).join(format!(".{name}.{}.new", std::process::id()));
    let written = write_new(&aside, mode, bytes).and_then(|()| fs::rename(&aside, &path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, mode: Option<Permissions>, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    if let Some(mode) = mode {
        file.set_permissions(mode)?;
    }
    file.write_all(bytes)?;
    // A full disk may be told of no earlier.
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a"), dir.path().join("b"));
        replace(&file, b"one").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a", &link).unwrap();
        replace(&link, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        replace(Path::new("/dev/null"), b"three").unwrap();
        assert!(replace(&dir.path().join("none/c"), b"four").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left beside");
    }

    #[test]
    fn parents() {
        let check = |path: &str, want: &str| assert_eq!(parent(Path::new(path)), Path::new(want), "{path}");
        check("a", ".");
        check("a/", ".");
        check("./a", ".");
        check("a/b", "a");
        check("/a", "/");
    }
}
