//! One document: which resource it is, and what it says.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use parapet_policy::bundle::SecretId;
use parapet_policy::compile::{
    Created, Written, WrittenAccount, WrittenConfig, WrittenIntegration, WrittenMcpServer,
    WrittenProvider, WrittenResource,
};
use parapet_policy::diagnostic::{Severity, Source};
use serde_json::Value as Json;

use super::node::Node;
use super::remark::Remark;
use super::secrets::{self, Secrets};
use super::shape::{self, Path};
use crate::convert;
use crate::gateway_settings::GatewaySettingsSpec;
use crate::guardrail_config::GuardrailConfigSpec;
use crate::guardrail_integration::GuardrailIntegrationSpec;
use crate::identity_provider::IdentityProviderSpec;
use crate::mcp_server::McpServerSpec;
use crate::model_provider::ModelProviderSpec;
use crate::resource::Spec;
use crate::virtual_account::VirtualAccountSpec;

/// What a document says, ready for the compiler.
#[derive(Debug)]
pub(super) enum Document {
    /// `GuardrailIntegration`.
    Integration(WrittenIntegration),
    /// `GuardrailConfig`.
    Config(WrittenConfig),
    /// `ModelProvider`.
    Provider(WrittenProvider),
    /// `MCPServer`.
    McpServer(WrittenMcpServer),
    /// `VirtualAccount`.
    Account(WrittenAccount),
    /// `IdentityProvider`.
    IdentityProvider(WrittenResource),
    /// `GatewaySettings`.
    Settings(WrittenResource),
    /// A core `Secret`.
    Secret(Secrets),
}

impl Document {
    /// Adds a resource to what is written; a Secret has nothing to add.
    pub(super) fn add_to(&self, written: &mut Written) {
        match self {
            Self::Integration(one) => written.integrations.push(one.clone()),
            Self::Config(one) => written.configs.push(one.clone()),
            Self::Provider(one) => written.providers.push(one.clone()),
            Self::McpServer(one) => written.mcp_servers.push(one.clone()),
            Self::Account(one) => written.accounts.push(one.clone()),
            Self::IdentityProvider(one) => written.identity_providers.push(one.clone()),
            Self::Settings(one) => written.settings.push(one.clone()),
            Self::Secret(_) => {}
        }
    }

    /// The same, from no file.
    pub(super) fn without_file(mut self) -> Self {
        let source = match &mut self {
            Self::Integration(one) => &mut one.source,
            Self::Config(one) => &mut one.source,
            Self::Provider(one) => &mut one.source,
            Self::McpServer(one) => &mut one.source,
            Self::Account(one) => &mut one.source,
            Self::IdentityProvider(one) | Self::Settings(one) => &mut one.source,
            Self::Secret(_) => return self,
        };
        source.file = None;
        self
    }

    /// Every Secret value that a resource names.
    pub(super) fn secret_refs(&self) -> Vec<SecretId> {
        let named = |refs: &[(String, SecretId)]| refs.iter().map(|(_, id)| id.clone()).collect();
        match self {
            Self::Integration(one) => {
                let guardrails = one.guardrails.iter();
                guardrails
                    .flat_map(|guardrail| guardrail.secret_refs.iter().map(|(_, id)| id.clone()))
                    .collect()
            }
            Self::Provider(one) => named(&one.secret_refs),
            Self::McpServer(one) => named(&one.secret_refs),
            Self::Account(one) => one.tokens.clone(),
            Self::IdentityProvider(one) | Self::Settings(one) => named(&one.secret_refs),
            Self::Config(_) | Self::Secret(_) => Vec::new(),
        }
    }
}

/// The kinds that are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Integration,
    Config,
    Provider,
    McpServer,
    Account,
    IdentityProvider,
    Settings,
    Secret,
}

/// Our kinds by the name in a document.
const KINDS: &[(&str, Kind)] = &[
    (GatewaySettingsSpec::KIND, Kind::Settings),
    (GuardrailConfigSpec::KIND, Kind::Config),
    (GuardrailIntegrationSpec::KIND, Kind::Integration),
    (IdentityProviderSpec::KIND, Kind::IdentityProvider),
    (McpServerSpec::KIND, Kind::McpServer),
    (ModelProviderSpec::KIND, Kind::Provider),
    (VirtualAccountSpec::KIND, Kind::Account),
];

/// Fields of a Kubernetes object's metadata. They are all allowed, and a slip of the pen is not.
const METADATA: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What the top of a document tells.
pub(super) enum Head {
    /// It is one of ours.
    Ours(OurHead),
    /// It is not.
    Foreign { severity: Severity, message: String },
}

/// The top of one of our documents.
pub(super) struct OurHead {
    pub(super) kind: Kind,
    /// Without the file.
    pub(super) source: Source,
    /// (path, message).
    pub(super) problems: Vec<(String, String)>,
}

/// Looks at the top of a document.
pub(super) fn head(node: &Node, policy_namespace: &Arc<str>) -> Head {
    let foreign = |severity, message: String| Head::Foreign { severity, message };
    let text = |name: &str| node.field(name).and_then(Node::text);
    let (Some(api_version), Some(kind_name)) = (text("apiVersion"), text("kind")) else {
        let ours = text("kind").filter(|name| KINDS.iter().any(|(known, _)| known == name));
        let message = match (ours, text("apiVersion"), text("kind")) {
            (Some(kind), _, _) => {
                format!(
                    "this {kind} has no apiVersion: write `apiVersion: {}`",
                    crate::API_VERSION
                )
            }
            (None, Some(_), _) => "this is no resource: it has no kind".to_owned(),
            (None, None, Some(_)) => "this is no resource: it has no apiVersion".to_owned(),
            (None, None, None) => "this is no resource: it has no apiVersion and kind".to_owned(),
        };
        return foreign(Severity::Error, message);
    };
    let known = KINDS.iter().find(|(name, _)| *name == kind_name);
    let (group, _) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = match known {
        Some((_, kind)) if api_version == crate::API_VERSION => *kind,
        Some(_) => {
            let message = format!(
                "{kind_name} is of apiVersion {}, not {api_version:?}",
                crate::API_VERSION
            );
            return foreign(Severity::Error, message);
        }
        None if group == crate::GROUP => {
            let message = shape::unknown("kind", kind_name, KINDS.iter().map(|(name, _)| *name));
            return foreign(Severity::Error, message);
        }
        None if api_version == "v1" && kind_name == "Secret" => Kind::Secret,
        None => {
            let message = format!("{kind_name:?} of {api_version:?} is none of our kinds: ignored");
            return foreign(Severity::Warning, message);
        }
    };
    let mut problems = Vec::new();
    let allowed: &[&str] = match kind {
        Kind::Secret => &[
            "apiVersion",
            "data",
            "immutable",
            "kind",
            "metadata",
            "stringData",
            "type",
        ],
        _ => &["apiVersion", "kind", "metadata", "spec", "status"],
    };
    only(node, "", allowed, &mut problems);
    if let Some(metadata) = node.field("metadata") {
        only(metadata, "metadata.", METADATA, &mut problems);
    }
    let given = |name: &str| {
        node.field("metadata")
            .and_then(|m| m.field(name))
            .and_then(Node::text)
    };
    let name = given("name").unwrap_or_default();
    let namespace = given("namespace").map_or_else(|| Arc::clone(policy_namespace), Arc::from);
    for (path, name, dots) in [
        ("metadata.name", name, true),
        ("metadata.namespace", &namespace, false),
    ] {
        if let Err(message) = check_name(name, dots) {
            problems.push((path.to_owned(), message));
        }
    }
    let source = Source {
        kind: kind_name.into(),
        namespace,
        name: name.into(),
        file: None,
    };
    Head::Ours(OurHead {
        kind,
        source,
        problems,
    })
}

/// Only `allowed` fields.
fn only(node: &Node, above: &str, allowed: &[&str], problems: &mut Vec<(String, String)>) {
    for field in node
        .fields()
        .iter()
        .filter(|field| !allowed.contains(&field.name.as_str()))
    {
        let message = shape::unknown("field", &field.name, allowed.iter().copied());
        problems.push((format!("{above}{}", field.name), message));
    }
}

/// Kubernetes' rules for names: RFC 1123, with dots for resources.
fn check_name(name: &str, dots: bool) -> Result<(), String> {
    let most = if dots { 253 } else { 63 };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(plain)
            && part.ends_with(plain)
            && part.chars().all(|c| plain(c) || c == '-')
    };
    let fits = if dots {
        name.split('.').all(part)
    } else {
        part(name)
    };
    if name.is_empty() {
        Err("the name is missing".to_owned())
    } else if name.len() > most || !fits {
        Err(format!(
            "{:?} is no name: lower-case letters, digits and '-', a letter or digit first and last, at most {most}",
            name.chars().take(64).collect::<String>()
        ))
    } else {
        Ok(())
    }
}

/// What is said about one document.
pub(super) struct Said<'a> {
    pub(super) source: &'a Source,
    pub(super) remarks: Vec<Remark>,
}

/// Reads the body of a document; none when its shape is wrong. A Secret's texts are overwritten.
pub(super) fn read(node: &mut Node, kind: Kind, said: &mut Said<'_>) -> Option<Document> {
    match kind {
        Kind::Integration => read_spec(node, said, convert::integration).map(Document::Integration),
        Kind::Config => read_spec(node, said, convert::config).map(Document::Config),
        Kind::Provider => read_spec(node, said, convert::provider).map(Document::Provider),
        Kind::McpServer => read_spec(node, said, convert::mcp_server).map(Document::McpServer),
        Kind::Account => read_spec(node, said, convert::account).map(Document::Account),
        Kind::IdentityProvider => {
            read_spec(node, said, convert::identity_provider).map(Document::IdentityProvider)
        }
        Kind::Settings => read_spec(
            node,
            said,
            |spec: &GatewaySettingsSpec, created, said: &mut convert::Said<'_>| {
                convert::resource(spec, created, said)
            },
        )
        .map(Document::Settings),
        Kind::Secret => {
            let (values, problems) =
                secrets::from_document(node, &said.source.namespace, &said.source.name);
            for problem in problems {
                said.problem(node, problem);
            }
            Some(Document::Secret(values))
        }
    }
}

/// Checks a `spec` against its schema, then reads and converts it.
fn read_spec<S: Spec, W>(
    node: &Node,
    said: &mut Said<'_>,
    convert: impl FnOnce(&S, Created, &mut convert::Said<'_>) -> W,
) -> Option<W> {
    let Some(spec) = node.field("spec") else {
        said.diagnostic(
            String::new(),
            "the field \"spec\" is missing".to_owned(),
            node.position,
        );
        return None;
    };
    let mut problems = Vec::new();
    let json = shape::walk(schema::<S>()?, spec, Path::Root("spec"), &mut problems);
    if !problems.is_empty() {
        for problem in problems {
            said.diagnostic(problem.path, problem.message, problem.position);
        }
        return None;
    }
    let spec: S = match serde_json::from_value(json) {
        Ok(spec) => spec,
        Err(error) => {
            let message = without_values(&error.to_string());
            said.diagnostic("spec".to_owned(), message, spec.position);
            return None;
        }
    };
    let metadata = node.field("metadata");
    let created = metadata
        .and_then(|m| m.field("creationTimestamp"))
        .and_then(Node::text)
        .map(str::to_owned);
    let mut diagnostics = Vec::new();
    let written = convert(
        &spec,
        created,
        &mut convert::Said {
            source: said.source,
            diagnostics: &mut diagnostics,
        },
    );
    for diagnostic in diagnostics {
        let position = node.locate(&diagnostic.path);
        said.remarks.push(Remark {
            diagnostic,
            position,
        });
    }
    Some(written)
}

/// A reader's error names the text that it did not expect; the text may be a secret.
fn without_values(message: &str) -> String {
    match (
        message.find('`').or(message.find('"')),
        message.rfind(", expected "),
    ) {
        (Some(from), Some(to)) if from < to => {
            format!(
                "{}...{}",
                message.get(..from).unwrap_or_default(),
                message.get(to..).unwrap_or_default()
            )
        }
        _ => message.to_owned(),
    }
}

/// The schema of a kind's `spec`.
fn schema<S: Spec>() -> Option<&'static Json> {
    static SCHEMAS: LazyLock<BTreeMap<&'static str, Json>> = LazyLock::new(|| {
        fn of<S: Spec>() -> (&'static str, Json) {
            (S::KIND, schemars::schema_for!(S).to_value())
        }
        BTreeMap::from([
            of::<GatewaySettingsSpec>(),
            of::<GuardrailConfigSpec>(),
            of::<GuardrailIntegrationSpec>(),
            of::<IdentityProviderSpec>(),
            of::<McpServerSpec>(),
            of::<ModelProviderSpec>(),
            of::<VirtualAccountSpec>(),
        ])
    });
    SCHEMAS.get(S::KIND)
}
