use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parapet_guardrails::client::{ClientError, ClientRequest, ClientResponse, HttpClient};
use parapet_guardrails::exchange::{Call, Exchange, ServiceError, Verdict};
use parapet_guardrails::finding::{Edit, Hit, Rank};
use parapet_guardrails::guardrail::{Built, Guardrail, ServiceGuardrail, TextGuardrail};
use parapet_guardrails::scan::{Layer, Wants};
use parapet_guardrails::segment::{Form, Rewrite, Role, Segment, SegmentText, Segments};
use parapet_policy::bundle::{StreamMode, ValidatorInput};
use parapet_policy::compile::HoldBack;
use parapet_policy::facts::{Caller, Subject};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{FailureClass, Operation, Strategy};
use parapet_policy::overrides::Scope;
use parapet_policy::plan::Planned;
use parapet_policy::record::Record;

use super::super::block::Blocked;
use super::super::payload::{ChatBodies, Payload};
use super::super::recording::Recording;
use super::super::stage::Stage;
use super::run;
use crate::policy::guardrail::ReadyGuardrail;

/// Texts without a wire format.
struct Plain(Segments);

impl Plain {
    fn of(texts: &[&str]) -> Self {
        let segment = |text: &&str| Segment {
            text: SegmentText::Owned((*text).into()),
            role: Role::User,
            form: Form::Text,
            rewrite: Rewrite::Yes,
            key: None,
            current_turn: false,
            json_group: 0,
            at: 0,
        };
        let mut list: Vec<Segment> = texts.iter().map(segment).collect();
        if let Some(last) = list.last_mut() {
            last.current_turn = true;
        }
        Self(Segments::new(Arc::default(), list))
    }

    fn texts(&self) -> Vec<&str> {
        (0..self.0.list().len())
            .map(|index| self.0.text(index))
            .collect()
    }
}

impl Payload for Plain {
    fn segments(&self) -> &Segments {
        &self.0
    }

    fn place(&self, segment: usize) -> String {
        format!("messages[{segment}].content")
    }

    fn leaf_of_raw(&self, _: usize, _: Range<usize>) -> Option<(usize, Range<usize>)> {
        None
    }

    fn apply(&mut self, edits: &[Edit]) -> bool {
        for edit in edits.iter().rev() {
            let mut text = self.0.text(edit.segment).to_owned();
            text.replace_range(edit.range.clone(), &edit.replacement);
            self.0.set_text(edit.segment, text.into());
        }
        true
    }

    fn chat_bodies(&self) -> ChatBodies {
        ChatBodies {
            request: serde_json::to_vec(&self.texts()).unwrap().into(),
            response: None,
        }
    }

    fn diff(&self, returned: &serde_json::Value) -> Result<Vec<Edit>, String> {
        let returned: Vec<String> =
            serde_json::from_value(returned.clone()).map_err(|_| "$".to_owned())?;
        let changed = returned
            .iter()
            .enumerate()
            .filter(|(index, text)| self.0.text(*index) != *text);
        Ok(changed
            .map(|(segment, text)| Edit {
                segment,
                range: 0..self.0.text(segment).len(),
                replacement: text.as_str().into(),
            })
            .collect())
    }
}

/// Finds a word, and replaces it with another.
struct Word(&'static str, &'static str);

impl TextGuardrail for Word {
    fn wants(&self) -> Wants {
        Wants::NONE
    }

    fn scan(&self, layer: &Layer<'_>, _: &Segment, hits: &mut Vec<Hit>) {
        hits.extend(layer.text().match_indices(self.0).map(|(at, found)| Hit {
            range: at..at + found.len(),
            category: self.0.into(),
            score: 1.0,
            rank: Rank::Pattern,
            replacement: Some(self.1.into()),
        }));
    }

    fn hold_back(&self) -> HoldBack {
        HoldBack::Bytes(16)
    }

    fn pending_from(&self, text: &str, _: usize) -> usize {
        text.len()
    }
}

/// A service that answers after a while, and keeps what it was shown.
struct Service {
    after: Duration,
    answer: Result<Verdict, FailureClass>,
    shown: Arc<std::sync::Mutex<Vec<String>>>,
}

impl ServiceGuardrail for Service {
    fn call<'a>(
        &'a self,
        exchange: &'a Exchange,
        _: &'a dyn HttpClient,
    ) -> BoxFuture<'a, Result<Verdict, ServiceError>> {
        Box::pin(async move {
            let body = String::from_utf8(exchange.request_body.to_vec()).unwrap();
            self.shown.lock().unwrap().push(body);
            tokio::time::sleep(self.after).await;
            let fail = |class| ServiceError {
                class,
                message: "no".into(),
            };
            self.answer.clone().map_err(fail)
        })
    }
}

struct NoClient;

impl HttpClient for NoClient {
    fn send(&self, _: ClientRequest) -> BoxFuture<'_, Result<ClientResponse, ClientError>> {
        Box::pin(std::future::pending())
    }
}

/// A bench for plans: add guardrails, run, look.
#[derive(Default)]
struct Bench {
    guardrails: Vec<ReadyGuardrail>,
    plan: Vec<Planned>,
    shown: Arc<std::sync::Mutex<Vec<String>>>,
}

struct Ran {
    blocked: Option<Blocked>,
    texts: Vec<String>,
    outcomes: Vec<String>,
    took: Duration,
}

impl Bench {
    fn add(
        mut self,
        operation: Operation,
        strategy: Strategy,
        guardrail: Option<Guardrail>,
    ) -> Self {
        let index = self.guardrails.len();
        let built = guardrail.map(|guardrail| Built {
            guardrail,
            kind: "test",
            hooks: &Hook::ALL,
            remarks: Vec::new(),
        });
        self.guardrails.push(ReadyGuardrail {
            selector: format!("g/{index}").into(),
            kind: "test",
            built,
            timeout: Duration::from_secs(5),
            input: ValidatorInput::Original,
            streaming: StreamMode::Buffered,
        });
        self.plan.push(Planned {
            guardrail: u32::try_from(index).unwrap(),
            operation,
            strategy,
            scope: Scope::All,
            rules: Arc::from([]),
            custom_error_message: None,
        });
        self
    }

    fn text(self, operation: Operation, strategy: Strategy, word: Word) -> Self {
        self.add(operation, strategy, Some(Guardrail::Text(Arc::new(word))))
    }

    fn service(
        self,
        operation: Operation,
        strategy: Strategy,
        after: u64,
        answer: Result<Verdict, FailureClass>,
    ) -> Self {
        let after = Duration::from_millis(after);
        let service = Service {
            after,
            answer,
            shown: self.shown.clone(),
        };
        self.add(
            operation,
            strategy,
            Some(Guardrail::Service(Arc::new(service))),
        )
    }

    fn mutated(mut self) -> Self {
        self.guardrails.last_mut().unwrap().input = ValidatorInput::Mutated;
        self
    }

    fn last(mut self) -> Self {
        self.plan.last_mut().unwrap().scope = Scope::Last;
        self
    }

    /// Runs a hook, then a model call of `model_ms` beside the race.
    async fn run(&self, hook: Hook, texts: &[&str], model_ms: u64) -> Ran {
        let records: Rc<RefCell<Vec<Record>>> = Rc::default();
        let kept = records.clone();
        let recording = Recording::begin(
            "r".into(),
            "/",
            Rc::new(move |record| kept.borrow_mut().push(record)),
        );
        let caller = Caller {
            subject: Subject::VirtualAccount("bot".into()),
            teams: Vec::new(),
            roles: Vec::new(),
        };
        let call = Call {
            hook,
            caller,
            metadata: Default::default(),
            model: None,
            mcp: None,
            request_id: "r".into(),
        };
        let mut payload = Plain::of(texts);
        let began = tokio::time::Instant::now();
        let (guardrails, plan) = (self.guardrails.clone(), self.plan.clone());
        let local = tokio::task::LocalSet::new();
        let (blocked, payload) = local
            .run_until(async move {
                let stage = Stage {
                    hook,
                    plan: &plan,
                    guardrails: &guardrails,
                    call: Arc::new(call),
                    client: Arc::new(NoClient),
                    recording: &recording,
                };
                let result = async {
                    let mut race = run(&stage, &mut payload).await?;
                    race.alongside(tokio::time::sleep(Duration::from_millis(model_ms)))
                        .await?;
                    race.finish().await
                };
                let blocked = result.await.err();
                drop(recording);
                (blocked, payload)
            })
            .await;
        let took = began.elapsed();
        // Audits go on after the response.
        local
            .run_until(tokio::time::sleep(Duration::from_secs(1)))
            .await;
        let records = records.borrow();
        let outcomes = records.first().map_or_else(Vec::new, |record| {
            let mut list: Vec<_> = record.guardrails.iter().collect();
            list.sort_by_key(|guardrail| guardrail.selector.clone());
            list.iter()
                .map(|g| format!("{} {} {}", g.selector, g.outcome, g.edits))
                .collect()
        });
        let texts = payload.texts().into_iter().map(str::to_owned).collect();
        Ran {
            blocked,
            texts,
            outcomes,
            took,
        }
    }
}

fn violation() -> Result<Verdict, FailureClass> {
    Ok(Verdict::Violation {
        explanation: "no".into(),
        categories: vec!["c".into()],
    })
}

use Operation::{Mutate, Validate};
use Strategy::{Audit, Enforce, EnforceButIgnoreOnError};

const IN: Hook = Hook::LlmInput;

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
