//! Where texts are found in a request.

use parapet_guardrails::segment::{Form, Rewrite, Role};

use crate::llm::Dialect;
use crate::llm::testing::{Found, MARK, check_place, holding, request_texts};

use Form::{JsonKey, JsonLeaf, Name, Text};
use Role::{Assistant, Parameter, System, ToolDefinition, ToolResult, User};

const YES: Rewrite = Rewrite::Yes;
const NAME: Rewrite = Rewrite::No("name");
const KEY: Rewrite = Rewrite::No("key");

fn found(role: Role, form: Form, rewrite: Rewrite) -> Found {
    Found {
        role,
        form,
        rewrite,
    }
}

#[test]
fn every_text_place_of_a_request_is_found() {
    let messages = [
        (
            r#"{"role":"developer","content":"MARK"}"#,
            System,
            Text,
            YES,
        ),
        (r#"{"role":"system","content":"x MARK"}"#, System, Text, YES),
        (r#"{"content":"MARK y","role":"user"}"#, User, Text, YES),
        (r#"{"role":"someone","content":"MARK"}"#, User, Text, YES),
        (
            r#"{"role":"assistant","content":"a\n MARK\" b","x":1}"#,
            Assistant,
            Text,
            YES,
        ),
        (
            r#"{"role":"tool","tool_call_id":"1","content":"MARK"}"#,
            ToolResult,
            Text,
            YES,
        ),
        (
            r#"{"role":"function","name":"f","content":"MARK"}"#,
            ToolResult,
            Text,
            YES,
        ),
        (
            r#"{"role":"tool","tool_call_id":"MARK","content":"x"}"#,
            ToolResult,
            Name,
            NAME,
        ),
        (
            r#"{"role":"user","name":"MARK","content":"x"}"#,
            User,
            Name,
            NAME,
        ),
        (
            r#"{"role":"user","content":[{"type":"text","text":"MARK"}]}"#,
            User,
            Text,
            YES,
        ),
        (
            r#"{"role":"user","content":[{"text":"MARK","type":"text","z":{}}]}"#,
            User,
            Text,
            YES,
        ),
        (
            r#"{"role":"user","content":[{"type":"text","text":"a","note":"MARK"}]}"#,
            User,
            JsonLeaf,
            YES,
        ),
        (r#"{"role":"user","content":["MARK"]}"#, User, Text, YES),
        (
            r#"{"role":"user","content":{"deep":[{"er":"MARK"}]}}"#,
            User,
            JsonLeaf,
            YES,
        ),
        (
            r#"{"role":"user","content":[{"type":"new","thing":"MARK"}]}"#,
            User,
            Text,
            YES,
        ),
        (
            r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.b/?q=MARK"}}]}"#,
            User,
            Text,
            YES,
        ),
        (
            r#"{"role":"user","content":[{"type":"file","file":{"filename":"MARK","file_data":"AAAA"}}]}"#,
            User,
            Text,
            YES,
        ),
        (
            r#"{"role":"assistant","content":[{"type":"refusal","refusal":"MARK"}]}"#,
            Assistant,
            Text,
            YES,
        ),
        (
            r#"{"role":"assistant","content":null,"refusal":"MARK"}"#,
            Assistant,
            Text,
            YES,
        ),
        (
            r#"{"role":"assistant","reasoning_content":"MARK","content":"x"}"#,
            Assistant,
            Text,
            YES,
        ),
        (
            r#"{"role":"assistant","reasoning":"MARK","content":"x"}"#,
            Assistant,
            Text,
            YES,
        ),
        (
            r#"{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"MARK"}]}"#,
            Assistant,
            Text,
            YES,
        ),
        (
            r#"{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"MARK","signature":"s"}]}"#,
            Assistant,
            Text,
            Rewrite::No("signed"),
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"MARK","arguments":"{}"}}]}"#,
            Assistant,
            Name,
            NAME,
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"1","function":{"arguments":"{\"a\":[{\"b\":\"MARK\"}]}","name":"f"}}]}"#,
            Assistant,
            JsonLeaf,
            YES,
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"MARK\":1}"}}]}"#,
            Assistant,
            JsonKey,
            KEY,
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"not JSON: MARK"}}]}"#,
            Assistant,
            Text,
            YES,
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":{"a":"MARK"}}}]}"#,
            Assistant,
            JsonLeaf,
            YES,
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"1","type":"custom","custom":{"name":"c","input":"MARK"}}]}"#,
            Assistant,
            Text,
            YES,
        ),
        (
            r#"{"role":"assistant","function_call":{"name":"f","arguments":"{\"q\":\"MARK\"}"}}"#,
            Assistant,
            JsonLeaf,
            YES,
        ),
        (
            r#"{"role":"user","content":"x","unknown":{"a":["MARK"]}}"#,
            User,
            JsonLeaf,
            YES,
        ),
    ];
    for (message, role, form, rewrite) in messages {
        let message = message.replace("MARK", MARK);
        let body = format!(r#"{{"model":"m", "messages":[ {message} ], "future":{{"n":1.0}}}}"#);
        check_place(
            request_texts(Dialect::OpenAi, &body),
            &body,
            found(role, form, rewrite),
        );
    }
}

#[test]
fn every_text_place_beside_the_messages_is_found() {
    let members = [
        (
            r#""tools":[{"type":"function","function":{"name":"MARK"}}]"#,
            ToolDefinition,
            Name,
            NAME,
        ),
        (
            r#""tools":[{"type":"function","function":{"name":"f","description":"MARK"}}]"#,
            ToolDefinition,
            Text,
            YES,
        ),
        (
            r#""tools":[{"function":{"name":"f","parameters":{"properties":{"a":{"description":"MARK"}}}}}]"#,
            ToolDefinition,
            JsonLeaf,
            YES,
        ),
        (
            r#""tools":[{"function":{"name":"f","parameters":{"properties":{"a":{"enum":["MARK"]}}}}}]"#,
            ToolDefinition,
            JsonLeaf,
            YES,
        ),
        (
            r#""tools":[{"function":{"name":"f","parameters":{"$defs":{"MARK":{"type":"string"}}}}}]"#,
            ToolDefinition,
            JsonKey,
            KEY,
        ),
        (
            r#""tools":[{"function":{"name":"f","parameters":{"properties":{"MARK":{"type":"string"}}}}}]"#,
            ToolDefinition,
            JsonKey,
            KEY,
        ),
        (
            r#""tools":[{"type":"custom","custom":{"name":"c","description":"MARK"}}]"#,
            ToolDefinition,
            Text,
            YES,
        ),
        (
            r#""tools":[{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"definition":"MARK"}}}}]"#,
            ToolDefinition,
            JsonLeaf,
            YES,
        ),
        (
            r#""tools":[{"type":"mcp","server_description":"MARK"}]"#,
            ToolDefinition,
            JsonLeaf,
            YES,
        ),
        (
            r#""functions":[{"name":"f","description":"MARK"}]"#,
            ToolDefinition,
            Text,
            YES,
        ),
        (
            r#""response_format":{"type":"json_schema","json_schema":{"name":"s","description":"MARK"}}"#,
            ToolDefinition,
            Text,
            YES,
        ),
        (
            r#""response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"title":"MARK"}}}"#,
            ToolDefinition,
            JsonLeaf,
            YES,
        ),
        (
            r#""response_format":{"type":"json_schema","json_schema":{"name":"MARK","schema":{}}}"#,
            ToolDefinition,
            Name,
            NAME,
        ),
        (
            r#""prediction":{"type":"content","content":"MARK"}"#,
            User,
            Text,
            YES,
        ),
        (
            r#""prediction":{"type":"content","content":[{"type":"text","text":"MARK"}]}"#,
            User,
            Text,
            YES,
        ),
        (
            r#""web_search_options":{"user_location":{"approximate":{"city":"MARK"}}}"#,
            Parameter,
            JsonLeaf,
            YES,
        ),
        (r#""stop":"MARK""#, Parameter, Text, YES),
        (r#""stop":["a","MARK"]"#, Parameter, Text, YES),
        (r#""metadata":{"note":"MARK"}"#, Parameter, JsonLeaf, YES),
        (r#""user":"MARK""#, Parameter, Text, YES),
        (r#""safety_identifier":"MARK""#, Parameter, Text, YES),
        (r#""prompt_cache_key":"MARK""#, Parameter, Text, YES),
        (
            r#""documents":[{"text":"MARK"}]"#,
            ToolResult,
            JsonLeaf,
            YES,
        ),
        (r#""guided_regex":"MARK""#, Parameter, JsonLeaf, YES),
    ];
    for (member, role, form, rewrite) in members {
        let member = member.replace("MARK", MARK);
        let body = format!(r#"{{"messages":[],"model":"m", {member}}}"#);
        check_place(
            request_texts(Dialect::OpenAi, &body),
            &body,
            found(role, form, rewrite),
        );
    }
}

#[test]
fn nothing_hides_where_another_shape_is_expected() {
    for member in [
        r#""messages":["MARK"]"#,
        r#""messages":[{"role":"user","tool_calls":{"0":"MARK"}}]"#,
        r#""messages":[{"role":"user","tool_calls":["MARK"]}]"#,
        r#""messages":[{"role":"user","tool_calls":[{"function":"MARK"}]}]"#,
        r#""messages":[{"role":"user","tool_calls":[{"function":{"arguments":["MARK"]}}]}]"#,
        r#""messages":[{"role":"user","function_call":"MARK"}]"#,
        r#""messages":[{"role":"user","reasoning_details":"MARK"}]"#,
        r#""messages":[{"role":"user","refusal":{"a":"MARK"}}]"#,
        r#""messages":[{"role":"user","audio":"MARK"}]"#,
        r#""messages":[{"role":["user"],"content":[{"type":"text","text":{"a":"MARK"}}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":["text"],"text":"MARK"}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"file","file":"MARK"}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":["MARK"]}]}]"#,
        r#""messages":[{"role":"MARK","content":"x"}]"#,
        r#""messages":[],"reasoning_effort":"MARK""#,
        r#""messages":[],"metadata":{"MARK":"x"}"#,
        r#""messages":[],"unknown":[{"a":{"MARK":1}}]"#,
        r#""messages":[],"tools":{"a":"MARK"}"#,
        r#""messages":[],"tools":["MARK"]"#,
        r#""messages":[],"tools":[{"function":"MARK"}]"#,
        r#""messages":[],"tools":[{"function":{"parameters":"MARK"}}]"#,
        r#""messages":[],"functions":"MARK""#,
        r#""messages":[],"response_format":"MARK""#,
        r#""messages":[],"response_format":{"json_schema":"MARK"}"#,
        r#""messages":[],"prediction":"MARK""#,
        r#""messages":[],"stop":{"a":"MARK"}"#,
    ] {
        let body = format!(r#"{{"model":"m",{}}}"#, member.replace("MARK", MARK));
        let texts = request_texts(Dialect::OpenAi, &body);
        assert_eq!(holding(&texts, MARK).len(), 1, "{body}");
    }
}
