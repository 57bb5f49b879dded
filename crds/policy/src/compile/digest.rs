//! Digests over canonical JSON: keys sorted, no white space, so that equal policy has equal bytes.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::bundle::{Bundle, GuardrailEntry};

/// The digest of everything in a bundle but revision and digest.
pub(super) fn of_bundle(bundle: &Bundle) -> String {
    // Taken apart, so that a new field cannot be forgotten here.
    let Bundle {
        revision: _,
        digest: _,
        policy_namespace,
        guardrails,
        rules,
        overrides,
        providers,
        accounts,
        identity_providers,
        mcp_servers,
        settings,
    } = bundle;
    let mut canonical = Canonical::default();
    // In the order of the keys, entry by entry: a second copy of a whole policy is memory for nothing.
    canonical.raw("{\"accounts\":").list(accounts);
    canonical.raw(",\"guardrails\":").list(guardrails);
    canonical
        .raw(",\"identity_providers\":")
        .list(identity_providers);
    // Absent as in the serialized form: policy without MCP servers has the digest that it always had.
    if !mcp_servers.is_empty() {
        canonical.raw(",\"mcp_servers\":").list(mcp_servers);
    }
    canonical.raw(",\"overrides\":").list(overrides);
    canonical
        .raw(",\"policy_namespace\":")
        .value(&json!(policy_namespace));
    canonical.raw(",\"providers\":").list(providers);
    canonical.raw(",\"rules\":").list(rules);
    canonical.raw(",\"settings\":").value(&json!(settings));
    canonical.raw("}");
    canonical.finish()
}

/// The digest of what a build of a guardrail depends on.
pub(super) fn of_guardrail(entry: &GuardrailEntry, names_secrets: bool) -> String {
    let mut canonical = Canonical::default();
    let mut parts =
        json!({"kind": entry.kind, "operation": entry.operation, "config": entry.config});
    if names_secrets && let Some(parts) = parts.as_object_mut() {
        parts.insert("namespace".to_owned(), json!(entry.source.namespace));
    }
    canonical.value(&parts);
    canonical.finish()
}

/// The digest of any value.
pub(crate) fn of_value(value: &Value) -> String {
    let mut canonical = Canonical::default();
    canonical.value(value);
    canonical.finish()
}

/// Writes canonical JSON into a hash.
#[derive(Default)]
struct Canonical {
    hash: Sha256,
    buffer: Vec<u8>,
}

impl Canonical {
    fn raw(&mut self, text: &str) -> &mut Self {
        self.hash.update(text);
        self
    }

    fn list<T: Serialize>(&mut self, entries: &[T]) {
        for (index, entry) in entries.iter().enumerate() {
            self.raw(if index == 0 { "[" } else { "," });
            self.value(&json!(entry));
        }
        self.raw(if entries.is_empty() { "[]" } else { "]" });
    }

    fn value(&mut self, value: &Value) {
        self.buffer.clear();
        write_canonical(value, &mut self.buffer);
        self.hash.update(&self.buffer);
    }

    fn finish(self) -> String {
        self.hash
            .finalize()
            .iter()
            .fold(String::new(), |mut text, byte| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (index, (key, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_scalar(key, out);
                out.push(b':');
                write_canonical(value, out);
            }
            out.push(b'}');
        }
        Value::Array(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(value, out);
            }
            out.push(b']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            write_scalar(value, out)
        }
    }
}

fn write_scalar(value: impl Serialize, out: &mut Vec<u8>) {
    // A scalar always serializes, and writing to a Vec cannot fail.
    let _ = serde_json::to_writer(out, &value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let mut out = Vec::new();
        write_canonical(&serde_json::from_str(text).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_are_sorted_and_nothing_else_changes() {
        assert_eq!(
            canonical(r#" {"b": [2, 1, {"z": null, "a": "é\n"}], "a": {"y": 1.5, "x": true}} "#),
            r#"{"a":{"x":true,"y":1.5},"b":[2,1,{"a":"é\n","z":null}]}"#
        );
    }

    #[test]
    fn the_digest_is_that_of_the_canonical_form_of_the_whole() {
        let bundle = Bundle {
            policy_namespace: "parapet".into(),
            settings: Some(json!({"b": 1, "a": 2})),
            ..Bundle::default()
        };
        let mut whole = serde_json::to_value(&bundle).unwrap();
        let members = whole.as_object_mut().unwrap();
        members.remove("revision");
        members.remove("digest");
        let mut canonical = Canonical::default();
        canonical.value(&whole);
        assert_eq!(of_bundle(&bundle), canonical.finish());
    }
}
