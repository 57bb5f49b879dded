//! Segments that guardrails say they read alike give the same findings.

use std::sync::Arc;

use parapet_policy::outcome::Operation;
use serde_json::json;

use super::{REHEARSAL, Scanner, plain_segment};
use crate::finding::Hit;
use crate::guardrail::{BuildContext, Guardrail, TextGuardrail};
use crate::kinds;
use crate::segment::{Form, Segment};

const FORMS: [Form; 6] = [
    Form::Text,
    Form::JsonLeaf,
    Form::JsonKey,
    Form::JsonNumber,
    Form::JsonRaw,
    Form::Name,
];

const KEYS: [Option<&str>; 7] = [
    None,
    Some("found"),
    Some("query"),
    Some("password"),
    Some("ssn"),
    Some("card number"),
    Some("passport"),
];

/// What some of the guardrails find below some of the keys, or only in some forms.
const TEXTS: [&str; 6] = [
    REHEARSAL,
    "correct-horse-9-battery",
    "536221234",
    "4111 1111 1111 1111",
    "C01X00T47",
    "DROP TABLE users; -- eval(input())",
];

fn guardrails() -> Vec<Arc<dyn TextGuardrail>> {
    let presets = ["us_ssn", "email", "us_phone", "credit_card"];
    let specs = [
        ("secretsDetection", json!({})),
        ("regex", json!({"presetPatterns": {"presets": presets}})),
        (
            "regex",
            json!({"presetPatterns": {"presets": ["passport", "url"]}}),
        ),
        (
            "regex",
            json!({"customPatterns": [{"name": "n", "pattern": "[0-9]{4}"}]}),
        ),
        ("sqlSanitizer", json!({})),
        ("codeSafetyLinter", json!({})),
    ];
    let build = |(kind, config): (&str, serde_json::Value)| {
        let context = BuildContext::without_secrets(Operation::Validate);
        match kinds::build(kind, &config, &context).unwrap().guardrail {
            Guardrail::Text(text) => text,
            other => panic!("{other:?}"),
        }
    };
    specs.into_iter().map(build).collect()
}

fn hits(guardrail: &dyn TextGuardrail, text: &str, segment: &Segment) -> Vec<Hit> {
    let mut hits = [Vec::new()];
    Scanner::of(&[guardrail]).scan(text, segment, &[guardrail], &mut hits);
    let [hits] = hits;
    hits
}

#[test]
fn what_is_read_alike_gives_the_same() {
    let segment = |form, key: Option<&str>| Segment {
        form,
        key: key.map(Into::into),
        ..plain_segment()
    };
    let segments: Vec<Segment> = FORMS
        .into_iter()
        .flat_map(|form| KEYS.map(|key| segment(form, key)))
        .collect();
    let (mut alike, mut different) = (0, 0);
    for guardrail in guardrails() {
        let of = |segment| TEXTS.map(|text| hits(&*guardrail, text, segment));
        let found_all: Vec<[Vec<Hit>; TEXTS.len()]> = segments.iter().map(of).collect();
        for (one, found) in segments.iter().zip(&found_all) {
            for (other, there) in segments.iter().zip(&found_all) {
                let is_alike = guardrail.reads_alike(one, other);
                let (one, other) = ((one.form, &one.key), (other.form, &other.key));
                assert!(!is_alike || found == there, "{one:?} and {other:?}");
                alike += usize::from(is_alike);
                different += usize::from(found != there);
            }
        }
    }
    // What is repeated by servers with structured content, and what must not be mixed up.
    assert!(alike > segments.len() && different > segments.len());
    let text = segment(Form::Text, None);
    let leaf = segment(Form::JsonLeaf, Some("found"));
    let guardrails = guardrails();
    let four = guardrails.iter().enumerate().filter(|(at, _)| *at != 2);
    assert!(
        four.into_iter()
            .all(|(_, one)| one.reads_alike(&text, &leaf))
    );
}
