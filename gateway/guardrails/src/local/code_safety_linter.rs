//! `codeSafetyLinter`.

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

/// Configuration of `codeSafetyLinter`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CodeSafetyLinter {}

/// Literals whose places the shared scan reports to this kind, ASCII case-insensitive. A place gives the
/// index in this list.
#[cfg(feature = "runtime")]
pub(crate) static LITERALS: &[&str] = &[];

impl Kind for CodeSafetyLinter {
    const MEMBER: &'static str = "codeSafetyLinter";
    const NAME: &'static str = "code_safety_linter";
    const HOOKS: &'static [Hook] = &Hook::ALL;
    const CAN_MUTATE: bool = false;

    #[cfg(feature = "runtime")]
    fn build(
        &self,
        _context: &crate::guardrail::BuildContext<'_>,
    ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>> {
        Err(vec![crate::guardrail::problem("", "not built yet")])
    }
}
