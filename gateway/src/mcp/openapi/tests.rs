use parapet_crds::openapi::{Wanted, read};
use serde_json::{Value as Json, json};

use super::*;

mod refusals;
mod requests;

/// An API with one operation, at `https://api.example.com/v1`.
pub(super) fn api(path: &str, method: &str, operation: Json) -> OpenApi {
    let document = json!({"openapi": "3.1.0", "paths": {path: {method: operation}}});
    let api = read(&document.to_string(), &Wanted::default()).unwrap();
    let base = Location::parse("https://api.example.com/v1/").unwrap();
    OpenApi::new("api", base, api)
}

/// The only tool of an API.
pub(super) fn only(api: &OpenApi) -> &Tool {
    api.tool(&api.entries()[0].key).unwrap()
}

fn call(arguments: &str) -> Message {
    let arguments = format!(",\"arguments\":{arguments}");
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x"{arguments}}}}}"#
    );
    Message::parse(text).unwrap()
}

#[test]
fn methods_say_what_is_known_of_a_tool() {
    let rows = [
        ("get", Some(true), Some(false)),
        ("head", Some(true), Some(false)),
        ("delete", Some(false), Some(true)),
        ("put", Some(false), None),
        ("post", Some(false), None),
    ];
    for (method, read_only, destructive) in rows {
        let api = api("/x", method, json!({"operationId": "x"}));
        let hints = api.hints("x");
        assert_eq!(
            (hints.read_only, hints.destructive),
            (read_only, destructive),
            "{method}"
        );
        assert_eq!(api.hints("y").read_only, None);
        let definition = api.definition("x").unwrap();
        assert_eq!(definition.root().get_str("name").unwrap(), "x");
    }
}
