//! The buffer that a chunk is read into.

use super::SPARE_BYTES;

/// The least room offered to one read of a stream, in bytes.
const READ_BYTES_MIN: usize = 64 * 1024;

/// A buffer that is being filled. Bytes once initialised stay so while it goes round: what a reused
/// buffer held is overwritten by reads, not first by zeros.
pub(super) struct Room {
    bytes: Vec<u8>,
    filled: usize,
    chunk_bytes: usize,
}

impl Room {
    /// Starts with `first` in a buffer whose content no longer matters.
    pub fn new(mut buffer: Vec<u8>, first: &[u8], chunk_bytes: usize) -> Room {
        // One long record must not make every buffer large for good.
        let usual = chunk_bytes.saturating_add(SPARE_BYTES);
        if buffer.capacity() > usual.saturating_mul(4) && first.len() <= chunk_bytes {
            buffer = Vec::new();
        }
        let mut room = Room { bytes: buffer, filled: 0, chunk_bytes };
        room.grow(first.len());
        room.bytes[..first.len()].copy_from_slice(first);
        room.filled = first.len();
        room
    }

    /// What it holds.
    pub fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Takes in what was read into [`Room::space`].
    pub fn add(&mut self, n: usize) {
        self.filled = (self.filled + n).min(self.bytes.len());
    }

    /// Room for the next read, up to a full chunk; `left` is what is known to be left of the source. A
    /// chunk that is full already, with a record that goes on, grows.
    pub fn space(&mut self, left: Option<u64>) -> &mut [u8] {
        let to_full = match self.chunk_bytes.saturating_sub(self.filled) {
            0 => self.chunk_bytes.max(READ_BYTES_MIN),
            n => n,
        };
        let more = match left {
            // A bit more than nothing shows whether the file has grown.
            Some(left) => usize::try_from(left).unwrap_or(usize::MAX).max(4096),
            // A slow stream should not cost the clearing of a whole chunk for each record.
            None => READ_BYTES_MIN.max(self.filled).max(self.bytes.len() - self.filled),
        };
        let end = self.filled + more.min(to_full);
        self.grow(end);
        &mut self.bytes[self.filled..end]
    }

    /// Gives the first `n` bytes away, with spare capacity behind them.
    pub fn into_bytes(mut self, n: usize) -> Vec<u8> {
        self.bytes.truncate(n);
        self.bytes.reserve(SPARE_BYTES);
        self.bytes
    }

    fn grow(&mut self, len: usize) {
        if len > self.bytes.len() {
            self.bytes.reserve(len + SPARE_BYTES - self.bytes.len());
            self.bytes.resize(len, 0);
        }
    }
}
