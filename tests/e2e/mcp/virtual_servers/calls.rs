//! Calls on their way to the member that has the tool.

use parapet_tests::fake_mcp::{FakeMcp, Turn};
use serde_json::{Value, json};

use super::{UNKNOWN, answered, both, listed, names, start, suite, text};
use crate::mcp::support::{CALLERS, call, messages, server, stateless};

/// The names that a server's tools were called by.
fn called(fake: &FakeMcp) -> Vec<String> {
    let calls = fake.of("tools/call");
    let names = calls.iter().map(|call| call["params"]["name"].as_str());
    names.map(|name| name.unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_reaches_its_member_under_the_name_that_it_has_there() {
    let (github, jira, resources) = both().await;
    let gateway = start(&resources).await;
    // Before anything was listed, and in the same words otherwise.
    let request = call(
        "gh_regional",
        json!({"region": "eu", "query": "gh_regional"}),
    );
    let request = request.header("mcp-param-region", "eu");
    let message = answered(&gateway, request).await;
    assert_eq!(message["id"], 7);
    let calls = github.server().calls();
    assert_eq!(calls.len(), 1, "one call is one message");
    assert_eq!(calls[0].header("mcp-name"), Some("regional"));
    assert_eq!(calls[0].header("mcp-param-region"), Some("eu"));
    let params = calls[0].json()["params"].clone();
    assert_eq!(params["name"], "regional");
    assert_eq!(params["arguments"]["query"], "gh_regional");
    assert_eq!(jira.server().calls().len(), 0);
    let message = answered(&gateway, call("jira_echo", json!({"text": "to jira"}))).await;
    assert_eq!(text(&message), "to jira");
    assert_eq!(
        (called(&github).len(), called(&jira)),
        (1, vec!["echo".to_owned()])
    );
    // Header and body are the client's to keep equal, by the names that it knows.
    let mut wrong = call("gh_echo", json!({"text": "x"}));
    wrong.headers.retain(|(name, _)| name != "mcp-name");
    let wrong = wrong.header("mcp-name", "echo");
    let refused = gateway.client().send(wrong).await.unwrap();
    assert_eq!(refused.status, 400);
    assert_eq!(called(&github).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_end_in_a_hash_are_the_same_on_every_gateway() {
    let (github, jira) = (
        FakeMcp::start().await.unwrap(),
        FakeMcp::start().await.unwrap(),
    );
    let long = format!("files.{}", "very_".repeat(20));
    for (fake, own) in [(&github, "files.read"), (&jira, &*long)] {
        fake.edit(|catalog| catalog.tools[0]["name"] = own.into());
    }
    let resources = format!(
        "{CALLERS}{}{}{}",
        server("github", &github.url(), ""),
        server("jira", &jira.url(), ""),
        suite(
            "{server: github, prefix: \"\"}, {server: jira, prefix: \"\"}",
            ""
        ),
    );
    let (one, other) = (start(&resources).await, start(&resources).await);
    let list = listed(&one).await;
    let tools = names(&list);
    assert_eq!(tools.len(), 6);
    for tool in &tools {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        assert!(tool.len() <= 64 && tool.bytes().all(is_allowed), "{tool}");
    }
    for gateway in [&one, &other] {
        for tool in &tools {
            let message = answered(gateway, call(tool, json!({"text": "x"}))).await;
            assert!(message["result"].is_object(), "{tool}: {message}");
        }
    }
    let twice = |first: &str| {
        let mut names: Vec<String> = [first, "lookup", "regional"]
            .repeat(2)
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        names.sort();
        names
    };
    for (fake, first) in [(&github, "files.read"), (&jira, &*long)] {
        let mut called = called(fake);
        called.sort();
        assert_eq!(called, twice(first));
    }
    // The second gateway asked once for each name that it had not seen, and no more when it had.
    let asked = github.count("tools/list");
    let message = answered(&other, call(tools[0], json!({"text": "x"}))).await;
    assert!(message["result"].is_object());
    assert_eq!(github.count("tools/list"), asked);
    let unknown = format!("x_{}", "0".repeat(12));
    let message = answered(&other, call(&unknown, json!({}))).await;
    assert_eq!(message["error"]["code"], UNKNOWN);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_questions_and_their_answers_go_through() {
    let (github, jira, resources) = both().await;
    let gateway = start(&resources).await;
    let ask = json!({"message": "Which?", "requestedSchema": {"type": "object", "properties": {}}});
    github.script(
        "tools/call echo",
        [Turn::default().asking("elicitation/create", ask)],
    );
    let capable = json!({"io.modelcontextprotocol/clientCapabilities": {
        "elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}, "x": {}}}});
    let params = json!({"name": "gh_echo", "arguments": {"text": "x"}, "_meta": capable});
    let first = answered(&gateway, stateless("tools/call", params.clone())).await;
    assert_eq!(first["result"]["resultType"], "input_required", "{first}");
    let mut again = params;
    again["requestState"] = first["result"]["requestState"].clone();
    again["inputResponses"] =
        json!({"question": {"action": "accept", "content": {"which": "this"}}});
    let second = answered(&gateway, stateless("tools/call", again)).await;
    assert!(text(&second).contains("this"), "{second}");
    assert_eq!(jira.server().calls().len(), 0);
    let said = github.of("tools/call");
    let extensions =
        &said[0]["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]["extensions"];
    assert_eq!(*extensions, json!({"x": {}}), "tasks are not followed");

    let turn =
        Turn::text("done").after_notification("notifications/progress", json!({"progress": 1}));
    jira.script("tools/call echo", [turn]);
    let params =
        json!({"name": "jira_echo", "arguments": {"text": "x"}, "_meta": {"progressToken": "p"}});
    let answer = gateway
        .client()
        .send(stateless("tools/call", params))
        .await
        .unwrap();
    let messages: Vec<Value> = messages(&answer);
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(messages[0]["params"]["progressToken"], "p");
    assert_eq!(text(&messages[1]), "done");
}
