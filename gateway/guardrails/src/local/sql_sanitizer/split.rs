//! Cuts SQL into statements.

use super::token::{Class, Lexer};
use super::tokens::Tokens;

/// Visits the statements of a text that is SQL throughout: cut at `;` and at lines with `GO` alone.
pub(super) fn statements(text: &str, each: &mut dyn FnMut(Tokens<'_>)) {
    let mut list = Vec::new();
    for token in Lexer::new(text, 0) {
        match token.class {
            Class::Comment => {}
            Class::End => {
                each(Tokens {
                    text,
                    list: &list,
                    ended: true,
                });
                list.clear();
            }
            Class::Word if is_batch_end(text, &token.range) => {
                each(Tokens {
                    text,
                    list: &list,
                    ended: false,
                });
                list.clear();
            }
            _ => list.push(token),
        }
    }
    each(Tokens {
        text,
        list: &list,
        ended: false,
    });
}

/// Whether a word is `GO` alone on its line.
pub(super) fn is_batch_end(text: &str, range: &std::ops::Range<usize>) -> bool {
    text.get(range.clone())
        .is_some_and(|word| word.eq_ignore_ascii_case("go"))
        && text[..range.start]
            .bytes()
            .rev()
            .find(|b| !matches!(b, b' ' | b'\t'))
            .is_none_or(|b| b == b'\n')
        && text[range.end..]
            .bytes()
            .find(|b| !matches!(b, b' ' | b'\t' | b'\r'))
            .is_none_or(|b| b == b'\n')
}
