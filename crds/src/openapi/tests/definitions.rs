use super::*;
use crate::openapi::{Method, Piece, Place, Style};

#[test]
fn parameters_become_arguments_under_names_of_their_own() {
    let api = all(&document(
        json!({"/pets/{id}/{kind}": {
            "parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}},
                {"name": "verbose", "in": "query", "schema": {"type": "string"}},
            ],
            "get": {"parameters": [
                {"name": "id", "in": "query", "required": true, "schema": {"type": "string"}, "style": "pipeDelimited"},
                {"name": "verbose", "in": "query", "description": "Tell more.", "schema": {"type": "boolean", "description": "lost"}},
                {"$ref": "#/components/parameters/Tags"},
                {"name": "filter[name]", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
                {"name": "id", "in": "cookie"},
                {"name": "X-Request-Tag", "in": "header", "schema": {"type": "string"}},
                {"name": "Authorization", "in": "header", "required": true, "schema": {"type": "string"}},
                {"name": "Transfer-Encoding", "in": "header", "schema": {"type": "string"}},
                {"name": "Mcp-Name", "in": "header", "schema": {"type": "string"}},
                {"name": "X-Key", "in": "header", "required": true, "schema": {"type": "string"}},
                {"name": "unused", "in": "path", "schema": {"type": "string"}},
            ]},
        }}),
        json!({"parameters": {"Tags": {"name": "tags", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "string"}}}}}),
    ));
    let api = api.unwrap();
    let operation = &api.operations[0];
    let shown: Vec<_> = operation
        .parameters
        .iter()
        .map(|one| {
            (
                one.argument.as_str(),
                one.name.as_str(),
                one.place,
                one.style,
                one.explode,
                one.json,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("id", "id", Place::Path, Style::Simple, false, false),
            ("kind", "kind", Place::Path, Style::Simple, false, false),
            (
                "query_id",
                "id",
                Place::Query,
                Style::PipeDelimited,
                false,
                false
            ),
            ("verbose", "verbose", Place::Query, Style::Form, true, false),
            ("tags", "tags", Place::Query, Style::Form, false, false),
            (
                "filter_name",
                "filter[name]",
                Place::Query,
                Style::Form,
                true,
                true
            ),
            (
                "X-Request-Tag",
                "X-Request-Tag",
                Place::Header,
                Style::Simple,
                false,
                false
            ),
            ("X-Key", "X-Key", Place::Header, Style::Simple, false, false),
            ("cookie_id", "id", Place::Cookie, Style::Form, true, false),
        ]
    );
    assert_eq!(
        operation.path,
        [
            Piece::Literal("/pets/".into()),
            Piece::Parameter(0),
            Piece::Literal("/".into()),
            Piece::Parameter(1),
        ]
    );
    let schema = &operation.definition["inputSchema"];
    assert_eq!(
        schema["required"],
        json!(["id", "kind", "query_id", "X-Key"])
    );
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["verbose"],
        json!({"type": "boolean", "description": "Tell more."})
    );
}

#[test]
fn headers_that_the_resource_sets_are_no_arguments() {
    let paths = json!({"/x": {"get": {"parameters": [
        {"name": "x-key", "in": "header", "schema": {"type": "string"}},
        {"name": "session", "in": "cookie", "schema": {"type": "string"}},
        {"name": "q", "in": "query", "schema": {"type": "string"}},
    ]}}});
    let wanted = Wanted {
        headers: &["X-Key", "Cookie"],
        ..Wanted::default()
    };
    let api = read(&document(paths, json!({})).to_string(), &wanted).unwrap();
    let parameters = &api.operations[0].parameters;
    let left: Vec<&str> = parameters.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(left, ["q"]);
}

#[test]
fn methods_say_what_tools_do_and_summaries_describe_them() {
    let api = all(&document(
        json!({"/x": {
            "get": {"summary": "Read.", "description": "Reads x."},
            "head": {"description": " Only\n "},
            "post": {"summary": "Add it", "description": "Add it to all."},
            "put": {},
            "delete": {"summary": "é".repeat(2000)},
            "trace": {}, "options": {},
        }}),
        json!({}),
    ));
    let api = api.unwrap();
    let shown: Vec<(Method, &str, &Json)> = api
        .operations
        .iter()
        .map(|one| {
            let text = one.definition["description"].as_str().unwrap();
            (one.method, text, &one.definition["annotations"])
        })
        .collect();
    assert_eq!(
        shown[0],
        (
            Method::Get,
            "Read.\n\nReads x.",
            &json!({"readOnlyHint": true})
        )
    );
    assert_eq!(
        shown[1],
        (Method::Head, "Only", &json!({"readOnlyHint": true}))
    );
    assert_eq!(
        shown[2],
        (
            Method::Post,
            "Add it to all.",
            &json!({"readOnlyHint": false})
        )
    );
    assert_eq!(
        shown[3],
        (
            Method::Put,
            "PUT /x",
            &json!({"readOnlyHint": false, "idempotentHint": true})
        )
    );
    assert_eq!(shown[4].1.chars().count(), 1024);
    assert_eq!(shown[4].2["destructiveHint"], true);
    assert_eq!(shown.len(), 5);
}

#[test]
fn results_have_a_schema_when_there_is_one_kind_of_success() {
    let answer = |schema: Json| json!({"description": "ok", "content": {"application/json; charset=utf-8": {"schema": schema}}});
    let object = json!({"type": "object", "properties": {"a": {"type": "string", "format": "email", "pattern": "x"}, "secret": {"type": "string", "writeOnly": true}}, "required": ["a", "secret"], "additionalProperties": false});
    let shown =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let rows = [
        (
            json!({"200": answer(object.clone()), "default": {"description": "bad"}, "404": {"description": "none"}}),
            Some(shown.clone()),
        ),
        (json!({"2XX": answer(object.clone())}), Some(shown)),
        (
            json!({"200": answer(object.clone()), "204": {"description": "none"}}),
            None,
        ),
        (
            json!({"200": answer(json!({"type": "array", "items": object}))}),
            None,
        ),
        (
            json!({"200": answer(json!({"type": "object", "nullable": true}))}),
            None,
        ),
        (
            json!({"200": {"description": "ok", "content": {"text/plain": {"schema": {"type": "string"}}}}}),
            None,
        ),
        (json!({"default": answer(json!({"type": "object"}))}), None),
        (json!({}), None),
    ];
    for (responses, expected) in rows {
        let operation = only(json!({"responses": responses}), json!({}));
        assert_eq!(operation.output_schema(), expected.as_ref(), "{responses}");
    }
}

#[test]
fn results_without_a_body_have_no_schema() {
    let answer = json!({"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object"}}}}});
    let paths = json!({"/x": {"get": {"responses": answer}, "head": {"responses": answer}}});
    let api = all(&document(paths, json!({}))).unwrap();
    let has = |operation: &Operation| operation.output_schema().is_some();
    assert_eq!(
        api.operations.iter().map(has).collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn servers_say_where_the_api_is() {
    let rows = [
        (
            json!([{"url": "https://a.example.com/v1"}, {"url": "https://b"}]),
            Some("https://a.example.com/v1"),
        ),
        (
            json!([{"url": "https://{region}.example.com:{port}", "variables": {"region": {"default": "eu"}, "port": {"default": "8443"}}}]),
            Some("https://eu.example.com:8443"),
        ),
        (json!([{"url": "https://{region}.example.com"}]), None),
        (json!([{"url": "/v1"}]), None),
        (json!([]), None),
    ];
    for (servers, expected) in rows {
        let mut whole = document(json!({"/x": {"get": {}}}), json!({}));
        whole["servers"] = servers.clone();
        assert_eq!(
            all(&whole).unwrap().server.as_deref(),
            expected,
            "{servers}"
        );
    }
}
