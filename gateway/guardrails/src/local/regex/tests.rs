use parapet_policy::outcome::Operation;
use serde_json::{Value, json};

use super::presets;
use crate::finding::Hit;
use crate::guardrail::{BuildContext, Built, Guardrail, TextGuardrail};
use crate::kinds::{Kind, build};
use crate::scan::scan_text;

fn built(config: &Value) -> Built {
    build(
        super::Regex::MEMBER,
        config,
        &BuildContext::without_secrets(Operation::Mutate),
    )
    .unwrap()
}

fn guardrail(config: &Value) -> std::sync::Arc<dyn TextGuardrail> {
    match built(config).guardrail {
        Guardrail::Text(guardrail) => guardrail,
        other => panic!("not a text guardrail: {other:?}"),
    }
}

fn found<'a>(config: &Value, text: &'a str) -> Vec<(String, &'a str)> {
    let said = |hit: Hit| (hit.category.into_owned(), &text[hit.range]);
    scan_text(&*guardrail(config), text)
        .into_iter()
        .map(said)
        .collect()
}

fn only(id: &str) -> Value {
    json!({"presetPatterns": {"presets": [id]}})
}

#[test]
fn every_preset_finds_and_ignores_its_examples() {
    let mut wrong = Vec::new();
    for preset in presets::all() {
        assert!(
            !preset.finds.is_empty() && !preset.ignores.is_empty(),
            "{}",
            preset.id
        );
        for (text, part) in preset.finds {
            let hits = found(&only(preset.id), text);
            if hits != [(preset.id.to_owned(), *part)] {
                wrong.push(format!("{}: in {text:?} found {hits:?}", preset.id));
            }
        }
        for text in preset.ignores {
            let hits = found(&only(preset.id), text);
            if !hits.is_empty() {
                wrong.push(format!(
                    "{}: in {text:?} found {hits:?} and should not",
                    preset.id
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn presets_share_one_replacement_and_customs_have_their_own() {
    let config = json!({
        "presetPatterns": {"presets": ["us_ssn", "us_ssn"], "redactionText": "<gone>"},
        "customPatterns": [
            {"pattern": r"EMP-\d{4}", "name": "employee"},
            {"pattern": r"(?i)project\s\w{1,20}", "redactionText": ""},
        ],
    });
    let hits = scan_text(&*guardrail(&config), "536-22-1234 EMP-1234 Project Xenia");
    let said: Vec<_> = hits
        .iter()
        .map(|hit| (&*hit.category, hit.replacement.as_deref()))
        .collect();
    assert_eq!(
        said,
        [
            ("us_ssn", Some("<gone>")),
            ("employee", Some("[REDACTED]")),
            ("custom_2", Some(""))
        ]
    );
}

#[test]
fn custom_patterns_do_not_hide_each_other() {
    let config = json!({"customPatterns": [{"pattern": "abc"}, {"pattern": "bcdef"}]});
    assert_eq!(
        found(&config, "abcdef abc"),
        [("custom_2".into(), "bcdef"), ("custom_1".into(), "abc")]
    );
}

#[test]
fn says_what_is_wrong_and_where() {
    let rows = [
        (
            only("us_sn"),
            "presetPatterns.presets[0]",
            "did you mean \"us_ssn\"?",
        ),
        (
            only("qqq"),
            "presetPatterns.presets[0]",
            "there is no preset \"qqq\"",
        ),
        (
            custom("a(b"),
            "customPatterns[0].pattern",
            "at character 2: unclosed group",
        ),
        (custom("(?=a)b"), "customPatterns[0].pattern", "look-around"),
        (
            custom("a*"),
            "customPatterns[0].pattern",
            "matches the empty text",
        ),
        (
            custom("(\\pL{500}){500}"),
            "customPatterns[0].pattern",
            "takes more than",
        ),
        (
            json!({"customPatterns": [{"pattern": "a", "name": "\n"}]}),
            "customPatterns[0].name",
            "control characters",
        ),
    ];
    for (config, path, says) in rows {
        let context = BuildContext::without_secrets(Operation::Validate);
        let problems = build(super::Regex::MEMBER, &config, &context).unwrap_err();
        assert_eq!(problems.len(), 1, "{config}");
        assert_eq!(problems[0].path, path, "{config}");
        assert!(
            problems[0].message.contains(says),
            "{config}: {}",
            problems[0].message
        );
    }
}

fn custom(pattern: &str) -> Value {
    json!({"customPatterns": [{"pattern": pattern}]})
}

#[test]
fn hold_back_is_the_longest_match() {
    use parapet_policy::compile::HoldBack;
    use parapet_policy::diagnostic::Reason;
    let rows = [
        (custom(r"\d{3}-\d{4}"), HoldBack::Bytes(8 * 4 - 3 + 4), None),
        (custom(r"[0-9]{3}"), HoldBack::Bytes(7), None),
        (custom(r"a+"), HoldBack::Unbounded, Some(Reason::Unbounded)),
    ];
    for (config, bound, remark) in rows {
        let built = built(&config);
        assert_eq!(
            built.remarks.first().map(|remark| remark.reason),
            remark,
            "{config}"
        );
        assert_eq!(guardrail(&config).hold_back(), bound, "{config}");
    }
    assert_eq!(built(&json!({})).remarks[0].reason, Reason::Suspicious);
}

#[test]
fn pending_is_what_may_become_a_match() {
    let rows = [
        (custom(r"\bfoo-[0-9]{2}\b"), "some fo", "fo"),
        (custom(r"\bfoo-[0-9]{2}\b"), "some foo-1", "foo-1"),
        (custom(r"\bfoo-[0-9]{2}\b"), "some foo-12", "foo-12"),
        (custom(r"\bfoo-[0-9]{2}\b"), "some foo-12 ", ""),
        (custom(r"é{2,3}x"), "aéé", "éé"),
        (custom(r"(?i)secret: \w{1,5}"), "SECRET: ab", "SECRET: ab"),
        (custom(r"(?i)secret: \w{1,5}"), "SECRET: abcdefgh", ""),
        (only("us_ssn"), "it is 536-22", "536-22"),
        (only("us_ssn"), "it is 536-22-1234", "536-22-1234"),
        (only("us_ssn"), "it is 536-22-1234 x", ""),
        (only("us_ssn"), "nothing here", ""),
        (only("email"), "write to ada@exam", "ada@exam"),
        (only("email"), "write to ", ""),
        (only("url"), "see htt", "htt"),
        (only("url"), "see https://a.b/c", "https://a.b/c"),
        (only("url"), "see https://a.b/c ", ""),
        (only("us_phone"), "call (41", "(41"),
    ];
    for (config, text, held) in rows {
        let from = guardrail(&config).pending_from(text, 0);
        assert_eq!(&text[from..], held, "{config} {text:?}");
    }
}

#[test]
fn all_presets_together_stay_small() {
    let mut shapes = Vec::new();
    for preset in presets::all() {
        if let presets::How::Shapes(rules) = preset.how {
            for rule in rules {
                shapes.push(rule.shape);
            }
        }
    }
    let memory = super::shapes::shared(shapes).unwrap().memory();
    assert!(memory < 5 << 20, "{memory} bytes");
}

#[test]
fn every_published_preset_is_there() {
    let published = [
        "us_ssn",
        "us_ssn_no_dash",
        "email",
        "us_phone",
        "visa",
        "mastercard",
        "amex",
        "discover",
        "credit_card",
        "aws_access_key",
        "aws_secret_key",
        "github_token",
        "slack_token",
        "generic_api_key",
        "ipv4",
        "ipv6",
        "url",
        "passport_us",
        "passport_uk",
        "passport_germany",
        "passport_france",
        "passport_netherlands",
        "passport_canada",
        "passport_india",
        "passport_australia",
        "passport_china",
        "passport_japan",
        "gender_sexual_orientation",
        "race_ethnicity_national_origin",
        "religion",
        "age_discrimination",
        "disability",
        "marital_family_status",
        "military_status",
        "public_assistance",
        "weapons_firearms",
        "weapons_other",
        "explosives",
        "violence_threats",
        "terrorism",
        "self_harm_suicide",
        "illegal_activities",
        "harassment_hate",
    ];
    assert_eq!(published.len(), 43);
    for id in published {
        assert!(presets::named(id).is_some(), "{id}");
    }
}

#[test]
fn terms_stream_like_the_whole() {
    let lists = json!({"presetPatterns": {"presets": ["explosives", "religion", "github_token"]}});
    let guardrail = guardrail(&lists);
    for text in [
        "a pipe bomb, pipes and bombs, a bombast, Catholics",
        "religiously religious religion",
        "token ghp_x7Kd92LmQwErTyUiOpAsDfGhJkZxCvBn4M5q end",
    ] {
        crate::scan::streamed::assert_streams(&*guardrail, text);
    }
}

#[test]
fn work_grows_with_the_digits_and_not_faster() {
    let every: Vec<&str> = presets::all().map(|preset| preset.id).collect();
    let guardrail = guardrail(&json!({"presetPatterns": {"presets": every}}));
    let numbers = crate::scan::hostile::texts().filter(|text| {
        let head = text.get(..16).unwrap_or_default();
        head.contains(|c: char| c.is_ascii_digit() || c == '@' || c == ':')
    });
    for text in numbers {
        let text = &text[..text.floor_char_boundary(1 << 16)];
        for hit in scan_text(&*guardrail, text) {
            assert!(text.get(hit.range.clone()).is_some(), "{hit:?}");
        }
        let end = &text[text.floor_char_boundary(text.len() - 4096)..];
        assert!(guardrail.pending_from(end, 0) <= end.len());
    }
}
