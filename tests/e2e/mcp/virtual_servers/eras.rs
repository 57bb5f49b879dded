//! Members that speak another era than the client, and members that are HTTP APIs.

use parapet_tests::fake::Fake;
use parapet_tests::fake_mcp::{Era, FakeMcp, Manner, Turn};
use parapet_tests::harness::Gateway;
use serde_json::{Value, json};

use super::{answered, heard, listed, names, start, text};
use crate::mcp::openapi::{described, pet_store};
use crate::mcp::support::{CALLERS, call, in_session, initialize, messages, server, stateless};

const TOOLS: [&str; 10] = [
    "new_echo",
    "new_lookup",
    "new_regional",
    "old_echo",
    "old_lookup",
    "old_regional",
    "pets_addPet",
    "pets_deletePet",
    "pets_findPets",
    "pets_find_pet_by_id",
];

/// A server that speaks one era only.
async fn of_era(era: Era) -> FakeMcp {
    let manner = Manner {
        era,
        ..Manner::default()
    };
    FakeMcp::start_as(manner).await.unwrap()
}

/// A server with sessions, one without, and an API behind one endpoint.
async fn mixed() -> (FakeMcp, FakeMcp, Fake, Gateway) {
    const PETSTORE: &str = include_str!("../../../fixtures/openapi/petstore-expanded.json");
    let (old, new) = (of_era(Era::Legacy).await, of_era(Era::Modern).await);
    let api = pet_store().await;
    let pets = described(PETSTORE, &format!("http://{}/api", api.addr()), &json!({}));
    let resources = format!(
        "{CALLERS}{}{}{}{}",
        server("old", &old.url(), ""),
        server("new", &new.url(), ""),
        pets.replace("\"name\":\"fake\"", "\"name\":\"pets\""),
        super::suite("{server: old}, {server: new}, {server: pets}", ""),
    );
    let gateway = start(&resources).await;
    (old, new, api, gateway)
}

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateless_client_uses_members_of_both_eras_and_an_api() {
    let (old, new, api, gateway) = mixed().await;
    assert_eq!(names(&listed(&gateway).await), TOOLS);
    for (tool, member) in [("old_echo", &old), ("new_echo", &new)] {
        let message = answered(&gateway, call(tool, json!({"text": tool}))).await;
        assert_eq!(text(&message), tool);
        assert_eq!(message["result"]["resultType"], "complete");
        assert_eq!(member.of("tools/call")[0]["params"]["name"], "echo");
    }
    assert!(old.count("initialize") > 0 && new.count("initialize") == 0);
    let pet = answered(&gateway, call("pets_find_pet_by_id", json!({"id": 7}))).await;
    assert_eq!(pet["result"]["structuredContent"]["id"], 7);
    assert_eq!(api.calls()[0].path, "/api/pets/7");
    // What a server with sessions asks in the middle of a call has no way to this client, and says so.
    let ask = json!({"message": "Which?", "requestedSchema": {"type": "object", "properties": {}}});
    old.script(
        "tools/call echo",
        [Turn::default().asking("elicitation/create", ask)],
    );
    let refused = gateway
        .client()
        .send(call("old_echo", json!({"text": "x"})))
        .await
        .unwrap();
    let told = messages(&refused).pop().unwrap();
    assert_eq!(told["error"]["code"], -32603, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_members_of_both_eras_and_an_api() {
    let (old, new, api, gateway) = mixed().await;
    let session = initialize(&gateway).await;
    assert_eq!((old.sessions(), new.sessions()), (1, 0));
    let ask = |message: &Value| in_session(Some(&session), message);
    let list = answered(&gateway, ask(&request(1, "tools/list", json!({})))).await;
    assert_eq!(names(&list["result"]), TOOLS);
    for (tool, member) in [("old_echo", &old), ("new_echo", &new)] {
        let params = json!({"name": tool, "arguments": {"text": tool}});
        let message = answered(&gateway, ask(&request(2, "tools/call", params))).await;
        assert_eq!(text(&message), tool);
        assert_eq!(message["result"]["resultType"], Value::Null);
        assert_eq!(member.of("tools/call")[0]["params"]["name"], "echo");
    }
    let params = json!({"name": "pets_find_pet_by_id", "arguments": {"id": 7}});
    let pet = answered(&gateway, ask(&request(3, "tools/call", params))).await;
    assert_eq!(pet["result"]["structuredContent"]["id"], 7);
    assert_eq!(api.calls().len(), 1);
    let told = new.of("tools/call")[0]["params"]["_meta"].clone();
    let capable = &told["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(
        *capable,
        json!({"elicitation": {}, "sampling": {}, "roots": {}})
    );
}

/// A question of a stateless member is one of the session, and its answer finds the way back.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_stateless_member_needs_is_asked_of_the_sessions_client() {
    let (_old, new, _api, gateway) = mixed().await;
    let session = initialize(&gateway).await;
    let question =
        json!({"message": "Which?", "requestedSchema": {"type": "object", "properties": {}}});
    new.script(
        "tools/call echo",
        [Turn::default().asking("elicitation/create", question)],
    );
    let params = json!({"name": "new_echo", "arguments": {"text": "x"}});
    let called = in_session(Some(&session), &request(5, "tools/call", params));
    let mut opened = gateway.client().open(called).await.unwrap();
    let asked = heard(&mut opened).await;
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"],
        "result": {"action": "accept", "content": {"which": "this one"}}});
    let taken = gateway
        .client()
        .send(in_session(Some(&session), &answer))
        .await
        .unwrap();
    assert_eq!(taken.status, 202, "{:?}", taken.text());
    let (rest, cut) = opened.rest().await;
    let rest = String::from_utf8(rest).unwrap();
    assert!(!cut && rest.contains("this one"), "{rest}");
    assert_eq!(new.count("tools/call"), 2, "asked again with the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_tools_and_nothing_else() {
    let (old, new, _api, gateway) = mixed().await;
    let session = initialize(&gateway).await;
    let before = old.messages().len() + new.messages().len();
    for (method, params) in [
        ("prompts/list", json!({})),
        ("prompts/get", json!({"name": "greet"})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({"uri": "note://one"})),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "greet"}}),
        ),
        ("tasks/get", json!({"taskId": "t"})),
    ] {
        let refused = gateway
            .client()
            .send(stateless(method, params.clone()))
            .await
            .unwrap();
        assert_eq!(refused.status, 404, "{method}");
        assert_eq!(refused.json().unwrap()["error"]["code"], -32601, "{method}");
        let refused = in_session(Some(&session), &request(4, method, params));
        let refused = answered(&gateway, refused).await;
        assert_eq!(refused["error"]["code"], -32601, "{method}");
    }
    let subscribe = request(5, "resources/subscribe", json!({"uri": "note://one"}));
    let refused = answered(&gateway, in_session(Some(&session), &subscribe)).await;
    assert_eq!(refused["error"]["code"], -32601);
    assert_eq!(before, old.messages().len() + new.messages().len());
}
