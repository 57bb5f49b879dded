//! Tools as their server listed them: what calls of them are judged with.
//!
//! A definition says which arguments and results must stay numbers, and what a redaction would break. It is remembered
//! when a list passes through, by each gateway for itself. What nobody has listed yet is judged without, but for results
//! that clients hold to a schema: then the gateway lists the tools itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use foldhash::fast::RandomState;

use super::envelope::Message;
use super::surfaces::Parsed;

/// Tools of one server that are remembered.
const MOST_TOOLS: usize = 1024;
/// Bytes of one definition that is remembered.
const MOST_BYTES: usize = 256 * 1024;
/// Bytes of all definitions of one server.
const MOST_IN_ALL: usize = 4 * 1024 * 1024;

/// The tools of one server.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    known: Mutex<Known>,
    /// When the gateway itself asked for them last; held while it does.
    pub(crate) asked: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Known {
    tools: HashMap<String, Parsed, RandomState>,
    bytes: usize,
}

impl Definitions {
    /// A tool's definition.
    pub(crate) fn get(&self, tool: &str) -> Option<Parsed> {
        self.known().tools.get(tool).cloned()
    }

    /// Remembers the tools of an answer to `tools/list`.
    pub(crate) fn learn(&self, answer: &Message) {
        let Some(tools) = answer
            .root()
            .get("result")
            .and_then(|result| result.get("tools"))
        else {
            return;
        };
        for tool in tools.items() {
            let (Some(name), raw) = (tool.get_str("name"), tool.raw()) else {
                continue;
            };
            let same = |known: &Parsed| known.text().as_str() == raw;
            let mut known = self.known();
            if raw.len() > MOST_BYTES || known.tools.get(&*name).is_some_and(same) {
                continue;
            }
            let before = known
                .tools
                .get(&*name)
                .map_or(0, |known| known.text().len());
            let bytes = known.bytes - before + raw.len();
            let is_new = before == 0;
            if bytes > MOST_IN_ALL || (is_new && known.tools.len() >= MOST_TOOLS) {
                continue;
            }
            if let Ok(parsed) = Parsed::read(Arc::new(raw.to_owned()), MOST_BYTES) {
                known.tools.insert(name.into_owned(), parsed);
                known.bytes = bytes;
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(tools: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}]}}}}"#);
        Message::parse(text).unwrap()
    }

    #[test]
    fn the_last_definition_counts_and_there_is_a_limit() {
        let definitions = Definitions::default();
        definitions.learn(&list(r#"{"name":"a","v":1},{"name":"b"},{"v":2},7"#));
        definitions.learn(&list(r#"{"name":"a","v":22}"#));
        assert_eq!(
            definitions.get("a").unwrap().text().as_str(),
            r#"{"name":"a","v":22}"#
        );
        assert!(definitions.get("b").is_some() && definitions.get("c").is_none());
        let large = "x".repeat(MOST_BYTES - 100);
        for index in 0..40 {
            definitions.learn(&list(&format!(r#"{{"name":"l{index}","d":"{large}"}}"#)));
        }
        let known = definitions.known();
        assert!(known.bytes <= MOST_IN_ALL && known.tools.len() < 42);
        let counted: usize = known.tools.values().map(|known| known.text().len()).sum();
        assert_eq!(counted, known.bytes);
    }
}
