//! Who runs when, who waits for whom, and what each is shown.

use super::*;

#[tokio::test(start_paused = true)]
async fn slow_validators_race_the_model_and_a_block_drops_it() {
    let bench = Bench::default().service(Validate, Enforce, 20, violation());
    let ran = bench.run(IN, &["a"], 1_000).await;
    assert_eq!(ran.blocked.unwrap().status(), 400);
    assert_eq!(ran.took, Duration::from_millis(20));
    let bench = Bench::default().service(Validate, Enforce, 300, Ok(Verdict::Pass));
    let ran = bench.run(IN, &["a"], 200).await;
    assert_eq!((ran.blocked, ran.took), (None, Duration::from_millis(300)));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_a_failure() {
    let bench = Bench::default().service(Validate, Enforce, 60_000, Ok(Verdict::Pass));
    let ran = bench.run(IN, &["a"], 1).await;
    assert_eq!(
        (ran.blocked.unwrap().status(), ran.took),
        (503, Duration::from_secs(5))
    );
}

#[tokio::test(start_paused = true)]
async fn audits_are_never_waited_for_and_still_recorded() {
    let bench = Bench::default().service(Validate, Audit, 500, violation());
    let ran = bench.run(IN, &["a"], 10).await;
    assert_eq!((ran.blocked, ran.took), (None, Duration::from_millis(10)));
    assert_eq!(ran.outcomes, ["g/0 violation 0"]);
}

#[tokio::test(start_paused = true)]
async fn input_validators_see_the_original_unless_they_ask_for_what_is_sent() {
    let bench = || Bench::default().text(Mutate, Enforce, Word("key", "[X]"));
    let original = bench()
        .text(Validate, Enforce, Word("key", ""))
        .run(IN, &["a key"], 1)
        .await;
    assert_eq!(original.blocked.unwrap().status(), 400);
    assert_eq!(original.outcomes, ["g/0 skipped 0", "g/1 violation 0"]);
    let mutated = bench()
        .text(Validate, Enforce, Word("key", ""))
        .mutated()
        .run(IN, &["a key"], 1)
        .await;
    assert_eq!(mutated.blocked, None);
    let output = bench()
        .text(Validate, Enforce, Word("key", ""))
        .run(Hook::LlmOutput, &["a key"], 1)
        .await;
    assert_eq!(
        (output.blocked, output.texts),
        (None, vec!["a [X]".to_owned()])
    );
}

#[tokio::test(start_paused = true)]
async fn services_are_shown_the_original_or_what_is_sent() {
    let bench = Bench::default()
        .text(Mutate, Enforce, Word("key", "[X]"))
        .service(Validate, Enforce, 1, Ok(Verdict::Pass))
        .service(Validate, Enforce, 1, Ok(Verdict::Pass))
        .mutated();
    bench.run(IN, &["a key"], 1).await;
    let mut shown = bench.shown.lock().unwrap().clone();
    shown.sort();
    assert_eq!(shown, [r#"["a [X]"]"#, r#"["a key"]"#]);
}

#[tokio::test(start_paused = true)]
async fn a_mutator_sees_what_the_one_before_it_left() {
    let bench = Bench::default()
        .text(Mutate, Enforce, Word("one", "two"))
        .service(Mutate, Enforce, 1, Ok(Verdict::Pass))
        .text(Mutate, Enforce, Word("two", "three"));
    let ran = bench.run(IN, &["one two"], 1).await;
    assert_eq!(ran.texts, ["three three"]);
    assert_eq!(*bench.shown.lock().unwrap(), [r#"["two two"]"#]);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_matches_its_own_pattern_is_left_alone() {
    let ran = Bench::default()
        .text(Mutate, Enforce, Word("a", "aa"))
        .run(IN, &["a"], 1)
        .await;
    assert_eq!((ran.blocked, ran.texts), (None, vec!["aa".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn scope_last_sees_the_newest_turn_only() {
    let bench = Bench::default()
        .text(Mutate, Enforce, Word("key", "[X]"))
        .last();
    let ran = bench.run(IN, &["old key", "new key"], 1).await;
    assert_eq!(ran.texts, ["old key", "new [X]"]);
}

#[tokio::test(start_paused = true)]
async fn every_local_reason_is_told_and_the_rest_is_skipped() {
    let bench = Bench::default()
        .text(Validate, Enforce, Word("one", ""))
        .text(Validate, Enforce, Word("two", ""))
        .service(Validate, Enforce, 50, Ok(Verdict::Pass));
    let ran = bench.run(IN, &["one two"], 1).await;
    let blocked = ran.blocked.unwrap();
    let by: Vec<&str> = blocked
        .by
        .iter()
        .map(|blocker| &*blocker.selector)
        .collect();
    assert_eq!(by, ["g/0", "g/1"]);
    assert_eq!(
        ran.outcomes,
        ["g/0 violation 0", "g/1 violation 0", "g/2 skipped 0"]
    );
}
