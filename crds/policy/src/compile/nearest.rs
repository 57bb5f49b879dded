//! "Did you mean": the known name that is most like an unknown one.

use std::cell::Cell;

/// Comparisons for one compilation. A policy full of unknown names (a whole integration missing) is told
/// so at the usual speed, and only its first names get a hint.
const COMPARISONS: usize = 100_000;

/// Gives hints as long as they cost little.
#[derive(Debug)]
pub(super) struct Hints {
    left: Cell<usize>,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            left: Cell::new(COMPARISONS),
        }
    }
}

impl Hints {
    /// `: did you mean "x"?`, or nothing.
    pub(super) fn did_you_mean<T: AsRef<str>>(
        &self,
        name: &str,
        candidates: impl IntoIterator<Item = T>,
    ) -> String {
        let affordable = candidates.into_iter().take_while(|_| {
            let left = self.left.get();
            self.left.set(left.saturating_sub(1));
            left > 0
        });
        nearest(name, affordable).map_or_else(String::new, |found| {
            format!(": did you mean {:?}?", found.as_ref())
        })
    }
}

/// The candidate that a slip of the keyboard turns into `name`, when there is one: at most one edit
/// for every three characters. Of several, the first in the alphabet.
fn nearest<T: AsRef<str>>(name: &str, candidates: impl IntoIterator<Item = T>) -> Option<T> {
    let allowed = (name.chars().count() / 3).max(1);
    let near = candidates.into_iter().filter_map(|candidate| {
        let distance = strsim::osa_distance(name, candidate.as_ref());
        (distance <= allowed).then_some((distance, candidate))
    });
    near.min_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.as_ref().cmp(b.as_ref())))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::{COMPARISONS, Hints};

    const NAMES: [&str; 3] = ["my-guardrails/secrets", "my-guardrails/pii", "openai-main"];

    #[test]
    fn finds_slips_and_nothing_else() {
        for (name, expected) in [
            (
                "my-guardrails/secret",
                ": did you mean \"my-guardrails/secrets\"?",
            ),
            ("my-guardrials/pii", ": did you mean \"my-guardrails/pii\"?"),
            ("opnai-main", ": did you mean \"openai-main\"?"),
            ("azure", ""),
            ("", ""),
        ] {
            assert_eq!(
                Hints::default().did_you_mean(name, NAMES),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn stops_when_it_has_cost_enough() {
        let hints = Hints::default();
        hints.did_you_mean("x", std::iter::repeat_n("something else", COMPARISONS - 3));
        assert_ne!(hints.did_you_mean("opnai-main", NAMES), "");
        assert_eq!(hints.did_you_mean("opnai-main", NAMES), "");
    }
}
