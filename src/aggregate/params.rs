//! Constant parameters of aggregates: what they may be and what they amount to.

use super::Params;
use crate::number::Number;

/// A quantile between 0 and 1, exactly: `mantissa / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantile {
    /// The digits.
    pub mantissa: u64,
    /// How many of them stand behind the point, at most 18.
    pub scale: u8,
}

impl Quantile {
    /// One half.
    pub const MEDIAN: Quantile = Quantile { mantissa: 5, scale: 1 };

    /// The rank `q * (count - 1)` as whole part and the numerator of the rest over [`Quantile::unit`].
    /// The count is at least 1.
    pub fn rank(self, count: u64) -> (u64, u64) {
        let rank = u128::from(self.mantissa) * u128::from(count - 1);
        let unit = u128::from(self.unit());
        // q is at most 1, so that the whole part is at most count - 1.
        ((rank / unit) as u64, (rank % unit) as u64)
    }

    /// `10^scale`.
    pub fn unit(self) -> u64 {
        10u64.pow(u32::from(self.scale))
    }
}

/// For aggregates without parameters.
pub fn check_none(params: &Params) -> Result<(), String> {
    match params {
        [] => Ok(()),
        _ => Err("takes no further parameters".to_owned()),
    }
}

/// For aggregates with one quantile.
pub fn check_quantile(params: &Params) -> Result<(), String> {
    let [q] = params else { return Err("takes one quantile between 0 and 1, such as 0.95".to_owned()) };
    let (zero, one) = (Number::ZERO, Number::from_int(1));
    if q.compare(&zero).is_lt() || q.compare(&one).is_gt() {
        return Err("wants a quantile between 0 and 1, such as 0.95".to_owned());
    }
    match to_quantile(q) {
        Some(_) => Ok(()),
        None => Err("takes a quantile with at most 18 digits behind the point".to_owned()),
    }
}

/// The one parameter of aggregates with a quantile, which [`check_quantile`] has accepted.
pub fn quantile(params: &Params) -> Quantile {
    params.first().and_then(to_quantile).expect("the quantile was checked")
}

fn to_quantile(q: &Number) -> Option<Quantile> {
    let units = u64::try_from(q.to_units()?).ok()?;
    Some(Quantile { mantissa: units, scale: 18 })
}

/// For aggregates with one number of entries.
pub fn check_size(params: &Params) -> Result<(), String> {
    match params {
        [n] if n.to_i64().is_some_and(|n| n >= 1) => Ok(()),
        [_] => Err("wants a whole number of values, at least 1".to_owned()),
        _ => Err("takes one number of values, such as 10".to_owned()),
    }
}

/// The one parameter of aggregates with a number of entries, which [`check_size`] has accepted.
pub fn size(params: &Params) -> usize {
    let size = params.first().and_then(Number::to_i64).expect("the number of values was checked");
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// For aggregates with bounds that rise.
pub fn check_bounds(params: &Params) -> Result<(), String> {
    if params.is_empty() {
        return Err("takes at least one bound, such as 100".to_owned());
    }
    match params.windows(2).all(|pair| pair[0].compare(&pair[1]).is_lt()) {
        true => Ok(()),
        false => Err("wants each bound greater than the one before it".to_owned()),
    }
}

/// The quantile that a name of the family `p50`, `p99.9` stands for; `None` for any other name.
pub fn family_quantile(name: &str) -> Option<Number> {
    let percent = name.strip_prefix('p')?;
    let (whole, fraction) = percent.split_once('.').unwrap_or((percent, "0"));
    let digits =
        |text: &str| !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let quantile = Number::parse(&format!("{whole}.{fraction}e-2"))?;
    (quantile.compare(&Number::from_int(1)).is_le()).then_some(quantile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_family_have_a_quantile() {
        let check = |name: &str, want: Option<&str>| {
            let mut out = Vec::new();
            if let Some(quantile) = family_quantile(name) {
                quantile.write(&mut out);
                assert_eq!(check_quantile(&[quantile]), Ok(()), "{name}");
            }
            assert_eq!(String::from_utf8(out).unwrap(), want.unwrap_or(""), "{name}");
        };
        check("p50", Some("0.5"));
        check("p99.9", Some("0.999"));
        check("p5", Some("0.05"));
        check("p0", Some("0"));
        check("p100", Some("1"));
        check("p99.9999999999999999", Some("0.999999999999999999"));
        check("p100.1", None);
        check("p", None);
        check("p.5", None);
        check("p5.", None);
        check("p1e1", None);
        check("q50", None);
        check("p999999999999999999999", None);
    }

    #[test]
    fn parameters_are_checked() {
        let numbers = |text: &str| -> Vec<Number> {
            text.split_whitespace().map(|number| Number::parse(number).unwrap()).collect()
        };
        let quantile = |text: &str| check_quantile(&numbers(text)).is_ok();
        assert!(quantile("0") && quantile("1") && quantile("0.95") && quantile("95e-2"));
        assert!(!quantile("") && !quantile("1.01") && !quantile("-0.1") && !quantile("0.5 0.6"));
        assert!(!quantile("0.1234567890123456789") && !quantile("1e-300"));
        let size = |text: &str| check_size(&numbers(text)).is_ok();
        assert!(size("1") && size("10.0") && !size("0") && !size("1.5") && !size("") && !size("1 2"));
        let bounds = |text: &str| check_bounds(&numbers(text)).is_ok();
        assert!(bounds("1") && bounds("-1 0 0.5") && !bounds("") && !bounds("1 1.0") && !bounds("2 1"));
    }

    #[test]
    fn ranks_are_exact() {
        let rank = |text: &str, count| super::quantile(&[Number::parse(text).unwrap()]).rank(count);
        assert_eq!(rank("0.5", 1), (0, 0));
        assert_eq!(rank("0.5", 3), (1, 0));
        assert_eq!(rank("0.5", 4), (1, 500_000_000_000_000_000));
        assert_eq!(rank("1", u64::MAX), (u64::MAX - 1, 0));
        assert_eq!(Quantile::MEDIAN.rank(2), (0, 5));
    }
}
