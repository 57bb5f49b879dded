//! `secretsDetection`: tokens, keys and passwords of known shapes and behind telling names.

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

#[cfg(feature = "runtime")]
mod assignment;
#[cfg(feature = "runtime")]
mod blocks;
#[cfg(feature = "runtime")]
mod curl;
#[cfg(feature = "runtime")]
mod detect;
#[cfg(feature = "runtime")]
mod entropy;
#[cfg(feature = "runtime")]
mod github;
#[cfg(feature = "runtime")]
mod jwt;
#[cfg(feature = "runtime")]
mod name;
#[cfg(feature = "runtime")]
mod rules;
#[cfg(feature = "runtime")]
mod shape;
#[cfg(feature = "runtime")]
mod url;
#[cfg(feature = "runtime")]
mod value;

#[cfg(feature = "runtime")]
pub(crate) use detect::{exact_literals, literals};

/// The guardrail with this replacement, for kinds that find secrets among other things.
#[cfg(feature = "runtime")]
pub(crate) fn detector(
    replacement: std::sync::Arc<str>,
) -> std::sync::Arc<dyn crate::guardrail::TextGuardrail> {
    std::sync::Arc::new(detect::Detector::new(replacement))
}

/// Configuration of `secretsDetection`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretsDetection {
    /// What a secret is replaced with. Default `[REDACTED]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redaction_text: Option<String>,
}

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
        let replacement = self.redaction_text.as_deref().unwrap_or("[REDACTED]");
        let detector = detect::Detector::new(replacement.into());
        Ok(crate::guardrail::Built {
            guardrail: crate::guardrail::Guardrail::Text(std::sync::Arc::new(detector)),
            kind: Self::NAME,
            hooks: Self::HOOKS,
            remarks: Vec::new(),
        })
    }
}
