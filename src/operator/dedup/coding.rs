//! Expiries as small numbers.
//!
//! A table keeps no expiry in full. It keeps the number of *units* since a *base* in as few bytes as will do:
//! one for tumbling windows, where expiries are ends of windows, four for sessions over times in milliseconds.
//! This file is arithmetic; it holds no entries.

/// How expiries are written: `base + code * unit`, in `width` bytes. The greatest code stands for [`FOREVER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    /// The expiry with code 0, in microseconds.
    base: i64,
    /// What all differences between expiries are multiples of; 0 while there is one expiry only.
    unit: u64,
    /// Bytes of a code, 1 to 8.
    width: u8,
}

/// The expiry of an id that is never forgotten.
pub const FOREVER: i64 = i64::MAX;

/// The range of codes is this many times as wide as what is there needs, so that time can move on for long
/// before a new base is due.
const ROOM: u128 = 4;

/// From this width on a code is no wider than necessary: six bytes are nine years of microseconds.
const WIDE: u8 = 6;

impl Coding {
    /// A coding for one expiry, and for [`FOREVER`].
    pub fn of(expiry: i64) -> Coding {
        Coding { base: expiry, unit: 0, width: 1 }
    }

    /// A coding for one more expiry beside those that this coding knows and that lie in `low..=high`, ends
    /// included. None of them is [`FOREVER`].
    pub fn with(self, expiry: i64, (low, high): (i64, i64)) -> Coding {
        self.joined(Coding::of(expiry), (low.min(expiry), high.max(expiry)))
    }

    /// A coding for the expiries in `low..=high` that either of two codings knows.
    pub fn joined(self, other: Coding, (low, high): (i64, i64)) -> Coding {
        let unit = gcd(gcd(self.unit, other.unit), self.base.abs_diff(other.base));
        if unit == 0 {
            return self;
        }
        // Events out of order bring expiries before the least one.
        let floor = i128::from(low) - (i128::from(high) - i128::from(low)) / ROOM as i128;
        let floor = floor.max(i128::from(i64::MIN));
        let base = floor + (i128::from(self.base) - floor).rem_euclid(i128::from(unit));
        let units = (i128::from(high) - base) as u128 / u128::from(unit);
        let fits = |width: u8| units * if width < WIDE { ROOM } else { 1 } < u128::from(greatest(width));
        let width = (1..8).find(|&width| fits(width)).unwrap_or(8);
        Coding { base: base as i64, unit, width }
    }

    /// Bytes of a code.
    pub fn width(self) -> usize {
        usize::from(self.width)
    }

    /// The code of an expiry; `None` if this coding has none for it.
    #[inline]
    pub fn encode(self, expiry: i64) -> Option<u64> {
        if expiry == FOREVER {
            return Some(greatest(self.width));
        }
        if expiry < self.base {
            return None;
        }
        let distance = expiry.abs_diff(self.base);
        let code = distance.checked_div(self.unit).unwrap_or(0);
        (code * self.unit == distance && code < greatest(self.width)).then_some(code)
    }

    /// The expiry of a code that [`Coding::encode`] gave.
    #[inline]
    pub fn decode(self, code: u64) -> i64 {
        if code == greatest(self.width) {
            return FOREVER;
        }
        self.base.wrapping_add_unsigned(code * self.unit)
    }

    /// The greatest code whose expiry is not beyond the horizon; `None` if there is none.
    pub fn upto(self, horizon: i64) -> Option<u64> {
        if horizon == FOREVER {
            return Some(u64::MAX);
        }
        let distance = (horizon >= self.base).then(|| horizon.abs_diff(self.base))?;
        Some(distance.checked_div(self.unit).unwrap_or(0).min(greatest(self.width) - 1))
    }
}

/// The greatest code of a width.
#[inline]
fn greatest(width: u8) -> u64 {
    u64::MAX >> (64 - 8 * u32::from(width))
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
    fn check(expiries: &[i64], width: usize) {
        let mut coding = Coding::of(expiries[0]);
        let mut range = (expiries[0], expiries[0]);
        for &expiry in expiries {
            if coding.encode(expiry).is_none() {
                coding = coding.with(expiry, range);
            }
            range = (range.0.min(expiry), range.1.max(expiry));
        }
        for &expiry in expiries {
            let code = coding.encode(expiry).unwrap_or_else(|| panic!("{expiry} in {coding:?}"));
            assert_eq!(coding.decode(code), expiry, "{coding:?}");
            assert!(coding.upto(expiry).is_some_and(|upto| upto >= code));
            if expiry > i64::MIN {
                assert!(coding.upto(expiry - 1).is_none_or(|upto| upto < code));
            }
        }
        let forever = coding.encode(FOREVER).unwrap();
        assert_eq!(coding.decode(forever), FOREVER);
        assert!(coding.upto(FOREVER - 1).is_none_or(|upto| upto < forever));
        assert_eq!(coding.width(), width, "{coding:?}");
    }

    #[test]
    fn codes_are_exact_and_small() {
        check(&[7], 1);
        check(&[-60_000_000, 0, 60_000_000, 120_000_000], 1);
        check(&[1_000_001, 1_002_001, 999_001, 60_000_001], 3);
        check(&[5, 6, 4_000_000_000], 5);
        check(&[0, 1, i64::MAX - 1], 8);
        check(&[i64::MIN, i64::MAX - 1], 1);
        check(&[i64::MIN, 0, i64::MAX - 1], 8);
        check(&[i64::MIN, i64::MIN + 1, i64::MAX - 1], 8);
        check(&[i64::MAX - 1, i64::MAX - 2], 1);
    }

    #[test]
    fn random_expiries_come_back() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..2_000 {
            let (bits, shift) = (random.u32(1..64), random.u32(0..20));
            let base = random.i64(..) >> random.u32(0..63);
            let mut one = || base.wrapping_add((random.i64(..) >> bits) << shift).min(FOREVER - 1);
            let expiries: Vec<i64> = (0..20).map(|_| one()).collect();
            let range = (*expiries.iter().min().unwrap(), *expiries.iter().max().unwrap());
            let coding = expiries.iter().fold(Coding::of(expiries[0]), |coding, &e| coding.with(e, range));
            for &expiry in &expiries {
                assert_eq!(coding.encode(expiry).map(|code| coding.decode(code)), Some(expiry), "{coding:?}");
            }
        }
    }
}
