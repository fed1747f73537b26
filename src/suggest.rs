//! "Did you mean": the known name nearest to one that is not known.

/// The candidate nearest to `word`, if one is near enough to have been meant. Case does not count.
pub fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    // A long pasted text is no typing mistake, and the distance costs the product of the lengths.
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 128)
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= length.max(candidate.chars().count()).div_ceil(3).min(3))
        .filter(|(distance, candidate)| *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The closest candidate as the help of an error.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    closest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let check =
            |word, expected| assert_eq!(closest(word, ["length", "lower", "ln", "at"]), expected, "{word}");
        check("lenght", Some("length"));
        check("legnth", Some("length"));
        check("LOWR", Some("lower"));
        check("frobnicate", None);
        check("x", None);
        check("", None);
        check(&"l".repeat(10_000), None);
    }
}
