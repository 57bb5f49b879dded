//! Where texts are found in a response.

use parapet_guardrails::segment::{Form, Rewrite, Role};

use crate::llm::Dialect;
use crate::llm::testing::{Found, MARK, check_place, response_texts};

use Form::{JsonLeaf, Name, Text};
use Role::Assistant;

const YES: Rewrite = Rewrite::Yes;
const NAME: Rewrite = Rewrite::No("name");

fn found(role: Role, form: Form, rewrite: Rewrite) -> Found {
    Found {
        role,
        form,
        rewrite,
    }
}

#[test]
fn every_text_place_of_a_response_is_found() {
    let members = [
        (r#""content":"MARK""#, Text, YES),
        (r#""content":[{"type":"text","text":"MARK"}]"#, Text, YES),
        (r#""refusal":"MARK""#, Text, YES),
        (r#""reasoning_content":"MARK""#, Text, YES),
        (r#""reasoning":"MARK""#, Text, YES),
        (
            r#""reasoning_details":[{"type":"reasoning.summary","summary":"MARK"}]"#,
            Text,
            YES,
        ),
        (
            r#""tool_calls":[{"function":{"name":"f","arguments":"{\"a\": \"MARK\"}"}}]"#,
            JsonLeaf,
            YES,
        ),
        (
            r#""tool_calls":[{"function":{"name":"MARK","arguments":"{}"}}]"#,
            Name,
            NAME,
        ),
        (
            r#""tool_calls":[{"custom":{"name":"c","input":"MARK"}}]"#,
            Text,
            YES,
        ),
        (
            r#""function_call":{"name":"f","arguments":"[\"MARK\"]"}"#,
            JsonLeaf,
            YES,
        ),
        (
            r#""audio":{"id":"a","data":"AAAA","transcript":"MARK"}"#,
            Text,
            Rewrite::No("audio"),
        ),
        (r#""something_new":"MARK""#, JsonLeaf, YES),
    ];
    for (member, form, rewrite) in members {
        let member = member.replace("MARK", MARK);
        let body = format!(
            r#"{{"id":"1","choices":[{{"index":0,"message":{{"role":"assistant",{member}}}}}],"usage":{{}}}}"#
        );
        check_place(
            response_texts(Dialect::OpenAi, &body),
            &body,
            found(Assistant, form, rewrite),
        );
    }
}
