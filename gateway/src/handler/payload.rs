//! Requests and responses of the model routes as payloads of the pipeline.

use std::ops::Range;

use bytes::Bytes;
use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::Segments;
use serde_json::Value;

use crate::llm::stream::assembly::Assembly;
use crate::llm::{Request, Response, Texts};
use crate::pipeline::payload::{ChatBodies, Payload};

/// A request on the input hook.
pub(crate) struct RequestPayload {
    pub(crate) request: Request,
    pub(crate) texts: Texts,
}

/// A response on the output hook, with the request as it was sent.
pub(crate) struct ResponsePayload<'a> {
    pub(crate) request: &'a RequestPayload,
    pub(crate) response: Option<&'a Response>,
    pub(crate) texts: Texts,
}

/// An answer that was put together from a stream. It takes only edits that the stream's events can follow.
pub(crate) struct AssembledPayload<'a> {
    pub(crate) answer: ResponsePayload<'a>,
    pub(crate) assembly: &'a Assembly,
}

impl Payload for AssembledPayload<'_> {
    fn segments(&self) -> &Segments {
        self.answer.segments()
    }

    fn place(&self, segment: usize) -> String {
        self.answer.place(segment)
    }

    fn public_place(&self, segment: usize) -> String {
        self.answer.public_place(segment)
    }

    fn leaf_of_raw(&self, segment: usize, range: Range<usize>) -> Option<(usize, Range<usize>)> {
        self.answer.leaf_of_raw(segment, range)
    }

    fn apply(&mut self, edits: &[Edit]) -> bool {
        let mut texts = self.answer.texts.clone();
        if texts.apply(edits).is_err() {
            return false;
        }
        let followed = std::str::from_utf8(&texts.to_bytes())
            .is_ok_and(|body| self.assembly.changes(body).is_ok());
        if followed {
            self.answer.texts = texts;
        }
        followed
    }

    fn chat_bodies(&self) -> ChatBodies {
        self.answer.chat_bodies()
    }

    fn diff(&self, returned: &Value) -> Result<Vec<Edit>, String> {
        self.answer.diff(returned)
    }
}

impl Payload for RequestPayload {
    fn segments(&self) -> &Segments {
        self.texts.segments()
    }

    fn place(&self, segment: usize) -> String {
        self.texts.place(segment)
    }

    fn public_place(&self, segment: usize) -> String {
        self.texts.public_place(segment)
    }

    fn leaf_of_raw(&self, segment: usize, range: Range<usize>) -> Option<(usize, Range<usize>)> {
        self.texts.leaf_of_raw(segment, range)
    }

    fn apply(&mut self, edits: &[Edit]) -> bool {
        self.texts.apply(edits).is_ok()
    }

    fn chat_bodies(&self) -> ChatBodies {
        ChatBodies {
            request: self.request.chat_body(&self.texts),
            response: None,
        }
    }

    fn diff(&self, returned: &Value) -> Result<Vec<Edit>, String> {
        self.request
            .chat_diff(&self.texts, returned)
            .map_err(|unmappable| unmappable.path)
    }
}

impl Payload for ResponsePayload<'_> {
    fn segments(&self) -> &Segments {
        self.texts.segments()
    }

    fn place(&self, segment: usize) -> String {
        self.texts.place(segment)
    }

    fn public_place(&self, segment: usize) -> String {
        self.texts.public_place(segment)
    }

    fn leaf_of_raw(&self, segment: usize, range: Range<usize>) -> Option<(usize, Range<usize>)> {
        self.texts.leaf_of_raw(segment, range)
    }

    fn apply(&mut self, edits: &[Edit]) -> bool {
        self.texts.apply(edits).is_ok()
    }

    fn chat_bodies(&self) -> ChatBodies {
        ChatBodies {
            request: self.request.chat_bodies().request,
            response: Some(match self.response {
                Some(response) => response.chat_body(&self.texts),
                None => json(self.texts.edited_texts()),
            }),
        }
    }

    fn diff(&self, returned: &Value) -> Result<Vec<Edit>, String> {
        match self.response {
            Some(response) => response
                .chat_diff(&self.texts, returned)
                .map_err(|unmappable| unmappable.path),
            None => Err("$".to_owned()),
        }
    }
}

/// An error's body has no chat shape: a service is shown it as it is, or as a text when it is not JSON.
fn json(body: Bytes) -> Bytes {
    if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() {
        return body;
    }
    let text = String::from_utf8_lossy(&body);
    serde_json::to_vec(&text).unwrap_or_default().into()
}
