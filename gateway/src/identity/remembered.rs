//! Tokens that were verified, so that a signature is checked once and not on every request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Identity;
use super::digest::Digest;

/// Spread over so many locks, because all threads look here.
const SHARDS: usize = 16;
/// Tokens in a generation of a shard; at most two generations are kept: 32,768 tokens in all.
const GENERATION: usize = 1024;

#[derive(Default)]
pub(super) struct Remembered {
    shards: [Mutex<Shard>; SHARDS],
}

/// What was used lately and what was used before. When the first is full it becomes the second, and what was
/// there is forgotten: bounded, and no search for the oldest.
#[derive(Default)]
struct Shard {
    young: Generation,
    old: Generation,
}

type Generation = HashMap<Digest, Entry, foldhash::fast::RandomState>;

struct Entry {
    identity: Arc<Identity>,
    expires: u64,
}

impl Remembered {
    fn shard(&self, digest: &Digest) -> &Mutex<Shard> {
        let [.., low] = digest.place().to_be_bytes();
        // A remainder is below the array's length.
        &self.shards[usize::from(low) % SHARDS]
    }

    pub(super) fn get(&self, digest: &Digest, now: u64) -> Option<Arc<Identity>> {
        let mut shard = self
            .shard(digest)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shard.young.get(digest) {
            return (entry.expires > now).then(|| Arc::clone(&entry.identity));
        }
        let entry = shard
            .old
            .remove(digest)
            .filter(|entry| entry.expires > now)?;
        let identity = Arc::clone(&entry.identity);
        shard.put(*digest, entry);
        Some(identity)
    }

    pub(super) fn put(&self, digest: Digest, identity: Arc<Identity>, expires: u64, now: u64) {
        if expires > now {
            let mut shard = self
                .shard(&digest)
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            shard.put(digest, Entry { identity, expires });
        }
    }
}

impl Shard {
    fn put(&mut self, digest: Digest, entry: Entry) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use parapet_policy::facts::{Caller, Subject};

    use super::super::digest::Hasher;
    use super::*;

    fn identity(name: &str) -> Arc<Identity> {
        let subject = Subject::User(name.into());
        let caller = Caller {
            subject,
            teams: Vec::new(),
            roles: Vec::new(),
        };
        Arc::new(Identity {
            caller,
            metadata: BTreeMap::new(),
        })
    }

    #[test]
    fn remembers_until_it_expires() {
        let (hasher, remembered) = (Hasher::new(), Remembered::default());
        let digest = hasher.digest(b"token");
        remembered.put(digest, identity("alice"), 100, 50);
        assert_eq!(remembered.get(&digest, 99).unwrap(), identity("alice"));
        assert_eq!(remembered.get(&digest, 100), None);
        assert_eq!(remembered.get(&hasher.digest(b"other"), 50), None);
        let late = hasher.digest(b"late");
        remembered.put(late, identity("bob"), 100, 100);
        assert_eq!(remembered.get(&late, 50), None);
    }

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let (hasher, remembered) = (Hasher::new(), Remembered::default());
        let mine = hasher.digest(b"mine");
        remembered.put(mine, identity("alice"), 100, 0);
        let someone = identity("someone");
        for number in 0..4 * SHARDS * GENERATION {
            let digest = hasher.digest(&number.to_le_bytes());
            remembered.put(digest, Arc::clone(&someone), 100, 0);
            if number % 1000 == 0 {
                assert!(
                    remembered.get(&mine, 0).is_some(),
                    "forgotten after {number}"
                );
            }
        }
        let held: usize = remembered
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap())
            .map(|shard| shard.young.len() + shard.old.len())
            .sum();
        assert!(held <= 2 * SHARDS * GENERATION, "{held}");
    }
}
