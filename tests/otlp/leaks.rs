//! Everything that a gateway emits, searched for everything that must never leave it. What an operator writes into a cluster,
//! and its page, is searched in `tests/api`.

use bytes::Bytes;
use jsonwebtoken::Algorithm;
use parapet_tests::collector::Collector;
use parapet_tests::fake::Reply;
use parapet_tests::fake_guardrail::Judgement;
use parapet_tests::fake_llm::Turn;
use parapet_tests::http_client::Outgoing;
use parapet_tests::issuer::{SigningKey, claims};
use parapet_tests::world::{TOKEN, World};
use serde_json::{Value, json};
use std::time::Duration;

use crate::pages::{READERS, pages};
use crate::support::exporting_with;

/// In everything below that is a text of somebody's.
const MARKER: &str = "whisper-of-the-tests";
const SSN: &str = "536-22-1234";
const KEY: &str = "AKIAQYLPMN5HFIQR7XYZ";
const ISSUER: &str = "https://id.example.com";

/// What the gateway was given to keep.
const SECRETS: [&str; 5] = [
    TOKEN,
    "upstream-key",
    "whisper-to-the-service",
    "whisper-to-the-model",
    "whisper-to-the-collector",
];

fn resources(key: &SigningKey) -> String {
    let jwks = json!({"keys": [key.jwk]}).to_string();
    format!(
        r#"apiVersion: v1
kind: Secret
metadata: {{name: kept}}
stringData: {{service: whisper-to-the-service, model: whisper-to-the-model}}
---
apiVersion: parapet.dev/v1alpha1
kind: IdentityProvider
metadata: {{name: corp}}
spec:
  issuer: {ISSUER}
  audiences: [parapet]
  jwks: {{inline: '{jwks}'}}
  claims: {{user: email, teams: groups}}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {{name: keyed}}
spec:
  openai: {{baseUrl: "${{llm}}/v1", headers: {{x-kept: {{secretKeyRef: {{name: kept, key: model}}}}}}}}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {{name: closed}}
spec: {{openai: {{baseUrl: "${{closed}}/v1"}}}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: g}}
spec:
  guardrails:
    - {{name: secrets, operation: mutate, secretsDetection: {{}}}}
    - {{name: ssn, regex: {{presetPatterns: {{presets: [us_ssn]}}}}}}
    - {{name: sql, sqlSanitizer: {{}}}}
    - {{name: judge, custom: {{url: "${{service}}/judge", headers: {{authorization: {{secretKeyRef: {{name: kept, key: service}}}}}}}}}}
    - {{name: watch, enforcingStrategy: audit, custom: {{url: "${{service}}/watch"}}}}
    - {{name: gone, enforcingStrategy: enforce_but_ignore_on_error, custom: {{url: "${{closed}}/gone"}}}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: rules}}
spec:
  rules:
    - id: everything
      when: {{}}
      llm_input_guardrails: [g/secrets, g/ssn, g/sql, g/judge, g/watch, g/gone]
      llm_output_guardrails: [g/secrets, g/ssn, g/watch]
    - id: strict
      when: {{target: {{operator: or, conditions: {{model: {{values: ["*/strict"], condition: in}}}}}}}}
      unscannable: block
"#
    )
}

/// What is said to the gateway: a body with the marker wherever text can stand.
fn bodies() -> Vec<Value> {
    let user = |text: String| json!([{"role": "user", "content": text}]);
    let ask = |messages: Value| json!({"messages": messages});
    let mut everywhere = ask(json!([
        {"role": "system", "content": MARKER, "name": MARKER},
        {"role": "user", "content": [
            {"type": "text", "text": MARKER},
            {"type": "image_url", "image_url": {"url": format!("https://example.com/{MARKER}.png")}},
            {"type": "file", "file": {"file_data": "data:text/plain,whisper-of-the-tests", "filename": MARKER}}]},
        {"role": "assistant", "tool_calls": [{"id": MARKER, "type": "function", "function": {"name": MARKER, "arguments": json!({MARKER: MARKER}).to_string()}}]},
        {"role": "tool", "tool_call_id": MARKER, "content": MARKER},
        {"role": MARKER, "content": MARKER},
    ]));
    for field in ["stop", "user", "service_tier", "unknown"] {
        everywhere[field] = json!(MARKER);
    }
    everywhere["temperature"] = json!(MARKER);
    everywhere["metadata"] = json!({MARKER: MARKER});
    vec![
        ask(user(MARKER.to_owned())),
        ask(user(format!("{MARKER} and my key is {KEY}"))),
        ask(user(format!("{MARKER} and my number is {SSN}"))),
        ask(user(format!(
            "SELECT '{MARKER}'; DROP TABLE users; -- {SSN}"
        ))),
        everywhere,
    ]
}

/// What the model does.
fn turns() -> Vec<Turn> {
    let quoting = json!({"error": {"message": format!("cannot say {MARKER}: {SSN}"), "type": MARKER, "code": MARKER}});
    let strange = json!({
        "id": format!("{MARKER} {SSN}"), "model": format!("{MARKER} {SSN}"), MARKER: MARKER,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": MARKER, MARKER: MARKER}, "finish_reason": MARKER}],
        "usage": {MARKER: MARKER},
    });
    vec![
        Turn::say(&format!("{MARKER} said the model, and {KEY}")),
        Turn::say(&format!("{MARKER} said the model, and {SSN}")),
        Turn::error(500, &format!("{MARKER} {SSN}")),
        Turn::Raw(Reply::json(400, &quoting).header("x-quoted", MARKER)),
        Turn::Raw(Reply::json(200, &strange)),
        Turn::Raw(Reply::new(200, "application/json", format!("{{{MARKER}"))),
        Turn::Raw(Reply::event_stream([
            Bytes::from(format!("event: {MARKER}\ndata: {strange}\n\n")),
            Bytes::from(format!("data: {MARKER}\n\n")),
        ])),
    ]
}

/// What the services say.
fn judgements() -> Vec<Judgement> {
    let raw = |status, value: Value| Judgement::Raw(Reply::json(status, &value));
    vec![
        Judgement::Pass,
        Judgement::Replace(MARKER.to_owned(), format!("{MARKER}-changed")),
        raw(500, json!({"error": format!("{MARKER} {SSN}")})),
        raw(200, json!({"verdict": MARKER})),
        Judgement::Raw(Reply::new(200, "text/plain", MARKER)),
    ]
}

async fn drive(world: &World, path: &str, body: &Value) -> u16 {
    let outgoing = Outgoing::post(path, body.to_string()).bearer(TOKEN);
    world.client.send(outgoing).await.unwrap().status.as_u16()
}

/// Every body, against every turn of the model and every judgement of the services, in all forms.
async fn converse(world: &World) -> usize {
    let mut sent = 0;
    for (index, body) in bodies().iter().enumerate() {
        for (number, turn) in turns().into_iter().enumerate() {
            world.llm.script([turn]);
            let judgements = judgements();
            let judgement = &judgements[(index + number) % judgements.len()];
            for service in ["judge", "watch"] {
                world
                    .services
                    .script(service, [(Duration::ZERO, judgement.clone())]);
            }
            let models = ["keyed/m", "keyed/strict", "claude/m", "closed/m"];
            for (place, model) in models.iter().enumerate() {
                let mut body = body.clone();
                body["model"] = json!(model);
                body["max_tokens"] = json!(9);
                body["stream"] = json!((index + number + place) % 2 == 0);
                let path = match *model {
                    "claude/m" => "/v1/messages",
                    _ => "/v1/chat/completions",
                };
                drive(world, path, &body).await;
                sent += 1;
            }
        }
    }
    sent
}

/// Requests that are refused, each for what holds the marker.
async fn refused(world: &World, key: &SigningKey) -> Vec<String> {
    let good = json!({"model": "keyed/m", "messages": [{"role": "user", "content": MARKER}]});
    let token = |changed: Value| key.sign(&claims(ISSUER, &changed)).unwrap();
    let stranger = SigningKey::new(key.algorithm, &key.id).unwrap();
    let tokens = vec![
        token(json!({"note": MARKER})),
        token(json!({"aud": MARKER})),
        token(json!({"exp": 1, "note": MARKER})),
        token(json!({"email": format!("{MARKER}\n")})),
        stranger
            .sign(&claims(ISSUER, &json!({"note": MARKER})))
            .unwrap(),
        MARKER.to_owned(),
    ];
    let post = |body: String| Outgoing::post("/v1/chat/completions", body);
    let mut requests: Vec<Outgoing> = tokens
        .iter()
        .map(|token| post(good.to_string()).bearer(token))
        .collect();
    requests.push(post(format!("{{\"model\":\"keyed/m\",\"messages\":{MARKER}")).bearer(TOKEN));
    requests.push(post(json!({"model": [MARKER], "messages": [MARKER]}).to_string()).bearer(TOKEN));
    for header in [
        "x-tfy-guardrails",
        "x-tfy-guardrails-scope",
        "x-tfy-metadata",
    ] {
        requests.push(post(good.to_string()).bearer(TOKEN).header(header, MARKER));
    }
    let metadata = json!({ "note": MARKER }).to_string();
    requests.push(
        post(good.to_string())
            .bearer(TOKEN)
            .header("x-tfy-metadata", &metadata),
    );
    requests.push(
        post(good.to_string())
            .bearer(TOKEN)
            .header("traceparent", MARKER)
            .header("tracestate", MARKER),
    );
    requests.push(Outgoing::get(&format!("/v1/{MARKER}?q={MARKER}")).bearer(TOKEN));
    requests.push(Outgoing::get(&format!("/v1/models/{MARKER}")).bearer(TOKEN));
    for request in requests {
        let answer = world.client.send(request).await.unwrap();
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(!challenge.contains(MARKER));
    }
    tokens
}

#[tokio::test]
async fn nothing_that_is_emitted_holds_what_was_said_or_kept() {
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let key = SigningKey::new(Algorithm::EdDSA, "k").unwrap();
    let more = [
        READERS,
        ("PARAPET_LOG", "debug"),
        ("PARAPET_TRACE_NAMES", "published"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=whisper-to-the-collector",
        ),
    ];
    let world = exporting_with(&resources(&key), &collector.grpc(), "grpc", &more).await;
    let sent = converse(&world).await;
    let tokens = refused(&world, &key).await;
    // A policy that cannot be read is told of as well.
    let broken = format!(
        "apiVersion: parapet.dev/v1alpha1\nkind: ModelProvider\nmetadata: {{name: broken}}\nspec: {{openai: {{baseUrl: 'ftp://whisper-to-the-model@{MARKER}'}}}}\n"
    );
    world.gateway.write("broken.yaml", &broken).unwrap();
    let (status, last) = crate::support::ask(
        &world,
        &json!({"model": "demo/echo", "messages": [{"role": "user", "content": "the last"}]}),
    )
    .await;
    assert_eq!(status, 200);
    let spans = collector.spans_of(&last).await.unwrap();
    assert!(!spans.is_empty());
    let counted = |collector: &Collector| {
        let points = collector.metrics().remove("parapet_requests_total")?;
        let points = points["sum"]["dataPoints"].as_array()?.clone();
        let count: f64 = points
            .iter()
            .filter_map(|point| point["asDouble"].as_f64())
            .sum();
        (count > sent as f64).then_some(count)
    };
    let counted = collector.wait_for(counted).await.unwrap();
    println!("{counted} requests, {} spans", collector.spans().len());

    let mut emitted = vec![
        ("the collector".to_owned(), collector.everything()),
        ("the log".to_owned(), world.gateway.log().lines().join("\n")),
    ];
    for path in ["/metrics", "/policy", "/readyz", "/healthz"] {
        let (status, text) = world.gateway.admin_get(path).await.unwrap();
        assert!(status == 200 && !text.is_empty(), "{path}: {status}");
        emitted.push((path.to_owned(), text));
    }
    emitted.extend(pages(&world).await);
    let (_, log) = &emitted[1];
    assert!(
        log.contains("DEBUG") || log.contains("\"debug\""),
        "the log is not at debug"
    );
    for (place, text) in &emitted {
        for secret in SECRETS.iter().chain([&MARKER, &SSN, &KEY]) {
            if let Some(at) = text.find(secret) {
                let from = text[..at]
                    .char_indices()
                    .rev()
                    .nth(200)
                    .map_or(0, |(at, _)| at);
                panic!("{secret} is in {place}: {}", &text[from..at]);
            }
        }
        for token in &tokens {
            for part in token.split('.').filter(|part| part.len() > 40) {
                assert!(!text.contains(part), "a part of a token is in {place}");
            }
        }
    }
}
