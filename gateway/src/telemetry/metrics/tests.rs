use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::record::Attempt;

use super::*;
use crate::telemetry::queue::tests::record;

/// A guardrail on input that came to something.
pub(super) fn guardrail(selector: &str, outcome: &'static str) -> GuardrailRecord {
    GuardrailRecord {
        selector: selector.into(),
        kind: "regex",
        hook: Hook::LlmInput,
        tool: None,
        operation: Operation::Validate,
        strategy: Strategy::Enforce,
        outcome,
        blocks: false,
        failure: None,
        skipped: None,
        categories: Vec::new(),
        edits: 0,
        places: None,
        start_us: 0,
        took_us: 7,
        cached: false,
        rules: Vec::new().into(),
        calls: Vec::new(),
    }
}

#[test]
fn records_are_counted() {
    let metrics = Metrics::new().unwrap();
    let mut counted = record("a");
    counted.guardrails.push(GuardrailRecord {
        categories: vec![("us_ssn".into(), 3)],
        ..guardrail("g/pii", "violation")
    });
    counted.attempts.push(Attempt {
        provider: "demo".into(),
        kind: "demo",
        model: "echo".into(),
        took_us: 5,
        input_tokens: Some(4),
        error: Some("timeout"),
        ..Attempt::default()
    });
    metrics.count(&[counted, record("b")]);
    let text = TextEncoder::new()
        .encode_to_string(&metrics.registry.gather())
        .unwrap();
    let lines = [
        r#"parapet_requests_total{end="allowed",route="/v1/chat/completions",status="200"} 2"#,
        r#"parapet_guardrail_outcomes_total{hook="llm_input",outcome="violation",selector="g/pii"} 1"#,
        r#"parapet_guardrail_findings_total{category="us_ssn",hook="llm_input",selector="g/pii"} 3"#,
        r#"gen_ai_client_operation_duration_seconds_count{error_type="timeout",gen_ai_operation_name="chat",gen_ai_provider_name="demo",gen_ai_request_model="echo"} 1"#,
        r#"gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="demo",gen_ai_request_model="echo",gen_ai_token_type="input"} 4"#,
        r#"parapet_upstream_attempts_total{provider="demo",status="timeout"} 1"#,
        r#"parapet_upstream_tokens_total{direction="input",provider="demo"} 4"#,
        r#"parapet_request_duration_seconds_count{route="/v1/chat/completions"} 2"#,
    ];
    for line in lines {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn what_guardrails_spared_is_counted() {
    let metrics = Metrics::new().unwrap();
    let attempt = |complete| Attempt {
        provider: "main".into(),
        kind: "openai",
        model: "gpt".into(),
        status: Some(200),
        took_us: 5,
        complete,
        ..Attempt::default()
    };
    let blocked = |attempts| {
        let mut blocked = record("a");
        blocked.end = End::BlockedViolation;
        blocked.request_bytes = 400;
        blocked.attempts = attempts;
        blocked
    };
    let mut gone = record("b");
    gone.end = End::ClientGone;
    metrics.count(&[
        blocked(Vec::new()),
        blocked(vec![attempt(false)]),
        blocked(vec![attempt(true)]),
        gone,
    ]);
    let text = TextEncoder::new()
        .encode_to_string(&metrics.registry.gather())
        .unwrap();
    for line in [
        r#"parapet_model_calls_spared_total{how="never_made"} 1"#,
        r#"parapet_model_calls_spared_total{how="cut_short"} 1"#,
        "parapet_tokens_spared_estimate_total 100",
        r#"parapet_blocks_total{hook="llm_input",why="violation"} 1"#,
        r#"parapet_blocks_total{hook="llm_output",why="violation"} 2"#,
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
}

#[test]
fn names_that_callers_choose_do_not_make_series_for_ever() {
    let metrics = Metrics::new().unwrap();
    let counted = |number: usize| {
        let mut counted = record("a");
        counted.attempts.push(Attempt {
            provider: "main".into(),
            kind: "openai",
            model: format!("model-{number}").into(),
            status: Some(200),
            took_us: 5,
            complete: true,
            ..Attempt::default()
        });
        counted
    };
    metrics.count(&(0..300).map(counted).collect::<Vec<_>>());
    let text = TextEncoder::new()
        .encode_to_string(&metrics.registry.gather())
        .unwrap();
    let count = |begun: &str| text.lines().filter(|line| line.starts_with(begun)).count();
    assert_eq!(
        count("gen_ai_client_operation_duration_seconds_count{"),
        201
    );
    let capped = r#"parapet_metric_labels_capped_total{label="gen_ai_request_model"} 100"#;
    assert!(text.lines().any(|line| line == capped), "{text}");
}

#[test]
fn selectors_do_not_make_series_for_ever() {
    let metrics = Metrics::new().unwrap();
    let counted = |number: usize| {
        let mut counted = record("a");
        counted.guardrails.push(GuardrailRecord {
            hook: Hook::LlmOutput,
            ..guardrail(&format!("g/{number}"), "clean")
        });
        counted
    };
    for _ in 0..2 {
        metrics.count(&(0..MAX_SELECTORS + 100).map(counted).collect::<Vec<_>>());
    }
    let text = TextEncoder::new()
        .encode_to_string(&metrics.registry.gather())
        .unwrap();
    let series: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("parapet_guardrail_outcomes_total{"))
        .collect();
    assert_eq!(series.len(), MAX_SELECTORS + 1);
    let other = r#"parapet_guardrail_outcomes_total{hook="llm_output",outcome="clean",selector="other"} 200"#;
    assert!(series.contains(&other));
}

#[test]
fn categories_that_services_choose_do_not_make_series_for_ever() {
    let metrics = Metrics::new().unwrap();
    let counted = |number: usize| {
        let mut counted = record("a");
        counted.guardrails.push(GuardrailRecord {
            categories: vec![(format!("category-{number}").into(), 1)],
            ..guardrail("g/service", "violation")
        });
        counted
    };
    metrics.count(&(0..MAX_CATEGORIES + 50).map(counted).collect::<Vec<_>>());
    let text = TextEncoder::new()
        .encode_to_string(&metrics.registry.gather())
        .unwrap();
    let series: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("parapet_guardrail_findings_total{"))
        .collect();
    assert_eq!(series.len(), MAX_CATEGORIES + 1);
    let other = r#"parapet_guardrail_findings_total{category="other",hook="llm_input",selector="g/service"} 50"#;
    assert!(series.contains(&other), "{series:?}");
}
