//! What it costs to read 5,000 rules from files, and one edit: `cargo run --release -p parapet-gateway --example
//! reload_cost`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parapet_crds::read::ReadOptions;
use parapet_gateway::policy::source::{Outcome, Source};
use parapet_policy::diagnostic::Severity;

const RULES: usize = 5_000;

const BASE: &str = "
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: secrets, operation: mutate, secretsDetection: {}}
    - {name: pii, regex: {presetPatterns: {presets: [us_ssn, credit_card]}}}
    - {name: sql, sqlSanitizer: {}}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: demo}
spec: {demo: {}}
---
apiVersion: parapet.dev/v1alpha1
kind: IdentityProvider
metadata: {name: demo}
spec:
  issuer: https://demo.parapet.dev
  audiences: [parapet]
  claims: {teams: groups}
  jwks:
    inline: '{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\",\"kid\":\"demo\",\"x\":\"E50MvfE9n4HfxI6qKVjQ8YnOe_6lPwgOriHFVO-ioQs\"}]}'
";

fn rules(name: usize, from: usize, count: usize, mark: &str) -> String {
    let mut text = format!(
        "apiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {{name: c{name}}}\nspec:\n  rules:\n"
    );
    for i in from..from + count {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "    - id: rule-{i}{mark}\n      when:\n        target:\n          conditions:\n            \
             model: {{values: ['demo/model-{i}*'], condition: in}}\n        subjects:\n          \
             conditions: {{in: ['team:team-{}', 'user:user-{i}@example.com']}}\n        \
             metadata: {{environment: env-{}}}\n      llm_input_guardrails: [g/secrets, g/pii, g/sql]\n      \
             llm_output_guardrails: [g/pii]\n",
            i % 100,
            i % 7
        );
    }
    text
}

fn load(source: &mut Source, what: &str) {
    let (began, busy) = (Instant::now(), cpu());
    let loaded = source.load(Severity::Warning);
    let (took, busy) = (began.elapsed(), cpu().saturating_sub(busy));
    let is_new = matches!(loaded.outcome, Outcome::New(_));
    assert!(is_new, "{:?}", loaded.remarks.first());
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let count = loaded.remarks.len();
    println!(
        "{what:<40} {:8.1} ms, {:8.1} ms of them on a core; {count} remarks",
        ms(took),
        ms(busy)
    );
}

/// What this thread has spent on a core so far; zero where the system does not tell.
fn cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn measure(folder: &Path, files: usize) {
    fs::write(folder.join("base.yaml"), BASE).expect("writing");
    let each = RULES / files;
    for file in 0..files {
        fs::write(
            folder.join(format!("r{file}.yaml")),
            rules(file, file * each, each, ""),
        )
        .expect("writing");
    }
    let mut source = Source::new(ReadOptions {
        manifests: folder.to_owned(),
        secrets: None,
        policy_namespace: Arc::from("default"),
    });
    load(
        &mut source,
        &format!("{RULES} rules in {files} files, first"),
    );
    for edit in 0..3 {
        fs::write(
            folder.join("r0.yaml"),
            rules(0, 0, each, &format!("-{edit}")),
        )
        .expect("writing");
        load(&mut source, "an edit of one file");
    }
}

fn main() {
    for files in [1, 10, 100, 1_000] {
        let folder = tempfile::tempdir().expect("making a folder");
        measure(folder.path(), files);
    }
}
