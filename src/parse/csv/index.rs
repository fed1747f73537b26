//! The separator index: where delimiters and line ends stand outside quotes, found 64 bytes at a time.
//!
//! Quotes are paired by counting them, which is right as long as each opens at the start of a field and closes at
//! its end, as nearly all programs write them. The index checks that it is so; where it is not, it says so, and
//! the records are read one by one.

use std::mem::MaybeUninit;

use crate::parse::rows::{BLOCK_BYTES, BLOCK_ROWS};
use crate::parse::simd::{Lanes, WIDE, parity, place, wide};
use crate::prefetch::prefetch_text;

/// Separators of a stretch of text.
#[derive(Debug)]
pub(super) struct Index {
    /// The place before the stretch, as if a separator stood there, and that of each separator.
    places: Box<[u32; PLACES_MAX + STEP]>,
    /// How many places these are.
    count: usize,
    /// The line ends among them.
    ends: Box<[u32; BLOCK_ROWS + STEP]>,
    ends_count: usize,
    /// Whether the quotes of the stretch are as the index takes them.
    pub is_regular: bool,
    /// Whether there are quotes.
    pub has_quotes: bool,
    /// Whether a quote stands for a quote within a quoted field.
    pub has_doubled: bool,
    /// Whether there are CRs.
    pub has_crs: bool,
    /// Whether a byte is not ASCII.
    pub not_ascii: bool,
}

/// How many separators one step may find.
const STEP: usize = WIDE;
/// When there are so many places no further step is made: a record that has more separators is read by itself.
const PLACES_MAX: usize = BLOCK_BYTES / 2;

/// What one step leaves to the next: the lowest bit says it of the next byte.
#[derive(Clone, Copy)]
struct Carry {
    /// All bits: a quote is open.
    inside: u64,
    /// A quote may open here.
    may_open: u64,
    /// A quote has closed in front of it.
    closed: u64,
    /// A quote has closed and a CR followed: a line feed must stand here.
    closed_cr: u64,
}

impl Default for Index {
    fn default() -> Index {
        Index {
            places: Box::new([0; PLACES_MAX + STEP]),
            count: 1,
            ends: Box::new([0; BLOCK_ROWS + STEP]),
            ends_count: 0,
            is_regular: true,
            has_quotes: false,
            has_doubled: false,
            has_crs: false,
            not_ascii: false,
        }
    }
}

impl Index {
    /// The place before the stretch, which wraps at the start of a text, and those of the separators found.
    #[inline(always)]
    pub fn places(&self) -> &[u32] {
        &self.places[..self.count]
    }

    /// The line ends among them.
    #[inline(always)]
    pub fn ends(&self) -> &[u32] {
        &self.ends[..self.ends_count]
    }

    /// Whether each of the first lines ends with its separator number `width`, which is not 0, as records of so many
    /// fields do. A blank line has one separator, too.
    #[inline(always)]
    pub fn is_table(&self, lines: usize, width: usize) -> bool {
        let lasts = self.places()[1..].chunks_exact(width).map(|own| own[width - 1]);
        lasts.len() >= lines && lasts.zip(&self.ends()[..lines]).all(|(last, end)| last == *end)
    }

    /// Finds separators from `from` on, which is the start of a record.
    #[inline(always)]
    pub fn find<L: Lanes>(&mut self, text: &[u8], from: usize, delimiter: u8) {
        (self.is_regular, self.has_quotes, self.has_doubled) = (true, false, false);
        (self.has_crs, self.not_ascii) = (false, false);
        self.places[0] = (from as u32).wrapping_sub(1);
        let mut carry = Carry { inside: 0, may_open: 1, closed: 0, closed_cr: 0 };
        let (mut count, mut ends, mut at) = (1, 0, from);
        // Whether a quote of this step matters to the next. And once something is unusual, it is looked for in the rest of
        // the stretch without asking first: whether it is in a step cannot be foreseen.
        let (mut is_quoted, mut is_unusual) = (false, false);
        let stop = text.len().min(from + BLOCK_BYTES);
        while at < stop && count < PLACES_MAX && ends < BLOCK_ROWS {
            prefetch_text(text, at..at + STEP, BLOCK_BYTES);
            let mut copy = MaybeUninit::uninit();
            let bytes = wide(text, at, &mut copy);
            let mut newlines = L::equal_wide(bytes, b'\n');
            let mut separators = L::equal_wide(bytes, delimiter) | newlines;
            let (mut quotes, mut crs) = (0, 0);
            if is_unusual || L::has_unusual_wide(bytes, [b'"', b'\r']) {
                (quotes, crs) = (L::equal_wide(bytes, b'"'), L::equal_wide(bytes, b'\r'));
                self.not_ascii |= L::not_ascii_wide(bytes);
                self.has_crs |= crs != 0;
                is_unusual = true;
            }
            if is_quoted || quotes != 0 {
                self.has_quotes = true;
                separators = self.outside(separators, newlines, quotes, crs, &mut carry);
                newlines &= separators;
                is_quoted = carry.inside | carry.closed | carry.closed_cr != 0;
            } else {
                carry.may_open = separators >> 63;
            }
            if let Some(room) = self.places[count..].first_chunk_mut() {
                place(separators, at as u32, room);
            }
            count += separators.count_ones() as usize;
            // None or one, mostly: without a branch.
            self.ends[ends] = at as u32 + newlines.trailing_zeros();
            let found = newlines.count_ones() as usize;
            if found > 1 {
                for end in &mut self.ends[ends..ends + found] {
                    *end = at as u32 + newlines.trailing_zeros();
                    newlines &= newlines - 1;
                }
            }
            ends += found;
            at += STEP;
        }
        (self.count, self.ends_count) = (count, ends);
    }

    /// Those of the separators that stand outside quotes.
    #[inline(always)]
    fn outside(&mut self, all: u64, newlines: u64, quotes: u64, crs: u64, carry: &mut Carry) -> u64 {
        // A quote that opens counts as inside, one that closes as outside.
        let inside = parity(quotes) ^ carry.inside;
        let separators = all & !inside;
        let (opening, closing) = (quotes & inside, quotes & !inside);
        // A quote that opens right behind one that closes is one within the field, written twice.
        let may_open = separators << 1 | carry.may_open;
        let behind_closing = closing << 1 | carry.closed;
        let behind_cr = (behind_closing & crs) << 1 | carry.closed_cr;
        let wrong = opening & !(may_open | behind_closing)
            | behind_closing & !(all | quotes | crs)
            | behind_cr & !newlines;
        self.is_regular &= wrong == 0;
        self.has_doubled |= opening & behind_closing != 0;
        *carry = Carry {
            inside: ((inside as i64) >> 63) as u64,
            may_open: separators >> 63,
            closed: closing >> 63,
            closed_cr: (behind_closing & crs) >> 63,
        };
        separators
    }
}
