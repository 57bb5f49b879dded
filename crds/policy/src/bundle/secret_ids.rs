//! Which Secrets' values a bundle names.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{Bundle, SecretId};
use crate::secret::secret_refs;

impl Bundle {
    /// Every value of a Secret that something in the bundle names, whether it exists or not.
    pub fn secret_ids(&self) -> BTreeSet<SecretId> {
        // Taken apart, so that a new field cannot be forgotten here.
        let Self {
            revision: _,
            digest: _,
            policy_namespace,
            guardrails,
            rules: _,
            overrides: _,
            providers,
            mcp_servers,
            accounts,
            identity_providers,
            settings,
        } = self;
        let mut ids = BTreeSet::new();
        let mut add = |value: &Value, namespace: &Arc<str>| {
            ids.extend(secret_refs(value, namespace).into_iter().map(|(_, id)| id));
        };
        for entry in guardrails {
            add(&entry.config, &entry.source.namespace);
        }
        for entry in providers {
            add(&entry.spec, &entry.source.namespace);
        }
        for entry in mcp_servers {
            add(&entry.spec, &entry.source.namespace);
        }
        for entry in identity_providers {
            add(&entry.spec, &entry.source.namespace);
        }
        if let Some(settings) = settings {
            add(settings, policy_namespace);
        }
        ids.extend(
            accounts
                .iter()
                .flat_map(|entry| entry.tokens.iter().cloned()),
        );
        ids
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bundle::{AccountEntry, ProviderEntry, ResourceEntry};
    use crate::diagnostic::Source;

    fn source(namespace: &str) -> Source {
        Source {
            kind: "K".into(),
            namespace: namespace.into(),
            name: "n".into(),
            file: None,
        }
    }

    fn reference(key: &str) -> Value {
        json!({"deep": [{"secretKeyRef": {"name": "s", "key": key}}]})
    }

    #[test]
    fn every_place_that_can_name_a_secret_is_looked_at() {
        let id = |namespace: &str, key: &str| SecretId {
            namespace: namespace.into(),
            name: "s".into(),
            key: key.into(),
        };
        let bundle = Bundle {
            policy_namespace: "policy".into(),
            providers: vec![ProviderEntry {
                source: source("a"),
                collaborators: None,
                models: None,
                spec: reference("provider"),
            }],
            accounts: vec![AccountEntry {
                source: source("b"),
                tokens: vec![id("b", "token")],
                identities: vec![],
                teams: vec![],
                roles: vec![],
                metadata: std::collections::BTreeMap::new(),
                fixed_metadata: std::collections::BTreeMap::new(),
                expires_at: None,
            }],
            identity_providers: vec![ResourceEntry {
                source: source("c"),
                spec: reference("issuer"),
            }],
            settings: Some(reference("settings")),
            ..Bundle::default()
        };
        let expected = [
            id("a", "provider"),
            id("b", "token"),
            id("c", "issuer"),
            id("policy", "settings"),
        ];
        assert_eq!(bundle.secret_ids(), expected.into_iter().collect());
    }
}
