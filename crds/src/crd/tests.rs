use std::path::Path;

use serde_json::{Value, json};

use super::{CHART_FOLDER, FOLDER, all, generated};
use crate::guardrail_integration::{GuardrailSpec, Streaming};
use crate::identity_provider::Jwks;
use crate::model_provider::ModelProviderSpec;

#[test]
fn what_is_in_the_repository_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, text) in generated().unwrap() {
        let written = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
        assert!(
            written == text,
            "{path} is not what the types say: run `make crds`"
        );
    }
    for folder in [FOLDER, CHART_FOLDER] {
        let known = std::fs::read_dir(root.join(folder)).unwrap().count();
        let expected = all().unwrap().len();
        assert_eq!(
            known, expected,
            "{folder} holds a file that nothing generates"
        );
    }
}

/// What an API server demands of a schema, so that no cluster is needed to find out.
fn lint(schema: &Value, path: &str, said: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        return;
    };
    let has = |key: &str| object.contains_key(key);
    let open = has("x-kubernetes-preserve-unknown-fields") || has("x-kubernetes-int-or-string");
    if !has("type") && !open {
        said.push(format!("{path}: no type"));
    }
    if has("$ref") {
        said.push(format!("{path}: $ref"));
    }
    if object.get("items").is_some_and(Value::is_array) {
        said.push(format!("{path}: items as a list"));
    }
    if has("additionalProperties") && has("properties") {
        said.push(format!("{path}: additionalProperties beside properties"));
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        let branches = object
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for branch in branches
            .filter(|branch| branch.get("type").is_some() || branch.get("description").is_some())
        {
            said.push(format!("{path}: {key} with more than conditions: {branch}"));
        }
    }
    if matches!(object.get("format").and_then(Value::as_str), Some(format) if format.starts_with("uint"))
    {
        said.push(format!("{path}: an unsigned format, which servers warn of"));
    }
    if object.get("type") == Some(&json!("array")) {
        if !has("maxItems") {
            said.push(format!("{path}: a list without maxItems"));
        }
        if !has("x-kubernetes-list-type") {
            said.push(format!("{path}: a list that does not say how it merges"));
        }
    }
    for (name, field) in object
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let path = format!("{path}.{name}");
        let description = field.get("description").and_then(Value::as_str);
        if description.is_none_or(|text| text.trim().len() < 10) {
            said.push(format!("{path}: nothing for `kubectl explain`"));
        }
        lint(field, &path, said);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(below) = object.get(key).filter(|below| below.is_object()) {
            lint(below, &format!("{path}[]"), said);
        }
    }
}

#[test]
fn schemas_are_structural_and_bounded() {
    let mut said = Vec::new();
    for crd in all().unwrap() {
        let crd = serde_json::to_value(crd).unwrap();
        let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        assert!(root.is_object());
        lint(
            root,
            crd["spec"]["names"]["kind"].as_str().unwrap(),
            &mut said,
        );
    }
    assert!(said.is_empty(), "{said:#?}");
}

#[test]
fn every_pattern_of_a_schema_is_one() {
    fn patterns(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(
                    fields
                        .get("pattern")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
                fields.values().for_each(|field| patterns(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| patterns(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    patterns(&serde_json::to_value(all().unwrap()).unwrap(), &mut found);
    assert!(!found.is_empty());
    for pattern in found {
        assert!(regex::Regex::new(&pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn every_resource_is_namespaced_with_status_and_short_name() {
    for crd in all().unwrap() {
        assert_eq!(
            (crd.spec.group.as_str(), crd.spec.scope.as_str()),
            (crate::GROUP, "Namespaced")
        );
        assert!(
            crd.spec
                .names
                .short_names
                .is_some_and(|names| names.len() == 1)
        );
        assert_eq!(crd.spec.names.categories.unwrap(), ["parapet"]);
        let version = &crd.spec.versions[0];
        assert_eq!(version.name, crate::VERSION);
        assert!(
            version
                .subresources
                .as_ref()
                .is_some_and(|sub| sub.status.is_some())
        );
        assert!(
            version
                .additional_printer_columns
                .as_ref()
                .is_some_and(|columns| columns.len() > 1)
        );
    }
}

#[test]
fn admission_refuses_what_the_reader_refuses() {
    let guardrail = |value: Value| GuardrailSpec::validate_cel(&value, None).is_ok();
    assert!(guardrail(
        json!({"name": "a", "operation": "mutate", "priority": 1, "secretsDetection": {}})
    ));
    assert!(guardrail(json!({"name": "a", "sqlSanitizer": {}})));
    assert!(!guardrail(json!({"name": "a"})));
    assert!(!guardrail(
        json!({"name": "a", "sqlSanitizer": {}, "regex": {}})
    ));
    assert!(!guardrail(
        json!({"name": "a", "priority": 1, "sqlSanitizer": {}})
    ));
    assert!(!guardrail(
        json!({"name": "a", "operation": "validate", "priority": 1, "sqlSanitizer": {}})
    ));

    let streaming = |value: Value| Streaming::validate_cel(&value, None).is_ok();
    assert!(streaming(json!({"mode": "windowed", "size": 512})));
    assert!(streaming(json!({"mode": "buffered"})));
    assert!(!streaming(json!({"mode": "observe", "overlap": 1})));
    assert!(!streaming(json!({"size": 512})));

    let jwks = |value: Value| Jwks::validate_cel(&value, None).is_ok();
    assert!(jwks(json!({"uri": "https://id"})) && jwks(json!({"inline": "{}"})));
    assert!(!jwks(json!({})) && !jwks(json!({"uri": "https://id", "inline": "{}"})));

    let provider = |value: Value| ModelProviderSpec::validate_cel(&value, None).is_ok();
    assert!(provider(json!({"demo": {}})));
    assert!(!provider(json!({})) && !provider(json!({"demo": {}, "openai": {}})));
}

#[test]
fn a_server_learns_the_published_short_names_and_refuses_a_rule_that_does_nothing() {
    let crds = serde_json::to_value(all().unwrap()).unwrap();
    let config = &crds[1];
    assert_eq!(config["spec"]["names"]["kind"], "GuardrailConfig");
    let rule = &config["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        ["rules"]["items"];
    let fields = rule["properties"].as_object().unwrap();
    for name in ["input_guardrails", "llm_input_guardrails"] {
        assert_eq!(fields[name]["type"], "array");
        assert!(
            fields[name].get("default").is_none(),
            "a default would look as if {name} had been given"
        );
    }
    assert_eq!(
        rule["x-kubernetes-validations"].as_array().unwrap().len(),
        3
    );
}

#[test]
fn the_kinds_are_those_that_are_defined() {
    let defined = all().unwrap().into_iter().map(|crd| crd.spec.names);
    let defined: Vec<(String, String)> = defined.map(|names| (names.kind, names.plural)).collect();
    let listed: Vec<(String, String)> = super::KINDS
        .iter()
        .map(|names| (names.kind.to_owned(), names.plural.to_owned()))
        .collect();
    assert_eq!(defined, listed);
    assert!(defined.is_sorted());
}
