//! Policies as they are written for the published product, in which a tool call's resource is its server.
//!
//! Here the resource is the tool, which is in its server. So `resource == MCPServer::"x"` and
//! `resource is MCPServer` are read as what they mean: `resource in MCPServer::"x"` and `resource is Tool`.

use serde_json::{Value, json};

const SERVER: &str = "MCPServer";
const TOOL: &str = "Tool";

/// Rewrites a policy's JSON form; tells whether anything was rewritten.
pub(super) fn rewrite(policy: &mut Value) -> bool {
    let mut changed = false;
    if let Some(scope) = policy.get_mut("resource") {
        changed |= rewrite_scope(scope);
    }
    let conditions = policy.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        if let Some(body) = condition.get_mut("body") {
            changed |= rewrite_expression(body);
        }
    }
    changed
}

fn rewrite_scope(scope: &mut Value) -> bool {
    let is_server = |entity: Option<&Value>| {
        entity.and_then(|entity| entity.get("type")) == Some(&Value::from(SERVER))
    };
    match scope.get("op").and_then(Value::as_str) {
        Some("==") if is_server(scope.get("entity")) => {
            scope["op"] = "in".into();
            true
        }
        Some("is") if scope.get("entity_type") == Some(&Value::from(SERVER)) => {
            scope["entity_type"] = TOOL.into();
            true
        }
        _ => false,
    }
}

fn rewrite_expression(expression: &mut Value) -> bool {
    if let Value::Array(items) = expression {
        return rewrite_all(items.iter_mut());
    }
    let Value::Object(members) = expression else {
        return false;
    };
    if let Some(operands) = members.remove("==") {
        if compares(&operands) {
            members.insert("in".to_owned(), in_order(operands));
            return true;
        }
        members.insert("==".to_owned(), operands);
    }
    if let Some(operands) = members.remove("!=") {
        if compares(&operands) {
            members.insert("!".to_owned(), json!({"arg": {"in": in_order(operands)}}));
            return true;
        }
        members.insert("!=".to_owned(), operands);
    }
    if let Some(is) = members.get_mut("is")
        && is.get("left").is_some_and(is_resource)
        && is.get("entity_type") == Some(&Value::from(SERVER))
    {
        is["entity_type"] = TOOL.into();
        return true;
    }
    let below = members.iter_mut();
    rewrite_all(
        below
            .filter(|(operator, _)| *operator != "Value")
            .map(|(_, below)| below),
    )
}

fn rewrite_all<'a>(expressions: impl Iterator<Item = &'a mut Value>) -> bool {
    let mut changed = false;
    for expression in expressions {
        changed |= rewrite_expression(expression);
    }
    changed
}

/// Whether the two sides are the resource and a server, in either order.
fn compares(operands: &Value) -> bool {
    match (operands.get("left"), operands.get("right")) {
        (Some(left), Some(right)) => {
            is_resource(left) && is_server(right) || is_server(left) && is_resource(right)
        }
        _ => false,
    }
}

fn in_order(operands: Value) -> Value {
    match operands.get("left").is_some_and(is_resource) {
        true => operands,
        false => json!({"left": operands.get("right"), "right": operands.get("left")}),
    }
}

fn is_resource(expression: &Value) -> bool {
    expression.get("Var") == Some(&Value::from("resource"))
}

fn is_server(expression: &Value) -> bool {
    let entity = expression
        .get("Value")
        .and_then(|value| value.get("__entity"));
    entity.and_then(|entity| entity.get("type")) == Some(&Value::from(SERVER))
}

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;

    use super::*;

    fn rewritten(text: &str) -> Option<String> {
        let mut json = Policy::parse(None, text).unwrap().to_json().unwrap();
        rewrite(&mut json).then(|| {
            let policy = Policy::from_json(None, json).unwrap();
            policy
                .to_cedar()
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        })
    }

    #[test]
    fn reads_a_server_as_the_tools_in_it() {
        let rows = [
            (
                r#"permit(principal, action, resource == MCPServer::"a");"#,
                r#"resource in MCPServer::"a""#,
            ),
            (
                "permit(principal, action, resource is MCPServer);",
                "resource is Tool",
            ),
            (
                r#"permit(principal, action, resource) when { 1 == 1 && MCPServer::"a" == resource };"#,
                r#"resource in MCPServer::"a""#,
            ),
            (
                r#"forbid(principal, action, resource) unless { [resource != MCPServer::"a"].contains(true) };"#,
                r#"!(resource in MCPServer::"a")"#,
            ),
            (
                "permit(principal, action, resource) when { resource is MCPServer };",
                "resource is Tool",
            ),
        ];
        for (text, expected) in rows {
            let rewritten = rewritten(text).unwrap();
            assert!(rewritten.contains(expected), "{rewritten}");
        }
    }

    #[test]
    fn leaves_everything_else_alone() {
        for text in [
            r#"permit(principal, action, resource in MCPServer::"a");"#,
            r#"permit(principal == User::"MCPServer", action, resource == Tool::"a:b");"#,
            r#"permit(principal, action, resource) when { principal == MCPServer::"a" || resource == Model::"a" };"#,
        ] {
            assert_eq!(rewritten(text), None, "{text}");
        }
    }
}
