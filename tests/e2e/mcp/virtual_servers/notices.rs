//! What members tell of by themselves: their lists of tools, and what concerns the client of a session.

use std::time::Duration;

use http::Method;
use parapet_tests::fake_mcp::{Era, FakeMcp, Manner};
use parapet_tests::harness::Gateway;
use parapet_tests::http_client::Opened;
use serde_json::{Value, json};

use super::{answered, both, heard, listed, names, start};
use crate::mcp::support::{bodiless, in_session, initialize, stateless};

const CHANGED: &str = "notifications/tools/list_changed";

/// Opens the stream of a stateless client that wants to hear of tools.
async fn subscribed(gateway: &Gateway) -> Opened {
    let wanted = json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true}});
    let listen = stateless("subscriptions/listen", wanted);
    let mut opened = gateway.client().open(listen).await.unwrap();
    assert_eq!(opened.status, 200);
    let first = heard(&mut opened).await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(
        first["params"],
        json!({"notifications": {"toolsListChanged": true},
               "_meta": {"io.modelcontextprotocol/subscriptionId": 7}})
    );
    opened
}

/// Waits until so many streams of a server are open, and says something on them.
async fn push(fake: &FakeMcp, method: &str, params: &Value) {
    for _ in 0..200 {
        if fake.push(method, params) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateless_client_hears_that_the_tools_of_a_member_have_changed() {
    let (github, jira, resources) = both().await;
    // One that has sessions, so that it is told of on the stream of one.
    jira.set_manner(Manner {
        era: Era::Legacy,
        ..Manner::default()
    });
    let gateway = start(&resources).await;
    let told = answered(&gateway, stateless("server/discover", json!({}))).await;
    assert_eq!(
        told["result"]["capabilities"],
        json!({"tools": {"listChanged": true}})
    );
    let mut opened = subscribed(&gateway).await;
    for fake in [&github, &jira] {
        // What was not asked for, and what a virtual server has not.
        push(fake, "notifications/prompts/list_changed", &json!({})).await;
        fake.edit(|catalog| catalog.tools[0]["name"] = "renamed".into());
        push(fake, CHANGED, &json!({})).await;
        let told = heard(&mut opened).await;
        assert_eq!(told["method"], CHANGED, "{told}");
        let id = &told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(*id, 7);
    }
    let asked = &github.of("subscriptions/listen")[0]["params"]["notifications"];
    assert_eq!(*asked, json!({"toolsListChanged": true}));
    let list = listed(&gateway).await;
    assert!(names(&list).contains(&"gh_renamed") && names(&list).contains(&"jira_renamed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_to_hear_nothing_of_tools_hears_nothing() {
    let (github, _jira, resources) = both().await;
    let gateway = start(&resources).await;
    let wanted = json!({"notifications": {"promptsListChanged": true}});
    let listen = stateless("subscriptions/listen", wanted);
    let mut opened = gateway.client().open(listen).await.unwrap();
    let first = heard(&mut opened).await;
    assert_eq!(first["params"]["notifications"], json!({}));
    assert_eq!(github.messages().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_a_session_hears_its_members_and_answers_them() {
    let (github, jira, resources) = both().await;
    let gateway = start(&resources).await;
    let session = initialize(&gateway).await;
    let stream = bodiless(Method::GET, &session);
    let mut opened = gateway.client().open(stream).await.unwrap();
    assert_eq!(opened.status, 200);
    push(&github, CHANGED, &json!({})).await;
    let told = heard(&mut opened).await;
    assert_eq!(
        told,
        json!({"jsonrpc": "2.0", "method": CHANGED, "params": {}})
    );
    push(&jira, "notifications/resources/list_changed", &json!({})).await;
    push(
        &jira,
        "notifications/message",
        &json!({"level": "info", "data": "to the client"}),
    )
    .await;
    let told = heard(&mut opened).await;
    assert_eq!(told["params"]["data"], "to the client");
    // A question of a member, whose answer finds the way back.
    jira.push_raw(&json!({"jsonrpc": "2.0", "id": 41, "method": "roots/list"}));
    let asked = heard(&mut opened).await;
    assert_eq!(asked["method"], "roots/list");
    assert_eq!(asked["id"], "jira:41");
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}});
    // The scripted server waits for no answer, and says so; it has got it all the same.
    let told = gateway
        .client()
        .send(in_session(Some(&session), &answer))
        .await;
    assert_eq!(told.unwrap().status, 200);
    let answers = |fake: &FakeMcp| {
        let messages = fake.messages();
        messages
            .into_iter()
            .filter(|message| message["method"].is_null())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        answers(&jira),
        [json!({"jsonrpc": "2.0", "id": 41, "result": {"roots": []}})]
    );
    assert_eq!(answers(&github), [Value::Null; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_comes_back_is_told_of() {
    let (github, jira, resources) = both().await;
    let gateway = start(&resources).await;
    let at = jira.addr().to_string();
    drop(jira);
    let mut opened = subscribed(&gateway).await;
    push(&github, CHANGED, &json!({})).await;
    assert_eq!(heard(&mut opened).await["method"], CHANGED);
    let jira = FakeMcp::start_at(&at, Manner::default()).await.unwrap();
    let told = heard(&mut opened).await;
    assert_eq!(told["method"], CHANGED);
    assert_eq!(names(&listed(&gateway).await).len(), 6);
    // And it is listened to from then on.
    push(&jira, CHANGED, &json!({})).await;
    let told = heard(&mut opened).await;
    assert_eq!(told["method"], CHANGED);
}
