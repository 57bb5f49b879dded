//! Written policy to bundle and diagnostics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::bundle::{Bundle, SecretId, StreamMode, ValidatorInput};
use crate::diagnostic::{Diagnostic, Reason, Severity, Source};
use crate::hook::Hook;
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

/// A `VirtualAccount`.
#[derive(Clone, Debug)]
pub struct WrittenAccount {
    /// Where from; its name is the subject's.
    pub source: Source,
    /// When.
    pub created: Created,
    /// Its tokens, by reference.
    pub tokens: Vec<SecretId>,
    /// Teams without prefix.
    pub teams: Vec<String>,
    /// Metadata.
    pub metadata: BTreeMap<String, String>,
    /// RFC 3339.
    pub expires_at: Option<String>,
}

/// What the compiler asks about kinds of guardrails. The gateway and the operator give the same answer,
/// from the same registry, which is why "accepted" means "will build".
pub trait Kinds {
    /// Would this configuration build, and what can the result do?
    fn check(&self, kind: &str, config: &serde_json::Value, operation: Operation) -> KindReport;
}

/// What a kind says about one configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KindReport {
    /// Hooks at which it can run.
    pub hooks: BTreeSet<Hook>,
    /// Whether it can rewrite.
    pub can_mutate: bool,
    /// Whether it makes calls or runs long: it is raced on input, and needs a stream mode on output.
    pub slow: bool,
    /// Bytes that a stream is held back at most, for a kind that scans as the stream flows.
    pub hold_back: Option<HoldBack>,
    /// What is wrong, with the path below the member.
    pub problems: Vec<Problem>,
}

/// The bound on what a stream is held back by one guardrail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HoldBack {
    /// At most so many bytes.
    Bytes(u32),
    /// A pattern has no bound; the default bound cuts it.
    Unbounded,
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where below the member, e.g. `customPatterns[0].pattern`.
    pub path: String,
    /// How bad.
    pub severity: Severity,
    /// [`Reason::NotBuildable`], [`Reason::Unbounded`] or [`Reason::Suspicious`].
    pub reason: Reason,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// A bundle and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What can be put in force. A guardrail that does not build is still in it: its strategy decides.
    pub bundle: Bundle,
    /// Sorted by source and path.
    pub diagnostics: Vec<Diagnostic>,
}

impl Compiled {
    /// Whether anything is wrong enough that a set from files is not put in force.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|d| d.severity == Severity::Error)
    }
}

/// Compiles everything written into one bundle.
pub fn compile(written: &Written, kinds: &dyn Kinds) -> Compiled {
    let _ = (written, kinds);
    todo!()
}
