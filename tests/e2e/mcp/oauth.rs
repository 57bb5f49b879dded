//! Servers that want a token: the gateway gets one, keeps it, and says clearly when there is none.

use std::time::Duration;

use futures_util::future::join_all;
use parapet_tests::fake_mcp::{FakeMcp, Fault, Turn};
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::issuer::{Issuer, TokenMood};
use serde_json::{Value, json};

use super::support::{CALLERS, call, in_session, initialize, server};

pub(super) const SECRET: &str = "s3cret&of=the gateway";

/// The gateway's secret, and a server that wants a token.
fn resources(fake: &FakeMcp, token_url: &str, more: &str) -> String {
    let secret = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: oauth}}\nstringData: {{secret: \"{SECRET}\"}}\n"
    );
    let auth = format!(
        ", auth: {{clientCredentials: {{tokenUrl: \"{token_url}\", clientId: gate way, clientSecret: {{secretKeyRef: {{name: oauth, key: secret}}}}{more}}}}}"
    );
    format!("{CALLERS}{secret}{}", server("fake", &fake.url(), &auth))
}

pub(super) async fn issuer() -> Issuer {
    let issuer = Issuer::start().await.unwrap();
    issuer.add_client("corp", "gate way", SECRET);
    issuer
}

async fn start(fake: &FakeMcp, issuer: &Issuer, more: &str) -> Gateway {
    let resources = resources(fake, &issuer.token_url("corp"), more);
    Setup::new(resources).start().await.unwrap()
}

async fn echo(gateway: &Gateway) -> (u16, Value) {
    let request = call("echo", json!({"text": "x"}));
    let answered = gateway.client().send(request).await.unwrap();
    (answered.status.as_u16(), answered.json().unwrap())
}

/// What the record of a call says of its attempt.
async fn attempt(gateway: &Gateway) -> Value {
    let request = call("echo", json!({"text": "x"}));
    let answered = gateway.client().send(request).await.unwrap();
    let id = answered.header("x-request-id").unwrap();
    gateway.record(id).await.unwrap()["attempts"][0].clone()
}

fn shown(fake: &FakeMcp) -> Vec<String> {
    let calls = fake.server().calls();
    let values = calls.iter().map(|call| call.header("authorization"));
    values
        .map(|value| value.unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_got_once_and_shown_with_every_message() {
    for (auth, basic) in [("", true), (", clientAuth: post", false)] {
        let (fake, issuer) = (FakeMcp::start().await.unwrap(), issuer().await);
        let more = format!(
            "{auth}, scopes: [tools.read, tools.call], audience: mcp, resource: \"https://mcp.example.com/mcp\""
        );
        let gateway = start(&fake, &issuer, &more).await;
        let calls = join_all((0..8).map(|_| echo(&gateway))).await;
        for (status, told) in calls {
            assert_eq!(status, 200, "{told}");
            assert!(told["result"].is_object(), "{told}");
        }
        let session = initialize(&gateway).await;
        let message = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}});
        let answered = gateway
            .client()
            .send(in_session(Some(&session), &message))
            .await
            .unwrap();
        assert_eq!(answered.status, 200);

        let requests = issuer.token_requests("corp");
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert_eq!(requests[0].client.as_deref(), Some("gate way"));
        assert_eq!(requests[0].basic, basic);
        let form: Value = serde_json::to_value(&requests[0].form).unwrap();
        assert_eq!(
            form,
            json!({
                "grant_type": "client_credentials", "scope": "tools.read tools.call",
                "audience": "mcp", "resource": "https://mcp.example.com/mcp",
            })
        );
        let shown = shown(&fake);
        assert_eq!(shown.len(), 11);
        let expected = "Bearer issued-1-for-gate-way";
        assert!(shown.iter().all(|value| value == expected), "{shown:?}");
        let said = gateway.said();
        for secret in [SECRET, "issued-1", "ada-token"] {
            assert!(!said.contains(secret), "{secret} was logged");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_before_its_end_and_replaced_when_the_server_refuses_it() {
    let (fake, issuer) = (FakeMcp::start().await.unwrap(), issuer().await);
    issuer.token_lifetime("corp", 4);
    let gateway = start(&fake, &issuer, "").await;
    assert_eq!(echo(&gateway).await.0, 200);
    // In its last fifth it is shown, and another one is fetched beside it.
    tokio::time::sleep(Duration::from_millis(3300)).await;
    assert_eq!(echo(&gateway).await.0, 200);
    let begun = std::time::Instant::now();
    while issuer.token_requests("corp").len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "not renewed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    issuer.token_lifetime("corp", 3600);
    assert_eq!(echo(&gateway).await.0, 200);
    let numbers = |fake: &FakeMcp| -> Vec<String> {
        let shown = shown(fake).into_iter();
        shown
            .map(|value| value.chars().filter(char::is_ascii_digit).collect())
            .collect()
    };
    assert_eq!(numbers(&fake), ["1", "1", "2"]);

    fake.script(
        "tools/call echo",
        [Turn::fault(Fault::Status(401)), Turn::default()],
    );
    let (status, told) = echo(&gateway).await;
    assert_eq!(status, 200, "{told}");
    assert!(told["result"].is_object(), "{told}");
    assert_eq!(numbers(&fake), ["1", "1", "2", "2", "3"]);

    // A server that refuses every token costs the token endpoint no more.
    fake.script("tools/call echo", [Turn::fault(Fault::Status(401))]);
    for _ in 0..3 {
        let (status, told) = echo(&gateway).await;
        assert_eq!(status, 502, "{told}");
    }
    assert_eq!(issuer.token_requests("corp").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_is_called_and_the_client_learns_that() {
    let moods = [
        (TokenMood::Status(500), "failed"),
        (TokenMood::Denies("invalid_client"), "refused"),
        (TokenMood::Page, "bad_answer"),
        (TokenMood::Huge, "too_large"),
        (
            TokenMood::Redirect("http://127.0.0.1:9/".into()),
            "bad_answer",
        ),
        (TokenMood::With(json!({"token_type": "mac"})), "bad_answer"),
        (TokenMood::With(json!({"access_token": null})), "bad_answer"),
        (TokenMood::Slow(Duration::from_secs(60)), "timeout"),
    ];
    let tests = moods.map(|(mood, word)| async move {
        let (fake, issuer) = (FakeMcp::start().await.unwrap(), issuer().await);
        issuer.token_mood("corp", mood.clone());
        let gateway = start(&fake, &issuer, "").await;
        let (status, told) = echo(&gateway).await;
        assert_eq!(
            status,
            if word == "timeout" { 504 } else { 502 },
            "{mood:?} {told}"
        );
        assert_eq!(told["id"], 7, "{told}");
        assert_eq!(told["error"]["code"], -32603, "{told}");
        let again = echo(&gateway).await;
        assert_eq!(again.1, told, "it is remembered for a while");
        assert_eq!(issuer.token_requests("corp").len(), 1, "{mood:?}");
        assert_eq!(fake.server().calls().len(), 0, "{mood:?}");
        let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
        let line = format!("parapet_mcp_token_calls_total{{result=\"{word}\",server=\"fake\"}} 1");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
        let everything = format!("{told} {}", gateway.said());
        for secret in [SECRET, "SECRET-DOCUMENT", "issued-"] {
            assert!(!everything.contains(secret), "{mood:?}: {everything}");
        }
        assert!(!told.to_string().contains("127.0.0.1"), "{told}");
    });
    join_all(tests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_over_when_the_endpoint_is_well_again_and_records_tell_of_calls() {
    let (fake, issuer) = (FakeMcp::start().await.unwrap(), issuer().await);
    issuer.token_mood("corp", TokenMood::Status(503));
    let gateway = start(&fake, &issuer, "").await;
    let failed = attempt(&gateway).await;
    issuer.token_mood("corp", TokenMood::With(json!({"expires_in": null})));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let well = [attempt(&gateway).await, attempt(&gateway).await];
    assert_eq!(issuer.token_requests("corp").len(), 2);
    let attempts = [vec![failed], well.to_vec()].concat();
    assert_eq!(attempts[0]["error"], "no_token");
    assert_eq!(attempts[0]["calls"][0]["status"], 503);
    assert_eq!(attempts[0]["calls"][0]["error"], "failed");
    assert_eq!(attempts[1]["status"], 200);
    assert_eq!(attempts[1]["calls"][0]["status"], 200);
    assert_eq!(
        attempts[1]["calls"][0]["server"],
        issuer.addr().to_string().as_str()
    );
    assert_eq!(attempts[2]["calls"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn token_endpoints_at_metadata_addresses_are_not_called() {
    let fake = FakeMcp::start().await.unwrap();
    let url = "http://169.254.169.254/latest/token";
    let gateway = Setup::new(resources(&fake, url, "")).start().await.unwrap();
    let (status, told) = echo(&gateway).await;
    assert_eq!(status, 502, "{told}");
    let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
    let line = "parapet_mcp_token_calls_total{result=\"address_refused\",server=\"fake\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert_eq!(fake.server().calls().len(), 0);
}
