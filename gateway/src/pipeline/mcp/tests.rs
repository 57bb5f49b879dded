mod lists;
mod surfaces;

use std::sync::Arc;

use parapet_guardrails::exchange::Verdict;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::Operation::{Mutate, Validate};
use parapet_policy::outcome::Strategy::{Audit, Enforce, EnforceButIgnoreOnError};
use parapet_policy::outcome::{FailureClass, Strategy};
use serde_json::{Value, json};

use super::{Allowed, Judging, Stopped, hook_of, judge};
use crate::llm::Limits;
use crate::mcp::surfaces::tests::parsed;
use crate::mcp::surfaces::{About, Direction, Parsed};
use crate::pipeline::hook::tests::{Bench, Word, violation};

/// A judging of one message, with everything else as it usually is.
fn judging<'a>(body: &str, about: About<'a>) -> Judging<'a> {
    Judging {
        message: parsed(body),
        about,
        request: None,
        refuses_unjudged: false,
        modern: true,
        limits: Limits::default(),
    }
}

async fn run(bench: &Bench, judging: &Judging<'_>) -> (Result<Allowed, Stopped>, Vec<String>) {
    let hook = hook_of(judging.about.direction);
    bench
        .run_with(hook, async |stage| judge(stage, judging).await)
        .await
}

fn text_of(allowed: &Result<Allowed, Stopped>) -> Option<String> {
    let changed = allowed.as_ref().ok()?.changed.clone()?;
    Some(String::from_utf8(changed.to_vec()).unwrap())
}

fn status_of(allowed: &Result<Allowed, Stopped>) -> Option<u16> {
    match allowed {
        Ok(_) => None,
        Err(Stopped::Blocked(blocked)) => Some(blocked.status()),
        Err(Stopped::Unreadable(error)) => panic!("{error}"),
    }
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":"one"}}}"#;

fn call() -> Judging<'static> {
    judging(CALL, About::new(Direction::ToServer, "tools/call"))
}

fn result(structured: &str, text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}],"structuredContent":{structured}}}}}"#
    )
}

fn answer<'a>(body: &str, tool: Option<&'a Parsed>) -> Judging<'a> {
    let about = About {
        tool,
        ..About::new(Direction::ToClient, "tools/call")
    };
    judging(body, about)
}

#[tokio::test(start_paused = true)]
async fn without_guardrails_nothing_is_looked_at() {
    let (allowed, outcomes) = run(&Bench::default(), &call()).await;
    assert_eq!(allowed.map(|allowed| allowed.changed), Ok(None));
    assert!(outcomes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn mutators_come_before_validators_on_both_hooks() {
    for judging in [call(), answer(&result("{}", "one"), None)] {
        let bench = Bench::default()
            .text(Validate, Enforce, Word("one", ""))
            .text(Mutate, Enforce, Word("one", "two"))
            .service(Validate, Enforce, 10, Ok(Verdict::Pass));
        let (allowed, outcomes) = run(&bench, &judging).await;
        assert_eq!(outcomes, ["g/0 clean 0", "g/1 changed 1", "g/2 clean 0"]);
        assert!(text_of(&allowed).unwrap().contains("two"));
        let shown = bench.shown.lock().unwrap().join(" ");
        assert!(shown.contains("two") && !shown.contains("one"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_done_before_the_message_goes_on() {
    let bench = Bench::default().service(Validate, Enforce, 300, Ok(Verdict::Pass));
    let began = tokio::time::Instant::now();
    let ((), _) = bench
        .run_with(Hook::McpToolPreInvoke, async |stage| {
            judge(stage, &call()).await.unwrap();
            assert_eq!(began.elapsed().as_millis(), 300);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn strategies_decide_what_an_outcome_costs() {
    type Row = (Strategy, Result<Verdict, FailureClass>, Option<u16>);
    let failed = || Err(FailureClass::Unavailable);
    let rows: [Row; 6] = [
        (Enforce, violation(), Some(400)),
        (EnforceButIgnoreOnError, violation(), Some(400)),
        (Audit, violation(), None),
        (Enforce, failed(), Some(503)),
        (EnforceButIgnoreOnError, failed(), None),
        (Audit, failed(), None),
    ];
    for (strategy, verdict, status) in rows {
        for judging in [call(), answer(&result("{}", "x"), None)] {
            let bench = Bench::default().service(Validate, strategy, 10, verdict.clone());
            let (allowed, outcomes) = run(&bench, &judging).await;
            assert_eq!(status_of(&allowed), status, "{strategy:?} {verdict:?}");
            assert_eq!(outcomes.len(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_audit_changes_nothing() {
    let bench = Bench::default().text(Mutate, Audit, Word("one", "two"));
    let (allowed, outcomes) = run(&bench, &call()).await;
    assert_eq!(text_of(&allowed), None);
    assert_eq!(outcomes, ["g/0 changed 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_a_failure() {
    let bench = Bench::default().service(Validate, Enforce, 60_000, Ok(Verdict::Pass));
    assert_eq!(status_of(&run(&bench, &call()).await.0), Some(503));
}

#[tokio::test(start_paused = true)]
async fn services_are_shown_the_call_and_its_result() {
    let bench = Bench::default()
        .text(Mutate, Enforce, Word("one", "two"))
        .service(Validate, Enforce, 1, Ok(Verdict::Pass));
    let sent = run(&bench, &call()).await.0.unwrap().changed.unwrap();
    let sent = parsed(std::str::from_utf8(&sent).unwrap());
    let shown = bench.shown.lock().unwrap().clone();
    let call = json!({"method": "tools/call", "params": {"name": "t", "arguments": {"a": "two"}}});
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(read(&shown[0]), call);
    let bench = Bench::default().service(Validate, Enforce, 1, Ok(Verdict::Pass));
    let body = result("1", "x");
    let judging = Judging {
        request: Some(&sent),
        ..answer(&body, None)
    };
    run(&bench, &judging).await.0.unwrap();
    let shown = bench.shown.lock().unwrap().clone();
    let came_to = json!({"content": [{"type": "text", "text": "x"}], "structuredContent": 1});
    assert_eq!(
        shown.iter().map(|text| read(text)).collect::<Vec<_>>(),
        [call, came_to]
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_service_returns_is_taken_over() {
    let returned =
        json!({"method": "tools/call", "params": {"name": "t", "arguments": {"a": "[R]"}}});
    let bench = Bench::default().service(Mutate, Enforce, 1, Ok(Verdict::Body(returned)));
    let (allowed, _) = run(&bench, &call()).await;
    assert_eq!(text_of(&allowed).unwrap(), CALL.replace("one", "[R]"));
    for returned in [
        json!({"method": "tools/call", "params": {"name": "other", "arguments": {"a": "one"}}}),
        json!({"method": "tools/list", "params": {"name": "t", "arguments": {"a": "one"}}}),
        json!({"method": "tools/call", "params": {"name": "t", "arguments": {"b": "one"}}}),
    ] {
        let bench = Bench::default().service(Mutate, Enforce, 1, Ok(Verdict::Body(returned)));
        assert_eq!(status_of(&run(&bench, &call()).await.0), Some(400));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_service_changes_in_one_place_is_changed_in_both() {
    let body = result(r#"{"key":"secret"}"#, r#"{\"key\": \"secret\"}"#);
    let returned = json!({
        "content": [{"type": "text", "text": "{\"key\": \"[R]\"}"}],
        "structuredContent": {"key": "secret"},
    });
    // The validator after it sees what is sent on.
    let bench = Bench::default()
        .service(Mutate, Enforce, 1, Ok(Verdict::Body(returned)))
        .text(Validate, Enforce, Word("secret", ""));
    let (allowed, outcomes) = run(&bench, &answer(&body, None)).await;
    assert_eq!(text_of(&allowed), Some(body.replace("secret", "[R]")));
    assert_eq!(outcomes, ["g/0 changed 1", "g/1 clean 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_redaction_that_would_break_the_output_schema_is_a_block() {
    let tool = |schema: &str| {
        parsed(&format!(
            r#"{{"name":"t","outputSchema":{{"properties":{{"key":{schema}}}}}}}"#
        ))
    };
    let bench = || Bench::default().text(Mutate, Enforce, Word("secret", "[R]"));
    let body = result(r#"{"key":"secret"}"#, "secret");
    for (schema, status) in [
        (r#"{"type":"string"}"#, None),
        (r#"{"enum":["secret"]}"#, Some(400)),
        (r#"{"pattern":"^s"}"#, Some(400)),
        (r#"{"minLength":6}"#, Some(400)),
    ] {
        let tool = tool(schema);
        let (allowed, outcomes) = run(&bench(), &answer(&body, Some(&tool))).await;
        assert_eq!(status_of(&allowed), status, "{schema}");
        match status {
            None => assert_eq!(text_of(&allowed), Some(body.replace("secret", "[R]"))),
            Some(_) => assert_eq!(outcomes, ["g/0 violation 0"]),
        }
        // Nobody checks a failure against the schema.
        let failed = body.replace("\"content\"", "\"isError\":true,\"content\"");
        let (allowed, _) = run(&bench(), &answer(&failed, Some(&tool))).await;
        assert_eq!(text_of(&allowed), Some(failed.replace("secret", "[R]")));
    }
    let numbers = parsed(r#"{"name":"t","outputSchema":{"properties":{"n":{"type":"integer"}}}}"#);
    let body = result(r#"{"n":4111111}"#, r#"{\"n\": 4111111}"#);
    let bench = Bench::default().text(Mutate, Enforce, Word("4111111", "[R]"));
    assert_eq!(
        status_of(&run(&bench, &answer(&body, Some(&numbers))).await.0),
        Some(400)
    );
    assert!(run(&bench, &answer(&body, None)).await.0.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_judge_is_recorded_and_may_be_refused() {
    let body =
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"image","data":"iVBORw0KGgo="}]}}"#;
    for refuses_unjudged in [false, true] {
        let judging = Judging {
            refuses_unjudged,
            ..answer(body, None)
        };
        let bench = Bench::default().text(Validate, Enforce, Word("x", ""));
        let ((allowed, unjudged), _) = bench
            .run_with(Hook::McpToolPostInvoke, async |stage| {
                let allowed = judge(stage, &judging).await;
                let unjudged = stage.recording.with(|record| record.unjudged.clone());
                (allowed, unjudged)
            })
            .await;
        assert_eq!(status_of(&allowed), refuses_unjudged.then_some(400));
        assert_eq!(unjudged, [(Arc::from("image"), 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_with_too_many_texts_is_no_block() {
    let judging = Judging {
        limits: Limits {
            max_segments: 1,
            ..Limits::default()
        },
        ..call()
    };
    let bench = Bench::default().text(Validate, Enforce, Word("x", ""));
    assert!(matches!(
        run(&bench, &judging).await.0,
        Err(Stopped::Unreadable(_))
    ));
}

#[test]
fn debug_output_holds_no_text() {
    let shown = format!("{:?}", call());
    assert!(!shown.contains("arguments"), "{shown}");
}
