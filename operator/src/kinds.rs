//! Whether configurations would build, asked once for each.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use parapet_guardrails::guardrail::{BuildContext, report};
use parapet_policy::compile::{KindReport, Kinds};
use parapet_policy::outcome::Operation;
use sha2::{Digest as _, Sha256};

/// SHA-256 over kind, operation and configuration.
type Key = [u8; 32];

/// Asks the kinds, and remembers their answers: the cost of an edit follows the edit. Nothing that was built is
/// kept, because the operator runs none of it.
#[derive(Debug, Default)]
pub struct CheckCache {
    known: RefCell<HashMap<Key, (KindReport, u64)>>,
    round: Cell<u64>,
    builds: Cell<u64>,
}

impl CheckCache {
    /// How many configurations were built so far.
    pub const fn builds(&self) -> u64 {
        self.builds.get()
    }

    /// Begins a round of compilations.
    pub fn begin(&self) {
        self.round.set(self.round.get() + 1);
    }

    /// Forgets what was not asked since [`CheckCache::begin`].
    pub fn forget_unused(&self) {
        let round = self.round.get();
        self.known
            .borrow_mut()
            .retain(|_, (_, used)| *used == round);
    }
}

impl Kinds for CheckCache {
    fn check(&self, kind: &str, config: &serde_json::Value, operation: Operation) -> KindReport {
        let key = key(kind, config, operation);
        let round = self.round.get();
        if let Some((known, used)) = self.known.borrow_mut().get_mut(&key) {
            *used = round;
            return known.clone();
        }
        self.builds.set(self.builds.get() + 1);
        // Whether the Secrets exist is the compiler's question.
        let context = BuildContext::without_secrets(operation);
        let built = parapet_guardrails::kinds::build(kind, config, &context);
        let answer = report(&built, operation);
        self.known.borrow_mut().insert(key, (answer.clone(), round));
        answer
    }
}

fn key(kind: &str, config: &serde_json::Value, operation: Operation) -> Key {
    let mut hash = Sha256::new();
    let operation = match operation {
        Operation::Validate => "validate",
        Operation::Mutate => "mutate",
    };
    for part in [kind, operation, &config.to_string()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use parapet_policy::diagnostic::Reason;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_remembered_as_long_as_it_is_asked_for() {
        let cache = CheckCache::default();
        let ask = |key: &str| {
            cache.check(
                "requestMetadata",
                &json!({"keys": {key: {}}}),
                Operation::Validate,
            )
        };
        cache.begin();
        assert_eq!(ask("a"), ask("a"));
        assert_eq!(cache.builds(), 1);
        cache.begin();
        ask("b");
        cache.forget_unused();
        ask("b");
        assert_eq!(cache.builds(), 2);
        ask("a");
        assert_eq!(cache.builds(), 3);
    }

    #[test]
    fn operation_and_kind_are_part_of_the_question() {
        let cache = CheckCache::default();
        let reason = |kind, operation| cache.check(kind, &json!({}), operation).problems[0].reason;
        assert_eq!(
            reason("requestMetadata", Operation::Mutate),
            Reason::CannotMutate
        );
        assert_eq!(
            reason("nonsense", Operation::Validate),
            Reason::NotBuildable
        );
        assert!(
            cache
                .check(
                    "requestMetadata",
                    &json!({"keys": {"a": {}}}),
                    Operation::Validate
                )
                .problems
                .is_empty()
        );
    }
}
