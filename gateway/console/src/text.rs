//! Names that callers chose, made safe to look at.
//!
//! The templates escape what HTML means something by. Here what cannot be seen is made visible: control characters, and
//! those that turn the direction of text around or take no room, with which a name could look like another.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of a name that are shown.
const MAX_SHOWN: usize = 160;

/// A name as it is shown.
pub fn visible(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_SHOWN && !name.chars().any(is_unseen) {
        return Cow::Borrowed(name);
    }
    let mut shown = String::with_capacity(name.len().min(4 * MAX_SHOWN));
    let mut characters = name.chars();
    for character in characters.by_ref().take(MAX_SHOWN) {
        if is_unseen(character) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\u{27e8}U+{:04X}\u{27e9}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    if characters.next().is_some() {
        shown.push('…');
    }
    Cow::Owned(shown)
}

/// Whether a character is not seen where it stands: controls, format characters, and blanks that are not the space.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(u32::from(character),
            // Soft hyphen, Arabic marks, Mongolian separator.
            0xad | 0x61c | 0x180e
            // Zero width, directions, separators, invisible operators, isolates.
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            // Fillers that look like nothing, the byte order mark, annotations, tags, variation selectors.
            | 0x115f..=0x1160 | 0x3164 | 0xffa0 | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe0fff | 0xfe00..=0xfe0f)
}

/// Microseconds for people: `812 µs`, `4.21 ms`, `1.50 s`.
pub fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.2} ms", micros as f64 / 1e3),
        1_000_000..60_000_000 => format!("{:.2} s", micros as f64 / 1e6),
        _ => format!("{:.1} min", micros as f64 / 6e7),
    }
}

/// Bytes for people: `812 B`, `4.2 KiB`, `1.5 MiB`.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        for (name, expected) in [
            ("openai-main/gpt-4o", "openai-main/gpt-4o"),
            ("a b", "a b"),
            ("naïve/模型", "naïve/模型"),
            ("a\u{0}b", "a⟨U+0000⟩b"),
            ("a\r\nb\t", "a⟨U+000D⟩⟨U+000A⟩b⟨U+0009⟩"),
            ("\u{1b}[31mred", "⟨U+001B⟩[31mred"),
            ("user\u{202e}nimda", "user⟨U+202E⟩nimda"),
            ("ad\u{200b}min", "ad⟨U+200B⟩min"),
            ("a\u{85}b\u{a0}c", "a⟨U+0085⟩b⟨U+00A0⟩c"),
            ("\u{feff}x\u{e0041}", "⟨U+FEFF⟩x⟨U+E0041⟩"),
        ] {
            assert_eq!(visible(name), expected, "{name:?}");
        }
        let long = visible(&"x".repeat(500)).into_owned();
        assert_eq!(long.chars().count(), MAX_SHOWN + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn figures_are_short() {
        for (micros, expected) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (4_210, "4.21 ms"),
            (1_500_000, "1.50 s"),
            (90_000_000, "1.5 min"),
        ] {
            assert_eq!(duration(micros), expected);
        }
        for (count, expected) in [(812, "812 B"), (4_300, "4.2 KiB"), (1_572_864, "1.5 MiB")] {
            assert_eq!(bytes(count), expected);
        }
    }
}
