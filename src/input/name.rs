//! What a file's name says about its format, and which file a name stands for.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Format;

/// The format that a file name stands for, by `.ndjson`, `.jsonl`, `.json`, `.csv` and `.tsv`, also
/// before `.gz`, `.zst`, `.bz2`, `.xz` and `.lz4` and before the number or date that a file gets when it is rotated
/// (`.1`, `-20240131`, `.2024-01-31`), in upper or lower case; `None` for any other name.
pub fn format_of_name(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let stem = [".gz", ".zst", ".bz2", ".xz", ".lz4"].iter().find_map(|ending| name.strip_suffix(ending));
    let rotated = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let (_, ending) = stem.unwrap_or(&name).trim_end_matches(rotated).rsplit_once('.')?;
    match ending {
        "ndjson" | "jsonl" | "json" => Some(Format::Ndjson),
        "csv" => Some(Format::Csv { delimiter: b',' }),
        "tsv" => Some(Format::Csv { delimiter: b'\t' }),
        _ => None,
    }
}

/// The device and inode of the regular file that `path` leads to (links are followed), so that an
/// output that is an input can be refused. `None` if there is no such file or it is not a regular one:
/// a terminal or `/dev/null` may well be both.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    meta.is_file().then(|| (meta.dev(), meta.ino()))
}

/// The same for standard input.
pub fn identity_of_stdin() -> Option<(u64, u64)> {
    super::files::regular_identity(&rustix::fs::fstat(std::io::stdin()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<Format>) {
        assert_eq!(format_of_name(Path::new(name)), expected, "{name}");
    }

    #[test]
    fn names() {
        let csv = Some(Format::Csv { delimiter: b',' });
        check("a.ndjson", Some(Format::Ndjson));
        check("dir.csv/a.jsonl", Some(Format::Ndjson));
        check("a.JSON.GZ", Some(Format::Ndjson));
        check("a.csv", csv);
        check("a.b.csv.zst", csv);
        check("a.csv.bz2", csv);
        check("a.csv.xz", csv);
        check("a.CSV.lz4", csv);
        check("a.tsv", Some(Format::Csv { delimiter: b'\t' }));
        check("a.csv.1", csv);
        check("a.csv.12.gz", csv);
        check("a.csv-20240131", csv);
        check("a.tsv.2024-01-31", Some(Format::Csv { delimiter: b'\t' }));
        check("2024.csv", csv);
        check("a.log.1", None);
        check("csv.1", None);
        check("a.1", None);
        check("1", None);
        check("a.csv.gz.gz", None);
        check("a.log", None);
        check("csv", None);
        check("a.gz", None);
        check("", None);
        check("..", None);
    }

    #[test]
    fn only_regular_files_have_an_identity() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(identity(file.path()).is_some());
        assert_eq!(identity(Path::new("/dev/null")), None);
        assert_eq!(identity(Path::new("/")), None);
        assert_eq!(identity(Path::new("/does/not/exist")), None);
    }
}
