//! Policies and calls that look random and are the same every time.

use serde_json::{Value, json};

use super::listed::Numbers;
use super::*;

const PRINCIPALS: [&str; 12] = [
    "principal",
    "principal",
    "principal",
    "principal",
    "principal",
    "principal",
    "principal == User::\"ada\"",
    "principal in Team::\"a\"",
    "principal in Team::\"everyone\"",
    "principal is VirtualAccount",
    "principal is User in Role::\"r\"",
    "principal in User::\"ada\"",
];

const TOOLS: [&str; 12] = [
    "resource",
    "resource",
    "resource",
    "resource",
    "resource",
    "resource",
    "resource == MCPServer::\"s\"",
    "resource == Tool::\"s:t\"",
    "resource in MCPServer::\"source\"",
    "resource in Tool::\"source:v\"",
    "resource is Tool",
    "resource is Tool in MCPServer::\"s\"",
];

const MODELS: [&str; 4] = [
    "resource",
    "resource == Model::\"main/gpt\"",
    "resource in Model::\"other/gpt\"",
    "resource in ModelProvider::\"other\"",
];

/// What conditions about tools are made of: what is read without Cedar, what is not, and what fails.
const OF_TOOLS: [&str; 41] = [
    "context.tool == \"t\"",
    "context.tool != \"v\"",
    "\"v\" == context.tool",
    "context.tool like \"u*\"",
    "context.server == \"source\"",
    "[\"t\", \"v\"].contains(context.tool)",
    "resource.name == \"t\"",
    "resource.server like \"s*\"",
    "resource == Tool::\"s:t\"",
    "resource == MCPServer::\"source\"",
    "resource != MCPServer::\"s\"",
    "resource in [MCPServer::\"x\", Tool::\"source:v\"]",
    "resource is Tool in MCPServer::\"s\"",
    "principal == User::\"ada\"",
    "principal in Team::\"a\"",
    "principal in [Team::\"b\", Role::\"r\"]",
    "principal is VirtualAccount",
    "principal.name == \"bob\"",
    "principal.teams.contains(\"a\")",
    "principal.roles.contains(context.tool)",
    "[User::\"ada\", User::\"eve\"].contains(principal)",
    "action == Action::\"MCPToolInvoke\"",
    "context.hints has readOnly",
    "(context.hints has destructive && context.hints.destructive)",
    "(context.hints has destructive && context.hints.destructive == false)",
    "(context has hints.openWorld && context.hints.openWorld)",
    "(context.metadata has m && context.metadata.m == \"x\")",
    "(context.metadata has m && context.metadata.m like \"*y\")",
    "context.arguments has s",
    "(context.arguments has s && context.arguments.s like \"/data/*\")",
    "(context.arguments has s && [\"/data/a\", \"b\"].contains(context.arguments.s))",
    "(context.arguments has n && context.arguments.n >= 7)",
    "(context.arguments has n && context.arguments.n + 9223372036854775800 > 0)",
    "(context.arguments has f && context.arguments.f)",
    "(context.arguments has tags && context.arguments.tags.contains(\"x\"))",
    "(context.arguments has o.p && context.arguments.o.p == \"q\")",
    "(context has arguments.o.p && context.arguments.o.p like \"q*\")",
    "(context.arguments has d && context.arguments.d.lessThan(decimal(\"1.5\")))",
    "9223372036854775807 + 1 > 0",
    "1 < 2",
    "(if context.arguments has s then context.arguments.s != \"b\" else context.tool == \"t\")",
];

const OF_MODELS: [&str; 8] = [
    "context.model == \"main/gpt\"",
    "context.model like \"main/*\"",
    "resource == Model::\"main/gpt\"",
    "resource in ModelProvider::\"other\"",
    "resource.name like \"*gpt\"",
    "principal in Team::\"a\"",
    "(context.metadata has m && context.metadata.m == \"x\")",
    "9223372036854775807 + 1 > 0",
];

fn condition(numbers: &mut Numbers, parts: &[&str], depth: usize) -> String {
    if depth == 0 {
        return parts[numbers.below(parts.len())].to_owned();
    }
    let mut of = |depth| condition(numbers, parts, depth);
    let (left, right, test) = (of(depth - 1), of(depth - 1), of(0));
    match numbers.below(6) {
        0 => format!("!({left})"),
        1..=3 => format!("({left} && {right})"),
        4 => format!("({left} || {right})"),
        _ => format!("(if {test} then {left} else {right})"),
    }
}

/// Some policies about tools and models.
pub(super) fn policies(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    for _ in 0..=numbers.below(5) {
        let mut one = |from: &[&'static str]| from[numbers.below(from.len())];
        let effect = one(&["permit", "permit", "forbid"]);
        let principal = one(&PRINCIPALS);
        let (action, resource, parts) = match one(&["tool", "tool", "tool", "model"]) {
            "tool" => ("MCPToolInvoke", one(&TOOLS), &OF_TOOLS[..]),
            _ => ("ModelInvoke", one(&MODELS), &OF_MODELS[..]),
        };
        text.push_str(&format!(
            "{effect}({principal}, action == Action::\"{action}\", {resource})"
        ));
        for _ in 0..numbers.below(3) {
            let kind = ["when", "unless"][numbers.below(2)];
            let depth = numbers.below(3);
            text.push_str(&format!(
                " {kind} {{ {} }}",
                condition(numbers, parts, depth)
            ));
        }
        text.push_str(";\n");
    }
    text
}

/// A tool call or a model call.
pub(super) fn call_of(numbers: &mut Numbers) -> Call {
    let mut one = |from: &[&'static str]| from[numbers.below(from.len())];
    let caller = one(&[
        "user:ada team:a",
        "user:bob team:b role:r",
        "user:eve",
        "virtualaccount:ada team:a",
        "virtualaccount:bob role:t",
    ]);
    let mut call = match one(&["tool", "tool", "tool", "model"]) {
        "tool" => tool(
            caller,
            one(&["s:t", "s:u1", "s source:t", "x:v", "source:v"]),
            "{}",
        ),
        _ => model(
            caller,
            one(&["main/gpt", "main/gpt other/gpt", "alias main/gpt"]),
        ),
    };
    let metadata = one(&["", "x", "zy"]);
    if !metadata.is_empty() {
        call.metadata.insert("m".to_owned(), metadata.to_owned());
    }
    let Some(mcp) = &mut call.mcp else {
        return call;
    };
    if mcp.servers.len() > 1 && numbers.below(2) == 0 {
        mcp.source_tool = Some("v".into());
    }
    let hints = [None, None, Some(true), Some(false)];
    let mut hint = || hints[numbers.below(hints.len())];
    mcp.hints.read_only = hint();
    mcp.hints.destructive = hint();
    mcp.hints.open_world = hint();
    mcp.arguments = Some(Bytes::from(arguments(numbers).to_string()));
    call
}

fn arguments(numbers: &mut Numbers) -> Value {
    let choices = [
        ("s", vec![json!("/data/a"), json!("b"), json!(null)]),
        ("n", vec![json!(3), json!(8), json!(i64::MAX), json!(7.0)]),
        ("f", vec![json!(true), json!(false)]),
        (
            "tags",
            vec![json!([]), json!(["x", "y"]), json!("x"), json!(["y"])],
        ),
        (
            "o",
            vec![json!({"p": "q"}), json!({"p": "r"}), json!({}), json!(1)],
        ),
        ("d", vec![json!(1.25), json!("2.5"), json!("no")]),
        ("other", vec![json!({"s": 1})]),
    ];
    let mut arguments = serde_json::Map::new();
    for (name, values) in choices {
        if numbers.below(2) == 0 {
            let value = values[numbers.below(values.len())].clone();
            arguments.insert(name.to_owned(), value);
        }
    }
    Value::Object(arguments)
}
