//! Documents that have been read: the cost of an edit follows the edit.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::OpenApi;

/// What is read: SHA-256 over the server's name, its resource and its document.
type Key = [u8; 32];

/// An API that is ready, or what is wrong with it: (path, message).
pub(crate) type Outcome = Result<Arc<OpenApi>, (String, String)>;

/// Remembers APIs by what they were made from.
#[derive(Debug, Default)]
pub(crate) struct ApiCache {
    made: RefCell<HashMap<Key, (Arc<Outcome>, u64)>>,
    round: Cell<u64>,
}

impl ApiCache {
    /// Begins a round. What the one before it did not use is forgotten at its end.
    pub(crate) fn begin(&self) {
        self.round.set(self.round.get() + 1);
    }

    /// Forgets what was not used since [`ApiCache::begin`].
    pub(crate) fn forget_unused(&self) {
        let round = self.round.get();
        self.made.borrow_mut().retain(|_, (_, used)| *used == round);
    }

    /// What was made from these parts, or what `make` makes of them now.
    pub(crate) fn get(&self, parts: &[&str], make: impl FnOnce() -> Outcome) -> Arc<Outcome> {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let key: Key = hash.finalize().into();
        let round = self.round.get();
        if let Some((made, used)) = self.made.borrow_mut().get_mut(&key) {
            *used = round;
            return Arc::clone(made);
        }
        let made = Arc::new(make());
        self.made
            .borrow_mut()
            .insert(key, (Arc::clone(&made), round));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_once_as_long_as_it_is_used() {
        let cache = ApiCache::default();
        let count = Cell::new(0);
        let ask = |name: &str| {
            cache.get(&[name, "spec"], || {
                count.set(count.get() + 1);
                Err(("spec".to_owned(), "no".to_owned()))
            });
        };
        cache.begin();
        ask("a");
        ask("a");
        assert_eq!(count.get(), 1);
        cache.begin();
        ask("b");
        cache.forget_unused();
        ask("b");
        assert_eq!(count.get(), 2);
        ask("a");
        assert_eq!(count.get(), 3);
    }
}
