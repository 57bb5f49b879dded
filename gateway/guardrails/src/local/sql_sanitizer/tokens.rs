//! The tokens of one statement, with what can be asked of them.

use std::ops::Range;

use super::token::{Class, Token};
use super::words::{ACTIONS, CLAUSES, PROSE};

/// Tokens of one statement with their text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'t> {
    pub(super) text: &'t str,
    pub(super) list: &'t [Token],
    /// Whether a `;` ended it.
    pub(super) ended: bool,
}

impl<'t> Tokens<'t> {
    /// The word at `at`; empty when there is none or it is no word.
    pub(super) fn word(&self, at: usize) -> &'t str {
        match self.list.get(at) {
            Some(token) if token.class == Class::Word => self.written(at),
            _ => "",
        }
    }

    /// The token at `at` as written.
    pub(super) fn written(&self, at: usize) -> &'t str {
        self.list
            .get(at)
            .and_then(|token| self.text.get(token.range.clone()))
            .unwrap_or_default()
    }

    pub(super) fn is(&self, at: usize, word: &str) -> bool {
        self.word(at).eq_ignore_ascii_case(word)
    }

    pub(super) fn class(&self, at: usize) -> Option<Class> {
        self.list.get(at).map(|token| token.class)
    }

    pub(super) fn part(&self, range: Range<usize>) -> Self {
        Self {
            list: self.list.get(range).unwrap_or_default(),
            ..*self
        }
    }

    /// The first place at nesting depth 0, from `from`, where `found` holds; stops where the depth
    /// falls below 0.
    pub(super) fn at_depth_0(
        &self,
        from: usize,
        found: impl Fn(&Self, usize) -> bool,
    ) -> Option<usize> {
        let mut depth = 0_u32;
        for at in from..self.list.len() {
            match self.class(at) {
                Some(Class::Open) => depth += 1,
                Some(Class::Close) => depth = depth.checked_sub(1)?,
                _ if depth == 0 && found(self, at) => return Some(at),
                _ => {}
            }
        }
        None
    }

    /// Whether the word at `at` can be a name here. A short word of English can if what follows is SQL.
    pub(super) fn is_name(&self, at: usize) -> bool {
        match self.class(at) {
            Some(Class::Word) if PROSE.contains(self.word(at)) => {
                let ends = match self.class(at + 1) {
                    None => true,
                    Some(Class::Sign(sign)) => matches!(sign, b'.' | b','),
                    Some(class) => {
                        let next = self.word(at + 1);
                        class == Class::Word && (CLAUSES.contains(next) || ACTIONS.contains(next))
                    }
                };
                self.word(at).len() == 1 && ends
            }
            Some(Class::Word | Class::Quoted | Class::Bound | Class::Text) => true,
            _ => false,
        }
    }

    /// The place after a name at `at`: `a.b.c`, `"a"."b"`, `@t`, `{t}`; none when there is no name.
    pub(super) fn after_name(&self, mut at: usize) -> Option<usize> {
        loop {
            match self.class(at)? {
                Class::Word | Class::Quoted | Class::Bound => at += 1,
                Class::Text => at += 1,
                _ => return None,
            }
            if self.class(at) != Some(Class::Sign(b'.')) {
                return Some(at);
            }
            at += 1;
            while self.class(at) == Some(Class::Sign(b'.')) {
                at += 1;
            }
        }
    }

    pub(super) fn range(&self, from: usize, to: usize) -> Range<usize> {
        let start = self.list.get(from).map_or(0, |token| token.range.start);
        let end = self
            .list
            .get(to)
            .or(self.list.last())
            .map_or(start, |token| token.range.end);
        start..end.max(start)
    }
}
