//! Compressed input that is small and unpacks to much, or asks for much memory, or is broken.

use std::io::{self, Write};

use crate::common::{Ended, account, feed};

const MIB: usize = 1 << 20;

/// A small gzip member that unpacks to 1 GiB of one byte.
fn bomb(byte: u8) -> Vec<u8> {
    let block = vec![byte; MIB];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    (0..1024).for_each(|_| gzip.write_all(&block).expect("memory takes it"));
    gzip.finish().expect("memory takes it")
}

fn run(input: Vec<u8>, options: &[&str]) -> Ended {
    feed(&[&["--window=1s"], options].concat(), move |out: &mut dyn Write| -> io::Result<()> {
        out.write_all(&input)
    })
}

#[test]
fn bombs() {
    // Zeros without a line end are one long record; line ends are nothing at all.
    let zeros = bomb(0);
    assert!(zeros.len() < 16 * MIB, "{} bytes", zeros.len());
    run(zeros, &[]).code(1).says("(standard input):1: the record takes up 1073741824 bytes").within_mib(160);
    let lines = bomb(b'\n');
    // Two members are one stream, twice as long.
    run([&lines[..], &lines].concat(), &[]).code(0).silent().rows(&[]).within_mib(64);
}

#[test]
fn an_archive_in_an_archive_is_not_unpacked() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bomb(b'\n')).expect("memory takes it");
    let nested = gzip.finish().expect("memory takes it");
    run(nested, &[]).code(1).says("(standard input):1: the record is not valid UTF-8").within_mib(64);
}

#[test]
fn zstd_with_a_huge_window() {
    // A frame header that asks for a window of 2 GiB, and one empty block.
    let frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00];
    run(frame, &[]).code(1).says("the zstd stream needs a window of more than 128 MiB").within_mib(64);
    // 128 MiB are granted, but not taken before they are needed.
    let granted = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00];
    run(granted, &[]).code(0).rows(&[]).within_mib(200);
}

#[test]
fn cut_and_damaged() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    (0..100).for_each(|n| writeln!(gzip, "{{\"ts\":{n}}}").expect("memory takes it"));
    let whole = gzip.finish().expect("memory takes it");
    let options = ["--delay=0s", "--quiet", "--stats=json"];
    for cut in [whole.len() - 1, whole.len() - 9, whole.len() / 2] {
        let ended = run(whole[..cut].to_vec(), &options).code(1);
        assert!(
            ended.stderr.contains("(standard input): the gzip stream ends in the middle"),
            "{}",
            ended.stderr
        );
        let [read, accepted, ..] = account(&ended);
        assert!(read == accepted && (1..=100).contains(&read), "{read} {accepted}");
        // The window that was open stays unfired.
        assert_eq!(ended.stdout.lines().count() as u64, read - 1);
    }
    let mut damaged = whole.clone();
    let last = damaged.len() - 5;
    damaged[last] ^= 1;
    run(damaged, &[]).code(1).says("(standard input): the gzip stream is damaged");
    run([&whole[..], b"{\"ts\":1}\n"].concat(), &[]).code(1).says("is followed by something else at byte");
    // Zeros behind a member are padding.
    run([&whole[..], &[0; 10_000]].concat(), &["--quiet"]).code(0).silent();
    for mark in [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"BZh91AY&SY", b"\xfd7zXZ\0"] {
        run(mark.to_vec(), &[]).code(1).says("ends in the middle");
        run([mark, &[0xff; 4096]].concat(), &[]).code(1).says("(standard input): the ").within_mib(64);
    }
}
