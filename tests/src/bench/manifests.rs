//! The resources that the gateway is measured with.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// The caller's token.
pub const TOKEN: &str = "bench-token";

/// An account `mock` for whole answers and an account `stream` for streams, without any guardrail.
pub fn plain(mock: SocketAddr, stream: &str) -> String {
    format!(
        r#"apiVersion: v1
kind: Secret
metadata: {{name: bench}}
stringData: {{token: {TOKEN}}}
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {{name: bench}}
spec: {{tokens: [{{secretKeyRef: {{name: bench, key: token}}}}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {{name: mock}}
spec: {{openai: {{baseUrl: "http://{mock}/v1"}}}}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {{name: stream}}
spec: {{openai: {{baseUrl: "{stream}"}}}}
"#
    )
}

/// Four local guardrails in and out, for every model.
pub fn guarded() -> &'static str {
    r#"apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: bench}
spec:
  guardrails:
    - {name: secrets, operation: mutate, priority: 1, secretsDetection: {}}
    - name: pii
      operation: mutate
      priority: 2
      regex: {presetPatterns: {presets: [us_ssn, email, us_phone, credit_card]}}
    - {name: sql, sqlSanitizer: {}}
    - {name: code, codeSafetyLinter: {}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: bench}
spec:
  rules:
    - id: everything
      when: {}
      llm_input_guardrails: [bench/secrets, bench/pii, bench/sql, bench/code]
      llm_output_guardrails: [bench/secrets, bench/pii, bench/sql, bench/code]
"#
}

/// `count` more rules that never match the measured traffic, as a big installation has them.
pub fn other_rules(count: usize) -> String {
    let mut text = String::from(
        "apiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {name: others}\nspec:\n  rules:\n",
    );
    for n in 0..count {
        let _ = writeln!(
            text,
            "    - id: rule-{n}\n      when:\n        target: {{operator: or, conditions: {{model: {{values: [mock/model-{n}], condition: in}}}}}}\n        \
             subjects: {{operator: and, conditions: {{in: [\"team:team-{}\"]}}}}\n      llm_input_guardrails: [bench/secrets]",
            n % 40
        );
    }
    text
}
