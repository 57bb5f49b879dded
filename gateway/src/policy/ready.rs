//! A bundle made ready to run.

use std::sync::Arc;

use parapet_crds::convert::secret_refs;
use parapet_crds::gateway_settings::GatewaySettingsSpec;
use parapet_crds::read::Secrets;
use parapet_crds::resource::Spec as _;
use parapet_policy::bundle::{Bundle, GuardrailEntry, Revision};
use parapet_policy::compile::{Kinds as _, Problem};
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};
use parapet_policy::model::Models;
use parapet_policy::plan::Planner;

use super::guardrail::ReadyGuardrail;
use super::kinds::KindCache;
use super::settings::Settings;
use crate::identity::Identities;
use crate::mcp::server::Servers;
use crate::upstream::ReadyProvider;

mod lists;
mod mcp_servers;
mod openapi;
mod providers;

pub use lists::Lists;

/// One revision of the policy, ready to run. A request takes one and keeps it to its end.
#[derive(Debug)]
pub struct Snapshot {
    /// Which.
    pub revision: Revision,
    /// The bundle's digest.
    pub digest: Arc<str>,
    /// Answers what runs for a request; holds the bundle.
    pub planner: Planner,
    /// The models that callers can name.
    pub models: Models,
    /// By index in the bundle's providers; none for one that cannot be called.
    pub providers: Vec<Option<ReadyProvider>>,
    /// The MCP servers that callers can name.
    pub(crate) mcp: Servers,
    /// What rules do with their lists.
    pub lists: Lists,
    /// Who may call.
    pub identities: Identities,
    /// By index in the bundle's guardrails.
    pub guardrails: Vec<ReadyGuardrail>,
    /// What holds for the whole installation.
    pub settings: Settings,
}

/// Who has compiled a bundle, and so has said what the compiler can say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compiled {
    /// This process, from files.
    Here,
    /// An operator, which may be of another version and know other kinds.
    Elsewhere,
}

/// Makes a bundle ready. What cannot be made ready is said; the snapshot stands all the same, because a
/// guardrail that does not build leaves its strategy to decide.
pub fn build(
    bundle: Bundle,
    secrets: &Secrets,
    kinds: &KindCache,
    compiled: Compiled,
) -> (Snapshot, Vec<Diagnostic>) {
    let mut said = Vec::new();
    let settings = settings(&bundle, &mut said);
    let providers = bundle
        .providers
        .iter()
        .map(|entry| providers::provider(entry, secrets, &mut said))
        .collect();
    let mcp = mcp_servers::servers(&bundle.mcp_servers, secrets, kinds, compiled, &mut said);
    let (identities, problems) = Identities::new(&bundle, secrets);
    said.extend(problems);
    let guardrails: Vec<ReadyGuardrail> = bundle
        .guardrails
        .iter()
        .map(|entry| guardrail(entry, secrets, kinds, &settings, compiled, &mut said))
        .collect();
    let snapshot = Snapshot {
        revision: bundle.revision,
        digest: bundle.digest.as_str().into(),
        models: Models::new(&bundle),
        providers,
        mcp,
        identities,
        lists: Lists::of(&bundle, &guardrails),
        guardrails,
        planner: Planner::new(Arc::new(bundle), settings.plan),
        settings,
    };
    (snapshot, said)
}

fn settings(bundle: &Bundle, said: &mut Vec<Diagnostic>) -> Settings {
    let Some(spec) = &bundle.settings else {
        return Settings::default();
    };
    // The bundle does not say which resource the settings come from; there is one.
    let source = Source {
        kind: GatewaySettingsSpec::KIND.into(),
        namespace: bundle.policy_namespace.clone(),
        name: "".into(),
        file: None,
    };
    let Ok(spec) = serde_json::from_value::<GatewaySettingsSpec>(spec.clone()) else {
        said.push(error(
            source,
            "spec",
            "these settings are not of this version".to_owned(),
        ));
        return Settings::default();
    };
    let (settings, problems) = Settings::new(&spec);
    let at = |(path, message): (String, String)| error(source.clone(), &path, message);
    said.extend(problems.into_iter().map(at));
    settings
}

fn guardrail(
    entry: &GuardrailEntry,
    secrets: &Secrets,
    kinds: &KindCache,
    settings: &Settings,
    compiled: Compiled,
    said: &mut Vec<Diagnostic>,
) -> ReadyGuardrail {
    let result = kinds.build(entry, secrets);
    let built = match &*result {
        Ok(built) => Some(built.clone()),
        Err(problems) => {
            if was_expected_to_build(entry, secrets, kinds, compiled) {
                said.extend(problems.iter().map(|problem| not_built(entry, problem)));
            }
            None
        }
    };
    ReadyGuardrail {
        selector: entry.selector.clone(),
        kind: parapet_guardrails::kinds::name_of(&entry.kind).unwrap_or("unknown"),
        built,
        timeout: entry.timeout.unwrap_or(settings.timeout),
        input: entry.input,
        streaming: entry.streaming,
    }
}

/// Whether the compiler said nothing: it checks without the Secrets' values, and names those that are missing.
fn was_expected_to_build(
    entry: &GuardrailEntry,
    secrets: &Secrets,
    kinds: &KindCache,
    compiled: Compiled,
) -> bool {
    let refs = secret_refs(&entry.config, &entry.source.namespace);
    if refs.iter().any(|(_, id)| secrets.get(id).is_none()) {
        return false;
    }
    match compiled {
        Compiled::Elsewhere => true,
        Compiled::Here => kinds
            .check(&entry.kind, &entry.config, entry.operation)
            .problems
            .iter()
            .all(|problem| problem.severity != Severity::Error),
    }
}

fn not_built(entry: &GuardrailEntry, problem: &Problem) -> Diagnostic {
    let below = if problem.path.is_empty() { "" } else { "." };
    let message = format!(
        "{}: {}{below}{}: {}",
        entry.selector, entry.kind, problem.path, problem.message
    );
    Diagnostic {
        severity: problem.severity,
        reason: problem.reason,
        ..error(entry.source.clone(), "spec.guardrails", message)
    }
}

fn error(source: Source, path: &str, message: String) -> Diagnostic {
    Diagnostic {
        source,
        path: path.to_owned(),
        severity: Severity::Error,
        reason: Reason::NotBuildable,
        message,
    }
}
