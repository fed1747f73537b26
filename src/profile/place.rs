//! Where a record stands, for whoever wants to look at it.

/// A record's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The rank of its source, in the order given.
    pub source: usize,
    /// The line on which it starts, from 1.
    pub line: u64,
}

/// Counts the lines of a chunk up to places that are asked for one after the other.
#[derive(Debug)]
pub struct Lines<'c> {
    bytes: &'c [u8],
    /// How many lines stand before `bytes[at]`.
    before: u64,
    at: usize,
}

impl<'c> Lines<'c> {
    /// The lines of a chunk that has so many before it.
    pub fn new(bytes: &'c [u8], before: u64) -> Lines<'c> {
        Lines { bytes, before, at: 0 }
    }

    /// The line of a place, which is not before the last one that was asked for.
    pub fn line(&mut self, at: usize) -> u64 {
        self.before += memchr::memchr_iter(b'\n', &self.bytes[self.at..at]).count() as u64;
        self.at = at;
        self.before + 1
    }

    /// How many lines there are up to the end of the chunk.
    pub fn end(mut self) -> u64 {
        self.line(self.bytes.len()) - 1
    }
}
