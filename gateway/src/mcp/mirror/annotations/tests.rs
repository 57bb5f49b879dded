use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::*;
use crate::mcp::surfaces::Parsed;

fn of(schema: &Json) -> Result<Vec<Annotation>, Invalid> {
    let definition = json!({"name": "t", "inputSchema": schema}).to_string();
    let definition = Parsed::read(Arc::new(definition), 1 << 20).unwrap();
    annotations(definition.root())
}

fn object(properties: &Json) -> Json {
    json!({"type": "object", "properties": properties})
}

#[test]
fn annotated_arguments_are_found_at_any_depth() {
    let schema = object(&json!({
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"x-mcp-header": "Count", "type": "integer"},
        "place": {"type": "object", "properties": {
            "exact": {"type": "boolean", "x-mcp-header": "Exact_Place!"},
            // A property of this name annotates nothing.
            "x-mcp-header": {"type": "string"},
        }},
        // Neither does data.
        "free": {"type": "object", "default": {"x-mcp-header": "A"}, "examples": [{"x-mcp-header": "B"}]},
    }));
    let found = of(&schema).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|found| (found.header.as_str(), found.path.join(".")))
        .collect();
    let expected = [
        ("mcp-param-count", "count"),
        ("mcp-param-exact_place!", "place.exact"),
        ("mcp-param-region", "region"),
    ];
    let mut found_sorted = found.clone();
    found_sorted.sort();
    assert_eq!(
        found_sorted,
        expected.map(|(header, path)| (header, path.to_owned()))
    );
    assert_eq!(of(&json!({"type": "object"})), Ok(Vec::new()));
}

/// The cases of the client scenario `http-invalid-tool-headers` of the conformance suite, and each place where the
/// specification has none.
#[test]
fn annotations_that_no_header_can_follow_are_wrong() {
    let one = |name: Json, of: Json| object(&json!({"a": {"type": of, "x-mcp-header": name}}));
    let string = || json!({"type": "string", "x-mcp-header": "X"});
    let rows = [
        (one(json!(""), json!("string")), Invalid::Name),
        (one(json!(7), json!("string")), Invalid::Name),
        (one(json!("My Region"), json!("string")), Invalid::Name),
        (one(json!("Region:Primary"), json!("string")), Invalid::Name),
        (one(json!("R\u{e9}gion"), json!("string")), Invalid::Name),
        (one(json!("Region\t1"), json!("string")), Invalid::Name),
        (one(json!("X"), json!("object")), Invalid::Type),
        (one(json!("X"), json!("array")), Invalid::Type),
        (one(json!("X"), json!("null")), Invalid::Type),
        (one(json!("X"), json!("number")), Invalid::Type),
        (one(json!("X"), json!(["string", "null"])), Invalid::Type),
        (one(json!("X"), Json::Null), Invalid::Type),
        (
            object(&json!({"a": {"type": "string", "x-mcp-header": "Field"},
                "b": {"type": "string", "x-mcp-header": "field"}})),
            Invalid::Twice,
        ),
        (
            json!({"type": "string", "x-mcp-header": "X"}),
            Invalid::Place,
        ),
        (
            object(&json!({"a": {"type": "array", "items": string()}})),
            Invalid::Place,
        ),
        (
            object(&json!({"a": {"type": "array", "items": {"properties": {"b": string()}}}})),
            Invalid::Place,
        ),
        (object(&json!({"a": {"oneOf": [string()]}})), Invalid::Place),
        (
            json!({"anyOf": [object(&json!({"a": string()}))]}),
            Invalid::Place,
        ),
        (
            json!({"allOf": [{}, object(&json!({"a": string()}))]}),
            Invalid::Place,
        ),
        (
            json!({"not": object(&json!({"a": string()}))}),
            Invalid::Place,
        ),
        (
            json!({"if": object(&json!({"a": string()}))}),
            Invalid::Place,
        ),
        (
            json!({"then": object(&json!({"a": string()}))}),
            Invalid::Place,
        ),
        (
            json!({"else": object(&json!({"a": string()}))}),
            Invalid::Place,
        ),
        (
            json!({"$defs": {"d": object(&json!({"a": string()}))}}),
            Invalid::Place,
        ),
        (
            json!({"patternProperties": {"^x": string()}}),
            Invalid::Place,
        ),
        (json!({"additionalProperties": string()}), Invalid::Place),
    ];
    for (schema, expected) in rows {
        assert_eq!(of(&schema), Err(expected), "{schema}");
    }
    let many: serde_json::Map<String, Json> = (0..=MOST)
        .map(|index| {
            let name = format!("X{index}");
            (
                name.clone(),
                json!({"type": "string", "x-mcp-header": name}),
            )
        })
        .collect();
    assert_eq!(of(&object(&many.into())), Err(Invalid::TooMany));
}

#[test]
fn an_escaped_annotation_is_one() {
    let text = r#"{"name":"t","inputSchema":{"properties":{"a":{"type":"number","x-mcp\u002dheader":"A"}}}}"#;
    let definition = Parsed::read(Arc::new(text.to_owned()), 1 << 20).unwrap();
    assert_eq!(annotations(definition.root()), Err(Invalid::Type));
}

#[test]
fn a_list_tells_which_of_its_tools_are_wrong() {
    let wrong = object(&json!({"a": {"type": "number", "x-mcp-header": "A"}}));
    let right = object(&json!({"a": {"type": "string", "x-mcp-header": "A"}}));
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [
        {"name": "a", "inputSchema": right}, {"name": "b", "inputSchema": wrong}, 7, {"name": "c"}]}});
    let answer = Message::parse(answer.to_string()).unwrap();
    assert_eq!(invalid(&answer), [(1, Invalid::Type)]);
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x-mcp-header"}}"#;
    assert_eq!(invalid(&Message::parse(error.to_owned()).unwrap()), []);
}
