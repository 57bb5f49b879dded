use parapet_policy::bundle::Revision;
use parapet_tests::collector::{Collector, Span};
use parapet_tests::fake_guardrail::FakeGuardrails;
use parapet_tests::fake_llm::FakeLlm;
use parapet_tests::harness::Setup;
use parapet_tests::installation::Installation;
use parapet_tests::world::{BASE, TOKEN, World, places};
use serde_json::{Value, json};

/// Stands in prompts; nothing that is emitted may hold it.
pub(crate) const PROMPT: &str = "whisper-of-the-tests";
pub(crate) const SSN: &str = "536-22-1234";
pub(crate) const KEY: &str = "AKIAQYLPMN5HFIQR7XYZ";

pub(crate) const RESOURCES: &str = "apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: secrets, operation: mutate, secretsDetection: {}}
    - {name: ssn, regex: {presetPatterns: {presets: [us_ssn]}}}
    - {name: judge, custom: {url: \"${service}/judge\"}}
    - {name: down, custom: {url: \"${closed}/down\"}}
    - {name: silent, timeout: 200ms, custom: {url: \"${service}/silent\"}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: local
      when: {target: {operator: or, conditions: {model: {values: ['*/local'], condition: in}}}}
      llm_input_guardrails: [g/secrets, g/ssn]
      llm_output_guardrails: [g/ssn]
    - id: hidden
      when: {target: {operator: or, conditions: {model: {values: ['*/hidden'], condition: in}}}}
      llm_input_guardrails: [g/secrets, g/ssn]
      llm_output_guardrails: [g/secrets, g/ssn]
    - id: service
      when: {target: {operator: or, conditions: {model: {values: ['*/service'], condition: in}}}}
      llm_input_guardrails: [g/judge]
    - id: down
      when: {target: {operator: or, conditions: {model: {values: ['*/down'], condition: in}}}}
      llm_input_guardrails: [g/down]
      # The model is not called beside it, whoever is faster.
      input_execution: sequential
    - id: silent
      when: {target: {operator: or, conditions: {model: {values: ['*/silent'], condition: in}}}}
      llm_input_guardrails: [g/silent]
      input_execution: sequential
";

/// A world whose gateway exports to `endpoint`, soon.
pub(crate) async fn exporting(endpoint: &str, protocol: &str, more: &[(&str, &str)]) -> World {
    exporting_with(RESOURCES, endpoint, protocol, more).await
}

/// The same with other resources.
pub(crate) async fn exporting_with(
    resources: &str,
    endpoint: &str,
    protocol: &str,
    more: &[(&str, &str)],
) -> World {
    let with = |setup: Setup| {
        let setup = setup
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_BSP_SCHEDULE_DELAY", "100")
            .env("OTEL_METRIC_EXPORT_INTERVAL", "200");
        more.iter()
            .fold(setup, |setup, (name, value)| setup.env(name, value))
    };
    World::start_with(resources, with).await.unwrap()
}

/// A world that exports to a real collector over gRPC; none where there is no Go.
pub(crate) async fn with_collector() -> Option<(World, Collector)> {
    let collector = Collector::start().await.unwrap()?;
    let world = exporting(&collector.grpc(), "grpc", &[]).await;
    Some((world, collector))
}

/// A world whose gateway takes its policy from an operator and sends its traces over NATS.
pub(crate) async fn over_nats(installation: &Installation, more: &[(&str, &str)]) -> World {
    let llm = FakeLlm::start().await.unwrap();
    let services = FakeGuardrails::start().await.unwrap();
    let places = places(&llm, &services).unwrap();
    let resources = format!("{}\n---\n{}", places.fill(BASE), places.fill(RESOURCES));
    let mut publisher = installation.publisher().await.unwrap();
    let packed = installation.pack(&resources).unwrap();
    let revision = Revision {
        epoch: 1,
        generation: 1,
    };
    publisher.publish(packed, revision).await.unwrap();
    let mut setup = installation.gateway("gw-0").arg("--traces").arg("nats");
    setup = setup.env("OTEL_BSP_SCHEDULE_DELAY", "100");
    for (name, value) in more {
        setup = setup.env(name, value);
    }
    let gateway = setup.start().await.unwrap();
    let client = gateway.client();
    World {
        llm,
        services,
        gateway,
        client,
    }
}

pub(crate) fn body(model: &str, text: &str) -> Value {
    json!({"model": format!("model/{model}"), "messages": [{"role": "user", "content": text}]})
}

/// Sends a request and tells its status and id.
pub(crate) async fn ask(world: &World, body: &Value) -> (u16, String) {
    let answer = world.client.send(world.chat(body)).await.unwrap();
    let id = answer.header("x-request-id").unwrap().to_owned();
    (answer.status.as_u16(), id)
}

/// A request's spans as an indented tree, with what `shown` says of each.
pub(crate) fn tree(spans: &[Span], shown: impl Fn(&Span) -> String) -> Vec<String> {
    fn below(
        spans: &[Span],
        parent: &Span,
        depth: usize,
        shown: &dyn Fn(&Span) -> String,
        lines: &mut Vec<String>,
    ) {
        lines.push(format!("{}{}", "  ".repeat(depth), shown(parent)));
        let id = parent.id("spanId");
        let mut children: Vec<&Span> = spans
            .iter()
            .filter(|span| span.id("parentSpanId") == id)
            .collect();
        // Not by their beginning: what takes microseconds may begin in any order.
        children.sort_by_key(|span| {
            let hook = span.told("parapet.guardrail.hook");
            (hook, span.name().to_owned(), span.id("spanId").to_owned())
        });
        for child in children {
            below(spans, child, depth + 1, shown, lines);
        }
    }
    let mut lines = Vec::new();
    let is_root = |span: &&Span| !span.told("parapet.request.id").is_empty();
    for root in spans.iter().filter(is_root) {
        below(spans, root, 0, &shown, &mut lines);
    }
    assert_eq!(lines.len(), spans.len(), "a span hangs nowhere: {spans:#?}");
    lines
}

/// Name and what became of it.
pub(crate) fn outcome(span: &Span) -> String {
    let keys = [
        "parapet.guardrail.hook",
        "parapet.guardrail.outcome",
        "parapet.guardrail.action",
        "parapet.guardrail.categories",
        "http.response.status_code",
        "error.type",
    ];
    let told = keys.map(|key| span.told(key));
    let told = told.iter().filter(|told| !told.is_empty());
    let mut line = span.name().to_owned();
    for word in told {
        line.push(' ');
        line.push_str(word);
    }
    if span.failed() {
        line.push_str(" (failed)");
    }
    line
}

/// Nothing that was emitted holds what must never leave.
pub(crate) async fn assert_silent(world: &World, collector: &Collector) {
    let (_, metrics) = world.gateway.admin_get("/metrics").await.unwrap();
    let (_, policy) = world.gateway.admin_get("/policy").await.unwrap();
    let emitted = [
        collector.everything(),
        metrics,
        policy,
        world.gateway.log().lines().join("\n"),
    ]
    .join("\n");
    for marker in [PROMPT, SSN, KEY, TOKEN, "upstream-key"] {
        assert!(!emitted.contains(marker), "{marker} was emitted");
    }
}
