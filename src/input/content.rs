//! The uncompressed bytes of a source.
//!
//! A compressed stream is members or frames one after the other, with skippable frames and zero padding
//! between them.

use std::time::Duration;

use super::decode::{Decoder, damaged};
use super::fault::Fault;
use super::magic::{Kind, Start, recognise};
use super::raw::{Got, Raw};

/// How much stored input is read at a time. Small, as thousands of sources may be open.
const INPUT_BYTES: usize = 32 * 1024;
/// How much is read to recognise compression: no more than that takes, as it is copied once more.
pub(super) const FIRST_BYTES: usize = 16;

/// The uncompressed bytes of a source, compressed as it may be.
pub(super) struct Content {
    raw: Raw,
    /// Whether it is compressed: known once it is recognised.
    packed: bool,
    /// Stored bytes that were read; those before `at` are done with.
    input: Vec<u8>,
    at: usize,
    /// Known from the first member on; the others must be alike.
    kind: Option<Kind>,
    decoder: Option<Decoder>,
    place: Place,
    /// Whether the last step filled its output, so that the decoder may hold more.
    pending: bool,
    /// A fault that waits until the bytes before it are taken.
    fault: Option<Fault>,
}

/// Where in the stream of members the input stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a member, or behind the last one.
    Between,
    /// In a member.
    Inside,
    /// In a skippable frame with this many bytes left.
    Skipping(u64),
}

/// What a move forward came to.
enum Moved {
    /// It goes on from here.
    On,
    /// More input is needed.
    Hungry,
}

impl Content {
    /// The content of `raw`, still to be recognised.
    pub fn new(raw: Raw) -> Content {
        Content {
            raw,
            packed: false,
            input: Vec::new(),
            at: 0,
            kind: None,
            decoder: None,
            place: Place::Between,
            pending: false,
            fault: None,
        }
    }

    /// Reads as many first bytes as it takes to tell whether they are compressed. To be called once,
    /// before anything is read.
    pub fn recognise(&mut self) -> Result<(), Fault> {
        let start = loop {
            match recognise(&self.input, false) {
                Start::Short => {}
                start => break start,
            }
            if self.read_input(FIRST_BYTES, true)? == Got::End {
                break recognise(&self.input, true);
            }
        };
        self.packed = start != Start::Plain;
        Ok(())
    }

    /// Whether a read would not wait, now or after a time. Of a compressed stream that cannot be told.
    pub fn is_ready(&self, patience: Duration) -> Result<bool, Fault> {
        if self.packed || self.at < self.input.len() { Ok(true) } else { self.raw.is_ready(patience) }
    }

    /// Whether it is compressed; known once it is recognised.
    pub fn is_packed(&self) -> bool {
        self.packed
    }

    /// There is more behind the end.
    pub fn go_on(&mut self) {
        self.raw.go_on();
    }

    /// How many uncompressed bytes are left, where that can be told.
    pub fn left(&self) -> Option<u64> {
        if self.packed { None } else { Some(self.raw.left()? + (self.input.len() - self.at) as u64) }
    }

    /// Reads what is left of the first bytes, then what is stored.
    fn read_plain(&mut self, output: &mut [u8], wait: bool) -> Result<Got, Fault> {
        let first = &self.input[self.at..];
        if first.is_empty() {
            self.input = Vec::new();
            self.at = 0;
            return self.raw.read(output, wait);
        }
        let n = first.len().min(output.len());
        output[..n].copy_from_slice(&first[..n]);
        self.at += n;
        Ok(Got::Bytes(n))
    }

    /// Reads on. With `wait`, blocks until there is something or the end. Of a compressed stream, gives
    /// whatever can be decoded of what is there.
    pub fn read(&mut self, output: &mut [u8], wait: bool) -> Result<Got, Fault> {
        if !self.packed {
            return self.read_plain(output, wait);
        }
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut written = 0;
        while written < output.len() {
            let result = match self.move_on(output, &mut written) {
                Ok(Moved::On) => continue,
                Ok(Moved::Hungry) => self.refill(wait && written == 0),
                Err(fault) => Err(fault),
            };
            match result {
                Ok(Got::Bytes(_)) => {}
                // Asked again, it will say the same.
                Ok(other) if written == 0 => return Ok(other),
                Ok(_) => break,
                Err(fault) if written == 0 => return Err(fault),
                Err(fault) => {
                    self.fault = Some(fault);
                    break;
                }
            }
        }
        Ok(Got::Bytes(written))
    }

    /// One step. `written` counts the good bytes of `output`, also those before a fault.
    fn move_on(&mut self, output: &mut [u8], written: &mut usize) -> Result<Moved, Fault> {
        match self.place {
            Place::Between => self.enter(),
            Place::Inside => self.decode(output, written),
            Place::Skipping(left) => {
                let n = left.min((self.input.len() - self.at) as u64);
                self.at += n as usize;
                self.place = if left == n { Place::Between } else { Place::Skipping(left - n) };
                Ok(if left == n { Moved::On } else { Moved::Hungry })
            }
        }
    }

    /// Looks at what follows: padding, a skippable frame, a member.
    fn enter(&mut self) -> Result<Moved, Fault> {
        if self.decoder.is_some() {
            // Tapes and block devices pad with zeros; gzip(1) passes over them too.
            self.at += self.input[self.at..].iter().take_while(|byte| **byte == 0).count();
        }
        let input = &self.input[self.at..];
        match (recognise(input, false), self.kind) {
            (Start::Short, _) => Ok(Moved::Hungry),
            (Start::Member(kind), known) if known.is_none_or(|known| known == kind) => {
                self.decoder = Some(match self.decoder.take() {
                    Some(decoder) => decoder.next_member(kind)?,
                    None => Decoder::new(kind)?,
                });
                self.kind = Some(kind);
                self.place = Place::Inside;
                self.pending = false;
                Ok(Moved::On)
            }
            (Start::Skippable, None | Some(Kind::Zstd | Kind::Lz4)) => {
                let Some(head) = input.first_chunk::<8>() else { return Ok(Moved::Hungry) };
                let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                self.at += 8;
                self.place = Place::Skipping(u64::from(length));
                Ok(Moved::On)
            }
            _ => {
                let at = self.raw.at() - input.len() as u64;
                Err(Fault::Trailing { kind: self.kind_or_first(), at })
            }
        }
    }

    fn decode(&mut self, output: &mut [u8], written: &mut usize) -> Result<Moved, Fault> {
        let input = &self.input[self.at..];
        if input.is_empty() && !self.pending {
            return Ok(Moved::Hungry);
        }
        let decoder = self.decoder.as_mut().expect("a decoder is set whenever a member is entered");
        let step = decoder.step(input, &mut output[*written..]);
        let stuck = step.read == 0 && step.written == 0 && !input.is_empty();
        self.at += step.read;
        *written += step.written;
        self.pending = *written == output.len();
        if step.ended? {
            self.place = Place::Between;
        } else if stuck {
            return Err(damaged(self.kind_or_first(), "the decoder makes no progress"));
        }
        Ok(Moved::On)
    }

    /// The format, for messages. A stream of nothing but skippable frames was begun by one of zstd's tools.
    fn kind_or_first(&self) -> Kind {
        self.kind.unwrap_or(Kind::Zstd)
    }

    /// Reads more input. The end is one only between members.
    fn refill(&mut self, wait: bool) -> Result<Got, Fault> {
        match self.read_input(INPUT_BYTES, wait)? {
            Got::End if self.place == Place::Between && self.input.is_empty() => Ok(Got::End),
            // What is left was too short to tell what follows: a mark or a skippable frame, cut off.
            Got::End => Err(Fault::Cut(self.kind_or_first())),
            got => Ok(got),
        }
    }

    /// Reads more stored bytes behind those that are left, at most `bytes_max`.
    fn read_input(&mut self, bytes_max: usize, wait: bool) -> Result<Got, Fault> {
        self.input.drain(..self.at);
        self.at = 0;
        let kept = self.input.len();
        // A small file needs only a small buffer.
        let left = self.raw.left().and_then(|left| usize::try_from(left).ok()).unwrap_or(bytes_max);
        self.input.resize(kept + left.max(512).min(bytes_max), 0);
        let got = self.raw.read(&mut self.input[kept..], wait);
        self.input.truncate(kept + if let Ok(Got::Bytes(n)) = got { n } else { 0 });
        got
    }
}
