//! Issuers whose keys are fetched: good ones, rotating ones, dead ones and bad ones.

use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use parapet_tests::harness::free_port;
use parapet_tests::http_client::{Answered, Outgoing};
use parapet_tests::issuer::{self, Issuer, Mood, SigningKey, claims};
use parapet_tests::world::World;
use serde_json::{Value, json};

fn provider(name: &str, issuer: &str, more: &str) -> String {
    format!(
        "apiVersion: parapet.dev/v1alpha1
kind: IdentityProvider
metadata: {{name: {name}}}
spec:
  issuer: {issuer}
  audiences: [parapet]
  claims: {{user: email, teams: groups}}
  {more}
---
"
    )
}

fn token(key: &SigningKey, issuer: &str) -> String {
    key.sign(&claims(issuer, &json!({}))).unwrap()
}

async fn ask(world: &World, token: &str) -> Answered {
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": "x"}]});
    let outgoing = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(token);
    world.client.send(outgoing).await.unwrap()
}

/// Asks until the status is this; fails after ten seconds.
async fn ask_until(world: &World, token: &str, status: u16) {
    let begun = Instant::now();
    loop {
        let answer = ask(world, token).await;
        if answer.status == status {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "still {}: {:?}\n{}",
            answer.status,
            answer.text(),
            world.gateway.said()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn status(world: &World, name: &str) -> Value {
    let (_, policy) = world.gateway.admin_get("/policy").await.unwrap();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let issuers = policy["issuers"].as_array().unwrap();
    let found = issuers.iter().find(|issuer| issuer["name"] == name);
    found.unwrap().clone()
}

#[tokio::test]
async fn keys_are_discovered_rotated_and_kept_while_the_issuer_is_dead() {
    let issuer = Issuer::start().await.unwrap();
    let [rsa, ec, ed, next] = [
        (Algorithm::RS256, "rsa"),
        (Algorithm::ES384, "ec"),
        (Algorithm::EdDSA, "ed"),
        (Algorithm::ES256, "next"),
    ]
    .map(|(algorithm, id)| SigningKey::new(algorithm, id).unwrap());
    issuer.publish("corp", &[&rsa, &ec, &ed]);
    let name = issuer.name("corp");
    let world = World::start(&provider("corp", &name, "refreshInterval: 1s"))
        .await
        .unwrap();
    for key in [&rsa, &ec, &ed] {
        ask_until(&world, &token(key, &name), 200).await;
    }
    let found = status(&world, "corp").await;
    assert_eq!((&found["keys"], &found["error"]), (&json!(3), &json!(null)));

    issuer.publish("corp", &[&ed, &next]);
    ask_until(&world, &token(&next, &name), 200).await;
    let withdrawn = token(&rsa, &name);
    ask_until(&world, &withdrawn, 401).await;

    let (old, fresh) = (token(&ed, &name), token(&ed, &name));
    issuer.mood("corp", Mood::Broken);
    let begun = Instant::now();
    while status(&world, "corp").await["error"] == json!(null) {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is said");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for token in [old, fresh] {
        assert_eq!(ask(&world, &token).await.status, 200, "the old keys stay");
    }
    let (_, metrics) = world.gateway.admin_get("/metrics").await.unwrap();
    for line in [
        "parapet_issuer_keys{provider=\"corp\"} 2",
        "parapet_issuer_keys_age_seconds{provider=\"corp\"} ",
        "parapet_issuer_key_fetches_total{provider=\"corp\",result=\"failed\"} ",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    // An edit of the policy does not lose them.
    world
        .gateway
        .write("edit.yaml", "apiVersion: parapet.dev/v1alpha1\nkind: ModelProvider\nmetadata: {name: second}\nspec: {demo: {}}\n")
        .unwrap();
    let revision = |text: &str| serde_json::from_str::<Value>(text).unwrap()["revision"].clone();
    let begun = Instant::now();
    while revision(&world.gateway.admin_get("/policy").await.unwrap().1) != "0.2" {
        assert!(begun.elapsed() < Duration::from_secs(20), "not reloaded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ask(&world, &token(&next, &name)).await.status, 200);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_costs_its_own_tokens_only() {
    let here = Issuer::start().await.unwrap();
    let key = SigningKey::new(Algorithm::EdDSA, "k").unwrap();
    here.publish("here", &[&key]);
    let later = free_port().unwrap();
    let (up, down) = (here.name("here"), issuer::name(later, "later"));
    let resources = provider("up", &up, "") + &provider("down", &down, "");
    // It is ready all the same.
    let world = World::start(&resources).await.unwrap();
    ask_until(&world, &token(&key, &up), 200).await;
    let body = json!({"model": "claude/m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    let early = token(&key, &down);
    for (path, kind) in [
        ("/v1/chat/completions", "identity_unavailable"),
        ("/v1/messages", "api_error"),
    ] {
        let outgoing = Outgoing::post(path, body.to_string()).bearer(&early);
        let answer = world.client.send(outgoing).await.unwrap();
        assert_eq!(answer.status, 503, "{:?}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("www-authenticate"), None);
        let answer = answer.json().unwrap();
        assert_eq!(answer["error"]["type"], kind, "{answer}");
    }
    let found = status(&world, "down").await;
    assert_eq!(found["keys"], 0);
    assert!(
        found["error"].as_str().unwrap().contains("cannot reach"),
        "{found}"
    );
    assert!(
        world.llm.server().calls().len() == 1,
        "only the good one's request went on"
    );

    let issuer = Issuer::start_at(&later.to_string()).await.unwrap();
    issuer.publish("later", &[&key]);
    ask_until(&world, &early, 200).await;
}

#[tokio::test]
async fn unknown_key_ids_are_looked_for_once_in_an_interval() {
    let issuer = Issuer::start().await.unwrap();
    let key = SigningKey::new(Algorithm::EdDSA, "k").unwrap();
    issuer.publish("corp", &[&key]);
    issuer.cache_control("corp", "max-age=3600");
    let name = issuer.name("corp");
    let world = World::start(&provider("corp", &name, "refreshInterval: 2s"))
        .await
        .unwrap();
    ask_until(&world, &token(&key, &name), 200).await;
    let (begun, before) = (Instant::now(), issuer.fetches("corp"));
    let stranger = SigningKey::new(Algorithm::EdDSA, "x").unwrap();
    let mut asked = 0;
    while begun.elapsed() < Duration::from_millis(4500) {
        let head = json!({"alg": "EdDSA", "kid": format!("unknown-{asked}")});
        let forged = stranger
            .sign_with(&head, &claims(&name, &json!({})))
            .unwrap();
        assert_eq!(ask(&world, &forged).await.status, 401);
        asked += 1;
    }
    let fetched = issuer.fetches("corp") - before;
    assert!(
        asked > 20 && (1..=4).contains(&fetched),
        "{asked} asked, {fetched} fetched"
    );
}

#[tokio::test]
async fn bad_issuers_cost_their_own_tokens_only() {
    let issuer = Issuer::start().await.unwrap();
    let key = SigningKey::new(Algorithm::EdDSA, "k").unwrap();
    let metadata = "http://169.254.169.254/latest/meta-data/";
    let moods = [
        ("broken", Mood::Broken, "answered with status 500"),
        ("slow", Mood::Slow, "did not answer within 10 s"),
        ("huge", Mood::Huge, "is larger than"),
        ("many", Mood::ManyKeys, "is larger than"),
        ("redirecting", Mood::Redirect(metadata.into()), "redirects"),
        ("elsewhere", Mood::KeysAt(metadata.into()), "not allowed"),
        ("impostor", Mood::Impostor, "names another issuer"),
        ("nonsense", Mood::Nonsense, "is not JSON"),
    ];
    issuer.publish("good", &[&key]);
    let mut resources = provider("good", &issuer.name("good"), "refreshInterval: 1s");
    for (realm, mood, _) in &moods {
        issuer.publish(realm, &[&key]);
        issuer.mood(realm, mood.clone());
        resources += &provider(realm, &issuer.name(realm), "refreshInterval: 1s");
    }
    let world = World::start(&resources).await.unwrap();
    ask_until(&world, &token(&key, &issuer.name("good")), 200).await;
    for (realm, _, said) in &moods {
        let answer = ask(&world, &token(&key, &issuer.name(realm))).await;
        assert_eq!(answer.status, 503, "{realm}");
        let begun = Instant::now();
        loop {
            let found = status(&world, realm).await;
            if let Some(error) = found["error"].as_str() {
                assert!(error.contains(said), "{realm}: {error}");
                assert_eq!(found["keys"], 0, "{realm}");
                break;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{realm} says nothing"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // One that goes bad later keeps the keys that it had.
    issuer.mood("good", Mood::ManyKeys);
    let begun = Instant::now();
    while status(&world, "good").await["error"] == json!(null) {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is said");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let fresh = token(&key, &issuer.name("good"));
    assert_eq!(ask(&world, &fresh).await.status, 200);
    let said = world.gateway.log().lines().join("\n");
    assert!(!said.contains("SECRET-DOCUMENT"), "{said}");
    // And one that gets better is believed.
    issuer.mood("nonsense", Mood::Good);
    ask_until(&world, &token(&key, &issuer.name("nonsense")), 200).await;
}

#[tokio::test]
async fn an_identity_provider_outside_the_policy_namespace_vouches_for_nobody() {
    let issuer = Issuer::start().await.unwrap();
    let key = SigningKey::new(Algorithm::EdDSA, "k").unwrap();
    let theirs = SigningKey::new(Algorithm::EdDSA, "k").unwrap();
    issuer.publish("corp", &[&key]);
    let name = issuer.name("corp");
    let inline = json!({"keys": [theirs.jwk]}).to_string();
    let world = World::start(&provider("corp", &name, "")).await.unwrap();
    ask_until(&world, &token(&key, &name), 200).await;
    let mut other = provider("theirs", &name, &format!("jwks: {{inline: '{inline}'}}"));
    other = other.replace("{name: theirs}", "{name: theirs, namespace: team-a}");
    world.gateway.write("other.yaml", &other).unwrap();
    let begun = Instant::now();
    while !world
        .gateway
        .admin_get("/policy")
        .await
        .unwrap()
        .1
        .contains("WrongNamespace")
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is said");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ask(&world, &token(&theirs, &name)).await.status, 401);
    assert_eq!(ask(&world, &token(&key, &name)).await.status, 200);
}
