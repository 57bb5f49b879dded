//! JSON schemas of everything that the chart renders, strict ones, for a linter that knows no cluster.

use std::path::Path;

use serde_json::{Map, Value, json};

/// Kubernetes' own kinds, from what an API server publishes under `/openapi/v2`, and ours, from their definitions.
/// A file for each, `<group>_<version>_<kind>.json` in lower case.
pub(crate) fn write(openapi: &Value, kinds: &[(String, String)], folder: &Path) {
    let definitions = openapi["definitions"].as_object().unwrap();
    for definition in definitions.values() {
        let named = definition["x-kubernetes-group-version-kind"].as_array();
        for name in named.into_iter().flatten() {
            let text = |member: &str| name[member].as_str().unwrap_or_default().to_owned();
            let version = match text("group").as_str() {
                "" => text("version"),
                group => format!("{group}/{}", text("version")),
            };
            if !kinds.contains(&(version.clone(), text("kind"))) {
                continue;
            }
            let mut under_way = Vec::new();
            let schema = strict(definition, definitions, &mut under_way);
            write_one(folder, &version, &text("kind"), &schema);
        }
    }
    for crd in parapet_crds::crd::all().unwrap() {
        let crd = serde_json::to_value(crd).unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut schema = strict(schema, definitions, &mut Vec::new());
        // The API server adds what every object has.
        for (name, of_all) in [
            ("apiVersion", "string"),
            ("kind", "string"),
            ("metadata", "object"),
        ] {
            schema["properties"][name] = json!({"type": of_all});
        }
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
        write_one(folder, parapet_crds::API_VERSION, kind, &schema);
    }
}

fn write_one(folder: &Path, version: &str, kind: &str, schema: &Value) {
    // Of a kind without a group the linter takes the version for the group.
    let (group, version) = version.split_once('/').unwrap_or((version, version));
    let name = format!("{group}_{version}_{kind}.json").to_lowercase();
    std::fs::write(folder.join(name), schema.to_string()).unwrap();
}

/// A schema with its references replaced, in which members that it does not name are errors.
fn strict(schema: &Value, definitions: &Map<String, Value>, under_way: &mut Vec<String>) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/definitions/");
        if name.ends_with("resource.Quantity") {
            return json!({"type": ["string", "number"]});
        }
        // What holds itself (the schema of a definition does) is not looked at any deeper.
        if under_way.iter().any(|one| one == name) {
            return json!({});
        }
        under_way.push(name.to_owned());
        let replaced = strict(&definitions[name], definitions, under_way);
        under_way.pop();
        return replaced;
    }
    if schema["format"] == "int-or-string" || schema["x-kubernetes-int-or-string"] == true {
        return json!({"type": ["string", "integer"]});
    }
    let mut strictened = Map::new();
    for (key, value) in schema.as_object().unwrap() {
        let value = match key.as_str() {
            "properties" => value
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, member)| (name.clone(), strict(member, definitions, under_way)))
                .collect(),
            "items" | "additionalProperties" if value.is_object() => {
                strict(value, definitions, under_way)
            }
            "type" | "enum" | "required" | "pattern" | "minimum" | "maximum" | "minLength"
            | "maxLength" | "minItems" | "maxItems" => value.clone(),
            _ => continue,
        };
        strictened.insert(key.clone(), value);
    }
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
    if !open && schema["properties"].is_object() && schema["additionalProperties"].is_null() {
        strictened.insert("additionalProperties".to_owned(), json!(false));
    }
    Value::Object(strictened)
}
