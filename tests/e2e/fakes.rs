//! The fakes do what their scripts say: otherwise no other test here means anything.

use std::time::{Duration, Instant};

use bytes::Bytes;
use parapet_tests::answer::{read_chat, read_chat_stream, read_messages_stream};
use parapet_tests::fake::{Fake, Progress, Reply, Step};
use parapet_tests::fake_guardrail::{FakeGuardrails, Judgement};
use parapet_tests::fake_llm::{FakeLlm, Turn};
use parapet_tests::http_client::{Client, Outgoing};
use serde_json::json;

#[tokio::test]
async fn a_model_speaks_the_dialect_of_the_path() {
    let model = FakeLlm::start().await.unwrap();
    let client = Client::new(model.server().addr());
    model.script([Turn::say("hello there")]);
    let body = json!({"model": "m", "messages": []}).to_string();
    let streamed = json!({"model": "m", "stream": true}).to_string();
    let answer = client
        .send(Outgoing::post("/v1/chat/completions", body))
        .await
        .unwrap();
    assert_eq!(
        read_chat(&answer.json().unwrap()).unwrap().choices[0].text,
        "hello there"
    );
    let answer = client
        .send(Outgoing::post("/v1/chat/completions", streamed.clone()))
        .await
        .unwrap();
    assert_eq!(
        read_chat_stream(answer.text().unwrap()).unwrap().choices[0].text,
        "hello there"
    );
    let answer = client
        .send(Outgoing::post("/v1/messages", streamed))
        .await
        .unwrap();
    assert_eq!(
        read_messages_stream(answer.text().unwrap())
            .unwrap()
            .choices[0]
            .text,
        "hello there"
    );
    assert_eq!(model.bodies()[0]["model"], "m");
}

#[tokio::test]
async fn a_script_is_followed_turn_by_turn_and_its_last_turn_stays() {
    let model = FakeLlm::start().await.unwrap();
    let client = Client::new(model.server().addr());
    model.script([Turn::error(429, "slow down"), Turn::say("at last")]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = client
            .send(Outgoing::post("/v1/chat/completions", "{}"))
            .await
            .unwrap();
        seen.push(answer.status.as_u16());
    }
    assert_eq!(seen, [429, 200, 200]);
}

#[tokio::test]
async fn every_step_is_a_write_of_its_own_and_time_passes_where_it_should() {
    let fake = Fake::start(|_| {
        Reply::new(200, "text/plain", "abcdef")
            .cut_every(2)
            .after(Duration::from_millis(30))
    });
    let fake = fake.await.unwrap();
    let started = Instant::now();
    let mut opened = Client::new(fake.addr())
        .open(Outgoing::get("/"))
        .await
        .unwrap();
    assert!(started.elapsed() >= Duration::from_millis(30));
    let mut pieces = Vec::new();
    while let Some(piece) = opened.next().await.unwrap() {
        pieces.push(piece);
    }
    assert_eq!(pieces, ["ab", "cd", "ef"].map(Bytes::from));
    assert_eq!(fake.calls()[0].progress, Progress::Done);
}

#[tokio::test]
async fn a_caller_that_leaves_is_noticed_before_and_in_an_answer() {
    for steps in [
        None,
        Some(vec![Step::Send("data: x\n\n".into()), Step::Hang]),
    ] {
        let begun = steps.is_some();
        let fake = Fake::start(move |_| match &steps {
            None => Reply::silence(),
            Some(steps) => Reply {
                steps: steps.clone(),
                ..Reply::event_stream([])
            },
        });
        let fake = fake.await.unwrap();
        let client = Client::new(fake.addr());
        if begun {
            let mut opened = client.open(Outgoing::get("/")).await.unwrap();
            assert_eq!(opened.next().await.unwrap().unwrap(), "data: x\n\n");
        } else {
            let call = client.open(Outgoing::get("/"));
            let came = fake.wait_for(Duration::from_secs(20), |calls| !calls.is_empty());
            tokio::select! {
                answer = call => panic!("{answer:?}"),
                calls = came => assert_eq!(calls.len(), 1),
            }
        }
        let calls = fake.wait_for(Duration::from_secs(20), |calls| {
            calls.iter().all(|c| c.progress == Progress::Gone)
        });
        assert_eq!(calls.await[0].progress, Progress::Gone, "begun: {begun}");
    }
}

#[tokio::test]
async fn a_cut_breaks_the_body() {
    let fake = Fake::start(|_| Reply {
        steps: vec![Step::Send("abc".into()), Step::Cut],
        ..Reply::new(200, "text/plain", "")
    });
    let fake = fake.await.unwrap();
    let answer = Client::new(fake.addr())
        .send(Outgoing::get("/"))
        .await
        .unwrap();
    assert!(answer.cut);
    assert_eq!(answer.body, "abc");
}

#[tokio::test]
async fn a_gzipped_answer_is_one() {
    let fake = Fake::start(|_| Reply::new(200, "text/plain", "a".repeat(100_000)).gzip())
        .await
        .unwrap();
    let answer = Client::new(fake.addr())
        .send(Outgoing::get("/"))
        .await
        .unwrap();
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < 1000);
    let mut text = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::GzDecoder::new(&answer.body[..]),
        &mut text,
    )
    .unwrap();
    assert_eq!(text, "a".repeat(100_000));
}

#[tokio::test]
async fn guardrail_services_judge_what_they_are_scripted_to() {
    let services = FakeGuardrails::start().await.unwrap();
    let client = Client::new(services.server().addr());
    let body = json!({"requestBody": {"messages": [{"content": "my secret"}]}}).to_string();
    let output = json!({"requestBody": {}, "responseBody": {"a": ["secret"]}}).to_string();
    let ask = async |name: &str, body: &str| {
        client
            .send(Outgoing::post(&format!("/{name}"), body.to_owned()))
            .await
            .unwrap()
            .json()
            .unwrap()
    };
    assert_eq!(ask("unknown", &body).await, json!({"verdict": true}));
    services.script("a", [(Duration::ZERO, Judgement::Block("no".into()))]);
    assert_eq!(
        ask("a", &body).await,
        json!({"verdict": false, "message": "no"})
    );
    services.script(
        "a",
        [(
            Duration::ZERO,
            Judgement::Replace("secret".into(), "***".into()),
        )],
    );
    let answer = ask("a", &body).await;
    assert_eq!(answer["result"]["messages"][0]["content"], "my ***");
    assert_eq!(ask("a", &output).await["result"], json!({"a": ["***"]}));
    services.script(
        "a",
        [(
            Duration::ZERO,
            Judgement::ReplaceBare("secret".into(), "***".into()),
        )],
    );
    assert_eq!(ask("a", &output).await, json!({"a": ["***"]}));
}
