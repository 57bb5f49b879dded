//! The list of kinds. It generates the resource's members and the registry.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use parapet_policy::hook::Hook;

use crate::external::custom::Custom;
use crate::external::opa::Opa;
use crate::local::cedar::Cedar;
use crate::local::code_safety_linter::CodeSafetyLinter;
use crate::local::regex::Regex;
use crate::local::request_metadata::RequestMetadata;
use crate::local::secrets_detection::SecretsDetection;
use crate::local::sql_sanitizer::SqlSanitizer;

/// A family of guardrails. Implemented by its configuration type.
pub trait Kind: DeserializeOwned + Serialize + JsonSchema {
    /// The member's name in the resource, e.g. `secretsDetection`.
    const MEMBER: &'static str;
    /// The name in records and metrics, e.g. `secrets_detection`.
    const NAME: &'static str;
    /// Hooks at which it can run.
    const HOOKS: &'static [Hook];
    /// Whether it can rewrite.
    const CAN_MUTATE: bool;
    /// Hooks at which this configuration can run, when that depends on it.
    fn hooks(&self) -> &'static [Hook] {
        Self::HOOKS
    }
    /// Builds the guardrail. Off the request path; everything that can be compiled is compiled here.
    ///
    /// # Errors
    /// Every problem found, with its path below the member.
    #[cfg(feature = "runtime")]
    fn build(
        &self,
        context: &crate::guardrail::BuildContext<'_>,
    ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>>;
}

macro_rules! kinds {
    ($($field:ident: $config:ident,)*) => {
        /// The members of a guardrail in a resource, exactly one of which is given.
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct Members {
            $(
                #[allow(missing_docs)]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$config>,
            )*
        }

        /// The names of all members, sorted.
        pub const MEMBERS: &[&str] = &[$(<$config as Kind>::MEMBER,)*];

        impl Members {
            /// Names and values of the members that are given, as JSON.
            pub fn given(&self) -> Vec<(&'static str, serde_json::Value)> {
                let mut given = Vec::new();
                $(
                    if let Some(config) = &self.$field {
                        given.push((
                            <$config as Kind>::MEMBER,
                            serde_json::to_value(config).unwrap_or(serde_json::Value::Null),
                        ));
                    }
                )*
                given
            }
        }

        /// The record name of a member, e.g. `secrets_detection` for `secretsDetection`.
        pub fn name_of(member: &str) -> Option<&'static str> {
            match member {
                $(<$config as Kind>::MEMBER => Some(<$config as Kind>::NAME),)*
                _ => None,
            }
        }

        /// Builds the guardrail of a member from its configuration.
        ///
        /// # Errors
        /// Every problem found: an unknown kind, a value of the wrong type, what the kind itself says.
        #[cfg(feature = "runtime")]
        pub fn build(
            member: &str,
            config: &serde_json::Value,
            context: &crate::guardrail::BuildContext<'_>,
        ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>> {
            match member {
                $(<$config as Kind>::MEMBER => crate::guardrail::build_kind::<$config>(config, context),)*
                _ => Err(vec![crate::guardrail::problem("", format!("there is no kind {member:?}"))]),
            }
        }
    };
}

// Sorted. A new kind is one file in `local/` or `external/` and one line here.
kinds! {
    cedar: Cedar,
    code_safety_linter: CodeSafetyLinter,
    custom: Custom,
    opa: Opa,
    regex: Regex,
    request_metadata: RequestMetadata,
    secrets_detection: SecretsDetection,
    sql_sanitizer: SqlSanitizer,
}
