//! An HTTP API as an MCP server: its document's operations are tools, in both eras.

use http::Method;
use parapet_tests::fake::{Fake, Reply};
use parapet_tests::harness::{Gateway, Setup};
use serde_json::{Value, json};

use super::support::{CALLERS, bodiless, call, in_session, initialize, stateless};

/// The Petstore of the OpenAPI Initiative.
const PETSTORE: &str = include_str!("../../fixtures/openapi/petstore-expanded.json");

/// A server named `fake` made from a document, with more members of its `spec`.
pub(super) fn described(document: &str, base: &str, more: &Value) -> String {
    let mut spec = json!({"openapi": {"document": document, "baseUrl": base}});
    for (name, value) in more.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    let resource = json!({
        "apiVersion": "parapet.dev/v1alpha1", "kind": "MCPServer", "metadata": {"name": "fake"}, "spec": spec,
    });
    format!("---\n{resource}\n")
}

/// A pet store that knows one pet.
pub(super) async fn pet_store() -> Fake {
    let answer = |call: &parapet_tests::fake::Call| match (call.method.as_str(), &*call.path) {
        ("GET", "/api/pets/7") => Reply::json(
            200,
            &json!({"id": 7, "name": "Rex KEY-1", "tag": "dog", "age": 3}),
        ),
        ("GET", path) if path.starts_with("/api/pets?") || path == "/api/pets" => {
            Reply::json(200, &json!([{"id": 7, "name": "Rex"}]))
        }
        ("POST", "/api/pets") => {
            let mut pet = call.json();
            pet["id"] = json!(8);
            Reply::json(200, &pet)
        }
        ("DELETE", _) => Reply::new(204, "text/plain", ""),
        _ => Reply::json(404, &json!({"code": 404, "message": "no pet of KEY-2"})),
    };
    Fake::start(answer).await.unwrap()
}

async fn before(api: &Fake, more: &Value) -> Gateway {
    let base = format!("http://{}/api", api.addr());
    let resources = format!("{CALLERS}{}", described(PETSTORE, &base, more));
    Setup::new(resources).start().await.unwrap()
}

pub(super) async fn result(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    let answered = gateway.client().send(call(tool, arguments)).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    answered.json().unwrap()["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_tools_without_sessions_and_with_them() {
    let api = pet_store().await;
    let more = json!({
        "headers": {"X-Api-Key": {"secretKeyRef": {"name": "tokens", "key": "upstream"}}},
        "passHeaders": ["x-tenant"],
        "tools": [{"name": "addPet", "description": "Adds one.", "destructive": false}, {"name": "deletePet", "disabled": true}],
    });
    let gateway = before(&api, &more).await;
    let client = gateway.client();

    let answered = client
        .send(stateless("server/discover", json!({})))
        .await
        .unwrap();
    let discovered = answered.json().unwrap();
    assert_eq!(discovered["result"]["capabilities"], json!({"tools": {}}));
    let answered = client
        .send(stateless("tools/list", json!({})))
        .await
        .unwrap();
    let modern = answered.json().unwrap()["result"].clone();
    assert_eq!(modern["resultType"], "complete");
    assert!(modern["ttlMs"].is_u64(), "{modern}");

    let session = initialize(&gateway).await;
    let ask = |method: &str, params: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": params});
        in_session(Some(&session), &message)
    };
    let answered = client.send(ask("tools/list", json!({}))).await.unwrap();
    let legacy = answered.json().unwrap()["result"].clone();
    assert_eq!(legacy["tools"], modern["tools"]);
    let tools = legacy["tools"].as_array().unwrap();
    let names: Vec<&Value> = tools.iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["addPet", "findPets", "find_pet_by_id"]);
    assert_eq!(tools[0]["description"], "Adds one.");
    assert_eq!(tools[0]["annotations"]["destructiveHint"], false);
    assert_eq!(tools[0]["inputSchema"]["required"], json!(["name"]));
    assert_eq!(tools[2]["annotations"], json!({"readOnlyHint": true}));
    assert_eq!(
        tools[2]["outputSchema"]["required"],
        json!(["name", "id"]),
        "{}",
        tools[2]
    );

    // The same call in both.
    let request = call("find_pet_by_id", json!({"id": 7})).header("x-tenant", "blue");
    let answered = client.send(request).await.unwrap();
    let pet = json!({"id": 7, "name": "Rex KEY-1", "tag": "dog", "age": 3});
    let got = answered.json().unwrap()["result"].clone();
    assert_eq!(got["structuredContent"], pet);
    let text = got["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), pet);
    let id = answered.header("x-request-id").unwrap().to_owned();
    let params = json!({"name": "find_pet_by_id", "arguments": {"id": 7}});
    let answered = client.send(ask("tools/call", params)).await.unwrap();
    assert_eq!(answered.json().unwrap()["result"]["structuredContent"], pet);

    let calls = api.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].header("x-api-key"), Some("Bearer upstream-token"));
    assert_eq!(calls[0].header("x-tenant"), Some("blue"));
    assert_eq!(calls[1].header("x-tenant"), None);
    for call in &calls {
        assert_eq!(call.header("authorization"), None);
        let seen: Vec<&str> = call.headers.keys().map(http::HeaderName::as_str).collect();
        assert!(
            !seen.iter().any(|name| name.starts_with("mcp-")),
            "{seen:?}"
        );
    }
    let record = gateway.record(&id).await.unwrap();
    assert_eq!(record["attempts"][0]["status"], 200, "{record}");
    assert_eq!(record["attempts"][0]["server"], api.addr().to_string());
    assert_eq!(record["mcp"]["tool"], "find_pet_by_id");

    // A session has no stream of its own, and ends.
    let answered = client.send(bodiless(Method::GET, &session)).await.unwrap();
    assert_eq!(answered.status, 405);
    let answered = client
        .send(bodiless(Method::DELETE, &session))
        .await
        .unwrap();
    assert_eq!(answered.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_become_the_request_that_the_document_describes() {
    let api = pet_store().await;
    let gateway = before(&api, &json!({})).await;
    let found = result(
        &gateway,
        "findPets",
        json!({"tags": ["a b", "c&d"], "limit": 5}),
    )
    .await;
    assert_eq!(found["content"][0]["text"], r#"[{"id":7,"name":"Rex"}]"#);
    assert_eq!(found.get("structuredContent"), None);
    let added = result(&gateway, "addPet", json!({"name": "Max", "tag": "cat"})).await;
    assert_eq!(added["structuredContent"]["id"], 8);
    let deleted = result(&gateway, "deletePet", json!({"id": 7})).await;
    assert_eq!(deleted["content"][0]["text"], "HTTP 204 No Content");
    let calls = api.calls();
    let shown: Vec<(&str, &str)> = calls
        .iter()
        .map(|call| (call.method.as_str(), call.path.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("GET", "/api/pets?tags=a%20b&tags=c%26d&limit=5"),
            ("POST", "/api/pets"),
            ("DELETE", "/api/pets/7"),
        ]
    );
    assert_eq!(calls[1].body, r#"{"name":"Max","tag":"cat"}"#);
    assert_eq!(calls[1].header("content-type"), Some("application/json"));

    // What no request can be made of is the model's to correct, and reaches nobody.
    for (tool, arguments) in [
        ("addPet", json!({})),
        ("addPet", json!({"name": "Max", "admin": true})),
        ("deletePet", json!({"id": "../users"})),
    ] {
        let refused = result(&gateway, tool, arguments).await;
        assert_eq!(refused["isError"], true, "{refused}");
    }
    assert_eq!(api.calls().len(), 3);
    let unknown = gateway
        .client()
        .send(call("no_such", json!({})))
        .await
        .unwrap();
    assert_eq!(unknown.json().unwrap()["error"]["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_show_an_api_credentials_of_their_own() {
    let api = pet_store().await;
    let more = json!({"auth": {"perUser": {"headers": ["Authorization"]}}});
    let gateway = before(&api, &more).await;
    let own = r#"{"fake": {"Authorization": "Bearer my-own-token"}}"#;
    let request = call("find_pet_by_id", json!({"id": 7})).header("x-tfy-mcp-headers", own);
    gateway.client().send(request).await.unwrap();
    assert_eq!(
        api.calls()[0].header("authorization"),
        Some("Bearer my-own-token")
    );
}
