//! What is said about guardrails.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bundle::{StreamMode, ValidatorInput};
use crate::compile::{KindReport, Kinds, Problem, WrittenGuardrail, compile};
use crate::diagnostic::{Reason, Severity};
use crate::hook::Hook;
use crate::outcome::{Operation, Strategy};
use crate::testing::{FakeKinds, guardrail, mutator, rule, secret, written};

use super::{assert_remarks, in_a_line};

#[test]
fn each_guardrail_is_checked() {
    let plain = || guardrail("a", "text");
    let slow = || guardrail("a", "service");
    let broken = |guardrail| WrittenGuardrail {
        config: json!({"broken": true}),
        ..guardrail
    };
    let windowed = |size, overlap| WrittenGuardrail {
        streaming: Some(StreamMode::Windowed { size, overlap }),
        ..slow()
    };
    for (what, of, expected) in [
        ("nothing wrong", plain(), &[][..]),
        (
            "a name that is no part of a selector",
            guardrail("a/b", "text"),
            &["Error spec.guardrails[0].name Invalid: \"a/b\" cannot be part of a selector: ..."],
        ),
        (
            "no name",
            guardrail("", "text"),
            &["Error spec.guardrails[0].name Invalid: ..."],
        ),
        (
            "does not build",
            broken(plain()),
            &["Error spec.guardrails[0].text.pattern NotBuildable: cannot be read"],
        ),
        (
            "no kind, which the reader has said",
            broken(guardrail("a", "")),
            &[],
        ),
        (
            "cannot rewrite",
            WrittenGuardrail {
                operation: Operation::Mutate,
                ..slow()
            },
            &[
                "Error spec.guardrails[0].operation CannotMutate: service cannot rewrite: write operation: validate",
            ],
        ),
        (
            "whether it could rewrite is not known",
            broken(WrittenGuardrail {
                operation: Operation::Mutate,
                ..slow()
            }),
            &["Error spec.guardrails[0].service.pattern NotBuildable: ..."],
        ),
        (
            "a priority without mutate",
            WrittenGuardrail {
                priority: Some(1),
                ..plain()
            },
            &["Error spec.guardrails[0].priority Invalid: only mutators have an order: ..."],
        ),
        ("a priority", mutator("a", Some(1)), &[]),
        (
            "what a mutator sees",
            WrittenGuardrail {
                input: ValidatorInput::Mutated,
                ..mutator("a", None)
            },
            &["Warning spec.guardrails[0].input Suspicious: ..."],
        ),
        (
            "a timeout without calls",
            WrittenGuardrail {
                timeout: Some(Duration::from_secs(1)),
                ..plain()
            },
            &["Warning spec.guardrails[0].timeout Suspicious: ..."],
        ),
        (
            "a timeout",
            WrittenGuardrail {
                timeout: Some(Duration::from_secs(1)),
                ..slow()
            },
            &[],
        ),
        (
            "no time",
            WrittenGuardrail {
                timeout: Some(Duration::ZERO),
                ..slow()
            },
            &["Error spec.guardrails[0].timeout Invalid: ... such as 5s"],
        ),
        (
            "a stream mode without need",
            WrittenGuardrail {
                streaming: Some(StreamMode::Buffered),
                ..plain()
            },
            &["Warning spec.guardrails[0].streaming Suspicious: ..."],
        ),
        ("windows", windowed(100, 99), &[]),
        (
            "windows without new text",
            windowed(100, 100),
            &[
                "Error spec.guardrails[0].streaming.overlap Invalid: a window of 100 bytes with an overlap of 100 ...",
            ],
        ),
        (
            "a Secret that does not exist",
            WrittenGuardrail {
                secret_refs: vec![("token".to_owned(), secret("bott", "token"))],
                ..slow()
            },
            &[
                "Error spec.guardrails[0].service.token UnknownSecret: there is no Secret \"bott\" in namespace parapet: \
               did you mean \"bot\"?",
            ],
        ),
        (
            "a key that does not exist",
            WrittenGuardrail {
                secret_refs: vec![("headers[1].value".to_owned(), secret("bot", "key"))],
                ..slow()
            },
            &[
                "Error spec.guardrails[0].service.headers[1].value UnknownSecret: ... has no key \"key\": it has token",
            ],
        ),
    ] {
        assert_remarks(&written(vec![of], vec![]), expected, what);
    }
}

#[test]
fn integrations_are_checked() {
    let mut empty = written(vec![], vec![]);
    empty.integrations[0].collaborators = Some(vec!["everyone".to_owned()]);
    assert_remarks(
        &empty,
        &[
            "Error spec.collaborators[0].subject Invalid: \"everyone\" is not a subject: ...",
            "Warning spec.guardrails Suspicious: it has no guardrails: ...",
        ],
        "nothing in it",
    );
    let twice = written(
        vec![
            guardrail("a", "text"),
            guardrail("b", "text"),
            guardrail("a", "service"),
        ],
        vec![],
    );
    assert_remarks(
        &twice,
        &[
            "Error spec.guardrails[2].name Conflicted: the name \"a\" is held by spec.guardrails[0]: ...",
        ],
        "one name twice",
    );
    let bundle = compile(&twice, &FakeKinds).bundle;
    let kinds: Vec<_> = bundle
        .guardrails
        .iter()
        .map(|entry| (&*entry.selector, &*entry.kind))
        .collect();
    assert_eq!(kinds, [("g/a", "text"), ("g/b", "text")]);
}

#[test]
fn what_does_not_build_stays_and_can_be_put_anywhere() {
    let broken = WrittenGuardrail {
        config: json!({"broken": true}),
        ..guardrail("a", "context")
    };
    let compiled = compile(
        &written(
            vec![broken],
            vec![rule("r", json!({"llm_output_guardrails": ["g/a"]}))],
        ),
        &FakeKinds,
    );
    assert!(compiled.has_errors());
    assert_eq!(compiled.bundle.guardrails[0].hooks, Hook::ALL);
    assert_eq!(compiled.bundle.rules[0].guardrails.llm_output, [0]);
}

/// A kind that knows which of its patterns has no bound.
struct Exact;

impl Kinds for Exact {
    fn check(&self, _: &str, config: &Value, operation: Operation) -> KindReport {
        let problem = Problem {
            path: "customPatterns[1].pattern".into(),
            severity: Severity::Warning,
            reason: Reason::Unbounded,
            message: "bound it".into(),
        };
        KindReport {
            problems: vec![problem],
            ..FakeKinds.check("endless", config, operation)
        }
    }
}

#[test]
fn streams() {
    let on_output = || rule("r", json!({"llm_output_guardrails": ["g/a"]}));
    let on_input = || rule("r", json!({"llm_input_guardrails": ["g/a"]}));
    let with = |strategy| {
        let mut rule = on_output();
        rule.enforcing_strategy = Some(strategy);
        rule
    };
    let audited = |guardrail| WrittenGuardrail {
        strategy: Some(Strategy::Audit),
        ..guardrail
    };
    let slow = |streaming| WrittenGuardrail {
        streaming,
        ..guardrail("a", "service")
    };
    let bound = &[
        "Info spec.guardrails[0].text HoldBack: g/a holds a stream back by at most 1024 bytes",
    ][..];
    let whole = &[
        "Info spec.guardrails[0].streaming HoldBack: g/a holds back the whole of every stream ...",
    ][..];
    let unguarded =
        &["Error spec.guardrails[0].streaming Invalid: g/a is enforced on output, and observe ..."]
            [..];
    let window = Some(StreamMode::Windowed {
        size: 4096,
        overlap: 256,
    });
    for (what, guardrail, rules, expected) in [
        ("bounded", guardrail("a", "text"), vec![on_output()], bound),
        (
            "on input only",
            guardrail("a", "text"),
            vec![on_input()],
            &[],
        ),
        ("nowhere", guardrail("a", "text"), vec![], &[]),
        (
            "under audit",
            audited(guardrail("a", "text")),
            vec![on_output()],
            &[],
        ),
        (
            "audited by the rule",
            guardrail("a", "text"),
            vec![with(Strategy::Audit)],
            &[],
        ),
        (
            "enforced by the rule",
            audited(guardrail("a", "text")),
            vec![with(Strategy::Enforce)],
            bound,
        ),
        (
            "endless",
            guardrail("a", "endless"),
            vec![on_output()],
            &[
                "Warning spec.guardrails[0].endless Unbounded: a pattern of g/a can match text of any length, ... write {1,64} ...",
            ],
        ),
        (
            "endless on input",
            guardrail("a", "endless"),
            vec![on_input()],
            &[],
        ),
        ("buffered by default", slow(None), vec![on_output()], whole),
        (
            "buffered",
            slow(Some(StreamMode::Buffered)),
            vec![on_output()],
            whole,
        ),
        (
            "windowed",
            slow(window),
            vec![on_output()],
            &[
                "Info spec.guardrails[0].streaming HoldBack: g/a holds a stream back in windows of 4096 bytes",
            ],
        ),
        (
            "observed and enforced",
            slow(Some(StreamMode::Observe)),
            vec![on_output()],
            unguarded,
        ),
        (
            "observed under audit",
            audited(slow(Some(StreamMode::Observe))),
            vec![on_output()],
            &[],
        ),
        (
            "observed on input",
            slow(Some(StreamMode::Observe)),
            vec![on_input()],
            &[],
        ),
    ] {
        let compiled = compile(&written(vec![guardrail], rules), &FakeKinds);
        let said: Vec<_> = compiled.diagnostics.iter().map(in_a_line).collect();
        let as_expected = said.len() == expected.len()
            && said
                .iter()
                .zip(expected)
                .all(|(said, expected)| crate::glob::matches(&expected.replace("...", "*"), said));
        assert!(as_expected, "{what}: {said:?}");
    }
    let compiled = compile(
        &written(vec![guardrail("a", "regex")], vec![on_output()]),
        &Exact,
    );
    let said: Vec<_> = compiled.diagnostics.iter().map(in_a_line).collect();
    assert_eq!(
        said,
        ["Warning spec.guardrails[0].regex.customPatterns[1].pattern Unbounded: bound it"]
    );
    let compiled = compile(
        &written(vec![guardrail("a", "regex")], vec![on_input()]),
        &Exact,
    );
    assert_eq!(compiled.diagnostics, []);
}
