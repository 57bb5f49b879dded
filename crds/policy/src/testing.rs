//! Short ways to write policy in tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::bundle::{SecretId, ValidatorInput};
use crate::compile::{
    HoldBack, KindReport, Kinds, Problem, Written, WrittenAccount, WrittenConfig, WrittenGuardrail,
    WrittenIntegration, WrittenMcpServer, WrittenProvider, WrittenResource,
};
use crate::diagnostic::{Reason, Severity, Source};
use crate::facts::{Caller, Facts, Subject, Target};
use crate::hook::Hook;
use crate::outcome::Operation;
use crate::rule::Rule;

/// The policy namespace of tests.
pub(crate) const POLICY: &str = "parapet";

pub(crate) fn source(kind: &str, namespace: &str, name: &str) -> Source {
    let file = Some(format!("{name}.yaml").into());
    Source {
        kind: kind.into(),
        namespace: namespace.into(),
        name: name.into(),
        file,
    }
}

/// Kinds for tests: `text` (local, mutates), `service` (slow, validates), `context` (input hooks only),
/// `endless` (a text kind without a bound); `{"broken": true}` does not build.
pub(crate) struct FakeKinds;

impl Kinds for FakeKinds {
    fn check(&self, kind: &str, config: &Value, _: Operation) -> KindReport {
        if config.get("broken").is_some() {
            let problem = Problem {
                path: "pattern".into(),
                severity: Severity::Error,
                reason: Reason::NotBuildable,
                message: "cannot be read".into(),
            };
            return KindReport {
                problems: vec![problem],
                ..KindReport::default()
            };
        }
        let hooks = Hook::ALL.into_iter();
        match kind {
            "service" => KindReport {
                hooks: hooks.collect(),
                slow: true,
                ..KindReport::default()
            },
            "context" => KindReport {
                hooks: [Hook::LlmInput].into(),
                ..KindReport::default()
            },
            _ => {
                let bound = if kind == "endless" {
                    HoldBack::Unbounded
                } else {
                    HoldBack::Bytes(1024)
                };
                KindReport {
                    hooks: hooks.collect(),
                    can_mutate: true,
                    hold_back: Some(bound),
                    ..KindReport::default()
                }
            }
        }
    }
}

pub(crate) fn guardrail(name: &str, kind: &str) -> WrittenGuardrail {
    WrittenGuardrail {
        name: name.into(),
        kind: kind.into(),
        config: json!({}),
        secret_refs: vec![],
        operation: Operation::Validate,
        priority: None,
        strategy: None,
        timeout: None,
        input: ValidatorInput::Original,
        streaming: None,
    }
}

pub(crate) fn mutator(name: &str, priority: Option<i32>) -> WrittenGuardrail {
    WrittenGuardrail {
        operation: Operation::Mutate,
        priority,
        ..guardrail(name, "text")
    }
}

pub(crate) fn integration(
    namespace: &str,
    name: &str,
    guardrails: Vec<WrittenGuardrail>,
) -> WrittenIntegration {
    WrittenIntegration {
        source: source("GuardrailIntegration", namespace, name),
        created: None,
        collaborators: None,
        allowed_namespaces: vec![],
        guardrails,
    }
}

/// A rule from its published form; `id` is filled in when absent.
pub(crate) fn rule(id: &str, written: Value) -> Rule {
    let mut written = written;
    written["id"] = json!(id);
    serde_json::from_value(written).unwrap()
}

pub(crate) fn config(namespace: &str, name: &str, rules: Vec<Rule>) -> WrittenConfig {
    let source = source("GuardrailConfig", namespace, name);
    WrittenConfig {
        source,
        created: None,
        rules,
        replace: vec![],
    }
}

pub(crate) fn provider(namespace: &str, name: &str, models: Option<&[&str]>) -> WrittenProvider {
    let listed = |models: &[&str]| {
        models
            .iter()
            .map(|model| (model.to_string(), model.to_string()))
            .collect()
    };
    WrittenProvider {
        source: source("ModelProvider", namespace, name),
        created: None,
        collaborators: None,
        models: models.map(listed),
        spec: json!({"demo": {}}),
        secret_refs: vec![],
    }
}

pub(crate) fn account(name: &str, teams: &[&str]) -> WrittenAccount {
    WrittenAccount {
        source: source("VirtualAccount", POLICY, name),
        created: None,
        tokens: vec![secret(name, "token")],
        identities: vec![],
        teams: teams.iter().map(ToString::to_string).collect(),
        roles: vec![],
        metadata: BTreeMap::new(),
        fixed_metadata: BTreeMap::new(),
        expires_at: None,
    }
}

pub(crate) fn resource(kind: &str, name: &str, spec: Value) -> WrittenResource {
    WrittenResource {
        source: source(kind, POLICY, name),
        created: None,
        spec,
        secret_refs: vec![],
    }
}

pub(crate) fn secret(name: &str, key: &str) -> SecretId {
    SecretId {
        namespace: POLICY.into(),
        name: name.into(),
        key: key.into(),
    }
}

/// An installation with one integration `g`, one provider `openai` that lists `gpt-4o` and `gpt-4o-mini`,
/// one virtual account `bot`, and users.
pub(crate) fn written(guardrails: Vec<WrittenGuardrail>, rules: Vec<Rule>) -> Written {
    Written {
        policy_namespace: POLICY.into(),
        integrations: vec![integration(POLICY, "g", guardrails)],
        configs: vec![config(POLICY, "rules", rules)],
        providers: vec![provider(POLICY, "openai", Some(&["gpt-4o", "gpt-4o-mini"]))],
        unreadable_providers: vec![],
        mcp_servers: vec![],
        unreadable_mcp_servers: vec![],
        accounts: vec![account("bot", &["payments"])],
        identity_providers: vec![resource(
            "IdentityProvider",
            "corp",
            json!({"issuer": "https://id.example.com"}),
        )],
        settings: vec![],
        secrets: [secret("bot", "token")].into(),
    }
}

/// An MCP server with this `spec`.
pub(crate) fn mcp_server(namespace: &str, name: &str, spec: Value) -> WrittenMcpServer {
    WrittenMcpServer {
        source: source("MCPServer", namespace, name),
        created: None,
        collaborators: None,
        spec,
        secret_refs: vec![],
    }
}

fn owned(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

/// A caller as in a rule, e.g. `user:alice` or `virtualaccount:bot`, with teams and roles.
pub(crate) fn caller(subject: &str, teams: &[&str], roles: &[&str]) -> Caller {
    let subject = match subject.split_once(':') {
        Some(("virtualaccount", name)) => Subject::VirtualAccount(name.into()),
        Some(("user", name)) => Subject::User(name.into()),
        _ => panic!("{subject}"),
    };
    Caller {
        subject,
        teams: owned(teams),
        roles: owned(roles),
    }
}

/// A call of a model in the policy namespace by `user:alice`.
pub(crate) fn model_call(names: &[&str]) -> Facts {
    let target = Target::Model {
        namespace: POLICY.into(),
        names: owned(names).into(),
    };
    Facts {
        caller: caller("user:alice", &[], &[]),
        target,
        metadata: BTreeMap::new(),
    }
}

/// A message to MCP servers in the policy namespace by `user:alice`.
pub(crate) fn mcp_call(servers: &[&str], tool: Option<&str>) -> Facts {
    let target = Target::Mcp {
        namespace: POLICY.into(),
        servers: owned(servers).into(),
        tool: tool.map(Arc::from),
        source_tool: None,
        of_any_tool: false,
    };
    Facts {
        caller: caller("user:alice", &[], &[]),
        target,
        metadata: BTreeMap::new(),
    }
}
