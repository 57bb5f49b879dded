//! Decisions of an Open Policy Agent: what the gateway makes of a scripted one's answers, and the documented
//! policy in a real one.

use std::time::Duration;

use parapet_tests::fake::Reply;
use parapet_tests::fake_guardrail::Judgement;
use parapet_tests::http_client::Outgoing;
use parapet_tests::opa::Opa;
use parapet_tests::world::World;
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../docs/guardrails.md");

fn resources(url: &str, path: &str) -> String {
    format!(
        r#"apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: opa}}
spec:
  guardrails:
    - {{name: authz, timeout: 10s, opa: {{opaUrl: "{url}", policyPath: {path}}}}}
    - {{name: lenient, enforcingStrategy: enforce_but_ignore_on_error, opa: {{opaUrl: "{url}", policyPath: {path}}}}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: rules}}
spec:
  rules:
    - id: strict
      when: {{target: {{operator: or, conditions: {{model: {{values: [demo/canned], condition: not_in}}}}}}}}
      llm_input_guardrails: [opa/authz]
    - id: lenient
      when: {{target: {{operator: or, conditions: {{model: {{values: [demo/canned], condition: in}}}}}}}}
      llm_input_guardrails: [opa/lenient]
"#
    )
}

fn chat(world: &World, model: &str, text: &str) -> Outgoing {
    world.chat(&json!({"model": model, "messages": [{"role": "user", "content": text}]}))
}

fn categories(answer: &Value) -> Value {
    answer["guardrail_checks"]["input_guardrails"][0]["data"]["categories"].clone()
}

#[tokio::test]
async fn the_documented_policy_decides_in_a_real_agent() {
    let (_, policy) = PAGE.split_once("```rego\n").unwrap();
    let (policy, _) = policy.split_once("```").unwrap();
    let Some(opa) = Opa::start(policy).await.unwrap() else {
        return;
    };
    let world = World::start(&resources(&opa.url(), "authz/decision"))
        .await
        .unwrap();
    let rows: [(&str, &str, u16, &[&str]); 3] = [
        ("demo/echo", "hello", 200, &[]),
        (
            "demo/slow",
            "hello",
            400,
            &["denied", "denied:small-models"],
        ),
        (
            "demo/slow",
            "look at this stack trace",
            400,
            &["denied", "denied:no-pasted-logs", "denied:small-models"],
        ),
    ];
    for (model, text, status, expected) in rows {
        let answer = world.client.send(chat(&world, model, text)).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{model} {text}");
        if status == 400 {
            let answer = answer.json().unwrap();
            assert_eq!(categories(&answer), json!(expected));
            let message = answer["message"].as_str().unwrap();
            assert!(
                message.contains("authz/decision denies it by "),
                "{message}"
            );
            assert!(message.contains("ask the platform team"), "{message}");
        }
    }
}

#[tokio::test]
async fn what_a_real_agent_leaves_undefined_is_denied() {
    let policy = "package authz\n\nallow if input.metadata.environment == \"production\"\n";
    let Some(opa) = Opa::start(policy).await.unwrap() else {
        return;
    };
    // The rule is undefined for this caller; the second path does not exist at all.
    for path in ["authz/allow", "authz/nothing"] {
        let world = World::start(&resources(&opa.url(), path)).await.unwrap();
        let answer = world.client.send(chat(&world, "demo/echo", "hello")).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status.as_u16(), 400, "{path}");
        assert_eq!(categories(&answer.json().unwrap()), json!(["undefined"]));
    }
    let always = "package authz\n\nallow := true\n";
    let Some(opa) = Opa::start(always).await.unwrap() else {
        return;
    };
    let world = World::start(&resources(&opa.url(), "authz/allow"))
        .await
        .unwrap();
    let answer = world.client.send(chat(&world, "demo/echo", "hello")).await;
    assert_eq!(answer.unwrap().status.as_u16(), 200);
}

#[tokio::test]
async fn the_strategy_decides_when_there_is_no_decision() {
    let world = World::start(&resources("${service}/opa", "authz/allow"))
        .await
        .unwrap();
    let script = |reply: Reply| {
        let always = [(Duration::ZERO, Judgement::Raw(reply))];
        world.services.script("opa/v1/data/authz/allow", always);
    };
    let rows = [
        (200, json!({"result": true}), 200, 200),
        (200, json!({"result": false}), 400, 400),
        (200, json!({}), 400, 400),
        (200, json!({"result": "yes"}), 503, 200),
        (500, json!({"code": "internal_error"}), 503, 200),
    ];
    for (status, body, strict, lenient) in rows {
        script(Reply::json(status, &body));
        for (model, expected) in [("demo/echo", strict), ("demo/canned", lenient)] {
            let answer = world
                .client
                .send(chat(&world, model, "hello"))
                .await
                .unwrap();
            assert_eq!(answer.status.as_u16(), expected, "{status} {body} {model}");
        }
    }
}
