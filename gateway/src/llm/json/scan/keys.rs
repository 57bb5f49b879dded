//! No key twice in one object.

use std::borrow::Cow;
use std::hash::BuildHasher as _;

use super::Scanner;
use crate::llm::json::{JsonError, NOWHERE, Node, string};

/// Objects up to this size are checked for duplicate keys by comparing every pair; larger ones are hashed
/// with a random seed.
const PAIRWISE_KEYS: usize = 8;

impl Scanner<'_> {
    pub(super) fn unique_keys(&self, open: usize) -> Result<(), JsonError> {
        let end = self.nodes.get(open).map_or(0, |node| node.next as usize);
        let mut at = open + 1;
        let mut small: [&Node; PAIRWISE_KEYS] = [&NOWHERE; PAIRWISE_KEYS];
        let mut count = 0;
        while at < end {
            let Some(node) = self.nodes.get(at) else {
                break;
            };
            if let Some(before) = small.get(..count)
                && before.iter().any(|other| self.same_key(other, node))
            {
                return Err(JsonError::DuplicateKey {
                    at: node.key_start as usize,
                });
            }
            let Some(slot) = small.get_mut(count) else {
                return self.unique_keys_hashed(open, end);
            };
            *slot = node;
            count += 1;
            at = node.next as usize;
        }
        Ok(())
    }

    /// Equal keys have equal hashes, and sorting brings them together.
    fn unique_keys_hashed(&self, open: usize, end: usize) -> Result<(), JsonError> {
        let seed = foldhash::quality::RandomState::default();
        let mut hashes = Vec::new();
        let mut at = open + 1;
        while let Some(node) = self.nodes.get(at).filter(|_| at < end) {
            hashes.push((seed.hash_one(self.key_text(node).as_ref()), at as u32));
            at = node.next as usize;
        }
        hashes.sort_unstable();
        for run in hashes.chunk_by(|a, b| a.0 == b.0) {
            let nodes = || {
                run.iter()
                    .filter_map(|(_, index)| self.nodes.get(*index as usize))
            };
            for (position, node) in nodes().enumerate() {
                if nodes()
                    .take(position)
                    .any(|before| self.same_key(before, node))
                {
                    return Err(JsonError::DuplicateKey {
                        at: node.key_start as usize,
                    });
                }
            }
        }
        Ok(())
    }

    fn same_key(&self, a: &Node, b: &Node) -> bool {
        if a.key_escaped || b.key_escaped {
            return self.key_text(a) == self.key_text(b);
        }
        a.key_end - a.key_start == b.key_end - b.key_start
            && self.bytes.get(a.key_start as usize..a.key_end as usize)
                == self.bytes.get(b.key_start as usize..b.key_end as usize)
    }

    fn key_text(&self, node: &Node) -> Cow<'_, str> {
        let raw = self
            .text
            .get(node.key_start as usize..node.key_end as usize)
            .unwrap_or_default();
        if node.key_escaped {
            Cow::Owned(string::unescape(raw))
        } else {
            Cow::Borrowed(raw)
        }
    }
}
