//! Bytes at fixed places of a record, checked a vector at a time: for each place it is known what may stand there.

use crate::parse::simd::{Lanes, WIDTH};

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

/// What may stand at each of at most [`WIDTH`] places. Behind them anything may.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// From which byte to which.
    low: [u8; WIDTH],
    high: [u8; WIDTH],
    /// All bits where a quote or a backslash would end the string.
    texts: [u8; WIDTH],
}

impl Piece {
    /// What checks these places.
    pub fn new(places: &[Place]) -> Piece {
        let mut piece = Piece { low: [0; WIDTH], high: [u8::MAX; WIDTH], texts: [0; WIDTH] };
        for (at, place) in places.iter().enumerate() {
            (piece.low[at], piece.high[at]) = match *place {
                Place::Literal(byte) => (byte, byte),
                Place::Digit => (b'0', b'9'),
                Place::FirstDigit => (b'1', b'9'),
                Place::Text => (b' ', u8::MAX),
            };
            piece.texts[at] = if *place == Place::Text { u8::MAX } else { 0 };
        }
        piece
    }

    /// Whether only bytes stand there that may.
    #[inline(always)]
    pub fn fits<L: Lanes>(&self, found: L) -> bool {
        found.fits(L::new(&self.low), L::new(&self.high), L::new(&self.texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::simd::{Level, Work, load};

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
                    let fits = self
                        .0
                        .chunks(WIDTH)
                        .enumerate()
                        .all(|(n, places)| Piece::new(places).fits::<L>(load(&text, n * WIDTH)));
                    assert_eq!(fits, may(self.0[at], byte), "{byte} at {at}");
                }
            }
        }
    }

    #[test]
    fn each_place_takes_its_bytes_alone() {
        let text = br#"{"a":"some text","n":1024,"d":7,"e":""}"#;
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
        for len in [0, 1, 31, 32, 33, text.len()] {
            for level in [Level::detect(), Level::PORTABLE] {
                level.run(EveryByte(&places[..len], &text[..len]));
            }
        }
    }
}
