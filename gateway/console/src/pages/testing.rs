//! Records to test with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parapet_policy::facts::Subject;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::record::{End, GuardrailRecord, Parameters, RECORD_VERSION, Record};

/// An answer that went out in full.
pub(crate) fn record(id: &str) -> Record {
    Record {
        version: RECORD_VERSION,
        request_id: id.into(),
        trace: None,
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        revision: None,
        route: "/v1/chat/completions",
        subject: Some(Subject::User("alice@example.com".into())),
        teams: vec!["support".into()],
        model: Some("demo/echo".into()),
        stream: false,
        parameters: Parameters::default(),
        mcp: None,
        guardrails: Vec::new(),
        attempts: Vec::new(),
        unjudged: Vec::new(),
        rewrites: Vec::new(),
        end: End::Allowed,
        status: 200,
        request_bytes: 1,
        response_bytes: 2,
        total_us: 3_000,
        content: None,
    }
}

/// A guardrail that came to something.
pub(crate) fn guardrail(selector: &str, outcome: &'static str) -> GuardrailRecord {
    GuardrailRecord {
        selector: selector.into(),
        kind: "regex",
        hook: Hook::LlmInput,
        tool: None,
        operation: Operation::Validate,
        strategy: Strategy::Enforce,
        outcome,
        blocks: false,
        failure: None,
        skipped: None,
        categories: Vec::new(),
        edits: 0,
        places: None,
        start_us: 10,
        took_us: 20,
        cached: false,
        rules: Arc::from(["baseline".into()]),
        calls: Vec::new(),
    }
}
