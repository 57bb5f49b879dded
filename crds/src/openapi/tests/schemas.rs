use super::*;

/// A schema as it is shown of a request's property.
fn shown(schema: &Json, components: &Json) -> Json {
    let body = sent(json!({"type": "object", "properties": {"p": schema}}));
    let operation = only(body, json!({"schemas": components}));
    operation.definition["inputSchema"]["properties"]["p"].clone()
}

#[test]
fn schemas_of_both_versions_become_json_schema() {
    let rows = [
        (
            json!({"type": "string", "nullable": true, "enum": ["a"]}),
            json!({"type": ["string", "null"], "enum": ["a", null]}),
        ),
        (
            json!({"type": ["string", "null"], "const": "a"}),
            json!({"type": ["string", "null"], "const": "a"}),
        ),
        (
            json!({"type": "integer", "minimum": 0, "exclusiveMinimum": true}),
            json!({"type": "integer", "exclusiveMinimum": 0}),
        ),
        (
            json!({"type": "integer", "exclusiveMaximum": 9, "maximum": 10}),
            json!({"type": "integer", "maximum": 10, "exclusiveMaximum": 9}),
        ),
        (
            json!({"type": "file", "format": "x", "example": 1, "xml": {}, "x-y": 1, "discriminator": {}}),
            json!({"format": "x"}),
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ),
        (
            json!({"anyOf": [{}], "oneOf": [{"type": "string"}]}),
            json!({"anyOf": [{}], "allOf": [{"anyOf": [{"type": "string"}]}]}),
        ),
        (
            json!({"nullable": true, "allOf": [{"$ref": "#/components/schemas/A"}, {"minProperties": 1}]}),
            json!({"anyOf": [{"allOf": [{"type": "object", "properties": {"a": {}}, "description": "A."}, {"minProperties": 1}]}, {"type": "null"}]}),
        ),
        (
            json!({"allOf": [{"$ref": "#/components/schemas/A"}], "description": "Mine."}),
            json!({"type": "object", "properties": {"a": {}}, "description": "Mine."}),
        ),
        (
            json!({"$ref": "#/components/schemas/A", "description": "Mine."}),
            json!({"type": "object", "properties": {"a": {}}, "description": "Mine."}),
        ),
        (
            json!({"$ref": "#/components/schemas/A", "maxProperties": 2}),
            json!({"maxProperties": 2, "allOf": [{"type": "object", "properties": {"a": {}}, "description": "A."}]}),
        ),
        (
            json!({"allOf": [{"$ref": "#/components/schemas/A"}, {"properties": {"a": {"type": "string"}}}]}),
            json!({"allOf": [{"type": "object", "properties": {"a": {}}, "description": "A."}, {"properties": {"a": {"type": "string"}}}]}),
        ),
        (
            json!({"type": "array", "prefixItems": [true, false], "items": {"$ref": "#/components/schemas/odd~1name%7B%7D"}}),
            json!({"type": "array", "items": {"type": "boolean"}, "prefixItems": [{}, {"not": {}}]}),
        ),
        (
            json!({"minimum": "x", "minLength": -1, "required": [1], "enum": 3, "pattern": 4, "uniqueItems": 1}),
            json!({}),
        ),
        (
            json!({"if": {}, "not": {"type": "string"}, "patternProperties": {}}),
            json!({}),
        ),
        (
            json!({"properties": {"$ref": {"type": "string"}}}),
            json!({"properties": {"$ref": {"type": "string"}}}),
        ),
    ];
    let components = json!({
        "A": {"type": "object", "properties": {"a": {}}, "description": "A."},
        "odd/name{}": {"type": "boolean"},
    });
    for (schema, expected) in rows {
        assert_eq!(shown(&schema, &components), expected, "{schema}");
    }
}

#[test]
fn a_schema_that_leads_back_into_itself_is_cut_off() {
    let components = json!({
        "Tree": {"type": "object", "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}}},
        "Ring": {"$ref": "#/components/schemas/Ring2"},
        "Ring2": {"$ref": "#/components/schemas/Ring"},
        "Maybe": {"type": "object", "nullable": true, "properties": {"next": {"$ref": "#/components/schemas/Maybe"}}},
    });
    let rows = [
        (
            "Tree",
            json!({"type": "object", "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"type": "object"}}}}),
        ),
        ("Ring", json!({})),
        (
            "Maybe",
            json!({"type": ["object", "null"], "properties": {"next": {}}}),
        ),
    ];
    for (name, expected) in rows {
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        assert_eq!(shown(&schema, &components), expected, "{name}");
    }
}

/// `levels` schemas, each with `width` properties of the next one.
fn bomb(levels: usize, width: usize, word: &str) -> Json {
    let mut schemas = serde_json::Map::new();
    for level in 0..levels {
        let next = json!({"$ref": format!("#/components/schemas/L{}", level + 1)});
        let parts = std::iter::repeat_n(next, width);
        let schema = match word {
            "properties" => {
                let named = parts.enumerate().map(|(at, next)| (format!("p{at}"), next));
                json!({"type": "object", "properties": named.collect::<serde_json::Map<_, _>>()})
            }
            word => json!({word: parts.collect::<Vec<_>>()}),
        };
        schemas.insert(format!("L{level}"), schema);
    }
    schemas.insert(format!("L{levels}"), json!({"type": "string"}));
    Json::Object(schemas)
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let first = json!({"$ref": "#/components/schemas/L0"});
    let rows = [
        (bomb(10, 10, "properties"), "bytes"),
        (bomb(10, 10, "allOf"), "bytes"),
        (bomb(10, 10, "anyOf"), "bytes"),
        (bomb(200, 1, "allOf"), "deeper"),
        (bomb(200, 1, "properties"), "deeper"),
    ];
    for (schemas, said) in rows {
        let begun = std::time::Instant::now();
        let operation = sent(first.clone());
        let whole = document(
            json!({"/x": {"post": operation}}),
            json!({"schemas": schemas}),
        );
        let problem = all(&whole).unwrap_err();
        assert!(problem.message.contains(said), "{problem}");
        // In the way of results they take the schema away and nothing else.
        let answer = json!({"responses": {"200": {"description": "", "content": {"application/json": {"schema": first}}}}});
        let whole = document(json!({"/x": {"post": answer}}), json!({"schemas": schemas}));
        let api = all(&whole).unwrap();
        assert_eq!(api.operations[0].output_schema(), None);
        assert!(api.remarks[0].message.contains(said), "{:?}", api.remarks);
        // Thousands of millions of schemas would be hours.
        assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    }
}

#[test]
fn a_long_value_that_is_referred_to_often_counts_each_time() {
    let long = "x".repeat(10_000);
    let schemas = json!({"Long": {"type": "string", "enum": [long]}});
    let many: serde_json::Map<String, Json> = (0..10)
        .map(|at| {
            (
                format!("p{at}"),
                json!({"$ref": "#/components/schemas/Long"}),
            )
        })
        .collect();
    let operation = sent(json!({"type": "object", "properties": many}));
    let problem = all(&document(
        json!({"/x": {"post": operation}}),
        json!({"schemas": schemas}),
    ));
    assert!(problem.unwrap_err().message.contains("bytes"));
}
