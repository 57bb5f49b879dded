//! "Did you mean": the known name that is most like an unknown one.

/// The candidate that a slip of the keyboard turns into `name`, when there is one: at most one edit
/// for every three characters.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        // The distance is at least the difference in length, which costs nothing to know.
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= allowed * 4)
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `: did you mean "x"?`, or nothing.
pub(super) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(name, candidates).map_or_else(String::new, |found| format!(": did you mean {found:?}?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let names = ["my-guardrails/secrets", "my-guardrails/pii", "openai-main"];
        for (name, expected) in [
            ("my-guardrails/secret", Some("my-guardrails/secrets")),
            ("my-guardrials/pii", Some("my-guardrails/pii")),
            ("opnai-main", Some("openai-main")),
            ("azure", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names), expected, "{name}");
        }
    }
}
