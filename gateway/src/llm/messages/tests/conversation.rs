//! Turns, parts and tools of a conversation.

use parapet_guardrails::segment::{Form, Rewrite};

use crate::llm::testing::{holding, output, replace, request, request_texts};
use crate::llm::{Dialect, Unjudged};

use Dialect::Anthropic;

const YES: Rewrite = Rewrite::Yes;

#[test]
fn secrets_of_servers_are_no_text() {
    let body = r#"{"model":"m","messages":[],"mcp_servers":[{"authorization_token":"topsecret"}]}"#;
    let texts = request_texts(Anthropic, body);
    assert!(holding(&texts, "topsecret").is_empty());
    assert!(request(Anthropic, body).provider_runs_tools());
}

#[test]
fn text_blocks_in_a_row_are_one_text() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"AK"},{"type":"text","text":"IA1 x"},{"type":"image","source":{"type":"base64","data":"AA"}},{"type":"text","text":"y"}]}]}"#;
    let mut texts = request_texts(Anthropic, body);
    texts.apply(&[replace(&texts, "AKIA1", "[K]")]).unwrap();
    assert_eq!(
        output(&texts),
        body.replace("\"AK\"", "\"[K]\"").replace("IA1 x", " x")
    );
    assert_eq!(texts.unjudged().of(Unjudged::Image), 1);
}

#[test]
fn tools_that_the_provider_runs_are_told_apart() {
    for (kind, provider) in [
        ("custom", false),
        ("bash_20250124", false),
        ("text_editor_20250728", false),
        ("web_search_20250305", true),
        ("code_execution_20250825", true),
        ("not_known_yet", true),
    ] {
        let body =
            format!(r#"{{"model":"m","messages":[],"tools":[{{"type":"{kind}","name":"t"}}]}}"#);
        assert_eq!(
            request(Anthropic, &body).provider_runs_tools(),
            provider,
            "{kind}"
        );
    }
    let body = r#"{"model":"m","messages":[],"tools":[{"name":"t","input_schema":{}}]}"#;
    assert!(!request(Anthropic, body).provider_runs_tools());
    assert!(request(Anthropic, body).has_tools());
}

#[test]
fn a_tool_calls_numbers_follow_the_tools_schema() {
    let body = r#"{"model":"m","tools":[{"name":"f","input_schema":{"properties":{"n":{"type":"integer"}}}}],"messages":[{"role":"assistant","content":[{"type":"tool_use","name":"f","input":{"n":1,"m":2}}]}]}"#;
    let texts = request_texts(Anthropic, body);
    let numbers = texts
        .segments()
        .list()
        .iter()
        .filter(|one| one.form == Form::JsonNumber);
    let rewrites: Vec<Rewrite> = numbers.map(|one| one.rewrite).collect();
    assert_eq!(rewrites, [Rewrite::No("number"), YES]);
}

#[test]
fn the_newest_turn_is_marked() {
    let body = r#"{"model":"m","system":"sys","messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":[{"type":"tool_result","content":"three"},{"type":"text","text":"four"}]}]}"#;
    let texts = request_texts(Anthropic, body);
    for (needle, current) in [
        ("sys", false),
        ("one", false),
        ("two", false),
        ("three", true),
        ("four", true),
    ] {
        let segment = holding(&texts, needle)[0];
        assert_eq!(
            texts.segments().list()[segment].current_turn,
            current,
            "{needle}"
        );
    }
}
