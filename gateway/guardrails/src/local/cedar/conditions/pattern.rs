//! Cedar's `like`: a text with wildcards, each of which stands for any text.

/// A pattern by its parts between wildcards.
#[derive(Clone, Debug)]
pub(in super::super) struct Pattern {
    /// What comes before the first wildcard; the whole pattern, if there is none.
    start: Box<str>,
    /// The parts between wildcards.
    middle: Vec<Box<str>>,
    /// What comes after the last wildcard; none without one.
    end: Option<Box<str>>,
}

impl Pattern {
    /// A pattern of these parts, with a wildcard between any two.
    pub(super) fn new(parts: Vec<String>) -> Self {
        let mut parts = parts.into_iter().map(String::into_boxed_str);
        let start = parts.next().unwrap_or_default();
        let mut middle: Vec<Box<str>> = parts.collect();
        let end = middle.pop();
        middle.retain(|part| !part.is_empty());
        Self { start, middle, end }
    }

    /// Whether a text is of this form.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some(end) = &self.end else {
            return *text == *self.start;
        };
        let rest = text.strip_prefix(&*self.start);
        let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(&**end)) else {
            return false;
        };
        // The first place where a part fits leaves the most for those behind it.
        for part in &self.middle {
            match rest.split_once(&**part) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_wildcards_do() {
        let rows = [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "ünï\n", true),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*c", "abc", true),
            ("*c", "cb", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("ab*ba", "aba", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("*b*b*", "b", false),
            ("*b*b*", "xbxbx", true),
            ("a**b", "ab", true),
            ("*..*", "/a/../b", true),
        ];
        for (pattern, text, expected) in rows {
            let parts = pattern.split('*').map(str::to_owned).collect();
            assert_eq!(
                Pattern::new(parts).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
