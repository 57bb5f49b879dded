//! Policies that do not build, and what is said of them.

use super::*;

fn problems(policy: &str) -> Vec<String> {
    match build(policy) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            assert!(problems.iter().all(|problem| problem.path == "policy"));
            problems
                .into_iter()
                .map(|problem| problem.message)
                .collect()
        }
    }
}

#[test]
fn says_where_a_policy_cannot_be_read() {
    let found =
        problems("permit(principal, action, resource);\n\npermit(principal, actoin, resource);");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("line 3, column "), "{found:?}");
}

#[test]
fn says_what_the_schema_does_not_know() {
    let rows = [
        (r#"permit(principal == Usr::"a", action, resource);"#, "Usr"),
        (r#"permit(principal, action == Action::"Invoke", resource);"#, "Invoke"),
        ("permit(principal, action, resource) when { context.user == \"a\" };", "user"),
        ("permit(principal, action, resource) when { principal.email == \"a\" };", "email"),
        // A model call has no tool.
        ("permit(principal, action, resource) when { context.tool == \"a\" };", "tool"),
        // It may be absent.
        (
            "permit(principal, action == Action::\"MCPToolInvoke\", resource) when { context.arguments.a == \"a\" };",
            "optional",
        ),
        ("permit(principal, action, resource) when { principal.name > 1 };", "String"),
        // Neither a text nor a number.
        (
            "permit(principal, action == Action::\"MCPToolInvoke\", resource)
             when { context.arguments has a && context.arguments.a like \"x\" && context.arguments.a > 1 };",
            "String",
        ),
        ("permit(principal == ?principal, action, resource);", "template"),
        ("permit(principal, action, resource) when { context.arguments == {} };", "by their members"),
        (
            "@id(\"a\") permit(principal, action, resource); @id(\"a\") permit(principal, action, resource);",
            "two policies are named \"a\"",
        ),
        ("@id(\"\") permit(principal, action, resource);", "cannot name a policy"),
        (
            "permit(principal, action == Action::\"MCPToolInvoke\", resource)
             when { context.arguments has __cedar && context.arguments.__cedar == \"a\" };",
            "__cedar",
        ),
    ];
    for (policy, expected) in rows {
        let found = problems(policy);
        assert!(
            found.iter().any(|message| message.contains(expected)),
            "{policy}: {found:?}"
        );
    }
}

#[test]
fn the_number_of_arguments_is_bounded() {
    let policies = |count: usize| -> String {
        (0..count)
            .map(|n| {
                format!(
                    "permit(principal, action == Action::\"MCPToolInvoke\", resource)
                     when {{ context.arguments has a{n} }};"
                )
            })
            .collect()
    };
    assert!(build(&policies(20)).is_ok());
    let found = problems(&policies(257));
    assert!(found[0].contains("more than 256 arguments"), "{found:?}");
}

#[test]
fn cannot_rewrite() {
    let context = BuildContext::without_secrets(Operation::Mutate);
    assert!(crate::kinds::build("cedar", &json!({"policy": ""}), &context).is_err());
}

#[test]
fn what_can_never_apply_is_a_warning() {
    let policy = r#"
        permit(principal, action, resource);
        forbid(principal, action == Action::"ModelInvoke", resource in MCPServer::"a");
    "#;
    match build(policy) {
        Ok(built) => assert!(!built.remarks.is_empty()),
        Err(problems) => panic!("{problems:?}"),
    }
}
