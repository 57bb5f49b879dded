//! `/v1/models`: the models that the caller may use.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Response;
use http::request::Parts;
use parapet_policy::facts::Caller;
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
        let entries = entries(&snapshot, &identity.caller);
        let Some(name) = name else {
            let data: Vec<Value> = entries.into_values().collect();
            return Ok(answer::json(
                &json!({"object": "list", "data": data}),
                recording,
            ));
        };
        match entries.get(&*percent_decoded(name)) {
            Some(entry) => Ok(answer::json(entry, recording)),
            None => Err(Failure::NotFound(
                "there is no such model, or this caller may not use it".to_owned(),
            )),
        }
    }
}

/// What a caller may use, by name: what accounts list, and what the gateway's own have without a list.
fn entries(snapshot: &Snapshot, caller: &Caller) -> BTreeMap<Arc<str>, Value> {
    let listed = snapshot.models.usable_by(caller).into_iter();
    let listed = listed.filter_map(|model| Some((model.provider, model.names.first()?.clone())));
    let providers = (0u32..).zip(&snapshot.providers);
    let built_in = providers
        .filter(|(index, _)| snapshot.models.may_use(*index, caller))
        .filter_map(|(index, provider)| Some((index, provider.as_ref()?)))
        .flat_map(|(index, provider)| {
            let name = |model| Arc::from(format!("{}/{model}", provider.account));
            let models = provider.built_in_models().iter();
            models.map(move |model| (index, name(model)))
        })
        .filter(|(_, name): &(u32, Arc<str>)| snapshot.models.resolve(name).is_ok());
    listed
        .chain(built_in)
        .map(|(provider, name)| (name.clone(), entry(snapshot, provider, &name)))
        .collect()
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
