//! What every server of our own making answers by itself, in both eras: messages in, answers out, nothing kept.
//!
//! Such a server has no connection to greet and no process to ask, so `initialize`, `ping`, `server/discover`, levels of logs
//! and notifications are answered here, and so is a method that it does not offer. [`Own::answer`] leaves the rest to whoever
//! makes the server: lists are put together with [`Own::list`], everything else with [`Own::result`] and [`Own::error`].

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::envelope::{Kind, Message};
use super::error::RpcError;
use super::version::{Era, SERVED, Version, negotiated};

mod list;
mod offers;
mod session;

pub(crate) use list::Entry;
pub(crate) use offers::{Offer, Offers};
pub(crate) use session::{MemberSession, OwnSession};

/// The member of `_meta` with who a server is (2026-07-28).
const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";

/// A server of our own making, as clients get to know it.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// As in `/mcp/{name}`.
    pub(crate) name: String,
    /// For the model; none: nothing is said.
    pub(crate) instructions: Option<String>,
    /// What it has.
    pub(crate) offers: Offers,
    /// How long clients may keep what it lists.
    pub(crate) fresh: Duration,
}

/// An answer to one message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// One message; none where a message was only taken.
    pub(crate) body: Option<String>,
    /// A session that begins with this answer: what the server wants to know of it later. It goes out sealed.
    pub(crate) session: Option<String>,
}

impl Answer {
    /// A message that wants no answer was taken.
    pub(crate) const fn taken() -> Self {
        Self {
            status: StatusCode::ACCEPTED,
            body: None,
            session: None,
        }
    }

    /// One message.
    pub(crate) const fn whole(status: StatusCode, body: String) -> Self {
        Self {
            status,
            body: Some(body),
            session: None,
        }
    }

    /// The same with a session that begins with it.
    pub(crate) fn opening(self, session: &OwnSession) -> Self {
        Self {
            session: Some(session.to_text()),
            ..self
        }
    }
}

impl Own {
    /// The answer to a message that says the same to every server; none for what this server offers, which is left to it.
    ///
    /// Notifications and answers of clients are taken and mean nothing here: a server that passes them on looks at them
    /// first.
    pub(crate) fn answer(&self, version: Version, message: &Message) -> Option<Answer> {
        match message.kind() {
            Kind::Notification | Kind::Response => return Some(Answer::taken()),
            Kind::Request => {}
        }
        match (version.era, &*message.method()) {
            (Era::Legacy, "initialize") => {
                let session = OwnSession::new(negotiated(message));
                Some(self.greeting(message, &session))
            }
            (Era::Legacy, "ping") => Some(Self::result(version, message, "")),
            (Era::Legacy, "logging/setLevel") if self.offers.has(Offer::Logging) => {
                Some(Self::result(version, message, ""))
            }
            (Era::Modern, "server/discover") => Some(self.discovery(message)),
            (_, method) if self.offers.method(method) => None,
            _ => Some(Self::error(version, message, unknown_method())),
        }
    }

    /// The answer to `initialize`, which begins a session.
    pub(crate) fn greeting(&self, message: &Message, session: &OwnSession) -> Answer {
        if message
            .param("protocolVersion")
            .and_then(|asked| asked.as_str())
            .is_none()
        {
            let error = RpcError::params("params lacks the string \"protocolVersion\"");
            return Answer::whole(StatusCode::OK, error.to_json(message.id()));
        }
        let mut result = json!({
            "protocolVersion": session.version,
            "capabilities": self.offers.capabilities(Era::Legacy),
            "serverInfo": self.info(),
        });
        if let Some(instructions) = &self.instructions {
            result["instructions"] = instructions.as_str().into();
        }
        Answer::whole(StatusCode::OK, response(message, &result.to_string())).opening(session)
    }

    fn discovery(&self, message: &Message) -> Answer {
        let mut result = json!({
            "resultType": "complete",
            "supportedVersions": SERVED,
            "capabilities": self.offers.capabilities(Era::Modern),
            "ttlMs": self.fresh_ms(),
            // What there is may depend on who asks.
            "cacheScope": "private",
            "_meta": {META_SERVER: self.info()},
        });
        if let Some(instructions) = &self.instructions {
            result["instructions"] = instructions.as_str().into();
        }
        Answer::whole(StatusCode::OK, response(message, &result.to_string()))
    }

    fn info(&self) -> serde_json::Value {
        json!({"name": self.name, "version": env!("CARGO_PKG_VERSION")})
    }

    fn fresh_ms(&self) -> u64 {
        u64::try_from(self.fresh.as_millis()).unwrap_or(u64::MAX)
    }

    /// A complete result with these `members`: JSON as it stands between the braces of an object, without `resultType`.
    pub(crate) fn result(version: Version, message: &Message, members: &str) -> Answer {
        let kind = match version.era {
            Era::Modern => r#""resultType":"complete""#,
            Era::Legacy => "",
        };
        let comma = if kind.is_empty() || members.is_empty() {
            ""
        } else {
            ","
        };
        let body = response(message, &format!("{{{kind}{comma}{members}}}"));
        Answer::whole(StatusCode::OK, body)
    }

    /// An error, with the status that clients of the era live with: in a session, any other than 200 ends it for some.
    pub(crate) fn error(version: Version, message: &Message, error: RpcError) -> Answer {
        let status = match version.era {
            Era::Modern => error.status,
            Era::Legacy => StatusCode::OK,
        };
        Answer::whole(status, error.to_json(message.id()))
    }
}

/// A method that the protocol or this server does not have.
fn unknown_method() -> RpcError {
    RpcError::new(StatusCode::NOT_FOUND, -32601, "method not found")
}

/// The response to a request, with a result as JSON.
fn response(message: &Message, result: &str) -> String {
    let id = message.id().unwrap_or("null");
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

#[cfg(test)]
mod tests;
