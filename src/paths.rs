//! Where a name stands, and how it is made to outlast a power cut.
//!
//! Whether a file is ours is not asked here: see `checkpoint::guard`.

use std::fs::File;
use std::io;
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

#[cfg(test)]
mod tests {
    use super::*;

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
