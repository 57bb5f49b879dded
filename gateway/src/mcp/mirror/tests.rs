use http::HeaderValue;

use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

fn call(arguments: &str) -> Message {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get","arguments":{arguments}}}}}"#
    );
    Message::parse(text).unwrap()
}

const CALL: [(&str, &str); 2] = [("mcp-method", "tools/call"), ("mcp-name", "get")];

#[test]
fn headers_repeat_the_body_or_the_request_is_refused() {
    let arguments = r#"{"region":"us-west1","n":1.0,"on":true,"place":{"city":"K\u00f6ln"},"list":["x"],"no":null}"#;
    let rows: [(&[(&str, &str)], bool); 16] = [
        (&CALL, true),
        (&[("mcp-method", "tools/call")], false),
        (&[("mcp-name", "get")], false),
        (&[("mcp-method", "tools/list"), ("mcp-name", "get")], false),
        (&[("mcp-method", "tools/call"), ("mcp-name", "set")], false),
        (&[CALL[0], ("mcp-name", "=?base64?Z2V0?=")], true),
        (&[CALL[0], ("mcp-name", "=?base64?***?=")], false),
        (&[CALL[0], CALL[1], ("mcp-param-region", "us-west1")], true),
        (&[CALL[0], CALL[1], ("mcp-param-region", "us-east1")], false),
        (&[CALL[0], CALL[1], ("mcp-param-count", "1")], true),
        (&[CALL[0], CALL[1], ("mcp-param-count", "2")], false),
        (&[CALL[0], CALL[1], ("mcp-param-on", "true")], true),
        (
            &[CALL[0], CALL[1], ("mcp-param-city", "=?base64?S8O2bG4=?=")],
            true,
        ),
        (&[CALL[0], CALL[1], ("mcp-param-item", "x")], false),
        (&[CALL[0], CALL[1], ("mcp-param-no", "null")], false),
        (
            &[CALL[0], CALL[1], ("mcp-param-key", "AKIA-not-in-the-body")],
            false,
        ),
    ];
    for (given, fits) in rows {
        let result = check(&headers(given), &call(arguments), None);
        assert_eq!(result.is_ok(), fits, "{given:?}");
        if let Err(error) = result {
            assert_eq!((error.code, error.status.as_u16()), (-32020, 400));
        }
    }
}

#[test]
fn a_header_that_comes_twice_is_refused() {
    let mut twice = headers(&CALL);
    twice.append("mcp-name", HeaderValue::from_static("get"));
    assert!(check(&twice, &call("{}"), None).is_err());
}

#[test]
fn what_a_mutator_changed_is_changed_in_the_headers_too() {
    let before = call(r#"{"region":"us-west1","key":"AKIA","id":7,"gone":"x"}"#);
    let given = headers(&[
        CALL[0],
        CALL[1],
        ("mcp-param-region", "us-west1"),
        ("mcp-param-key", "AKIA"),
        ("mcp-param-id", "7"),
        ("mcp-param-gone", "x"),
    ]);
    let mirrored = check(&given, &before, None).unwrap();
    let mut out = HeaderMap::new();
    mirrored.write(&before, &mut out);
    assert_eq!(out, given, "nothing changed");
    let after = call(r#"{"region":"us-west1","key":"[RÉDACTED]","id":"***","gone":["x"]}"#);
    let mut out = HeaderMap::new();
    mirrored.write(&after, &mut out);
    assert_eq!(out["mcp-param-region"], "us-west1");
    assert_eq!(value::decode(&out["mcp-param-key"]).unwrap(), "[RÉDACTED]");
    assert_eq!(out["mcp-param-id"], "***");
    assert!(!out.contains_key("mcp-param-gone"));
}

#[test]
fn of_two_arguments_with_one_value_the_one_of_the_headers_name_is_meant() {
    let before = call(r#"{"a":"same","b":"same"}"#);
    let given = headers(&[CALL[0], CALL[1], ("mcp-param-b", "same")]);
    let mirrored = check(&given, &before, None).unwrap();
    let mut out = HeaderMap::new();
    mirrored.write(&call(r#"{"a":"1","b":"2"}"#), &mut out);
    assert_eq!(out["mcp-param-b"], "2");
}

type Pairs = &'static [(&'static str, &'static str)];

#[test]
fn the_schema_says_which_header_repeats_what() {
    let definition = r#"{"name":"get","inputSchema":{"properties":{
        "region":{"type":"string","x-mcp-header":"Region"},
        "place":{"properties":{"zone":{"type":"integer","x-mcp-header":"Zone"}}},"query":{"type":"string"}}}}"#;
    let definition = Parsed::read(std::sync::Arc::new(definition.to_owned()), 1 << 20).unwrap();
    let body = r#"{"region":"us","query":"eu","place":{"zone":7}}"#;
    let rows: [(&str, Pairs, bool); 10] = [
        (
            body,
            &[("mcp-param-region", "us"), ("mcp-param-zone", "7")],
            true,
        ),
        (
            body,
            &[("mcp-param-region", "us"), ("mcp-param-zone", "7.0")],
            true,
        ),
        // The value of another argument.
        (
            body,
            &[("mcp-param-region", "eu"), ("mcp-param-zone", "7")],
            false,
        ),
        (body, &[("mcp-param-zone", "7")], false),
        (body, &[("mcp-param-region", "us")], false),
        // A header that the schema does not know is known by its value.
        (
            body,
            &[
                ("mcp-param-region", "us"),
                ("mcp-param-zone", "7"),
                ("mcp-param-more", "eu"),
            ],
            true,
        ),
        (
            body,
            &[
                ("mcp-param-region", "us"),
                ("mcp-param-zone", "7"),
                ("mcp-param-more", "as"),
            ],
            false,
        ),
        // What is not there, or null, has no header.
        (r#"{"query":"eu","region":null}"#, &[], true),
        (r#"{"query":"eu"}"#, &[("mcp-param-region", "eu")], false),
        (
            r#"{"region":"K\u00f6ln"}"#,
            &[("mcp-param-region", "=?base64?S8O2bG4=?=")],
            true,
        ),
    ];
    for (body, given, fits) in rows {
        let mut all = headers(&CALL);
        all.extend(headers(given));
        let result = check(&all, &call(body), Some(&definition));
        assert_eq!(result.is_ok(), fits, "{body} {given:?}");
    }
}
