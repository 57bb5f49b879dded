//! What each outcome costs under each strategy.

use super::*;

#[tokio::test(start_paused = true)]
async fn strategy_by_outcome_for_every_class_of_guardrail() {
    // Status, then the outcome that is recorded.
    type Case = (Operation, Strategy, &'static str, Option<u16>, &'static str);
    let rows: Vec<Case> = vec![
        (Validate, Enforce, "hit", Some(400), "g/0 violation 0"),
        (
            Validate,
            EnforceButIgnoreOnError,
            "hit",
            Some(400),
            "g/0 violation 0",
        ),
        (Validate, Audit, "hit", None, "g/0 violation 0"),
        (Mutate, Enforce, "hit", None, "g/0 changed 1"),
        (
            Mutate,
            EnforceButIgnoreOnError,
            "hit",
            None,
            "g/0 changed 1",
        ),
        (Mutate, Audit, "hit", None, "g/0 changed 1"),
        (Validate, Enforce, "miss", None, "g/0 clean 0"),
        (Mutate, Enforce, "miss", None, "g/0 clean 0"),
    ];
    for (operation, strategy, word, status, outcome) in rows {
        let text = if word == "hit" { "a hit" } else { "nothing" };
        let ran = Bench::default()
            .text(operation, strategy, Word("hit", "[X]"))
            .run(IN, &[text], 1)
            .await;
        let what = format!("{operation:?} {strategy:?} {word}");
        assert_eq!(
            ran.blocked.map(|blocked| blocked.status()),
            status,
            "{what}"
        );
        assert_eq!(ran.outcomes, [outcome], "{what}");
        let edited = operation == Mutate && strategy != Audit && word == "hit";
        assert_eq!(ran.texts, [if edited { "a [X]" } else { text }], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn strategy_by_outcome_for_services() {
    let body = || Ok(Verdict::Body(serde_json::json!(["a [X]"])));
    let failed = || Err(FailureClass::Unavailable);
    type Case = (
        Operation,
        Strategy,
        Result<Verdict, FailureClass>,
        Option<u16>,
        &'static str,
    );
    let mut rows: Vec<Case> = Vec::new();
    for operation in [Validate, Mutate] {
        rows.push((operation, Enforce, Ok(Verdict::Pass), None, "g/0 clean 0"));
        rows.push((
            operation,
            Enforce,
            violation(),
            Some(400),
            "g/0 violation 0",
        ));
        rows.push((
            operation,
            EnforceButIgnoreOnError,
            violation(),
            Some(400),
            "g/0 violation 0",
        ));
        rows.push((operation, Audit, violation(), None, "g/0 violation 0"));
        rows.push((operation, Enforce, failed(), Some(503), "g/0 failed 0"));
        rows.push((
            operation,
            EnforceButIgnoreOnError,
            failed(),
            None,
            "g/0 failed 0",
        ));
        rows.push((operation, Audit, failed(), None, "g/0 failed 0"));
    }
    rows.push((Mutate, Enforce, body(), None, "g/0 changed 1"));
    rows.push((Mutate, Audit, body(), None, "g/0 changed 1"));
    rows.push((
        Mutate,
        Enforce,
        Ok(Verdict::Body(serde_json::json!({}))),
        Some(400),
        "g/0 violation 0",
    ));
    for (operation, strategy, answer, status, outcome) in rows {
        let what = format!("{operation:?} {strategy:?} {answer:?}");
        let ran = Bench::default()
            .service(operation, strategy, 10, answer)
            .run(IN, &["a hit"], 1)
            .await;
        assert_eq!(
            ran.blocked.map(|blocked| blocked.status()),
            status,
            "{what}"
        );
        assert_eq!(ran.outcomes, [outcome], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_build_counts_as_failed() {
    for operation in [Validate, Mutate] {
        for (strategy, status) in [
            (Enforce, Some(503)),
            (EnforceButIgnoreOnError, None),
            (Audit, None),
        ] {
            let ran = Bench::default()
                .add(operation, strategy, None)
                .run(IN, &["a"], 1)
                .await;
            assert_eq!(ran.blocked.map(|blocked| blocked.status()), status);
            assert_eq!(ran.outcomes, ["g/0 failed 0"]);
        }
    }
}
