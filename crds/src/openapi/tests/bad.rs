use super::*;
use crate::openapi::limits::{MAX_DOCUMENT_BYTES, MAX_OPERATIONS};

fn refused(document: &Json) -> Problem {
    match all(document) {
        Err(problem) => problem,
        Ok(api) => panic!("{} tools", api.operations.len()),
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let of = |paths: Json| {
        document(
            paths,
            json!({"parameters": {"Loop": {"$ref": "#/components/parameters/Loop"}}}),
        )
    };
    let post = |operation: Json| of(json!({"/x": {"post": operation}}));
    let parameter = |parameter: Json| post(json!({"parameters": [parameter]}));
    let first = "#/paths/~1x/post/parameters/0";
    let schema = "#/paths/~1x/post/requestBody/content/application~1json/schema";
    let rows = [
        (json!([]), "#", "no OpenAPI document"),
        (json!({"swagger": "2.0"}), "#", "Swagger 2.0"),
        (json!({"openapi": "4.0.0"}), "#", "3.0 or 3.1"),
        (json!({"openapi": "3.1.0"}), "#", "no paths"),
        (of(json!({"x": {}})), "#/paths/x", "slash"),
        (of(json!({"/x": {"get": 1}})), "#/paths/~1x/get", "object"),
        (
            of(json!({"/x": {"$ref": "paths.yaml#/x"}})),
            "#/paths/~1x",
            "not in this document",
        ),
        (of(json!({})), "#/paths", "no operation"),
        (
            post(
                json!({"requestBody": {"required": true, "content": {"multipart/form-data": {}}}}),
            ),
            "#/paths",
            "no operation",
        ),
        (
            parameter(json!({"$ref": "https://evil.example.com/p.json"})),
            first,
            "https://evil.example.com/p.json",
        ),
        (
            parameter(json!({"$ref": "#/components/parameters/None"})),
            first,
            "nothing at",
        ),
        (parameter(json!({"$ref": 1})), first, "text"),
        (
            parameter(json!({"$ref": "#/components/parameters/Loop"})),
            "#/components/parameters/Loop",
            "lead",
        ),
        (parameter(json!({"in": "query"})), first, "name and in"),
        (
            parameter(json!({"name": "x", "in": "body"})),
            first,
            "name and in",
        ),
        (
            parameter(json!({"name": "x", "in": "query", "style": "matrix"})),
            first,
            "style",
        ),
        (
            parameter(json!({"name": "x: y", "in": "header"})),
            first,
            "no name",
        ),
        (
            parameter(json!({"name": "x", "in": "query", "schema": []})),
            "#/paths/~1x/post/parameters/0/schema",
            "object",
        ),
        (
            post(sent(json!({"$ref": "file:///etc/passwd"}))),
            schema,
            "not in this document",
        ),
        (
            post(sent(json!({"$ref": "../common.yaml#/Pet"}))),
            schema,
            "not in this document",
        ),
        (
            post(sent(json!({"$ref": "http://169.254.169.254/latest"}))),
            schema,
            "not in this document",
        ),
        (
            post(sent(
                json!({"properties": {"a": {"items": {"$ref": "#anchor"}}}}),
            )),
            "#/paths/~1x/post/requestBody/content/application~1json/schema/properties/a/items",
            "not in this document",
        ),
    ];
    for (document, at, said) in rows {
        let problem = refused(&document);
        assert_eq!(problem.at, at, "{document}");
        assert!(problem.message.contains(said), "{problem}");
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for path in [
        "//evil.example.com/x",
        "/a/../b",
        "/a/%2E%2e/b",
        "/./a",
        "/a\\b",
        "/a?b=1",
        "/a#b",
        "/a/{b",
        "/a/b}",
        "/a/{}",
    ] {
        let problem = refused(&document(json!({path: {"get": {}}}), json!({})));
        assert!(problem.at.starts_with("#/paths/"), "{path}: {problem}");
    }
}

#[test]
fn documents_are_bounded() {
    let long = format!(
        "{}{}",
        document(json!({}), json!({})),
        " ".repeat(MAX_DOCUMENT_BYTES)
    );
    let problem = read(&long, &Wanted::default()).unwrap_err();
    assert!(problem.message.contains("bytes"), "{problem}");
    let paths: serde_json::Map<String, Json> = (0..=MAX_OPERATIONS)
        .map(|at| (format!("/p{at}"), json!({"get": {}})))
        .collect();
    let problem = refused(&document(Json::Object(paths), json!({})));
    assert!(problem.message.contains("128 operations"), "{problem}");
    let parameters: Vec<Json> = (0..300)
        .map(|at| json!({"name": format!("p{at}"), "in": "query"}))
        .collect();
    let problem = refused(&document(
        json!({"/x": {"get": {"parameters": parameters}}}),
        json!({}),
    ));
    assert!(problem.message.contains("256 arguments"), "{problem}");
    let wide: serde_json::Map<String, Json> = (0..40)
        .map(|at| {
            (
                format!("p{at}"),
                json!({"type": "string", "description": "d".repeat(900)}),
            )
        })
        .collect();
    let wide = json!({"Wide": {"type": "object", "properties": wide}});
    let sent = sent(json!({"$ref": "#/components/schemas/Wide"}));
    let paths: serde_json::Map<String, Json> = (0..40)
        .map(|at| (format!("/p{at}"), json!({"post": sent})))
        .collect();
    let problem = refused(&document(Json::Object(paths), json!({"schemas": wide})));
    assert!(problem.message.contains("together"), "{problem}");
}

#[test]
fn texts_that_are_no_document_are_refused_without_a_quote() {
    for text in [
        "",
        "sk-secret-token",
        "{\"openapi\": \"3.0.0\", \"openapi\": \"3.1.0\"}",
        "a: &a [*a, sk-secret-token]",
        "openapi: 3.0.0\n---\nopenapi: 3.0.0\n",
        "[1, 2",
    ] {
        let problem = read(text, &Wanted::default()).unwrap_err();
        assert!(!problem.to_string().contains("sk-secret"), "{problem}");
    }
}

#[test]
fn yaml_is_read_with_its_own_kinds_of_keys() {
    let text = "openapi: 3.1.0\ninfo: {title: T}\npaths:\n  /x:\n    get:\n      operationId: getX\n      responses:\n        200:\n          description: ok\n          content: {application/json: {schema: {type: object, properties: {a: {type: string}}}}}\n";
    let api = read(text, &Wanted::default()).unwrap();
    assert_eq!(api.operations[0].name, "getX");
    assert!(api.operations[0].output_schema().is_some());
    assert_eq!((api.title.as_str(), api.server), ("T", None));
}

#[test]
fn servers_of_an_operation_need_a_base_url() {
    let whole = document(
        json!({
            "/x": {"get": {"servers": [{"url": "https://evil.example.com"}]}},
            "/y": {"get": {}},
            "/z": {"servers": [{"url": "https://evil.example.com"}], "get": {}},
        }),
        json!({}),
    );
    let wanted = Wanted {
        servers: true,
        ..Wanted::default()
    };
    let api = read(&whole.to_string(), &wanted).unwrap();
    assert_eq!(names(&api), ["get_y"]);
    assert_eq!(api.remarks.len(), 2);
    assert_eq!(all(&whole).unwrap().operations.len(), 3);
}
