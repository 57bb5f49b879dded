//! A document's text to JSON.

use serde_json::Value as Json;

use super::Problem;
use super::limits::MAX_DOCUMENT_BYTES;
use crate::read::{parse_plain, plain};

/// Reads JSON or YAML: what begins with `{` is JSON, which YAML readers take differently in corners.
pub(super) fn parse(text: &str) -> Result<Json, Problem> {
    if text.len() > MAX_DOCUMENT_BYTES {
        let message = format!("the document has more than {MAX_DOCUMENT_BYTES} bytes");
        return Err(Problem::new("#", message));
    }
    let text = text.trim_start_matches('\u{feff}');
    let is_json = text.trim_start().starts_with('{');
    let nodes = parse_plain(text, is_json).map_err(|error| {
        let place = error.position.map(|place| {
            format!(
                " (line {}, column {} of the document)",
                place.line, place.column
            )
        });
        Problem::new("#", error.message + &place.unwrap_or_default())
    })?;
    match nodes.as_slice() {
        [node] => Ok(plain(node)),
        _ => Err(Problem::new("#", "the text is not one document")),
    }
}
