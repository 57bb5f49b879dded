//! What stands around a place of a text and says what a number there is.

use super::super::context::table::Tables;
use super::super::context::{self, Context, Memory, Near};

/// The words, keys and headers of one text, read as far as they are asked for.
pub(super) struct Surroundings<'a> {
    text: &'a str,
    /// The JSON key above the text.
    key: Option<&'a str>,
    /// What it says.
    above: Option<Context>,
    tables: Tables,
    memory: &'a Memory,
}

impl<'a> Surroundings<'a> {
    pub(super) fn of(text: &'a str, key: Option<&'a str>, memory: &'a Memory) -> Self {
        Self {
            text,
            key,
            above: None,
            tables: Tables::default(),
            memory,
        }
    }

    /// The words near a place.
    pub(super) fn near(&mut self, at: usize) -> Near<'a> {
        let key = self.key;
        let above = *self
            .above
            .get_or_insert_with(|| key.map_or(Context::NONE, context::above));
        let header = self.tables.header_cell(self.text, at);
        let header = header.and_then(|cell| self.text.get(cell));
        let header = header.map_or(Context::NONE, context::above);
        Near::new(self.text, at, above.or(header), self.memory)
    }
}
