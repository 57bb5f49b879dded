//! Bad input that a scenario file cannot hold: bytes that are no text, sheer size, slowness, crowds.

use std::time::{Duration, Instant};

use parapet_tests::fake::{Progress, Reply};
use parapet_tests::fake_guardrail::Judgement;
use parapet_tests::fake_llm::Turn;
use parapet_tests::http_client::{Answered, Outgoing};
use parapet_tests::world::{TOKEN, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ROUTES: [(&str, &str); 2] = [
    ("/v1/chat/completions", "model/m"),
    ("/v1/messages", "claude/m"),
];

fn limits(limits: &str) -> String {
    format!(
        "apiVersion: parapet.dev/v1alpha1\nkind: GatewaySettings\nmetadata: {{name: settings}}\nspec: {{limits: {{{limits}}}}}\n"
    )
}

fn rule(hook: &str, guardrail: &str) -> String {
    format!(
        "---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailIntegration\nmetadata: {{name: g}}\nspec:\n  guardrails:\n    - {guardrail}\n\
         ---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {{name: rules}}\nspec: {{rules: [{{id: all, when: {{}}, {hook}: [g/x]}}]}}\n"
    )
}

/// An error body of the route's dialect.
fn assert_error(path: &str, answer: &Answered, status: u16) -> Value {
    let body = answer.json().unwrap();
    assert_eq!(answer.status.as_u16(), status, "{path}: {body}");
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
    assert!(body["error"]["type"].is_string(), "{body}");
    assert_eq!(
        body["type"] == "error",
        path.ends_with("messages"),
        "{body}"
    );
    assert!(answer.header("x-request-id").is_some());
    body
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let world = World::start("").await.unwrap();
    for (path, model) in ROUTES {
        let mut body =
            format!("{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"")
                .into_bytes();
        body.extend([0xff, 0xfe]);
        body.extend(b"\"}]}");
        let answer = world
            .client
            .send(Outgoing::post(path, body).bearer(TOKEN))
            .await
            .unwrap();
        let body = assert_error(path, &answer, 400);
        assert!(
            body["error"]["message"].as_str().unwrap().contains("UTF-8"),
            "{body}"
        );
    }
    assert!(world.llm.server().calls().is_empty());
}

#[tokio::test]
async fn nesting_is_allowed_to_a_depth_of_128() {
    let world = World::start("").await.unwrap();
    for (path, model) in ROUTES {
        // Two levels are the body and the list of messages' own; the extra member nests the rest.
        for (depth, status) in [(128, 200), (129, 400), (100_000, 400)] {
            let nested = "[".repeat(depth - 1) + &"]".repeat(depth - 1);
            let body = format!(
                "{{\"model\":\"{model}\",\"max_tokens\":9,\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}}],\"x\":{nested}}}"
            );
            let answer = world
                .client
                .send(Outgoing::post(path, body).bearer(TOKEN))
                .await
                .unwrap();
            assert_eq!(
                answer.status.as_u16(),
                status,
                "{path} {depth}: {:?}",
                answer.text()
            );
            if status == 400 {
                assert_error(path, &answer, 400);
            }
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_messages_are_too_many() {
    let world = World::start(&rule(
        "llm_input_guardrails",
        "{name: x, secretsDetection: {}}",
    ))
    .await
    .unwrap();
    for (path, model) in ROUTES {
        let message = json!({"role": "user", "content": "x"});
        let body = json!({"model": model, "max_tokens": 9, "messages": vec![message; 100_000]})
            .to_string();
        let answer = world
            .client
            .send(Outgoing::post(path, body).bearer(TOKEN))
            .await
            .unwrap();
        let body = assert_error(path, &answer, 400);
        assert!(
            body["error"]["message"]
                .as_str()
                .unwrap()
                .contains("100000"),
            "{body}"
        );
    }
    assert!(world.llm.server().calls().is_empty());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let world = World::start(&limits("bodyBytes: 65536")).await.unwrap();
    // It says that it will be too long, and sends nothing of it.
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 70000\r\n\r\n"
    );
    let answer = raw(&world, &[(head.as_bytes(), 0)]).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // It does not say how long it will be.
    let mut chunked = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..70 {
        chunked.extend(format!("3e8\r\n{}\r\n", "x".repeat(1000)).bytes());
    }
    let answer = raw(&world, &[(&chunked, 0)]).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("65536"), "{answer}");
}

/// Sends pieces with pauses in milliseconds after them, and reads what comes until the gateway closes or is
/// silent for three seconds.
async fn raw(world: &World, pieces: &[(&[u8], u64)]) -> String {
    let mut stream = TcpStream::connect(world.gateway.traffic()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let send = async {
        for (piece, pause) in pieces {
            // The gateway may close before everything is sent: what it says is what counts.
            if write.write_all(piece).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(*pause)).await;
        }
        std::future::pending::<()>().await;
    };
    let receive = async {
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        // An answer takes as long as the machine needs; behind it nothing is to come.
        let limit = |all: &[u8]| Duration::from_secs(if all.is_empty() { 20 } else { 3 });
        while let Ok(Ok(n)) = tokio::time::timeout(limit(&all), read.read(&mut buffer)).await {
            if n == 0 {
                break;
            }
            all.extend_from_slice(&buffer[..n]);
        }
        String::from_utf8_lossy(&all).into_owned()
    };
    tokio::select! {
        () = send => unreachable!(),
        answer = receive => answer,
    }
}

#[tokio::test]
async fn clients_that_dawdle_are_sent_away() {
    let world = World::start(&limits("clientTimeout: 300ms")).await.unwrap();
    let started = Instant::now();
    let head = raw(
        &world,
        &[(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n", 0)],
    )
    .await;
    assert!(
        head.is_empty() || head.starts_with("HTTP/1.1 408 "),
        "{head}"
    );
    let begin = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 100\r\n\r\n{{\"model\""
    );
    let body = raw(&world, &[(begin.as_bytes(), 0)]).await;
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "they were kept for {:?}",
        started.elapsed()
    );
    // A byte now and then, for twenty seconds, does not keep a head open.
    let drip: Vec<(&[u8], u64)> = vec![(b"x", 100); 200];
    let started = Instant::now();
    let dripped = raw(&world, &drip).await;
    assert!(
        dripped.is_empty() || dripped.starts_with("HTTP/1.1 408 "),
        "{dripped}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "it was kept for {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn garbage_and_endless_heads_are_refused() {
    let world = World::start("").await.unwrap();
    let answer = raw(&world, &[(b"hello there\r\n\r\n", 0)]).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    let mut head = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n".to_vec();
    for n in 0..3000 {
        head.extend(format!("x-{n}: {}\r\n", "y".repeat(100)).bytes());
    }
    let answer = raw(&world, &[(&head, 0)]).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn beyond_the_limit_of_requests_in_flight_one_is_asked_to_come_back() {
    let world = World::start(&limits("concurrentRequests: 2"))
        .await
        .unwrap();
    world.llm.script([Turn::Raw(Reply::silence())]);
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": "x"}]});
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (client, request) = (world.client.clone(), world.chat(&body));
        waiting.spawn(async move { client.send(request).await });
    }
    world
        .llm
        .server()
        .wait_for(Duration::from_secs(20), |calls| calls.len() == 2)
        .await;
    for request in [
        world.chat(&body),
        world.message(&json!({"model": "claude/m", "max_tokens": 1, "messages": []})),
    ] {
        let path = request.path.clone();
        let answer = world.client.send(request).await.unwrap();
        assert_error(&path, &answer, 503);
        assert!(
            answer
                .header("retry-after")
                .unwrap()
                .parse::<u32>()
                .unwrap()
                > 0
        );
    }
    // Who leaves makes room.
    waiting.abort_all();
    let gone = |calls: &[parapet_tests::fake::Call]| {
        calls.iter().all(|call| call.progress == Progress::Gone)
    };
    assert!(gone(
        &world
            .llm
            .server()
            .wait_for(Duration::from_secs(20), gone)
            .await
    ));
    world.llm.script([Turn::say("fine")]);
    assert_eq!(
        world.client.send(world.chat(&body)).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn a_zip_bomb_does_not_go_off() {
    let guard = rule("llm_output_guardrails", "{name: x, secretsDetection: {}}");
    let world = World::start(&format!("{}{guard}", limits("answerBytes: 1048576")))
        .await
        .unwrap();
    let bomb = Reply::new(200, "application/json", vec![b' '; 200 * 1024 * 1024]).gzip();
    assert!(bomb.body_bytes().len() < 1024 * 1024);
    world.llm.script([Turn::Raw(bomb)]);
    let before = parapet_tests::bench::cpu::resident_kib(world.gateway.pid().unwrap()).unwrap();
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": "x"}]});
    let answer = world.client.send(world.chat(&body)).await.unwrap();
    assert_error("/v1/chat/completions", &answer, 502);
    let grown = parapet_tests::bench::cpu::resident_kib(world.gateway.pid().unwrap())
        .unwrap()
        .saturating_sub(before);
    assert!(grown < 40 * 1024, "it grew by {grown} KiB");
}

#[tokio::test]
async fn a_service_that_answers_without_end_has_failed() {
    let world = World::start(&rule(
        "llm_input_guardrails",
        "{name: x, custom: {url: \"${service}/x\"}}",
    ))
    .await
    .unwrap();
    let huge = Reply::new(200, "application/json", vec![b' '; 64 * 1024 * 1024]);
    world
        .services
        .script("x", [(Duration::ZERO, Judgement::Raw(huge))]);
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": "x"}]});
    let answer = world.client.send(world.chat(&body)).await.unwrap();
    let error = assert_error("/v1/chat/completions", &answer, 503);
    assert_eq!(error["error"]["type"], "guardrail_unavailable");
    let record = world
        .gateway
        .record(answer.header("x-request-id").unwrap())
        .await
        .unwrap();
    assert_eq!(record["guardrails"][0]["failure"], "bad_answer", "{record}");
}
