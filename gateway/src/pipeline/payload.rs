//! What the pipeline needs from a payload, whatever its wire format.

use std::ops::Range;

use bytes::Bytes;
use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::Segments;

/// The bodies that services judge, in the chat shape.
#[derive(Clone, Debug, Default)]
pub struct ChatBodies {
    /// The request as it stands.
    pub request: Bytes,
    /// The answer as it stands, on output hooks.
    pub response: Option<Bytes>,
}

/// A located payload that can be edited.
pub trait Payload {
    /// Its texts as they stand, edits included.
    fn segments(&self) -> &Segments;

    /// Where a segment stands, e.g. `messages[0].content`.
    fn place(&self, segment: usize) -> String;

    /// The same for whoever may not see the text: only names that the wire format defines are in it.
    fn public_place(&self, segment: usize) -> String;

    /// For a range of the raw text of JSON in a string: the leaf that holds it, with the range in that
    /// leaf's text.
    fn leaf_of_raw(&self, segment: usize, range: Range<usize>) -> Option<(usize, Range<usize>)>;

    /// Applies the edits of one mutator; the segments' texts follow. False when one of them cannot be
    /// applied: then none is.
    #[must_use]
    fn apply(&mut self, edits: &[Edit]) -> bool;

    /// What these edits ask for wherever the payload says the same once more.
    fn twins(&self, _: &[Edit]) -> Vec<Edit> {
        Vec::new()
    }

    /// The bodies for services, as they stand.
    fn chat_bodies(&self) -> ChatBodies;

    /// The edits that lead from the body as it stands to one that a service returned.
    ///
    /// # Errors
    /// The path of the first change that is not a changed text.
    fn diff(&self, returned: &serde_json::Value) -> Result<Vec<Edit>, String>;
}
