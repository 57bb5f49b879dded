//! The resources behind the cells: one guardrail and one rule for each.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{How, Operation, Row, Strategy, Where};
use crate::scenario::schema::BlockAt;

const STRATEGIES: [Strategy; 3] = [
    Strategy::Enforce,
    Strategy::EnforceButIgnoreOnError,
    Strategy::Audit,
];

const ACCOUNTS: &str = r#"apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: gone}
spec: {openai: {baseUrl: "${closed}/v1"}}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: gone-claude}
spec: {anthropic: {baseUrl: "${closed}"}}
---
"#;

/// The name of the guardrail for a row under a strategy; also the name of the model that leads to it.
pub(super) fn guardrail_name(row: &Row, strategy: Strategy) -> String {
    let operation = match row.operation {
        Operation::Validate => "validate",
        Operation::Mutate => "mutate",
    };
    let strategy = match strategy {
        Strategy::Enforce => "enforce",
        Strategy::EnforceButIgnoreOnError => "ignore",
        Strategy::Audit => "audit",
    };
    let how = match row.how {
        How::Plain | How::JsonKey => "plain",
        How::Impatient => "impatient",
        How::Closed => "closed",
        How::BlockedByMutator => "blocked",
        How::UpstreamFails => "unreached",
    };
    format!("{operation}-{strategy}-{how}")
}

/// All resources of one file.
pub(super) fn manifests(place: Where, rows: &[Row], hook: BlockAt) -> String {
    let list = match hook {
        BlockAt::Input => "llm_input_guardrails",
        BlockAt::Output => "llm_output_guardrails",
        BlockAt::PreInvoke => "mcp_tool_pre_invoke_guardrails",
        BlockAt::PostInvoke => "mcp_tool_post_invoke_guardrails",
    };
    let mut guardrails = String::new();
    let mut rules = String::new();
    let mut made = BTreeSet::new();
    for row in rows {
        for strategy in STRATEGIES {
            let name = guardrail_name(row, strategy);
            if !made.insert(name.clone()) {
                continue;
            }
            guardrails.push_str(&guardrail(&name, place, row, strategy));
            // The blocker has the lower priority number, so it runs first.
            let blocker = if row.how == How::BlockedByMutator {
                "g/a-blocker, "
            } else {
                ""
            };
            let _ = writeln!(
                rules,
                "    - id: {name}\n      when: {{target: {{operator: or, conditions: {{model: {{values: [\"*/{name}\"], condition: in}}}}}}}}\n      \
                 {list}: [{blocker}g/{name}]"
            );
        }
    }
    format!(
        "{ACCOUNTS}apiVersion: parapet.dev/v1alpha1\nkind: GuardrailIntegration\nmetadata: {{name: g}}\nspec:\n  guardrails:\n\
         {BLOCKER}{guardrails}---\n\
         apiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {{name: matrix}}\nspec:\n  rules:\n{rules}"
    )
}

/// A mutator that comes before all others and whose service blocks.
const BLOCKER: &str = "    - {name: a-blocker, operation: mutate, priority: 0, custom: {url: \"${service}/blocker\"}}\n";

fn guardrail(name: &str, place: Where, row: &Row, strategy: Strategy) -> String {
    let operation = match row.operation {
        Operation::Validate => "validate",
        Operation::Mutate => "mutate",
    };
    let strategy = match strategy {
        Strategy::Enforce => "enforce",
        Strategy::EnforceButIgnoreOnError => "enforce_but_ignore_on_error",
        Strategy::Audit => "audit",
    };
    let member = match (place, row.how) {
        (Where::Local, _) => "regex: {presetPatterns: {presets: [us_ssn]}}",
        (Where::External, How::Closed) => "custom: {url: \"${closed}/judge\"}",
        (Where::External, _) => "custom: {url: \"${service}/judge\"}",
    };
    // What sees the mutators' work runs after them, and not at all when one of them blocks.
    let input = match (row.operation, row.how) {
        (Operation::Validate, How::BlockedByMutator) => ", input: mutated",
        _ => "",
    };
    let timeout = if row.how == How::Impatient {
        ", timeout: 100ms"
    } else {
        ""
    };
    format!(
        "    - {{name: {name}, operation: {operation}, enforcingStrategy: {strategy}{timeout}{input}, {member}}}\n"
    )
}
