//! Policy as *sent*: compiled, resolved, without any secret value. It serializes; [`wire`] says in which shape it travels.

mod refusal;
mod secret_ids;
pub mod wire;

pub use refusal::{Refusal, RefusalCode};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Source;
use crate::hook::{Hook, PerHook};
use crate::outcome::{Operation, Strategy};
use crate::rule::{InputExecution, Taint, TaintScope, Unscannable, When};

/// Which policy: the epoch of the leader that compiled it, and a counter within the epoch.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Revision {
    /// Grows with every change of leader; 0 for policy from files.
    pub epoch: u64,
    /// Grows with every change of policy.
    pub generation: u64,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.generation)
    }
}

/// Names one value in a Secret. The value itself never enters a bundle.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SecretId {
    /// The Secret's namespace.
    pub namespace: Arc<str>,
    /// The Secret's name.
    pub name: Arc<str>,
    /// The key in it.
    pub key: Arc<str>,
}

/// The whole compiled policy of an installation. Every list is sorted, so equal policy has equal bytes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Bundle {
    /// Set when the bundle is put in force or published.
    pub revision: Revision,
    /// Lower-case hexadecimal SHA-256 over the canonical JSON of everything but `revision` and `digest`.
    pub digest: String,
    /// The namespace whose resources govern the whole installation.
    pub policy_namespace: Arc<str>,
    /// Every guardrail; a rule names one by its index here. Last come those that stand in for guardrails that rules
    /// name and that are not there.
    pub guardrails: Vec<GuardrailEntry>,
    /// Every rule, sorted by (namespace, resource, id).
    pub rules: Vec<RuleEntry>,
    /// Who may replace what in a header, one entry for each `GuardrailConfig` that says so.
    pub overrides: Vec<OverrideEntry>,
    /// The model accounts.
    pub providers: Vec<ProviderEntry>,
    /// The MCP servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mcp_servers: Vec<McpServerEntry>,
    /// The machine identities.
    pub accounts: Vec<AccountEntry>,
    /// The token issuers: their written `spec`, read by the gateway.
    pub identity_providers: Vec<ResourceEntry>,
    /// `GatewaySettings.spec`, when there is one.
    pub settings: Option<serde_json::Value>,
}

/// A resource whose `spec` the gateway reads itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ResourceEntry {
    /// Where it comes from.
    pub source: Source,
    /// Its `spec` as written.
    pub spec: serde_json::Value,
}

/// One guardrail.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct GuardrailEntry {
    /// The integration it belongs to.
    pub source: Source,
    /// `group/name` when unique in the installation or in the policy namespace, otherwise `namespace/group/name`.
    pub selector: Arc<str>,
    /// The member's name in the resource, e.g. `secretsDetection`; empty when nothing can be built.
    pub kind: Arc<str>,
    /// The member's value as written, `secretKeyRef` included.
    pub config: serde_json::Value,
    /// Hooks at which it can run, in their order; all of them when it does not build, so that its
    /// strategy decides wherever a rule puts it.
    pub hooks: Vec<Hook>,
    /// What it may do.
    pub operation: Operation,
    /// Order among mutators, lower first.
    pub priority: i32,
    /// As written; absent means from settings or the default.
    pub strategy: Option<Strategy>,
    /// As written; absent means from settings or the default.
    pub timeout: Option<Duration>,
    /// What a validator sees.
    pub input: ValidatorInput,
    /// How a slow output guardrail sees a stream.
    pub streaming: StreamMode,
    /// Who may name it in a header; absent: every authenticated caller.
    pub collaborators: Option<Vec<String>>,
    /// Lower-case hexadecimal SHA-256 of all that a build depends on: kind, operation, configuration
    /// and, when it names Secrets, the namespace they are in. What has been built is reused by it, as
    /// long as the Secrets' values are the same.
    pub digest: String,
}

impl GuardrailEntry {
    /// Whether it stands for a guardrail that is not there: nothing builds it, so its strategy decides.
    pub fn is_stand_in(&self) -> bool {
        self.kind.is_empty()
    }
}

/// Which text a validator sees.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ValidatorInput {
    /// The text as the client or the model sent it.
    #[default]
    Original,
    /// What is sent on, after the mutators.
    Mutated,
}

/// How a slow output guardrail sees a stream.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamMode {
    /// The whole answer is held until it is complete and judged.
    #[default]
    Buffered,
    /// Pieces of `size` bytes are held until judged, each with `overlap` bytes of what came before.
    Windowed {
        /// Bytes of new text in a window.
        size: u32,
        /// Bytes of earlier text shown as context.
        overlap: u32,
    },
    /// Nothing is held; audit only.
    Observe,
}

/// One rule with its selectors resolved to indices in [`Bundle::guardrails`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RuleEntry {
    /// The `GuardrailConfig` it comes from.
    pub source: Source,
    /// As written.
    pub id: Arc<str>,
    /// As written.
    pub when: When,
    /// Set for a rule outside the policy namespace: it sees only targets of this namespace.
    pub only_namespace: Option<Arc<str>>,
    /// The guardrails it selects.
    pub guardrails: PerHook<Vec<u32>>,
    /// As written.
    pub mandatory: bool,
    /// As written.
    pub custom_error_message: Option<Arc<str>>,
    /// As written.
    pub input_execution: Option<InputExecution>,
    /// As written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unscannable: Option<Unscannable>,
    /// As written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taint: Option<Taint>,
    /// As written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taint_scope: Option<TaintScope>,
    /// As written.
    pub strategy: Option<Strategy>,
}

/// Who may replace, in a header, what a `GuardrailConfig`'s rules chose.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct OverrideEntry {
    /// The `GuardrailConfig`.
    pub source: Source,
    /// Subjects as in a rule.
    pub replace: Vec<String>,
}

/// One model account.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ProviderEntry {
    /// Where it comes from; its name is the account.
    pub source: Source,
    /// Who may call it; absent: every authenticated caller.
    pub collaborators: Option<Vec<String>>,
    /// Models by the name that callers use, with the upstream's name; absent: any name, forwarded as it is.
    pub models: Option<BTreeMap<Arc<str>, Arc<str>>>,
    /// Its `spec` as written.
    pub spec: serde_json::Value,
}

/// One MCP server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct McpServerEntry {
    /// Where it comes from; its name is the server's.
    pub source: Source,
    /// Who may use it; absent: every authenticated caller.
    pub collaborators: Option<Vec<String>>,
    /// Its `spec` as written.
    pub spec: serde_json::Value,
}

/// Tokens of an identity provider that are an account's.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AccountIdentity {
    /// The `IdentityProvider`'s name.
    pub provider: Arc<str>,
    /// What the token's claim says.
    pub value: Arc<str>,
}

/// One machine identity.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AccountEntry {
    /// Where it comes from; its name is the subject's name.
    pub source: Source,
    /// Its tokens, by reference.
    pub tokens: Vec<SecretId>,
    /// Tokens of identity providers that are its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<AccountIdentity>,
    /// Teams without prefix.
    pub teams: Vec<Arc<str>>,
    /// Roles without prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Arc<str>>,
    /// Metadata that the header's wins over.
    pub metadata: BTreeMap<String, String>,
    /// Metadata that wins over the header's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fixed_metadata: BTreeMap<String, String>,
    /// RFC 3339; absent: never.
    pub expires_at: Option<String>,
}
