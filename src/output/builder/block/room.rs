//! Where texts are put together of pieces, by moves of a fixed length.

use crate::number::ShortText;

/// Room for a text, which stands in it up to `at`. Each piece needs room for all that is copied with it.
pub struct Room<'t> {
    pub text: &'t mut [u8],
    pub at: usize,
}

impl Room<'_> {
    /// The first `len` bytes of a window come next.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, window: &[u8; N], len: usize) {
        self.text[self.at..self.at + N].copy_from_slice(window);
        self.at += len;
    }

    /// The lowest `len` bytes of a word come next. In halves, as it stands in two registers: read as a whole at once, it
    /// would be waited for.
    #[inline(always)]
    pub fn put_word(&mut self, word: u128, len: usize) {
        let room = &mut self.text[self.at..self.at + 16];
        room[..8].copy_from_slice(&(word as u64).to_le_bytes());
        room[8..].copy_from_slice(&((word >> 64) as u64).to_le_bytes());
        self.at += len;
    }

    /// A short text comes next.
    #[inline(always)]
    pub fn put_text(&mut self, text: &ShortText) {
        let (window, len) = text.window();
        self.put(window, len);
    }

    /// A text of any length comes next.
    pub fn put_long(&mut self, text: &[u8]) {
        self.text[self.at..self.at + text.len()].copy_from_slice(text);
        self.at += text.len();
    }
}
