//! Policy changes while traffic runs; the end comes in good order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parapet_tests::answer::{Choice, read_chat_stream};
use parapet_tests::fake_llm::{Speech, Turn};
use parapet_tests::http_client::{Client, Outgoing};
use parapet_tests::world::{TOKEN, World};
use serde_json::json;

/// Far longer than anything here takes: machines are busy with other things.
const PATIENCE: Duration = Duration::from_secs(20);

fn policy(preset: &str) -> String {
    format!(
        "apiVersion: parapet.dev/v1alpha1\nkind: GuardrailIntegration\nmetadata: {{name: g}}\nspec:\n  guardrails:\n    \
         - {{name: x, regex: {{presetPatterns: {{presets: [{preset}]}}}}}}\n\
         ---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {{name: rules}}\nspec: {{rules: [{{id: all, when: {{}}, llm_input_guardrails: [g/x]}}]}}\n"
    )
}

fn ask(text: &str) -> Outgoing {
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": text}]});
    Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN)
}

async fn status(client: &Client, text: &str) -> u16 {
    client.send(ask(text)).await.unwrap().status.as_u16()
}

/// Waits until a text gets a status.
async fn until(client: &Client, text: &str, wanted: u16) {
    let started = Instant::now();
    while status(client, text).await != wanted {
        assert!(started.elapsed() < PATIENCE, "{text:?} never got {wanted}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_takes_effect_and_fails_no_request() {
    let world = World::start(&policy("us_ssn")).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU32::new(0));
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (client, stop, sent) = (world.gateway.client(), Arc::clone(&stop), Arc::clone(&sent));
        load.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let answer = client.send(ask("harmless")).await.unwrap();
                assert_eq!(answer.status, 200, "{:?}", answer.text());
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let client = &world.client;
    assert_eq!(status(client, "536-22-1234").await, 400);
    for round in 0..4 {
        let (preset, allowed, blocked) = if round % 2 == 0 {
            ("email", "536-22-1234", "ana@northwind.com")
        } else {
            ("us_ssn", "ana@northwind.com", "536-22-1234")
        };
        // An editor's rename-over, and a plain write in place.
        if round < 2 {
            world.gateway.write("more.yaml", &policy(preset)).unwrap();
        } else {
            std::fs::write(world.gateway.dir().join("more.yaml"), policy(preset)).unwrap();
        }
        until(client, allowed, 200).await;
        assert_eq!(status(client, blocked).await, 400);
    }
    stop.store(true, Ordering::Relaxed);
    load.join_all().await;
    assert!(sent.load(Ordering::Relaxed) > 50);
}

#[tokio::test]
async fn a_set_that_does_not_compile_leaves_the_last_good_one_in_force() {
    let world = World::start(&policy("us_ssn")).await.unwrap();
    let (code, before) = world.gateway.admin_get("/policy").await.unwrap();
    assert_eq!(code, 200);
    world
        .gateway
        .write("more.yaml", &policy("no_such_preset"))
        .unwrap();
    let said = world.gateway.log().wait_for(PATIENCE, |line| {
        line.contains("no_such_preset").then(|| line.to_owned())
    });
    said.await.unwrap();
    assert_eq!(status(&world.client, "536-22-1234").await, 400);
    let (_, after) = world.gateway.admin_get("/policy").await.unwrap();
    let (before, after): (serde_json::Value, serde_json::Value) = (
        serde_json::from_str(&before).unwrap(),
        serde_json::from_str(&after).unwrap(),
    );
    assert_eq!(before["digest"], after["digest"]);
    assert_ne!(
        before, after,
        "/policy says nothing about the set that was refused"
    );
    let (_, metrics) = world.gateway.admin_get("/metrics").await.unwrap();
    assert!(
        metrics
            .lines()
            .any(|line| line.contains("policy") && line.ends_with(" 1")),
        "{metrics}"
    );
    // And a good one is taken up again.
    world.gateway.write("more.yaml", &policy("email")).unwrap();
    until(&world.client, "536-22-1234", 200).await;
}

#[tokio::test]
async fn kubernetes_way_of_swapping_a_folder_is_noticed() {
    let world = World::start("").await.unwrap();
    let dir = world.gateway.dir();
    std::fs::create_dir(dir.join("..one")).unwrap();
    std::fs::write(dir.join("..one/policy.yaml"), policy("us_ssn")).unwrap();
    std::os::unix::fs::symlink("..one", dir.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/policy.yaml", dir.join("policy.yaml")).unwrap();
    until(&world.client, "536-22-1234", 400).await;
    std::fs::create_dir(dir.join("..two")).unwrap();
    std::fs::write(dir.join("..two/policy.yaml"), policy("email")).unwrap();
    std::os::unix::fs::symlink("..two", dir.join("..data_tmp")).unwrap();
    std::fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    until(&world.client, "536-22-1234", 200).await;
    assert_eq!(status(&world.client, "ana@northwind.com").await, 400);
}

#[tokio::test]
async fn a_gateway_without_good_policy_is_not_ready_and_lets_nothing_through() {
    let mut gateway = parapet_tests::harness::Setup::new(policy("no_such_preset"))
        .launch()
        .await
        .unwrap();
    let said = gateway.log().wait_for(Duration::from_secs(20), |line| {
        line.contains("no_such_preset").then_some(())
    });
    let said = said.await;
    // It may end, or wait for better policy; it must not serve.
    if gateway
        .wait_for_end(Duration::from_millis(300))
        .await
        .is_err()
    {
        said.unwrap();
        assert_ne!(
            gateway
                .admin_get("/readyz")
                .await
                .map_or(0, |(status, _)| status),
            200
        );
        if let Ok(answer) = gateway.client().send(ask("hello")).await {
            assert_eq!(answer.status, 503);
        }
    }
}

#[tokio::test]
async fn the_end_waits_for_streams_and_takes_no_new_requests() {
    let mut world = World::start("").await.unwrap();
    let words = "word ".repeat(60);
    let choices = vec![Choice::saying(&words)];
    world.llm.script([Turn::Say(Speech {
        choices,
        pause: Duration::from_millis(20),
        ..Speech::default()
    })]);
    let body =
        json!({"model": "model/m", "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let mut opened = world.client.open(world.chat(&body)).await.unwrap();
    let head = opened.read_until("word").await.unwrap();
    world.gateway.terminate().await.unwrap();
    // Readiness goes first.
    let deadline = Instant::now() + PATIENCE;
    while world
        .gateway
        .admin_get("/readyz")
        .await
        .is_ok_and(|(status, _)| status == 200)
    {
        assert!(Instant::now() < deadline, "it still calls itself ready");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (rest, cut) = opened.rest().await;
    assert!(!cut, "the stream broke off");
    let received = read_chat_stream(&(head + &String::from_utf8(rest).unwrap())).unwrap();
    assert!(received.complete);
    assert_eq!(received.choices[0].text, words);
    assert_eq!(world.gateway.wait_for_end(PATIENCE).await.unwrap(), Some(0));
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let mut world = World::start_with("", |setup| setup.arg("--drain-timeout").arg("500ms"))
        .await
        .unwrap();
    let hang = Turn::say("half").then(|mut reply| {
        reply.steps.truncate(2);
        reply.steps.push(parapet_tests::fake::Step::Hang);
        reply
    });
    world.llm.script([hang]);
    let body =
        json!({"model": "model/m", "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let mut opened = world.client.open(world.chat(&body)).await.unwrap();
    opened.read_until("half").await.unwrap();
    world.gateway.terminate().await.unwrap();
    // The stream would go on for ever.
    world.gateway.wait_for_end(PATIENCE).await.unwrap();
}
