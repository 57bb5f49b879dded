//! Which tools a caller is not shown: never one that might be allowed.

use bytes::Bytes;
use parapet_policy::hook::Hook;
use serde_json::json;

use super::{POLICIES, build, model, tool};
use crate::exchange::Call;
use crate::guardrail::Guardrail;

/// A built guardrail's two answers.
struct Asked(Guardrail);

impl Asked {
    fn of(policy: &str) -> Self {
        // A model call has neither arguments nor a tool.
        let policy = &policy.replace("action,", "action == Action::\"MCPToolInvoke\",");
        let built = build(policy).unwrap_or_else(|problems| panic!("{policy}: {problems:?}"));
        Self(built.guardrail)
    }

    fn never_allows(&self, call: &Call) -> bool {
        let Guardrail::Context(guardrail) = &self.0 else {
            panic!("not a context guardrail");
        };
        assert!(guardrail.limits_tools());
        let mut asked = call.clone();
        asked.metadata.clear();
        if let Some(mcp) = &mut asked.mcp {
            mcp.arguments = None;
        }
        guardrail.never_allows(&asked)
    }

    fn allows(&self, call: &Call) -> bool {
        let Guardrail::Context(guardrail) = &self.0 else {
            panic!("not a context guardrail");
        };
        guardrail.judge(call).is_ok()
    }
}

#[test]
fn a_tool_that_is_refused_whatever_it_is_called_with_is_told() {
    let asked = Asked::of(POLICIES);
    let ada = "user:ada team:engineering";
    let rows = [
        (ada, "github:get_issue", false),
        (ada, "github:delete_repo", true),
        (
            "user:ada team:engineering role:admin",
            "github:delete_repo",
            false,
        ),
        // No policy permits it, as far as nobody says that it only reads.
        (ada, "files:write_file", true),
        ("user:bob team:sales", "github:get_issue", true),
        ("virtualaccount:importer", "files:read_file", false),
        ("virtualaccount:importer", "files:delete_file", true),
        ("virtualaccount:importer", "shop:refund", true),
    ];
    for (caller, named, expected) in rows {
        let call = tool(caller, named, "{}");
        assert_eq!(asked.never_allows(&call), expected, "{caller} {named}");
    }
    let mut reads = tool("user:bob team:sales", "files:write_file", "{}");
    reads.mcp.as_mut().unwrap().hints.read_only = Some(true);
    assert!(!asked.never_allows(&reads), "hints are known beforehand");
}

#[test]
fn what_arguments_and_metadata_decide_is_left_to_the_call() {
    let rows = [
        // Arguments and metadata may open what a permit asks for.
        (
            r#"permit(principal, action, resource) when { context.metadata has m && context.metadata.m == "x" };"#,
            false,
        ),
        (
            r#"permit(principal, action, resource) when { context.tool == "t" && context.arguments has a };"#,
            false,
        ),
        (
            r#"permit(principal, action, resource) when { context.tool == "other" && context.arguments has a };"#,
            true,
        ),
        // And they may close what a forbid asks for.
        (
            r#"permit(principal, action, resource); forbid(principal, action, resource) unless { context.arguments has a };"#,
            false,
        ),
        (
            r#"permit(principal, action, resource); forbid(principal, action, resource) when { context.tool == "t" || context.arguments has a };"#,
            true,
        ),
        // A forbid that cannot be evaluated refuses every call.
        (
            r#"permit(principal, action, resource); forbid(principal, action, resource) when { 9223372036854775807 + 1 > 0 };"#,
            true,
        ),
        // Of one that reads arguments that is not certain.
        (
            r#"permit(principal, action, resource); forbid(principal, action, resource) when { context.arguments has a && 9223372036854775807 + 1 > 0 };"#,
            false,
        ),
        (
            r#"permit(principal, action, resource) when { 9223372036854775807 + 1 > 0 };"#,
            true,
        ),
    ];
    for (policy, expected) in rows {
        let call = tool("user:ada", "s:t", "{}");
        assert_eq!(Asked::of(policy).never_allows(&call), expected, "{policy}");
    }
}

#[test]
fn only_tools_are_hidden() {
    let asked = Asked::of("forbid(principal, action, resource);");
    assert!(!asked.never_allows(&model("user:ada", "main/gpt")));
    let mut call = tool("user:ada", "s:t", "{}");
    assert!(asked.never_allows(&call));
    call.hook = Hook::McpToolPostInvoke;
    assert!(!asked.never_allows(&call));
    call.hook = Hook::McpToolPreInvoke;
    call.mcp.as_mut().unwrap().tool = None;
    assert!(!asked.never_allows(&call));
}

/// Conditions that read, do not read and fail, of which larger ones are made.
const PARTS: [&str; 10] = [
    "context.tool == \"t\"",
    "context.tool like \"u*\"",
    "principal in Team::\"a\"",
    "context.hints has readOnly",
    "(context.arguments has a && context.arguments.a > 1)",
    "(context.arguments has a && context.arguments.a + 9223372036854775807 > 0)",
    "context.arguments has b",
    "(context.metadata has m && context.metadata.m == \"x\")",
    "9223372036854775807 + 1 > 0",
    "true",
];

/// Numbers that look random and are the same every time.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 40).unwrap() % most
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            return PARTS[self.below(PARTS.len())].to_owned();
        }
        let below = depth - 1;
        match self.below(5) {
            0 => format!("!({})", self.condition(below)),
            1 | 2 => format!("({} && {})", self.condition(below), self.condition(below)),
            3 => format!("({} || {})", self.condition(below), self.condition(below)),
            _ => format!(
                "(if {} then {} else {})",
                self.condition(0),
                self.condition(below),
                self.condition(below)
            ),
        }
    }

    fn policies(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(3) {
            let effect = ["permit", "permit", "forbid"][self.below(3)];
            let kind = ["when", "unless"][self.below(2)];
            let depth = self.below(4);
            text.push_str(&format!(
                "{effect}(principal, action, resource) {kind} {{ {} }};\n",
                self.condition(depth)
            ));
        }
        text
    }
}

#[test]
fn nothing_is_hidden_that_any_call_would_be_allowed() {
    let mut numbers = Numbers(7);
    let (mut hidden, mut shown) = (0, 0);
    for _ in 0..120 {
        let policy = numbers.policies();
        let asked = Asked::of(&policy);
        for (caller, name) in [("user:ada team:a", "s:t"), ("user:bob", "s:u1")] {
            let mut call = tool(caller, name, "{}");
            let never = asked.never_allows(&call);
            let mut any = false;
            for arguments in [
                json!({}),
                json!({"a": 0}),
                json!({"a": 2}),
                json!({"a": 0, "b": "x"}),
                json!({"a": 2, "b": "x"}),
                json!({"b": "x"}),
            ] {
                for metadata in [None, Some("x"), Some("y")] {
                    let mcp = call.mcp.as_mut().unwrap();
                    mcp.arguments = Some(Bytes::from(arguments.to_string()));
                    call.metadata.clear();
                    if let Some(value) = metadata {
                        call.metadata.insert("m".to_owned(), value.to_owned());
                    }
                    any |= asked.allows(&call);
                }
            }
            assert!(!(never && any), "{policy} hides {name} of {caller}");
            hidden += usize::from(never);
            shown += usize::from(any);
        }
    }
    // The test says something: both happen often.
    assert!(hidden > 30 && shown > 30, "{hidden} {shown}");
}
