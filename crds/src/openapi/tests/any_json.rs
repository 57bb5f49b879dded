//! Whatever a document holds, reading it ends, and in bounds.

use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::openapi::limits::{MAX_NAME, MAX_TOTAL_BYTES};

/// Words that lead the reader somewhere.
const WORDS: &[&str] = &[
    "openapi",
    "paths",
    "/x",
    "/x/{id}",
    "get",
    "post",
    "delete",
    "parameters",
    "name",
    "in",
    "query",
    "path",
    "header",
    "schema",
    "$ref",
    "#/components/schemas/A",
    "#/components/schemas/B",
    "#/paths/~1x",
    "#/",
    "#",
    "components",
    "schemas",
    "A",
    "B",
    "requestBody",
    "content",
    "application/json",
    "required",
    "type",
    "object",
    "array",
    "items",
    "properties",
    "allOf",
    "oneOf",
    "anyOf",
    "additionalProperties",
    "responses",
    "200",
    "enum",
    "nullable",
    "servers",
    "url",
    "style",
    "explode",
    "deepObject",
    "operationId",
    "tags",
    "id",
    "exclusiveMinimum",
    "minimum",
    "prefixItems",
    "const",
    "default",
    "description",
    "readOnly",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(WORDS).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ]
}

fn any_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        word().prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            3 => prop::collection::vec((word(), inner), 0..6).prop_map(|members| {
                Json::Object(members.into_iter().collect::<Map<_, _>>())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = read(&text, &Wanted::default());
    }

    #[test]
    fn any_document_is_read_or_refused(
        operation in any_value(),
        item in any_value(),
        one in any_value(),
        other in any_value(),
    ) {
        let whole = json!({
            "openapi": "3.1.0",
            "paths": {"/x/{id}": {"post": operation, "get": {}, "parameters": [one]}, "/x": item},
            "components": {"schemas": {"A": one, "B": other}},
        });
        if let Ok(api) = all(&whole) {
            let mut bytes = 0;
            for operation in &api.operations {
                prop_assert!(!operation.name.is_empty() && operation.name.len() <= MAX_NAME);
                prop_assert_eq!(&operation.definition["inputSchema"]["type"], "object");
                bytes += operation.definition.to_string().len();
            }
            prop_assert!(bytes <= MAX_TOTAL_BYTES);
        }
    }

    #[test]
    fn any_schema_of_a_body_is_read_or_refused(one in any_value(), other in any_value()) {
        let operation = json!({
            "requestBody": {"required": true, "content": {"application/json": {"schema": one}}},
            "responses": {"200": {"content": {"application/json": {"schema": other}}}},
        });
        let whole = document(json!({"/x": {"post": operation}}), json!({"schemas": {"A": one, "B": other}}));
        let _ = all(&whole);
    }
}
