//! A call of a session's client to a stateless server, with the questions that the server has before it answers.
//!
//! The server answers with what it needs; the client is asked on the open answer to its own request, and what it says goes
//! back with the call, which is made again. All of that is one request for the client.

use std::time::Duration;

use http::StatusCode;

use super::newer::headers;
use super::way::{Messages, Way, no_answer};
use crate::handler::mcp::backend::{events, whole};
use crate::llm::sse;
use crate::mcp::bridge::members::{Members, quoted};
use crate::mcp::bridge::newer::{Needs, Outcome, Request, Session, outcome};
use crate::mcp::bridge::parked::Running;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::mcp::mirror::Mirrored;
use crate::timer;
use crate::upstream::{Feed, UpstreamResponse};

/// How often a server may ask before it answers, as the SDK for Go has it.
const MOST_ROUNDS: usize = 10;
/// How often in a row it may say that it wants to be called again, and ask nothing.
const MOST_EMPTY: usize = 3;
/// How long is waited then.
const PAUSE: Duration = Duration::from_millis(500);
/// Questions of one round.
const MOST_QUESTIONS: usize = 32;

/// A call.
pub(super) struct Calling {
    pub(super) way: Way,
    pub(super) session: Session,
    pub(super) request: Request,
    pub(super) mirrored: Mirrored,
    pub(super) method: String,
    /// The client's id, as written.
    pub(super) id: String,
    pub(super) can_be_asked: bool,
}

/// What has come for a call.
enum Heard {
    /// The client's answer.
    Answer(String),
    /// The server asks something first.
    Needs(Needs),
}

impl Calling {
    /// Sends the call.
    ///
    /// # Errors
    /// When no answer comes.
    pub(super) async fn send(&self, body: String) -> Result<UpstreamResponse, RpcError> {
        let message = Message::parse(body)?;
        let headers = headers(&self.way, &message, &self.mirrored);
        self.way
            .post(headers, message.into_text(), &self.method)
            .await
    }

    /// Relays the answer, and brings the server's questions to the client.
    ///
    /// # Errors
    /// When nothing usable has come.
    pub(super) async fn relay(
        self,
        response: UpstreamResponse,
        running: Running,
    ) -> Result<UpstreamResponse, RpcError> {
        let status = response.status;
        if status.is_redirection() || matches!(status.as_u16(), 401 | 403) {
            return Ok(response);
        }
        let mut messages = self.way.messages(response)?;
        if messages.is_stream() {
            return Ok(events(|feed| self.run(feed, messages, None, running)));
        }
        let answer = messages.next().await?.ok_or_else(no_answer)?;
        match self.read(&messages, answer, &self.id)? {
            Heard::Answer(text) => Ok(whole(StatusCode::OK, text)),
            Heard::Needs(needs) => {
                if !self.can_be_asked {
                    return Err(undeclared());
                }
                Ok(events(|feed| {
                    self.run(feed, messages, Some(needs), running)
                }))
            }
        }
    }

    fn read(&self, messages: &Messages, answer: Message, id: &str) -> Result<Heard, RpcError> {
        let answer = messages.fitting(answer, id)?;
        match outcome(&self.method, &self.id, &answer) {
            Outcome::Complete(text) => Ok(Heard::Answer(text)),
            Outcome::Needs(needs) => Ok(Heard::Needs(needs)),
            Outcome::Strange => Err(RpcError::upstream(
                "the MCP server's result is of a kind that this client did not ask for",
            )),
        }
    }

    async fn run(
        self,
        feed: Feed,
        messages: Messages,
        needs: Option<Needs>,
        running: Running,
    ) -> Result<(), crate::upstream::UpstreamError> {
        let said = tokio::select! {
            said = self.rounds(&feed, messages, needs) => said,
            // Nobody waits for an answer any more. What goes to the server is closed, which is how it learns of it.
            () = running.cancelled() => return Ok(()),
        };
        let said = said.unwrap_or_else(|error| error.to_json(Some(&self.id)));
        feed.send(sse::encode("message", &said)).await;
        Ok(())
    }

    async fn rounds(
        &self,
        feed: &Feed,
        mut messages: Messages,
        mut needs: Option<Needs>,
    ) -> Result<String, RpcError> {
        let mut id = self.id.clone();
        let mut empty = 0;
        for round in 1..=MOST_ROUNDS + 1 {
            let asked = match needs.take() {
                Some(needs) => needs,
                None => match self.listen(feed, &mut messages, &id).await? {
                    Heard::Answer(text) => return Ok(text),
                    Heard::Needs(needs) => needs,
                },
            };
            if round > MOST_ROUNDS {
                break;
            }
            let answers = if asked.questions.is_empty() {
                empty += 1;
                if empty > MOST_EMPTY {
                    break;
                }
                timer::sleep(PAUSE).await;
                Members::default()
            } else {
                empty = 0;
                self.ask(feed, &asked).await?
            };
            id = quoted(&format!("{}-{round}", self.session.name));
            let body = self.request.again(&id, &answers, asked.state.as_deref());
            let response = self.send(body).await?;
            messages = self.way.messages(response)?;
        }
        Err(RpcError::upstream(
            "the MCP server asks again and again and does not answer",
        ))
    }

    /// Relays what comes before the answer.
    async fn listen(
        &self,
        feed: &Feed,
        messages: &mut Messages,
        id: &str,
    ) -> Result<Heard, RpcError> {
        while let Some(message) = messages.next().await? {
            match message.kind() {
                Kind::Response => return self.read(messages, message, id),
                Kind::Notification => {
                    feed.send(sse::encode("message", message.text())).await;
                }
                // A stateless server sends none; nobody could answer it.
                Kind::Request => {}
            }
        }
        Err(no_answer())
    }

    /// Asks the client everything at once, and waits for all of its answers.
    async fn ask(&self, feed: &Feed, needs: &Needs) -> Result<Members, RpcError> {
        let is_declared = |needs: &Needs| {
            needs
                .questions
                .iter()
                .all(|question| question.is_declared(&self.session))
        };
        if !self.can_be_asked || !is_declared(needs) || needs.questions.len() > MOST_QUESTIONS {
            return Err(undeclared());
        }
        let parked = &self.way.exchange.bridge.parked;
        let mut waiting = Vec::with_capacity(needs.questions.len());
        for question in &needs.questions {
            let full = || RpcError::upstream("too many calls wait for their clients' answers");
            let asked = parked.ask(&self.session.name).ok_or_else(full)?;
            let text = question.request(&asked.id);
            waiting.push((question, asked));
            feed.send(sse::encode("message", &text)).await;
        }
        let mut answers = Members::default();
        for (question, mut asked) in waiting {
            let answer = timer::timeout(self.way.patience(), asked.answer()).await;
            let answer = answer.ok().flatten().ok_or_else(|| {
                RpcError::upstream("the client did not answer what the MCP server asks")
            })?;
            if !question.answered(&answer, &mut answers) {
                return Err(RpcError::upstream(
                    "the client refused what the MCP server needs for its answer",
                ));
            }
        }
        Ok(answers)
    }
}

fn undeclared() -> RpcError {
    RpcError::upstream("the MCP server asks for something that the client has not declared")
}
