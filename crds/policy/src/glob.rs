//! Names with `*`, which stands for any run of characters, also for none and also across `/`.

/// Whether `text` is what `pattern` describes. Case matters; only `*` is special.
///
/// Linear in the text for each piece between two stars: the earliest place of a piece is always good
/// enough, so nothing is tried twice.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((prefix, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(prefix) else {
        return false;
    };
    let (middle, suffix) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let Some((_, after)) = text.split_once(piece) else {
            return false;
        };
        text = after;
    }
    text.ends_with(suffix)
}

/// Whether a written name is a pattern.
pub fn is_pattern(name: &str) -> bool {
    name.contains('*')
}

/// Names to look others up in: plain ones and patterns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    plain: Box<[Box<str>]>,
    patterns: Box<[Box<str>]>,
}

impl Names {
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let (patterns, plain): (Vec<&str>, Vec<&str>) =
            names.into_iter().partition(|name| is_pattern(name));
        let mut plain: Vec<Box<str>> = plain.into_iter().map(Box::from).collect();
        plain.sort_unstable();
        plain.dedup();
        Self {
            plain: plain.into(),
            patterns: patterns.into_iter().map(Box::from).collect(),
        }
    }

    /// Whether it holds nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.patterns.is_empty()
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.holds_plain(name) || self.patterns.iter().any(|pattern| matches(pattern, name))
    }

    fn holds_plain(&self, name: &str) -> bool {
        if self.plain.len() <= FEW {
            return self.plain.iter().any(|plain| **plain == *name);
        }
        self.plain
            .binary_search_by(|plain| (**plain).cmp(name))
            .is_ok()
    }
}

/// Up to so many names, comparing with each is quicker than searching: most differ in length.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Names, matches};

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "openai-main/gpt-4o", true),
            ("openai-main/*", "openai-main/gpt-4o", true),
            ("openai-main/*", "openai-main/", true),
            ("openai-main/*", "openai-main", false),
            ("openai-main/*", "openai-main-2/gpt-4o", false),
            ("*/gpt-4o", "azure/gpt-4o", true),
            ("*/gpt-4o", "azure/gpt-4o-mini", false),
            ("*gpt*", "azure/gpt-4o", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("*ab*ab", "ab", false),
            ("**", "x", true),
            ("*é", "caf\u{e9}", true),
            ("gpt-4.", "gpt-4o", false),
            ("GPT", "gpt", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn holds_plain_names_and_patterns() {
        let few = Names::new(["b", "a", "c/*", "a"]);
        let many = Names::new(["a", "b", "c/*", "d", "e", "f", "g", "h", "i", "j", "k"]);
        for (name, expected) in [
            ("a", true),
            ("b", true),
            ("c/x", true),
            ("c", false),
            ("", false),
        ] {
            assert_eq!(few.holds(name), expected, "{name:?}");
            assert_eq!(many.holds(name), expected, "{name:?}");
        }
    }

    /// The obvious definition, exponential and right.
    fn slow(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|cut| slow(rest, &text[cut..])),
            Some((first, rest)) => text.first() == Some(first) && slow(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(matches(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
