//! What functions are called in other tools, and what is said of a name that is no function here.

use super::functions;
use crate::aggregate;
use crate::suggest::did_you_mean;

/// Aggregates by the names that they have elsewhere, and what to write here.
const AGGREGATES: &[(&str, &str)] = &[
    ("mean", "avg(x)"),
    ("average", "avg(x)"),
    ("total", "sum(x)"),
    ("minimum", "min(x)"),
    ("maximum", "max(x)"),
    ("std", "stddev(x)"),
    ("stdev", "stddev(x)"),
    ("stddev_samp", "stddev(x)"),
    ("stddevpop", "stddev_pop(x)"),
    ("var", "variance(x)"),
    ("var_samp", "variance(x)"),
    ("var_pop", "variance_pop(x)"),
    ("count_distinct", "count(DISTINCT x)"),
    ("distinct_count", "count(DISTINCT x)"),
    ("countdistinct", "count(DISTINCT x)"),
    ("nunique", "count(DISTINCT x)"),
    ("uniq", "count(DISTINCT x)"),
    ("n_distinct", "count(DISTINCT x)"),
    ("cardinality", "count(DISTINCT x)"),
    ("approx_count_distinct", "approx_distinct(x)"),
    ("quantile", "percentile(x, 0.5)"),
    ("quantile_cont", "percentile(x, 0.5)"),
    ("percentile_cont", "percentile(x, 0.5)"),
    ("approx_quantile", "approx_percentile(x, 0.5)"),
    ("string_agg", "array_agg(x)"),
    ("group_concat", "array_agg(x)"),
    ("listagg", "array_agg(x)"),
    ("collect_list", "array_agg(x)"),
    ("list", "array_agg(x)"),
    ("any_value", "first(x)"),
    ("first_value", "first(x)"),
    ("last_value", "last(x)"),
    ("mode", "topk(x, 1)"),
    ("argmin", "arg_min(x, by)"),
    ("min_by", "arg_min(x, by)"),
    ("argmax", "arg_max(x, by)"),
    ("max_by", "arg_max(x, by)"),
    ("countif", "count(*) FILTER (WHERE condition)"),
    ("count_if", "count(*) FILTER (WHERE condition)"),
    ("sumif", "sum(x) FILTER (WHERE condition)"),
    ("sum_if", "sum(x) FILTER (WHERE condition)"),
];

/// Functions of single values likewise.
const FUNCTIONS: &[(&str, &str)] = &[
    ("if", CASE),
    ("iff", CASE),
    ("iif", CASE),
    ("ifnull", "coalesce(x, y)"),
    ("isnull", "x IS NULL"),
    ("nvl", "coalesce(x, y)"),
    ("len", "length(text)"),
    ("substring_index", "split_part(text, separator, n)"),
    ("split", "split_part(text, separator, n)"),
    ("mid", "substr(text, start, count)"),
    ("left", "substr(text, 1, count)"),
    ("toupper", "upper(text)"),
    ("tolower", "lower(text)"),
    ("ucase", "upper(text)"),
    ("lcase", "lower(text)"),
    ("startswith", "starts_with(text, part)"),
    ("endswith", "ends_with(text, part)"),
    ("strip", "trim(text)"),
    ("regexp_matches", "regexp_match(text, pattern)"),
    ("regexp_like", "regexp_match(text, pattern)"),
    ("regexp_substr", "regexp_extract(text, pattern)"),
    ("log", "ln(x) or log10(x)"),
    ("to_number", "CAST(x AS decimal)"),
    ("tonumber", "CAST(x AS decimal)"),
];

const CASE: &str = "CASE WHEN condition THEN x ELSE y END";

/// Functions that cut times, which is what windows are for.
const TRUNCATIONS: [&str; 6] = ["date_trunc", "time_bucket", "date_bin", "datetrunc", "tumble", "date_floor"];

/// The way out from the name (in lower case) of an aggregate that there is not.
pub(super) fn instead_of_aggregate(name: &str) -> String {
    let names = aggregate::TABLE.iter().map(|definition| definition.name);
    let names: Vec<&str> = names.filter(|name| !name.contains(' ') && *name != "p").collect();
    let known = AGGREGATES.iter().find(|(other, _)| *other == name).map(|(_, here)| format!("write {here}"));
    let near = || did_you_mean(name, names.iter().copied());
    known.or_else(near).unwrap_or_else(|| {
        let mut names = names.clone();
        names.push("p50 ... p99.9");
        format!("the aggregates are {}", names.join(", "))
    })
}

/// The way out from the name (in lower case) of a function of single values that there is not.
pub(super) fn instead_of_function(name: &str) -> String {
    if TRUNCATIONS.contains(&name) {
        return "--window cuts time into pieces; hour(event_time()) and the like give parts of it".to_owned();
    }
    if AGGREGATES.iter().any(|(other, _)| *other == name) {
        return format!("for an aggregate, which goes in --agg, {}", instead_of_aggregate(name));
    }
    let all = || functions::functions().iter();
    let known = FUNCTIONS.iter().find(|(other, _)| *other == name).map(|(_, here)| format!("write {here}"));
    let names = all().flat_map(|function| std::iter::once(&function.name).chain(function.aliases));
    known.or_else(|| did_you_mean(name, names.copied())).unwrap_or_else(|| {
        let names: Vec<&str> = all().map(|function| function.name).collect();
        format!("the functions are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr;
    use crate::job::fields::Fields;

    #[test]
    fn what_is_offered_can_be_written() {
        for (name, here) in AGGREGATES {
            assert!(aggregate::find(name).is_none() && functions::find(name).is_none(), "{name}");
            assert!(expr::parse_aggregates(here, &mut Fields::default()).is_ok(), "{here}");
            assert_eq!(instead_of_aggregate(name), format!("write {here}"));
        }
        for (name, here) in FUNCTIONS {
            assert!(functions::find(name).is_none(), "{name}");
            for text in here.split(" or ") {
                assert!(expr::parse_value(text, &mut Fields::default()).is_ok(), "{text}");
            }
            assert_eq!(instead_of_function(name), format!("write {here}"));
        }
    }

    #[test]
    fn names_without_a_neighbour_get_the_list() {
        assert!(instead_of_aggregate("frobnicate").starts_with("the aggregates are count, sum, avg, min"));
        assert!(instead_of_function("frobnicate").starts_with("the functions are lower, upper, length"));
        assert_eq!(instead_of_aggregate("cuont"), "did you mean `count`?");
        assert_eq!(instead_of_function("lenght"), "did you mean `length`?");
        assert_eq!(instead_of_function("mean"), "for an aggregate, which goes in --agg, write avg(x)");
        assert!(instead_of_function("date_trunc").starts_with("--window cuts time"));
    }
}
