//! `regex`: preset patterns for personal data, credentials and sensitive terms, and custom patterns.

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

#[cfg(feature = "runtime")]
mod addresses;
#[cfg(feature = "runtime")]
mod build;
#[cfg(feature = "runtime")]
mod checks;
#[cfg(feature = "runtime")]
mod context;
#[cfg(feature = "runtime")]
mod credentials;
#[cfg(feature = "runtime")]
mod custom;
#[cfg(feature = "runtime")]
mod finder;
#[cfg(feature = "runtime")]
mod pending;
#[cfg(feature = "runtime")]
mod presets;
#[cfg(feature = "runtime")]
mod shapes;
#[cfg(feature = "runtime")]
mod spans;
#[cfg(feature = "runtime")]
mod terms;

#[cfg(test)]
#[cfg(feature = "runtime")]
mod tests;

#[cfg(feature = "runtime")]
pub(crate) use presets::LITERALS;
#[cfg(feature = "runtime")]
pub use presets::{Described, catalogue};

/// What stands in place of a match when nothing else is said.
pub const DEFAULT_REDACTION: &str = "[REDACTED]";

/// Configuration of `regex`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Regex {
    /// Patterns that Parapet brings along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset_patterns: Option<PresetPatterns>,
    /// Your own patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub custom_patterns: Vec<CustomPattern>,
}

/// Patterns that Parapet brings along.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PresetPatterns {
    /// Names of presets, e.g. `us_ssn`.
    #[schemars(length(max = 256))]
    pub presets: Vec<String>,
    /// With `operation: mutate`: what stands in place of a match.
    pub redaction_text: String,
}

impl Default for PresetPatterns {
    fn default() -> Self {
        Self {
            presets: Vec::new(),
            redaction_text: DEFAULT_REDACTION.into(),
        }
    }
}

/// A pattern of your own.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomPattern {
    /// A regular expression in the syntax of Rust's `regex`: no look-around, no back-references.
    pub pattern: String,
    /// With `operation: mutate`: what stands in place of a match.
    #[serde(default = "default_redaction")]
    pub redaction_text: String,
    /// The category that findings carry; `custom_<n>` by default, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

fn default_redaction() -> String {
    DEFAULT_REDACTION.into()
}

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
        build::build(self)
    }
}
