//! `custom`.

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

/// Configuration of `custom`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Custom {}

impl Kind for Custom {
    const MEMBER: &'static str = "custom";
    const NAME: &'static str = "custom";
    const HOOKS: &'static [Hook] = &Hook::ALL;
    const CAN_MUTATE: bool = true;

    #[cfg(feature = "runtime")]
    fn build(
        &self,
        _context: &crate::guardrail::BuildContext<'_>,
    ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>> {
        Err(vec![crate::guardrail::problem("", "not built yet")])
    }
}
