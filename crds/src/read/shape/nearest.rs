//! What somebody may have meant.

/// How alike two names must be for one to be proposed; between 0 and 1.
const ALIKE: f64 = 0.75;

/// "There is no field "x"", with the nearest known name, or all of them when they are few.
pub(crate) fn unknown<'a>(
    what: &str,
    written: &str,
    known: impl Iterator<Item = &'a str>,
) -> String {
    // What was written may be long, or not a name at all.
    let shown: String = written.chars().take(64).collect();
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    let wanted = plain(&shown);
    let scored = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&plain(name), &wanted), *name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
    match best {
        Some((score, name)) if score >= ALIKE => {
            format!("there is no {what} {shown:?} here: did you mean {name:?}?")
        }
        _ if known.is_empty() => format!("there is no {what} {shown:?} here, and none is expected"),
        _ if known.len() <= 16 => format!(
            "there is no {what} {shown:?} here: known are {}",
            known.join(", ")
        ),
        _ => format!("there is no {what} {shown:?} here"),
    }
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn proposes_the_nearest_name() {
        let known = ["secretsDetection", "regex", "name", "enforcingStrategy"];
        let rows = [
            ("secretDetection", "did you mean \"secretsDetection\"?"),
            ("enforcing_strategy", "did you mean \"enforcingStrategy\"?"),
            ("nmae", "did you mean \"name\"?"),
            (
                "zzz",
                "known are enforcingStrategy, name, regex, secretsDetection",
            ),
        ];
        for (written, part) in rows {
            let message = unknown("field", written, known.into_iter());
            assert!(message.contains(part), "{written}: {message}");
        }
        assert!(unknown("field", "a", [].into_iter()).contains("none is expected"));
    }
}
