//! The literals of all families in one automaton, built once per process.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, StartKind};

use super::{Trigger, Wants};
use crate::local::{code_safety_linter, regex, secrets_detection, sql_sanitizer};

/// Families and their literals, ASCII case-insensitive. One list per family lives in its kind's module.
static FAMILIES: [(Wants, &[&str]); Wants::FAMILIES] = [
    (Wants::SECRETS, secrets_detection::LITERALS),
    (Wants::PRESETS, regex::LITERALS),
    (Wants::SQL, sql_sanitizer::LITERALS),
    (Wants::CODE, code_safety_linter::LITERALS),
];

/// Places of literals, one list per family.
pub(super) type Places = [Vec<Trigger>; Wants::FAMILIES];

struct Automaton {
    /// `None` when no family has a literal.
    search: Option<AhoCorasick>,
    /// Family and index in the family, by pattern.
    origin: Vec<(Wants, u16)>,
}

static AUTOMATON: LazyLock<Automaton> = LazyLock::new(|| {
    let mut origin = Vec::new();
    let mut literals = Vec::new();
    for (family, list) in FAMILIES {
        for (index, literal) in (0u16..).zip(list) {
            origin.push((family, index));
            literals.push(*literal);
        }
    }
    let search = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .start_kind(StartKind::Unanchored)
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .build(&literals)
        .ok()
        .filter(|_| !literals.is_empty());
    Automaton { search, origin }
});

/// Builds the automaton now instead of with the first scan.
pub(super) fn warm() {
    LazyLock::force(&AUTOMATON);
}

/// Finds the literals of the wanted families, overlapping ones too, and sorts them by start.
pub(super) fn find(text: &str, wants: Wants, places: &mut Places) {
    for list in places.iter_mut() {
        list.clear();
    }
    let Some(search) = &AUTOMATON.search else {
        return;
    };
    if wants == Wants::NONE {
        return;
    }
    for found in search.find_overlapping_iter(text) {
        let Some(&(family, literal)) = AUTOMATON.origin.get(found.pattern().as_usize()) else {
            continue;
        };
        if !wants.holds(family) {
            continue;
        }
        let (Ok(start), Ok(end)) = (u32::try_from(found.start()), u32::try_from(found.end()))
        else {
            break;
        };
        if let Some(list) = places.get_mut(family.index()) {
            list.push(Trigger {
                start,
                end,
                family,
                literal,
            });
        }
    }
    for list in places {
        list.sort_unstable_by_key(|trigger| trigger.start);
    }
}
