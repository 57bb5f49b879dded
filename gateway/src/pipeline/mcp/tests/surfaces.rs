//! Every surface through the pipeline: only the mark is replaced, or the message is blocked.

use super::*;
use crate::llm::testing::MARK;
use crate::mcp::surfaces::tests::places::rows;

const REPLACEMENT: &str = "[REDACTED]";

#[tokio::test(start_paused = true)]
async fn a_mutator_replaces_the_mark_only_or_blocks() {
    let bench = Bench::default().text(Mutate, Enforce, Word(MARK, REPLACEMENT));
    for row in rows() {
        let judging = judging(&row.body, About::new(row.direction, row.method));
        // A list loses the entry instead; its own tests say how.
        let whole = bench
            .run_with(hook_of(row.direction), async |stage| {
                super::super::judge_whole(stage, &judging).await
            })
            .await
            .0;
        if row.is_rewritable() {
            let expected = row.body.replace(MARK, REPLACEMENT);
            assert_eq!(text_of(&whole), Some(expected), "{}", row.body);
        } else {
            assert_eq!(status_of(&whole), Some(400), "{}", row.body);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_validator_lets_no_mark_through() {
    let bench = Bench::default().text(Validate, Enforce, Word(MARK, ""));
    for row in rows() {
        let judging = judging(&row.body, About::new(row.direction, row.method));
        match run(&bench, &judging).await.0 {
            Err(Stopped::Blocked(blocked)) => {
                // The category of this guardrail is the mark itself; nothing else may show it.
                let told = blocked.message().replace(&format!("{MARK} in "), "");
                assert!(!told.contains(MARK), "{told}");
            }
            filtered => {
                let left = text_of(&filtered).unwrap();
                assert!(!left.contains(MARK), "{left}");
                let filtered = ["list", "initialize", "discover"];
                // A task goes on without the words about its state.
                let is_task = row.body.contains("statusMessage") && !left.contains("statusMessage");
                assert!(
                    is_task || filtered.iter().any(|name| row.method.ends_with(name)),
                    "{}",
                    row.body
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_mark_every_message_goes_on_as_it_came() {
    let bench = Bench::default()
        .text(Mutate, Enforce, Word("absent", "x"))
        .text(Validate, Enforce, Word("absent", ""));
    for row in rows() {
        let judging = judging(&row.body, About::new(row.direction, row.method));
        let allowed = run(&bench, &judging).await.0.unwrap();
        assert_eq!(allowed.changed, None, "{}", row.body);
    }
}
