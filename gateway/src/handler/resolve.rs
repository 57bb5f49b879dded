//! From a caller, headers and a request to the facts and the plan: the same for traffic and for `try`.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use parapet_policy::facts::Facts;
use parapet_policy::overrides::{self, Overrides};
use parapet_policy::plan::Plan;

use super::error::Failure;
use crate::identity::Identity;
use crate::llm::Request;
use crate::policy::ready::Snapshot;
use crate::route::metadata;
use crate::upstream::ReadyProvider;

/// What a request may do, before any guardrail runs.
pub(crate) struct Resolved {
    /// Who calls what.
    pub(crate) facts: Facts,
    /// The guardrails that run.
    pub(crate) plan: Plan,
    /// The provider's place in the snapshot.
    pub(crate) provider: u32,
    /// The upstream's own name of the model.
    pub(crate) upstream_model: Arc<str>,
    /// What the header says of guardrails.
    pub(crate) overrides: Option<Overrides>,
}

/// Finds the model, checks that the caller may use it, and plans.
///
/// # Errors
/// What the client is told: an unknown model, one that the caller may not use or that another dialect is
/// spoken with, a header that cannot be read or that names what it may not.
pub(crate) fn resolve(
    snapshot: &Snapshot,
    identity: &Identity,
    headers: &HeaderMap,
    request: &Request,
) -> Result<Resolved, Failure> {
    let name = &**request.model();
    let model = snapshot
        .models
        .resolve(request.model())
        .map_err(|error| Failure::NotFound(error.to_string()))?;
    if !snapshot.models.may_use(model.provider, &identity.caller) {
        let message = format!("this caller may not use the model {name:?}");
        return Err(Failure::Forbidden(message));
    }
    let header = metadata::read(headers).map_err(|error| Failure::Invalid(error.to_string()))?;
    let facts = Facts {
        caller: identity.caller.clone(),
        target: model.target(),
        metadata: merged(&snapshot.settings.metadata, identity, header),
    };
    let overrides = read_overrides(headers)?;
    let plan = snapshot
        .planner
        .plan(&facts, overrides.as_ref())
        .map_err(|error| Failure::Invalid(error.to_string()))?;
    if !provider(snapshot, model.provider)?.speaks(request.dialect()) {
        return Err(Failure::Invalid(format!(
            "the provider of {name:?} does not speak this route's dialect: call OpenAI-compatible models at \
             /v1/chat/completions and Anthropic's at /v1/messages"
        )));
    }
    Ok(Resolved {
        facts,
        plan,
        provider: model.provider,
        upstream_model: model.upstream,
        overrides,
    })
}

/// Metadata of a request: what is fixed over the header's, that over the account's, that over the settings'.
pub(super) fn merged(
    defaults: &BTreeMap<String, String>,
    identity: &Identity,
    header: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut merged = header;
    for (key, value) in &identity.fixed_metadata {
        merged.insert(key.clone(), value.clone());
    }
    for (key, value) in identity.metadata.iter().chain(defaults) {
        if !merged.contains_key(key) {
            merged.insert(key.clone(), value.clone());
        }
    }
    merged
}

/// A provider that can be called.
///
/// # Errors
/// When its resource did not build.
pub(super) fn provider(snapshot: &Snapshot, index: u32) -> Result<&ReadyProvider, Failure> {
    let provider = snapshot.providers.get(index as usize);
    provider
        .and_then(Option::as_ref)
        .ok_or_else(|| Failure::Upstream("the model's provider is not usable".to_owned()))
}

/// The two headers about guardrails, in either spelling.
pub(super) fn read_overrides(headers: &HeaderMap) -> Result<Option<Overrides>, Failure> {
    let either = |published, ours| {
        let value = metadata::either(headers, published, ours);
        value.map_err(|error| Failure::Invalid(error.to_string()))
    };
    let guardrails = either("x-tfy-guardrails", "x-parapet-guardrails")?;
    let scope = either("x-tfy-guardrails-scope", "x-parapet-guardrails-scope")?;
    if guardrails.is_none() && scope.is_none() {
        return Ok(None);
    }
    overrides::parse(text(guardrails)?, text(scope)?)
        .map(Some)
        .map_err(|error| Failure::Invalid(error.to_string()))
}

fn text(value: Option<&HeaderValue>) -> Result<Option<&str>, Failure> {
    value
        .map(HeaderValue::to_str)
        .transpose()
        .map_err(|_| Failure::Invalid("a guardrails header is not plain text".to_owned()))
}
