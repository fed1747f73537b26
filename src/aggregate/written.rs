//! Parts that several aggregates' written types are made of, and what makes sense in them.
//!
//! Here are only values that are no aggregate's own: counts, big integers, numbers, places, bytes. As in
//! all written types, what has been released never changes (see [`super::slots::Accumulator::Written`]).
//!
//! Texts and bytes are never read as serde's `String` or bytes, for which bincode makes as much room as
//! the bytes claim before it looks whether there are so many: they are written as bytes and read as a
//! sequence, which looks the same and makes room as it goes.

use num_bigint::{BigInt, Sign};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::Number;
use crate::parse::batch::Place;

/// More events than any run will see: ten million a second for two centuries. Counts up to here can be
/// merged and multiplied with no fear of overflow.
const COUNT_MAX: u64 = 1 << 56;
/// The most bytes of a sum: 2^56 squares of the greatest double, in units of the square of the least, take 532.
const BIG_BYTES_MAX: usize = 1024;

/// A number of events, if there can be so many.
pub fn count(count: u64) -> Option<u64> {
    (count <= COUNT_MAX).then_some(count)
}

/// The sum of counts, if there can be so many events.
pub fn count_all(counts: impl IntoIterator<Item = u64>) -> Option<u64> {
    counts.into_iter().try_fold(0u64, |sum, each| count(sum.checked_add(each)?))
}

/// Whether each item stands in this order to the next: what is kept sorted, or without repeats.
pub fn is_strictly<T>(items: &[T], in_order: impl Fn(&T, &T) -> bool) -> bool {
    items.windows(2).all(|pair| in_order(&pair[0], &pair[1]))
}

/// Bytes of any length.
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Bytes)
    }
}

/// A whole number of any size.
#[derive(Serialize, Deserialize)]
pub struct BigIntV1 {
    negative: bool,
    /// Little-endian, the last byte not zero; none for zero.
    magnitude: Bytes,
}

impl BigIntV1 {
    /// The written form.
    pub fn of(value: &BigInt) -> BigIntV1 {
        let magnitude = match value.sign() {
            Sign::NoSign => Vec::new(),
            _ => value.magnitude().to_bytes_le(),
        };
        BigIntV1 { negative: value.sign() == Sign::Minus, magnitude: Bytes(magnitude) }
    }

    /// The number; `None` where zeros lead, zero is negative or no sum could be so large.
    pub fn read(self) -> Option<BigInt> {
        let Bytes(magnitude) = self.magnitude;
        let sign = match (magnitude.last(), self.negative) {
            (None, false) => Sign::NoSign,
            (None, true) | (Some(0), _) => return None,
            (Some(_), true) => Sign::Minus,
            (Some(_), false) => Sign::Plus,
        };
        (magnitude.len() <= BIG_BYTES_MAX).then(|| BigInt::from_bytes_le(sign, &magnitude))
    }

    /// As [`BigIntV1::read`], for what is never below zero.
    pub fn read_unsigned(self) -> Option<BigInt> {
        self.read().filter(|value| value.sign() != Sign::Minus)
    }
}

/// A number, exactly as it was held.
#[derive(Serialize, Deserialize)]
pub enum NumberV1 {
    /// `mantissa * 10^-scale`, the scale at most 36.
    Decimal { mantissa: i128, scale: u8 },
    /// The same, where the mantissa does not fit above; below 1e30, and at most 18 digits behind the point.
    Big { mantissa: BigIntV1, scale: u8 },
    /// The bits of a finite double other than -0.
    Double(u64),
}

impl NumberV1 {
    /// The written form of a number that was read from a text.
    pub fn of(number: &Number) -> NumberV1 {
        match number {
            Number::Decimal { mantissa, scale } => NumberV1::Decimal { mantissa: *mantissa, scale: *scale },
            Number::Double(value) => NumberV1::Double(value.to_bits()),
            Number::Big(_) => {
                let (mantissa, scale) = number.decimal_parts();
                let scale = scale as u8;
                match i128::try_from(&mantissa) {
                    Ok(mantissa) => NumberV1::Decimal { mantissa, scale },
                    Err(_) => NumberV1::Big { mantissa: BigIntV1::of(&mantissa), scale },
                }
            }
        }
    }

    /// The number.
    pub fn read(self) -> Option<Number> {
        match self {
            NumberV1::Decimal { mantissa, scale } => {
                (scale <= 36).then_some(Number::Decimal { mantissa, scale })
            }
            NumberV1::Big { mantissa, scale } if scale <= 18 => {
                let number = Number::from_big(mantissa.read()?, scale);
                (matches!(number, Number::Big(_)) && number.to_units().is_some()).then_some(number)
            }
            NumberV1::Big { .. } => None,
            NumberV1::Double(bits) => {
                let number = Number::from_f64(f64::from_bits(bits))?;
                matches!(number, Number::Double(value) if value.to_bits() == bits).then_some(number)
            }
        }
    }
}

/// Where an event stands.
#[derive(Serialize, Deserialize)]
pub struct PlaceV1 {
    time: i64,
    source: u32,
    record: u64,
}

impl PlaceV1 {
    /// The written form.
    pub fn of(place: Place) -> PlaceV1 {
        let Place { time, source, record } = place;
        PlaceV1 { time, source, record }
    }

    /// The place.
    pub fn read(self) -> Place {
        let PlaceV1 { time, source, record } = self;
        Place { time, source, record }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::codec::{decode, encode};

    #[test]
    fn big_integers_come_back() {
        for text in ["0", "1", "-1", "255", "-256", "170141183460469231731687303715884105728"] {
            let value: BigInt = text.parse().unwrap();
            let bytes = encode(&BigIntV1::of(&value));
            assert_eq!(decode::<BigIntV1>(&bytes).unwrap().read(), Some(value), "{text}");
        }
        let read = |negative, magnitude: &[u8]| {
            BigIntV1 { negative, magnitude: Bytes(magnitude.to_vec()) }.read().map(|value| value.to_string())
        };
        assert_eq!(read(true, &[0, 1]).as_deref(), Some("-256"));
        assert_eq!(read(true, &[]), None);
        assert_eq!(read(false, &[1, 0]), None);
        assert_eq!(read(false, &[1; 1025]), None);
    }

    #[test]
    fn numbers_come_back() {
        // The fourth has 39 digits, which an i128 holds though it is not read into one; 0.1 with a hundred
        // digits is a double, not the decimal 0.1.
        let tenth = format!("0.1{}1", "0".repeat(100));
        for text in [
            "0",
            "-1.50",
            "99999999999999999999999999999999999999",
            "120000000000000000001.000000000000000001",
            "-123456789012345678901234567890.123456789012345678",
            "1e300",
            "-5e-324",
            &tenth,
        ] {
            let number = Number::parse(text).unwrap();
            let bytes = encode(&NumberV1::of(&number));
            let read = decode::<NumberV1>(&bytes).unwrap().read().unwrap();
            assert!(read.compare(&number).is_eq(), "{text}");
            assert_eq!(read.to_ratio(), number.to_ratio(), "{text}");
            assert_eq!(encode(&NumberV1::of(&read)), bytes, "{text}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let refuse = |number: NumberV1| assert!(number.read().is_none());
        let big = |text: &str| BigIntV1::of(&text.parse().unwrap());
        refuse(NumberV1::Decimal { mantissa: 1, scale: 37 });
        refuse(NumberV1::Big { mantissa: big("7"), scale: 0 });
        refuse(NumberV1::Big { mantissa: big(&"9".repeat(48)), scale: 19 });
        refuse(NumberV1::Big { mantissa: big(&"9".repeat(49)), scale: 18 });
        refuse(NumberV1::Double((-0.0f64).to_bits()));
        refuse(NumberV1::Double(f64::NAN.to_bits()));
        refuse(NumberV1::Double(f64::INFINITY.to_bits()));
    }

    /// A length that the bytes do not bear out must not be believed.
    #[test]
    fn lengths_are_not_trusted() {
        let claim = (1u64 << 39).to_le_bytes();
        assert!(decode::<Bytes>(&claim).is_err());
        assert!(decode::<Vec<(u64, Bytes)>>(&claim).is_err());
    }

    #[test]
    fn counts_stay_within_reach() {
        assert_eq!(count(COUNT_MAX), Some(COUNT_MAX));
        assert_eq!(count_all([1, 2, 3]), Some(6));
        assert_eq!(count_all([COUNT_MAX, 1]), None);
        assert_eq!(count_all([u64::MAX, u64::MAX]), None);
    }
}
