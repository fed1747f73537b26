//! Decoders: one member or frame of a compressed stream, slice by slice.
//!
//! They read from no one, so that what has arrived can be decoded at once, whoever delivers it.

use flate2::{Decompress, FlushDecompress};
use liblzma::stream as lzma;
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation};

use super::fault::Fault;
use super::lz4::Lz4;
use super::magic::Kind;

/// The largest zstd window granted, as a power of two: what the `zstd` program grants by default.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// The memory granted to an xz decoder, in bytes; `xz -9` needs 65 MiB.
const XZ_BYTES_MAX: u64 = 256 << 20;

/// What one step did.
#[derive(Debug)]
pub(super) struct Step {
    /// Bytes of the input taken.
    pub read: usize,
    /// Bytes of the output written: they are good even where the step ended in a fault.
    pub written: usize,
    /// Whether that was the end of the member.
    pub ended: Result<bool, Fault>,
}

/// A decoder for one member or frame.
pub(super) enum Decoder {
    Gzip(Box<Decompress>),
    Zstd {
        decoder: ZstdDecoder<'static>,
        /// How much input the decoder asked for. It is given no more: it reports a fault together
        /// with all that the step would have written, so that a step must not span two blocks.
        hint: usize,
    },
    Bzip2(bzip2::Decompress),
    Xz(lzma::Stream),
    Lz4(Box<Lz4>),
}

impl Decoder {
    /// A decoder for a stream of this kind.
    pub fn new(kind: Kind) -> Result<Decoder, Fault> {
        Ok(match kind {
            Kind::Gzip => Decoder::Gzip(Box::new(Decompress::new_gzip(15))),
            Kind::Zstd => {
                let mut decoder = ZstdDecoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
                // The mark and one byte: the least that the decoder can start with.
                Decoder::Zstd { decoder, hint: 5 }
            }
            Kind::Bzip2 => Decoder::Bzip2(bzip2::Decompress::new(false)),
            Kind::Xz => Decoder::Xz(lzma::Stream::new_stream_decoder(XZ_BYTES_MAX, 0).map_err(xz_fault)?),
            Kind::Lz4 => Decoder::Lz4(Box::default()),
        })
    }

    /// The decoder for the next member: this one where it can go on, otherwise a new one.
    pub fn next_member(self, kind: Kind) -> Result<Decoder, Fault> {
        match self {
            // Its tables are large, and frames may be small.
            Decoder::Zstd { decoder, .. } => Ok(Decoder::Zstd { decoder, hint: 5 }),
            _ => Decoder::new(kind),
        }
    }

    /// Decodes from `input` to `output`. A step that neither reads nor writes needs more of one of them.
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        match self {
            Decoder::Gzip(decoder) => {
                let (read, written) = (decoder.total_in(), decoder.total_out());
                let result = decoder.decompress(input, output, FlushDecompress::None);
                let ended = result.map(|status| status == flate2::Status::StreamEnd);
                Step {
                    read: (decoder.total_in() - read) as usize,
                    written: (decoder.total_out() - written) as usize,
                    ended: ended.map_err(|error| damaged(Kind::Gzip, error)),
                }
            }
            Decoder::Zstd { decoder, hint } => zstd_step(decoder, hint, input, output),
            Decoder::Bzip2(decoder) => {
                let (read, written) = (decoder.total_in(), decoder.total_out());
                let result = decoder.decompress(input, output);
                Step {
                    read: (decoder.total_in() - read) as usize,
                    written: (decoder.total_out() - written) as usize,
                    ended: match result {
                        Ok(bzip2::Status::MemNeeded) => Err(damaged(Kind::Bzip2, "out of memory")),
                        Ok(status) => Ok(status == bzip2::Status::StreamEnd),
                        Err(error) => Err(damaged(Kind::Bzip2, error)),
                    },
                }
            }
            Decoder::Xz(decoder) => {
                let (read, written) = (decoder.total_in(), decoder.total_out());
                let result = decoder.process(input, output, lzma::Action::Run);
                Step {
                    read: (decoder.total_in() - read) as usize,
                    written: (decoder.total_out() - written) as usize,
                    ended: result.map(|status| status == lzma::Status::StreamEnd).map_err(xz_fault),
                }
            }
            Decoder::Lz4(decoder) => decoder.step(input, output),
        }
    }
}

fn zstd_step(decoder: &mut ZstdDecoder<'_>, hint: &mut usize, input: &[u8], output: &mut [u8]) -> Step {
    let input = &input[..input.len().min(*hint)];
    match decoder.run_on_buffers(input, output) {
        Ok(status) => {
            *hint = status.remaining.max(1);
            let (read, written) = (status.bytes_read, status.bytes_written);
            Step { read, written, ended: Ok(status.remaining == 0) }
        }
        Err(error) => {
            let text = error.to_string();
            let fault = if text.contains("requires too much memory") {
                Fault::Memory(Kind::Zstd)
            } else {
                damaged(Kind::Zstd, text)
            };
            Step { read: 0, written: 0, ended: Err(fault) }
        }
    }
}

fn xz_fault(error: lzma::Error) -> Fault {
    match error {
        lzma::Error::MemLimit => Fault::Memory(Kind::Xz),
        error => damaged(Kind::Xz, error),
    }
}

/// A fault in the decoder's own words, without the name that our message gives already.
pub(super) fn damaged(kind: Kind, detail: impl ToString) -> Fault {
    let detail = detail.to_string();
    let detail = detail.trim_start_matches("deflate decompression error: ").trim_start_matches("bzip2: ");
    let mut chars = detail.chars();
    let detail = chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect());
    Fault::Damaged { kind, detail }
}
