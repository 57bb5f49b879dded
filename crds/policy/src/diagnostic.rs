//! What the compiler says about written policy.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The resource that a diagnostic, a rule or a guardrail comes from.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Source {
    /// The resource's kind, e.g. `GuardrailConfig`.
    pub kind: Arc<str>,
    /// Its namespace; the policy namespace when the document had none.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The file it was read from, when it was.
    pub file: Option<Arc<str>>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing: how a stream is held back, for example.
    Info,
    /// It works, and probably not as meant.
    Warning,
    /// It cannot be put in force.
    Error,
}

/// One remark about one place in one resource.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Diagnostic {
    /// Which resource.
    pub source: Source,
    /// Where in it, e.g. `spec.rules[2].when.target`. Empty for the whole resource.
    pub path: String,
    /// How bad.
    pub severity: Severity,
    /// A stable word from a closed list, in CamelCase: a status reason, e.g. `UnknownSelector`.
    pub reason: Reason,
    /// What is wrong and what to write instead. Never a secret.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.source)?;
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {} [{:?}]", self.message, self.reason)
    }
}

/// Why a diagnostic was made. The list is closed: statuses and documents name each one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Reason {
    /// The document is not well formed, or holds an unknown field or a wrong value.
    Invalid,
    /// Two resources claim one name; the later one loses.
    Conflicted,
    /// A selector names a guardrail that does not exist.
    UnknownSelector,
    /// A selector names a guardrail of a namespace that does not allow it.
    SelectorNotAllowed,
    /// A rule or override names a model, provider, server or account that does not exist.
    UnknownReference,
    /// A Secret or one of its keys does not exist.
    UnknownSecret,
    /// A guardrail cannot run at the hook where a rule puts it.
    UnsupportedHook,
    /// `operation: mutate` on a kind that cannot rewrite.
    CannotMutate,
    /// A guardrail's configuration does not build.
    NotBuildable,
    /// A resource that counts only in the policy namespace stands elsewhere.
    WrongNamespace,
    /// The rule can never match, or selects nothing.
    NeverMatches,
    /// How much text a stream is held back.
    HoldBack,
    /// A pattern without a bound, under streaming.
    Unbounded,
    /// It can be put in force, and probably does not do what was meant.
    Suspicious,
}
