//! `count(*)`, `count(x)`: how many events, or how many with a value.

use serde::{Deserialize, Serialize};

use super::slots::{Accumulator, Slots, presence};
use super::{Definition, Gives, Span, Takes, params, written};
use crate::number::{Number, ShortText};
use crate::parse::batch::Input;
use crate::value::Value;

/// The entry of `count`.
pub const COUNT: Definition = Definition {
    name: "count",
    usage: "count(*), count(x)",
    help: "how many events, or how many where x is not null",
    takes: Takes::Presence,
    gives: Gives::Number,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Count>::boxed(calls, |_| ()),
};

/// A number of events.
#[derive(Default)]
pub struct Count(pub u64);

/// The written form.
#[derive(Serialize, Deserialize)]
pub struct CountV1(u64);

impl Accumulator for Count {
    type Setup = ();
    type View<'a> = Option<&'a [bool]>;
    type Written = CountV1;

    fn view(input: Input<'_>) -> Option<&[bool]> {
        presence(input)
    }

    #[inline]
    fn add(&mut self, _: &(), present: Option<&[bool]>, row: u32) {
        self.0 += present.map_or(1, |present| u64::from(present[row as usize]));
    }

    fn merge(&mut self, _: &(), other: &Count) {
        self.0 += other.0;
    }

    const RETRACTS: bool = true;

    fn retract(&mut self, other: &Count) -> bool {
        self.0 -= other.0;
        true
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        count_value(self.0)
    }

    #[inline]
    fn write_short(&self, _: &(), _: Span, short: &mut ShortText) -> bool {
        short.put_whole(self.0);
        true
    }

    fn written(&self) -> CountV1 {
        CountV1(self.0)
    }

    fn read(_: &(), CountV1(count): CountV1) -> Option<Count> {
        written::count(count).map(Count)
    }
}

/// A number of events as a result.
pub fn count_value(count: u64) -> Value<'static> {
    Value::Number(Number::Decimal { mantissa: i128::from(count), scale: 0 })
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::{check, check_every};
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn counts() {
        check_every("count", 3, "3");
        check_every("count", 0, "0");
        check("count", "", "1 null \"x\" {}", "3");
        check("count", "", "null", "0");
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden("count", "", &[(r#"1 null "x" {}"#, "3"), ("", "0"), ("null", "0"), ("1", "1")], &[]);
    }
}
