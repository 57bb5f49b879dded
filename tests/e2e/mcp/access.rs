//! Who may come in, and what those who may not are told.

use jsonwebtoken::Algorithm;
use parapet_tests::fake_mcp::FakeMcp;
use parapet_tests::harness::Setup;
use parapet_tests::http_client::Outgoing;
use parapet_tests::issuer::SigningKey;
use serde_json::json;

use super::support::{CALLERS, call, server, stateless};

fn issuer() -> String {
    let key = SigningKey::new(Algorithm::ES256, "k1").unwrap();
    let jwks = json!({"keys": [key.jwk]});
    format!(
        "---\napiVersion: parapet.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {{name: corp}}\nspec: {{issuer: https://id.example.com, audiences: [parapet], jwks: {{inline: '{jwks}'}}}}\n"
    )
}

fn without_token(mut outgoing: Outgoing) -> Outgoing {
    outgoing.headers.retain(|(name, _)| name != "authorization");
    outgoing
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_without_a_token_learn_where_tokens_come_from() {
    let fake = FakeMcp::start().await.unwrap();
    let resources = format!("{CALLERS}{}{}", issuer(), server("fake", &fake.url(), ""));
    let gateway = Setup::new(resources).start().await.unwrap();
    let client = gateway.client();
    let base = format!("http://{}", gateway.traffic());
    for path in ["/mcp/fake", "/mcp/fake/mcp", "/mcp/v1/fake/mcp"] {
        let mut request = without_token(call("echo", json!({"text": "x"})));
        request.path = path.into();
        let answered = client.send(request).await.unwrap();
        assert_eq!(answered.status, 401);
        let url = format!("{base}/.well-known/oauth-protected-resource{path}");
        let challenge = answered.header("www-authenticate").unwrap();
        assert_eq!(challenge, format!("Bearer resource_metadata=\"{url}\""));
        let document = client
            .send(Outgoing::get(url.strip_prefix(&base).unwrap()))
            .await
            .unwrap();
        assert_eq!(
            document.json().unwrap(),
            json!({
                "resource": format!("{base}{path}"),
                "authorization_servers": ["https://id.example.com"],
                "bearer_methods_supported": ["header"],
            })
        );
    }
    let request = without_token(call("echo", json!({"text": "x"}))).bearer("nobody's");
    let answered = client.send(request).await.unwrap();
    assert_eq!(answered.status, 401);
    let challenge = answered.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer error=\"invalid_token\", resource_metadata="),
        "{challenge}"
    );
    let unknown = client
        .send(Outgoing::get(
            "/.well-known/oauth-protected-resource/mcp/other",
        ))
        .await
        .unwrap();
    assert_eq!(unknown.status, 404);
    assert_eq!(fake.server().calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_used_by_its_collaborators_and_a_disabled_tool_by_nobody() {
    let fake = FakeMcp::start().await.unwrap();
    let more = r#", collaborators: [{subject: "virtualaccount:ada"}], tools: [{name: lookup, disabled: true}]"#;
    let resources = format!("{CALLERS}{}", server("fake", &fake.url(), more));
    let gateway = Setup::new(resources).start().await.unwrap();
    let client = gateway.client();
    let of_bob = without_token(call("echo", json!({"text": "x"}))).bearer("bob-token");
    let answered = client.send(of_bob).await.unwrap();
    assert_eq!(answered.status, 403);
    let mut elsewhere = call("echo", json!({"text": "x"}));
    elsewhere.path = "/mcp/other".into();
    assert_eq!(client.send(elsewhere).await.unwrap().status, 404);
    let answered = client
        .send(call("lookup", json!({"text": "x"})))
        .await
        .unwrap();
    assert_eq!(answered.status, 200);
    assert_eq!(answered.json().unwrap()["error"]["code"], -32602);
    assert_eq!(fake.server().calls().len(), 0);
    let answered = client
        .send(call("echo", json!({"text": "x"})))
        .await
        .unwrap();
    assert!(answered.json().unwrap()["result"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_and_other_names_of_this_machine_are_refused() {
    let fake = FakeMcp::start().await.unwrap();
    let settings = "---\napiVersion: parapet.dev/v1alpha1\nkind: GatewaySettings\nmetadata: {name: all}\nspec: {anonymous: {}, mcp: {allowedOrigins: [\"https://App.example.com\"]}}\n";
    let resources = format!("{CALLERS}{settings}{}", server("fake", &fake.url(), ""));
    let gateway = Setup::new(resources).start().await.unwrap();
    let client = gateway.client();
    let list = || stateless("tools/list", json!({}));
    let rows = [
        (list(), 200),
        (without_token(list()), 200),
        (list().header("origin", "https://evil.example.com"), 403),
        (list().header("origin", "null"), 403),
        (list().header("origin", "https://app.example.com"), 200),
        (
            without_token(list()).header("host", "evil.example.com"),
            403,
        ),
        (list().header("host", "gateway.example.com"), 200),
    ];
    for (request, status) in rows {
        let shown = format!("{:?}", request.headers);
        let answered = client.send(request).await.unwrap();
        assert_eq!(answered.status, status, "{shown}: {:?}", answered.text());
    }
}
