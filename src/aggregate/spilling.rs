//! A running sum of whole numbers that is fast while it fits an i128 and exact when it does not.

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::written::BigIntV1;

/// An exact running sum of whole numbers: an i128 that spills into a big integer, which counts units
/// `2^FINER` times smaller.
#[derive(Debug, Clone, Default)]
pub struct Spilling<const FINER: i32> {
    low: i128,
    high: BigInt,
}

/// The written form; the units are those of what it is part of.
#[derive(Serialize, Deserialize)]
pub struct SpillingV1 {
    low: i128,
    high: BigIntV1,
}

impl<const FINER: i32> Spilling<FINER> {
    /// Adds a number of the coarser units.
    pub fn add(&mut self, value: i128) {
        self.low = match self.low.checked_add(value) {
            Some(sum) => sum,
            None => {
                self.high += BigInt::from(self.low) << FINER;
                value
            }
        };
    }

    /// Adds a number of the finer units.
    pub fn add_high(&mut self, value: BigInt) {
        self.high += value;
    }

    /// Adds all of another sum.
    pub fn merge(&mut self, other: &Self) {
        self.add(other.low);
        self.high += &other.high;
    }

    /// The sum in the finer units.
    pub fn value(&self) -> BigInt {
        (BigInt::from(self.low) << FINER) + &self.high
    }

    /// The written form.
    pub fn written(&self) -> SpillingV1 {
        SpillingV1 { low: self.low, high: BigIntV1::of(&self.high) }
    }

    /// The sum again.
    pub fn read(SpillingV1 { low, high }: SpillingV1) -> Option<Self> {
        Some(Spilling { low, high: high.read()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spills_without_loss() {
        let mut sum = Spilling::<3>::default();
        sum.add(i128::MAX);
        sum.add(i128::MAX);
        sum.add_high(BigInt::from(5));
        let mut twice = sum.clone();
        twice.merge(&sum);
        let want: BigInt = (BigInt::from(i128::MAX) * 16 + 5) * 2;
        assert_eq!(twice.value(), want);
    }
}
