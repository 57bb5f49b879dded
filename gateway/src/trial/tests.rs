use std::fs;

use clap::Parser as _;
use serde_json::{Value, json};

use crate::args::{Cli, Command};

mod tools;

const MANIFESTS: &str = "
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: cards, operation: mutate, regex: {presetPatterns: {presets: [credit_card]}}}
    - {name: pii, regex: {presetPatterns: {presets: [us_ssn]}}}
    - {name: service, custom: {url: 'http://127.0.0.1:1/', target: request}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: c}
spec:
  rules:
    - {id: all, llm_input_guardrails: [g/cards, g/pii], llm_output_guardrails: [g/cards]}
    - id: support
      when: {subjects: {conditions: {in: ['team:support']}}}
      llm_input_guardrails: [g/service]
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: demo}
spec:
  demo: {}
  models: [{name: echo}, {name: two, upstreamName: canned}]
  collaborators: [{subject: 'user:*'}]
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: claude}
spec: {anthropic: {}}
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {name: bot}
spec: {tokens: [{secretKeyRef: {name: s, key: k}}]}
---
{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {k: t}}
";

/// What `try` prints for a message, and whether it says that all is well.
fn attempt(content: &str, more: &[&str]) -> (bool, String) {
    let model = more
        .iter()
        .find_map(|arg| arg.strip_prefix("model="))
        .unwrap_or("demo/echo");
    let body = json!({"model": model, "messages": [{"role": "user", "content": content}]});
    let answer = json!({"choices": [{"message": {"role": "assistant", "content": content}}]});
    let more: Vec<&str> = more
        .iter()
        .copied()
        .filter(|arg| !arg.starts_with("model="))
        .collect();
    attempt_with(MANIFESTS, &body, &answer, &more)
}

/// The same with any policy, request and answer.
fn attempt_with(manifests: &str, body: &Value, answer: &Value, more: &[&str]) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    fs::create_dir(dir.path().join("m")).unwrap();
    fs::write(dir.path().join("m/a.yaml"), manifests).unwrap();
    fs::write(dir.path().join("request.json"), body.to_string()).unwrap();
    fs::write(dir.path().join("response.json"), answer.to_string()).unwrap();
    let (manifests, request, response) = (path("m"), path("request.json"), path("response.json"));
    let mut args = vec!["x", "try", "--manifests", &manifests, "--request", &request];
    for arg in more {
        args.push(if *arg == "RESPONSE" { &response } else { arg });
    }
    let Command::Try(args) = Cli::try_parse_from(args).unwrap().command else {
        panic!()
    };
    let mut out = Vec::new();
    let code = super::run(&args, &mut out).unwrap();
    (
        code == std::process::ExitCode::SUCCESS,
        String::from_utf8(out).unwrap(),
    )
}

#[test]
fn rules_plan_findings_and_the_body_are_shown() {
    let (fine, said) = attempt(
        "card 4111 1111 1111 1111",
        &["--subject", "user:ann", "--team", "support"],
    );
    assert!(fine, "{said}");
    let parts = [
        "caller    user:ann of support",
        "model     demo/echo",
        "  + default/c/all: ",
        "  + default/c/support: ",
        "  1. g/pii (regex): validate, enforce; chosen by all",
        "  2. g/service (custom): validate, enforce; chosen by support; beside the model call",
        "  3. g/cards (regex): mutate, enforce; chosen by all",
        "g/cards finds credit_card in messages[0].content, bytes 5..24",
        "g/cards: changed: credit_card ×1; 1 edit\n",
        "g/pii: clean",
        "g/service: not asked, it is a service",
        "card [REDACTED]",
    ];
    for part in parts {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!said.contains("4111"), "{said}");
    let (_, said) = attempt("card 4111 1111 1111 1111", &["--show-text"]);
    assert!(
        said.contains("bytes 5..24: \"4111 1111 1111 1111\""),
        "{said}"
    );
    assert!(said.contains("  - default/c/support: "), "{said}");
}

#[test]
fn a_block_says_why_and_shows_no_body() {
    let (fine, said) = attempt("My SSN is 536-90-4399", &["--hook", "llm_input"]);
    assert!(!fine);
    assert!(
        said.contains("blocked with status 400: Input Guardrail checks failed"),
        "{said}"
    );
    assert!(
        !said.contains("sent upstream\n") && !said.contains("536-90"),
        "{said}"
    );
}

#[test]
fn an_answer_is_judged_when_it_is_given() {
    let (_, said) = attempt("hello", &[]);
    assert!(said.contains("no model is called"), "{said}");
    let (_, said) = attempt(
        "4111 1111 1111 1111",
        &["--response", "RESPONSE", "--hook", "llm_output"],
    );
    assert!(
        said.contains("sent to the client\n") && said.contains("[REDACTED]"),
        "{said}"
    );
}

#[test]
fn what_a_client_would_be_told_is_told() {
    let rows: [(&[&str], &str); 6] = [
        (
            &["model=claude/x"],
            "refused: the provider of \"claude/x\" does not speak this route's dialect",
        ),
        (
            &["model=demo/nothing"],
            "refused: the model \"demo/nothing\" does not exist",
        ),
        (&["model=demo/two"], "sent upstream as \"canned\""),
        (
            &["--subject", "virtualaccount:bot"],
            "refused: this caller may not use the model \"demo/echo\"",
        ),
        (
            &[
                "--header",
                "x-tfy-guardrails: {\"llm_input_guardrails\": [\"g/no\"]}",
            ],
            "refused: the guardrails header names \"g/no\"",
        ),
        (
            &[
                "--metadata",
                "a=b",
                "--header",
                "x-parapet-metadata: {\"c\": \"d\"}",
            ],
            "metadata  c=d",
        ),
    ];
    for (args, part) in rows {
        let (_, said) = attempt("hello", args);
        assert!(said.contains(part), "{part}\n{said}");
    }
}
