use super::*;

fn parse(text: &str) -> Result<Kind, i32> {
    Message::parse(text.to_owned())
        .map(|message| message.kind())
        .map_err(|error| error.code)
}

#[test]
fn kinds_of_messages() {
    let rows = [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
            Ok(Kind::Request),
        ),
        (
            r#"{"jsonrpc":"2.0","id":"a","method":"x","params":{}}"#,
            Ok(Kind::Request),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            Ok(Kind::Notification),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            Ok(Kind::Response),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
            Ok(Kind::Response),
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}"#,
            Ok(Kind::Response),
        ),
        (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, Err(-32600)),
        (r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#, Err(-32600)),
        (r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, Err(-32600)),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            Err(-32600),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#,
            Err(-32600),
        ),
        (r#"{"jsonrpc":"2.0","id":1}"#, Err(-32600)),
        (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, Err(-32600)),
        (r#"{"id":1,"method":"x"}"#, Err(-32600)),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, Err(-32600)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#,
            Err(-32602),
        ),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"x"}]"#, Err(-32600)),
        ("[]", Err(-32600)),
        ("7", Err(-32600)),
        ("", Err(-32700)),
        ("{", Err(-32700)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","id":2}"#,
            Err(-32600),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"name":"x","name":"y"}}"#,
            Err(-32600),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x"} {}"#, Err(-32700)),
    ];
    for (text, expected) in rows {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{}1{}}}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert_eq!(parse(&deep), Err(-32600));
}

#[test]
fn parts_are_found_and_nothing_shows_in_debug_output() {
    let text = r#"{"jsonrpc":"2.0","id":"\u0061","method":"tools/call","params":{"name":"secret","_meta":{"k":1}}}"#;
    let message = Message::parse(text.to_owned()).unwrap();
    assert_eq!(message.method(), "tools/call");
    assert_eq!(message.tool().unwrap(), "secret");
    assert_eq!(message.meta("k").unwrap().as_u64(), Some(1));
    let id = message.root().get("id").unwrap();
    assert!(same_id(id, "\"a\"") && !same_id(id, "\"b\"") && !same_id(id, "1"));
    assert!(!format!("{message:?}").contains("secret"));
    assert_eq!(message.into_text(), text);
}
