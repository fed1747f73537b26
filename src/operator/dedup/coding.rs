//! Expiries as small numbers.
//!
//! A block of the log keeps no expiry in full. It keeps the number of *units* since a *base* in as few bytes as will
//! do: none for tumbling windows, where all expiries of a block are one end of a window, two for sessions over times
//! in milliseconds. This file is arithmetic; it holds no entries.

/// How the expiries of a block are written: `base + code * unit`, in `width` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    /// The expiry with code 0, in microseconds.
    base: i64,
    /// What all differences between expiries are multiples of; 0 while there is one expiry only.
    unit: u64,
    /// Bytes of a code, 0 to 8.
    width: u8,
}

impl Coding {
    /// A coding for one expiry.
    pub fn of(expiry: i64) -> Coding {
        Coding { base: expiry, unit: 0, width: 0 }
    }

    /// A coding for one more expiry beside those that this coding knows, all of which lie in `first..=last`, and for
    /// as many others of that range as are multiples of the unit away.
    pub fn with(self, expiry: i64, (first, last): (i64, i64)) -> Coding {
        let unit = gcd(self.unit, self.base.abs_diff(expiry));
        if unit == 0 {
            return self;
        }
        let base = first.wrapping_add_unsigned(expiry.abs_diff(first) % unit);
        let most = last.abs_diff(base) / unit;
        Coding { base, unit, width: (64 - most.leading_zeros()).div_ceil(8) as u8 }
    }

    /// Bytes of a code.
    #[inline]
    pub fn width(self) -> usize {
        usize::from(self.width)
    }

    /// The code of an expiry; `None` if this coding has none for it.
    #[inline]
    pub fn encode(self, expiry: i64) -> Option<u64> {
        if self.unit == 0 {
            return (expiry == self.base).then_some(0);
        }
        let distance = expiry.abs_diff(self.base);
        let code = distance / self.unit;
        (expiry >= self.base && code * self.unit == distance).then_some(code)
    }

    /// The expiry of a code that [`Coding::encode`] gave.
    #[inline]
    pub fn decode(self, code: u64) -> i64 {
        self.base.wrapping_add_unsigned(code * self.unit)
    }
}

/// Euclid's algorithm; 0 is the neutral element.
fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of the expiries come back, and the width is the one expected.
    #[track_caller]
    fn check(range: (i64, i64), expiries: &[i64], width: usize) {
        let mut coding = Coding::of(expiries[0]);
        for &expiry in expiries {
            if coding.encode(expiry).is_none() {
                coding = coding.with(expiry, range);
            }
        }
        for &expiry in expiries {
            let code = coding.encode(expiry).unwrap_or_else(|| panic!("{expiry} in {coding:?}"));
            assert_eq!(coding.decode(code), expiry, "{coding:?}");
            assert!(coding.width == 8 || code >> (8 * coding.width) == 0, "{code} in {coding:?}");
        }
        assert_eq!(coding.width(), width, "{coding:?}");
    }

    #[test]
    fn codes_are_exact_and_small() {
        check((0, 15), &[7, 7], 0);
        check((i64::MAX, i64::MAX), &[i64::MAX], 0);
        check((-120_000_000, 120_000_000), &[0, 60_000_000, -60_000_000], 1);
        check((0, 8_388_607), &[1_001, 2_001, 1, 8_001_001], 2);
        check((0, 8_388_607), &[8_000_000, 7, 6], 3);
        check((i64::MIN, i64::MAX - 1), &[5, i64::MIN, i64::MAX - 1, 6], 8);
        check((i64::MIN, i64::MAX - 1), &[i64::MAX - 1, i64::MIN], 1);
    }

    #[test]
    fn random_expiries_come_back() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..2_000 {
            let (bits, shift) = (random.u32(1..64), random.u32(0..20));
            let base = random.i64(..) >> random.u32(0..63);
            let mut one = || base.wrapping_add((random.i64(..) >> bits) << shift);
            let expiries: Vec<i64> = (0..20).map(|_| one()).collect();
            let range = (*expiries.iter().min().unwrap(), *expiries.iter().max().unwrap());
            let coding = expiries.iter().fold(Coding::of(expiries[0]), |coding, &e| coding.with(e, range));
            for &expiry in &expiries {
                let code = coding.encode(expiry).unwrap_or_else(|| panic!("{expiry} in {coding:?}"));
                assert_eq!(coding.decode(code), expiry, "{coding:?}");
                assert!(coding.width == 8 || code >> (8 * coding.width) == 0, "{code} in {coding:?}");
            }
        }
    }
}
