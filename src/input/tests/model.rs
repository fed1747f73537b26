//! Random records against a model: the record ends of the `csv` crate, and plain arithmetic on them.

use super::*;

/// What a source gives, independent of how it is split into chunks.
#[derive(Debug, PartialEq, Eq)]
enum Item {
    Records { bytes: Vec<u8>, offset: u64 },
    TooLong { offset: u64, head: Vec<u8>, lines: u64, len: u64 },
}

/// The offsets behind the records of `text`, blank lines taken as records.
fn ends(text: &[u8], format: Format) -> Vec<usize> {
    let mut ends = vec![0];
    match format {
        Format::Ndjson => ends.extend((0..text.len()).filter(|at| text[*at] == b'\n').map(|at| at + 1)),
        Format::Csv { delimiter } => {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter)
                .terminator(csv::Terminator::Any(b'\n'))
                .from_reader(text);
            let mut record = csv::ByteRecord::new();
            loop {
                // The reader passes over blank lines in silence.
                while text.get(*ends.last().unwrap()) == Some(&b'\n') {
                    ends.push(ends.last().unwrap() + 1);
                }
                if !reader.read_byte_record(&mut record).unwrap() {
                    break;
                }
                ends.push(reader.position().byte() as usize);
            }
        }
    }
    if *ends.last().unwrap() != text.len() {
        ends.push(text.len());
    }
    ends
}

/// What must come out.
fn expected(text: &[u8], format: Format, record_bytes_max: usize) -> Vec<Item> {
    let mut items = Vec::new();
    for range in ends(text, format).windows(2) {
        let record = &text[range[0]..range[1]];
        // A line feed that more text goes on behind stands in an open quote and ends nothing.
        let is_open = range[1] == text.len() && ends(&[record, b"x"].concat(), format).len() == 2;
        let content = record.strip_suffix(b"\n").filter(|_| !is_open).unwrap_or(record);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let offset = range[0] as u64;
        if content.len() > record_bytes_max {
            let head = record[..record.len().min(200)].to_vec();
            let lines = record.iter().filter(|byte| **byte == b'\n').count() as u64;
            items.push(Item::TooLong { offset, head, lines, len: record.len() as u64 });
        } else {
            push_records(&mut items, record, offset);
        }
    }
    items
}

fn push_records(items: &mut Vec<Item>, more: &[u8], at: u64) {
    match items.last_mut() {
        Some(Item::Records { bytes, offset }) => {
            assert_eq!(*offset + bytes.len() as u64, at);
            bytes.extend_from_slice(more);
        }
        _ => items.push(Item::Records { bytes: more.to_vec(), offset: at }),
    }
}

#[track_caller]
fn check(source: &mut Source, text: &[u8], format: Format, record_bytes_max: usize) {
    let ends = ends(text, format);
    let (chunks, error) = drain(source);
    assert!(error.is_none(), "{error:?}");
    let mut items = Vec::new();
    for chunk in chunks {
        match chunk {
            Chunk::Records { bytes, offset } => {
                let end = offset as usize + bytes.len();
                assert!(ends.binary_search(&end).is_ok(), "no record ends at {end}");
                push_records(&mut items, &bytes, offset);
            }
            Chunk::TooLong { offset, head, lines, len, .. } => {
                items.push(Item::TooLong { offset, head, lines, len });
            }
            Chunk::End => unreachable!("drained"),
        }
    }
    assert_eq!(items, expected(text, format, record_bytes_max));
    assert!(matches!(source.next(Vec::new()), Ok(Chunk::End)));
}

/// Bytes in which every rule about record ends has a chance to matter.
fn random_text(random: &mut fastrand::Rng, len: usize) -> Vec<u8> {
    let alphabets: [&[u8]; 5] =
        [b"a,\"\n", b"ab,\"\r\n", b"abcdefgh,\n", b"\"\"\"a,\n", b"aaaaaaaaaaaaaaa\"\n"];
    let alphabet = alphabets[random.usize(..alphabets.len())];
    (0..len).map(|_| alphabet[random.usize(..alphabet.len())]).collect()
}

/// Writes `bytes` into a pipe in pieces of random length; returns its reading end.
fn through_pipe(random: &mut fastrand::Rng, bytes: Vec<u8>) -> File {
    let (reader, mut writer) = pipe();
    let mut random = random.fork();
    std::thread::spawn(move || {
        let mut left = &bytes[..];
        while !left.is_empty() {
            let piece = left.split_off(..random.usize(1..=left.len().min(5000))).unwrap();
            writer.write_all(piece).unwrap();
        }
    });
    reader
}

fn rounds(seed: u64, rounds: usize, run: impl Fn(&mut fastrand::Rng, Vec<u8>, Format, ReadOptions)) {
    for round in 0..rounds {
        let seed = seed + round as u64;
        let mut random = fastrand::Rng::with_seed(seed);
        fastrand::seed(seed);
        let len = match random.u8(..3) {
            0 => random.usize(..30),
            1 => random.usize(..300),
            _ => random.usize(..100_000),
        };
        let text = random_text(&mut random, len);
        let format = if random.bool() { CSV } else { Format::Ndjson };
        let chunk_bytes = [1, 7, 100, 4096, 1 << 20][random.usize(..5)];
        let record_bytes_max = [0, 1, 5, 40, 300, 70_000, usize::MAX][random.usize(..7)];
        println!("seed {seed}: {len} bytes, {format:?}, chunk {chunk_bytes}, record {record_bytes_max}");
        run(&mut random, text, format, options(chunk_bytes, record_bytes_max));
    }
}

#[test]
fn plain_memory() {
    rounds(1000, 3000, |_, text, format, options| {
        check(&mut memory(&text, format, &options), &text, format, options.record_bytes_max);
    });
}

#[test]
fn plain_files() {
    rounds(10_000, 300, |_, text, format, options| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let spec = spec(Origin::Path(file.path().to_owned()), format);
        let mut source = Source::open(&spec, &options).unwrap();
        assert_eq!(source.stored_size(), Some(text.len() as u64));
        check(&mut source, &text, format, options.record_bytes_max);
        assert_eq!(source.stored_position(), text.len() as u64);
        assert!(!source.may_wait());
    });
}

#[test]
fn plain_pipes() {
    rounds(20_000, 300, |random, text, format, options| {
        let mut source = handle(through_pipe(random, text.clone()), format, &options);
        assert!(source.may_wait());
        check(&mut source, &text, format, options.record_bytes_max);
    });
}

/// `text` in members split at random, with what may stand between them.
fn packed(random: &mut fastrand::Rng, kind: Kind, text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut left = text;
    for _ in 0..random.usize(1..4) {
        if matches!(kind, Kind::Zstd | Kind::Lz4) && random.bool() {
            bytes.extend_from_slice(b"\x53\x2a\x4d\x18\x05\0\0\0\x1f\x8b\n\n\n");
        }
        let member = left.split_off(..random.usize(..=left.len())).unwrap();
        bytes.extend(pack(kind, member));
    }
    bytes.extend(pack(kind, left));
    if random.bool() {
        bytes.extend([0; 512]);
    }
    bytes
}

#[test]
fn compressed_memory() {
    rounds(30_000, 200, |random, text, format, options| {
        for kind in KINDS {
            let bytes = packed(random, kind, &text);
            check(&mut memory(&bytes, format, &options), &text, format, options.record_bytes_max);
        }
    });
}

#[test]
fn compressed_pipes() {
    rounds(40_000, 60, |random, text, format, options| {
        for kind in KINDS {
            let bytes = packed(random, kind, &text);
            let mut source = handle(through_pipe(random, bytes), format, &options);
            check(&mut source, &text, format, options.record_bytes_max);
        }
    });
}

#[test]
fn a_long_record_takes_linear_time() {
    // Far more bytes than a scan from the start at every read could get through.
    let mut text = b"1\n\"".to_vec();
    text.resize(40 << 20, b'\n');
    text.extend(b"\"\n2\n");
    let mut source = memory(&text, CSV, &options(64 * 1024, 64 << 20));
    check(&mut source, &text, CSV, 64 << 20);
    let mut source = memory(&text, CSV, &options(64 * 1024, 1 << 20));
    check(&mut source, &text, CSV, 1 << 20);
}
