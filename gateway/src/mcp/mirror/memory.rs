//! What a gateway remembers about the annotations of one server's tools.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

/// Tools of one server that are remembered; more are as if they were new.
const MOST: usize = 1024;

/// Of one server.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    doubted: HashSet<String, RandomState>,
    told: HashSet<String, RandomState>,
}

impl Memory {
    /// A call's headers did not fit what this gateway knows of a tool. Either the call is wrong, or what is known is old: the
    /// caller lists the tools again, perhaps through another gateway, and must not be refused for ever. Until the next list
    /// comes by here, which header repeats which argument is the server's to check.
    pub(crate) fn doubt(&self, tool: &str) {
        let mut known = self.known();
        if known.doubted.len() < MOST {
            known.doubted.insert(tool.to_owned());
        }
    }

    /// Whether what is known of a tool may be old.
    pub(crate) fn doubts(&self, tool: &str) -> bool {
        self.known().doubted.contains(tool)
    }

    /// A list has come by: what is known is new.
    pub(crate) fn listed(&self) {
        let mut known = self.known();
        if !known.doubted.is_empty() {
            known.doubted.clear();
        }
    }

    /// Whether a tool that is left out of a list has not been told of in the log.
    pub(crate) fn is_news(&self, tool: &str) -> bool {
        let mut known = self.known();
        known.told.len() < MOST && known.told.insert(tool.to_owned())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_lasts_until_a_list_comes_and_news_are_told_once() {
        let memory = Memory::default();
        memory.doubt("a");
        assert!(memory.doubts("a") && !memory.doubts("b"));
        memory.listed();
        assert!(!memory.doubts("a"));
        assert!(memory.is_news("a") && !memory.is_news("a"));
        for index in 0..2 * MOST {
            memory.is_news(&index.to_string());
            memory.doubt(&index.to_string());
        }
        assert!(!memory.is_news("one more"));
        assert_eq!(memory.known().doubted.len(), MOST);
    }
}
