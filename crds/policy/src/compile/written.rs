//! Policy as *written*: resources, whatever they were read from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::bundle::{AccountIdentity, SecretId, StreamMode, ValidatorInput};
use crate::diagnostic::Source;
use crate::outcome::{Operation, Strategy};
use crate::rule::Rule;

/// Everything written, whatever it was read from.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The namespace whose resources govern the whole installation.
    pub policy_namespace: Arc<str>,
    /// `GuardrailIntegration`s.
    pub integrations: Vec<WrittenIntegration>,
    /// `GuardrailConfig`s.
    pub configs: Vec<WrittenConfig>,
    /// `ModelProvider`s.
    pub providers: Vec<WrittenProvider>,
    /// `ModelProvider`s that are there and cannot be read: nobody else gets a name because its holder is damaged. Other
    /// names that callers use stand in the policy namespace only.
    pub unreadable_providers: Vec<(Source, Created)>,
    /// `MCPServer`s.
    pub mcp_servers: Vec<WrittenMcpServer>,
    /// `MCPServer`s that are there and cannot be read: they hold their names as providers do.
    pub unreadable_mcp_servers: Vec<(Source, Created)>,
    /// `VirtualAccount`s.
    pub accounts: Vec<WrittenAccount>,
    /// `IdentityProvider`s.
    pub identity_providers: Vec<WrittenResource>,
    /// `GatewaySettings`.
    pub settings: Vec<WrittenResource>,
    /// Every value in every Secret that was read; only the names.
    pub secrets: BTreeSet<SecretId>,
}

/// When a resource was made, for "the oldest holds the name": RFC 3339 from a cluster; from files
/// absent, and then the sort order of (file, namespace, name) decides.
pub type Created = Option<String>;

/// A resource that the compiler only places.
#[derive(Clone, Debug)]
pub struct WrittenResource {
    /// Where from.
    pub source: Source,
    /// When.
    pub created: Created,
    /// The `spec`.
    pub spec: serde_json::Value,
    /// Every Secret value that the spec names, with the path of the reference below `spec`.
    pub secret_refs: Vec<(String, SecretId)>,
}

/// A `GuardrailIntegration`.
#[derive(Clone, Debug)]
pub struct WrittenIntegration {
    /// Where from; its name is the group.
    pub source: Source,
    /// When.
    pub created: Created,
    /// Subjects that may name its guardrails in a header; absent: all.
    pub collaborators: Option<Vec<String>>,
    /// Namespaces whose rules may name it in the three-part form.
    pub allowed_namespaces: Vec<String>,
    /// Its guardrails.
    pub guardrails: Vec<WrittenGuardrail>,
}

/// One guardrail of an integration.
#[derive(Clone, Debug)]
pub struct WrittenGuardrail {
    /// Its name in the group.
    pub name: String,
    /// The member's name, e.g. `secretsDetection`.
    pub kind: String,
    /// The member's value.
    pub config: serde_json::Value,
    /// Every Secret value that it names, with the path of the reference below the member.
    pub secret_refs: Vec<(String, SecretId)>,
    /// What it may do.
    pub operation: Operation,
    /// Only with mutate.
    pub priority: Option<i32>,
    /// As written.
    pub strategy: Option<Strategy>,
    /// As written.
    pub timeout: Option<Duration>,
    /// As written.
    pub input: ValidatorInput,
    /// As written.
    pub streaming: Option<StreamMode>,
}

/// A `GuardrailConfig`.
#[derive(Clone, Debug)]
pub struct WrittenConfig {
    /// Where from.
    pub source: Source,
    /// When.
    pub created: Created,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// `spec.overrides.replace`.
    pub replace: Vec<String>,
}

/// A `ModelProvider`.
#[derive(Clone, Debug)]
pub struct WrittenProvider {
    /// Where from; its name is the account.
    pub source: Source,
    /// When.
    pub created: Created,
    /// Subjects that may call it; absent: all.
    pub collaborators: Option<Vec<String>>,
    /// Callers' name to upstream's name; absent: any.
    pub models: Option<BTreeMap<String, String>>,
    /// The `spec`.
    pub spec: serde_json::Value,
    /// Every Secret value that it names, with the path of the reference below `spec`.
    pub secret_refs: Vec<(String, SecretId)>,
}

/// An `MCPServer`.
#[derive(Clone, Debug)]
pub struct WrittenMcpServer {
    /// Where from; its name is the server's.
    pub source: Source,
    /// When.
    pub created: Created,
    /// Subjects that may use it; absent: all.
    pub collaborators: Option<Vec<String>>,
    /// The `spec`.
    pub spec: serde_json::Value,
    /// Every Secret value that it names, with the path of the reference below `spec`.
    pub secret_refs: Vec<(String, SecretId)>,
}

/// A `VirtualAccount`.
#[derive(Clone, Debug)]
pub struct WrittenAccount {
    /// Where from; its name is the subject's.
    pub source: Source,
    /// When.
    pub created: Created,
    /// Its tokens, by reference.
    pub tokens: Vec<SecretId>,
    /// Tokens of identity providers that are its own.
    pub identities: Vec<AccountIdentity>,
    /// Teams without prefix.
    pub teams: Vec<String>,
    /// Roles without prefix.
    pub roles: Vec<String>,
    /// Metadata that the header's wins over.
    pub metadata: BTreeMap<String, String>,
    /// Metadata that wins over the header's.
    pub fixed_metadata: BTreeMap<String, String>,
    /// RFC 3339.
    pub expires_at: Option<String>,
}
