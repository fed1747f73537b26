//! "Did you mean": the known name that a mistyped one is nearest to.

/// The name most like `wrong`, if one is near enough to have been meant.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    let length = lower.chars().count();
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        // A third of the letters may be wrong; at least one, and not all.
        .filter(|(distance, _)| *distance <= (length / 3).max(1) && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let names = ["country", "count", "window_start", "by"];
        let check = |wrong: &str, want: Option<&str>| assert_eq!(nearest(wrong, names), want, "{wrong:?}");
        check("contry", Some("country"));
        check("Count", Some("count"));
        check("cuont", Some("count"));
        check("windowstart", Some("window_start"));
        check("b", None);
        check("bx", Some("by"));
        check("x", None);
        check("", None);
        check("something", None);
    }
}
