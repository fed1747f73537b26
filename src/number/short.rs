//! Short texts in places of one size, most of them numbers: a column of these is written in one go, and copied by moves of
//! a fixed length.

use super::Number;
use super::digits::{eight_digits_text, short_text};
use super::write::plain_double;

/// A text that is not longer than most numbers are.
#[derive(Debug, Clone, Copy)]
pub struct ShortText {
    text: [u8; ShortText::ROOM],
    len: usize,
}

impl ShortText {
    /// The longest text.
    pub const ROOM: usize = 32;

    /// No text at all.
    pub const EMPTY: ShortText = ShortText { text: [0; ShortText::ROOM], len: 0 };

    /// A text, if it is short enough.
    pub fn of(text: &[u8]) -> Option<ShortText> {
        let mut short = ShortText::EMPTY;
        short.put_text(text).then_some(short)
    }

    /// The text.
    #[inline]
    pub fn text(&self) -> &[u8] {
        &self.text[..self.len]
    }

    /// The text with what stands behind it, and its length.
    #[inline(always)]
    pub fn window(&self) -> (&[u8; ShortText::ROOM], usize) {
        (&self.text, self.len)
    }

    /// Makes this the text, unless it is too long: then the text means nothing.
    #[inline(always)]
    pub fn put_text(&mut self, text: &[u8]) -> bool {
        if text.len() > ShortText::ROOM {
            return false;
        }
        self.len = text.len();
        // Both ends, which may overlap in the middle, where they agree: a copy of unknown length is a call.
        match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(_), _) if text.len() > 16 => self.put_ends::<16>(text),
            (Some(first), Some(last)) => {
                self.text[..8].copy_from_slice(first);
                self.text[text.len() - 8..text.len()].copy_from_slice(last);
            }
            _ => self.text.iter_mut().zip(text).for_each(|(to, from)| *to = *from),
        }
        true
    }

    /// The same for a text of `N` to `2 * N` bytes.
    #[inline(always)]
    fn put_ends<const N: usize>(&mut self, text: &[u8]) {
        if let (Some(first), Some(last)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) {
            self.text[..N].copy_from_slice(first);
            self.text[text.len() - N..text.len()].copy_from_slice(last);
        }
    }

    /// Makes this whole number the text.
    #[inline(always)]
    pub fn put_whole(&mut self, number: u64) {
        match eight_digits_text(number) {
            Some((text, len)) => {
                self.text[..8].copy_from_slice(&text.to_le_bytes());
                self.len = len;
            }
            None if self.put_decimal(false, number, 0) => {}
            None => {
                self.put_text(itoa::Buffer::new().format(number).as_bytes());
            }
        }
    }

    /// Makes a decimal the text, if it is a short one.
    #[inline(always)]
    fn put_decimal(&mut self, is_negative: bool, digits: u64, scale: u8) -> bool {
        let Some((text, len)) = short_text(digits, scale) else { return false };
        let at = usize::from(is_negative);
        self.text[0] = b'-';
        // In halves, as it stands in two registers: read as a whole at once, it would be waited for.
        self.text[at..at + 8].copy_from_slice(&(text as u64).to_le_bytes());
        self.text[at + 8..at + 16].copy_from_slice(&((text >> 64) as u64).to_le_bytes());
        self.len = at + len;
        true
    }

    /// Makes a number the text, as [`Number::write`] writes it, unless it is too long: then the text means nothing.
    #[inline(always)]
    pub fn put(&mut self, number: &Number) -> bool {
        self.put_short(number) || self.put_any(number)
    }

    /// The same for the numbers that are most often there; `false` says nothing of any other.
    #[inline(always)]
    pub(super) fn put_short(&mut self, number: &Number) -> bool {
        match *number {
            Number::Decimal { mantissa, scale } => match u64::try_from(mantissa.unsigned_abs()) {
                Ok(digits) => self.put_decimal(mantissa < 0, digits, scale),
                Err(_) => false,
            },
            Number::Double(value) => {
                let mut buffer = zmij::Buffer::new();
                plain_double(value, &mut buffer).is_some_and(|text| self.put_text(text))
            }
            Number::Big(_) => false,
        }
    }

    fn put_any(&mut self, number: &Number) -> bool {
        if let Number::Decimal { mantissa, scale: 0 } = number {
            return self.put_text(itoa::Buffer::new().format(*mantissa).as_bytes());
        }
        let mut text = Vec::new();
        number.write_any(&mut text);
        self.put_text(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_whole() {
        let text: Vec<u8> = (0..100).collect();
        let mut short = ShortText::EMPTY;
        for start in 0..40 {
            for len in 0..40 {
                let piece = &text[start..start + len];
                assert_eq!(short.put_text(piece), len <= ShortText::ROOM);
                assert!(len > ShortText::ROOM || short.text() == piece);
            }
        }
    }

    #[test]
    fn numbers_are_put_as_they_are_written() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut short = ShortText::EMPTY;
        let mut check = |number: &Number| {
            let mut any = Vec::new();
            number.write_any(&mut any);
            assert_eq!(short.put(number), any.len() <= ShortText::ROOM, "{number:?}");
            assert!(any.len() > ShortText::ROOM || short.text() == any, "{number:?}");
            let mut written = Vec::new();
            number.write(&mut written);
            assert_eq!(written, any, "{number:?}");
        };
        for power in 0..38 {
            let bound = 10i128.pow(power);
            for scale in 0..20 {
                for mantissa in [bound, bound - 1, bound + 1, 3 * bound, -bound, -bound / 7] {
                    check(&Number::Decimal { mantissa, scale });
                }
                for _ in 0..200 {
                    let zeros = 10i128.pow(random.u32(0..=power));
                    check(&Number::Decimal { mantissa: random.i128(-bound..=bound) / zeros * zeros, scale });
                }
            }
        }
        for power in -7..24 {
            let bound: f64 = format!("1e{power}").parse().expect("a double");
            for value in [bound, bound.next_down(), bound.next_up(), -bound, 1.5 * bound] {
                check(&Number::Double(value));
            }
            for _ in 0..1_000 {
                let digits = 10f64.powi(random.i32(0..16));
                check(&Number::Double((random.f64() * digits).floor() / digits * bound));
                check(&Number::Double(random.f64() * bound));
            }
        }
    }

    #[test]
    fn whole_numbers_are_put() {
        let mut short = ShortText::EMPTY;
        let powers =
            (0..20).flat_map(|power| [-1, 0, 1].map(|more| 10u64.pow(power).wrapping_add_signed(more)));
        for number in (0..20_000).chain(powers).chain([u64::MAX]) {
            short.put_whole(number);
            assert_eq!(short.text(), number.to_string().as_bytes());
        }
    }
}
