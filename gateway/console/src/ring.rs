//! The newest entries, bounded by their number and by their bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::Entry;

/// How much a ring keeps: whichever bound is reached first.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests.
    pub records: usize,
    /// Bytes of memory.
    pub bytes: usize,
}

impl Default for Limits {
    /// 10,000 requests in 48 MiB.
    fn default() -> Self {
        Self {
            records: 10_000,
            bytes: 48 * 1024 * 1024,
        }
    }
}

/// The newest entries.
pub(crate) struct Ring {
    limits: Limits,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    added: u64,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("entries", &self.entries.len())
            .field("bytes", &self.bytes)
            .field("added", &self.added)
            .finish_non_exhaustive()
    }
}

impl Ring {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            bytes: 0,
            added: 0,
        }
    }

    /// Adds an entry and lets the oldest go that have no room any more.
    pub(crate) fn push(&mut self, entry: Arc<Entry>) {
        self.added += 1;
        self.bytes += cost(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > self.limits.records || self.bytes > self.limits.bytes {
            let Some(gone) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= cost(&gone);
        }
    }

    /// All of them, newest first.
    pub(crate) fn newest(&self) -> Vec<Arc<Entry>> {
        self.entries.iter().rev().cloned().collect()
    }

    pub(crate) fn find(&self, request_id: &str) -> Option<Arc<Entry>> {
        let found = self.entries.iter().rev();
        found
            .clone()
            .find(|entry| *entry.record.request_id == *request_id)
            .cloned()
    }

    /// How many were ever added.
    pub(crate) const fn added(&self) -> u64 {
        self.added
    }

    /// Bytes that the entries take, nearly.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bounds.
    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }
}

/// With the place in the ring and the counters of the shared entry.
fn cost(entry: &Entry) -> usize {
    entry.bytes() + 3 * size_of::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::testing::record;

    fn ring(records: usize, bytes: usize) -> Ring {
        Ring::new(Limits { records, bytes })
    }

    fn entry(id: &str) -> Arc<Entry> {
        Arc::new(Entry::new("gw".into(), record(id)))
    }

    fn ids(ring: &Ring) -> Vec<String> {
        let entries = ring.newest();
        entries
            .iter()
            .map(|entry| entry.record.request_id.to_string())
            .collect()
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut ring = ring(3, usize::MAX);
        for id in ["a", "b", "c", "d", "e"] {
            ring.push(entry(id));
        }
        assert_eq!(ids(&ring), ["e", "d", "c"]);
        assert_eq!(ring.added(), 5);
        assert!(ring.find("b").is_none());
        assert_eq!(&*ring.find("d").unwrap().record.request_id, "d");
    }

    #[test]
    fn the_oldest_go_when_they_are_too_large_and_the_count_of_bytes_stays_true() {
        let one = cost(&entry("a"));
        let mut ring = ring(usize::MAX, 3 * one);
        for _ in 0..100 {
            ring.push(entry("a"));
        }
        assert_eq!((ring.newest().len(), ring.bytes()), (3, 3 * one));
        let mut long = record("long");
        long.model = Some("m".repeat(300).into());
        ring.push(Arc::new(Entry::new("gw".into(), long)));
        assert!(ring.bytes() <= 3 * one);
        assert_eq!(ids(&ring)[0], "long");
    }

    #[test]
    fn long_names_are_cut_so_that_they_push_nobody_out() {
        let mut long = record("long");
        long.model = Some("é".repeat(1_000_000).into());
        long.teams = vec!["team".into(); 10_000];
        let entry = Entry::new("gw".into(), long);
        assert!(entry.bytes() < 8 * 1024, "{}", entry.bytes());
        assert!(entry.record.model.as_ref().unwrap().ends_with("é…"));
    }
}
