//! Columns of numbers: most fit in 16 bytes, the others are kept by their text.

use crate::number::rational::decimal_to_f64;
use crate::number::{self, Number};

/// A number in 16 bytes, as aggregates take it from a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// The digits, signed; for [`Packed::WIDE`] an index into [`NumberColumn::wide`].
    pub mantissa: i64,
    /// Digits behind the point (0 to 18), or one of the two marks below.
    pub scale: i8,
}

impl Packed {
    /// The mark of an absent number (null, or the aggregate's filter does not hold).
    pub const NULL: i8 = -1;
    /// The mark of a number that does not fit.
    pub const WIDE: i8 = -2;
    /// No number.
    pub const NONE: Packed = Packed { mantissa: 0, scale: Packed::NULL };
}

impl Packed {
    /// A decimal that fits.
    fn new(number: &Number) -> Option<Packed> {
        match number {
            Number::Decimal { mantissa, scale: scale @ 0..=18 } => {
                Some(Packed { mantissa: i64::try_from(*mantissa).ok()?, scale: *scale as i8 })
            }
            _ => None,
        }
    }
}

/// A column of numbers.
#[derive(Debug, Default)]
pub struct NumberColumn {
    /// One entry per row.
    pub packed: Vec<Packed>,
    /// The texts of numbers that do not fit in [`Packed`] (all read by [`Number::parse`]).
    pub wide: Vec<Box<str>>,
}

/// How a number goes into a column.
impl NumberColumn {
    /// Appends a number by its text; `false` (and null appended) when it is not a number in a double's range.
    pub fn push_text(&mut self, text: &str) -> bool {
        let packed = self.pack_text(text);
        self.packed.push(packed.unwrap_or(Packed::NONE));
        packed.is_some()
    }

    /// Appends a null.
    pub fn push_null(&mut self) {
        self.packed.push(Packed::NONE);
    }

    /// A number as it goes into this column, by its text; `None` when it is not a number in a double's range.
    #[inline]
    pub fn pack_text(&mut self, text: &str) -> Option<Packed> {
        if let Some((mantissa, scale)) = number::short(text.as_bytes()) {
            return Some(Packed { mantissa, scale: scale as i8 });
        }
        let number = Number::parse(text)?;
        // The text itself is kept: which numbers sums take exactly goes by what was written.
        Some(Packed::new(&number).unwrap_or_else(|| self.pack_wide(text)))
    }

    /// A computed number as it goes into this column; a double counts as the shortest decimal that reads back
    /// as it.
    pub fn pack(&mut self, number: &Number) -> Packed {
        if let Some(packed) = Packed::new(number) {
            return packed;
        }
        let mut text = Vec::new();
        number.write(&mut text);
        // Its text may be shorter than the number was: trailing zeros are gone.
        self.pack_text(std::str::from_utf8(&text).expect("numbers are written in ASCII"))
            .expect("what is written reads as a number")
    }

    fn pack_wide(&mut self, text: &str) -> Packed {
        self.wide.push(text.into());
        Packed { mantissa: self.wide.len() as i64 - 1, scale: Packed::WIDE }
    }

    /// The number of `row`; `None` for null.
    pub fn get(&self, row: u32) -> Option<Number> {
        let Packed { mantissa, scale } = self.packed[row as usize];
        match scale {
            Packed::NULL => None,
            Packed::WIDE => self.wide(mantissa),
            scale => Some(Number::Decimal { mantissa: i128::from(mantissa), scale: scale as u8 }),
        }
    }

    /// The number whose text has this index.
    pub fn wide(&self, index: i64) -> Option<Number> {
        Number::parse(&self.wide[index as usize])
    }

    /// The double nearest to the number of `row`; `None` for null.
    #[inline]
    pub fn get_f64(&self, row: u32) -> Option<f64> {
        let Packed { mantissa, scale } = self.packed[row as usize];
        match scale {
            Packed::NULL => None,
            Packed::WIDE => self.wide(mantissa).map(|number| number.to_f64()),
            scale => Some(decimal_to_f64(mantissa, scale as u8)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_packed_where_they_fit() {
        let check = |text: &str, want: Option<(i64, i8)>, read: bool| {
            let mut column = NumberColumn::default();
            assert_eq!(column.push_text(text), read, "{text}");
            let packed = column.packed[0];
            let want = want.unwrap_or((0, Packed::WIDE));
            assert_eq!((packed.mantissa, packed.scale), want, "{text}");
            assert_eq!(column.wide.len(), usize::from(packed.scale == Packed::WIDE), "{text}");
            assert_eq!(column.get(0).is_some(), read, "{text}");
        };
        check("12", Some((12, 0)), true);
        check("-12.50", Some((-1250, 2)), true);
        check("+.5", Some((5, 1)), true);
        check("1.5e3", Some((1500, 0)), true);
        check("9223372036854775807", Some((i64::MAX, 0)), true);
        check("9223372036854775808", None, true);
        check("1.0000000000000000000000", Some((1, 0)), true);
        check("1e300", None, true);
        check("0.0000000000000000001", None, true);
        check("1e-400", None, true);
        check("0.12345678901234567890123456789012345678901", None, true);
        check("x", Some((0, Packed::NULL)), false);
        check("", Some((0, Packed::NULL)), false);
        check("1e400", Some((0, Packed::NULL)), false);
    }

    #[test]
    fn computed_numbers_count_as_they_are_written() {
        let check = |number: Number, want: (i64, i8)| {
            let mut column = NumberColumn::default();
            let packed = column.pack(&number);
            assert_eq!((packed.mantissa, packed.scale), want, "{number:?}");
        };
        check(Number::Double(0.1), (1, 1));
        check(Number::Double(-3.0), (-3, 0));
        check(Number::Double(1e300), (0, Packed::WIDE));
        check(Number::Decimal { mantissa: 10i128.pow(25), scale: 25 }, (1, 0));
    }
}
