use std::collections::BTreeMap;

use parapet_policy::facts::{Caller, Subject};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::Operation;
use serde_json::{Value, json};

use super::RequestMetadata;
use crate::exchange::Call;
use crate::guardrail::{BuildContext, Built, ContextViolation, Guardrail};
use crate::kinds::Kind;

fn build(config: &Value) -> Result<Built, Vec<String>> {
    let config: RequestMetadata = serde_json::from_value(config.clone()).unwrap();
    config
        .build(&BuildContext::without_secrets(Operation::Validate))
        .map_err(|problems| problems.into_iter().map(|p| p.path).collect())
}

fn judge(config: &Value, hook: Hook, metadata: &Value) -> Result<(), ContextViolation> {
    let metadata: BTreeMap<String, String> = serde_json::from_value(metadata.clone()).unwrap();
    let call = Call {
        hook,
        caller: Caller {
            subject: Subject::User("ada".into()),
            teams: vec![],
            roles: vec![],
        },
        metadata,
        models: ["demo/echo".into()].into(),
        mcp: None,
        request_id: "r".into(),
    };
    match build(config).unwrap().guardrail {
        Guardrail::Context(guardrail) => guardrail.judge(&call),
        other => panic!("not a context guardrail: {other:?}"),
    }
}

fn published() -> Value {
    json!({"keys": {
        "team": {},
        "env": {"value": {"constraint": "allowed_values", "allowedValues": ["dev", "staging", "prod"]}},
        "ticket": {"required": false, "value": {"constraint": "regex", "regex": "^[A-Z]+-[0-9]+$"}},
    }})
}

#[test]
fn judges_the_published_example() {
    let rows: [(Value, &[&str]); 9] = [
        (json!({"team": "a", "env": "dev"}), &[]),
        (json!({"team": "a", "env": "dev", "ticket": "OPS-12"}), &[]),
        (json!({"team": "a", "env": "dev", "other": "x"}), &[]),
        (json!({"team": "", "env": "prod"}), &[]),
        (json!({"env": "dev"}), &["missing_key"]),
        (json!({"team": "a", "env": "Dev"}), &["value_not_allowed"]),
        (
            json!({"team": "a", "env": "dev", "ticket": "ops-12"}),
            &["value_not_allowed"],
        ),
        (
            json!({"team": "a", "env": "dev", "ticket": "x OPS-12"}),
            &["value_not_allowed"],
        ),
        (json!({"env": "qa"}), &["missing_key", "value_not_allowed"]),
    ];
    for (metadata, categories) in rows {
        let found = judge(&published(), Hook::LlmInput, &metadata);
        let found = found.err().map(|v| v.categories).unwrap_or_default();
        assert_eq!(found, categories, "{metadata}");
    }
}

#[test]
fn refuses_unknown_keys_when_asked_to() {
    let config = json!({"allowUnknownKeys": false, "keys": {"team": {"required": false}}});
    assert_eq!(
        judge(&config, Hook::LlmInput, &json!({"team": "a"})),
        Ok(())
    );
    let violation = judge(&config, Hook::LlmInput, &json!({"tea": "a"})).unwrap_err();
    assert_eq!(violation.categories, ["unknown_key"]);
    assert_eq!(violation.explanation, r#"metadata may not have "tea""#);

    let many: BTreeMap<String, String> =
        (0..20).map(|i| (format!("k{i:02}"), "v".into())).collect();
    let violation = judge(&config, Hook::LlmInput, &json!(many)).unwrap_err();
    assert!(
        violation.explanation.ends_with(r#""k07" and 12 more"#),
        "{}",
        violation.explanation
    );
}

#[test]
fn an_explanation_names_keys_and_no_value() {
    let metadata = json!({"env": "s3cret-value", "ticket": "other-s3cret"});
    let violation = judge(&published(), Hook::LlmInput, &metadata).unwrap_err();
    assert_eq!(
        violation.explanation,
        r#"metadata lacks "team"; metadata has a value that is not allowed for "env", "ticket""#
    );
}

#[test]
fn passes_at_other_hooks() {
    for hook in Hook::ALL.into_iter().filter(|hook| *hook != Hook::LlmInput) {
        assert_eq!(judge(&published(), hook, &json!({})), Ok(()), "{hook:?}");
    }
}

#[test]
fn says_where_a_configuration_is_wrong() {
    let rows = [
        (
            json!({"constraint": "allowed_values"}),
            "keys.env.value.allowedValues",
        ),
        (
            json!({"constraint": "allowed_values", "allowedValues": []}),
            "keys.env.value.allowedValues",
        ),
        (json!({"constraint": "regex"}), "keys.env.value.regex"),
        (
            json!({"constraint": "regex", "regex": "("}),
            "keys.env.value.regex",
        ),
        (
            json!({"constraint": "regex", "regex": "(a{1000}){1000}"}),
            "keys.env.value.regex",
        ),
    ];
    for (value, path) in rows {
        let config = json!({"keys": {"env": {"value": value}}});
        assert_eq!(build(&config).unwrap_err(), [path], "{config}");
    }
}

#[test]
fn remarks_on_what_does_nothing() {
    let both = json!({"constraint": "regex", "regex": "a", "allowedValues": ["a"]});
    let rows = [
        (json!({}), "keys"),
        (
            json!({"keys": {"env": {"value": both}}}),
            "keys.env.value.allowedValues",
        ),
    ];
    for (config, path) in rows {
        let built = build(&config).unwrap();
        let paths: Vec<&str> = built.remarks.iter().map(|p| p.path.as_str()).collect();
        assert_eq!(paths, [path], "{config}");
    }
    assert_eq!(
        build(&json!({"allowUnknownKeys": false})).unwrap().remarks,
        []
    );
}
