//! Patterns of file names that are followed: which files they mean now.
//!
//! What rotation has made of a file is a part of that file's stream, and none of its own.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use glob::MatchOptions;

use super::rotated::origin;

/// A pattern: `*` and `?` stand for what is within a name, `[a-z]` for a character, `**` for directories.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    compiled: glob::Pattern,
}

/// As in a shell: a wildcard goes past no `/`, and hidden files are named.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

impl Pattern {
    /// What stands under FILE as a pattern; `None` if it has no wildcard, or a file has that very name.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn of(path: &Path) -> Result<Option<Pattern>, String> {
        let text = path.to_str().filter(|text| text.contains(['*', '?', '[']));
        let Some(text) = text.filter(|_| path.symlink_metadata().is_err()) else { return Ok(None) };
        // The names that are found have none of these either.
        let text = text.trim_start_matches("./").to_owned();
        Pattern::new(&text).map(Some)
    }

    /// A pattern of this text, whatever files there are.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Pattern, String> {
        let compiled = glob::Pattern::new(text).map_err(|error| error.msg.to_owned())?;
        Ok(Pattern { text: text.to_owned(), compiled })
    }

    /// As it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a file of this name is meant.
    pub fn means(&self, name: &str) -> bool {
        self.compiled.matches_with(name, OPTIONS)
    }

    /// The files that are meant and there now, by name; `known` are those that are followed already.
    pub fn files(&self, known: &HashSet<&str>) -> Vec<PathBuf> {
        let Ok(paths) = glob::glob_with(&self.text, OPTIONS) else { return Vec::new() };
        let is_stream = |path: &PathBuf| {
            path.is_file()
                && path.to_str().is_some_and(|name| known.contains(name) || !self.is_rotated(name, known))
        };
        paths.flatten().filter(is_stream).collect()
    }

    /// Whether it looks as if rotation had made this file of another one that is meant.
    fn is_rotated(&self, path: &str, known: &HashSet<&str>) -> bool {
        let name_at = path.rfind('/').map_or(0, |slash| slash + 1);
        let Some(origin) = origin(&path[name_at..]) else { return false };
        let before = format!("{}{}", &path[..name_at], origin.name);
        // Files may well be called by their days, each a log of its own; then there is none without a date.
        self.means(&before)
            && (!origin.is_infix || known.contains(before.as_str()) || Path::new(&before).exists())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, there: &[&str], known: &[&str], want: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        for name in there {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let at = |name: &&str| dir.path().join(name).to_str().unwrap().to_owned();
        let known: Vec<String> = known.iter().map(at).collect();
        let pattern = Pattern::of(&dir.path().join(pattern)).unwrap().expect("it is a pattern");
        let found = pattern.files(&known.iter().map(String::as_str).collect());
        let want: Vec<PathBuf> = want.iter().map(at).map(PathBuf::from).collect();
        assert_eq!(found, want);
        assert!(found.iter().all(|path| pattern.means(path.to_str().unwrap())));
    }

    #[test]
    fn files_are_found_by_name() {
        check("*.log", &["b.log", "a.log", "c.txt", ".d.log", "e/f.log"], &[], &["a.log", "b.log"]);
        check("*/[ab].log", &["x/a.log", "y/b.log", "y/c.log", "a.log"], &[], &["x/a.log", "y/b.log"]);
        check("**/?.log", &["a.log", "x/y/b.log", "x/cc.log"], &[], &["a.log", "x/y/b.log"]);
    }

    #[test]
    fn what_was_rotated_is_no_stream() {
        let there = [
            "app.log",
            "app.log.1",
            "app.log.2.gz",
            "app-20260301.log",
            "web.log.3",
            "old.log.gz",
            "x.1.log",
        ];
        check("*", &there, &[], &["app.log", "x.1.log"]);
        // The file of the name may just be missing.
        check("a*", &["app.log.1", "app.log-20260301.gz"], &[], &[]);
        check("a*", &["app-20260301.log"], &["app.log"], &[]);
        check("a*", &["app.log.1"], &["app.log.1"], &["app.log.1"]);
        // Logs that are called by their days.
        check(
            "web-*.log",
            &["web-20260301.log", "web-20260302.log"],
            &[],
            &["web-20260301.log", "web-20260302.log"],
        );
        check(
            "web*",
            &["web-20260301.log", "web-20260302.log"],
            &[],
            &["web-20260301.log", "web-20260302.log"],
        );
    }

    #[test]
    fn what_is_no_pattern() {
        assert!(Pattern::of(Path::new("a.log")).unwrap().is_none());
        assert!(Pattern::of(Path::new("a[.log")).is_err());
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a[1].log"), "").unwrap();
        assert!(Pattern::of(&dir.path().join("a[1].log")).unwrap().is_none());
    }
}
