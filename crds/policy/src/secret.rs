//! References to values that are kept in Secrets.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bundle::SecretId;

/// A value kept in a Secret of the resource's own namespace.
#[derive(
    Clone, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "camelCase")]
pub struct SecretValue {
    /// Which Secret and which key in it.
    pub secret_key_ref: SecretKeyRef,
}

/// Names a key of a Secret.
#[derive(
    Clone, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct SecretKeyRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A plain text, or a reference to a Secret: for header values.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
pub enum PlainOrSecret {
    /// The value itself. Not for secrets: it shows in the resource.
    Plain(String),
    /// Where the value is kept.
    Secret(SecretValue),
}

impl JsonSchema for PlainOrSecret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PlainOrSecret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        // A structural schema has one type a node, so "string or object" is left open.
        schemars::json_schema!({
            "description": "A plain text, or `{secretKeyRef: {name, key}}`.",
            "x-kubernetes-preserve-unknown-fields": true
        })
    }
}

/// Every `secretKeyRef` below `value`, with its path.
pub fn secret_refs(value: &Value, namespace: &Arc<str>) -> Vec<(String, SecretId)> {
    let mut found = Vec::new();
    collect(value, String::new(), namespace, &mut found);
    found
}

fn collect(value: &Value, path: String, namespace: &Arc<str>, found: &mut Vec<(String, SecretId)>) {
    match value {
        Value::Object(fields) => {
            for (name, below) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                let text = |field: &str| below.get(field).and_then(Value::as_str);
                match (name.as_str(), text("name"), text("key")) {
                    ("secretKeyRef", Some(secret), Some(key)) => {
                        let id = SecretId {
                            namespace: namespace.clone(),
                            name: secret.into(),
                            key: key.into(),
                        };
                        found.push((path, id));
                    }
                    _ => collect(below, path, namespace, found),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{path}[{index}]"), namespace, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
