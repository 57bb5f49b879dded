//! Streams that say nothing for a while, because a server or a guardrail takes its time.

use std::time::Duration;

use parapet_tests::fake_guardrail::{FakeGuardrails, Judgement};
use parapet_tests::fake_mcp::{FakeMcp, Manner, Turn};
use parapet_tests::harness::{Gateway, Setup};
use serde_json::json;

use super::support::{CALLERS, call, in_session, initialize, messages, server};

/// Longer than two comments take.
const SLOW: Duration = Duration::from_millis(2600);

async fn with_a_service(fake: &FakeMcp, services: &FakeGuardrails) -> Gateway {
    let resources = format!(
        r#"{CALLERS}{}---
apiVersion: parapet.dev/v1alpha1
kind: GatewaySettings
metadata: {{name: all}}
spec: {{mcp: {{keepAlive: 1s}}}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: g}}
spec: {{guardrails: [{{name: slow, operation: mutate, timeout: 8s, custom: {{url: "{}"}}}}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: rules}}
spec:
  rules:
    - id: tools
      when: {{target: {{conditions: {{mcpServers: {{values: [fake]}}}}}}}}
      mcp_tool_post_invoke_guardrails: [g/slow]
"#,
        server("fake", &fake.url(), ""),
        services.url("slow"),
    );
    Setup::new(resources).start().await.unwrap()
}

fn comments(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with(':')).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_lives_while_a_guardrail_judges_its_answer() {
    let manner = Manner {
        events: true,
        ..Manner::default()
    };
    let fake = FakeMcp::start_as(manner).await.unwrap();
    let services = FakeGuardrails::start().await.unwrap();
    let gateway = with_a_service(&fake, &services).await;
    services.script("slow", [(SLOW, Judgement::Pass)]);
    let request = call("echo", json!({"text": "x"}));
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.header("content-type"), Some("text/event-stream"));
    let text = answered.text().unwrap();
    assert!((1..=3).contains(&comments(text)), "{text}");
    assert!(text.starts_with(':'), "the answer came first: {text}");
    assert_eq!(messages(&answered)[0]["result"]["content"][0]["text"], "x");

    // The same in a session, whose guardrails judge what is said before the answer, too.
    services.script("slow", [(Duration::ZERO, Judgement::Pass)]);
    let session = initialize(&gateway).await;
    services.script(
        "slow",
        [
            (SLOW, Judgement::Pass),
            (SLOW, Judgement::Block("no".into())),
        ],
    );
    let log = json!({"level": "info", "data": "working"});
    let turn = Turn::text("x").after_notification("notifications/message", log);
    fake.script("tools/call echo", [turn]);
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "x"}}});
    let request = in_session(Some(&session), &message);
    let answered = gateway.client().send(request).await.unwrap();
    let text = answered.text().unwrap();
    assert!((3..=6).contains(&comments(text)), "{text}");
    let told = messages(&answered);
    assert_eq!(told[0]["method"], "notifications/message");
    assert_eq!(told[1]["result"]["isError"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_lives_while_its_server_is_silent() {
    let fake = FakeMcp::start().await.unwrap();
    let services = FakeGuardrails::start().await.unwrap();
    let gateway = with_a_service(&fake, &services).await;
    let log = json!({"level": "info", "data": "working"});
    let mut turn = Turn::text("x").after_notification("notifications/message", log);
    turn.pause_ms = u64::try_from(SLOW.as_millis()).unwrap();
    fake.script("tools/call echo", [turn]);
    let request = call("echo", json!({"text": "x"}));
    let answered = gateway.client().send(request).await.unwrap();
    assert!((1..=3).contains(&comments(answered.text().unwrap())));
    assert_eq!(messages(&answered).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_one_message_stays_one_however_long_it_is_judged() {
    let fake = FakeMcp::start().await.unwrap();
    let services = FakeGuardrails::start().await.unwrap();
    let gateway = with_a_service(&fake, &services).await;
    let rows = [
        (Judgement::Pass, "a secret"),
        (Judgement::Replace("secret".into(), "***".into()), "a ***"),
    ];
    for (judgement, expected) in rows {
        services.script("slow", [(SLOW, judgement)]);
        let request = call("echo", json!({"text": "a secret"}));
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, 200);
        assert_eq!(answered.header("content-type"), Some("application/json"));
        let told = answered.json().unwrap();
        assert_eq!(told["result"]["content"][0]["text"], expected);
    }
    // Past its time it has failed, which is an answer as well.
    services.script("slow", [(Duration::from_secs(30), Judgement::Pass)]);
    let request = call("echo", json!({"text": "a secret"}));
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.status, 200);
    let told = answered.json().unwrap();
    assert_eq!(told["result"]["isError"], true, "{told}");
    assert!(!told.to_string().contains("secret"));
}
