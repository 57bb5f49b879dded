//! What a scripted MCP server does with one call, and the bytes that come of it.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fake::{Line, Reply, Step};

/// What the server does with one request. All of it is optional; without `result`, `error`, `fault` or `raw` it
/// answers what the [`Catalog`](super::Catalog) says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turn {
    /// How long it thinks before the head of the answer, in milliseconds.
    pub after_ms: u64,
    /// Notifications before the answer, `{method, params}`. A progress notification without a token is given the
    /// call's, or left out when the call has none.
    pub first: Vec<Value>,
    /// Silence after each of them, in milliseconds.
    pub pause_ms: u64,
    /// What it has to know from the client first, `{method, params}`: a request where there are sessions,
    /// `input_required` where there are none. Without a result the answer tells what the client said.
    pub ask: Option<Value>,
    /// It asks even when the client did not declare that it can answer.
    pub ask_undeclared: bool,
    /// The `result`.
    pub result: Option<Value>,
    /// The JSON-RPC `error`, with status 200.
    pub error: Option<Value>,
    /// How it misbehaves.
    pub fault: Option<Fault>,
    /// Answers exactly so.
    #[serde(skip)]
    pub raw: Option<Reply>,
}

/// A way to misbehave.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A page for people, with status 200.
    Html,
    /// Bytes that are not JSON, called JSON.
    NotJson,
    /// An answer to another id.
    WrongId,
    /// Two answers to the same call, in one stream.
    TwoResponses,
    /// The answer in an array.
    Batch,
    /// Leads elsewhere, with status 307.
    Redirect(String),
    /// This status, with a body for people; with a challenge when it is 401.
    Status(u16),
    /// The stream breaks off in the middle of the answer.
    Cut,
    /// The stream ends without the answer.
    NoAnswer,
    /// Takes the call and never answers.
    Silence,
    /// A stream of notifications that never ends.
    EndlessEvents,
    /// One event, or one JSON text, that never ends.
    EndlessText,
    /// A text of so many bytes.
    Huge(usize),
    /// Structured content of this depth.
    Deep(usize),
    /// Is gzipped although nobody asked for it.
    Gzip,
}

impl Turn {
    /// Answers with this result.
    pub fn result(result: Value) -> Self {
        Self {
            result: Some(result),
            ..Self::default()
        }
    }

    /// Answers with one text.
    pub fn text(text: &str) -> Self {
        Self::result(json!({"content": [{"type": "text", "text": text}]}))
    }

    /// Answers with a JSON-RPC error.
    pub fn error(code: i64, message: &str) -> Self {
        Self {
            error: Some(json!({"code": code, "message": message})),
            ..Self::default()
        }
    }

    /// Misbehaves.
    pub fn fault(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::default()
        }
    }

    /// Answers exactly so.
    pub fn raw(reply: Reply) -> Self {
        Self {
            raw: Some(reply),
            ..Self::default()
        }
    }

    /// The same after this notification.
    #[must_use]
    pub fn after_notification(mut self, method: &str, params: Value) -> Self {
        self.first.push(json!({"method": method, "params": params}));
        self
    }

    /// The same after asking the client.
    #[must_use]
    pub fn asking(mut self, method: &str, params: Value) -> Self {
        self.ask = Some(json!({"method": method, "params": params}));
        self
    }

    /// The same after thinking for so long.
    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self
    }
}

/// A message as an event.
pub(super) fn event(message: &Value) -> Bytes {
    format!("event: message\ndata: {message}\n\n").into()
}

/// What comes before the answer, as events.
pub(super) fn before(turn: &Turn, call: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    for notification in &turn.first {
        let mut message = notification.clone();
        message["jsonrpc"] = "2.0".into();
        if message["method"] == "notifications/progress"
            && message["params"]["progressToken"].is_null()
        {
            let token = &call["params"]["_meta"]["progressToken"];
            if token.is_null() {
                continue;
            }
            message["params"]["progressToken"] = token.clone();
        }
        steps.push(Step::Send(event(&message)));
        if turn.pause_ms > 0 {
            steps.push(Step::Pause(Duration::from_millis(turn.pause_ms)));
        }
    }
    steps
}

/// The answer's message, `body` being its `result` or `error`, in the framing that the turn needs.
pub(super) fn framed(turn: &Turn, call: &Value, mut body: Value, events: bool) -> Reply {
    body["jsonrpc"] = "2.0".into();
    body["id"] = call["id"].clone();
    let mut steps = before(turn, call);
    let reply = match &turn.fault {
        Some(fault) => {
            let reply = misbehave(fault, &body, steps, events);
            let after = reply.after + thinking(turn);
            return reply.after(after);
        }
        None if steps.is_empty() && !events => Reply::json(200, &body),
        None => {
            steps.push(Step::Send(event(&body)));
            stream(steps)
        }
    };
    reply.after(thinking(turn))
}

pub(super) const fn thinking(turn: &Turn) -> Duration {
    Duration::from_millis(turn.after_ms)
}

/// An event stream as servers send it.
pub(super) fn stream(steps: Vec<Step>) -> Reply {
    let mut reply = Reply::event_stream([])
        .header("cache-control", "no-cache")
        .header("x-accel-buffering", "no");
    reply.steps = steps;
    reply
}

fn misbehave(fault: &Fault, answer: &Value, mut steps: Vec<Step>, events: bool) -> Reply {
    let whole = |answer: &Value, mut steps: Vec<Step>| {
        if steps.is_empty() && !events {
            return Reply::json(200, answer);
        }
        steps.push(Step::Send(event(answer)));
        stream(steps)
    };
    match fault {
        Fault::Html => Reply::new(200, "text/html", "<html><body>Please log in.</body></html>"),
        Fault::NotJson => Reply::new(200, "application/json", "{\"jsonrpc\": \"2.0\", oops"),
        Fault::WrongId => {
            let mut answer = answer.clone();
            answer["id"] = "somebody-elses".into();
            whole(&answer, steps)
        }
        Fault::TwoResponses => {
            steps.extend([Step::Send(event(answer)), Step::Send(event(answer))]);
            stream(steps)
        }
        Fault::Batch => Reply::json(200, &json!([answer])),
        Fault::Redirect(to) => Reply::new(307, "text/plain", "").header("location", to),
        Fault::Status(status) => {
            let reply = Reply::new(*status, "text/plain", "the fake server refuses");
            if *status == 401 {
                return reply.header("www-authenticate", "Bearer realm=\"fake\"");
            }
            reply
        }
        Fault::Cut => {
            let bytes = event(answer);
            steps.push(Step::Send(bytes.slice(..bytes.len() / 2)));
            steps.push(Step::Cut);
            stream(steps)
        }
        Fault::NoAnswer => stream(steps),
        Fault::Silence => Reply::silence(),
        Fault::EndlessEvents => {
            let log = json!({"jsonrpc": "2.0", "method": "notifications/message",
                "params": {"level": "info", "data": "x".repeat(8 << 10)}});
            steps.push(endless(event(&log)));
            stream(steps)
        }
        Fault::EndlessText => {
            let begun = "{\"jsonrpc\": \"2.0\", \"result\": {\"content\": [{\"type\": \"text\", \"text\": \"";
            let on = endless(Bytes::from_static(&[b'x'; 16 << 10]));
            if events {
                steps.extend([Step::Send(format!("data: {begun}").into()), on]);
                return stream(steps);
            }
            let mut reply = Reply::new(200, "application/json", begun);
            reply.steps.push(on);
            reply
        }
        Fault::Huge(bytes) => {
            let mut answer = answer.clone();
            answer["result"] = json!({"content": [{"type": "text", "text": "x".repeat(*bytes)}]});
            whole(&answer, steps)
        }
        Fault::Deep(depth) => deep(*depth, answer),
        Fault::Gzip => whole(answer, steps).gzip(),
    }
}

/// Written by hand: a tree of this depth would not survive being dropped.
fn deep(depth: usize, answer: &Value) -> Reply {
    let text = format!(
        "{{\"jsonrpc\": \"2.0\", \"id\": {}, \"result\": {{\"content\": [], \"structuredContent\": {}{}}}}}",
        answer["id"],
        "{\"a\":".repeat(depth),
        format_args!("1{}", "}".repeat(depth)),
    );
    Reply::new(200, "application/json", text)
}

/// The same bytes again and again, up to a gigabyte, until nobody reads them: slowly enough that a reader that
/// stops reading for a while does not fill this process's memory.
fn endless(bytes: Bytes) -> Step {
    let (line, live) = Line::new();
    tokio::spawn(async move {
        for _ in 0..(1_usize << 30) / bytes.len().max(1) {
            if !line.send(bytes.clone()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    Step::Live(live)
}
