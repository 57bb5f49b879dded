//! A scripted model behind both dialects.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::{
    Choice, StreamOptions, chat_body, chat_stream, messages_body, messages_stream,
};
use crate::fake::{Call, Fake, Reply, Step};

/// What the model does with one call.
#[derive(Clone)]
pub enum Turn {
    /// Answers in the dialect of the path, streamed when the body asks for it.
    Say(Speech),
    /// Answers exactly so.
    Raw(Reply),
    /// The first, with its bytes changed by the second: gzipped, cut, left open.
    Changed(Box<Turn>, Arc<dyn Fn(Reply) -> Reply + Send + Sync>),
}

/// An answer in words.
#[derive(Clone, Debug)]
pub struct Speech {
    /// The choices; the Anthropic dialect says the first.
    pub choices: Vec<Choice>,
    /// Characters in each delta of a stream.
    pub piece: usize,
    /// How long the model thinks before the head of its answer.
    pub after: Duration,
    /// Silence between two events of a stream.
    pub pause: Duration,
}

impl Default for Speech {
    fn default() -> Self {
        Self {
            choices: vec![Choice::default()],
            piece: 5,
            after: Duration::ZERO,
            pause: Duration::ZERO,
        }
    }
}

impl Turn {
    /// Says `text`.
    pub fn say(text: &str) -> Self {
        Self::Say(Speech {
            choices: vec![Choice::saying(text)],
            ..Speech::default()
        })
    }

    /// An error as the dialect of the call's path words it.
    pub fn error(status: u16, message: &str) -> Self {
        let error =
            json!({"message": message, "type": "server_error", "param": null, "code": null});
        Self::Raw(Reply::json(
            status,
            &json!({"type": "error", "error": error}),
        ))
    }

    /// The same with the bytes of the answer changed.
    #[must_use]
    pub fn then(self, change: impl Fn(Reply) -> Reply + Send + Sync + 'static) -> Self {
        Self::Changed(Box::new(self), Arc::new(change))
    }

    /// The bytes to answer `call` with.
    pub fn reply(&self, call: &Call) -> Reply {
        match self {
            Self::Raw(reply) => reply.clone(),
            Self::Changed(turn, change) => change(turn.reply(call)),
            Self::Say(speech) => speech.reply(call).unwrap_or_else(|error| {
                Reply::new(
                    500,
                    "text/plain",
                    format!("the script does not fit the call: {error:#}"),
                )
            }),
        }
    }
}

impl Speech {
    fn reply(&self, call: &Call) -> Result<Reply> {
        let request = call.json();
        let model = request["model"].as_str().unwrap_or("fake");
        let stream = request["stream"] == true;
        let options = StreamOptions {
            piece: self.piece,
            usage: request["stream_options"]["include_usage"] == true,
        };
        let first = self.choices.first().cloned().unwrap_or_default();
        let anthropic = call.path.ends_with("/messages");
        let reply = match (anthropic, stream) {
            (false, false) => Reply::json(200, &chat_body(model, &self.choices)),
            (true, false) => Reply::json(200, &messages_body(model, &first)?),
            (false, true) => self.stream(chat_stream(model, &self.choices, options)),
            (true, true) => self.stream(messages_stream(model, &first, options)?),
        };
        Ok(reply.after(self.after))
    }

    fn stream(&self, events: Vec<String>) -> Reply {
        let mut reply = Reply::event_stream(events.into_iter().map(Bytes::from));
        if !self.pause.is_zero() {
            reply.steps = reply
                .steps
                .into_iter()
                .flat_map(|step| [step, Step::Pause(self.pause)])
                .collect();
        }
        reply
    }
}

/// A running model. Each call takes the next turn of the script; the last turn stays.
pub struct FakeLlm {
    fake: Fake,
    script: Arc<Mutex<Script>>,
}

/// What the model says, and to whom.
#[derive(Default)]
struct Script {
    turns: VecDeque<Turn>,
    /// Whose calls take turns; none: everybody's.
    case: Option<String>,
}

/// The header that names a case. The gateway lets it through.
pub const CASE: &str = "x-case";

impl FakeLlm {
    /// Starts a model that says `ok` until it is given a script.
    ///
    /// # Errors
    /// When no local port can be had.
    pub async fn start() -> Result<Self> {
        Self::start_at("127.0.0.1:0").await
    }

    /// The same on a given address, such as one that pods can reach.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn start_at(addr: &str) -> Result<Self> {
        let script = Arc::new(Mutex::new(Script {
            turns: [Turn::say("ok")].into(),
            case: None,
        }));
        let fake = Fake::start_at(addr, answering(&script)).await?;
        Ok(Self { fake, script })
    }

    /// The same behind TLS.
    ///
    /// # Errors
    /// When no local port can be had.
    pub async fn start_tls(config: rustls::ServerConfig) -> Result<Self> {
        let script = Arc::new(Mutex::new(Script {
            turns: [Turn::say("ok")].into(),
            case: None,
        }));
        let fake = Fake::start_tls(config, answering(&script)).await?;
        Ok(Self { fake, script })
    }

    /// Replaces the script.
    pub fn script(&self, turns: impl IntoIterator<Item = Turn>) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Script {
            turns: turns.into_iter().collect(),
            case: None,
        };
    }

    /// Replaces the script by one for the calls of a [case](CASE): one of an earlier case that comes late takes no turn.
    pub fn script_for(&self, case: &str, turns: impl IntoIterator<Item = Turn>) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Script {
            turns: turns.into_iter().collect(),
            case: Some(case.to_owned()),
        };
    }

    /// Its `baseUrl`, with the `/v1` that both vendors' SDKs and the gateway expect of an OpenAI-compatible server.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.fake.addr())
    }

    /// The server, for its calls.
    pub const fn server(&self) -> &Fake {
        &self.fake
    }

    /// The bodies received so far.
    pub fn bodies(&self) -> Vec<Value> {
        self.fake.calls().iter().map(Call::json).collect()
    }
}

fn answering(script: &Arc<Mutex<Script>>) -> impl Fn(&Call) -> Reply + Send + Sync + use<> {
    let script = Arc::clone(script);
    move |call| {
        let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
        if script.case.is_some() && call.header(CASE) != script.case.as_deref() {
            return Reply::new(410, "text/plain", "this case is over");
        }
        let turns = &mut script.turns;
        let turn = if turns.len() > 1 {
            turns.pop_front()
        } else {
            turns.front().cloned()
        };
        drop(script);
        turn.map_or_else(
            || Reply::new(500, "text/plain", "the script is empty"),
            |turn| turn.reply(call),
        )
    }
}
