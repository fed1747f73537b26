//! The LZ4 frame format, fed in whole blocks.
//!
//! The frame decoder pulls its input and loses its place when there is not enough; so the frame is
//! first split into its parts (by their lengths alone), and each part handed over when it is complete.
//! Layout: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

use super::decode::{Step, damaged};
use super::magic::Kind;

/// The largest block that the format knows, in bytes.
const BLOCK_BYTES_MAX: usize = 4 << 20;
/// The least length of a frame header, in bytes.
const HEADER_BYTES_MIN: usize = 7;
/// The mark of a block that is stored as it is, in its length.
const STORED: u32 = 1 << 31;

/// A decoder for one frame.
pub(super) struct Lz4 {
    decoder: FrameDecoder<Part>,
    /// Which part of the frame comes.
    next: Next,
    /// What the header said.
    block_checksums: bool,
    content_checksum: bool,
    /// Decoded bytes that have not been taken yet.
    left: usize,
}

/// The part of the frame that is being gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Header,
    Block,
    Done,
}

impl Default for Lz4 {
    fn default() -> Lz4 {
        let decoder = FrameDecoder::new(Part::default());
        Lz4 { decoder, next: Next::Header, block_checksums: false, content_checksum: false, left: 0 }
    }
}

impl Lz4 {
    /// Decodes from `input` to `output`, at most one part.
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut read = 0;
        match self.decode(input, output, &mut read) {
            Ok(written) => Step { read, written, ended: Ok(self.next == Next::Done && self.left == 0) },
            Err(error) => Step { read, written: 0, ended: Err(damaged(Kind::Lz4, error)) },
        }
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8], read: &mut usize) -> io::Result<usize> {
        if self.left == 0 && self.next != Next::Done && self.gather(input, read)? {
            self.left = self.decoder.fill_buf()?.len();
            if self.decoder.get_ref().left() > 0 {
                return Err(io::Error::other("a block is longer than it says"));
            }
            self.part_done();
        }
        if self.left == 0 {
            return Ok(0);
        }
        let decoded = self.decoder.fill_buf()?;
        let n = decoded.len().min(output.len());
        output[..n].copy_from_slice(&decoded[..n]);
        self.decoder.consume(n);
        self.left -= n;
        Ok(n)
    }

    /// Takes input until the part is complete; whether it is.
    fn gather(&mut self, input: &[u8], read: &mut usize) -> io::Result<bool> {
        loop {
            let wanted = self.wanted()?;
            let part = self.decoder.get_mut();
            let have = part.bytes.len();
            if have >= wanted {
                return Ok(true);
            }
            let n = (wanted - have).min(input.len() - *read);
            if n == 0 {
                return Ok(false);
            }
            part.bytes.extend_from_slice(&input[*read..*read + n]);
            *read += n;
        }
    }

    /// The length of the part, as far as what is there tells.
    fn wanted(&self) -> io::Result<usize> {
        let part = &self.decoder.get_ref().bytes;
        match self.next {
            Next::Header => {
                let flags = part.get(4).copied().unwrap_or(0);
                let content_size = if flags & 0x08 != 0 { 8 } else { 0 };
                let dictionary = if flags & 0x01 != 0 { 4 } else { 0 };
                Ok(HEADER_BYTES_MIN + content_size + dictionary)
            }
            Next::Block => {
                let Some(length) = part.first_chunk() else { return Ok(4) };
                let length = u32::from_le_bytes(*length);
                let body = (length & !STORED) as usize;
                if body > BLOCK_BYTES_MAX {
                    return Err(io::Error::other("a block is too long"));
                }
                let checksum = if length == 0 { self.content_checksum } else { self.block_checksums };
                Ok(4 + body + if checksum { 4 } else { 0 })
            }
            Next::Done => Ok(0),
        }
    }

    /// Goes on to the next part.
    fn part_done(&mut self) {
        let part = &mut self.decoder.get_mut().bytes;
        match self.next {
            Next::Header => {
                let flags = part.get(4).copied().unwrap_or(0);
                self.block_checksums = flags & 0x10 != 0;
                self.content_checksum = flags & 0x04 != 0;
                self.next = Next::Block;
            }
            Next::Block if part.starts_with(&[0; 4]) => self.next = Next::Done,
            Next::Block | Next::Done => {}
        }
        self.decoder.get_mut().clear();
    }
}

/// The bytes of one part, as the frame decoder reads them.
#[derive(Debug, Default)]
struct Part {
    bytes: Vec<u8>,
    at: usize,
}

impl Part {
    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.at = 0;
    }
}

impl Read for Part {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let n = self.left().min(output.len());
        output[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
