//! `/v1/models`: the models that the caller may use.

use http::Response;
use http::request::Parts;
use serde_json::{Value, json};

use super::error::Failure;
use super::{Gateway, answer};
use crate::edge::Body;
use crate::pipeline::recording::Recording;
use crate::policy::ready::Snapshot;

impl Gateway {
    /// All models, or the one named.
    pub(super) fn models(
        &self,
        head: &Parts,
        name: Option<&str>,
        recording: &Recording,
    ) -> Result<Response<Body>, Failure> {
        let snapshot = self.policy.load();
        recording.with(|record| record.revision = Some(snapshot.revision));
        let identity = super::plan::authenticate(&snapshot, &head.headers, recording)?;
        let listed = snapshot.models.usable_by(&identity.caller);
        let mut entries = listed.iter().filter_map(|model| {
            let name: &str = model.names.first()?;
            Some((name, entry(&snapshot, model.provider, name)))
        });
        let Some(name) = name else {
            let data: Vec<Value> = entries.map(|(_, entry)| entry).collect();
            return Ok(answer::json(
                &json!({"object": "list", "data": data}),
                recording,
            ));
        };
        let decoded = percent_decoded(name);
        match entries.find(|(known, _)| *known == decoded) {
            Some((_, entry)) => Ok(answer::json(&entry, recording)),
            None => Err(Failure::NotFound(
                "there is no such model, or this caller may not use it".to_owned(),
            )),
        }
    }
}

fn entry(snapshot: &Snapshot, provider: u32, name: &str) -> Value {
    let bundle = snapshot.planner.bundle();
    let owner = bundle
        .providers
        .get(provider as usize)
        .map_or("", |entry| &*entry.source.name);
    json!({"id": name, "object": "model", "created": 0, "owned_by": owner})
}

/// SDKs write `demo%2Fecho`.
fn percent_decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |byte: Option<&u8>| byte.and_then(|byte| (*byte as char).to_digit(16));
        match (first, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_in_paths_may_be_encoded() {
        assert_eq!(super::percent_decoded("demo%2Fecho"), "demo/echo");
        assert_eq!(super::percent_decoded("demo/echo%"), "demo/echo%");
        assert_eq!(super::percent_decoded("a%2"), "a%2");
    }
}
