//! Text in spans: by a setting only, and only as it went out.

use std::time::Duration;

use parapet_tests::collector::{Collector, Span};
use parapet_tests::fake_guardrail::Judgement;
use parapet_tests::fake_llm::Turn;
use parapet_tests::http_client::Answered;
use parapet_tests::world::World;
use serde_json::Value;

use crate::support::{KEY, PROMPT, SSN, body, exporting};

const CONTENT: (&str, &str) = ("PARAPET_TRACE_CONTENT", "65536");

async fn ask(world: &World, body: &Value) -> Answered {
    world.client.send(world.chat(body)).await.unwrap()
}

/// What a request's span has of the model's body and of the client's.
async fn told(collector: &Collector, answer: &Answered) -> (String, String) {
    let id = answer.header("x-request-id").unwrap();
    let spans = collector.spans_of(id).await.unwrap();
    let is_request = |span: &&Span| span.told("parapet.request.id") == id;
    let request = spans.iter().find(is_request).unwrap();
    (
        request.told("parapet.input"),
        request.told("parapet.output"),
    )
}

/// The body that the model got last.
fn sent(world: &World) -> String {
    let calls = world.llm.server().calls();
    String::from_utf8(calls.last().unwrap().body.to_vec()).unwrap()
}

#[tokio::test]
async fn spans_have_what_the_model_and_the_client_got() {
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let world = exporting(&collector.grpc(), "grpc", &[CONTENT]).await;
    world
        .llm
        .script([Turn::say(&format!("take {KEY} and go home with it"))]);
    for stream in [false, true] {
        let mut body = body("hidden", &format!("{PROMPT} {KEY}"));
        body["stream"] = stream.into();
        let answer = ask(&world, &body).await;
        assert_eq!(answer.status, 200);
        let (input, output) = told(&collector, &answer).await;
        assert!(
            input.contains(PROMPT) && input.contains("[REDACTED]"),
            "{input}"
        );
        assert_eq!(input, sent(&world));
        assert!(output.contains("REDACTED"), "{output}");
        assert_eq!(output, answer.text().unwrap());
    }
    // An answer that is blocked: as far as it had gone out.
    world
        .llm
        .script([Turn::say(&format!("{} {SSN} and more", "word ".repeat(40)))]);
    for stream in [false, true] {
        let mut body = body("hidden", PROMPT);
        body["stream"] = stream.into();
        let answer = ask(&world, &body).await;
        let (input, output) = told(&collector, &answer).await;
        assert_eq!(input, sent(&world));
        let shown = answer.text().unwrap();
        match stream {
            true => assert_eq!(output, shown),
            false => assert!(answer.status == 400 && output.is_empty(), "{output}"),
        }
    }
    silent(&world, &collector);
}

#[tokio::test]
async fn what_was_sent_to_nobody_is_not_there() {
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let world = exporting(&collector.grpc(), "grpc", &[CONTENT]).await;
    // Found by what judges here, and by a service that has to finish before the model is called.
    let found = (Duration::ZERO, Judgement::Block("no".to_owned()));
    world.services.script("silent", [found]);
    for (model, text) in [("hidden", SSN), ("silent", "hello")] {
        let answer = ask(&world, &body(model, &format!("{PROMPT} {text}"))).await;
        assert_eq!(answer.status, 400, "{model}");
        assert_eq!(
            told(&collector, &answer).await,
            Default::default(),
            "{model}"
        );
    }
    assert!(world.llm.server().calls().is_empty());
    assert!(!collector.everything().contains(PROMPT));
    silent(&world, &collector);
}

#[tokio::test]
async fn without_the_setting_there_is_none() {
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let world = exporting(&collector.grpc(), "grpc", &[]).await;
    let answer = ask(&world, &body("hidden", PROMPT)).await;
    assert_eq!(told(&collector, &answer).await, Default::default());
    assert!(!collector.everything().contains(PROMPT));
}

/// What was redacted or blocked is nowhere, and the log has no text at all.
fn silent(world: &World, collector: &Collector) {
    let everything = collector.everything();
    let lines = world.gateway.log().lines().join("\n");
    for marker in [KEY, SSN] {
        assert!(!everything.contains(marker), "{marker} was emitted");
        assert!(!lines.contains(marker), "{marker} was logged");
    }
    assert!(!lines.contains(PROMPT));
}
