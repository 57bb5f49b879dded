use std::fs;
use std::path::Path;

use parapet_crds::read::ReadOptions;
use parapet_policy::diagnostic::Severity;
use tempfile::TempDir;

use super::{Loaded, Outcome, Source};

const GUARDRAILS: &str = "
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: a, requestMetadata: {keys: {team: {}}}}
    - {name: b, requestMetadata: {keys: {user: {}}}}
";

const RULES: &str = "
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: c}
spec:
  rules:
    - {id: r, llm_input_guardrails: [g/a, g/b]}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: demo}
spec: {demo: {}}
";

fn source() -> (TempDir, Source) {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, "g.yaml", GUARDRAILS);
    write(&dir, "r.yaml", RULES);
    let options = ReadOptions {
        manifests: dir.path().to_owned(),
        secrets: None,
        policy_namespace: "default".into(),
    };
    (dir, Source::new(options))
}

fn write(dir: &TempDir, name: &str, text: &str) {
    fs::write(dir.path().join(name), text).unwrap();
}

fn lines(loaded: &Loaded) -> Vec<String> {
    loaded
        .remarks
        .iter()
        .map(|remark| remark.render(Path::new("")))
        .collect()
}

/// The generation that was put in force, if one was.
fn generation(loaded: &Loaded) -> Option<u64> {
    match &loaded.outcome {
        Outcome::New(snapshot) => Some(snapshot.revision.generation),
        Outcome::Unchanged | Outcome::Rejected => None,
    }
}

#[test]
fn files_become_one_revision_after_the_other() {
    let (dir, mut source) = source();
    let first = source.load(Severity::Info);
    assert_eq!(generation(&first), Some(1), "{:?}", lines(&first));
    let Outcome::New(snapshot) = &first.outcome else {
        panic!()
    };
    let selectors: Vec<&str> = snapshot.guardrails.iter().map(|g| &*g.selector).collect();
    assert_eq!(selectors, ["g/a", "g/b"]);
    assert!(snapshot.guardrails.iter().all(|g| g.built.is_some()));

    assert!(matches!(
        source.load(Severity::Info).outcome,
        Outcome::Unchanged
    ));
    write(&dir, "r.yaml", &RULES.replace("[g/a, g/b]", "[g/a]"));
    assert_eq!(generation(&source.load(Severity::Info)), Some(2));
}

#[test]
fn an_edit_builds_only_what_changed() {
    let (dir, mut source) = source();
    source.load(Severity::Info);
    assert_eq!(source.builds(), 2);
    write(&dir, "r.yaml", &RULES.replace("id: r", "id: other"));
    source.load(Severity::Info);
    assert_eq!(source.builds(), 2);
    write(&dir, "g.yaml", &GUARDRAILS.replace("user: {}", "owner: {}"));
    assert_eq!(generation(&source.load(Severity::Info)), Some(3));
    assert_eq!(source.builds(), 3);
}

#[test]
fn errors_leave_the_generation_alone_and_name_every_place() {
    let (dir, mut source) = source();
    source.load(Severity::Info);
    write(&dir, "r.yaml", &RULES.replace("g/b", "g/nobody"));
    let rejected = source.load(Severity::Info);
    assert!(matches!(rejected.outcome, Outcome::Rejected));
    let said = lines(&rejected);
    assert!(
        said.iter()
            .any(|line| line.starts_with("r.yaml:7:") && line.contains("[UnknownSelector]")),
        "{said:?}"
    );
    write(&dir, "r.yaml", RULES);
    assert!(matches!(
        source.load(Severity::Info).outcome,
        Outcome::Unchanged
    ));
}

#[test]
fn what_follows_from_an_unreadable_document_is_not_said() {
    let (dir, mut source) = source();
    write(
        &dir,
        "g.yaml",
        &GUARDRAILS.replace("guardrails:", "guardrials:"),
    );
    let said = lines(&source.load(Severity::Info));
    assert!(
        said.iter()
            .any(|line| line.contains("did you mean \"guardrails\"?")),
        "{said:?}"
    );
    assert!(
        !said.iter().any(|line| line.contains("UnknownSelector")),
        "{said:?}"
    );

    write(
        &dir,
        "g.yaml",
        &GUARDRAILS.replace("requestMetadata: {keys: {user: {}}}", "priority: 1"),
    );
    let said = lines(&source.load(Severity::Info));
    let of_b: Vec<&String> = said
        .iter()
        .filter(|line| line.contains("spec.guardrails[1]"))
        .collect();
    assert_eq!(of_b.len(), 1, "{said:?}");
}

#[test]
fn a_secret_s_new_value_is_a_new_revision() {
    let (dir, mut source) = source();
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {k: one}}";
    write(&dir, "s.yaml", secret);
    assert_eq!(generation(&source.load(Severity::Info)), Some(1));
    write(&dir, "s.yaml", &secret.replace("one", "two"));
    assert_eq!(generation(&source.load(Severity::Info)), Some(2));
}

#[test]
fn what_cannot_be_called_or_used_is_said_with_its_place() {
    let (dir, mut source) = source();
    let text = "
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: main}
spec:
  openai:
    baseUrl: http://
---
apiVersion: parapet.dev/v1alpha1
kind: GatewaySettings
metadata: {name: main}
spec:
  egress:
    deny: [everything]
";
    write(&dir, "s.yaml", text);
    let said = lines(&source.load(Severity::Info));
    let has = |place: &str, word: &str| {
        said.iter()
            .any(|line| line.starts_with(place) && line.contains(word))
    };
    assert!(has("s.yaml:6:", "baseUrl"), "{said:?}");
    assert!(has("s.yaml:14:", "everything"), "{said:?}");
}

#[test]
fn the_examples_are_without_fault() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for (folder, policy_namespace) in [("standalone", "default"), ("kubernetes", "parapet")] {
        let options = ReadOptions {
            manifests: examples.join(folder),
            secrets: None,
            policy_namespace: policy_namespace.into(),
        };
        let loaded = Source::new(options).load(Severity::Info);
        let faults = loaded
            .remarks
            .iter()
            .filter(|remark| remark.diagnostic.severity != Severity::Info);
        let faults: Vec<String> = faults
            .map(|remark| remark.render(Path::new(folder)))
            .collect();
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(generation(&loaded), Some(1));
    }
}
