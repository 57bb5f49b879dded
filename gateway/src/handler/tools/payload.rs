//! One call or result as a payload of the pipeline.

use std::ops::Range;

use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::Segments;
use serde_json::Value;

use crate::llm::Texts;
use crate::llm::tool_parts::ToolPart;
use crate::pipeline::payload::{ChatBodies, Payload};

/// One call or result, and its texts.
pub(crate) struct PartPayload<'a> {
    /// Where it stands.
    pub(crate) part: &'a ToolPart<'a>,
    /// What guardrails see of it.
    pub(crate) texts: Texts,
}

impl Payload for PartPayload<'_> {
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

    /// Services are shown what a message of MCP would say.
    fn chat_bodies(&self) -> ChatBodies {
        ChatBodies {
            request: self.part.shown_request(&self.texts),
            response: self.part.shown_response(&self.texts),
        }
    }

    fn diff(&self, returned: &Value) -> Result<Vec<Edit>, String> {
        self.part.diff(&self.texts, returned)
    }
}
