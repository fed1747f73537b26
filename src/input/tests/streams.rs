//! The start of a stream (byte order mark, header) and streams that come slowly.

use super::*;

#[track_caller]
fn check_next(source: &mut Source, expected: &[u8], at: u64) {
    match source.next(Vec::new()) {
        Ok(Chunk::Records { bytes, offset }) => {
            assert_eq!((String::from_utf8_lossy(&bytes), offset), (String::from_utf8_lossy(expected), at));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_slow_pipe_gives_each_record_at_once() {
    let (reader, mut writer) = pipe();
    let mut source = handle(reader, Format::Ndjson, &options(1 << 20, 1000));
    writer.write_all(b"1\n").unwrap();
    check_next(&mut source, b"1\n", 0);
    writer.write_all(b"2\n3").unwrap();
    check_next(&mut source, b"2\n", 2);
    writer.write_all(b"4\n5\n6").unwrap();
    check_next(&mut source, b"34\n5\n", 4);
    drop(writer);
    check_next(&mut source, b"6", 9);
    assert!(matches!(source.next(Vec::new()), Ok(Chunk::End)));
}

#[test]
fn a_slow_compressed_pipe_gives_what_can_be_decoded() {
    for kind in KINDS {
        let (reader, mut writer) = pipe();
        let mut source = handle(reader, Format::Ndjson, &options(1 << 20, 1000));
        // A member for each record: the end of one says that nothing is held back.
        writer.write_all(&pack(kind, b"1\n")).unwrap();
        check_next(&mut source, b"1\n", 0);
        writer.write_all(&pack(kind, b"2\n")).unwrap();
        check_next(&mut source, b"2\n", 2);
        drop(writer);
        assert!(matches!(source.next(Vec::new()), Ok(Chunk::End)));
    }
}

#[test]
fn a_compressed_pipe_that_synchronises() {
    let (reader, writer) = pipe();
    let mut source = handle(reader, Format::Ndjson, &options(1 << 20, 1000));
    let mut encoder = flate2::write::GzEncoder::new(writer, flate2::Compression::default());
    for n in 0..3 {
        encoder.write_all(b"abc\n").unwrap();
        encoder.flush().unwrap();
        check_next(&mut source, b"abc\n", n * 4);
    }
    drop(encoder.finish().unwrap());
    assert!(matches!(source.next(Vec::new()), Ok(Chunk::End)));
}

#[test]
fn a_fifo_waits_for_its_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    let status = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(status.success());
    // Nobody writes yet: opening does not wait.
    let spec = spec(Origin::Path(path.clone()), Format::Ndjson);
    let mut source = Source::open(&spec, &options(100, 100)).unwrap();
    assert!(source.may_wait());
    let reader = std::thread::spawn(move || drain(&mut source));
    std::fs::write(&path, b"1\n2\n").unwrap();
    let (chunks, error) = reader.join().unwrap();
    assert!(error.is_none());
    assert_eq!(joined(&chunks, 0), b"1\n2\n");
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    for text in [&b"\xef\xbb\xbf1\n\xef\xbb\xbf2\n"[..], b"\xef\xbb\xbf", b"\xef\xbb\n", b"\xef", b""] {
        let bom = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        for bytes in [text.to_vec(), pack(Kind::Gzip, text)] {
            let (reader, mut writer) = pipe();
            let one_by_one = std::thread::spawn({
                let bytes = bytes.clone();
                move || bytes.iter().for_each(|byte| writer.write_all(&[*byte]).unwrap())
            });
            let options = options(100, 100);
            for mut source in [memory(&bytes, CSV, &options), handle(reader, CSV, &options)] {
                let (chunks, error) = drain(&mut source);
                assert!(error.is_none());
                assert_eq!(joined(&chunks, bom as u64), &text[bom..]);
            }
            one_by_one.join().unwrap();
        }
    }
    // Quotes open a field behind it.
    let mut source = memory(b"\xef\xbb\xbf\"a\nb\"\n\"c\nd", CSV, &options(1, 100));
    check_next(&mut source, b"\"a\nb\"\n", 3);
    check_next(&mut source, b"\"c\nd", 9);
}

#[track_caller]
fn check_header(text: &[u8], names: &[&str], lines: u64, offset: u64) {
    for chunk_bytes in [1, 1000] {
        for bytes in [text.to_vec(), pack(Kind::Zstd, text)] {
            let mut source = memory(&bytes, CSV, &options(chunk_bytes, 100));
            let header = source.header().unwrap().unwrap();
            assert_eq!(
                (header.0.as_slice(), header.1),
                (&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..], lines)
            );
            assert_eq!(source.offset(), offset);
            let (chunks, error) = drain(&mut source);
            assert!(error.is_none());
            assert_eq!(joined(&chunks, offset), &text[offset as usize..]);
        }
    }
}

#[test]
fn headers() {
    check_header(b"a,b\n1,2\n", &["a", "b"], 1, 4);
    check_header(b"a,b\r\n1,2\r\n3,4\n", &["a", "b"], 1, 5);
    check_header(b"\xef\xbb\xbf\"a\",\"b c\"\n1,2", &["a", "b c"], 1, 13);
    check_header(b"\n\r\na\n1\n", &["a"], 3, 5);
    check_header(b"\"a\nb\",\"c\"\"d\"\n1,2\n", &["a\nb", "c\"d"], 2, 13);
    check_header(b"a,b", &["a", "b"], 1, 3);
    check_header(b"a,\n", &["a", ""], 1, 3);
    check_header("ä,ö\n\n1\n".as_bytes(), &["ä", "ö"], 1, 6);
}

#[test]
fn no_header() {
    for text in [&b""[..], b"\n\n", b"\r\n"] {
        let mut source = memory(text, CSV, &options(100, 100));
        assert!(source.header().unwrap().is_none());
        assert!(matches!(source.next(Vec::new()), Ok(Chunk::End)));
    }
}

#[test]
fn headers_that_cannot_be_used() {
    let check = |bytes: &[u8], part: &str| {
        let mut source = memory(bytes, CSV, &options(100, 50));
        let reason = reason(source.header());
        assert!(reason.contains(part), "{reason}");
        assert!(source.next(Vec::new()).is_err());
    };
    check(b"a,\xff\n1,2\n", "not valid UTF-8");
    check(b"\"a,b\n1,2\n", "never closed");
    check(&[b'a'; 1000], "longer than 50 bytes");
    let cut = pack(Kind::Gzip, b"a,b\n1,2\n");
    check(&cut[..cut.len() / 2], "truncated");
}
