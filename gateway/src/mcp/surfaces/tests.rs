mod any_shape;
mod edits;
mod envelope;
mod limits;
pub(crate) mod places;
mod schemas;

use std::sync::Arc;

use super::{About, Direction, Parsed, texts};
use crate::llm::{Limits, Texts};

/// A message of a table.
pub(crate) fn parsed(body: &str) -> Parsed {
    Parsed::read(Arc::new(body.to_owned()), 1 << 20).expect(body)
}

/// The texts of a message with its definition of the tool.
fn texts_of(direction: Direction, method: &str, tool: Option<&str>, body: &str) -> Texts {
    let tool = tool.map(parsed);
    let about = About {
        tool: tool.as_ref(),
        ..About::new(direction, method)
    };
    texts(&parsed(body), &about, &Limits::default()).expect(body)
}
