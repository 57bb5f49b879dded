//! Tokens that were verified, so that a signature is checked once and not on every request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Identity;
use super::digest::Digest;
use super::jwt::VerifiedBy;

/// Spread over so many locks, because all threads look here.
const SHARDS: usize = 16;
/// Tokens in a generation of a shard; at most two generations are kept: 32,768 tokens in all.
const GENERATION: usize = 1024;
/// Bytes of identities in a generation of a shard: 64 MiB in all. Most identities have some 300 bytes; one whose token
/// lists a thousand teams has 50 KiB.
const GENERATION_BYTES: usize = 2 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Remembered {
    shards: [Mutex<Shard>; SHARDS],
}

/// What was used lately and what was used before. When the first is full it becomes the second, and what was
/// there is forgotten: bounded, and no search for the oldest.
#[derive(Default)]
struct Shard {
    young: Generation,
    young_bytes: usize,
    old: Generation,
}

type Generation = HashMap<Digest, Entry, foldhash::fast::RandomState>;

/// A token that was verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) identity: Arc<Identity>,
    /// Seconds since 1970.
    pub(super) expires: u64,
    /// What it was verified with.
    pub(super) by: VerifiedBy,
}

impl Remembered {
    fn shard(&self, digest: &Digest) -> MutexGuard<'_, Shard> {
        let [.., low] = digest.place().to_be_bytes();
        // A remainder is below the array's length.
        self.shards[usize::from(low) % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, digest: &Digest, now: u64) -> Option<Entry> {
        let mut shard = self.shard(digest);
        if let Some(entry) = shard.young.get(digest) {
            return (entry.expires > now).then(|| entry.clone());
        }
        let entry = shard
            .old
            .remove(digest)
            .filter(|entry| entry.expires > now)?;
        let forgotten = shard.put(*digest, entry.clone());
        drop(shard);
        drop(forgotten);
        Some(entry)
    }

    pub(super) fn put(&self, digest: Digest, entry: Entry, now: u64) {
        if entry.expires > now {
            let forgotten = self.shard(&digest).put(digest, entry);
            // A thousand identities, dropped where nobody waits for them.
            drop(forgotten);
        }
    }
}

impl Shard {
    /// Returns what is forgotten, for whoever calls to drop when the lock is gone.
    #[must_use]
    fn put(&mut self, digest: Digest, entry: Entry) -> Option<Generation> {
        let bytes = entry.identity.bytes();
        let full = self.young.len() >= GENERATION || self.young_bytes + bytes > GENERATION_BYTES;
        let forgotten = full.then(|| {
            self.young_bytes = 0;
            std::mem::replace(&mut self.old, std::mem::take(&mut self.young))
        });
        self.young_bytes += bytes;
        self.young.insert(digest, entry);
        forgotten
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
            fixed_metadata: BTreeMap::new(),
        })
    }

    const BY: VerifiedBy = VerifiedBy {
        issuer: 0,
        generation: 0,
    };

    fn entry(identity: Arc<Identity>) -> Entry {
        Entry {
            identity,
            expires: 100,
            by: BY,
        }
    }

    #[test]
    fn remembers_until_it_expires() {
        let (hasher, remembered) = (Hasher::new(), Remembered::default());
        let digest = hasher.digest(b"token");
        remembered.put(digest, entry(identity("alice")), 50);
        assert_eq!(
            remembered.get(&digest, 99).unwrap(),
            entry(identity("alice"))
        );
        assert_eq!(remembered.get(&digest, 100), None);
        assert_eq!(remembered.get(&hasher.digest(b"other"), 50), None);
        let late = hasher.digest(b"late");
        remembered.put(late, entry(identity("bob")), 100);
        assert_eq!(remembered.get(&late, 50), None);
    }

    fn held(remembered: &Remembered) -> (usize, usize) {
        let mut all = (0, 0);
        for shard in &remembered.shards {
            let shard = shard.lock().unwrap();
            for entry in shard.young.values().chain(shard.old.values()) {
                all.0 += 1;
                all.1 += entry.identity.bytes();
            }
        }
        all
    }

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let (hasher, remembered) = (Hasher::new(), Remembered::default());
        let mine = hasher.digest(b"mine");
        remembered.put(mine, entry(identity("alice")), 0);
        for number in 0..100_000_usize {
            let digest = hasher.digest(&number.to_le_bytes());
            remembered.put(digest, entry(identity("someone")), 0);
            if number % 1000 == 0 {
                assert!(
                    remembered.get(&mine, 0).is_some(),
                    "forgotten after {number}"
                );
            }
        }
        let (held, _) = held(&remembered);
        assert!(held <= 2 * SHARDS * GENERATION, "{held}");
    }

    #[test]
    fn large_identities_are_bounded_by_their_bytes() {
        let (hasher, remembered) = (Hasher::new(), Remembered::default());
        for number in 0..20_000_usize {
            let mut large = Identity::clone(&identity("someone"));
            large.caller.teams = (0..500).map(|team| format!("{team}").into()).collect();
            let digest = hasher.digest(&number.to_le_bytes());
            remembered.put(digest, entry(Arc::new(large)), 0);
        }
        let (_, bytes) = held(&remembered);
        assert!(bytes <= 2 * SHARDS * GENERATION_BYTES, "{bytes}");
        assert!(bytes > SHARDS * GENERATION_BYTES / 2, "{bytes}");
    }
}
