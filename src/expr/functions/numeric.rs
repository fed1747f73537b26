//! The functions of numbers. Roots, powers and logarithms are computed in doubles; all else is exact.

use crate::number::Number;
use crate::value::Value;

type Outcome<'v> = Result<Value<'v>, String>;

/// A number, which the table has asked for.
fn number(value: &Value<'_>) -> Number {
    value.as_number().unwrap_or_else(|| Number::from_int(0))
}

fn exact<'v>(result: Option<Number>) -> Outcome<'v> {
    result.map(Value::Number).ok_or_else(|| "the result is out of range".to_owned())
}

fn double<'v>(result: f64) -> Outcome<'v> {
    exact(Number::from_f64(result))
}

pub(super) fn abs<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    exact(Some(number(&args[0]).abs()))
}

pub(super) fn round<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let digits = args.get(1).and_then(|digits| number(digits).to_i64()).unwrap_or(0);
    let digits = digits.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
    exact(number(&args[0]).round(digits))
}

pub(super) fn floor<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    exact(Some(number(&args[0]).floor()))
}

pub(super) fn ceil<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    exact(Some(number(&args[0]).ceil()))
}

pub(super) fn modulo<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let divisor = number(&args[1]);
    if divisor.is_zero() {
        return Err("division by zero".to_owned());
    }
    exact(number(&args[0]).rem(&divisor))
}

pub(super) fn power<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let (base, exponent) = (number(&args[0]).to_f64(), number(&args[1]).to_f64());
    if base == 0.0 && exponent < 0.0 {
        return Err("zero has no negative powers".to_owned());
    }
    if base < 0.0 && exponent.fract() != 0.0 {
        return Err("a negative number has no fractional powers".to_owned());
    }
    double(base.powf(exponent))
}

pub(super) fn sqrt<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let x = number(&args[0]).to_f64();
    if x < 0.0 {
        return Err("a negative number has no square root".to_owned());
    }
    double(x.sqrt())
}

pub(super) fn exp<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    double(number(&args[0]).to_f64().exp())
}

pub(super) fn ln<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    logarithm(&args[0], f64::ln)
}

pub(super) fn log10<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    logarithm(&args[0], f64::log10)
}

fn logarithm<'v>(x: &Value<'v>, of: fn(f64) -> f64) -> Outcome<'v> {
    let x = number(x).to_f64();
    if x <= 0.0 {
        return Err("only a number above zero has a logarithm".to_owned());
    }
    double(of(x))
}

pub(super) fn sign<'v>(args: &mut [Value<'v>]) -> Outcome<'v> {
    let x = number(&args[0]);
    let sign = if x.is_zero() { 0 } else { 1 };
    exact(Some(Number::from_int(if x.is_negative() { -sign } else { sign })))
}
