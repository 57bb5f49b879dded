//! Text in a payload, as guardrails see it.

use std::ops::Range;
use std::sync::Arc;

/// Who a text comes from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// System or developer instructions.
    System,
    /// The user.
    User,
    /// The model: history on input, the answer on output.
    Assistant,
    /// What a tool answered: untrusted data.
    ToolResult,
    /// A tool's name, description or schema.
    ToolDefinition,
    /// An identifier beside the conversation: `user`, `metadata`, `stop`.
    Parameter,
}

impl Role {
    /// The role's name in scenario files and in `try`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::ToolResult => "tool_result",
            Self::ToolDefinition => "tool_definition",
            Self::Parameter => "parameter",
        }
    }
}

/// What a text is in its payload.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Form {
    /// Prose, code, anything: a plain string.
    Text,
    /// A string leaf of JSON (an argument's value).
    JsonLeaf,
    /// A key of a JSON object.
    JsonKey,
    /// A JSON number, as written.
    JsonNumber,
    /// The raw text of JSON that stands in a string. Its leaves, keys and numbers are segments of
    /// their own; this one finds what only shows in the whole.
    JsonRaw,
    /// A name: of a tool, a function, a participant.
    Name,
}

/// Whether a text may be rewritten.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rewrite {
    /// It may.
    Yes,
    /// It may not: a finding in it is a violation. The word says why: `signed`, `key`, `name`, `number`.
    No(&'static str),
}

/// Where a segment's text is kept.
#[derive(Clone, Debug)]
pub enum SegmentText {
    /// A range of the body: nothing had to be unescaped or joined.
    Body(Range<u32>),
    /// A range of the payload's unescaped and joined texts, which share one allocation.
    Unescaped(Range<u32>),
    /// A text of its own, after an edit.
    Owned(Arc<str>),
}

/// One run of text: a string, or consecutive parts of one message joined without separator.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its text. Read it with [`Segments::text`].
    pub text: SegmentText,
    /// Who it comes from.
    pub role: Role,
    /// What it is.
    pub form: Form,
    /// Whether it may be rewritten.
    pub rewrite: Rewrite,
    /// The nearest JSON key above it, for leaves and numbers: the best context word there is.
    pub key: Option<Arc<str>>,
    /// Whether it belongs to the newest turn: the last user message and what follows it.
    pub current_turn: bool,
    /// Segments that came out of one JSON string or value share a number; 0 for all others.
    pub json_group: u32,
    /// Byte offset in the body, to tell its place.
    pub at: u32,
}

/// The segments of one payload, with the text they point into. Cheap to share.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    body: Arc<String>,
    unescaped: Arc<String>,
    list: Vec<Segment>,
}

impl Segments {
    /// Segments of `body`.
    pub fn new(body: Arc<String>, list: Vec<Segment>) -> Self {
        Self::with_unescaped(body, Arc::default(), list)
    }

    /// Segments of `body`; `unescaped` holds the texts that could not be taken from it as they stand.
    pub const fn with_unescaped(
        body: Arc<String>,
        unescaped: Arc<String>,
        list: Vec<Segment>,
    ) -> Self {
        Self {
            body,
            unescaped,
            list,
        }
    }

    /// One segment that is not part of any body: a stream's text so far, or a text to check.
    pub fn of_text(text: &str, role: Role, form: Form) -> Self {
        Self {
            body: Arc::default(),
            unescaped: Arc::default(),
            list: vec![Segment {
                text: SegmentText::Owned(text.into()),
                role,
                form,
                rewrite: Rewrite::Yes,
                key: None,
                current_turn: true,
                json_group: 0,
                at: 0,
            }],
        }
    }

    /// All segments, in the body's order.
    pub fn list(&self) -> &[Segment] {
        &self.list
    }

    /// Replaces one segment's text, after an edit.
    pub fn set_text(&mut self, index: usize, text: Arc<str>) {
        if let Some(segment) = self.list.get_mut(index) {
            segment.text = SegmentText::Owned(text);
        }
    }

    /// The text of one segment; empty when there is no such segment.
    pub fn text(&self, index: usize) -> &str {
        self.list
            .get(index)
            .map_or("", |segment| self.resolve(&segment.text))
    }

    /// The text at a place of this payload.
    pub fn resolve<'a>(&'a self, text: &'a SegmentText) -> &'a str {
        let (whole, range) = match text {
            SegmentText::Body(range) => (&self.body, range),
            SegmentText::Unescaped(range) => (&self.unescaped, range),
            SegmentText::Owned(text) => return text,
        };
        whole
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default()
    }
}
