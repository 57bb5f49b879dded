//! The batches that arrived lately: one that NATS gives again, because it never heard that it was done, is not posted again.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Batches that are remembered: minutes of heavy traffic, some hundred kilobytes.
const MOST: usize = 4096;

/// Names of batches, the last ones.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    known: HashSet<String>,
    in_order: VecDeque<String>,
}

impl Remembered {
    /// Remembers a name; the oldest is forgotten.
    pub(super) fn add(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.known.insert(name.to_owned()) {
            return;
        }
        names.in_order.push_back(name.to_owned());
        if names.in_order.len() > MOST
            && let Some(oldest) = names.in_order.pop_front()
        {
            names.known.remove(&oldest);
        }
    }

    /// Whether a name is remembered.
    pub(super) fn knows(&self, name: &str) -> bool {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.known.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered_and_no_more() {
        let names = Remembered::default();
        for number in 0..MOST + 10 {
            names.add(&number.to_string());
            names.add(&number.to_string());
        }
        assert!(!names.knows("9") && names.knows("10"));
        assert!(names.knows(&(MOST + 9).to_string()));
        assert_eq!(names.0.lock().unwrap().known.len(), MOST);
    }
}
