//! Compiled policy.

use serde_json::json;

use crate::testing::{FakeKinds, guardrail, rule, said, written};

use super::compile;

#[test]
fn well_written_policy_has_nothing_said_about_it() {
    let rules = vec![rule("r", json!({"llm_input_guardrails": ["g/a"]}))];
    let compiled = compile(&written(vec![guardrail("a", "text")], rules), &FakeKinds);
    assert_eq!(said(&compiled.diagnostics, true), Vec::<String>::new());
}
