//! `custom`: your own guardrail server.
//!
//! The gateway posts `{requestBody, responseBody?, config, context}` and reads a verdict. Two contracts
//! are in use; `contract` says which one the server speaks.

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

/// Your own guardrail server.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Custom {
    /// Where to post, `http://` or `https://`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// What the server judges: `request` for the prompt and tool calls, `response` for answers and tool
    /// results. Absent: it may be put at any hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Which replies the server gives.
    #[serde(default)]
    pub contract: Contract,
    /// Sent as `Authorization: Bearer ...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<SecretValue>,
    /// Sent as `Authorization: Basic ...`. Not together with `bearerToken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    /// Sent as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub headers: BTreeMap<String, PlainOrSecret>,
    /// Passed to the server as the member `config` of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub config: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What a custom server judges.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The prompt, or a tool call.
    Request,
    /// The answer, or a tool's result.
    Response,
}

/// Which replies a custom server gives.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// 200 with `{verdict, message?, transformed?, result?}`; any other status is a failure.
    #[default]
    Current,
    /// 200 with `null` (pass) or the modified body; 4xx blocks; 5xx is a failure.
    Legacy,
}

/// User name and password.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BasicAuth {
    /// The user name.
    #[schemars(length(min = 1, max = 253))]
    pub username: String,
    /// The password.
    pub password: SecretValue,
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

const REQUEST_HOOKS: &[Hook] = &[Hook::LlmInput, Hook::McpToolPreInvoke];
const RESPONSE_HOOKS: &[Hook] = &[Hook::LlmOutput, Hook::McpToolPostInvoke];

impl Kind for Custom {
    const MEMBER: &'static str = "custom";
    const NAME: &'static str = "custom";
    const HOOKS: &'static [Hook] = &Hook::ALL;
    const CAN_MUTATE: bool = true;

    fn hooks(&self) -> &'static [Hook] {
        match self.target {
            None => Self::HOOKS,
            Some(Target::Request) => REQUEST_HOOKS,
            Some(Target::Response) => RESPONSE_HOOKS,
        }
    }

    #[cfg(feature = "runtime")]
    fn build(
        &self,
        context: &crate::guardrail::BuildContext<'_>,
    ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>> {
        service::build(self, context)
    }
}
