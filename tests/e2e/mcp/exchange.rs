//! Servers that are called on behalf of their callers: each caller's token is exchanged for one that is meant for the server.

use jsonwebtoken::Algorithm;
use parapet_tests::fake_mcp::{FakeMcp, Fault, Turn};
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::{Answered, Outgoing};
use parapet_tests::issuer::{Issuer, SigningKey, TokenMood, claims};
use serde_json::{Value, json};

use super::support::{CALLERS, call, server};

const SECRET: &str = "the-gateway-s-secret";

/// An issuer, its key, a server, and a gateway between them.
struct Parts {
    issuer: Issuer,
    key: SigningKey,
    fake: FakeMcp,
    gateway: Gateway,
}

async fn parts() -> Parts {
    let issuer = Issuer::start().await.unwrap();
    let key = SigningKey::new(Algorithm::ES256, "k").unwrap();
    issuer.publish("corp", &[&key]);
    issuer.add_client("corp", "gateway", SECRET);
    let fake = FakeMcp::start().await.unwrap();
    let jwks = json!({"keys": [key.jwk]});
    let auth = format!(
        ", auth: {{tokenExchange: {{tokenUrl: \"{}\", clientId: gateway, clientSecret: {{secretKeyRef: {{name: oauth, key: secret}}}}, scopes: [tools], audience: mcp, resource: \"https://mcp.example.com\", subjectTokenType: jwt, requestedTokenType: access_token}}}}",
        issuer.token_url("corp")
    );
    let resources = format!(
        "{CALLERS}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: oauth}}\nstringData: {{secret: {SECRET}}}\n---\napiVersion: parapet.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {{name: corp}}\nspec: {{issuer: \"{}\", audiences: [parapet], claims: {{user: email}}, jwks: {{inline: '{jwks}'}}}}\n{}",
        issuer.name("corp"),
        server("fake", &fake.url(), &auth)
    );
    let gateway = Setup::new(resources).start().await.unwrap();
    Parts {
        issuer,
        key,
        fake,
        gateway,
    }
}

impl Parts {
    fn token(&self, email: &str) -> String {
        let changed = json!({"email": email});
        let claims = claims(&self.issuer.name("corp"), &changed);
        self.key.sign(&claims).unwrap()
    }

    async fn echo(&self, token: &str) -> Answered {
        let mut request = call("echo", json!({"text": "x"}));
        request.headers.retain(|(name, _)| name != "authorization");
        self.send(request.bearer(token)).await
    }

    async fn send(&self, request: Outgoing) -> Answered {
        self.gateway.client().send(request).await.unwrap()
    }

    fn shown(&self) -> Vec<String> {
        let calls = self.fake.server().calls();
        let values = calls.iter().filter_map(|call| call.header("authorization"));
        values.map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_s_token_is_exchanged_once_and_reaches_nobody_else() {
    let parts = parts().await;
    let (ada, bob) = (
        parts.token("ada@example.com"),
        parts.token("bob@example.com"),
    );
    for token in [&ada, &bob, &ada, &bob] {
        let answered = parts.echo(token).await;
        assert_eq!(answered.status, 200, "{:?}", answered.text());
    }
    // The caller shows it in the other header that the gateway takes.
    let mut request = call("echo", json!({"text": "x"}));
    request.headers.retain(|(name, _)| name != "authorization");
    let answered = parts.send(request.header("x-api-key", &ada)).await;
    assert_eq!(answered.status, 200, "{:?}", answered.text());

    let [of_ada, of_bob] = ["ada", "bob"].map(|who| {
        let number = if who == "ada" { 1 } else { 2 };
        format!("Bearer issued-{number}-for-{who}@example.com")
    });
    assert_eq!(
        parts.shown(),
        [&of_ada, &of_bob, &of_ada, &of_bob, &of_ada].map(String::clone)
    );
    let requests = parts.issuer.token_requests("corp");
    assert_eq!(requests.len(), 2);
    for (request, token) in requests.iter().zip([&ada, &bob]) {
        assert_eq!(request.client.as_deref(), Some("gateway"));
        let form: Value = serde_json::to_value(&request.form).unwrap();
        let kind = "urn:ietf:params:oauth:token-type:";
        assert_eq!(
            form,
            json!({
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": token, "subject_token_type": format!("{kind}jwt"),
                "requested_token_type": format!("{kind}access_token"),
                "scope": "tools", "audience": "mcp", "resource": "https://mcp.example.com",
            })
        );
    }
    // Nothing of the callers' tokens has reached the server, wherever it might have stood; nor the log.
    let calls = format!("{:?}", parts.fake.server().calls());
    let said = parts.gateway.said();
    for token in [&ada, &bob] {
        assert!(
            !calls.contains(&**token),
            "the caller's token reached the server"
        );
        assert!(!said.contains(&**token), "the caller's token was logged");
    }
    assert!(
        !said.contains(SECRET) && !said.contains("issued-"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_token_to_exchange_is_told_so() {
    let parts = parts().await;
    // A machine's own token is between the machine and the gateway.
    let answered = parts.echo("ada-token").await;
    assert_eq!(answered.status, 403);
    let told = answered.json().unwrap();
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("identity provider"), "{message}");
    assert_eq!(parts.echo("nobody-s").await.status, 401);
    assert_eq!(parts.issuer.token_requests("corp").len(), 0);
    assert_eq!(parts.shown(), Vec::<String>::new());

    // What one caller is refused, another one still gets.
    let (ada, bob) = (
        parts.token("ada@example.com"),
        parts.token("bob@example.com"),
    );
    parts
        .issuer
        .token_mood("corp", TokenMood::Denies("invalid_grant"));
    let answered = parts.echo(&ada).await;
    assert_eq!(answered.status, 502, "{:?}", answered.text());
    assert!(!answered.text().unwrap().contains("SECRET-DOCUMENT"));
    parts.issuer.token_mood("corp", TokenMood::Good);
    assert_eq!(parts.echo(&bob).await.status, 200);
    assert_eq!(parts.echo(&ada).await.status, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_s_token_that_the_server_refuses_is_exchanged_once_more() {
    let parts = parts().await;
    let ada = parts.token("ada@example.com");
    assert_eq!(parts.echo(&ada).await.status, 200);
    parts.fake.script(
        "tools/call echo",
        [Turn::fault(Fault::Status(401)), Turn::default()],
    );
    assert_eq!(parts.echo(&ada).await.status, 200);
    let shown = parts.shown();
    assert_eq!(shown.len(), 3);
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[2], "Bearer issued-2-for-ada@example.com");
}
