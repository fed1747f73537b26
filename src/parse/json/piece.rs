//! Bytes at fixed places of a record, checked a vector at a time: for each place it is known what may stand there.

use std::mem::MaybeUninit;

use crate::parse::simd::{Bounds, Lanes, WIDE, wide};

/// What may stand at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// This byte.
    Literal(u8),
    /// A digit.
    Digit,
    /// The first of several digits.
    FirstDigit,
    /// A byte of a string that is no escape.
    Text,
}

/// What may stand at each of at most [`WIDE`] places. Behind them anything may.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    bounds: Bounds,
    /// How many places there are.
    pub len: usize,
}

impl Piece {
    /// What checks these places.
    pub fn new(places: &[Place]) -> Piece {
        let mut bounds = Bounds { low: [0; WIDE], high: [u8::MAX; WIDE], texts: [0; WIDE] };
        for (at, place) in places.iter().enumerate() {
            (bounds.low[at], bounds.high[at]) = match *place {
                Place::Literal(byte) => (byte, byte),
                Place::Digit => (b'0', b'9'),
                Place::FirstDigit => (b'1', b'9'),
                Place::Text => (b' ', u8::MAX),
            };
            bounds.texts[at] = if *place == Place::Text { u8::MAX } else { 0 };
        }
        Piece { bounds, len: places.len() }
    }

    /// Whether only bytes stand from `at` on that may.
    #[inline(always)]
    pub fn fits<L: Lanes>(&self, text: &[u8], at: usize) -> bool {
        let mut copy = MaybeUninit::uninit();
        L::fits_wide(wide(text, at, &mut copy), &self.bounds, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::simd::{Level, Work};

    /// Every byte at every place, against what the places say.
    struct EveryByte<'p>(&'p [Place], &'p [u8]);

    impl Work for EveryByte<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self) {
            let may = |place: Place, byte: u8| match place {
                Place::Literal(literal) => byte == literal,
                Place::Digit => byte.is_ascii_digit(),
                Place::FirstDigit => (b'1'..=b'9').contains(&byte),
                Place::Text => byte >= b' ' && byte != b'"' && byte != b'\\',
            };
            for at in 0..self.1.len() {
                for byte in 0..=255 {
                    let mut text = self.1.to_vec();
                    text[at] = byte;
                    let mut pieces = self.0.chunks(WIDE).enumerate();
                    let fits = pieces.all(|(n, places)| Piece::new(places).fits::<L>(&text, n * WIDE));
                    assert_eq!(fits, may(self.0[at], byte), "{byte} at {at}");
                }
            }
        }
    }

    #[test]
    fn each_place_takes_its_bytes_alone() {
        let text =
            br#"{"a":"some text","n":1024,"d":7,"e":"","and":"so on until it is longer than a vector"}"#;
        let places: Vec<Place> = text
            .iter()
            .enumerate()
            .map(|(at, byte)| match (at, byte) {
                (6..15, _) => Place::Text,
                (21, _) => Place::FirstDigit,
                (_, b'0'..=b'9') => Place::Digit,
                _ => Place::Literal(*byte),
            })
            .collect();
        for len in [0, 1, 31, 32, 33, 63, 64, 65, text.len()] {
            for level in Level::all() {
                level.run(EveryByte(&places[..len], &text[..len]));
            }
        }
    }
}
