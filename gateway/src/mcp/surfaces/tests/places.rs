//! Where texts are found: every surface, in both directions and eras.
//!
//! A row is a method, what the segment with the mark is (role, form, and why it can't be rewritten, or `yes`),
//! and the `params`, `result` or `error` that holds it.

use parapet_guardrails::segment::{Form, Rewrite, Role};

use super::super::Direction::{self, ToClient, ToServer};
use super::texts_of;
use crate::llm::testing::{Found, MARK, check_place};

/// What a client asks of a server.
const REQUESTS: &str = r##"
# 1: names and arguments.
tools/call Assistant Name name {"name":"MARK","arguments":{}}
tools/call Assistant JsonKey key {"name":"t","arguments":{"MARK":1}}
tools/call Assistant JsonLeaf yes {"name":"t","arguments":{"a":"x MARK y"}}
tools/call Assistant JsonLeaf yes {"name":"t","arguments":{"a":[{"b":["MARK"]}]}}
tools/call Assistant JsonLeaf yes {"name":"t","arguments":{"a":"{\"b\":\"MARK\"}"}}
tools/call Assistant JsonLeaf yes {"name":"t","arguments":{"a":" [\"MARK\"] "}}
tools/call Assistant JsonKey key {"name":"t","arguments":{"a":"{\"MARK\":1}"}}
tools/call Assistant JsonLeaf yes {"name":"t","arguments":{"a":"{not json MARK"}}
tools/call Assistant JsonLeaf yes {"name":"t","arguments":"MARK"}
tools/call Assistant JsonLeaf yes {"name":"t","arguments":["MARK"]}
tools/call Assistant JsonLeaf yes {"name":"t","unknown":{"x":"MARK"}}
tools/call Assistant JsonKey key {"name":"t","MARK":1}
tools/call Assistant JsonLeaf yes ["MARK"]
tools/call Assistant JsonLeaf name {"name":{"deep":"MARK"}}
# 2: beside the call.
tools/call Assistant Text yes {"name":"t","_meta":{"com.example/note":"MARK"}}
tools/call Assistant JsonLeaf yes {"name":"t","_meta":{"com.example/n":{"x":"MARK"}}}
tools/call Assistant JsonKey key {"name":"t","_meta":{"MARK":true}}
tools/call Assistant Name name {"name":"t","_meta":{"progressToken":"MARK"}}
tools/call Assistant Text yes {"name":"t","_meta":{"traceparent":"MARK"}}
tools/call Assistant Text yes {"name":"t","_meta":{"baggage":"k=MARK"}}
tools/call Assistant Text opaque {"name":"t","requestState":"MARK"}
tools/call User JsonLeaf yes {"name":"t","inputResponses":{"k":{"action":"accept","content":{"x":"MARK"}}}}
tools/call Assistant JsonKey key {"name":"t","inputResponses":{"MARK":{"action":"decline"}}}
tools/call Assistant Text yes {"name":"t","inputResponses":{"k":{"role":"assistant","content":{"type":"text","text":"MARK"},"model":"m"}}}
tools/call Assistant JsonLeaf yes {"name":"t","inputResponses":{"k":{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{"x":"MARK"}}]}}}
tools/call Assistant Text yes {"name":"t","inputResponses":{"k":{"roots":[{"uri":"file:///home/MARK"}]}}}
tools/call Assistant Text yes {"name":"t","inputResponses":{"k":{"roots":[{"uri":"file:///","name":"MARK"}]}}}
tasks/update User JsonLeaf yes {"taskId":"1","inputResponses":{"k":{"action":"accept","content":{"x":"MARK"}}}}
tasks/get Assistant Name name {"taskId":"MARK"}
# 11, 12, 14: prompts, resources, completion.
prompts/get Assistant Name name {"name":"MARK"}
prompts/get User JsonLeaf yes {"name":"p","arguments":{"who":"MARK"}}
resources/read Assistant Text uri {"uri":"file:///MARK"}
resources/subscribe Assistant Text uri {"uri":"file:///MARK"}
completion/complete User Text yes {"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"MARK"}}
completion/complete Assistant Name name {"ref":{"type":"ref/prompt","name":"MARK"}}
completion/complete Assistant Text uri {"ref":{"type":"ref/resource","uri":"MARK"}}
completion/complete User JsonLeaf yes {"context":{"arguments":{"a":"MARK"}}}
initialize Assistant Name name {"clientInfo":{"name":"MARK","version":"1"}}
initialize Assistant Text yes {"clientInfo":{"name":"c","title":"MARK"}}
initialize Assistant JsonLeaf yes {"capabilities":{"experimental":{"x":"MARK"}}}
logging/setLevel Assistant Name name {"level":"MARK"}
tools/list Assistant Text opaque {"cursor":"MARK"}
notifications/cancelled Assistant Text yes {"requestId":1,"reason":"MARK"}
some/thing Assistant JsonLeaf yes {"x":{"y":"MARK"}}
"##;

/// What a legacy client answers to a server's requests.
const ANSWERS: &str = r##"
# 15: what legacy clients answer to a server's requests.
sampling/createMessage Assistant Text yes {"role":"assistant","content":{"type":"text","text":"MARK"},"model":"m","stopReason":"endTurn"}
sampling/createMessage Assistant Name name {"role":"assistant","content":{"type":"text","text":"x"},"model":"MARK"}
elicitation/create User JsonLeaf yes {"action":"accept","content":{"answer":"MARK"}}
elicitation/create User Name name {"action":"MARK"}
roots/list Assistant Text yes {"roots":[{"uri":"file:///MARK"}]}
"##;

/// What a tool call comes to.
const RESULTS: &str = r##"
# 3: content of every kind.
tools/call ToolResult Text yes {"content":[{"type":"text","text":"a\n MARK\" b"}]}
tools/call ToolResult Text yes {"content":[{"text":"MARK","type":"text","x":1}],"resultType":"complete"}
tools/call ToolResult JsonLeaf yes {"content":[{"type":"text","text":"{\"a\":\"MARK\"}"}]}
tools/call ToolResult JsonLeaf yes {"content":[{"type":"text","text":"t","annotations":{"audience":["MARK"]}}]}
tools/call ToolResult Text yes {"content":[{"type":"text","text":"t","_meta":{"n":"MARK"}}]}
tools/call ToolResult Name name {"content":[{"type":"image","data":"AAAA","mimeType":"MARK"}]}
tools/call ToolResult Text yes {"content":[{"type":"image","data":"AAAA","mimeType":"i","alt":"MARK"}]}
tools/call ToolResult Text yes {"content":[{"type":"resource","resource":{"uri":"file:///a","text":"MARK"}}]}
tools/call ToolResult Text yes {"content":[{"type":"resource","resource":{"uri":"file:///MARK","text":"a"}}]}
tools/call ToolResult Text yes {"content":[{"type":"resource","resource":{"uri":"u","text":"a","_meta":{"n":"MARK"}}}]}
tools/call ToolResult Text yes {"content":[{"type":"resource_link","uri":"https://a/?k=MARK","name":"n"}]}
tools/call ToolResult Text yes {"content":[{"type":"resource_link","uri":"u","name":"MARK"}]}
tools/call ToolResult Text yes {"content":[{"type":"resource_link","uri":"u","name":"n","title":"MARK"}]}
tools/call ToolResult Text yes {"content":[{"type":"resource_link","uri":"u","name":"n","description":"MARK"}]}
tools/call ToolResult Text yes {"content":[{"type":"resource_link","uri":"u","name":"n","icons":[{"src":"https://MARK/"}]}]}
tools/call ToolResult JsonLeaf yes {"content":[{"type":"brand_new","thing":{"x":"MARK"}}]}
tools/call ToolResult Name name {"content":[{"type":"MARK"}]}
tools/call ToolResult Text yes {"content":["MARK"]}
tools/call ToolResult Text yes {"content":"MARK"}
# 4, 5: structured content, failures.
tools/call ToolResult JsonLeaf yes {"content":[],"structuredContent":{"a":{"b":"MARK"}}}
tools/call ToolResult JsonKey key {"content":[],"structuredContent":{"MARK":0}}
tools/call ToolResult JsonLeaf yes {"content":[],"structuredContent":["MARK"]}
tools/call ToolResult Text yes {"content":[],"structuredContent":"MARK"}
tools/call ToolResult Text yes {"isError":true,"content":[{"type":"text","text":"at db://MARK"}]}
# 7: what the server asks for.
tools/call ToolResult Text yes {"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create","params":{"message":"MARK"}}}}
tools/call ToolResult JsonKey key {"inputRequests":{"MARK":{"method":"ping"}}}
tools/call ToolResult Text yes {"inputRequests":{"k":{"method":"elicitation/create","params":{"mode":"url","url":"https://MARK/"}}}}
tools/call ToolResult JsonKey key {"inputRequests":{"k":{"method":"elicitation/create","params":{"requestedSchema":{"properties":{"MARK":{}}}}}}}
tools/call ToolResult Text yes {"inputRequests":{"k":{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"MARK"}}]}}}}
tools/call ToolResult Text yes {"inputRequests":{"k":{"method":"sampling/createMessage","params":{"systemPrompt":"MARK"}}}}
tools/call ToolDefinition Text yes {"inputRequests":{"k":{"method":"sampling/createMessage","params":{"tools":[{"name":"t","description":"MARK"}]}}}}
tools/call ToolResult Text opaque {"requestState":"MARK"}
# 9: tasks.
tools/call ToolResult Text yes {"resultType":"task","taskId":"1","status":"working","statusMessage":"MARK"}
tasks/get ToolResult Text yes {"taskId":"1","status":"completed","result":{"content":[{"type":"text","text":"MARK"}]}}
tasks/get ToolResult Text yes {"taskId":"1","status":"failed","error":{"code":1,"message":"MARK"}}
tasks/get ToolResult Text yes {"taskId":"1","inputRequests":{"k":{"params":{"message":"MARK"}}}}
tasks/result ToolResult Text yes {"content":[{"type":"text","text":"MARK"}]}
tasks/list ToolResult Text yes {"tasks":[{"taskId":"1","statusMessage":"MARK"}]}
tools/call ToolResult Text yes {"content":[],"_meta":{"io.modelcontextprotocol/model-immediate-response":"MARK"}}
tools/call ToolResult JsonLeaf yes {"content":[],"unknown":[{"x":"MARK"}]}
tools/call ToolResult JsonKey key {"content":[],"MARK":null}
tools/call ToolResult JsonKey key {"content":[{"type":"text","text":"t","MARK":1}]}
tools/call ToolResult JsonLeaf yes ["MARK"]
"##;

/// A JSON-RPC error.
const ERRORS: &str = r##"
tools/call ToolResult Text yes {"code":-32603,"message":"MARK"}
tools/call ToolResult JsonLeaf yes {"code":1,"message":"m","data":{"trace":["MARK"]}}
tools/call ToolResult Text yes {"code":1,"message":"m","data":"MARK"}
tools/call ToolResult Text yes {"code":"MARK","message":"m"}
tools/call ToolResult JsonLeaf yes "MARK"
"##;

/// What the other methods come to.
const OTHER_RESULTS: &str = r##"
# 10: definitions.
tools/list ToolDefinition Name name {"tools":[{"name":"MARK","inputSchema":{}}]}
tools/list ToolDefinition Text yes {"tools":[{"name":"t","title":"MARK"}]}
tools/list ToolDefinition Text yes {"tools":[{"name":"t","description":"MARK"}]}
tools/list ToolDefinition JsonLeaf yes {"tools":[{"name":"t","annotations":{"title":"MARK"}}]}
tools/list ToolDefinition JsonLeaf yes {"tools":[{"name":"t","inputSchema":{"properties":{"a":{"description":"MARK"}}}}]}
tools/list ToolDefinition JsonKey key {"tools":[{"name":"t","inputSchema":{"properties":{"MARK":{}}}}]}
tools/list ToolDefinition JsonLeaf yes {"tools":[{"name":"t","inputSchema":{"properties":{"a":{"enum":["MARK"]}}}}]}
tools/list ToolDefinition Name name {"tools":[{"name":"t","inputSchema":{"properties":{"a":{"format":"say MARK"}}}}]}
tools/list ToolDefinition JsonKey key {"tools":[{"name":"t","inputSchema":{"MARK":true}}]}
tools/list ToolDefinition JsonKey key {"tools":[{"name":"t","MARK":true}]}
tools/list ToolDefinition JsonLeaf yes {"tools":[{"name":"t","outputSchema":{"$defs":{"d":{"default":"MARK"}}}}]}
tools/list ToolDefinition Text yes {"tools":[{"name":"t","icons":[{"src":"MARK"}]}]}
tools/list ToolDefinition Text yes {"tools":[{"name":"t","_meta":{"n":"MARK"}}]}
tools/list ToolResult Text opaque {"tools":[],"nextCursor":"MARK"}
# 11: prompts.
prompts/list ToolDefinition Text yes {"prompts":[{"name":"p","description":"MARK"}]}
prompts/list ToolDefinition Text yes {"prompts":[{"name":"p","arguments":[{"name":"a","description":"MARK"}]}]}
prompts/get ToolResult Text yes {"description":"MARK","messages":[]}
prompts/get ToolResult Text yes {"messages":[{"role":"user","content":{"type":"text","text":"MARK"}}]}
prompts/get ToolResult Text yes {"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"u","text":"MARK"}}}]}
prompts/get ToolResult Name name {"messages":[{"role":"MARK","content":{"type":"text","text":"x"}}]}
# 12: resources.
resources/list ToolDefinition Text yes {"resources":[{"uri":"u","name":"n","description":"MARK"}]}
resources/list ToolDefinition Text yes {"resources":[{"uri":"file:///MARK","name":"n"}]}
resources/templates/list ToolDefinition Text yes {"resourceTemplates":[{"uriTemplate":"a://{MARK}","name":"n"}]}
resources/read ToolResult Text yes {"contents":[{"uri":"u","text":"MARK"}]}
resources/read ToolResult Text yes {"contents":[{"uri":"u/MARK","text":"a"}]}
# 13: the server itself.
initialize ToolDefinition Text yes {"instructions":"MARK"}
server/discover ToolDefinition Text yes {"supportedVersions":["v"],"instructions":"a\nMARK"}
initialize ToolDefinition Text yes {"serverInfo":{"name":"s","title":"MARK"}}
initialize ToolDefinition Text yes {"serverInfo":{"name":"s","description":"MARK"}}
initialize ToolDefinition JsonLeaf yes {"capabilities":{"experimental":{"x":"MARK"}}}
# 14: completion.
completion/complete ToolResult JsonLeaf yes {"completion":{"values":["a","MARK"],"total":2}}
"##;

/// Notifications and requests of a server.
const MESSAGES: &str = r##"
# 8: notifications.
notifications/progress ToolResult Text yes {"progressToken":1,"progress":0.5,"message":"MARK"}
notifications/progress ToolResult Text yes {"progressToken":1,"progress":"MARK"}
notifications/message ToolResult Text yes {"level":"info","data":"MARK"}
notifications/message ToolResult Text yes {"level":"info","logger":"MARK","data":1}
notifications/message ToolResult JsonLeaf yes {"level":"info","data":{"error":["MARK"]}}
notifications/message ToolResult Name name {"level":"MARK","data":null}
notifications/tasks/status ToolResult Text yes {"taskId":"1","status":"working","statusMessage":"MARK"}
notifications/tasks ToolResult Text yes {"taskId":"1","result":{"content":[{"type":"text","text":"MARK"}]}}
notifications/resources/updated ToolResult Text uri {"uri":"file:///MARK"}
notifications/cancelled ToolResult Text yes {"requestId":"1","reason":"MARK"}
# Requests of a legacy server.
sampling/createMessage ToolResult Text yes {"messages":[{"role":"user","content":{"type":"text","text":"MARK"}}],"maxTokens":1}
sampling/createMessage ToolResult Text yes {"messages":[],"systemPrompt":"MARK"}
sampling/createMessage ToolResult JsonLeaf yes {"messages":[],"stopSequences":["MARK"]}
sampling/createMessage ToolDefinition Text yes {"tools":[{"name":"t","description":"MARK"}]}
sampling/createMessage ToolResult Text yes {"messages":[{"role":"user","content":[{"type":"tool_result","toolUseId":"1","content":[{"type":"text","text":"MARK"}]}]}]}
elicitation/create ToolResult Text yes {"message":"MARK","requestedSchema":{}}
elicitation/create ToolResult JsonLeaf yes {"requestedSchema":{"properties":{"a":{"title":"MARK"}}}}
elicitation/create ToolResult Text yes {"mode":"url","url":"https://MARK/"}
"##;

/// An error that a legacy client answers with.
const ERRORS_OF_CLIENTS: &str = r#"roots/list Assistant Text yes {"code":-1,"message":"MARK"}"#;

/// Members that no message has.
const MORE_TO_SERVERS: &str = r#"ping Assistant JsonLeaf yes {"x":"MARK"}"#;

/// The same the other way.
const MORE_TO_CLIENTS: &str = r#"ping ToolResult JsonLeaf yes {"x":"MARK"}"#;

/// One row of the tables.
pub(crate) struct Row<'a> {
    pub(crate) direction: Direction,
    pub(crate) method: &'a str,
    /// The message, with the mark.
    pub(crate) body: String,
    found: Found,
}

impl Row<'_> {
    /// Whether the mark may be rewritten.
    pub(crate) fn is_rewritable(&self) -> bool {
        self.found.rewrite == Rewrite::Yes
    }
}

/// Every row.
pub(crate) fn rows() -> Vec<Row<'static>> {
    let tables = [
        (ToServer, "params", REQUESTS),
        (ToServer, "result", ANSWERS),
        (ToServer, "error", ERRORS_OF_CLIENTS),
        (ToClient, "result", RESULTS),
        (ToClient, "error", ERRORS),
        (ToClient, "result", OTHER_RESULTS),
        (ToClient, "params", MESSAGES),
        (ToServer, "more", MORE_TO_SERVERS),
        (ToClient, "more", MORE_TO_CLIENTS),
    ];
    tables
        .into_iter()
        .flat_map(|(direction, member, table)| {
            table
                .lines()
                .filter(|row| !row.is_empty() && !row.starts_with('#'))
                .map(move |line| row(direction, member, line))
        })
        .collect()
}

fn row<'a>(direction: Direction, member: &str, line: &'a str) -> Row<'a> {
    let [method, role, form, rewrite, part] = line.splitn(5, ' ').collect::<Vec<_>>()[..] else {
        panic!("{line}")
    };
    let body = match member {
        "params" => format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{part}}}"#),
        other => format!(r#"{{"{other}":{part},"id":"a","jsonrpc":"2.0"}}"#),
    };
    Row {
        direction,
        method,
        body: body.replace("MARK", MARK),
        found: found(role, form, rewrite),
    }
}

fn found(role: &str, form: &str, rewrite: &str) -> Found {
    Found {
        role: match role {
            "Assistant" => Role::Assistant,
            "User" => Role::User,
            "ToolResult" => Role::ToolResult,
            "ToolDefinition" => Role::ToolDefinition,
            other => panic!("{other}"),
        },
        form: match form {
            "Text" => Form::Text,
            "JsonLeaf" => Form::JsonLeaf,
            "JsonKey" => Form::JsonKey,
            "Name" => Form::Name,
            other => panic!("{other}"),
        },
        rewrite: match rewrite {
            "yes" => Rewrite::Yes,
            "name" => Rewrite::No("name"),
            "key" => Rewrite::No("key"),
            "uri" => Rewrite::No("uri"),
            "opaque" => Rewrite::No("opaque"),
            other => panic!("{other}"),
        },
    }
}

#[test]
fn every_surface_is_found_as_what_it_is() {
    let rows = rows();
    assert!(rows.len() > 140, "{}", rows.len());
    for row in rows {
        check_place(
            texts_of(row.direction, row.method, None, &row.body),
            &row.body,
            row.found,
        );
    }
}
