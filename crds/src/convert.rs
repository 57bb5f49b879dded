//! Resource types to written policy. What a schema cannot say is checked here, for files and for clusters.

use std::sync::Arc;

use parapet_policy::bundle::{AccountIdentity, SecretId};
use parapet_policy::compile::{
    Created, WrittenAccount, WrittenConfig, WrittenGuardrail, WrittenIntegration, WrittenMcpServer,
    WrittenProvider, WrittenResource,
};
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};
use serde_json::Value as Json;

pub use parapet_policy::secret::secret_refs;

use crate::collaborator::subjects;
use crate::guardrail_config::GuardrailConfigSpec;
use crate::guardrail_integration::{GuardrailIntegrationSpec, GuardrailSpec, StreamingMode};
use crate::identity_provider::{IdentityProviderSpec, MIN_REFRESH_INTERVAL};
use crate::mcp_server::McpServerSpec;
use crate::model_provider::ModelProviderSpec;
use crate::virtual_account::VirtualAccountSpec;

/// Where diagnostics about one resource go.
pub struct Said<'a> {
    /// The resource.
    pub source: &'a Source,
    /// What was said so far.
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl Said<'_> {
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.say(Severity::Error, Reason::Invalid, path, message);
    }

    fn warning(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.say(Severity::Warning, Reason::Suspicious, path, message);
    }

    fn say(
        &mut self,
        severity: Severity,
        reason: Reason,
        path: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic {
            source: self.source.clone(),
            path: path.into(),
            severity,
            reason,
            message: message.into(),
        });
    }
}

/// A group of guardrails.
pub fn integration(
    spec: &GuardrailIntegrationSpec,
    created: Created,
    said: &mut Said<'_>,
) -> WrittenIntegration {
    let mut guardrails: Vec<WrittenGuardrail> = Vec::with_capacity(spec.guardrails.len());
    for (index, guardrail) in spec.guardrails.iter().enumerate() {
        let path = format!("spec.guardrails[{index}]");
        guardrails.push(self::guardrail(guardrail, &path, said));
    }
    WrittenIntegration {
        source: said.source.clone(),
        created,
        collaborators: subjects(spec.collaborators.as_deref()),
        allowed_namespaces: spec.allowed_namespaces.clone(),
        guardrails,
    }
}

fn guardrail(spec: &GuardrailSpec, path: &str, said: &mut Said<'_>) -> WrittenGuardrail {
    let mut given = spec.members.given();
    if given.len() != 1 {
        let names: Vec<&str> = given.iter().map(|member| member.0).collect();
        let found = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(" and ")
        };
        let members = parapet_guardrails::kinds::MEMBERS.join(", ");
        said.error(
            path,
            format!("give exactly one kind of guardrail, found {found}; known are {members}"),
        );
    }
    if let Some(streaming) = &spec.streaming {
        let sized = streaming.size.is_some() || streaming.overlap.is_some();
        if sized && streaming.mode != StreamingMode::Windowed {
            said.error(
                format!("{path}.streaming"),
                "size and overlap are only for mode: windowed",
            );
        }
    }
    // One without a member keeps its place all the same: paths count on it.
    let (kind, config) = if given.is_empty() {
        ("", Json::Null)
    } else {
        given.swap_remove(0)
    };
    WrittenGuardrail {
        name: spec.name.clone(),
        kind: kind.to_owned(),
        secret_refs: secret_refs(&config, &said.source.namespace),
        config,
        operation: spec.operation,
        priority: spec.priority,
        strategy: spec.enforcing_strategy,
        timeout: spec.timeout.map(|timeout| timeout.0),
        input: spec.input,
        streaming: spec
            .streaming
            .as_ref()
            .map(crate::guardrail_integration::Streaming::stream_mode),
    }
}

/// Rules.
pub fn config(spec: &GuardrailConfigSpec, created: Created, said: &mut Said<'_>) -> WrittenConfig {
    WrittenConfig {
        source: said.source.clone(),
        created,
        rules: spec.rules.clone(),
        replace: spec
            .overrides
            .as_ref()
            .map(|overrides| overrides.replace.clone())
            .unwrap_or_default(),
    }
}

/// A model account.
pub fn provider(
    spec: &ModelProviderSpec,
    created: Created,
    said: &mut Said<'_>,
) -> WrittenProvider {
    if spec.upstream().is_none() {
        let members = crate::model_provider::MEMBERS.join(", ");
        said.error("spec", format!("give exactly one provider: {members}"));
    }
    let mut names = std::collections::BTreeSet::new();
    for (index, model) in spec.models.iter().flatten().enumerate() {
        if !names.insert(&model.name) {
            said.error(
                format!("spec.models[{index}].name"),
                format!("{:?} is listed before", model.name),
            );
        }
    }
    let spec_json = json(spec);
    WrittenProvider {
        source: said.source.clone(),
        created,
        collaborators: subjects(spec.collaborators.as_deref()),
        models: spec.model_names(),
        secret_refs: secret_refs(&spec_json, &said.source.namespace),
        spec: spec_json,
    }
}

/// An MCP server.
pub fn mcp_server(spec: &McpServerSpec, created: Created, said: &mut Said<'_>) -> WrittenMcpServer {
    for (path, message) in spec.problems() {
        said.error(path, message);
    }
    let (problem, remarks) = spec.openapi_remarks();
    if let Some((path, message)) = problem {
        said.error(path, message);
    }
    for (path, message) in remarks {
        said.warning(path, message);
    }
    let spec_json = json(spec);
    WrittenMcpServer {
        source: said.source.clone(),
        created,
        collaborators: subjects(spec.collaborators.as_deref()),
        secret_refs: secret_refs(&spec_json, &said.source.namespace),
        spec: spec_json,
    }
}

/// A machine identity.
pub fn account(spec: &VirtualAccountSpec, created: Created, said: &mut Said<'_>) -> WrittenAccount {
    let namespace = &said.source.namespace;
    WrittenAccount {
        source: said.source.clone(),
        created,
        tokens: spec
            .tokens
            .iter()
            .map(|token| {
                secret_id(
                    &token.secret_key_ref.name,
                    &token.secret_key_ref.key,
                    namespace,
                )
            })
            .collect(),
        identities: spec
            .identities
            .iter()
            .map(|identity| AccountIdentity {
                provider: identity.provider.as_str().into(),
                value: identity.value.as_str().into(),
            })
            .collect(),
        teams: spec.teams.clone(),
        roles: spec.roles.clone(),
        metadata: spec.metadata.clone(),
        fixed_metadata: spec.fixed_metadata.clone(),
        expires_at: spec.expires_at.clone(),
    }
}

/// A token issuer.
pub fn identity_provider(
    spec: &IdentityProviderSpec,
    created: Created,
    said: &mut Said<'_>,
) -> WrittenResource {
    if let Some(jwks) = &spec.jwks
        && jwks.uri.is_some() == jwks.inline.is_some()
    {
        said.error(
            "spec.jwks",
            "give exactly one place of the keys: inline or uri",
        );
    }
    if spec.ca.is_some() && spec.ca_file.is_some() {
        said.error("spec", "give ca or caFile, not both");
    }
    if spec.token.is_some() && spec.jwks.as_ref().is_some_and(|jwks| jwks.inline.is_some()) {
        said.error(
            "spec.token",
            "keys that stand in jwks.inline are not fetched: leave the token out",
        );
    }
    if spec
        .refresh_interval
        .is_some_and(|given| given.0 < MIN_REFRESH_INTERVAL)
    {
        said.error("spec.refreshInterval", "give at least 1s");
    }
    resource(spec, created, said)
}

/// Any resource that the compiler only places.
pub fn resource<S: serde::Serialize>(
    spec: &S,
    created: Created,
    said: &Said<'_>,
) -> WrittenResource {
    let spec = json(spec);
    WrittenResource {
        source: said.source.clone(),
        created,
        secret_refs: secret_refs(&spec, &said.source.namespace),
        spec,
    }
}

/// Our own types have text keys only, so this cannot fail; nothing is the safe reading if it did.
fn json<S: serde::Serialize>(spec: &S) -> Json {
    serde_json::to_value(spec).unwrap_or(Json::Null)
}

fn secret_id(name: &str, key: &str, namespace: &Arc<str>) -> SecretId {
    SecretId {
        namespace: namespace.clone(),
        name: name.into(),
        key: key.into(),
    }
}
