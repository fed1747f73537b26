//! Small decimals, which nearly all numbers in data are: read, compared and computed without the cost of
//! the general type. What is not small is left to it, with the same results.

use std::cmp::Ordering;

use super::ops;
use super::syntax::Arithmetic;
use crate::number::{Number, short};
use crate::value::Value;

/// A decimal of at most 18 digits in all: what nearly all numbers in data are, read and compared
/// without the cost of the general type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Small {
    mantissa: i64,
    scale: u8,
}

const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut n = 1;
    while n < 19 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

impl Small {
    /// Reads `-12.5`; `None` for what is longer, has an exponent or is no number.
    #[inline]
    pub(super) fn read(text: &str) -> Option<Small> {
        short(text.as_bytes()).map(|(mantissa, scale)| Small { mantissa, scale })
    }

    /// What [`short`] has read.
    #[inline(always)]
    pub(super) fn of_parts(mantissa: i64, scale: u8) -> Small {
        Small { mantissa, scale }
    }

    /// The same number, if it is that small.
    pub(super) fn from_number(number: &Number) -> Option<Small> {
        match number {
            Number::Decimal { mantissa, scale }
                if *scale <= 18 && mantissa.unsigned_abs() < 10u128.pow(18) =>
            {
                Some(Small { mantissa: i64::try_from(*mantissa).ok()?, scale: *scale })
            }
            _ => None,
        }
    }

    /// The same number in the general type.
    pub(super) fn into_number(self) -> Number {
        Number::Decimal { mantissa: i128::from(self.mantissa), scale: self.scale }
    }

    /// Mantissa and scale.
    pub(super) fn parts(self) -> (i64, u8) {
        (self.mantissa, self.scale)
    }

    /// The number with the other sign.
    pub(super) fn negated(self) -> Small {
        Small { mantissa: -self.mantissa, ..self }
    }

    /// The exact result of an operator; `None` where it is not small, and for all divisions by `/`.
    #[inline]
    pub(super) fn arithmetic(op: Arithmetic, left: Small, right: Small) -> Option<Small> {
        let scale = left.scale.max(right.scale);
        let aligned = |number: Small| number.mantissa.checked_mul(POWERS[usize::from(scale - number.scale)]);
        let (mantissa, scale) = match op {
            Arithmetic::Add => (aligned(left)?.checked_add(aligned(right)?)?, scale),
            Arithmetic::Subtract => (aligned(left)?.checked_sub(aligned(right)?)?, scale),
            Arithmetic::Multiply => (left.mantissa.checked_mul(right.mantissa)?, left.scale + right.scale),
            Arithmetic::Remainder => (aligned(left)?.checked_rem(aligned(right)?)?, scale),
            Arithmetic::Divide => return None,
        };
        let small = mantissa.unsigned_abs() < POWERS[18].unsigned_abs() && scale <= 18;
        small.then_some(Small { mantissa, scale })
    }

    /// The double nearest to the quotient; `None` by zero, and where that takes more than one division
    /// of whole numbers that doubles hold exactly.
    pub(super) fn quotient(left: Small, right: Small) -> Option<f64> {
        let scale = left.scale.max(right.scale);
        let exact = |number: Small| {
            let whole = number.mantissa.checked_mul(POWERS[usize::from(scale - number.scale)])?;
            (whole.unsigned_abs() <= 1 << 53).then_some(whole as f64)
        };
        let (left, right) = (exact(left)?, exact(right)?);
        (right != 0.0).then_some(left / right)
    }

    /// The order by value.
    #[inline]
    pub(super) fn compare(self, other: Small) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        // Both stay below 10^36.
        let left = i128::from(self.mantissa) * i128::from(POWERS[usize::from(other.scale)]);
        let right = i128::from(other.mantissa) * i128::from(POWERS[usize::from(self.scale)]);
        left.cmp(&right)
    }
}

/// A number that values are compared with again and again.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    small: Option<Small>,
    number: Number,
}

impl Constant {
    /// This number.
    pub(super) fn new(number: Number) -> Constant {
        Constant { small: Small::from_number(&number), number }
    }

    /// This number, if it is a small one.
    pub(super) fn small(&self) -> Option<Small> {
        self.small
    }

    /// The order of two such numbers by value.
    pub(super) fn order(&self, other: &Constant) -> Ordering {
        self.number.compare(&other.number)
    }

    /// How a value compares with this number; `None` for null.
    #[inline]
    pub(super) fn compare(&self, value: &Value<'_>) -> Result<Option<Ordering>, String> {
        if let (Value::Written(text) | Value::Untyped(text), Some(small)) = (value, self.small)
            && let Some(read) = Small::read(text)
        {
            return Ok(Some(read.compare(small)));
        }
        match value {
            Value::Null => Ok(None),
            other => ops::compare(other, &Value::Number(self.number.clone())).map(Some),
        }
    }
}
