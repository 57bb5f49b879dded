//! Arguments to requests: what the server gets.

use super::*;

fn sent(api: &OpenApi, arguments: &str) -> Request {
    let request = OpenApi::request(&api.base, only(api), &call(arguments));
    request.unwrap_or_else(|unfit| panic!("{arguments}: {unfit}"))
}

/// The path and query of a call with one parameter named `p` at `/x/{p}` or `/x`.
fn url(parameter: Json, value: &str) -> String {
    let path = if parameter["in"] == "path" {
        "/x/{p}"
    } else {
        "/x"
    };
    let api = api(path, "get", json!({"parameters": [parameter]}));
    sent(&api, &format!("{{\"p\":{value}}}")).location.path()
}

#[test]
fn values_stand_in_paths_and_queries_as_their_style_says() {
    let (text, list, object) = (r#""a/b &c""#, r#"["a,b",2]"#, r#"{"k":"v","n":1.50}"#);
    let rows = [
        ("path", "simple", false, text, "/v1/x/a%2Fb%20%26c"),
        ("path", "simple", false, "7", "/v1/x/7"),
        ("path", "simple", false, "true", "/v1/x/true"),
        ("path", "simple", false, list, "/v1/x/a%2Cb,2"),
        ("path", "simple", false, object, "/v1/x/k,v,n,1.50"),
        ("path", "simple", true, object, "/v1/x/k=v,n=1.50"),
        ("path", "label", false, list, "/v1/x/.a%2Cb,2"),
        ("path", "label", true, list, "/v1/x/.a%2Cb.2"),
        ("path", "label", true, object, "/v1/x/.k=v.n=1.50"),
        ("path", "matrix", false, list, "/v1/x/;p=a%2Cb,2"),
        ("path", "matrix", true, list, "/v1/x/;p=a%2Cb;p=2"),
        ("path", "matrix", true, object, "/v1/x/;k=v;n=1.50"),
        ("query", "form", true, text, "/v1/x?p=a%2Fb%20%26c"),
        ("query", "form", true, r#""é#?""#, "/v1/x?p=%C3%A9%23%3F"),
        ("query", "form", true, list, "/v1/x?p=a%2Cb&p=2"),
        ("query", "form", false, list, "/v1/x?p=a%2Cb,2"),
        ("query", "form", true, object, "/v1/x?k=v&n=1.50"),
        ("query", "form", false, object, "/v1/x?p=k,v,n,1.50"),
        ("query", "form", true, "[]", "/v1/x"),
        ("query", "form", false, "[]", "/v1/x"),
        ("query", "form", true, "null", "/v1/x"),
        ("query", "spaceDelimited", false, list, "/v1/x?p=a%2Cb%202"),
        ("query", "pipeDelimited", false, list, "/v1/x?p=a%2Cb%7C2"),
        (
            "query",
            "deepObject",
            true,
            object,
            "/v1/x?p%5Bk%5D=v&p%5Bn%5D=1.50",
        ),
        (
            "query",
            "deepObject",
            true,
            r#"{"a":{"b":[1,2]}}"#,
            "/v1/x?p%5Ba%5D%5Bb%5D=1&p%5Ba%5D%5Bb%5D=2",
        ),
    ];
    for (place, style, explode, value, expected) in rows {
        let parameter = json!({"name": "p", "in": place, "style": style, "explode": explode});
        assert_eq!(
            url(parameter, value),
            expected,
            "{place} {style} {explode} {value}"
        );
    }
    let as_json = json!({"name": "p", "in": "query", "content": {"application/json": {}}});
    assert_eq!(
        url(as_json, r#"{"a":[1]}"#),
        "/v1/x?p=%7B%22a%22%3A%5B1%5D%7D"
    );
}

#[test]
fn headers_and_cookies_are_sent_and_names_are_the_documents() {
    let operation = json!({"parameters": [
        {"name": "X-Tags", "in": "header"}, {"name": "X-Pair", "in": "header", "explode": true},
        {"name": "sid", "in": "cookie"}, {"name": "t", "in": "cookie"}, {"name": "filter[name]", "in": "query"},
    ]});
    let api = api("/x", "get", operation);
    let request = sent(
        &api,
        r#"{"X-Tags":["a","b c"],"X-Pair":{"k":"v"},"sid":"a; b=c","t":1,"filter_name":"n"}"#,
    );
    assert_eq!(request.headers["x-tags"], "a,b c");
    assert_eq!(request.headers["x-pair"], "k=v");
    assert_eq!(request.headers["cookie"], "sid=a%3B%20b%3Dc; t=1");
    assert_eq!(request.location.path(), "/v1/x?filter%5Bname%5D=n");
    assert_eq!(request.body, "");
    assert_eq!(request.headers.get("content-type"), None);
}

#[test]
fn bodies_hold_values_as_they_were_given() {
    let object = json!({"type": "object", "required": ["a"], "properties": {
        "a": {"type": "number"}, "b \"c\"": {"type": ["string", "null"]}, "d": {"type": "string"}, "e": {"type": "array"},
    }});
    let form = "application/x-www-form-urlencoded";
    let rows = [
        (
            "application/json",
            true,
            r#"{"a":1.10e2,"b_c":null,"d":null,"e":[ 1 ]}"#,
            r#"{"a":1.10e2,"b \"c\"":null,"e":[ 1 ]}"#,
        ),
        (
            "application/vnd.api+json",
            true,
            r#"{"a":12345678901234567890,"d":"\u00e9\n"}"#,
            r#"{"a":12345678901234567890,"d":"\u00e9\n"}"#,
        ),
        (
            form,
            true,
            r#"{"a":1,"e":["x y",{"k":1}],"d":"&="}"#,
            "a=1&d=%26%3D&e=x%20y&e=%7B%22k%22%3A1%7D",
        ),
        ("application/json", false, "{}", ""),
        ("application/json", false, r#"{"d":"x"}"#, r#"{"d":"x"}"#),
    ];
    for (media, required, arguments, expected) in rows {
        let operation =
            json!({"requestBody": {"required": required, "content": {media: {"schema": object}}}});
        let api = api("/x", "post", operation);
        let request = sent(&api, arguments);
        assert_eq!(request.body, expected, "{arguments}");
        let is_sent = !expected.is_empty();
        let media = is_sent.then_some(media);
        let told = request
            .headers
            .get("content-type")
            .map(|value| value.to_str().unwrap());
        assert_eq!(told, media, "{arguments}");
    }
}

#[test]
fn a_body_that_is_no_plain_object_is_one_argument() {
    let of = |media: &str, schema: Json| {
        let operation =
            json!({"requestBody": {"required": true, "content": {media: {"schema": schema}}}});
        api("/x", "put", operation)
    };
    let list = of("application/json", json!({"type": "array"}));
    assert_eq!(sent(&list, r#"{"body":[1, "a"]}"#).body, r#"[1, "a"]"#);
    let nothing_needed = of(
        "application/json",
        json!({"type": "object", "properties": {"a": {}}}),
    );
    assert_eq!(sent(&nothing_needed, "{}").body, "{}");
    let form = of(
        "application/x-www-form-urlencoded",
        json!({"type": "object"}),
    );
    assert_eq!(sent(&form, r#"{"body":{"a b":"c"}}"#).body, "a%20b=c");
}
