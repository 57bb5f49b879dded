//! The literals of all families in one search, prepared once per process.

use std::sync::LazyLock;

use super::filter::{Filter, Literal};
use super::{Trigger, Wants};
use crate::local::{code_safety_linter, regex, secrets_detection, sql_sanitizer};

/// One kind's literals; the lists live in the kinds' modules.
struct Family {
    wants: Wants,
    /// ASCII case-insensitive.
    folded: fn() -> Vec<&'static str>,
    /// Case-sensitive; a trigger's index counts on from the folded ones.
    exact: fn() -> Vec<&'static str>,
}

static FAMILIES: [Family; Wants::FAMILIES] = [
    Family {
        wants: Wants::SECRETS,
        folded: secrets_detection::literals,
        exact: secrets_detection::exact_literals,
    },
    Family {
        wants: Wants::PRESETS,
        folded: || regex::LITERALS.to_vec(),
        exact: Vec::new,
    },
    Family {
        wants: Wants::SQL,
        folded: || sql_sanitizer::LITERALS.to_vec(),
        exact: Vec::new,
    },
    Family {
        wants: Wants::CODE,
        folded: || code_safety_linter::LITERALS.to_vec(),
        exact: Vec::new,
    },
];

impl Family {
    /// In the order that a trigger's index counts.
    fn literals(&self) -> Vec<Literal> {
        let of = |exact| move |text| Literal { text, exact };
        let folded = (self.folded)().into_iter().map(of(false));
        folded
            .chain((self.exact)().into_iter().map(of(true)))
            .collect()
    }
}

/// Places of literals, one list per family.
pub(super) type Places = [Vec<Trigger>; Wants::FAMILIES];

struct Prepared {
    filter: Filter,
    /// Family, index in the family and length, by literal.
    origin: Vec<(Wants, u16, u32)>,
}

static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    let mut origin = Vec::new();
    let mut literals = Vec::new();
    for family in &FAMILIES {
        for (index, literal) in (0u16..).zip(family.literals()) {
            let length = u32::try_from(literal.text.len()).unwrap_or(0);
            origin.push((family.wants, index, length));
            literals.push(literal);
        }
    }
    Prepared {
        filter: Filter::new(literals),
        origin,
    }
});

/// Prepares the search now instead of with the first scan.
pub(super) fn warm() {
    LazyLock::force(&PREPARED);
}

/// Finds the literals of the wanted families, overlapping ones too, in order of their start.
pub(super) fn find(text: &str, wants: Wants, places: &mut Places) {
    for list in places.iter_mut() {
        list.clear();
    }
    // A place is kept in 32 bits; bodies are far smaller.
    if wants == Wants::NONE || u32::try_from(text.len()).is_err() {
        return;
    }
    PREPARED.filter.find(text, |start, literal| {
        if let Some(&(family, literal, length)) = PREPARED.origin.get(usize::from(literal))
            && wants.holds(family)
            && let Some(list) = places.get_mut(family.index())
        {
            let start = start as u32;
            list.push(Trigger {
                start,
                end: start + length,
                family,
                literal,
            });
        }
    });
    for list in places {
        if !list.is_sorted_by_key(|trigger| trigger.start) {
            list.sort_unstable_by_key(|trigger| trigger.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every literal of every family, found anywhere.
    #[test]
    fn every_literal_is_found_wherever_it_begins() {
        for family in &FAMILIES {
            for (index, literal) in family.literals().iter().enumerate() {
                let literal = literal.text;
                assert!(
                    literal.len() >= 3,
                    "{literal:?} is too short to be searched for"
                );
                for before in 0..40 {
                    let text = format!("{}{literal}", "~".repeat(before));
                    let mut places = Places::default();
                    find(&text, family.wants, &mut places);
                    let found = places[family.wants.index()].iter().any(|trigger| {
                        usize::from(trigger.literal) == index && trigger.start as usize == before
                    });
                    assert!(found, "{literal:?} after {before} bytes");
                }
            }
        }
    }

    #[test]
    fn only_wanted_families_are_reported() {
        let text: String = FAMILIES
            .iter()
            .flat_map(Family::literals)
            .map(|literal| literal.text)
            .collect();
        let mut places = Places::default();
        find(&text, Wants::NONE, &mut places);
        assert!(places.iter().all(Vec::is_empty));
        find(&text, Wants::SECRETS, &mut places);
        assert!(places[1..].iter().all(Vec::is_empty));
    }
}
