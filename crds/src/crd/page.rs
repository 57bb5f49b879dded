//! `docs/resources.md`: every field of every resource.

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};

const INTRO: &str = include_str!("intro.md");

/// The whole page.
pub(super) fn render(crds: &[CustomResourceDefinition]) -> String {
    let mut page = INTRO.to_owned();
    for crd in crds {
        // Writing to a String cannot fail.
        let names = &crd.spec.names;
        let short = names
            .short_names
            .iter()
            .flatten()
            .map(|name| format!(", short `{name}`"));
        let _ = write!(
            page,
            "\n## {}\n\n`kubectl get {}`{}\n",
            names.kind,
            names.plural,
            short.collect::<String>()
        );
        let schema = crd
            .spec
            .versions
            .first()
            .and_then(|version| version.schema.as_ref());
        let spec = schema
            .and_then(|schema| schema.open_api_v3_schema.as_ref())
            .and_then(|root| root.properties.as_ref())
            .and_then(|properties| properties.get("spec"));
        let Some(spec) = spec else { continue };
        let _ = write!(
            page,
            "\n{}\n\n| field | type | meaning |\n| --- | --- | --- |\n",
            one_line(spec)
        );
        fields(spec, "spec", &mut page);
        for rule in rules(spec) {
            let _ = write!(page, "\nRefused: {rule}\n");
        }
    }
    page
}

/// One line for each field below `schema`.
fn fields(schema: &JSONSchemaProps, path: &str, page: &mut String) {
    let required = schema.required.as_deref().unwrap_or_default();
    for (name, field) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        let must = if required.contains(name) {
            ", required"
        } else {
            ""
        };
        let _ = writeln!(
            page,
            "| `{path}` | {}{must} | {} |",
            type_of(field),
            one_line(field)
        );
        if !is_secret(field) {
            below(field, &path, page);
        }
    }
}

fn below(schema: &JSONSchemaProps, path: &str, page: &mut String) {
    fields(schema, path, page);
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items
        && !is_secret(item)
    {
        below(item, &format!("{path}[]"), page);
    }
    if let Some(value) = values(schema).filter(|value| !is_secret(value)) {
        below(value, &format!("{path}.*"), page);
    }
}

/// The schema of a mapping's values.
fn values(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrBool;
    match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(value)) => Some(value),
        Some(JSONSchemaPropsOrBool::Bool(_)) | None => None,
    }
}

fn is_secret(schema: &JSONSchemaProps) -> bool {
    let properties = schema.properties.as_ref();
    properties.is_some_and(|p| p.len() == 1 && p.contains_key("secretKeyRef"))
}

fn type_of(schema: &JSONSchemaProps) -> String {
    if is_secret(schema) {
        return "`{secretKeyRef: {name, key}}`".to_owned();
    }
    if let Some(choices) = &schema.enum_ {
        let texts = choices.iter().filter_map(|choice| choice.0.as_str());
        return texts
            .map(|text| format!("`{text}`"))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let item = || match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => type_of(item),
        Some(JSONSchemaPropsOrArray::Schemas(_)) | None => "anything".to_owned(),
    };
    match schema.type_.as_deref() {
        Some("array") => format!("list of {}", item()),
        Some("object") if schema.additional_properties.is_some() => {
            format!(
                "mapping to {}",
                values(schema).map_or_else(|| "anything".to_owned(), type_of)
            )
        }
        Some("object") => "mapping".to_owned(),
        Some("string") => "text".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some(other) => other.to_owned(),
        None => "text or `{secretKeyRef: {name, key}}`".to_owned(),
    }
}

/// Description, default and bounds.
fn one_line(schema: &JSONSchemaProps) -> String {
    let description = schema.description.as_deref().unwrap_or_default();
    let mut line = description
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|");
    if let Some(default) = &schema.default {
        let plain = default
            .0
            .as_str()
            .map_or_else(|| default.0.to_string(), str::to_owned);
        // Nothing, and mappings of defaults that have lines of their own, say nothing here.
        if !matches!(plain.as_str(), "" | "[]" | "{}" | "null") && !default.0.is_object() {
            let _ = write!(line, " Default `{plain}`.");
        }
    }
    let bounds = [("at least", schema.minimum), ("at most", schema.maximum)];
    for (word, bound) in bounds {
        if let Some(bound) = bound {
            let _ = write!(line, " {}{} {bound}.", word[..1].to_uppercase(), &word[1..]);
        }
    }
    line.trim().to_owned()
}

/// The messages of all rules at and below a schema.
fn rules(schema: &JSONSchemaProps) -> Vec<String> {
    let own = schema.x_kubernetes_validations.iter().flatten();
    let mut found: Vec<String> = own.filter_map(|rule| rule.message.clone()).collect();
    for field in schema
        .properties
        .iter()
        .flat_map(|properties| properties.values())
    {
        found.extend(rules(field));
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        found.extend(rules(item));
    }
    found
}
