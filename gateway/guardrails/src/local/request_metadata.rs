//! `requestMetadata`: which keys a request's metadata must carry, and what their values may be.

use std::collections::BTreeMap;

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

#[cfg(feature = "runtime")]
mod judge;

#[cfg(test)]
#[cfg(feature = "runtime")]
mod tests;

/// Configuration of `requestMetadata`. It looks at the metadata of a model request before the model is
/// called; at the other hooks it passes.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestMetadata {
    /// Whether keys that are not listed in `keys` may be present.
    pub allow_unknown_keys: bool,
    /// What is asked of each key.
    pub keys: BTreeMap<String, KeyRule>,
}

impl Default for RequestMetadata {
    fn default() -> Self {
        Self {
            allow_unknown_keys: true,
            keys: BTreeMap::new(),
        }
    }
}

/// What is asked of one key.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyRule {
    /// Whether the key must be present. When it may be absent, a value that is present must still fit.
    pub required: bool,
    /// What the value must be; absent: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<ValueRule>,
}

impl Default for KeyRule {
    fn default() -> Self {
        Self {
            required: true,
            value: None,
        }
    }
}

/// What a value must be.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueRule {
    /// Which of the two members below counts.
    pub constraint: Constraint,
    /// With `allowed_values`: the values, compared exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub allowed_values: Option<Vec<String>>,
    /// With `regex`: what must match somewhere in the value; `^` and `$` bind it to the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}

/// How a value is judged.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Constraint {
    /// It is one of a list.
    AllowedValues,
    /// It matches a regular expression.
    Regex,
}

impl Kind for RequestMetadata {
    const MEMBER: &'static str = "requestMetadata";
    const NAME: &'static str = "request_metadata";
    const HOOKS: &'static [Hook] = &Hook::ALL;
    const CAN_MUTATE: bool = false;

    #[cfg(feature = "runtime")]
    fn build(
        &self,
        _context: &crate::guardrail::BuildContext<'_>,
    ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>> {
        judge::build(self)
    }
}
