use std::fs;
use std::path::Path;

use parapet_policy::bundle::SecretId;
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};

use super::{Read, ReadOptions, Reader};

const ALL: &str = r#"
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g, labels: {a: b}}
spec:
  collaborators: [{subject: "team:everyone", role: User}, {subject: "user:a"}]
  guardrails:
    - name: secrets
      operation: mutate
      priority: 2
      enforcingStrategy: audit
      timeout: 1m30s
      input: mutated
      streaming: {mode: windowed, size: 512}
      secretsDetection:
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: c, namespace: other}
spec:
  rules:
    - id: r
      when: {}
      llm_input_guardrails: [g/secrets]
  overrides: {replace: ["user:a"]}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: main}
spec:
  openai:
    apiKey: {secretKeyRef: {name: s, key: k}}
    headers: {A: plain, B: {secretKeyRef: {name: s, key: h}}}
  models: [{name: a, upstreamName: b}, {name: c}]
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {name: bot}
spec:
  tokens: [{secretKeyRef: {name: s, key: k}}]
  expiresAt: 2027-01-01T00:00:00Z
---
apiVersion: parapet.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec: {issuer: "https://id", audiences: [parapet], jwks: {inline: "{}"}}
---
apiVersion: parapet.dev/v1alpha1
kind: GatewaySettings
metadata: {name: main}
spec: {limits: {bodyBytes: 2048}, exposeGuardrails: all}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {k: hush, h: "hush too"}
"#;

fn reader(root: &Path) -> Reader {
    Reader::new(ReadOptions {
        manifests: root.to_owned(),
        secrets: None,
        policy_namespace: "base".into(),
    })
}

/// What is said about one file with this text, as lines.
fn said(text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), text).unwrap();
    let read = reader(dir.path()).read();
    read.remarks
        .iter()
        .map(|remark| remark.render(Path::new("m")))
        .collect()
}

#[test]
fn every_kind_is_read_and_converted() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("all.yaml"), ALL).unwrap();
    let read = reader(dir.path()).read();
    assert!(read.remarks.is_empty(), "{:?}", read.remarks);
    let Read {
        written, secrets, ..
    } = &read;

    let [group] = &written.integrations[..] else {
        panic!()
    };
    assert_eq!(
        group.source.to_string(),
        "all.yaml: GuardrailIntegration base/g"
    );
    assert_eq!(
        group.collaborators.as_deref().unwrap(),
        ["team:everyone", "user:a"]
    );
    let [guardrail] = &group.guardrails[..] else {
        panic!()
    };
    assert_eq!(
        (guardrail.name.as_str(), guardrail.kind.as_str()),
        ("secrets", "secretsDetection")
    );
    assert_eq!(guardrail.priority, Some(2));
    assert_eq!(guardrail.timeout.unwrap().as_secs(), 90);
    assert_eq!(
        guardrail.streaming,
        Some(parapet_policy::bundle::StreamMode::Windowed {
            size: 512,
            overlap: 256
        })
    );

    let [config] = &written.configs[..] else {
        panic!()
    };
    assert_eq!(&*config.source.namespace, "other");
    assert_eq!(config.rules[0].llm_input_guardrails, ["g/secrets"]);
    assert_eq!(config.replace, ["user:a"]);

    let [provider] = &written.providers[..] else {
        panic!()
    };
    let paths: Vec<&str> = provider.secret_refs.iter().map(|r| r.0.as_str()).collect();
    assert_eq!(
        paths,
        [
            "openai.apiKey.secretKeyRef",
            "openai.headers.B.secretKeyRef"
        ]
    );
    assert_eq!(provider.models.as_ref().unwrap()["a"], "b");
    assert_eq!(provider.models.as_ref().unwrap()["c"], "c");

    let id = SecretId {
        namespace: "base".into(),
        name: "s".into(),
        key: "k".into(),
    };
    assert_eq!(written.accounts[0].tokens, std::slice::from_ref(&id));
    assert_eq!(secrets.get(&id), Some("hush"));
    assert!(written.secrets.contains(&id));
    assert_eq!(written.identity_providers.len(), 1);
    assert_eq!(written.settings[0].spec["limits"]["bodyBytes"], 2048);
    assert!(!format!("{read:?}").contains("hush"));
}

#[test]
fn every_mistake_is_said_with_file_line_and_path() {
    let head = |kind: &str, rest: &str| {
        format!("apiVersion: parapet.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\n{rest}")
    };
    let rows = [
        ("a: [".to_owned(), "m/a.yaml:1:"),
        (
            "a: b".to_owned(),
            "m/a.yaml:1:1: error: this is no resource",
        ),
        (
            "kind: MCPServer\nmetadata: {name: x}\n".to_owned(),
            "m/a.yaml:1:1: error: this MCPServer has no apiVersion: write `apiVersion: parapet.dev/v1alpha1`",
        ),
        (
            "apiVersion: parapet.dev/v1alpha1\nspec: {}\n".to_owned(),
            "m/a.yaml:1:1: error: this is no resource: it has no kind",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\n".to_owned(),
            "m/a.yaml:1:1: warning: \"ConfigMap\" of \"v1\" is none of our kinds",
        ),
        (
            "apiVersion: parapet.dev/v1\nkind: GuardrailConfig\n".to_owned(),
            "error: GuardrailConfig is of apiVersion parapet.dev/v1alpha1",
        ),
        (
            "apiVersion: parapet.dev/v1alpha1\nkind: GuardrailsConfig\n".to_owned(),
            "did you mean \"GuardrailConfig\"?",
        ),
        (
            head("GuardrailConfig", "spce: {}"),
            "m/a.yaml:4:1: error: GuardrailConfig base/x: spce: there is no field \"spce\" here: did you mean \"spec\"?",
        ),
        (
            head(
                "GuardrailConfig",
                "spec:\n  rules:\n    - id: r\n      wehn: {}",
            ),
            "m/a.yaml:7:7: error: GuardrailConfig base/x: spec.rules[0].wehn: there is no field \"wehn\" here: did you mean \"when\"? [Invalid]",
        ),
        (
            head(
                "GuardrailConfig",
                "spec: {rules: [{id: r, when: {target: {operator: and}}}]}",
            ),
            "spec.rules[0].when.target.operator: there is no value \"and\" here: known are or",
        ),
        (
            head("GuardrailIntegration", "spec: {guardrails: [{name: a}]}"),
            "spec.guardrails[0]: give exactly one kind of guardrail, found none",
        ),
        (
            head(
                "GuardrailIntegration",
                "spec: {guardrails: [{name: a, regex: {}, sqlSanitizer: {}}]}",
            ),
            "found regex and sqlSanitizer",
        ),
        (
            head(
                "GuardrailIntegration",
                "spec: {guardrails: [{name: a, streaming: {size: 512}, sqlSanitizer: {}}]}",
            ),
            "only for mode: windowed",
        ),
        (
            head(
                "GuardrailIntegration",
                "spec: {guardrails: [{name: a, secretDetection: {}}]}",
            ),
            "did you mean \"secretsDetection\"?",
        ),
        (
            head(
                "GuardrailIntegration",
                "spec: {guardrails: [{name: a, timeout: 5, custom: {}}]}",
            ),
            "spec.guardrails[0].timeout: this is a number: write a text",
        ),
        (
            head(
                "GuardrailIntegration",
                "spec: {guardrails: [{name: a, timeout: 5 s, custom: {}}]}",
            ),
            "this does not have the form 5s, 500ms or 1m30s",
        ),
        (
            head("ModelProvider", "spec: {}"),
            "spec: give exactly one provider: anthropic, demo, openai",
        ),
        (
            head("ModelProvider", "spec: {openai: {apiKey: sk-hush}}"),
            "spec.openai.apiKey: this is a text: write a mapping",
        ),
        (
            head("ModelProvider", "spec: {openai: {headers: {A: [hush]}}}"),
            "error: ModelProvider base/x: spec: ",
        ),
        (
            head("ModelProvider", "spec: {collaborators: , demo: }"),
            "spec.collaborators: nothing is written here",
        ),
        (
            head("VirtualAccount", "spec: {tokens: []}"),
            "spec.tokens: 0 items",
        ),
        (
            head(
                "IdentityProvider",
                "spec: {issuer: i, audiences: [a], jwks: {}}",
            ),
            "spec.jwks: give exactly one place",
        ),
        (
            head("GatewaySettings", "spec: {limits: {bodyBytes: 1}}"),
            "spec.limits.bodyBytes: 1 is too small: at least 1024",
        ),
        (head("GatewaySettings", ""), "the field \"spec\" is missing"),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: A_b}\ndata: {a: hush!}".to_owned(),
            "metadata.name: \"A_b\" is no name",
        ),
    ];
    for (text, wanted) in rows {
        let said = said(&text);
        assert!(
            said.iter().any(|line| line.contains(wanted)),
            "{text}\n{said:#?}\nwanted {wanted}"
        );
        assert!(!said.iter().any(|line| line.contains("hush")), "{said:#?}");
    }
}

#[test]
fn lists_are_opened_and_a_second_declaration_is_refused() {
    let item = "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {k: a}}";
    let lines = said(&format!(
        "apiVersion: v1\nkind: List\nitems:\n  - {item}\n  - {item}\n"
    ));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("m/a.yaml:5:5: error: Secret base/s: this Secret is declared before, in a.yaml [Conflicted]"), "{lines:?}");
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), ALL).unwrap();
    fs::write(
        dir.path().join("b.yaml"),
        ALL.replace("{name: ", "{name: b"),
    )
    .unwrap();
    let mut reader = reader(dir.path());
    let first = reader.read();
    fs::write(
        dir.path().join("b.yaml"),
        ALL.replace("{name: ", "{name: c"),
    )
    .unwrap();
    let second = reader.read();
    assert!(std::sync::Arc::ptr_eq(&first.files[0], &second.files[0]));
    assert!(!std::sync::Arc::ptr_eq(&first.files[1], &second.files[1]));
    fs::remove_file(dir.path().join("b.yaml")).unwrap();
    assert_eq!(reader.read().written.configs.len(), 1);
}

#[test]
fn a_compiler_s_diagnostic_gets_its_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), ALL).unwrap();
    let read = reader(dir.path()).read();
    let diagnostic = |path: &str| Diagnostic {
        source: Source {
            kind: "GuardrailConfig".into(),
            namespace: "other".into(),
            name: "c".into(),
            file: Some("a.yaml".into()),
        },
        path: path.to_owned(),
        severity: Severity::Error,
        reason: Reason::UnknownSelector,
        message: String::new(),
    };
    let line = |path: &str| read.locate(diagnostic(path)).position.map(|p| p.line);
    assert_eq!(line("spec.rules[0].llm_input_guardrails[0]"), Some(24));
    assert_eq!(line("spec.rules[7]"), Some(21));
    assert_eq!(line(""), Some(17));
    let mut unknown = diagnostic("");
    unknown.source.name = "nobody".into();
    assert_eq!(read.locate(unknown).position, None);
}

#[test]
fn json_files_and_mounted_secrets_are_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("m")).unwrap();
    fs::create_dir_all(dir.path().join("s/demo")).unwrap();
    fs::write(dir.path().join("s/demo/k"), "from the folder\n").unwrap();
    let secret = r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "demo"}, "stringData": {"k": "x", "l": "y"}}"#;
    fs::write(dir.path().join("m/a.json"), secret).unwrap();
    let mut reader = Reader::new(ReadOptions {
        manifests: dir.path().join("m"),
        secrets: Some(dir.path().join("s")),
        policy_namespace: "base".into(),
    });
    let read = reader.read();
    assert!(read.remarks.is_empty(), "{:?}", read.remarks);
    let value = |key: &str| {
        let id = SecretId {
            namespace: "base".into(),
            name: "demo".into(),
            key: key.into(),
        };
        read.secrets.get(&id).map(str::to_owned)
    };
    assert_eq!(value("k").as_deref(), Some("from the folder"));
    assert_eq!(value("l").as_deref(), Some("y"));
}
