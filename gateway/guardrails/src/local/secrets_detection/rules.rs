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
    /// Characters before the literal that belong to the token: a set, the least and the greatest number.
    pub(super) behind: Option<(ByteSet, usize, usize)>,
    /// What follows the literal.
    pub(super) parts: &'static [Part],
    /// Bits per character that the token without its literal has at least.
    pub(super) floor: f32,
    pub(super) check: Check,
    /// An example of what follows the literal, and of what stands before it.
    pub(super) example: (&'static str, &'static str),
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
    const fn behind(
        mut self,
        set: ByteSet,
        least: usize,
        most: usize,
        example: &'static str,
    ) -> Self {
        self.behind = Some((set, least, most));
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

/// Whether a literal begins with this text.
pub(super) fn literal_begins_with(text: &str) -> bool {
    let at = BY_LITERAL.partition_point(|(literal, _)| *literal < text);
    BY_LITERAL
        .get(at)
        .is_some_and(|(literal, _)| literal.starts_with(text))
}

#[cfg(test)]
mod tests;
