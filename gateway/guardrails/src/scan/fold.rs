//! Characters that read like ASCII, and characters that do not show.

/// What a character becomes before matching.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fold {
    /// Itself.
    Keep,
    /// Nothing: it does not show.
    Remove,
    /// An ASCII character, wherever it stands.
    Always(char),
    /// An ASCII character, when matchable characters stand on both sides. Alone it is ordinary text.
    Between(char),
    /// An ASCII letter, in a word that has ASCII letters too.
    InMixedWord(char),
}

/// Whether a character with this first UTF-8 byte may fold. Everything else is skipped quickly.
pub(super) const fn may_fold(lead: u8) -> bool {
    matches!(
        lead,
        0xc2 | 0xce | 0xcf | 0xd0..=0xd4 | 0xe1 | 0xe2 | 0xe3 | 0xef | 0xf0 | 0xf3
    )
}

/// What `character` becomes.
pub(super) fn fold(character: char) -> Fold {
    match character {
        '\u{ad}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{e0100}'..='\u{e01ef}' => Fold::Remove,
        // Tag characters: ASCII that no screen shows.
        '\u{e0020}'..='\u{e007e}' => ascii(character as u32 - 0xe0000, Fold::Always),
        '\u{e0000}'..='\u{e007f}' => Fold::Remove,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => Fold::Between(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Fold::Between('-'),
        // Full width: letters and digits are a disguise, punctuation is ordinary between ideographs.
        '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            ascii(character as u32 - 0xfee0, Fold::Always)
        }
        '\u{ff01}'..='\u{ff5e}' => ascii(character as u32 - 0xfee0, Fold::Between),
        '\u{1d400}'..='\u{1d7ff}' => compatible(character, Fold::Always),
        '\u{2070}'..='\u{209f}'
        | '\u{210a}'..='\u{2115}'
        | '\u{2119}'..='\u{211d}'
        | '\u{2124}'..='\u{2149}'
        | '\u{2460}'..='\u{24ff}'
        | '\u{1f110}'..='\u{1f149}' => compatible(character, Fold::Between),
        '\u{370}'..='\u{52f}' => look_alike(character).map_or(Fold::Keep, Fold::InMixedWord),
        _ => Fold::Keep,
    }
}

fn ascii(code: u32, as_fold: fn(char) -> Fold) -> Fold {
    u8::try_from(code).map_or(Fold::Keep, |byte| as_fold(char::from(byte)))
}

/// The compatibility form, when it is one ASCII letter or digit, possibly in brackets.
fn compatible(character: char, as_fold: fn(char) -> Fold) -> Fold {
    let mut found = None;
    let mut count = 0;
    unicode_normalization::char::decompose_compatible(character, |part| {
        if part.is_ascii_alphanumeric() {
            found = Some(part);
            count += 1;
        }
    });
    match (found, count) {
        (Some(part), 1) => as_fold(part),
        _ => Fold::Keep,
    }
}

/// The ASCII letter that a Cyrillic or Greek letter is taken for.
const fn look_alike(character: char) -> Option<char> {
    Some(match character {
        'Α' | 'А' => 'A',
        'α' | 'а' => 'a',
        'Β' | 'В' => 'B',
        'С' | 'Ϲ' => 'C',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'Ε' | 'Е' => 'E',
        'е' | 'ё' => 'e',
        'Η' | 'Н' => 'H',
        'һ' => 'h',
        'Ι' | 'І' | 'Ӏ' => 'I',
        'ι' | 'і' => 'i',
        'Ј' => 'J',
        'ј' | 'ϳ' => 'j',
        'Κ' | 'К' => 'K',
        'κ' | 'к' => 'k',
        'ӏ' => 'l',
        'Μ' | 'М' => 'M',
        'Ν' => 'N',
        'Ο' | 'О' => 'O',
        'ο' | 'о' => 'o',
        'Ρ' | 'Р' => 'P',
        'ρ' | 'р' => 'p',
        'Ԛ' => 'Q',
        'ԛ' => 'q',
        'Ѕ' => 'S',
        'ѕ' => 's',
        'Τ' | 'Т' => 'T',
        'τ' | 'т' => 't',
        'υ' => 'u',
        'ν' => 'v',
        'Ԝ' => 'W',
        'ω' | 'ԝ' | 'ѡ' => 'w',
        'Χ' | 'Х' => 'X',
        'χ' | 'х' => 'x',
        'Υ' | 'У' => 'Y',
        'у' | 'γ' => 'y',
        'Ζ' => 'Z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_fold_as_they_read() {
        for (character, expected) in [
            ('é', Fold::Keep),
            ('中', Fold::Keep),
            ('😀', Fold::Keep),
            ('\u{200b}', Fold::Remove),
            ('\u{fe0f}', Fold::Remove),
            ('\u{e0001}', Fold::Remove),
            ('\u{e0041}', Fold::Always('A')),
            ('Ａ', Fold::Always('A')),
            ('９', Fold::Always('9')),
            ('：', Fold::Between(':')),
            ('𝐚', Fold::Always('a')),
            ('𝟗', Fold::Always('9')),
            ('²', Fold::Keep),
            ('₂', Fold::Between('2')),
            ('ⓐ', Fold::Between('a')),
            ('①', Fold::Between('1')),
            ('⑩', Fold::Keep),
            ('™', Fold::Keep),
            ('\u{a0}', Fold::Between(' ')),
            ('\u{2011}', Fold::Between('-')),
            ('а', Fold::InMixedWord('a')),
            ('ο', Fold::InMixedWord('o')),
            ('ж', Fold::Keep),
        ] {
            assert_eq!(fold(character), expected, "{character:?}");
            let mut bytes = [0; 4];
            let lead = character.encode_utf8(&mut bytes).as_bytes()[0];
            assert!(expected == Fold::Keep || may_fold(lead), "{character:?}");
        }
    }
}
