//! A message as a payload of the pipeline.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::Segments;
use serde_json::Value;

use super::{Allowed, Judging};
use crate::llm::{Shown, Texts, json};
use crate::mcp::surfaces::output_schema::still_fits;
use crate::mcp::surfaces::{Direction, Parsed, shown_request, shown_response, twins};
use crate::pipeline::payload::{ChatBodies, Payload};

pub(super) struct MessagePayload<'a> {
    judging: &'a Judging<'a>,
    texts: Texts,
    /// Found when something is changed for the first time.
    twins: OnceCell<Vec<(usize, usize)>>,
}

impl<'a> MessagePayload<'a> {
    pub(super) const fn new(judging: &'a Judging<'a>, texts: Texts) -> Self {
        Self {
            judging,
            texts,
            twins: OnceCell::new(),
        }
    }

    pub(super) fn into_allowed(self) -> Allowed {
        Allowed {
            changed: self.texts.is_edited().then(|| self.texts.to_bytes()),
        }
    }

    /// The part of the message that services judge.
    fn shown(&self) -> Shown<'_> {
        match self.judging.about.direction {
            Direction::ToServer => shown_request(&self.judging.message),
            Direction::ToClient => shown_response(&self.judging.message),
        }
    }

    /// What the tool declares of its results.
    fn schema(&self) -> Option<json::Value<'_>> {
        self.judging.about.tool?.root().get("outputSchema")
    }

    /// Whether that still holds; of what is not known, whether nothing of what it would hold is changed. Clients do not
    /// check failures.
    fn fits(&self, schema: Option<json::Value<'_>>, texts: &Texts) -> bool {
        let Some(result) = twins::tool_result(&self.judging.message) else {
            return true;
        };
        let failed = result.get("isError").and_then(|flag| flag.as_bool()) == Some(true);
        let Some(before) = result.get("structuredContent").filter(|_| !failed) else {
            return true;
        };
        let after = String::from_utf8(texts.to_bytes().to_vec()).ok();
        let after = after.and_then(|after| {
            let max = after.len();
            Parsed::read(Arc::new(after), max).ok()
        });
        after.is_some_and(|after| {
            twins::tool_result(&after)
                .and_then(|result| result.get("structuredContent"))
                .is_some_and(|after| match schema {
                    Some(schema) => still_fits(schema, before, after),
                    None => before.raw() == after.raw(),
                })
        })
    }
}

impl Payload for MessagePayload<'_> {
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
        let schema = self.schema();
        if schema.is_none() && !self.judging.about.schema_is_unknown {
            return self.texts.apply(edits).is_ok();
        }
        let mut texts = self.texts.clone();
        let applied = texts.apply(edits).is_ok() && self.fits(schema, &texts);
        if applied {
            self.texts = texts;
        }
        applied
    }

    fn twins(&self, edits: &[Edit]) -> Vec<Edit> {
        let pairs = self
            .twins
            .get_or_init(|| twins::of(&self.judging.message, &self.texts));
        twins::edits(pairs, &self.texts, edits)
    }

    fn chat_bodies(&self) -> ChatBodies {
        let shown = self.texts.shown(self.shown());
        match self.judging.about.direction {
            Direction::ToServer => ChatBodies {
                request: shown,
                response: None,
            },
            Direction::ToClient => ChatBodies {
                // What a server says by itself belongs to no request.
                request: match self.judging.request {
                    Some(request) => shown_request(request).unchanged(),
                    None => Bytes::from_static(b"null"),
                },
                response: Some(shown),
            },
        }
    }

    fn diff(&self, returned: &Value) -> Result<Vec<Edit>, String> {
        self.texts
            .shown_diff(self.shown(), returned)
            .map_err(|unmappable| unmappable.path)
    }
}
