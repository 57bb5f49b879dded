//! What callers may do once they are known, and callers that bring no token.

use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use parapet_tests::http_client::Outgoing;
use parapet_tests::issuer::{SigningKey, claims};
use parapet_tests::world::{TOKEN, World};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";

fn resources(key: &SigningKey) -> String {
    let jwks = json!({"keys": [key.jwk]}).to_string();
    RESOURCES.replace("$jwks", &jwks)
}

const RESOURCES: &str = r#"apiVersion: parapet.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec:
  issuer: https://id.example.com
  audiences: [parapet]
  jwks: {inline: '$jwks'}
  claims: {user: email, teams: groups, roles: "https://acme.example/app.roles", metadata: {department: org.department}}
---
apiVersion: v1
kind: Secret
metadata: {name: machines}
stringData: {new: new-token, old: old-token, former: former-token}
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {name: checkout}
spec:
  tokens: [{secretKeyRef: {name: machines, key: new}}, {secretKeyRef: {name: machines, key: old}}]
  identities: [{provider: corp, value: checkout@clients.example.com}]
  roles: [batch]
  metadata: {environment: production, stage: a}
  fixedMetadata: {owner: payments}
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {name: former}
spec:
  tokens: [{secretKeyRef: {name: machines, key: former}}]
  expiresAt: "2020-01-01T00:00:00Z"
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: by-user}
spec: {demo: {}, collaborators: [{subject: "user:ana@*"}]}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: by-team}
spec: {demo: {}, collaborators: [{subject: "team:payments"}]}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: by-account}
spec: {demo: {}, collaborators: [{subject: "virtualaccount:checkout", role: Manager}]}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: by-role}
spec: {demo: {}, collaborators: [{subject: "role:admin"}, {subject: "role:batch"}]}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: theirs}
spec:
  collaborators: [{subject: "role:admin"}]
  guardrails: [{name: code, codeSafetyLinter: {}}]
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec: {guardrails: [{name: a, codeSafetyLinter: {}}, {name: b, codeSafetyLinter: {}}, {name: c, codeSafetyLinter: {}}, {name: d, codeSafetyLinter: {}}]}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - {id: settings, when: {metadata: {region: eu, stage: a}}, llm_input_guardrails: [g/a]}
    - {id: header, when: {metadata: {environment: mine}}, llm_input_guardrails: [g/b]}
    - {id: fixed, when: {metadata: {owner: payments}}, llm_input_guardrails: [g/c]}
    - {id: claim, when: {metadata: {department: research}}, llm_input_guardrails: [g/d]}
---
apiVersion: parapet.dev/v1alpha1
kind: GatewaySettings
metadata: {name: settings}
spec: {defaults: {metadata: {region: eu, stage: default}}}
"#;

fn ask(model: &str) -> Outgoing {
    let body = json!({"model": model, "messages": [{"role": "user", "content": "x"}]});
    Outgoing::post("/v1/chat/completions", body.to_string())
}

#[tokio::test]
async fn callers_see_and_use_what_lists_them() {
    let key = SigningKey::new(Algorithm::ES256, "k").unwrap();
    let world = World::start(&resources(&key)).await.unwrap();
    let sign = |changed: Value| key.sign(&claims(ISSUER, &changed)).unwrap();
    let ana = sign(json!({}));
    let admin = sign(json!({
        "email": "root@example.com", "groups": [], "https://acme.example/app": {"roles": ["admin"]},
    }));
    let checkout = sign(json!({"email": "checkout@clients.example.com"}));
    let all = ["by-account", "by-role", "by-team", "by-user"];
    for (what, token, may) in [
        ("a user in a team", &*ana, &["by-team", "by-user"][..]),
        ("a role", &admin, &["by-role"]),
        ("an account", "new-token", &["by-account", "by-role"]),
        (
            "an account's older token",
            "old-token",
            &["by-account", "by-role"],
        ),
        (
            "an account by its claim",
            &checkout,
            &["by-account", "by-role"],
        ),
        ("another account", TOKEN, &[]),
    ] {
        let listed = Outgoing::get("/v1/models").bearer(token);
        let listed = world.client.send(listed).await.unwrap().json().unwrap();
        let mut owners: Vec<&str> = listed["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["owned_by"].as_str().unwrap())
            .filter(|owner| all.contains(owner))
            .collect();
        owners.dedup();
        assert_eq!(owners, may, "{what}");
        for provider in all {
            let asked = ask(&format!("{provider}/echo")).bearer(token);
            let status = world.client.send(asked).await.unwrap().status;
            let expected = if may.contains(&provider) { 200 } else { 403 };
            assert_eq!(status, expected, "{what} at {provider}");
            let one = Outgoing::get(&format!("/v1/models/{provider}/echo")).bearer(token);
            let status = world.client.send(one).await.unwrap().status;
            let expected = if may.contains(&provider) { 200 } else { 404 };
            assert_eq!(status, expected, "{what} sees {provider}");
        }
        let named = ask("demo/echo").bearer(token).header(
            "x-tfy-guardrails",
            r#"{"llm_input_guardrails": ["theirs/code"]}"#,
        );
        let status = world.client.send(named).await.unwrap().status;
        let expected = if token == admin { 200 } else { 400 };
        assert_eq!(status, expected, "{what} names a guardrail");
    }
    let over = world.client.send(ask("demo/echo").bearer("former-token"));
    assert_eq!(over.await.unwrap().status, 401, "its time is over");
}

#[tokio::test]
async fn metadata_is_fixed_then_the_headers_then_the_accounts_then_the_settings() {
    let key = SigningKey::new(Algorithm::ES256, "k").unwrap();
    let world = World::start(&resources(&key)).await.unwrap();
    let user = |department: &str| {
        let changed = json!({"org": {"department": department}});
        key.sign(&claims(ISSUER, &changed)).unwrap()
    };
    let machine = "new-token".to_owned();
    for (what, token, header, ran) in [
        (
            "the account's over the settings'",
            &machine,
            "{}",
            &["g/a", "g/c"][..],
        ),
        (
            "the header's over the account's",
            &machine,
            r#"{"environment": "mine", "stage": "b"}"#,
            &["g/b", "g/c"],
        ),
        (
            "what is fixed over the header's",
            &machine,
            r#"{"owner": "nobody"}"#,
            &["g/a", "g/c"],
        ),
        (
            "the header's over the settings'",
            &user("sales"),
            r#"{"stage": "a"}"#,
            &["g/a"],
        ),
        ("a claim's", &user("research"), "{}", &["g/d"]),
        (
            "a claim's over the header's",
            &user("research"),
            r#"{"department": "sales"}"#,
            &["g/d"],
        ),
    ] {
        let asked = ask("demo/echo")
            .bearer(token)
            .header("x-tfy-metadata", header);
        let answer = world.client.send(asked).await.unwrap();
        assert_eq!(answer.status, 200, "{what}: {:?}", answer.text());
        let id = answer.header("x-request-id").unwrap();
        let record = world.gateway.record(id).await.unwrap();
        let guardrails = record["guardrails"].as_array().unwrap();
        let selectors: Vec<_> = guardrails
            .iter()
            .map(|g| g["selector"].as_str().unwrap())
            .collect();
        assert_eq!(selectors, ran, "{what}");
    }
}

#[tokio::test]
async fn anonymous_access_is_a_setting_that_is_told() {
    let rule = "apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec: {guardrails: [{name: everyone, codeSafetyLinter: {}}]}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules: [{id: everyone, when: {subjects: {operator: and, conditions: {in: [\"team:everyone\"]}}}, llm_input_guardrails: [g/everyone]}]
";
    let world = World::start(rule).await.unwrap();
    let none = || world.client.send(ask("demo/echo"));
    assert_eq!(none().await.unwrap().status, 401);
    let status = async || world.gateway.admin_get("/policy").await.unwrap().1;
    assert!(status().await.contains("\"anonymous\":false"));
    let setting = "apiVersion: parapet.dev/v1alpha1
kind: GatewaySettings
metadata: {name: settings}
spec: {anonymous: {user: guest, teams: [visitors]}}
";
    world.gateway.write("settings.yaml", setting).unwrap();
    let begun = Instant::now();
    while !status().await.contains("\"anonymous\":true") {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is said");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answer = none().await.unwrap();
    assert_eq!(answer.status, 200, "{:?}", answer.text());
    let id = answer.header("x-request-id").unwrap();
    let record = world.gateway.record(id).await.unwrap();
    assert_eq!(record["subject"], json!({"type": "user", "name": "guest"}));
    assert_eq!(record["teams"], json!(["visitors"]));
    // Rules for everyone are for guests too.
    assert_eq!(record["guardrails"][0]["selector"], "g/everyone");
    // Whoever brings credentials is judged by them.
    for (name, value) in [
        ("authorization", "Bearer wrong"),
        ("authorization", "Bearer "),
        ("authorization", "Basic Z3Vlc3Q6"),
        ("x-api-key", "wrong"),
        ("x-api-key", ""),
    ] {
        let answer = world
            .client
            .send(ask("demo/echo").header(name, value))
            .await;
        assert_eq!(answer.unwrap().status, 401, "{name}: {value}");
    }
    let said = world.gateway.log().lines().join("\n");
    assert!(
        said.contains("anonymous access is on") && said.contains("user:guest"),
        "{said}"
    );
}
