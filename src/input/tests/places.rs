//! Where bytes come from: files that change, many files, descriptors, names that cannot be read.

use std::io::{Seek, SeekFrom};
use std::path::Path;

use super::*;

fn open(path: &Path, options: &ReadOptions) -> Result<Source> {
    Source::open(&spec(Origin::Path(path.to_owned()), Format::Ndjson), options)
}

#[test]
fn names_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(100, 1 << 20);
    assert_eq!(reason(open(&dir.path().join("none"), &options)), "no such file or directory");
    assert_eq!(reason(open(dir.path(), &options)), "is a directory; name the files in it");
    assert!(matches!(open(Path::new("/dev/null"), &options).unwrap().next(Vec::new()), Ok(Chunk::End)));
    #[cfg(target_os = "linux")]
    {
        let mut status = open(Path::new("/proc/self/status"), &options).unwrap();
        let (chunks, error) = drain(&mut status);
        assert!(error.is_none());
        assert!(joined(&chunks, 0).starts_with(b"Name:"));
    }
}

#[test]
fn a_growing_file_is_read_to_its_end() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"1\n2\n3").unwrap();
    let mut source = open(file.path(), &options(2, 100)).unwrap();
    let Ok(Chunk::Records { bytes, .. }) = source.next(Vec::new()) else { panic!() };
    assert_eq!(bytes, b"1\n2\n");
    file.write_all(b"\n4\n").unwrap();
    let (chunks, error) = drain(&mut source);
    assert!(error.is_none());
    assert_eq!(joined(&chunks, 4), b"3\n4\n");
}

#[test]
fn a_truncated_file_is_an_error() {
    let text = b"123456789\n".repeat(10_000);
    for (to, packed) in [(0, false), (30_000, false), (60_000, false), (99_999, false), (1000, true)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes = if packed {
            let noise: Vec<u8> = (0..100_000).map(|_| fastrand::alphanumeric() as u8).collect();
            pack(Kind::Gzip, &[&b"a\n"[..], &noise, b"\n"].concat())
        } else {
            text.clone()
        };
        std::fs::write(file.path(), &bytes).unwrap();
        let mut source = open(file.path(), &options(50_000, 1 << 20)).unwrap();
        assert!(matches!(source.next(Vec::new()), Ok(Chunk::Records { .. })));
        file.as_file().set_len(to).unwrap();
        let (_, error) = drain(&mut source);
        let reason = reason::<()>(Err(error.expect("an error")));
        assert!(reason.contains("truncated while being read"), "{to}: {reason}");
    }
}

#[test]
fn many_files_with_few_descriptors() {
    let dir = tempfile::tempdir().unwrap();
    let cache = FileCache::new(8);
    let text =
        |n: usize| (0..50).flat_map(move |line| format!("{n} {line}\n").into_bytes()).collect::<Vec<u8>>();
    let mut sources: Vec<(Source, Vec<u8>)> = (0..600)
        .map(|n| {
            let path = dir.path().join(n.to_string());
            let bytes = if n % 2 == 0 { text(n) } else { pack(KINDS[n % 5], &text(n)) };
            std::fs::write(&path, bytes).unwrap();
            let spec = spec(Origin::Path(path), Format::Ndjson);
            (Source::open_with(&spec, &options(64, 1000), &cache).unwrap(), Vec::new())
        })
        .collect();
    let mut left = sources.len();
    while left > 0 {
        left = 0;
        for (source, got) in &mut sources {
            if let Chunk::Records { bytes, offset } = source.next(Vec::new()).unwrap() {
                assert_eq!(offset, got.len() as u64);
                got.extend(bytes);
                left += 1;
            }
            assert!(cache.open_count() <= 8);
        }
    }
    assert!(sources.iter().enumerate().all(|(n, (_, got))| *got == text(n)));
    assert_eq!(cache.open_count(), 0);
}

#[test]
fn a_file_as_standard_input_is_read_from_where_it_stands() {
    for packed in [false, true] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"skipped\n").unwrap();
        file.write_all(&if packed { pack(Kind::Gzip, b"1\n2\n") } else { b"1\n2\n".to_vec() }).unwrap();
        let size = file.stream_position().unwrap() - 8;
        file.seek(SeekFrom::Start(8)).unwrap();
        let mut source = handle(file, Format::Ndjson, &options(100, 100));
        assert!(!source.may_wait());
        assert_eq!(source.stored_size(), Some(size));
        let (chunks, error) = drain(&mut source);
        assert!(error.is_none());
        assert_eq!(joined(&chunks, 0), b"1\n2\n");
        assert_eq!(source.stored_position(), size);
    }
}

#[test]
fn a_buffer_that_a_long_record_grew_is_let_go() {
    let text = [vec![b'x'; 1 << 20], b"\n1\n".to_vec()].concat();
    let mut source = memory(&text, Format::Ndjson, &options(1000, 2 << 20));
    let Ok(Chunk::Records { bytes, .. }) = source.next(Vec::new()) else { panic!() };
    assert!(bytes.len() > 1 << 20);
    let text = b"1\n2\n3\n";
    let mut source = memory(text, Format::Ndjson, &options(1000, 2 << 20));
    let Ok(Chunk::Records { bytes, .. }) = source.next(bytes) else { panic!() };
    assert_eq!(bytes, text);
    assert!(bytes.capacity() < 100_000);
}

#[test]
fn sources_go_to_other_threads() {
    fn check<T: Send>() {}
    check::<Source>();
}
