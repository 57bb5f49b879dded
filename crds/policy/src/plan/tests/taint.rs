//! What the rules say of calls in a conversation that has read text of strangers.

use serde_json::{Value, json};

use crate::rule::{Taint, TaintScope};
use crate::testing::{mcp_call, model_call, rule};

use super::planning::planner;

#[test]
fn the_strictest_rule_counts_and_names_itself() {
    use Taint::{Audit, Block};
    use TaintScope::{Caller, Conversation};
    type Row = (
        Vec<Value>,
        Option<(
            Taint,
            TaintScope,
            &'static [&'static str],
            Option<&'static str>,
        )>,
    );
    let rows: [Row; 7] = [
        (vec![], None),
        (vec![json!({"unscannable": "allow"})], None),
        (
            vec![json!({"taint": "audit"})],
            Some((Audit, Conversation, &["0"], None)),
        ),
        (
            vec![
                json!({"taint": "audit", "taint_scope": "caller"}),
                json!({"taint": "block"}),
            ],
            Some((Block, Conversation, &["1"], None)),
        ),
        (
            vec![
                json!({"taint": "block", "custom_error_message": "Not after reading mail."}),
                json!({"taint": "block", "taint_scope": "caller", "custom_error_message": "No."}),
            ],
            Some((Block, Caller, &["0", "1"], Some("Not after reading mail."))),
        ),
        (
            vec![json!({"taint": "block", "when": {"metadata": {"environment": "production"}}})],
            None,
        ),
        (
            vec![
                json!({"taint": "block", "when": {"target": {"operator": "or", "conditions": {
                "mcpServers": {"values": ["mail:send"], "condition": "in"}}}}}),
            ],
            Some((Block, Conversation, &["0"], None)),
        ),
    ];
    for (rules, expected) in rows {
        let what = format!("{rules:?}");
        let rules = rules.into_iter().enumerate();
        let rules = rules.map(|(index, written)| rule(&index.to_string(), written));
        let planner = planner(vec![], rules.collect());
        let call = mcp_call(&["mail"], Some("send"));
        let taint = planner.plan(&call, None).unwrap().taint;
        let got = taint.as_ref().map(|taint| {
            let rules: Vec<&str> = taint.rules.iter().map(|id| &**id).collect();
            let message = taint.custom_error_message.as_deref();
            (taint.action, taint.scope, rules, message)
        });
        let expected = expected
            .map(|(action, scope, rules, message)| (action, scope, rules.to_vec(), message));
        assert_eq!(got, expected, "{what}");
        let model = planner.plan(&model_call(&["openai/gpt-4o"]), None).unwrap();
        assert_eq!(model.taint, None, "{what}");
    }
}

#[test]
fn a_rule_that_only_refuses_what_none_can_judge_counts_for_tools_too() {
    let rules = vec![rule("r", json!({"unscannable": "block"}))];
    let plan = planner(vec![], rules)
        .plan(&mcp_call(&["mail"], None), None)
        .unwrap();
    assert_eq!(plan.unscannable, crate::rule::Unscannable::Block);
}
