//! `regex`.

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

/// Configuration of `regex`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Regex {}

/// Literals whose places the shared scan reports to this kind, ASCII case-insensitive. A place gives the
/// index in this list.
#[cfg(feature = "runtime")]
pub(crate) static LITERALS: &[&str] = &[];

impl Kind for Regex {
    const MEMBER: &'static str = "regex";
    const NAME: &'static str = "regex";
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
