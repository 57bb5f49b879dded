//! Where texts are found.

use parapet_guardrails::segment::{Form, Rewrite, Role};

use crate::llm::Dialect;
use crate::llm::testing::{Found, MARK, check_place, holding, request_texts, response_texts};

use Dialect::Anthropic;
use Form::{JsonKey, JsonLeaf, Name, Text};
use Role::{Assistant, Parameter, System, ToolDefinition, ToolResult, User};

const YES: Rewrite = Rewrite::Yes;
const NAME: Rewrite = Rewrite::No("name");
const SIGNED: Rewrite = Rewrite::No("signed");

fn found(role: Role, form: Form, rewrite: Rewrite) -> Found {
    Found {
        role,
        form,
        rewrite,
    }
}

/// Blocks of a user's message, with who a text in them comes from.
const USER_BLOCKS: [(&str, Role, Form, Rewrite); 19] = [
    (r#"{"type":"text","text":"MARK"}"#, User, Text, YES),
    (
        r#"{"type":"text","text":"x","citations":[{"type":"char_location","cited_text":"MARK"}]}"#,
        User,
        Text,
        YES,
    ),
    (
        r#"{"type":"image","source":{"type":"url","url":"https://x/?MARK"}}"#,
        User,
        Text,
        YES,
    ),
    (
        r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"MARK"}}"#,
        User,
        Text,
        YES,
    ),
    (
        r#"{"type":"document","source":{"type":"content","content":"MARK"}}"#,
        User,
        Text,
        YES,
    ),
    (
        r#"{"type":"document","source":{"type":"content","content":[{"type":"text","text":"MARK"}]}}"#,
        User,
        Text,
        YES,
    ),
    (
        r#"{"type":"document","source":{"type":"url","url":"https://x/MARK"}}"#,
        User,
        Text,
        YES,
    ),
    (
        r#"{"type":"document","title":"MARK","source":{"type":"file","file_id":"f"}}"#,
        User,
        Text,
        YES,
    ),
    (
        r#"{"type":"document","context":"MARK","source":{"type":"base64","data":"AA"}}"#,
        User,
        Text,
        YES,
    ),
    (
        r#"{"type":"search_result","title":"MARK","source":"s","content":[]}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"search_result","title":"t","source":"MARK","content":[]}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"search_result","title":"t","source":"s","content":[{"type":"text","text":"MARK"}]}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"tool_result","tool_use_id":"t","content":"MARK"}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"tool_result","tool_use_id":"t","is_error":true,"content":[{"type":"text","text":"MARK"}]}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"document","source":{"type":"text","data":"MARK"}}]}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"tool_reference","tool_name":"MARK"}]}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"mid_conv_system","content":[{"type":"text","text":"MARK"}]}"#,
        System,
        Text,
        YES,
    ),
    (
        r#"{"type":"unheard_of","thing":{"in":["MARK"]}}"#,
        ToolResult,
        Text,
        YES,
    ),
    (r#"{"no_type":"MARK"}"#, User, JsonLeaf, YES),
];

/// Blocks of the model's: in the history and in an answer alike.
const MODEL_BLOCKS: [(&str, Role, Form, Rewrite); 15] = [
    (r#"{"type":"text","text":"MARK"}"#, Assistant, Text, YES),
    (
        r#"{"type":"text","text":"x","citations":[{"type":"web_search_result_location","url":"MARK","encrypted_index":"e"}]}"#,
        Assistant,
        Text,
        YES,
    ),
    (
        r#"{"type":"thinking","thinking":"MARK","signature":"s"}"#,
        Assistant,
        Text,
        SIGNED,
    ),
    (
        r#"{"type":"tool_use","id":"t","name":"f","input":{"a":{"b":["MARK"]}}}"#,
        Assistant,
        JsonLeaf,
        YES,
    ),
    (
        r#"{"type":"tool_use","id":"t","name":"f","input":{"MARK":1}}"#,
        Assistant,
        JsonKey,
        Rewrite::No("key"),
    ),
    (
        r#"{"type":"tool_use","id":"t","name":"MARK","input":{}}"#,
        Assistant,
        Name,
        NAME,
    ),
    (
        r#"{"type":"server_tool_use","id":"t","name":"web_search","input":{"query":"MARK"}}"#,
        Assistant,
        JsonLeaf,
        YES,
    ),
    (
        r#"{"type":"mcp_tool_use","id":"t","name":"f","server_name":"s","input":{"q":"MARK"}}"#,
        Assistant,
        JsonLeaf,
        YES,
    ),
    (
        r#"{"type":"mcp_tool_result","tool_use_id":"t","content":[{"type":"text","text":"MARK"}]}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"web_search_tool_result","tool_use_id":"t","content":[{"type":"web_search_result","title":"MARK","url":"u","encrypted_content":"e"}]}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"web_search_tool_result","tool_use_id":"t","content":[{"type":"web_search_result","title":"t","url":"MARK","encrypted_content":"e"}]}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"web_fetch_tool_result","tool_use_id":"t","content":{"type":"web_fetch_result","content":{"type":"document","source":{"type":"text","data":"MARK"}}}}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"bash_code_execution_tool_result","tool_use_id":"t","content":{"type":"bash_code_execution_result","stdout":"MARK","stderr":"","return_code":0}}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"text_editor_code_execution_tool_result","tool_use_id":"t","content":{"type":"text_editor_code_execution_view_result","lines":["MARK"]}}"#,
        ToolResult,
        Text,
        YES,
    ),
    (
        r#"{"type":"compaction","content":"MARK"}"#,
        Assistant,
        Text,
        YES,
    ),
];

#[test]
fn every_text_place_of_a_message_is_found() {
    for (blocks, sender) in [(&USER_BLOCKS[..], "user"), (&MODEL_BLOCKS[..], "assistant")] {
        for (block, role, form, rewrite) in blocks {
            let block = block.replace("MARK", MARK);
            let body = format!(
                r#"{{"model":"m","max_tokens":1, "messages":[{{"role":"{sender}","content":[ {block} ]}}]}}"#
            );
            let expected = found(*role, *form, *rewrite);
            check_place(request_texts(Anthropic, &body), &body, expected);
        }
    }
    for (role, of) in [("user", User), ("assistant", Assistant), ("system", System)] {
        let body =
            format!(r#"{{"model":"m","messages":[{{"content":"{MARK}","role":"{role}"}}]}}"#);
        check_place(request_texts(Anthropic, &body), &body, found(of, Text, YES));
    }
}

#[test]
fn every_text_place_beside_the_messages_is_found() {
    for (member, role, form, rewrite) in [
        (r#""system":"MARK""#, System, Text, YES),
        (
            r#""system":[{"type":"text","text":"MARK","cache_control":{"type":"ephemeral"}}]"#,
            System,
            Text,
            YES,
        ),
        (
            r#""tools":[{"name":"MARK","input_schema":{}}]"#,
            ToolDefinition,
            Name,
            NAME,
        ),
        (
            r#""tools":[{"name":"f","description":"MARK"}]"#,
            ToolDefinition,
            Text,
            YES,
        ),
        (
            r#""tools":[{"name":"f","input_schema":{"properties":{"a":{"description":"MARK"}}}}]"#,
            ToolDefinition,
            JsonLeaf,
            YES,
        ),
        (
            r#""tools":[{"name":"f","input_examples":[{"a":"MARK"}]}]"#,
            ToolDefinition,
            JsonLeaf,
            YES,
        ),
        (
            r#""mcp_servers":[{"type":"url","url":"https://MARK","authorization_token":"t"}]"#,
            ToolDefinition,
            Text,
            YES,
        ),
        (r#""stop_sequences":["MARK"]"#, Parameter, Text, YES),
        (r#""metadata":{"user_id":"MARK"}"#, Parameter, JsonLeaf, YES),
        (
            r#""output_config":{"format":{"type":"json_schema","schema":{"description":"MARK"}}}"#,
            ToolDefinition,
            JsonLeaf,
            YES,
        ),
        (r#""something_new":"MARK""#, Parameter, JsonLeaf, YES),
    ] {
        let member = member.replace("MARK", MARK);
        let body = format!(r#"{{"model":"m",{member},"messages":[]}}"#);
        check_place(
            request_texts(Anthropic, &body),
            &body,
            found(role, form, rewrite),
        );
    }
}

#[test]
fn every_text_place_of_a_response_is_found() {
    for (block, role, form, rewrite) in MODEL_BLOCKS {
        let block = block.replace("MARK", MARK);
        let body = format!(
            r#"{{"id":"m","type":"message","role":"assistant","content":[{block}],"usage":{{"input_tokens":1}}}}"#
        );
        check_place(
            response_texts(Anthropic, &body),
            &body,
            found(role, form, rewrite),
        );
    }
    for member in [
        format!(r#""stop_sequence":"{MARK}""#),
        format!(r#""stop_details":{{"type":"refusal","explanation":"{MARK}"}}"#),
    ] {
        let body = format!(r#"{{"content":[],{member}}}"#);
        let texts = response_texts(Anthropic, &body);
        assert_eq!(holding(&texts, MARK).len(), 1);
    }
}

#[test]
fn nothing_hides_where_another_shape_is_expected() {
    for member in [
        r#""messages":["MARK"]"#,
        r#""messages":[{"role":"user","content":{"type":"text","text":"MARK"}}]"#,
        r#""messages":[{"role":"user","content":["MARK"]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"text","text":["MARK"]}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"text","citations":"MARK"}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"document","source":"MARK"}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"document","source":{"type":"new","x":"MARK"}}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"unheard_of","data":"MARK"}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"tool_use","input":"MARK"}]}]"#,
        r#""messages":[],"system":{"a":"MARK"}"#,
        r#""messages":[],"tools":"MARK""#,
        r#""messages":[],"tools":["MARK"]"#,
        r#""messages":[],"mcp_servers":["MARK"]"#,
        r#""messages":[],"stop_sequences":"MARK""#,
        r#""messages":[],"output_config":"MARK""#,
    ] {
        let body = format!(r#"{{"model":"m",{}}}"#, member.replace("MARK", MARK));
        let texts = request_texts(Anthropic, &body);
        assert_eq!(holding(&texts, MARK).len(), 1, "{body}");
    }
}
