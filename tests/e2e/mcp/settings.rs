//! What a resource says about a server's tools and about credentials.

use parapet_tests::fake_mcp::{FakeMcp, Fault, Manner, Turn};
use parapet_tests::harness::Setup;
use serde_json::{Value, json};

use super::support::{CALLERS, call, messages, server, stateless};

#[tokio::test(flavor = "multi_thread")]
async fn lists_show_tools_as_the_resource_describes_them() {
    for events in [false, true] {
        let manner = Manner {
            events,
            ..Manner::default()
        };
        let fake = FakeMcp::start_as(manner).await.unwrap();
        let more = r#", tools: [{name: lookup, disabled: true}, {name: echo, description: "Repeats.", readOnly: true}]"#;
        let resources = format!("{CALLERS}{}", server("fake", &fake.url(), more));
        let gateway = Setup::new(resources).start().await.unwrap();
        let answered = gateway
            .client()
            .send(stateless("tools/list", json!({})))
            .await
            .unwrap();
        let list = messages(&answered).pop().unwrap();
        let tools = list["result"]["tools"].as_array().unwrap();
        let names: Vec<&Value> = tools.iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, ["echo", "regional"]);
        assert_eq!(tools[0]["description"], "Repeats.");
        assert_eq!(tools[0]["annotations"], json!({"readOnlyHint": true}));
        assert_eq!(tools[1]["description"], "Asks one region.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_show_a_server_credentials_of_their_own() {
    let fake = FakeMcp::start().await.unwrap();
    let more = ", auth: {perUser: {headers: [Authorization]}}";
    let resources = format!("{CALLERS}{}", server("fake", &fake.url(), more));
    let gateway = Setup::new(resources).start().await.unwrap();
    let client = gateway.client();
    let own =
        r#"{"fake": {"Authorization": "Bearer my-own-token"}, "other": {"X-Key": "not-for-fake"}}"#;
    let request = call("echo", json!({"text": "x"})).header("x-tfy-mcp-headers", own);
    let answered = client.send(request).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    let calls = fake.server().calls();
    assert_eq!(
        calls[0].header("authorization"),
        Some("Bearer my-own-token")
    );
    assert!(!format!("{:?}", calls[0]).contains("not-for-fake"));

    let request = call("echo", json!({"text": "x"}));
    let request = request.header(
        "x-tfy-mcp-headers",
        r#"{"fake": {"X-Admin": "my-own-token"}}"#,
    );
    let answered = client.send(request).await.unwrap();
    assert_eq!(answered.status, 400);
    assert!(!answered.text().unwrap().contains("my-own-token"));
    assert_eq!(fake.count("tools/call"), 1);

    fake.script("tools/call echo", [Turn::fault(Fault::Status(401))]);
    let answered = client
        .send(call("echo", json!({"text": "x"})))
        .await
        .unwrap();
    let told = answered.json().unwrap();
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("x-tfy-mcp-headers"),
        "{told}"
    );
    let said = gateway.said();
    assert!(
        !said.contains("my-own-token") && !said.contains("not-for-fake"),
        "a token was logged"
    );
}
