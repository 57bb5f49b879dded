mod order;
mod strategies;

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

    fn public_place(&self, segment: usize) -> String {
        self.place(segment)
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
pub(in crate::pipeline) struct Word(
    pub(in crate::pipeline) &'static str,
    pub(in crate::pipeline) &'static str,
);

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
            if let Some(response) = &exchange.response_body {
                let body = String::from_utf8(response.to_vec()).unwrap();
                self.shown.lock().unwrap().push(body);
            }
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
pub(in crate::pipeline) struct Bench {
    guardrails: Vec<ReadyGuardrail>,
    plan: Vec<Planned>,
    pub(in crate::pipeline) shown: Arc<std::sync::Mutex<Vec<String>>>,
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

    pub(in crate::pipeline) fn text(
        self,
        operation: Operation,
        strategy: Strategy,
        word: Word,
    ) -> Self {
        self.add(operation, strategy, Some(Guardrail::Text(Arc::new(word))))
    }

    pub(in crate::pipeline) fn service(
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
        let mut payload = Plain::of(texts);
        let began = tokio::time::Instant::now();
        let work = async |stage: &Stage<'_>| {
            let result = async {
                let mut race = run(stage, &mut payload).await?;
                race.alongside(tokio::time::sleep(Duration::from_millis(model_ms)))
                    .await?;
                race.finish().await
            };
            let blocked = result.await.err();
            (blocked, began.elapsed())
        };
        let ((blocked, took), outcomes) = self.run_with(hook, work).await;
        let texts = payload.texts().into_iter().map(str::to_owned).collect();
        Ran {
            blocked,
            texts,
            outcomes,
            took,
        }
    }

    /// Does something with a stage of this plan, and tells what is recorded of each guardrail.
    pub(in crate::pipeline) async fn run_with<T>(
        &self,
        hook: Hook,
        work: impl AsyncFnOnce(&Stage<'_>) -> T,
    ) -> (T, Vec<String>) {
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
            models: [].into(),
            mcp: None,
            request_id: "r".into(),
        };
        let local = tokio::task::LocalSet::new();
        let came_to = local
            .run_until(async move {
                let stage = Stage {
                    hook,
                    plan: &self.plan,
                    guardrails: &self.guardrails,
                    call: Arc::new(call),
                    client: Arc::new(NoClient),
                    recording: &recording,
                };
                let came_to = work(&stage).await;
                drop(recording);
                came_to
            })
            .await;
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
        (came_to, outcomes)
    }
}

pub(in crate::pipeline) fn violation() -> Result<Verdict, FailureClass> {
    Ok(Verdict::Violation {
        explanation: "no".into(),
        categories: vec!["c".into()],
    })
}

use Operation::{Mutate, Validate};
use Strategy::{Audit, Enforce, EnforceButIgnoreOnError};

const IN: Hook = Hook::LlmInput;
