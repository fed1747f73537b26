//! The member index: where each member's value begins and where it ends, found 64 bytes at a time.
//!
//! It knows flat records: an object a line, of members whose values are strings without escapes, numbers without
//! exponents, or words, with at most one space behind a colon, a comma and the first brace, and nowhere else: no CR at
//! the line's end either. Such text is a regular language, and nearly all of its rules say what may stand behind what.
//! So the places of each kind of byte are a mask of 64 bits, a rule is a shift and a comparison for all of them at once,
//! and the order of the members makes no difference. What breaks a rule ends the index: the line in which it stands is
//! another reader's. One rule is left to whoever reads the marks: colons take turns with commas or the brace.
//!
//! Quotes are paired by counting them, and what goes on from a bit to the end of its run is found by the carry of an
//! addition. Both are from Langdale and Lemire, "Parsing Gigabytes of JSON per Second", The VLDB Journal 28 (2019).

use std::hint::select_unpredictable;
use std::mem::MaybeUninit;

use super::text::word;
use crate::parse::rows::BLOCK_BYTES;
use crate::parse::simd::{Lanes, WIDE, parity, place, wide};
use crate::prefetch::prefetch_text;

/// Marks of a stretch of text.
#[derive(Debug)]
pub(super) struct Index {
    /// For each member the place of its colon, then that of the comma or the brace behind its value.
    marks: Box<[u32; MARKS_MAX + WIDE]>,
    count: usize,
    /// Where words begin.
    words: Box<[u32; MARKS_MAX + WIDE]>,
}

/// When there are so many marks no further step is made.
const MARKS_MAX: usize = BLOCK_BYTES / 2;

/// What a step leaves to the next: the upper bit of a mask says it of the last byte.
#[derive(Clone, Copy, Default)]
struct Step {
    /// All bits: a string is open.
    inside: u64,
    /// A string has ended.
    closing: u64,
    /// Braces that open, commas and colons: behind them a string may begin, or a space stand.
    openers: u64,
    colons: u64,
    spaces: u64,
    digits: u64,
    /// A zero that no digit may follow.
    zeros: u64,
    minuses: u64,
    points: u64,
    /// The digits in front are those behind a point.
    fraction: bool,
    letters: u64,
    closed: u64,
    newlines: u64,
}

impl Default for Index {
    fn default() -> Index {
        let places = || Box::new([0; MARKS_MAX + WIDE]);
        Index { marks: places(), count: 0, words: places() }
    }
}

impl Index {
    /// The marks found.
    #[inline(always)]
    pub fn marks(&self) -> &[u32] {
        &self.marks[..self.count]
    }

    /// Finds marks from `from` on, which is the start of a line, up to the end of the line that ends at `to` if it can.
    /// Returns the first place of which it knows nothing: what lies before are flat records, one on each line, if in each
    /// the marks take turns.
    #[inline(always)]
    pub fn find<L: Lanes>(&mut self, text: &[u8], from: usize, to: usize) -> usize {
        let mut last = Step { newlines: u64::MAX, ..Step::default() };
        let (mut count, mut words, mut at, mut wrong) = (0, 0, from, 0);
        while wrong == 0
            && at <= to
            && let Some(room) = self.marks[count..].first_chunk_mut()
        {
            prefetch_text(text, at..at + WIDE, BLOCK_BYTES);
            let mut copy = MaybeUninit::uninit();
            let (marks, begun);
            (marks, begun, wrong) = last.step::<L>(wide(text, at, &mut copy));
            place(marks, at as u32, room);
            count += marks.count_ones() as usize;
            words += self.place_words(words, begun, at);
            at += WIDE;
        }
        self.count = count;
        let known = if wrong == 0 { at } else { at - WIDE + wrong.trailing_zeros() as usize };
        let unknown = self.words[..words].iter().find(|word| !is_word(text, **word as usize));
        unknown.map_or(known, |word| known.min(*word as usize))
    }

    /// Writes down where words begin, behind so many; returns how many these are.
    #[inline(always)]
    fn place_words(&mut self, count: usize, mut begun: u64, at: usize) -> usize {
        let found = begun.count_ones() as usize;
        // There is room: a word has a mark in front of it.
        // None or one, mostly: without a branch.
        self.words[count] = at as u32 + begun.trailing_zeros();
        if found > 1 {
            for word in &mut self.words[count..count + found] {
                *word = at as u32 + begun.trailing_zeros();
                begun &= begun - 1;
            }
        }
        found
    }
}

/// Whether the letters that begin there are one of the three words of JSON.
#[inline(always)]
fn is_word(text: &[u8], at: usize) -> bool {
    let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) else {
        return word(text, at)
            .is_some_and(|(end, _)| text.get(end).is_none_or(|byte| !byte.is_ascii_lowercase()));
    };
    // Without a branch: which of them it is is anybody's guess.
    let (four, fifth) = (u64::from_le_bytes(*bytes) as u32, bytes[4]);
    let is = |word: &[u8; 4]| four == u32::from_le_bytes(*word);
    let is_false = is(b"fals") & (fifth == b'e');
    let behind = select_unpredictable(is_false, bytes[5], fifth);
    (is_false | is(b"true") | is(b"null")) & !behind.is_ascii_lowercase()
}

impl Step {
    /// Goes over the next bytes. Returns the marks among them, where words begin, and what breaks a rule; behind the
    /// first of these nothing means anything.
    #[inline(always)]
    fn step<L: Lanes>(&mut self, bytes: &[u8; WIDE]) -> (u64, u64, u64) {
        let last = *self;
        // A quote that opens counts as inside, one that closes as outside.
        let quotes = L::equal_wide(bytes, b'"');
        let inside = parity(quotes) ^ last.inside;
        let outside = !(inside | quotes);
        let (opening, closing) = (quotes & inside, quotes & !inside);
        let colons = L::equal_wide(bytes, b':') & outside;
        let commas = L::equal_wide(bytes, b',') & outside;
        let opened = L::equal_wide(bytes, b'{') & outside;
        let closed = L::equal_wide(bytes, b'}') & outside;
        let newlines = L::equal_wide(bytes, b'\n');
        let spaces = L::equal_wide(bytes, b' ') & outside;
        let digits = L::digits_wide(bytes) & outside;
        let points = L::equal_wide(bytes, b'.') & outside;
        let minuses = L::equal_wide(bytes, b'-') & outside;
        let letters = L::letters_wide(bytes) & outside;

        let openers = opened | commas | colons;
        let behind_openers = behind(openers, last.openers);
        let behind_spaces = behind(spaces, last.spaces);
        let may_begin = behind(colons, last.colons) | behind_spaces;
        let behind_closing = behind(closing, last.closing);
        let behind_digits = behind(digits, last.digits);
        let behind_letters = behind(letters, last.letters);
        let behind_minuses = behind(minuses, last.minuses);
        let behind_points = behind(points, last.points);
        let (fractions, fraction) = run_ends(digits, digits & behind_points, last.fraction);
        let zeros = L::equal_wide(bytes, b'0') & (may_begin | behind_minuses) & outside;

        let ends = commas | closed;
        let others = openers | closed | newlines | spaces | digits | points | minuses | letters;
        let wrong = inside & L::string_stops_wide(bytes) & !quotes
            | opening & !(behind_openers | behind_spaces)
            | spaces & !behind_openers
            | colons & !behind_closing
            | ends & !(behind_closing | behind_digits | behind_letters)
            | digits & !(behind_digits | behind_points | behind_minuses | may_begin)
            | digits & behind(zeros, last.zeros)
            | (behind_points | behind_minuses) & !digits
            | points & (fractions | !behind_digits)
            | minuses & !may_begin
            | letters & !(behind_letters | may_begin)
            | (opened ^ behind(newlines, last.newlines))
            | (newlines ^ behind(closed, last.closed))
            | outside & !others;
        *self = Step {
            inside: ((inside as i64) >> 63) as u64,
            closing,
            openers,
            colons,
            spaces,
            digits,
            zeros,
            minuses,
            points,
            fraction,
            letters,
            closed,
            newlines,
        };
        (colons | ends, letters & may_begin, wrong)
    }
}

/// Which bytes have one of these in front of them; what the step before found, too.
#[inline(always)]
fn behind(mask: u64, last: u64) -> u64 {
    mask << 1 | last >> 63
}

/// The places behind those runs of bits that begin with one of `starts`, the first bit of a run each, or, if `goes_on`,
/// go on from the step before; and whether one goes on into the next.
#[inline(always)]
fn run_ends(runs: u64, starts: u64, goes_on: bool) -> (u64, bool) {
    let (ends, first) = runs.overflowing_add(starts);
    let (ends, second) = ends.overflowing_add(u64::from(goes_on));
    (ends & !runs, first | second)
}
