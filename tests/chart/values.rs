//! `values.yaml`, its schema and its page say the same, and what is misspelt is refused.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Helm, documents, file};

#[test]
fn what_is_wrong_is_refused_with_where_it_is() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let rows = [
        (
            "replicas: 3",
            "additional properties 'replicas' not allowed",
        ),
        (
            "gateway: {replica: 3}",
            "at '/gateway': additional properties 'replica' not allowed",
        ),
        ("gateway: {replicas: three}", "at '/gateway/replicas'"),
        (
            "gateway: {drain: {timeoutSeconds: 60s}}",
            "at '/gateway/drain/timeoutSeconds'",
        ),
        ("gateway: {image: {tag: 'a:b'}}", "at '/gateway/image/tag'"),
        (
            "gateway: {image: {digest: 'sha256:1'}}",
            "at '/gateway/image/digest'",
        ),
        ("gateway: {records: stderr}", "one of 'stdout', 'none'"),
        (
            "gateway: {cache: {sizeLimit: much}}",
            "at '/gateway/cache/sizeLimit'",
        ),
        (
            "gateway: {resources: {limit: {memory: 1Gi}}}",
            "additional properties 'limit' not allowed",
        ),
        ("gateway: {class: 'a.b'}", "at '/gateway/class'"),
        ("installation: 'a b'", "at '/installation'"),
        ("operator: {replicas: 0}", "at '/operator/replicas'"),
        (
            "telemetry: {otlp: {endpoint: 'collector:4317'}}",
            "at '/telemetry/otlp/endpoint'",
        ),
        ("telemetry: {sampler: sometimes}", "at '/telemetry/sampler'"),
        (
            "forwarder: {enabled: true}",
            "forwarder.enabled needs telemetry.otlp.endpoint",
        ),
        ("nats: {replicas: 2}", "value must be one of 1, 3"),
        (
            "nats: {external: {urls: ['http://nats:4222']}}",
            "at '/nats/external/urls/0'",
        ),
        (
            "nats: {external: {credentials: {type: password}}}",
            "one of 'nkey', 'creds'",
        ),
        ("watchNamespaces: [Team]", "at '/watchNamespaces/0'"),
        ("watchNamespaces: team", "at '/watchNamespaces'"),
        (
            "networkPolicy: {upstreamPorts: [70000]}",
            "at '/networkPolicy/upstreamPorts/0'",
        ),
        (
            "networkPolicy: {apiServerPorts: []}",
            "minItems: got 0, want 1",
        ),
        ("httpRoute: {enabled: true}", "at '/httpRoute/parentRefs'"),
        ("ingress: {enabled: true}", "at '/ingress/hosts'"),
        ("webhook: {missing: maybe}", "one of 'warn', 'refuse'"),
        (
            "keys: {existingSecrets: {operator: own}}",
            "the keys belong together",
        ),
        (
            "metrics: {podMonitor: {enabled: true}, serviceMonitor: {enabled: true}}",
            "would read everything twice",
        ),
    ];
    for (values, expected) in rows {
        match helm.template(values) {
            Ok(_) => panic!("{values} is taken"),
            Err(said) => assert!(said.contains(expected), "{values}: {said}"),
        }
    }
}

/// Every leaf by its path; a mapping of strings or a list is one.
fn leaves(value: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(member, &path, found);
            }
        }
        leaf => {
            found.insert(path.to_owned(), leaf.clone());
        }
    }
}

/// Every member that a schema names, by its path, as deep as it names them.
fn named(schema: &Value, root: &Value, path: &str, found: &mut Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    match schema["properties"].as_object() {
        Some(members) => {
            assert_eq!(
                schema["additionalProperties"], false,
                "{path}: misspelt members pass"
            );
            for (name, member) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                named(member, root, &path, found);
            }
        }
        None => found.push(path.to_owned()),
    }
}

#[test]
fn the_schema_knows_exactly_what_values_yaml_has() {
    let values = documents(&file("helm/parapet/values.yaml")).remove(0);
    let schema: Value = serde_json::from_str(&file("helm/parapet/values.schema.json")).unwrap();
    let mut in_schema = Vec::new();
    named(&schema, &schema, "", &mut in_schema);
    // What Helm itself puts in, and members of Kubernetes' own types that have no default.
    in_schema.retain(|path| path != "global" && !path.ends_with(".resources.claims"));
    let missing: Vec<&String> = in_schema
        .iter()
        .filter(|path| {
            values
                .pointer(&format!("/{}", path.replace('.', "/")))
                .is_none()
        })
        // A registry of one component's own replaces that of all.
        .filter(|path| !path.ends_with(".image.registry"))
        .collect();
    assert!(missing.is_empty(), "not in values.yaml: {missing:?}");
    let mut in_values = BTreeMap::new();
    leaves(&values, "", &mut in_values);
    for path in in_values.keys() {
        let known = in_schema
            .iter()
            .any(|known| path == known || path.starts_with(&format!("{known}.")));
        assert!(known, "not in the schema: {path}");
    }
}

/// The page's table: a row for each value that `values.yaml` describes, which is every one.
fn table() -> String {
    let text = file("helm/parapet/values.yaml");
    let values = documents(&text).remove(0);
    let mut rows = String::from("| value | default | |\n| --- | --- | --- |\n");
    let mut described = Vec::new();
    // The names above a line, with their indentation.
    let mut above: Vec<(usize, &str)> = Vec::new();
    let mut meaning: Option<&str> = None;
    for line in text.lines() {
        let indentation = line.len() - line.trim_start().len();
        let line = line.trim_start();
        if let Some(said) = line.strip_prefix("# -- ") {
            assert_eq!(meaning, None, "said of nothing: {meaning:?}");
            meaning = Some(said);
            continue;
        }
        let Some((name, _)) = line.split_once(':').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        while above.last().is_some_and(|(deep, _)| *deep >= indentation) {
            above.pop();
        }
        above.push((indentation, name));
        let Some(said) = meaning.take() else {
            continue;
        };
        let path: Vec<&str> = above.iter().map(|(_, name)| *name).collect();
        let value = values.pointer(&format!("/{}", path.join("/"))).unwrap();
        let path = path.join(".");
        rows.push_str(&format!("| `{path}` | `{value}` | {said} |\n"));
        described.push(path);
    }
    let mut all = BTreeMap::new();
    leaves(&values, "", &mut all);
    for path in all.keys() {
        let is_described = described
            .iter()
            .any(|known| path == known || path.starts_with(&format!("{known}.")));
        assert!(is_described, "values.yaml says nothing of {path}");
    }
    rows
}

#[test]
fn the_page_lists_every_value() {
    let page = file("helm/parapet/README.md");
    let table = table();
    if std::env::var_os("UPDATE").is_some() {
        let (before, _) = page.split_once("| value |").unwrap_or((&page, ""));
        let path = crate::support::repository("helm/parapet/README.md");
        std::fs::write(path, format!("{before}{table}")).unwrap();
        return;
    }
    assert!(
        page.ends_with(&table),
        "helm/parapet/README.md is not what values.yaml says: the page tells how to write it anew"
    );
}
