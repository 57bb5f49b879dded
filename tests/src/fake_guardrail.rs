//! A scripted guardrail service that speaks the `custom` contract.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::fake::{Call, Fake, Reply};

/// What a service does with one call.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// `{"verdict": true}`.
    Pass,
    /// `{"verdict": false}` with this message.
    Block(String),
    /// Every occurrence of the first text in any string of the judged body becomes the second.
    Replace(String, String),
    /// The older contract: the bare judged body, with every occurrence of the first text replaced.
    ReplaceBare(String, String),
    /// Answers exactly so.
    Raw(Reply),
}

impl Judgement {
    /// The bytes to answer `call` with.
    pub fn reply(&self, call: &Call) -> Reply {
        match self {
            Self::Pass => Reply::json(200, &json!({"verdict": true})),
            Self::Block(message) => {
                Reply::json(200, &json!({"verdict": false, "message": message}))
            }
            Self::Replace(from, to) => {
                let result = replaced(&judged(call), from, to);
                Reply::json(
                    200,
                    &json!({"verdict": true, "transformed": true, "result": result}),
                )
            }
            Self::ReplaceBare(from, to) => Reply::json(200, &replaced(&judged(call), from, to)),
            Self::Raw(reply) => reply.clone(),
        }
    }
}

/// The body under judgement: the response where there is one, else the request.
fn judged(call: &Call) -> Value {
    let mut body = call.json();
    let key = if body["responseBody"].is_object() {
        "responseBody"
    } else {
        "requestBody"
    };
    body[key].take()
}

fn replaced(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => text.replace(from, to).into(),
        Value::Array(list) => list.iter().map(|item| replaced(item, from, to)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), replaced(item, from, to)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

type Scripts = Arc<Mutex<HashMap<String, VecDeque<(Duration, Judgement)>>>>;

/// Running services, one for each path `/<name>`. Each call takes the next entry of its service's script; the
/// last entry stays; a service without a script passes everything.
pub struct FakeGuardrails {
    fake: Fake,
    scripts: Scripts,
}

impl FakeGuardrails {
    /// Starts the services.
    ///
    /// # Errors
    /// When no local port can be had.
    pub async fn start() -> Result<Self> {
        let scripts = Scripts::default();
        let answers = Arc::clone(&scripts);
        let fake = Fake::start(move |call| {
            let name = call.path.trim_start_matches('/').to_owned();
            let mut scripts = answers.lock().unwrap_or_else(PoisonError::into_inner);
            let script = scripts.entry(name).or_default();
            let next = if script.len() > 1 {
                script.pop_front()
            } else {
                script.front().cloned()
            };
            drop(scripts);
            match next {
                None => Judgement::Pass.reply(call),
                Some((after, judgement)) => {
                    let reply = judgement.reply(call);
                    let after = after + reply.after;
                    reply.after(after)
                }
            }
        })
        .await?;
        Ok(Self { fake, scripts })
    }

    /// Replaces the script of one service: how long it thinks, and what it says then.
    pub fn script(&self, name: &str, entries: impl IntoIterator<Item = (Duration, Judgement)>) {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.insert(name.to_owned(), entries.into_iter().collect());
    }

    /// Forgets all scripts.
    pub fn reset(&self) {
        self.scripts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The URL of one service.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.fake.addr())
    }

    /// The server, for its calls.
    pub const fn server(&self) -> &Fake {
        &self.fake
    }
}
