use std::time::Duration;

use super::*;
use crate::trace::{SpanId, TraceId};

fn full() -> Record {
    Record {
        version: RECORD_VERSION,
        request_id: "r-1".into(),
        trace: Some(TraceContext {
            trace_id: TraceId::new(0x4bf9),
            span_id: SpanId::new(7),
            parent: Some(SpanId::new(9)),
            state: None,
            sampled: true,
        }),
        started: SystemTime::UNIX_EPOCH + Duration::from_micros(1_800_000_000_123_456),
        revision: Some(Revision {
            epoch: 17,
            generation: 42,
        }),
        route: "/v1/chat/completions",
        subject: Some(Subject::User("ada".into())),
        teams: vec!["payments".into()],
        model: Some("openai-main/gpt-4o".into()),
        mcp: Some(McpMessage {
            server: "github".into(),
            source: None,
            method: "tools/call",
            tool: Some("get_issue".into()),
            version: "2026-07-28",
            from: McpSide::Client,
            failed: true,
            dropped: 0,
        }),
        stream: true,
        parameters: Parameters {
            temperature: Some(0.5),
            seed: Some(-7),
            ..Parameters::default()
        },
        guardrails: vec![GuardrailRecord {
            selector: "g/judge".into(),
            kind: "custom",
            hook: Hook::LlmInput,
            tool: None,
            operation: Operation::Validate,
            strategy: Strategy::Enforce,
            outcome: "failed",
            blocks: true,
            failure: Some(FailureClass::Timeout),
            skipped: None,
            categories: vec![("email".into(), 2)],
            edits: 1,
            places: Places::of(std::iter::once(2), |text| {
                format!("messages[{text}].content")
            }),
            start_us: 10,
            took_us: 20,
            cached: false,
            rules: vec!["all".into()].into(),
            calls: vec![NetworkCall {
                server: "judge:80".into(),
                status: None,
                error: Some("unavailable"),
                start_us: 11,
                took_us: 19,
                span: 3,
            }],
        }],
        attempts: vec![Attempt {
            provider: "openai-main".into(),
            kind: "openai",
            server: Some("api.openai.com:443".into()),
            model: "gpt-4o".into(),
            status: Some(200),
            start_us: 12,
            first_text_us: Some(15),
            took_us: 30,
            input_tokens: Some(4),
            cache_read_tokens: Some(2),
            response_id: Some("chatcmpl-1".into()),
            finish_reasons: vec!["stop"],
            error: Some("dropped"),
            span: 4,
            ..Attempt::default()
        }],
        unjudged: vec![("image".into(), 1)],
        rewrites: vec!["store"],
        end: End::BlockedFailure,
        status: 503,
        request_bytes: 100,
        response_bytes: u64::from(u32::MAX) + 1,
        total_us: 50,
        content: Some(Box::new(Content {
            input: b"hush".to_vec(),
            output: Vec::new(),
        })),
    }
}

#[test]
fn what_travelled_is_what_was_written_without_text() {
    let written = serde_json::to_string(&full()).unwrap();
    assert!(!written.contains("hush"));
    let read: Record = serde_json::from_str(&written).unwrap();
    assert!(read.content.is_none());
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
    assert_eq!(
        (read.started, read.route),
        (full().started, "/v1/chat/completions")
    );

    let bare = Record {
        trace: None,
        subject: None,
        guardrails: Vec::new(),
        attempts: Vec::new(),
        ..full()
    };
    let written = serde_json::to_string(&bare).unwrap();
    let read: Record = serde_json::from_str(&written).unwrap();
    assert!(read.trace.is_none());
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
}

#[test]
fn what_is_no_record_is_refused() {
    let good = serde_json::to_value(full()).unwrap();
    for (pointer, bad) in [
        ("/status", serde_json::json!(-1)),
        ("/end", serde_json::json!("elsewhere")),
        ("/started", serde_json::json!("yesterday")),
        ("/guardrails/0/kind", serde_json::json!(7)),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).unwrap() = bad;
        assert!(
            serde_json::from_value::<Record>(value).is_err(),
            "{pointer}"
        );
    }
    // A trace that cannot be read is none, as for one that was never there.
    let mut value = good;
    value["trace_id"] = serde_json::json!("0");
    let read: Record = serde_json::from_value(value).unwrap();
    assert!(read.trace.is_none());
}
