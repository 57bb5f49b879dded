use serde_json::{Value as Json, json};

use super::{Api, Operation, Problem, Wanted, read};

mod any_json;
mod bad;
mod bodies;
mod definitions;
mod names;
mod published;
mod schemas;

/// A document with these paths and components.
fn document(paths: Json, components: Json) -> Json {
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Test", "version": "1"},
        "servers": [{"url": "https://api.example.com/v1"}],
        "paths": paths,
        "components": components,
    })
}

/// What a document comes to when everything is wanted.
fn all(document: &Json) -> Result<Api, Problem> {
    read(&document.to_string(), &Wanted::default())
}

/// The only operation of a document with this one, below `/x`.
fn only(operation: Json, components: Json) -> Operation {
    let mut api = all(&document(json!({"/x": {"post": operation}}), components)).unwrap();
    assert_eq!(api.operations.len(), 1, "{:?}", api.remarks);
    api.operations.remove(0)
}

/// An operation that is sent JSON of this schema.
fn sent(schema: Json) -> Json {
    json!({"requestBody": {"required": true, "content": {"application/json": {"schema": schema}}}})
}

fn names(api: &Api) -> Vec<&str> {
    api.operations
        .iter()
        .map(|operation| operation.name.as_str())
        .collect()
}
