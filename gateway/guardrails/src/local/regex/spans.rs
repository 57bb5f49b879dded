//! What may stand beside a match.

/// What may adjoin a match.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Edge {
    /// No letter, digit or `_`.
    Word,
    /// As `Word`, and no separator with more digits or letters behind it: not a part of a longer number, a
    /// serial or a version.
    Number,
    /// As `Word`, and no `:` with more letters or digits behind it; no slice such as `x[::2]`.
    Colons,
    /// As `Number`, and no blank with a digit behind it: not some of many groups.
    Apart,
    /// As `Number`, and no comma with another number behind it: not a part of a list of numbers.
    List,
}

impl Edge {
    /// Whether a match may begin at `at`.
    pub(super) fn opens(self, text: &str, at: usize) -> bool {
        let Some(before) = text.get(..at).and_then(|before| before.chars().next_back()) else {
            return true;
        };
        if glues(before) {
            return false;
        }
        if self == Self::Colons {
            let further = text
                .get(..at - before.len_utf8())
                .and_then(|before| before.chars().next_back());
            return !(matches!(before, ':' | '[') && further.is_some_and(|c| c == ':' || glues(c)));
        }
        if self == Self::List {
            let list = text
                .get(..at)
                .unwrap_or_default()
                .trim_end_matches([' ', '\n']);
            let number = list
                .strip_suffix(',')
                .is_some_and(|list| list.ends_with(|c: char| c.is_ascii_digit()));
            if number {
                return false;
            }
        }
        if self == Self::Apart && before == ' ' {
            let further = text.get(..at - 1).unwrap_or_default();
            return !further.ends_with(|c: char| c.is_ascii_digit());
        }
        if self == Self::Word || !matches!(before, '.' | '-' | '/' | '$' | '€' | '£' | '+' | '\\')
        {
            return true;
        }
        let further = text
            .get(..at - before.len_utf8())
            .and_then(|before| before.chars().next_back());
        match before {
            '$' | '€' | '£' | '+' | '\\' => false,
            '/' => !further.is_some_and(|c| c.is_ascii_digit()),
            _ => !further.is_some_and(char::is_alphanumeric),
        }
    }

    /// Whether a match may end at `at`.
    pub(super) fn closes(self, text: &str, at: usize) -> bool {
        let mut after = text.get(at..).unwrap_or_default().chars();
        let Some(next) = after.next() else {
            return true;
        };
        if glues(next) {
            return false;
        }
        if self == Self::Word {
            return true;
        }
        if self == Self::Colons {
            return !(matches!(next, ':' | '.')
                && after
                    .next()
                    .is_some_and(|c| c == ':' || c.is_ascii_alphanumeric()));
        }
        if self == Self::Apart && next == ' ' {
            return !after.next().is_some_and(|c| c.is_ascii_digit());
        }
        if self == Self::List && next == ',' {
            let list = text
                .get(at + 1..)
                .unwrap_or_default()
                .trim_start_matches([' ', '\n']);
            return !list.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        }
        match next {
            '-' | '\\' => !after.next().is_some_and(char::is_alphanumeric),
            '.' | '/' => !after.next().is_some_and(|c| c.is_ascii_digit()),
            '@' | '%' => false,
            _ => true,
        }
    }

    /// Whether more text could change what [`Self::closes`] says.
    pub(super) fn undecided(self, text: &str, at: usize) -> bool {
        let asked = match self {
            Self::Word | Self::Colons | Self::Number | Self::Apart => 1,
            Self::List => 3,
        };
        text.get(at..)
            .unwrap_or_default()
            .chars()
            .nth(asked)
            .is_none()
    }
}

/// Whether a character beside a match makes it a part of something longer. Scripts that set no spaces between
/// words do not.
fn glues(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || c == '_'
    } else {
        c < '\u{900}' && c.is_alphanumeric()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        // Text, where the match stands, whether `Word` and `Number` admit it.
        let rows = [
            ("12", 0..2, true, true),
            ("a12", 1..3, false, false),
            ("_12", 1..3, false, false),
            ("é12", 2..4, false, false),
            ("는12입", 3..5, true, true),
            ("1.12", 2..4, true, false),
            ("1-12", 2..4, true, false),
            ("a-12", 2..4, true, false),
            ("a/12", 2..4, true, true),
            ("1/12", 2..4, true, false),
            ("$12", 1..3, true, false),
            (" - 12", 3..5, true, true),
            ("1,12", 2..4, true, true),
            ("12.", 0..2, true, true),
            ("12.5", 0..2, true, false),
            ("12.Next", 0..2, true, true),
            ("12-A", 0..2, true, false),
            ("12 - A", 0..2, true, true),
            ("12x", 0..2, false, false),
            ("12%", 0..2, true, false),
        ];
        for (text, at, word, number) in rows {
            let admits = |edge: Edge| edge.opens(text, at.start) && edge.closes(text, at.end);
            assert_eq!(
                (admits(Edge::Word), admits(Edge::Number)),
                (word, number),
                "{text}"
            );
        }
    }

    #[test]
    fn undecided_until_two_characters_follow() {
        for (text, undecided) in [
            ("12", true),
            ("12.", true),
            ("12.5", false),
            ("12 é", false),
        ] {
            assert_eq!(Edge::Number.undecided(text, 2), undecided, "{text}");
        }
    }
}
