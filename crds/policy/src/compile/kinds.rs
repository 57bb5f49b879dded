//! What the compiler needs to know about kinds of guardrails.

use std::collections::BTreeSet;

use crate::diagnostic::{Reason, Severity};
use crate::hook::Hook;
use crate::outcome::Operation;

/// What the compiler asks about kinds of guardrails. The gateway and the operator give the same answer,
/// from the same registry, which is why "accepted" means "will build".
pub trait Kinds {
    /// Would this configuration build, and what can the result do?
    fn check(&self, kind: &str, config: &serde_json::Value, operation: Operation) -> KindReport;

    /// Whether what is compiled is for this process itself, so that MCP servers may be programs that it starts.
    fn may_start_programs(&self) -> bool {
        false
    }
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
