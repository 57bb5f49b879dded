//! Arguments that make no request.

use proptest::prelude::*;

use super::*;

fn refused(api: &OpenApi, arguments: &str) -> String {
    match OpenApi::request(&api.base, only(api), &call(arguments)) {
        Err(unfit) => unfit.to_string(),
        Ok(request) => panic!("{arguments}: {}", request.location.path()),
    }
}

#[test]
fn arguments_are_what_the_tool_has() {
    let api = api(
        "/x/{id}",
        "post",
        json!({
            "parameters": [{"name": "id", "in": "path", "schema": {"type": "integer"}}, {"name": "q", "in": "query", "schema": {"type": ["string", "null"]}}],
            "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "list": {"type": "array"}}}}}},
        }),
    );
    let rows = [
        ("{}", "\"id\" is required"),
        ("null", "\"id\" is required"),
        (r#"{"id":1}"#, "\"name\" is required"),
        (r#"{"id":null,"name":"n"}"#, "\"id\" is required"),
        (r#"{"id":1,"name":null}"#, "\"name\" is required"),
        (
            r#"{"id":"1","name":"n"}"#,
            "\"id\" is of another type than \"integer\"",
        ),
        (r#"{"id":1,"name":["n"]}"#, "\"name\" is of another type"),
        (
            r#"{"id":1,"name":"n","list":{}}"#,
            "\"list\" is of another type",
        ),
        (r#"{"id":1,"name":"n","evil":1}"#, "no argument \"evil\""),
        ("[1]", "object"),
        ("\"x\"", "object"),
    ];
    for (arguments, said) in rows {
        let told = refused(&api, arguments);
        assert!(told.contains(said), "{arguments}: {told}");
    }
    let long = format!("{{\"{}\":1}}", "n".repeat(5000));
    assert!(refused(&api, &long).len() < 200);
}

#[test]
fn a_path_stays_where_it_is() {
    let one = api("/x/{p}/y", "get", json!({}));
    for value in [
        "..",
        ".",
        "",
        "../admin",
        "a/../b",
        "..\\admin",
        "a/.",
        "\\u0000",
        "a\\nb",
        "\\\\..\\\\x",
    ] {
        let value = value.replace("..\\admin", "..\\\\admin");
        refused(&one, &format!("{{\"p\":\"{value}\"}}"));
    }
    let two = api("/x/{p}{q}", "get", json!({}));
    refused(&two, r#"{"p":".","q":"."}"#);
    let label = api(
        "/x/{p}",
        "get",
        json!({"parameters": [{"name": "p", "in": "path", "style": "label"}]}),
    );
    refused(&label, r#"{"p":""}"#);
    refused(&label, r#"{"p":["..","x"]}"#);
    // At the beginning of a path, a value that would name a host.
    let first = api("/{p}", "get", json!({}));
    let request = OpenApi::request(
        &first.base,
        only(&first),
        &call(r#"{"p":"/evil.example.com"}"#),
    )
    .unwrap();
    assert_eq!(request.location.path(), "/v1/%2Fevil.example.com");
    assert_eq!(&*request.location.server(), "api.example.com:443");
}

#[test]
fn headers_hold_no_second_header() {
    let api = api(
        "/x",
        "get",
        json!({"parameters": [{"name": "X-A", "in": "header"}, {"name": "c", "in": "cookie"}]}),
    );
    for value in ["a\\r\\nX-Evil: 1", "a\\u0000", "é", "a\\tb"] {
        refused(&api, &format!("{{\"X-A\":\"{value}\"}}"));
    }
    let request =
        OpenApi::request(&api.base, only(&api), &call(r#"{"c":"a\r\nb; admin=1"}"#)).unwrap();
    assert_eq!(request.headers["cookie"], "c=a%0D%0Ab%3B%20admin%3D1");
}

proptest! {
    /// Whatever stands in an argument, the request goes to the API and below its path.
    #[test]
    fn no_value_leads_away(path in ".{0,20}", query in ".{0,20}", header in ".{0,20}") {
        let api = api("/x/{p}/y", "get", json!({"parameters": [{"name": "q", "in": "query"}, {"name": "X-A", "in": "header"}]}));
        let arguments = json!({"p": path, "q": query, "X-A": header}).to_string();
        if let Ok(request) = OpenApi::request(&api.base, only(&api), &call(&arguments)) {
            let target = request.location.path();
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            let parts: Vec<&str> = path.split('/').collect();
            prop_assert_eq!(parts.len(), 5, "{}", target);
            prop_assert_eq!((parts[1], parts[2], parts[4]), ("v1", "x", "y"));
            prop_assert!(parts[3] != "." && parts[3] != ".." && !parts[3].is_empty());
            prop_assert!(!query.contains('&'), "{}", target);
            prop_assert_eq!(&*request.location.server(), "api.example.com:443");
        }
    }
}
