//! One definition: what all of them have in common, and what a kind adds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::schema::{OptionalEnum, OptionalIntOrString, StructuralSchemaRewriter};
use schemars::generate::SchemaSettings;
use schemars::transform::AddNullable;
use serde_json::{Value, json};

use super::{CrdError, Names};
use crate::mcp_server::McpServerSpec;
use crate::resource::Spec;
use crate::status::ResourceStatus;
use crate::status::pinning::PinningStatus;

/// A column of `kubectl get`.
pub(super) struct Column {
    /// Its head.
    pub(super) name: &'static str,
    /// Its type: `string`, `date` or `integer`.
    pub(super) of: &'static str,
    /// Where its value is.
    pub(super) path: &'static str,
    /// Whether it shows with `-o wide` only.
    pub(super) wide: bool,
}

/// What every kind shows, after its own columns.
const COLUMNS: &[Column] = &[
    Column {
        name: "Accepted",
        of: "string",
        path: ".status.conditions[?(@.type==\"Accepted\")].status",
        wide: false,
    },
    Column {
        name: "Resolved",
        of: "string",
        path: ".status.conditions[?(@.type==\"ResolvedRefs\")].status",
        wide: false,
    },
    Column {
        name: "Programmed",
        of: "string",
        path: ".status.conditions[?(@.type==\"Programmed\")].message",
        wide: false,
    },
    Column {
        name: "Revision",
        of: "string",
        path: ".status.gateways.snapshot",
        wide: true,
    },
    Column {
        name: "Reason",
        of: "string",
        path: ".status.conditions[?(@.type==\"Accepted\")].message",
        wide: true,
    },
    Column {
        name: "Age",
        of: "date",
        path: ".metadata.creationTimestamp",
        wide: false,
    },
];

/// The definition of the kind with this `spec`. `selectable` are fields of the spec that `--field-selector` takes.
pub(super) fn definition<S: Spec>(
    names: Names,
    columns: &[Column],
    selectable: &[&str],
) -> Result<CustomResourceDefinition, CrdError> {
    let spec = schema::<S>();
    let mut status = schema::<ResourceStatus>();
    if S::KIND == McpServerSpec::KIND {
        status["properties"]["pinning"] = schema::<PinningStatus>();
    }
    let description = spec.get("description").cloned().unwrap_or_default();
    let columns = columns.iter().chain(COLUMNS).map(|column| {
        let priority = column.wide.then_some(1);
        json!({"name": column.name, "type": column.of, "jsonPath": column.path, "priority": priority})
    });
    let selectable: Vec<Value> = selectable
        .iter()
        .map(|field| json!({"jsonPath": format!(".spec.{field}")}))
        .collect();
    let version = json!({
        "name": crate::VERSION,
        "served": true,
        "storage": true,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns.collect::<Vec<_>>(),
        "selectableFields": Some(selectable).filter(|fields| !fields.is_empty()),
        "schema": {"openAPIV3Schema": {
            "type": "object",
            "description": description,
            "required": ["spec"],
            "properties": {"spec": spec, "status": status},
        }},
    });
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{}.{}", names.plural, crate::GROUP)},
        "spec": {
            "group": crate::GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.kind,
                "plural": names.plural,
                "singular": names.kind.to_ascii_lowercase(),
                "shortNames": [names.short],
                "categories": ["parapet"],
            },
            "versions": [version],
        },
    });
    serde_json::from_value(crd).map_err(|source| CrdError::Schema {
        kind: names.kind,
        source,
    })
}

/// A type's schema in the form that Kubernetes takes: nothing referred to, one type a node.
fn schema<T: schemars::JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(AddNullable::default())
        .with_transform(StructuralSchemaRewriter)
        .with_transform(OptionalEnum)
        .with_transform(OptionalIntOrString);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    if let Some(fields) = schema.as_object_mut() {
        // The name of a Rust type is nobody's business.
        fields.remove("title");
    }
    say_how_lists_merge(&mut schema);
    schema
}

/// A list that says nothing itself belongs to one writer as a whole.
fn say_how_lists_merge(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("type") == Some(&json!("array")) {
                fields
                    .entry("x-kubernetes-list-type")
                    .or_insert(json!("atomic"));
            }
            fields.values_mut().for_each(say_how_lists_merge);
        }
        Value::Array(items) => items.iter_mut().for_each(say_how_lists_merge),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
