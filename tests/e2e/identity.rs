//! Who calls: users' tokens, good ones and forged ones.

use jsonwebtoken::{Algorithm, EncodingKey};
use parapet_tests::http_client::{Answered, Outgoing};
use parapet_tests::issuer::{SigningKey, base64url, claims, encoded, now};
use parapet_tests::world::World;
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";

fn token(key: &SigningKey, changed: &Value) -> String {
    key.sign(&claims(ISSUER, changed)).unwrap()
}

fn resources(keys: &[&SigningKey]) -> String {
    let jwks = json!({"keys": keys.iter().map(|key| &key.jwk).collect::<Vec<_>>()}).to_string();
    format!(
        r#"apiVersion: parapet.dev/v1alpha1
kind: IdentityProvider
metadata: {{name: corp}}
spec:
  issuer: https://id.example.com
  audiences: [parapet]
  jwks: {{inline: '{jwks}'}}
  claims: {{user: email, teams: groups}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: g}}
spec: {{guardrails: [{{name: team, codeSafetyLinter: {{}}}}, {{name: user, codeSafetyLinter: {{}}}}, {{name: all, codeSafetyLinter: {{}}}}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: rules}}
spec:
  rules:
    - {{id: team, when: {{subjects: {{operator: and, conditions: {{in: ["team:payments"]}}}}}}, llm_input_guardrails: [g/team]}}
    - {{id: user, when: {{subjects: {{operator: and, conditions: {{in: ["user:ana@*"]}}}}}}, llm_input_guardrails: [g/user]}}
    - {{id: everyone, when: {{subjects: {{operator: and, conditions: {{in: ["team:everyone"]}}}}}}, llm_input_guardrails: [g/all]}}
"#
    )
}

async fn ask(world: &World, token: &str) -> Answered {
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": "x"}]});
    world
        .client
        .send(Outgoing::post("/v1/chat/completions", body.to_string()).bearer(token))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_users_token_tells_user_and_teams() {
    let keys = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256]
        .map(|algorithm| SigningKey::new(algorithm, &format!("{algorithm:?}")).unwrap());
    let world = World::start(&resources(&keys.each_ref())).await.unwrap();
    for key in &keys {
        let answer = ask(&world, &token(key, &json!({}))).await;
        assert_eq!(answer.status, 200, "{}: {:?}", key.id, answer.text());
        let record = world
            .gateway
            .record(answer.header("x-request-id").unwrap())
            .await
            .unwrap();
        assert_eq!(
            record["subject"],
            json!({"type": "user", "name": "ana@example.com"})
        );
        assert_eq!(record["teams"], json!(["payments", "testers"]));
        let ran: Vec<&str> = record["guardrails"]
            .as_array()
            .unwrap()
            .iter()
            .map(|g| g["selector"].as_str().unwrap())
            .collect();
        assert_eq!(ran, ["g/all", "g/team", "g/user"]);
    }
    let bo = json!({"email": "bo@example.com", "groups": []});
    let other = ask(&world, &token(&keys[0], &bo)).await;
    let record = world
        .gateway
        .record(other.header("x-request-id").unwrap())
        .await
        .unwrap();
    assert_eq!(record["guardrails"].as_array().unwrap().len(), 1);
}

/// The public key taken for a shared secret: the oldest trick there is.
fn confused(head: &Value, secret: &[u8]) -> String {
    let message = format!("{}.{}", encoded(head), encoded(&claims(ISSUER, &json!({}))));
    let secret = EncodingKey::from_secret(secret);
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// Tokens that prove nothing, with what the challenge says of each.
fn bad_tokens(rsa: &SigningKey, ec: &SigningKey) -> Vec<(&'static str, String, &'static str)> {
    const NOTHING: &str = "";
    let good = token(ec, &json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, body) = signed.split_once('.').unwrap();
    let stranger = |key: &SigningKey| SigningKey::new(key.algorithm, &key.id).unwrap();
    let with = |head: Value| rsa.sign_with(&head, &claims(ISSUER, &json!({}))).unwrap();
    let admin = encoded(&claims(
        ISSUER,
        &json!({"email": "marker-admin@example.com"}),
    ));
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64url(&rsa.public_der)
    );
    let hs256 = json!({"alg": "HS256", "kid": "rsa"});
    let deep = (0..200).fold(json!("marker-deep"), |inner, _| json!([inner]));
    vec![
        (
            "another RSA key",
            token(&stranger(rsa), &json!({})),
            NOTHING,
        ),
        ("another EC key", token(&stranger(ec), &json!({})), NOTHING),
        (
            "claims that were changed",
            format!("{head}.{admin}.{signature}"),
            NOTHING,
        ),
        (
            "no algorithm",
            format!("{}.{body}.", encoded(&json!({"alg": "none"}))),
            NOTHING,
        ),
        (
            "no algorithm, written otherwise",
            format!("{}.{body}.", encoded(&json!({"alg": "nOnE", "kid": "ec"}))),
            NOTHING,
        ),
        ("no signature", format!("{signed}."), NOTHING),
        (
            "half a signature",
            format!("{signed}.{}", &signature[..40]),
            NOTHING,
        ),
        (
            "a signature of zeros",
            format!("{signed}.{}", base64url(&[0; 64])),
            NOTHING,
        ),
        (
            "the public key as a secret, DER",
            confused(&hs256, &rsa.public_der),
            NOTHING,
        ),
        (
            "the public key as a secret, PEM",
            confused(&hs256, pem.as_bytes()),
            NOTHING,
        ),
        (
            "the public key as a secret, JWK",
            confused(&hs256, rsa.jwk.to_string().as_bytes()),
            NOTHING,
        ),
        ("an empty secret", confused(&hs256, b""), NOTHING),
        (
            "an RSA key for an EC key's id",
            with(json!({"alg": "RS256", "kid": "ec"})),
            NOTHING,
        ),
        (
            "an RSA key that says ES256",
            with(json!({"alg": "ES256", "kid": "rsa"})),
            NOTHING,
        ),
        (
            "an algorithm that its key does not name",
            with(json!({"alg": "PS256", "kid": "rsa"})),
            NOTHING,
        ),
        (
            "an algorithm that nobody knows",
            with(json!({"alg": "RS257", "kid": "rsa"})),
            NOTHING,
        ),
        (
            "an unknown key id",
            with(json!({"alg": "RS256", "kid": "other"})),
            NOTHING,
        ),
        (
            "a key id that is a path",
            with(json!({"alg": "RS256", "kid": "../../../dev/null"})),
            NOTHING,
        ),
        (
            "a key id that is a query",
            with(json!({"alg": "RS256", "kid": "' or 1=1 --"})),
            NOTHING,
        ),
        (
            "a key id that is no text",
            with(json!({"alg": "RS256", "kid": ["rsa"]})),
            NOTHING,
        ),
        (
            "a key id without end",
            with(json!({"alg": "RS256", "kid": "k".repeat(9000)})),
            NOTHING,
        ),
        (
            "its own key",
            stranger(rsa)
                .sign_with(
                    &json!({"alg": "RS256", "jwk": stranger(rsa).jwk}),
                    &claims(ISSUER, &json!({})),
                )
                .unwrap(),
            NOTHING,
        ),
        (
            "a place of its keys",
            with(json!({"alg": "RS256", "kid": "other", "jku": "http://169.254.169.254/keys"})),
            NOTHING,
        ),
        (
            "a place of its certificate",
            with(json!({"alg": "RS256", "kid": "other", "x5u": "http://169.254.169.254/chain"})),
            NOTHING,
        ),
        (
            "its own certificate",
            stranger(rsa)
                .sign_with(
                    &json!({"alg": "RS256", "kid": "rsa", "x5c": [base64url(&stranger(rsa).public_der)]}),
                    &claims(ISSUER, &json!({})),
                )
                .unwrap(),
            NOTHING,
        ),
        (
            "a critical extension",
            with(json!({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": false})),
            NOTHING,
        ),
        (
            "a nested token",
            format!(
                "{}.{}.{signature}",
                encoded(&json!({"alg": "ES256", "kid": "ec", "cty": "JWT"})),
                base64url(good.as_bytes())
            ),
            NOTHING,
        ),
        (
            "an encrypted token",
            format!(
                "{}.a.b.c.d",
                encoded(&json!({"alg": "dir", "enc": "A256GCM"}))
            ),
            NOTHING,
        ),
        (
            "another issuer",
            token(ec, &json!({"iss": "https://evil.example.com"})),
            NOTHING,
        ),
        (
            "an issuer in a list",
            token(ec, &json!({"iss": [ISSUER]})),
            NOTHING,
        ),
        ("no issuer", token(ec, &json!({"iss": null})), NOTHING),
        (
            "another audience",
            token(ec, &json!({"aud": "marker-audience"})),
            "the audience is another",
        ),
        ("no audience", token(ec, &json!({"aud": null})), NOTHING),
        (
            "a time that is over",
            token(ec, &json!({"exp": now() - 120})),
            "the token has expired",
        ),
        ("no end", token(ec, &json!({"exp": null})), NOTHING),
        (
            "an end that is no time",
            token(ec, &json!({"exp": "tomorrow"})),
            NOTHING,
        ),
        (
            "a time that has not come",
            token(ec, &json!({"nbf": now() + 600})),
            "the token is not valid yet",
        ),
        (
            "an issue in the future",
            token(ec, &json!({"iat": now() + 600})),
            "the token is not valid yet",
        ),
        ("no user", token(ec, &json!({"email": null})), NOTHING),
        (
            "a user that is no text",
            token(ec, &json!({"email": ["marker-user@example.com"]})),
            NOTHING,
        ),
        (
            "a user with a line break",
            token(ec, &json!({"email": "marker-user\n@example.com"})),
            NOTHING,
        ),
        (
            "claims nested too deep",
            token(ec, &json!({"deep": deep})),
            NOTHING,
        ),
        (
            "teams without end",
            token(ec, &json!({"groups": (0..1001).map(|team| format!("m{team}")).collect::<Vec<_>>()})),
            "too many teams",
        ),
        (
            "a token without end",
            token(ec, &json!({"note": "marker-note".repeat(2000)})),
            NOTHING,
        ),
        ("nothing at all", "a.b.c".into(), NOTHING),
        ("dots", "eyJ..".into(), NOTHING),
        (
            "an account's token and a bit more",
            "bot-token2".into(),
            NOTHING,
        ),
    ]
}

#[tokio::test]
async fn tokens_that_prove_nothing_are_refused() {
    let rsa = SigningKey::new(Algorithm::RS256, "rsa").unwrap();
    let ec = SigningKey::new(Algorithm::ES256, "ec").unwrap();
    let world = World::start(&resources(&[&rsa, &ec])).await.unwrap();
    let body = json!({"model": "model/m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    let bad = bad_tokens(&rsa, &ec);
    for (what, token, said) in &bad {
        let openai = Outgoing::post("/v1/chat/completions", body.to_string());
        let anthropic = Outgoing::post("/v1/messages", body.to_string());
        for (outgoing, is_openai) in [
            (openai.bearer(token), true),
            (anthropic.header("x-api-key", token), false),
            (Outgoing::get("/v1/models").bearer(token), true),
        ] {
            let answer = world.client.send(outgoing).await.unwrap();
            assert_eq!(answer.status, 401, "{what}: {:?}", answer.text());
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(
                challenge.starts_with("Bearer error=\"invalid_token\"") && challenge.contains(said),
                "{what}: {challenge}"
            );
            let text = answer.text().unwrap();
            assert!(
                !text.contains(token) && !text.contains("marker"),
                "{what} is repeated"
            );
            let answer = answer.json().unwrap();
            assert_eq!(answer["error"]["type"], "authentication_error", "{what}");
            assert_eq!(answer["type"] == "error", !is_openai, "{what}: {answer}");
            assert_eq!(
                answer["error"]["code"] == "401",
                is_openai,
                "{what}: {answer}"
            );
        }
    }
    assert!(world.llm.server().calls().is_empty());
    // A good one in another place, or beside another, is none.
    let good = token(&ec, &json!({"note": "marker-note"}));
    for name in ["access_token", "api_key", "key", "token", "authorization"] {
        let path = format!("/v1/chat/completions?{name}={good}");
        let asked = Outgoing::post(&path, body.to_string());
        let answer = world.client.send(asked).await.unwrap();
        assert_eq!(answer.status, 401, "{name} in the query");
    }
    for (first, second) in [(&*good, "other"), ("other", &*good)] {
        let asked = Outgoing::get("/v1/models").bearer(first).bearer(second);
        let answer = world.client.send(asked).await.unwrap();
        assert_eq!(answer.status, 401, "two tokens");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("several tokens"), "{challenge}");
    }
    assert!(world.llm.server().calls().is_empty());
    let answer = world
        .client
        .send(Outgoing::get("/v1/models"))
        .await
        .unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer"),
        "there was no token"
    );
    // Nothing of a token is told anywhere.
    assert_eq!(ask(&world, &good).await.status, 200);
    let mut told = world.gateway.log().lines().join("\n");
    for path in ["/metrics", "/policy"] {
        told.push_str(&world.gateway.admin_get(path).await.unwrap().1);
    }
    assert!(!told.contains("marker"), "{told}");
    let shown = [("the good one", good, "")];
    let all = bad.iter().chain(&shown);
    for (what, token, _) in all.filter(|(_, token, _)| token.len() > 20) {
        for part in token.split('.').filter(|part| part.len() > 20) {
            assert!(!told.contains(part), "{what} is told");
        }
    }
}
