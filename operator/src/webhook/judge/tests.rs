use serde_json::{Value, json};

use super::*;

fn object(kind: &str, namespace: &str, name: &str, created: &str, spec: &Value) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": parapet_crds::API_VERSION, "kind": kind,
        "metadata": {
            "name": name, "namespace": namespace, "uid": format!("{namespace}/{name}"), "generation": 1,
            "creationTimestamp": format!("2026-01-01T00:00:{created}Z"),
        },
        "spec": spec,
    }))
    .unwrap()
}

/// The policy namespace is `parapet`; it has a group, a provider, settings and a Secret.
fn there() -> Vec<(Arc<str>, Arc<DynamicObject>)> {
    [
        ("GuardrailIntegration", "g", group(&["("])),
        ("GuardrailIntegration", "good", group(&["x"])),
        (
            "ModelProvider",
            "openai",
            json!({"demo": {}, "models": [{"name": "m"}]}),
        ),
        ("GatewaySettings", "settings", json!({})),
    ]
    .into_iter()
    .map(|(kind, name, spec)| {
        let object = object(kind, "parapet", name, "00", &spec);
        (Arc::from(kind), Arc::new(object))
    })
    .collect()
}

fn group(patterns: &[&str]) -> Value {
    let patterns: Vec<Value> = patterns.iter().map(|one| json!({"pattern": one})).collect();
    json!({"guardrails": [{"name": "x", "regex": {"customPatterns": patterns}}]})
}

fn rule(rule: &Value) -> Value {
    let mut written = json!({"id": "r", "llm_input_guardrails": ["good/x"]});
    for (name, value) in rule.as_object().unwrap() {
        written[name] = value.clone();
    }
    json!({"rules": [written]})
}

fn judge(
    missing: Missing,
    kind: &'static str,
    namespace: &str,
    before: Option<Value>,
    now: &Value,
) -> Answer {
    let mut judge = Judge::new("parapet".into(), missing);
    let all = there();
    let seen = || all.iter().map(|(kind, seen)| (kind, Arc::clone(seen)));
    judge.warm(seen());
    let name = "it";
    let forms = Forms {
        kind,
        namespace: namespace.to_owned(),
        now: object(kind, namespace, name, "10", now),
        before: before.map(|before| object(kind, namespace, name, "10", &before)),
    };
    let labelled = BTreeMap::from([(("parapet".into(), "known".into()), "1".to_owned())]);
    judge.judge(
        &forms,
        Surroundings {
            seen: seen(),
            labelled: &labelled,
        },
    )
}

fn create(kind: &'static str, namespace: &str, now: &Value) -> Answer {
    judge(Missing::Warn, kind, namespace, None, now)
}

#[track_caller]
fn refused(answer: &Answer, reason: &str, sentence: &str) {
    match answer {
        Answer::Refused { message, reasons } => {
            assert_eq!(reasons, &[reason], "{message}");
            assert!(message.contains(sentence), "{message}");
        }
        Answer::Allowed(_) | Answer::Unjudged(_) => panic!("{answer:?}"),
    }
}

#[track_caller]
fn warned(answer: &Answer, sentence: &str) {
    match answer {
        Answer::Allowed(warnings) => {
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains(sentence), "{warnings:?}");
        }
        Answer::Refused { .. } | Answer::Unjudged(_) => panic!("{answer:?}"),
    }
}

fn provider(key: &str) -> Value {
    json!({"openai": {"baseUrl": "https://a", "apiKey": {"secretKeyRef": {"name": key, "key": "k"}}}})
}

#[test]
fn what_would_not_be_accepted_is_refused_with_where_and_what() {
    let rows = [
        (
            "GuardrailIntegration",
            "parapet",
            group(&["fine", "("]),
            "NotBuildable",
            "spec.guardrails[0].regex.customPatterns[1].pattern: ",
        ),
        (
            "GuardrailIntegration",
            "team",
            json!({"guardrails": [{"name": "x", "operation": "mutate", "requestMetadata": {"keys": {"a": {}}}}]}),
            "UnsupportedValue",
            "spec.guardrails[0].",
        ),
        (
            "GuardrailConfig",
            "team",
            json!({"rules": [{"id": "r", "llm_input_guardrails": ["good"]}]}),
            "Invalid",
            "spec.rules[0].llm_input_guardrails[0]: ",
        ),
        (
            "GuardrailConfig",
            "team",
            rule(&json!({"mandatory": true})),
            "WrongNamespace",
            "mandatory counts only in the policy namespace parapet",
        ),
        (
            "GatewaySettings",
            "team",
            json!({}),
            "WrongNamespace",
            "metadata.namespace: ",
        ),
        (
            "GatewaySettings",
            "parapet",
            json!({}),
            "Conflicted",
            "an installation has one GatewaySettings",
        ),
        (
            "VirtualAccount",
            "parapet",
            json!({"tokens": [{"secretKeyRef": {"name": "known", "key": "k"}}], "expiresAt": "2026-13-01T00:00:00Z"}),
            "Invalid",
            "spec.expiresAt: ",
        ),
    ];
    for (kind, namespace, spec, reason, sentence) in rows {
        refused(&create(kind, namespace, &spec), reason, sentence);
    }
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let mut judge = Judge::new("parapet".into(), Missing::Warn);
    let all = there();
    let spec = json!({"demo": {}});
    let mut ask = |created| {
        let forms = Forms {
            kind: "ModelProvider",
            namespace: "team".to_owned(),
            now: object("ModelProvider", "team", "openai", created, &spec),
            before: None,
        };
        let seen = all.iter().map(|(kind, seen)| (kind, Arc::clone(seen)));
        judge.judge(
            &forms,
            Surroundings {
                seen,
                labelled: &BTreeMap::new(),
            },
        )
    };
    refused(
        &ask("10"),
        "Conflicted",
        "the name \"openai\" is held by ModelProvider parapet/openai, which is older",
    );
}

#[test]
fn what_is_good_passes_without_a_word() {
    for (kind, spec) in [
        ("GuardrailIntegration", group(&["a+"])),
        ("GuardrailConfig", rule(&json!({}))),
        ("ModelProvider", provider("known")),
    ] {
        assert_eq!(create(kind, "parapet", &spec), Answer::Allowed(Vec::new()));
    }
}

#[test]
fn what_is_not_there_is_a_warning_or_refused_when_that_is_wanted() {
    let rows = [
        (
            "GuardrailConfig",
            rule(&json!({"llm_input_guardrails": ["good/y"]})),
            "IntegrationNotFound",
            "spec.rules[0].llm_input_guardrails[0]: there is no guardrail good/y in namespace parapet",
        ),
        (
            "ModelProvider",
            provider("unknown"),
            "SecretNotFound",
            "kubectl label secret unknown -n parapet parapet.dev/credentials=true",
        ),
    ];
    for (kind, spec, reason, sentence) in rows {
        warned(&create(kind, "parapet", &spec), sentence);
        let strict = judge(Missing::Refuse, kind, "parapet", None, &spec);
        let path = sentence.split(": ").next().unwrap();
        let sentence = if path.starts_with("spec") {
            sentence
        } else {
            "there is no Secret \"unknown\""
        };
        refused(&strict, reason, sentence);
    }
    // A doubt is a warning in any case.
    let doubtful = rule(
        &json!({"when": {"subjects": {"operator": "and", "conditions": {"in": ["user:ana"]}}}}),
    );
    warned(
        &create("GuardrailConfig", "parapet", &doubtful),
        "the rule never matches",
    );
}

#[test]
fn what_was_bad_may_stay_so_and_may_not_become_worse() {
    let edit = |before: &[&str], now: &[&str]| {
        judge(
            Missing::Warn,
            "GuardrailIntegration",
            "parapet",
            Some(group(before)),
            &group(now),
        )
    };
    // One of two mistakes is repaired, and the other has moved.
    warned(&edit(&["(", "["], &["["]), "customPatterns[0].pattern: ");
    // Something else is edited.
    warned(&edit(&["("], &["(", "fine"]), "customPatterns[0].pattern: ");
    refused(
        &edit(&["("], &["["]),
        "NotBuildable",
        "customPatterns[0].pattern: ",
    );
    refused(
        &edit(&["("], &["(", "("]),
        "NotBuildable",
        "customPatterns[1].pattern: ",
    );
    refused(
        &edit(&["fine"], &["("]),
        "NotBuildable",
        "customPatterns[0].pattern: ",
    );
    assert_eq!(edit(&["("], &["fine"]), Answer::Allowed(Vec::new()));
}

#[test]
fn answers_are_bounded() {
    let patterns = vec!["("; 30];
    match create("GuardrailIntegration", "parapet", &group(&patterns)) {
        Answer::Refused { message, .. } => {
            assert!(message.ends_with("; and 22 more"), "{message}");
            assert!(message.len() < 5_000, "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(cut("ä".repeat(400)).len(), MAX_SENTENCE + "...".len());
}
