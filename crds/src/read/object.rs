//! One resource as a cluster gives it, read by the same code as a document in a file.

use std::sync::Arc;

use parapet_policy::compile::Written;
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::document::Document;
use super::file;

/// What one resource says.
#[derive(Debug)]
pub struct Object {
    document: Option<Document>,
    /// What is to be said about it, without a file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Object {
    /// Reads a resource: `apiVersion`, `kind`, `metadata` and `spec`.
    pub fn read(resource: &Json, policy_namespace: &Arc<str>) -> Self {
        let text = Zeroizing::new(resource.to_string());
        let mut read = file::read("object.json", text, policy_namespace);
        let diagnostics = read.remarks.into_iter().map(|remark| Diagnostic {
            source: Source {
                file: None,
                ..remark.diagnostic.source
            },
            ..remark.diagnostic
        });
        Self {
            diagnostics: diagnostics.collect(),
            document: read
                .documents
                .pop()
                .map(|known| known.document.without_file()),
        }
    }

    /// Whether there is nothing that keeps it from being put in force as it is.
    pub fn is_well_formed(&self) -> bool {
        self.document.is_some() && self.errors().next().is_none()
    }

    /// Whether it says anything at all.
    pub const fn is_readable(&self) -> bool {
        self.document.is_some()
    }

    /// What keeps it from being put in force.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Adds what it says, as far as it could be read.
    pub fn add_to(&self, written: &mut Written) {
        if let Some(document) = &self.document {
            document.add_to(written);
        }
    }

    /// Every Secret value that it names.
    pub fn secret_refs(&self) -> Vec<parapet_policy::bundle::SecretId> {
        self.document
            .as_ref()
            .map(Document::secret_refs)
            .unwrap_or_default()
    }

    /// About a resource that could not even be taken apart.
    pub fn unreadable(source: Source, message: String) -> Self {
        Self {
            document: None,
            diagnostics: vec![Diagnostic {
                source,
                path: String::new(),
                severity: Severity::Error,
                reason: Reason::Invalid,
                message,
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(resource: &Json) -> Object {
        Object::read(resource, &"parapet".into())
    }

    fn config(rules: &Json) -> Json {
        json!({
            "apiVersion": crate::API_VERSION, "kind": "GuardrailConfig",
            "metadata": {"name": "rules", "namespace": "team-a", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"rules": rules},
        })
    }

    #[test]
    fn a_resource_is_read_as_from_a_file_and_names_none() {
        let object = read(&config(&json!([{"id": "a", "input_guardrails": ["g/x"]}])));
        assert!(object.is_well_formed(), "{:?}", object.diagnostics);
        let mut written = Written::default();
        object.add_to(&mut written);
        let config = &written.configs[0];
        assert_eq!(config.rules[0].llm_input_guardrails, ["g/x"]);
        assert_eq!(config.created.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(config.source.to_string(), "GuardrailConfig team-a/rules");
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_path() {
        let object = read(&config(
            &json!([{"id": "a", "llm_input_guardrials": ["g/x"]}]),
        ));
        assert!(!object.is_well_formed());
        let said: Vec<String> = object.errors().map(ToString::to_string).collect();
        assert!(
            said[0].starts_with(
                "error: GuardrailConfig team-a/rules: spec.rules[0].llm_input_guardrials: "
            ),
            "{said:?}"
        );
    }

    #[test]
    fn secrets_that_it_names_are_listed() {
        let account = json!({
            "apiVersion": crate::API_VERSION, "kind": "VirtualAccount",
            "metadata": {"name": "bot", "namespace": "parapet"},
            "spec": {"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]},
        });
        let refs = read(&account).secret_refs();
        assert_eq!((&*refs[0].name, &*refs[0].key), ("bot", "token"));
    }
}
