//! Streams that are cut off, damaged, or followed by something else.

use super::*;

/// All records that come out before the source ends or fails, and the reason if it failed.
fn outcome(bytes: &[u8]) -> (Vec<u8>, Option<String>) {
    let mut source = memory(bytes, Format::Ndjson, &options(64, 1000));
    let (chunks, error) = drain(&mut source);
    let reason = error.map(|error| {
        // It says the same again, and nothing else.
        assert_eq!(source.next(Vec::new()).unwrap_err().to_string(), error.to_string());
        reason::<()>(Err(error))
    });
    (joined(&chunks, 0), reason)
}

fn lines(n: usize) -> Vec<u8> {
    (0..n).flat_map(|n| format!("{{\"a\":{n}}}\n").into_bytes()).collect()
}

#[test]
fn cut_off_at_every_byte() {
    let text = lines(60);
    let middle = text.len() / 2 + 3;
    for kind in KINDS {
        let bytes = [pack(kind, &text[..middle]), pack(kind, &text[middle..])].concat();
        let first = pack(kind, &text[..middle]).len();
        assert_eq!(outcome(&bytes), (text.clone(), None));
        let mut most = 0;
        for len in 1..bytes.len() {
            let (got, reason) = outcome(&bytes[..len]);
            if len == first {
                // A whole stream with a record that has no line feed.
                assert_eq!((got.as_slice(), reason), (&text[..middle], None));
                continue;
            }
            let Some(reason) = reason else {
                // Too short to be told from text.
                assert_eq!(got, &bytes[..len]);
                assert!(len < 6);
                continue;
            };
            assert!(reason.contains("ends in the middle (truncated archive?)"), "{kind} {len}: {reason}");
            assert!(text.starts_with(&got) && (got.is_empty() || got.ends_with(b"\n")));
            // Nothing that was complete may be lost again by a later cut.
            assert!(got.len() >= most, "{kind} {len}");
            most = got.len();
        }
        let whole_lines = text[..middle].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        assert!(most >= whole_lines);
    }
}

#[test]
fn what_follows() {
    let text = lines(5);
    for kind in KINDS {
        let good = pack(kind, &text);
        assert_eq!(outcome(&[&good[..], &[0; 1000]].concat()), (text.clone(), None));
        assert_eq!(outcome(&[&good[..], &[0; 7], &good[..]].concat()).0, [&text[..], &text[..]].concat());
        for trailing in [&b"garbage"[..], b"\0\0\0x", b"{\"a\":1}\n", b"\x1f\x00"] {
            let (got, reason) = outcome(&[&good[..], trailing].concat());
            assert_eq!(got, text);
            let at = good.len() + trailing.iter().take_while(|byte| **byte == 0).count();
            assert_eq!(
                reason.unwrap(),
                format!(
                    "the {kind} stream is followed by something else at byte {at} of the file; \
                     everything before was processed"
                )
            );
        }
    }
    let mixed = [pack(Kind::Gzip, &text), pack(Kind::Zstd, &text)].concat();
    assert!(outcome(&mixed).1.unwrap().contains("followed by something else"));
}

#[test]
fn only_skippable_frames() {
    assert_eq!(outcome(b"\x50\x2a\x4d\x18\x03\0\0\0abc"), (vec![], None));
    assert!(outcome(b"\x50\x2a\x4d\x18\x03\0\0\0ab").1.unwrap().contains("truncated"));
    assert!(outcome(b"\x50\x2a\x4d\x18\x03\0").1.unwrap().contains("truncated"));
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let text = lines(3000);
    for kind in KINDS {
        let good = pack(kind, &text);
        for seed in 0..1500 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut bytes = good.clone();
            for _ in 0..random.usize(1..4) {
                let at = if random.bool() {
                    random.usize(..bytes.len().min(40))
                } else {
                    random.usize(..bytes.len())
                };
                bytes[at] = random.u8(..);
            }
            let mut source = memory(&bytes, Format::Ndjson, &options(4096, 1 << 20));
            let (chunks, _) = drain(&mut source);
            assert!(chunks.len() < 10_000);
        }
    }
}

#[test]
fn records_before_damage_come_out() {
    let text: Vec<u8> =
        (0..400_000).map(|n| if n % 50 == 49 { b'\n' } else { fastrand::alphanumeric() as u8 }).collect();
    for kind in KINDS {
        let mut bytes = pack(kind, &text);
        // The checksum of the content is at the end in all these formats; with xz in front of 24 to 28 bytes of
        // index and footer. What stands before it must stay whole: damaged, it would become other records.
        let at = bytes.len() - if kind == Kind::Xz { 30 } else { 3 };
        for byte in &mut bytes[at..] {
            *byte ^= 0x55;
        }
        let (got, reason) = outcome(&bytes);
        assert!(reason.is_some(), "{kind}");
        assert!(text.starts_with(&got));
        assert!(got.len() > 100_000 || kind == Kind::Bzip2, "{kind}: {}", got.len());
    }
}

#[test]
fn the_zstd_window_is_limited() {
    use zstd::stream::raw::CParameter;
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.set_parameter(CParameter::WindowLog(28)).unwrap();
    encoder.write_all(&lines(100)).unwrap();
    let (got, reason) = outcome(&encoder.finish().unwrap());
    assert!(got.is_empty());
    assert!(reason.unwrap().contains("zstd -dc --long=31"));
}

#[test]
fn the_xz_memory_is_limited() {
    let mut lzma = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    lzma.dict_size(1 << 30);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&lzma);
    let stream = liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32);
    // The encoder may want more memory than there is; the header alone is enough then.
    let Ok(stream) = stream else { return };
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(&lines(100)).unwrap();
    assert!(outcome(&encoder.finish().unwrap()).1.unwrap().contains("xz -dc"));
}

#[test]
fn a_bomb_streams() {
    let zeros = vec![b' '; 8 << 20];
    let member = pack(Kind::Zstd, &zeros);
    let bytes: Vec<u8> = (0..16).flat_map(|_| member.clone()).collect();
    let mut source = memory(&bytes, Format::Ndjson, &options(1 << 16, 1 << 16));
    match source.next(Vec::new()).unwrap() {
        Chunk::TooLong { offset: 0, len, lines: 0, .. } => assert_eq!(len, 128 << 20),
        other => panic!("{other:?}"),
    }
    assert!(source.rest.capacity() < 1 << 20);
}
