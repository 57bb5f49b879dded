//! `opa`: an Open Policy Agent decides.
//!
//! The gateway posts `{"input": ...}` to the decision's path in OPA's data API and reads `result`: a boolean,
//! or an object with `allow`. What is undefined is denied.

use std::collections::BTreeMap;

use parapet_policy::hook::Hook;
use parapet_policy::secret::{PlainOrSecret, SecretValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

#[cfg(feature = "runtime")]
mod service;
#[cfg(feature = "runtime")]
mod wire;

#[cfg(test)]
#[cfg(feature = "runtime")]
mod tests;

/// An Open Policy Agent.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opa {
    /// Where OPA listens, `http://` or `https://`, without `/v1/data`.
    #[schemars(length(min = 1, max = 2048))]
    pub opa_url: String,
    /// The decision, package and rule by slashes: `authz/allow`.
    #[schemars(length(min = 1, max = 512))]
    pub policy_path: String,
    /// Sent as `Authorization: Bearer ...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<SecretValue>,
    /// Sent as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub headers: BTreeMap<String, PlainOrSecret>,
}

impl Kind for Opa {
    const MEMBER: &'static str = "opa";
    const NAME: &'static str = "opa";
    const HOOKS: &'static [Hook] = &[Hook::LlmInput, Hook::LlmOutput, Hook::McpToolPreInvoke];
    const CAN_MUTATE: bool = false;

    #[cfg(feature = "runtime")]
    fn build(
        &self,
        context: &crate::guardrail::BuildContext<'_>,
    ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>> {
        service::build(self, context)
    }
}
