//! Answers as they stream: what each event adds to which text, and how to write events.
//!
//! ```text
//! bytes ─► sse::Decoder ─► sse::Frame ─► Event::read ─► relay event.raw(), or event.with(...)
//! ```
//!
//! # Reading
//!
//! [`Event::read`] tells, for one event:
//!
//! - [`Event::kind`]: what sort of event it is;
//! - [`Event::deltas`]: the pieces of text it adds. Each belongs to a channel ([`ChannelKey`]): one answer
//!   (choice, or content block for Anthropic), one kind of text, one tool call. A channel's text is the
//!   concatenation of its deltas. A delta is never empty;
//! - [`Event::ended`]: the answers that are complete with it, so their channels are too;
//! - [`Event::whole`]: texts that do not grow: whole blocks, citations, an error's message. They are judged like
//!   a response's texts, and edits are applied to them in place.
//!
//! # Writing
//!
//! - an event that nothing changed: [`Event::raw`], byte for byte what came;
//! - an event with other text in some deltas: [`Event::with`]. An empty text is allowed. When all deltas
//!   of a [bare](Event::is_bare) event are empty it can be left out;
//! - text of the gateway's own on some channel: [`Writer::delta`], after [`Writer::observe`] has seen an event;
//! - a held tool call: give the whole arguments to the first of its deltas and nothing to the others. Judge
//!   them before with [`arguments_texts`];
//! - the end after a violation: `ErrorBody::to_events`.
//!
//! [`assembly`] puts a whole answer together, for those who judge answers.

pub mod assembly;
mod event;
mod place;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use parapet_guardrails::segment::{Form, Rewrite, Role, Segment, SegmentText};

pub(super) use event::{ASSISTANT, Reading};
pub use event::{Delta, Event, EventKind};
pub use place::place_of;
pub use writer::Writer;

use super::locate::{Context, Locator};
use super::schema::Schema;
use super::tools::Tools;
use super::{Limits, LlmError, Request, Texts};

/// A text that grows with the stream.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChannelKey {
    /// The choice's or the content block's index.
    pub answer: u32,
    /// What text it is.
    pub kind: ChannelKind,
    /// The tool call's index in its answer, or [`LEGACY_CALL`]. Elsewhere it tells apart texts that a server
    /// sends under several names; 0 as a rule.
    pub call: u32,
}

/// The tool call index of a `function_call`, which has none.
pub const LEGACY_CALL: u32 = u32::MAX;

/// What text a channel carries.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ChannelKind {
    /// The visible answer.
    Text,
    /// A refusal.
    Refusal,
    /// Reasoning that may be changed.
    Reasoning,
    /// Reasoning under a signature: it passes as it is or not at all.
    SignedReasoning,
    /// Text of OpenRouter's `reasoning_details`.
    ReasoningDetail,
    /// A summary in OpenRouter's `reasoning_details`.
    ReasoningSummary,
    /// The name of the tool that is called.
    ToolName,
    /// A tool call's arguments: JSON once it is complete. Hold it until then.
    Arguments,
    /// A custom tool's input: free text.
    CustomInput,
    /// What is spoken in the sound that goes with it.
    Transcript,
    /// Text under a name that is not known.
    Other(Arc<str>),
}

impl ChannelKind {
    /// Whether the text means nothing until it is complete.
    pub const fn is_json(&self) -> bool {
        matches!(self, Self::Arguments)
    }

    /// What guardrails are told about a text of this kind.
    pub const fn segment(&self) -> Segment {
        let (form, rewrite) = match self {
            Self::Text
            | Self::Refusal
            | Self::Reasoning
            | Self::ReasoningDetail
            | Self::ReasoningSummary
            | Self::CustomInput
            | Self::Other(_) => (Form::Text, Rewrite::Yes),
            Self::SignedReasoning => (Form::Text, Rewrite::No("signed")),
            Self::Transcript => (Form::Text, Rewrite::No("audio")),
            Self::ToolName => (Form::Name, Rewrite::No("name")),
            Self::Arguments => (Form::JsonRaw, Rewrite::No("json")),
        };
        Segment {
            text: SegmentText::Body(0..0),
            role: Role::Assistant,
            form,
            rewrite,
            key: None,
            current_turn: true,
            json_group: 0,
            at: 0,
        }
    }
}

/// The texts in a complete tool call's arguments, which are the body here: apply edits, then
/// [`Texts::to_bytes`] are the new arguments. `tool` and `request` tell which numbers must stay numbers.
pub fn arguments_texts(
    arguments: Arc<String>,
    tool: &str,
    request: Option<&Request>,
    limits: &Limits,
) -> Result<Texts, LlmError> {
    let context = Context::text(Role::Assistant).in_turn(true);
    let mut out = Locator::new(arguments.clone(), limits);
    let Ok(doc) = super::json::Doc::parse(&arguments) else {
        out.whole_body(context);
        return out.finish(None);
    };
    let tools = Tools::of(request.map(Request::root));
    let schema = if tool.is_empty() {
        Schema::UNKNOWN
    } else {
        tools.schema(tool)
    };
    out.json_value(doc.root(&arguments), context, schema);
    out.finish(Some(Arc::new(doc)))
}
