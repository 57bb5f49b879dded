//! The wire formats of model traffic: where text lives, and how to change it in place.
//!
//! # A request
//!
//! ```
//! # use std::sync::Arc;
//! # use parapet_gateway::llm::{Dialect, Limits, Request};
//! # let body = r#"{"model":"openai-main/gpt-4o","messages":[{"role":"user","content":"hello"}]}"#;
//! let limits = Limits::default();
//! let request = Request::parse(Dialect::OpenAi, Arc::new(body.to_owned()), &limits)?; // facts only
//! assert_eq!(request.model().as_ref(), "openai-main/gpt-4o");
//! let mut texts = request.texts(&limits)?; // or `request.no_texts()` when no guardrail will look
//! // guardrails judge `texts.segments()`; what mutators want goes in with `texts.apply(&edits)`
//! request.put_model(&mut texts, "gpt-4o");
//! let upstream = texts.to_bytes(); // the very same bytes when nothing changed
//! # assert_eq!(upstream, r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}"#);
//! # Ok::<(), parapet_gateway::llm::LlmError>(())
//! ```
//!
//! # A response
//!
//! [`Response::parse`] takes the request, if there was one, for the schemas of its tools; the rest is the
//! same. [`texts_of_other`] reads any other body, such as an upstream's error.
//!
//! # Streams, services, errors
//!
//! [`stream`] reads and writes the events of a streamed answer. [`Request::chat_body`] and
//! [`Response::chat_body`] give services a body in the OpenAI chat shape whatever the dialect, and their
//! `chat_diff` turns a body that comes back into edits. [`error`] writes error bodies and the end of a stream.
//!
//! # Rules of the texts
//!
//! - Consecutive text parts of a message are one segment.
//! - JSON (a call's arguments or input) gives one [`Form::JsonRaw`] segment for the whole, which cannot be
//!   rewritten, then its keys, leaves and numbers, all with one `json_group`. Judge the leaves first: their
//!   edits show in the whole, so what is still found there only shows in the whole and is a violation.
//! - An edit of an answer's text drops what repeats it (log probabilities, annotations).
//! - Unknown members are judged too: every string below them is a segment.
//!
//! [`Form::JsonRaw`]: parapet_guardrails::segment::Form::JsonRaw

mod about;
#[cfg(test)]
mod any_shape;
mod chat;
mod data_url;
mod defined;
pub mod error;
mod facts;
pub mod json;
pub(crate) mod locate;
mod messages;
#[cfg(test)]
mod odd_places;
mod projection;
mod request;
mod response;
pub(crate) mod schema;
mod splice;
pub mod sse;
pub mod stream;
mod tap;
#[cfg(test)]
pub(crate) mod testing;
mod texts;
pub(crate) mod tool_parts;
mod tools;
mod turn;
mod unjudged;
mod usage;

pub use about::About;
pub use projection::Shown;
pub use projection::Unmappable;
pub use request::Request;
pub use response::{Response, texts_of_other};
pub use tap::{AnswerTap, FirstText};
pub use texts::{NotRewritable, Texts};
pub use unjudged::{Unjudged, UnjudgedCounts};
pub use usage::Usage;

use json::JsonError;

/// A family of wire formats.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
}

/// How much a payload may hold. The number of bytes is limited where the body is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Messages of a conversation.
    pub max_messages: usize,
    /// Texts to judge.
    pub max_segments: usize,
}

impl Default for Limits {
    /// 10,000 messages, far above what a model's context holds in practice, and ten texts for each.
    fn default() -> Self {
        Self {
            max_messages: 10_000,
            max_segments: 100_000,
        }
    }
}

/// Why a body was refused. Every one of them is the sender's mistake; the text is for the sender.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LlmError {
    /// Not JSON, or JSON that is refused.
    #[error("the body is not valid JSON: {0}")]
    Json(#[from] JsonError),
    /// Some other JSON than an object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// A member that every request has is missing.
    #[error("missing required parameter: '{field}'")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A member that the gateway reads has another type.
    #[error("invalid type for '{field}': expected {expected}")]
    WrongType {
        /// Its name.
        field: &'static str,
        /// What it should be, with article.
        expected: &'static str,
    },
    /// More messages than [`Limits::max_messages`].
    #[error("too many messages: {count}, at most {limit} are accepted")]
    TooManyMessages {
        /// How many there are.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// More texts than [`Limits::max_segments`].
    #[error("too many texts: at most {limit} are accepted in one body")]
    TooManyTexts {
        /// The limit.
        limit: usize,
    },
}

impl LlmError {
    /// The parameter to name in an error body.
    pub const fn param(&self) -> Option<&'static str> {
        match self {
            Self::Missing { field } | Self::WrongType { field, .. } => Some(field),
            Self::TooManyMessages { .. } => Some("messages"),
            Self::Json(_) | Self::NotAnObject | Self::TooManyTexts { .. } => None,
        }
    }
}
