//! `secretsDetection`.

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

/// Configuration of `secretsDetection`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretsDetection {}

/// Literals whose places the shared scan reports to this kind, ASCII case-insensitive. A place gives the
/// index in this list.
#[cfg(feature = "runtime")]
pub(crate) static LITERALS: &[&str] = &[];

/// The same, case-sensitive: beginnings of tokens. A place's index counts on from [`LITERALS`].
#[cfg(feature = "runtime")]
pub(crate) static EXACT_LITERALS: &[&str] = &[];

impl Kind for SecretsDetection {
    const MEMBER: &'static str = "secretsDetection";
    const NAME: &'static str = "secrets_detection";
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
