//! `cedar`: who may call which tools and models, as [Cedar](https://www.cedarpolicy.com) policies say.
//!
//! A policy sees a principal, an action, a resource and a context as `cedar/parapet.cedarschema` declares
//! them; `docs/cedar.md` explains them. Nothing is allowed that no policy permits.

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

#[cfg(feature = "runtime")]
mod bounds;
#[cfg(feature = "runtime")]
mod build;
#[cfg(feature = "runtime")]
mod conditions;
#[cfg(feature = "runtime")]
mod facts;
#[cfg(feature = "runtime")]
mod infer;
#[cfg(feature = "runtime")]
mod judge;
#[cfg(feature = "runtime")]
mod known;
#[cfg(feature = "runtime")]
mod listed;
#[cfg(feature = "runtime")]
mod published;
#[cfg(feature = "runtime")]
mod reads;
#[cfg(feature = "runtime")]
mod schema;
#[cfg(feature = "runtime")]
mod selections;
#[cfg(feature = "runtime")]
mod values;

#[cfg(test)]
#[cfg(feature = "runtime")]
mod tests;

/// Configuration of `cedar`. It judges tool calls before the tool runs, and model calls before the model is
/// called.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cedar {
    /// Cedar policies, one after another. `@id("name")` before a policy names it. A call is allowed if a
    /// `permit` applies to it and no `forbid` does.
    #[schemars(length(max = 262_144))]
    pub policy: String,
}

impl Kind for Cedar {
    const MEMBER: &'static str = "cedar";
    const NAME: &'static str = "cedar";
    const HOOKS: &'static [Hook] = &[Hook::LlmInput, Hook::McpToolPreInvoke];
    const CAN_MUTATE: bool = false;

    #[cfg(feature = "runtime")]
    fn build(
        &self,
        _context: &crate::guardrail::BuildContext<'_>,
    ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>> {
        build::build(self)
    }
}
