//! Sources as a whole: what comes out must be what went in, whatever the reads, and cut at record ends.

mod faults;
mod model;
mod places;
mod streams;

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use super::magic::Kind;
use super::raw::Raw;
use super::*;
use crate::error::{Error, Result};

const CSV: Format = Format::Csv { delimiter: b',' };
const KINDS: [Kind; 5] = [Kind::Gzip, Kind::Zstd, Kind::Bzip2, Kind::Xz, Kind::Lz4];

fn options(chunk_bytes: usize, record_bytes_max: usize) -> ReadOptions {
    ReadOptions {
        chunk_bytes,
        record_bytes_max,
        header: true,
        digests: true,
        hold: false,
        stdin_is_new: false,
    }
}

fn spec(origin: Origin, format: Format) -> SourceSpec {
    SourceSpec { name: "in".to_owned(), origin, format }
}

fn memory(bytes: &[u8], format: Format, options: &ReadOptions) -> Source {
    Source::open(&spec(Origin::Memory(Arc::from(bytes)), format), options).unwrap()
}

/// A source that reads this descriptor, as standard input is read.
fn handle(file: File, format: Format, options: &ReadOptions) -> Source {
    Source::new(&spec(Origin::Stdin, format), options, Raw::of_handle(file).unwrap())
}

/// A pipe: its reading and its writing end.
fn pipe() -> (File, File) {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    (reader.into(), writer.into())
}

/// Reads on until the end or an error, with a buffer that goes round.
fn drain(source: &mut Source) -> (Vec<Chunk>, Option<Error>) {
    let mut chunks = Vec::new();
    let mut buffer = Vec::new();
    loop {
        match source.next(buffer) {
            Ok(Chunk::End) => return (chunks, None),
            Ok(Chunk::Records { bytes, offset }) => {
                assert!(bytes.capacity() - bytes.len() >= SPARE_BYTES);
                buffer = bytes.clone();
                chunks.push(Chunk::Records { bytes, offset });
            }
            Ok(chunk) => {
                buffer = Vec::new();
                chunks.push(chunk);
            }
            Err(error) => return (chunks, Some(error)),
        }
    }
}

/// The bytes of all chunks, which must all be records and stand where their offsets say, from `start` on.
fn joined(chunks: &[Chunk], start: u64) -> Vec<u8> {
    let mut all = Vec::new();
    for chunk in chunks {
        let Chunk::Records { bytes, offset } = chunk else { panic!("{chunk:?}") };
        assert_eq!(*offset, start + all.len() as u64);
        assert!(!bytes.is_empty());
        all.extend_from_slice(bytes);
    }
    all
}

/// The reason of an input error.
#[track_caller]
fn reason<T>(result: Result<T>) -> String {
    match result {
        Err(Error::Input { source, reason }) => {
            assert_eq!(source, "in");
            reason
        }
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("an error was expected"),
    }
}

/// `bytes` as one member or frame.
fn pack(kind: Kind, bytes: &[u8]) -> Vec<u8> {
    match kind {
        Kind::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Kind::Zstd => zstd::stream::encode_all(bytes, 3).unwrap(),
        Kind::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Kind::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Kind::Lz4 => lz4_frame(bytes, fastrand::bool()),
    }
}

/// An lz4 frame with every checksum there is, of linked or independent blocks.
fn lz4_frame(bytes: &[u8], linked: bool) -> Vec<u8> {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    let mode = if linked { BlockMode::Linked } else { BlockMode::Independent };
    let info = FrameInfo::new()
        .block_size(BlockSize::Max64KB)
        .block_mode(mode)
        .block_checksums(true)
        .content_checksum(true)
        .content_size(Some(bytes.len() as u64));
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
