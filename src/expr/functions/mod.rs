//! The scalar functions: one table, from which calls are checked, help is shown and the manual is made.
//!
//! Arguments arrive checked: not null, and of the kind the table asks for.

mod numeric;
mod text;

use crate::value::Value;

use super::timepart::Part;
use super::types::Type;

/// One function: what help texts show of it, and how it is checked and run.
pub struct FunctionHelp {
    /// Its name in lower case.
    pub name: &'static str,
    /// How it is written: `substr(text, start[, count])`.
    pub usage: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Other names it goes by.
    pub aliases: &'static [&'static str],
    /// What its arguments must be; where `variadic`, the last one stands for all that follow.
    pub(super) params: &'static [Param],
    /// How many arguments it must have at least.
    pub(super) required: usize,
    /// Whether there may be any number of arguments.
    pub(super) variadic: bool,
    /// What is known of the result.
    pub(super) returns: Type,
    /// How it is run.
    pub(super) body: Body,
}

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    /// Text.
    Text,
    /// A number.
    Number,
    /// A whole number within 64 bits.
    Integer,
    /// Text, a number, true or false, which count by their text.
    Shown,
    /// Any value.
    Any,
}

impl Param {
    /// What may be passed, as far as that is known at plan time.
    pub(super) fn wanted(self) -> Type {
        match self {
            Param::Text => Type::Text,
            Param::Number | Param::Integer => Type::Number,
            Param::Shown | Param::Any => Type::Any,
        }
    }
}

/// A function of values, none of them null.
pub(super) type Plain = for<'v> fn(&mut [Value<'v>]) -> Result<Value<'v>, String>;

/// How a function is run.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// On the values of its arguments; null if one of them is.
    Plain(Plain),
    /// The first argument that is not null; the others are not looked at.
    Coalesce,
    /// The first argument, or null if it equals the second.
    NullIf,
    /// The greatest argument, or the least.
    Extreme {
        /// Whether it is the greatest.
        greatest: bool,
    },
    /// Whether a regular expression matches.
    RegexMatch,
    /// What a regular expression matches.
    RegexExtract,
    /// A part of a time.
    Part(Part),
    /// The part that the first argument names.
    DatePart,
    /// The event time.
    EventTime,
}

/// All functions, for help texts and the manual.
pub fn functions() -> &'static [FunctionHelp] {
    TABLE
}

/// The function of this lower-case name.
pub(super) fn find(name: &str) -> Option<&'static FunctionHelp> {
    TABLE.iter().find(|function| function.name == name || function.aliases.contains(&name))
}

const fn plain(
    name: &'static str,
    usage: &'static str,
    help: &'static str,
    params: &'static [Param],
    returns: Type,
    run: Plain,
) -> FunctionHelp {
    let required = params.len();
    FunctionHelp {
        name,
        usage,
        help,
        aliases: &[],
        params,
        required,
        variadic: false,
        returns,
        body: Body::Plain(run),
    }
}

const fn part(name: &'static str, usage: &'static str, help: &'static str, part: Part) -> FunctionHelp {
    FunctionHelp {
        name,
        usage,
        help,
        aliases: &[],
        params: &[Param::Any, Param::Text],
        required: 1,
        variadic: false,
        returns: Type::Number,
        body: Body::Part(part),
    }
}

impl FunctionHelp {
    /// The same function, of whose arguments only the first `required` must be there.
    const fn optional_after(self, required: usize) -> FunctionHelp {
        FunctionHelp { required, ..self }
    }

    const fn variadic(self) -> FunctionHelp {
        FunctionHelp { variadic: true, ..self }
    }

    const fn also(self, aliases: &'static [&'static str]) -> FunctionHelp {
        FunctionHelp { aliases, ..self }
    }

    const fn run_as(self, body: Body) -> FunctionHelp {
        FunctionHelp { body, ..self }
    }
}

/// The body of functions that the evaluator runs itself is replaced by `run_as`.
fn replaced<'v>(_args: &mut [Value<'v>]) -> Result<Value<'v>, String> {
    Err("this function has no plain body".to_owned())
}

use Param::{Any, Integer, Number, Shown, Text};

static TABLE: &[FunctionHelp] = &[
    plain("lower", "lower(text)", "the text in lower case", &[Text], Type::Text, text::lower),
    plain("upper", "upper(text)", "the text in upper case", &[Text], Type::Text, text::upper),
    plain("length", "length(text)", "how many characters the text has", &[Text], Type::Number, text::length)
        .also(&["char_length", "character_length"]),
    plain(
        "substr",
        "substr(text, start[, count])",
        "count characters (or all) from the one at start, which is 1 for the first; also substring(text FROM start FOR count)",
        &[Text, Integer, Integer],
        Type::Text,
        text::substr,
    )
    .optional_after(2)
    .also(&["substring"]),
    plain(
        "split_part",
        "split_part(text, separator, n)",
        "the n-th piece of the text, 1 for the first, -1 for the last; empty where there is none",
        &[Text, Text, Integer],
        Type::Text,
        text::split_part,
    ),
    plain(
        "replace",
        "replace(text, from, to)",
        "the text with every from replaced by to",
        &[Text, Text, Text],
        Type::Text,
        text::replace,
    ),
    plain("regexp_match", "regexp_match(text, pattern)", "whether the pattern matches somewhere in the text", &[Text, Text], Type::Bool, replaced)
        .run_as(Body::RegexMatch),
    plain(
        "regexp_extract",
        "regexp_extract(text, pattern[, group])",
        "the first match of the pattern, or of one of its groups; null if there is none",
        &[Text, Text, Integer],
        Type::Text,
        replaced,
    )
    .optional_after(2)
    .run_as(Body::RegexExtract),
    plain("concat", "concat(value, ...)", "the values one behind the other, as text; null if one is null", &[Shown], Type::Text, text::concat)
        .variadic(),
    plain("trim", "trim(text[, characters])", "the text without the spaces (or characters) at both ends", &[Text, Text], Type::Text, text::trim)
        .optional_after(1),
    plain("ltrim", "ltrim(text[, characters])", "the text without the spaces (or characters) at its start", &[Text, Text], Type::Text, text::ltrim)
        .optional_after(1),
    plain("rtrim", "rtrim(text[, characters])", "the text without the spaces (or characters) at its end", &[Text, Text], Type::Text, text::rtrim)
        .optional_after(1),
    plain("starts_with", "starts_with(text, start)", "whether the text begins so", &[Text, Text], Type::Bool, text::starts_with),
    plain("ends_with", "ends_with(text, end)", "whether the text ends so", &[Text, Text], Type::Bool, text::ends_with),
    plain("contains", "contains(text, part)", "whether the part stands in the text", &[Text, Text], Type::Bool, text::contains),
    plain("abs", "abs(x)", "the number without its sign", &[Number], Type::Number, numeric::abs),
    plain(
        "round",
        "round(x[, digits])",
        "rounded to a whole number or to digits behind the point, halves away from zero",
        &[Number, Integer],
        Type::Number,
        numeric::round,
    )
    .optional_after(1),
    plain("floor", "floor(x)", "the greatest whole number not above x", &[Number], Type::Number, numeric::floor),
    plain("ceil", "ceil(x)", "the least whole number not below x", &[Number], Type::Number, numeric::ceil)
        .also(&["ceiling"]),
    plain("mod", "mod(x, y)", "the remainder of x / y, as x % y", &[Number, Number], Type::Number, numeric::modulo),
    plain("power", "power(x, y)", "x to the power of y, as a double", &[Number, Number], Type::Number, numeric::power)
        .also(&["pow"]),
    plain("sqrt", "sqrt(x)", "the square root, as a double", &[Number], Type::Number, numeric::sqrt),
    plain("exp", "exp(x)", "e to the power of x, as a double", &[Number], Type::Number, numeric::exp),
    plain("ln", "ln(x)", "the natural logarithm, as a double", &[Number], Type::Number, numeric::ln),
    plain("log10", "log10(x)", "the logarithm to base 10, as a double", &[Number], Type::Number, numeric::log10),
    plain("sign", "sign(x)", "-1, 0 or 1", &[Number], Type::Number, numeric::sign),
    plain("greatest", "greatest(x, ...)", "the greatest of the values; null if one is null", &[Any], Type::Any, replaced)
        .variadic()
        .run_as(Body::Extreme { greatest: true }),
    plain("least", "least(x, ...)", "the least of the values; null if one is null", &[Any], Type::Any, replaced)
        .variadic()
        .run_as(Body::Extreme { greatest: false }),
    plain("coalesce", "coalesce(x, ...)", "the first of the values that is not null", &[Any], Type::Any, replaced)
        .variadic()
        .run_as(Body::Coalesce),
    plain("nullif", "nullif(x, y)", "x, or null if it equals y", &[Any, Any], Type::Any, replaced).run_as(Body::NullIf),
    plain("event_time", "event_time()", "the event time, for the functions below", &[], Type::Time, replaced)
        .run_as(Body::EventTime),
    part("year", "year(time[, 'ZONE'])", "the year of event_time() or of a time in RFC 3339 form, in UTC or the zone", Part::Year),
    part("quarter", "quarter(time[, 'ZONE'])", "the quarter, 1 to 4", Part::Quarter),
    part("month", "month(time[, 'ZONE'])", "the month, 1 to 12", Part::Month),
    part("week", "week(time[, 'ZONE'])", "the ISO week, 1 to 53", Part::Week),
    part("day", "day(time[, 'ZONE'])", "the day of the month, 1 to 31", Part::Day),
    part("doy", "doy(time[, 'ZONE'])", "the day of the year, 1 to 366", Part::DayOfYear),
    part("dow", "dow(time[, 'ZONE'])", "the day of the week, 0 (Sunday) to 6", Part::DayOfWeek),
    part("isodow", "isodow(time[, 'ZONE'])", "the day of the week, 1 (Monday) to 7", Part::IsoDayOfWeek),
    part("hour", "hour(time[, 'ZONE'])", "the hour, 0 to 23", Part::Hour),
    part("minute", "minute(time[, 'ZONE'])", "the minute, 0 to 59", Part::Minute),
    part("second", "second(time[, 'ZONE'])", "the second, 0 to 59, without its fraction", Part::Second),
    part("epoch", "epoch(time)", "the seconds since 1970-01-01T00:00:00Z, with their fraction", Part::Epoch),
    plain(
        "date_part",
        "date_part('PART', time[, 'ZONE'])",
        "the part that one of the names above gives; also extract(PART FROM time AT TIME ZONE 'ZONE')",
        &[Text, Any, Text],
        Type::Number,
        replaced,
    )
    .optional_after(2)
    .run_as(Body::DatePart),
];

impl std::fmt::Debug for FunctionHelp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_usages_fit() {
        let mut seen = std::collections::BTreeSet::new();
        for function in TABLE {
            assert!(function.usage.starts_with(&format!("{}(", function.name)), "{}", function.usage);
            assert!(!function.help.is_empty() && !function.help.ends_with('.'), "{}", function.name);
            assert!(function.required <= function.params.len(), "{}", function.name);
            for name in std::iter::once(&function.name).chain(function.aliases) {
                assert!(seen.insert(*name), "{name} stands twice");
            }
        }
    }
}
