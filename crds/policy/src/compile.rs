//! Written policy to bundle and diagnostics.
//!
//! Compiling never fails: what cannot be placed is left out with an error, and a guardrail that does
//! not build stays in, so that its strategy decides. Whether a bundle with errors is put in force is
//! for the caller to say; from files it is not.

mod digest;
mod guardrail;
mod integrations;
mod kinds;
mod known;
mod mcp_servers;
mod names;
mod nearest;
mod report;
mod resources;
mod rules;
mod secrets;
mod selectors;
mod stand_ins;
mod streams;
mod subjects;
#[cfg(test)]
mod tests;
mod virtual_servers;
mod when;
mod written;

pub(crate) use digest::of_value as canonical_digest;
pub use kinds::{HoldBack, KindReport, Kinds, Problem};
pub use mcp_servers::NO_COMMANDS;
pub use written::{
    Created, Written, WrittenAccount, WrittenConfig, WrittenGuardrail, WrittenIntegration,
    WrittenMcpServer, WrittenProvider, WrittenResource,
};

use crate::bundle::{Bundle, Revision};
use crate::diagnostic::{Diagnostic, Severity};

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

/// Compiles everything written into one bundle. Takes time in proportion to what is written; the order
/// in which it is written makes no difference. The bundle's revision is left for the caller to set.
pub fn compile(written: &Written, kinds: &dyn Kinds) -> Compiled {
    let mut report = report::Report::default();
    let held = names::Held::new(written, &mut report);
    let known = known::Known::new(&written.policy_namespace, &held);
    let secrets = secrets::Secrets::new(&written.secrets);

    let guardrails =
        integrations::compile(&held.integrations, kinds, &known, &secrets, &mut report);
    let (rules, stand_ins) = rules::compile(&held.configs, &guardrails, &known, &mut report);
    streams::remark(&guardrails, &rules, &mut report);

    let mut bundle = Bundle {
        revision: Revision::default(),
        digest: String::new(),
        policy_namespace: written.policy_namespace.clone(),
        overrides: rules::overrides(&held.configs, &known, &mut report),
        providers: resources::providers(&held.providers, &known, &secrets, &mut report),
        mcp_servers: mcp_servers::compile(&held.mcp_servers, kinds, &known, &secrets, &mut report),
        accounts: resources::accounts(&held.accounts, &known, &secrets, &mut report),
        identity_providers: resources::identity_providers(
            &held.identity_providers,
            &secrets,
            &mut report,
        ),
        settings: resources::settings(&held.settings, &secrets, &mut report),
        guardrails: guardrails.into_entries().chain(stand_ins).collect(),
        rules,
    };
    bundle.digest = digest::of_bundle(&bundle);
    Compiled {
        bundle,
        diagnostics: report.into_diagnostics(),
    }
}
