//! Builds guardrails, and keeps what it has built: the cost of an edit follows the edit, not the policy.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use parapet_crds::convert::secret_refs;
use parapet_crds::read::Secrets;
use parapet_guardrails::guardrail::{BuildContext, Built, Guardrail, report};
use parapet_guardrails::kinds;
use parapet_policy::bundle::{GuardrailEntry, SecretId};
use parapet_policy::compile::{KindReport, Kinds, Problem};
use parapet_policy::outcome::Operation;
use parapet_policy::secret::SecretValue;
use sha2::{Digest as _, Sha256};

use crate::mcp::openapi::cache::ApiCache;

/// What a build depends on: kind, operation, configuration, and the values of the Secrets it names.
type Key = [u8; 32];

/// A built guardrail, or why it cannot be built.
pub type BuildResult = Arc<Result<Built, Vec<Problem>>>;

/// Builds guardrails and remembers them by what they were built from.
#[derive(Debug, Default)]
pub struct KindCache {
    apis: ApiCache,
    built: RefCell<HashMap<Key, Remembered>>,
    round: Cell<u64>,
    builds: Cell<u64>,
}

#[derive(Debug)]
struct Remembered {
    result: BuildResult,
    round: u64,
}

impl KindCache {
    /// How many guardrails were built so far.
    pub const fn builds(&self) -> u64 {
        self.builds.get()
    }

    /// The APIs that were made ready.
    pub(crate) const fn apis(&self) -> &ApiCache {
        &self.apis
    }

    /// Begins a compilation. What the one before it did not use is forgotten at its end.
    pub fn begin(&self) {
        self.apis.begin();
        self.round.set(self.round.get() + 1);
    }

    /// Forgets what was not used since [`KindCache::begin`].
    pub fn forget_unused(&self) {
        self.apis.forget_unused();
        let round = self.round.get();
        self.built
            .borrow_mut()
            .retain(|_, remembered| remembered.round == round);
    }

    /// The guardrail of an entry, with the values of its Secrets.
    pub fn build(&self, entry: &GuardrailEntry, secrets: &Secrets) -> BuildResult {
        let namespace = &entry.source.namespace;
        let refs = secret_refs(&entry.config, namespace);
        let read = |value: &SecretValue| {
            let id = SecretId {
                namespace: namespace.clone(),
                name: value.secret_key_ref.name.as_str().into(),
                key: value.secret_key_ref.key.as_str().into(),
            };
            secrets.get(&id).map(str::to_owned)
        };
        let context = BuildContext {
            operation: entry.operation,
            secret: &read,
        };
        let values = refs.iter().map(|(_, id)| Credential::Is(secrets.get(id)));
        self.get(&entry.kind, &entry.config, values, &context)
    }

    fn get<'a>(
        &self,
        kind: &str,
        config: &serde_json::Value,
        values: impl Iterator<Item = Credential<'a>>,
        context: &BuildContext<'_>,
    ) -> BuildResult {
        let key = key(kind, context.operation, config, values);
        let round = self.round.get();
        if let Some(remembered) = self.built.borrow_mut().get_mut(&key) {
            remembered.round = round;
            return Arc::clone(&remembered.result);
        }
        self.builds.set(self.builds.get() + 1);
        let result = Arc::new(kinds::build(kind, config, context));
        if let Ok(Built {
            guardrail: Guardrail::Text(text),
            ..
        }) = &*result
        {
            parapet_guardrails::scan::rehearse(&**text);
        }
        let remembered = Remembered {
            result: Arc::clone(&result),
            round,
        };
        self.built.borrow_mut().insert(key, remembered);
        result
    }
}

impl Kinds for KindCache {
    fn check(&self, kind: &str, config: &serde_json::Value, operation: Operation) -> KindReport {
        // Without the Secrets' values: whether they exist is the compiler's question. A configuration that
        // names none is built here once and for all.
        let context = BuildContext::without_secrets(operation);
        let refs = secret_refs(config, &Arc::from(""));
        let unread = refs.iter().map(|_| Credential::Unread);
        report(&self.get(kind, config, unread, &context), operation)
    }

    fn may_start_programs(&self) -> bool {
        // What a gateway compiles it serves itself; what an operator has compiled comes ready.
        true
    }
}

/// The value of a Secret that a configuration names.
#[derive(Clone, Copy)]
enum Credential<'a> {
    /// It was not looked up.
    Unread,
    /// It was; none when it does not exist.
    Is(Option<&'a str>),
}

fn key<'a>(
    kind: &str,
    operation: Operation,
    config: &serde_json::Value,
    values: impl Iterator<Item = Credential<'a>>,
) -> Key {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(kind.as_bytes());
    part(match operation {
        Operation::Validate => b"validate",
        Operation::Mutate => b"mutate",
    });
    part(config.to_string().as_bytes());
    for value in values {
        match value {
            Credential::Unread => part(b"unread"),
            Credential::Is(None) => part(b"none"),
            Credential::Is(Some(value)) => {
                part(b"some");
                part(value.as_bytes());
            }
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use parapet_policy::diagnostic::Reason;
    use serde_json::json;

    use super::*;

    fn metadata(cache: &KindCache, key: &str) -> KindReport {
        let config = json!({"keys": {key: {}}});
        cache.check("requestMetadata", &config, Operation::Validate)
    }

    #[test]
    fn the_same_configuration_is_built_once() {
        let cache = KindCache::default();
        cache.begin();
        for _ in 0..3 {
            assert!(metadata(&cache, "a").problems.is_empty());
        }
        assert_eq!(cache.builds(), 1);
        metadata(&cache, "b");
        assert_eq!(cache.builds(), 2);
    }

    #[test]
    fn what_is_no_longer_used_is_forgotten() {
        let cache = KindCache::default();
        cache.begin();
        metadata(&cache, "a");
        cache.forget_unused();
        cache.begin();
        metadata(&cache, "b");
        cache.forget_unused();
        assert_eq!(cache.built.borrow().len(), 1);
    }

    #[test]
    fn a_kind_that_cannot_rewrite_says_so() {
        let cache = KindCache::default();
        let report = cache.check("requestMetadata", &json!({}), Operation::Mutate);
        assert_eq!(report.problems[0].reason, Reason::CannotMutate);
        let report = cache.check("nonsense", &json!({}), Operation::Validate);
        assert_eq!(report.problems[0].reason, Reason::NotBuildable);
    }

    #[test]
    fn a_secret_s_new_value_is_a_new_build() {
        let key = |value| {
            key(
                "custom",
                Operation::Validate,
                &json!({}),
                std::iter::once(value),
            )
        };
        let values = [
            Credential::Unread,
            Credential::Is(None),
            Credential::Is(Some("")),
            Credential::Is(Some("a")),
        ];
        let keys: std::collections::BTreeSet<Key> = values.into_iter().map(key).collect();
        assert_eq!(keys.len(), values.len());
        assert_eq!(key(values[3]), key(Credential::Is(Some("a"))));
    }
}
