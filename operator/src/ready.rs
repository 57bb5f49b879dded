//! What gateways say of resources besides guardrails when they make them ready, said before anything is published. It is
//! the same code; what only gateways can know, they report.

use parapet_connect::AddressRules;
use parapet_crds::gateway_settings::GatewaySettingsSpec;
use parapet_policy::bundle::ResourceEntry;
use parapet_policy::compile::Written;
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};

/// Errors and warnings about identity providers and settings.
pub fn remarks(written: &Written) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    // Elsewhere nobody would use them, and the compiler says so.
    let counts = |source: &Source| source.namespace == written.policy_namespace;
    let providers = written.identity_providers.iter();
    for provider in providers.filter(|provider| counts(&provider.source)) {
        let entry = ResourceEntry {
            source: provider.source.clone(),
            spec: provider.spec.clone(),
        };
        said.extend(parapet_identity::check(&entry));
    }
    let all = written.settings.iter();
    for settings in all.filter(|settings| counts(&settings.source)) {
        // What cannot be read the reader has said.
        let spec = serde_json::from_value::<GatewaySettingsSpec>(settings.spec.clone());
        let Ok(GatewaySettingsSpec { egress, .. }) = spec else {
            continue;
        };
        let (_, problems) = AddressRules::read(&egress.allow, &egress.deny);
        let problem = |(list, index, error)| Diagnostic {
            source: settings.source.clone(),
            path: format!("spec.egress.{list}[{index}]"),
            severity: Severity::Error,
            reason: Reason::NotBuildable,
            message: format!("{error}"),
        };
        said.extend(problems.into_iter().map(problem));
    }
    said
}
