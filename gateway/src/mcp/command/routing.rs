//! Which messages of a program go where. A program says everything on one line after the other; clients wait at their
//! requests and at their stream.
//!
//! Requests go to the program under numbers of the gateway's own, and so do the tokens of their progress. Whatever ids a client
//! makes up, and however a program writes them, an answer belongs to one request, whose tool says how it is judged.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use tokio::sync::{mpsc, oneshot};

use crate::llm::json::Value;
use crate::mcp::envelope::{Message, same_id};
use crate::mcp::error::RpcError;

/// Requests that a program may work at.
const MOST_REQUESTS: usize = 128;
/// Messages that wait for a stream, when there is no place for them; the oldest go first.
const MOST_PARKED: usize = 64;
/// Bytes of such messages.
const MOST_PARKED_BYTES: usize = 1024 * 1024;
/// Bytes of a message that is no answer.
const LONGEST_ASIDE: usize = 4 * 1024 * 1024;
/// Messages that may wait for whoever reads an answer.
pub(super) const AHEAD: usize = 16;
/// Messages that may wait for whoever reads a stream: at its beginning, all that were kept for it.
pub(super) const AHEAD_OF_STREAM: usize = MOST_PARKED;

/// Who waits for an answer.
pub(super) struct Waiting {
    /// The request's id as its client wrote it.
    pub(super) id: String,
    /// The token of its progress, likewise.
    pub(super) progress: Option<String>,
    /// Where what comes before the answer goes.
    pub(super) before: Option<mpsc::Sender<String>>,
    /// Where the answer goes.
    pub(super) answer: oneshot::Sender<String>,
}

/// Who waits for what.
#[derive(Default)]
pub(super) struct Routing {
    /// By the numbers that the program knows, which grow.
    requests: BTreeMap<u64, Waiting>,
    stream: Option<mpsc::Sender<String>>,
    parked: VecDeque<Message>,
    parked_bytes: usize,
    /// Whether the program has answered anything yet.
    pub(super) has_answered: bool,
}

/// Where a message goes that is no answer.
pub(super) enum Aside {
    /// Nowhere now; these will not be told any more.
    Kept(Vec<Message>),
    /// Nowhere at all.
    Lost(Message),
    /// To a client's stream, as it is to be told there.
    To(Place, mpsc::Sender<String>, String),
}

/// A stream that a client reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// That of the session.
    Stream,
    /// The answer to this request.
    Request(u64),
}

/// A request as the program is to read it: under a number, with the same for the token of its progress. Returns it with its id
/// and that token, as the client wrote them.
pub(super) fn numbered(message: &Message, number: u64) -> (String, String, Option<String>) {
    let id = message.root().get("id");
    let progress = message.meta("progressToken");
    let edits = [id, progress].into_iter().flatten().map(Value::range);
    let text = replaced(message.text(), edits, &number.to_string());
    let raw = |value: Option<Value<'_>>| value.map(|value| value.raw().to_owned());
    (text, raw(id).unwrap_or_default(), raw(progress))
}

/// The text with something else in the place of these parts, on one line: a line feed in JSON is never part of a text.
fn replaced(text: &str, parts: impl Iterator<Item = Range<u32>>, by: &str) -> String {
    let mut parts: Vec<_> = parts.collect();
    parts.sort_by_key(|part| part.start);
    let mut out = String::with_capacity(text.len() + by.len());
    let mut at = 0;
    for part in parts {
        out.push_str(text.get(at..part.start as usize).unwrap_or_default());
        out.push_str(by);
        at = part.end as usize;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    on_one_line(out)
}

/// The same on one line.
pub(super) fn on_one_line(text: String) -> String {
    if text.contains(['\n', '\r']) {
        return text.replace(['\n', '\r'], " ");
    }
    text
}

impl Routing {
    /// A request is on its way, or is answered at once: false.
    pub(super) fn wait(&mut self, number: u64, waiting: Waiting) -> bool {
        if self.requests.len() >= MOST_REQUESTS {
            self.requests
                .retain(|_, waiting| !waiting.answer.is_closed());
        }
        if self.requests.len() >= MOST_REQUESTS {
            let error = RpcError::upstream("the MCP server works at as many requests as it may");
            let _ = waiting.answer.send(error.to_json(Some(&waiting.id)));
            return false;
        }
        self.requests.insert(number, waiting);
        true
    }

    /// Nobody waits for an answer any more. Whether anybody did.
    pub(super) fn give_up(&mut self, number: u64) -> bool {
        self.requests.remove(&number).is_some()
    }

    /// A client cancels: its call ends, and this is what the program is told; none when no such request is under way.
    pub(super) fn cancel(&mut self, message: &Message) -> Option<String> {
        let named = message.param("requestId")?;
        let mut newest_first = self.requests.iter().rev();
        let (number, _) = newest_first.find(|(_, waiting)| same_id(named, &waiting.id))?;
        let number = *number;
        let waiting = self.requests.remove(&number)?;
        let error = RpcError::upstream("the call was cancelled");
        let _ = waiting.answer.send(error.to_json(Some(&waiting.id)));
        let named = std::iter::once(named.range());
        Some(replaced(message.text(), named, &number.to_string()))
    }

    /// A client listens. What was kept for it comes first; the stream before it, if any, ends.
    pub(super) fn listen(&mut self, stream: mpsc::Sender<String>) {
        self.parked_bytes = 0;
        for message in self.parked.drain(..) {
            // There is room for them all.
            let _ = stream.try_send(message.into_text());
        }
        self.stream = Some(stream);
    }

    /// Nobody reads there, or not fast enough.
    pub(super) fn close(&mut self, place: Place) {
        match place {
            Place::Stream => self.stream = None,
            Place::Request(number) => {
                if let Some(waiting) = self.requests.get_mut(&number) {
                    waiting.before = None;
                }
            }
        }
    }

    /// Whether the program works at something that somebody waits for.
    pub(super) fn has_requests(&self) -> bool {
        let mut requests = self.requests.values();
        requests.any(|waiting| !waiting.answer.is_closed())
    }

    /// Whether somebody waits for something.
    pub(super) fn is_used(&self) -> bool {
        let stream = self.stream.as_ref();
        self.has_requests() || stream.is_some_and(|stream| !stream.is_closed())
    }

    /// Takes an answer of the program to its request. One to nothing is dropped: it has been given up.
    pub(super) fn answer(&mut self, message: &Message) {
        let id = message.root().get("id");
        let Some(waiting) = id
            .and_then(Value::as_u64)
            .and_then(|number| self.requests.remove(&number))
        else {
            return;
        };
        self.has_answered = true;
        let id = id.into_iter().map(Value::range);
        // Who has gone wants no answer.
        let _ = waiting
            .answer
            .send(replaced(message.text(), id, &waiting.id));
    }

    /// Finds the place of a request of the program, or of something that it tells: the request whose progress it is, the client's
    /// open stream, or the newest request that is under way. Without one it is kept for the next stream.
    pub(super) fn aside(&mut self, message: Message) -> Aside {
        if message.text().len() > LONGEST_ASIDE {
            return Aside::Lost(message);
        }
        if message.method() == "notifications/progress" {
            return self.progress(message);
        }
        let stream = self.stream.as_ref().map(|to| (Place::Stream, to));
        let requests = self.requests.iter().rev();
        let requests = requests
            .filter_map(|(number, one)| Some((Place::Request(*number), one.before.as_ref()?)));
        let mut places = stream.into_iter().chain(requests);
        let place = places.find(|(_, to)| !to.is_closed());
        let place = place.map(|(place, to)| (place, to.clone()));
        match place {
            Some((place, to)) => Aside::To(place, to, message.into_text()),
            None => self.park(message),
        }
    }

    fn progress(&self, message: Message) -> Aside {
        let token = message.param("progressToken");
        let number = token.and_then(Value::as_u64);
        let waiting = number.and_then(|number| Some((number, self.requests.get(&number)?)));
        let to = waiting.and_then(|(number, waiting)| {
            let wanted = waiting.progress.as_deref()?;
            Some((number, wanted, waiting.before.clone()?))
        });
        let Some((number, wanted, to)) = to else {
            return Aside::Lost(message);
        };
        let token = token.into_iter().map(Value::range);
        Aside::To(
            Place::Request(number),
            to,
            replaced(message.text(), token, wanted),
        )
    }

    /// Keeps a message for the next stream: servers ask as soon as they are told to begin, and clients open theirs a moment
    /// later.
    fn park(&mut self, message: Message) -> Aside {
        self.parked_bytes += message.text().len();
        self.parked.push_back(message);
        let mut dropped = Vec::new();
        while self.parked.len() > MOST_PARKED || self.parked_bytes > MOST_PARKED_BYTES {
            let Some(oldest) = self.parked.pop_front() else {
                break;
            };
            self.parked_bytes -= oldest.text().len();
            dropped.push(oldest);
        }
        Aside::Kept(dropped)
    }
}

#[cfg(test)]
mod tests;
