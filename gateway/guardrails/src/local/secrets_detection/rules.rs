//! Tokens that say what they are by how they begin.

mod ai;
mod cloud;
mod code;
mod saas;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::shape::Part;
use crate::scan::ByteSet;

/// Random text has more bits per character than this; fillers such as `XXXX` have fewer.
const FLOOR: f32 = 3.0;

/// What else must or may hold of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Check {
    /// Nothing.
    None,
    /// GitHub's checksum makes it certain; without it the token may be made up, and is reported still.
    GitHub,
}

/// One kind of token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// What is reported.
    pub(super) category: &'static str,
    /// Literal that the shared scan looks for, case-sensitive.
    pub(super) prefix: &'static str,
    /// What stands before the literal.
    pub(super) behind: Option<Behind>,
    /// What follows the literal.
    pub(super) parts: &'static [Part],
    /// Bits per character that the token without its literal has at least.
    pub(super) floor: f32,
    pub(super) check: Check,
    /// An example of what follows the literal, and of what stands before it.
    pub(super) example: (&'static str, &'static str),
}

/// Characters before a literal in the middle or at the end of a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    pub(super) set: ByteSet,
    pub(super) least: usize,
    pub(super) most: usize,
    /// How many of them stay as they are, so that a stream need not hold back every word that could become
    /// such a token. None: all of them; they are no secret, only what the token is known by.
    pub(super) spared: Option<usize>,
}

/// A rule with the usual floor and no check.
const fn rule(
    category: &'static str,
    prefix: &'static str,
    parts: &'static [Part],
    example: &'static str,
) -> Rule {
    let example = ("", example);
    Rule {
        category,
        prefix,
        behind: None,
        parts,
        floor: FLOOR,
        check: Check::None,
        example,
    }
}

impl Rule {
    /// Only with so many characters of a set before the literal, which are not secret.
    const fn behind(
        mut self,
        set: ByteSet,
        least: usize,
        most: usize,
        example: &'static str,
    ) -> Self {
        self.behind = Some(Behind {
            set,
            least,
            most,
            spared: None,
        });
        self.example.0 = example;
        self
    }

    /// Only with so many characters of a set before the literal, most of which are secret too.
    const fn within(
        mut self,
        set: ByteSet,
        length: usize,
        spared: usize,
        example: &'static str,
    ) -> Self {
        self.behind = Some(Behind {
            set,
            least: length,
            most: length,
            spared: Some(spared),
        });
        self.example.0 = example;
        self
    }

    const fn floor(mut self, bits: f32) -> Self {
        self.floor = bits;
        self
    }

    const fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }
}

/// All rules by their literal, sorted.
static BY_LITERAL: LazyLock<Vec<(&'static str, Vec<Rule>)>> = LazyLock::new(|| {
    let mut rules: BTreeMap<&'static str, Vec<Rule>> = BTreeMap::new();
    for rule in [ai::RULES, cloud::RULES, code::RULES, saas::RULES]
        .into_iter()
        .flatten()
    {
        rules.entry(rule.prefix).or_default().push(*rule);
    }
    rules.into_iter().collect()
});

/// The literals of all rules, sorted. [`of`] takes an index in this list.
pub(super) fn literals() -> impl Iterator<Item = &'static str> {
    BY_LITERAL.iter().map(|(literal, _)| *literal)
}

/// The rules of a literal.
pub(super) fn of(literal: usize) -> &'static [Rule] {
    BY_LITERAL.get(literal).map_or(&[], |(_, rules)| rules)
}

/// The literals in the middle or at the end of tokens, and what stands before them.
pub(super) fn with_behind() -> impl Iterator<Item = (&'static str, Behind)> {
    // Asked with every event of a stream, and there are few.
    static LIST: LazyLock<Vec<(&'static str, Behind)>> = LazyLock::new(|| {
        let rules = BY_LITERAL.iter().flat_map(|(_, rules)| rules);
        rules
            .filter_map(|rule| Some((rule.prefix, rule.behind?)))
            .collect()
    });
    LIST.iter().copied()
}

/// Whether a literal begins with this text.
pub(super) fn literal_begins_with(text: &str) -> bool {
    let at = BY_LITERAL.partition_point(|(literal, _)| *literal < text);
    BY_LITERAL
        .get(at)
        .is_some_and(|(literal, _)| literal.starts_with(text))
}

#[cfg(test)]
mod tests;
