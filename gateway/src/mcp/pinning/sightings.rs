//! What this gateway has seen of all servers' tools: for logs, metrics, pages and reports. It outlives a policy, so that an
//! approval finds what it approves.
//!
//! Nothing here decides anything. There are names and digests in it, and no text of a definition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use parapet_crds::mcp_server::PinningMode;
use tokio::sync::watch;

use super::known::ScopeId;
use super::pin::{Digest, Pins, State};
use super::suspicion::Suspicion;
use super::{List, Names};

mod proposal;
mod reported;
mod told;

pub use told::{SeenInstructions, SeenServer, SeenTool};

/// Sorts of callers of one server whose lists are kept.
const MAX_LISTS: usize = 16;
/// A list that nobody asked for since is forgotten, unless it is the newest.
const FORGOTTEN: Duration = Duration::from_hours(1);
/// Definitions of one server that are counted as drift: a server could make up others for ever.
const MAX_COUNTED: usize = 4096;

/// What was seen. Cheap to share.
#[derive(Debug)]
pub struct Sightings {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    servers: BTreeMap<Arc<str>, Sighted>,
}

/// A server whose tools are looked at.
#[derive(Clone, Debug)]
pub struct Followed {
    /// As in `/mcp/{name}`.
    pub name: Arc<str>,
    /// The resource's namespace.
    pub namespace: Arc<str>,
    /// Where it is: what was seen of another place is not of this server.
    pub place: String,
    /// What was approved.
    pub pins: Arc<Pins>,
    /// Whether what it offers may depend on who calls.
    pub per_caller: bool,
}

#[derive(Debug)]
struct Sighted {
    followed: Followed,
    lists: Vec<SeenList>,
    instructions: Vec<SeenWords>,
    /// Names of tools of all other servers.
    foreign: Arc<Names>,
    counts: Counts,
    counted: BTreeSet<(Box<str>, String)>,
}

#[derive(Clone, Debug)]
struct SeenList {
    scope: ScopeId,
    version: &'static str,
    is_own_look: bool,
    at: SystemTime,
    list: Arc<List>,
}

#[derive(Clone, Debug)]
struct SeenWords {
    version: &'static str,
    at: SystemTime,
    digest: Digest,
    suspicions: Vec<Suspicion>,
}

/// Who was shown a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// What decides which tools the server shows.
    pub(crate) scope: ScopeId,
    /// The version of the protocol.
    pub(crate) version: &'static str,
    /// Whether the gateway itself has looked, because no client had.
    pub(crate) is_own_look: bool,
}

impl Seen {
    /// By a client.
    #[cfg(test)]
    pub(crate) const fn by_client(scope: ScopeId, version: &'static str) -> Self {
        Self {
            scope,
            version,
            is_own_look: false,
        }
    }
}

/// How often something happened since the server was first followed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Entries of lists that clients did not see.
    pub hidden: u64,
    /// Calls of tools that were not as approved.
    pub refused: u64,
    /// Calls that were refused because the server's tools could not be listed.
    pub unchecked: u64,
    /// Definitions that were not as approved, each counted once.
    pub drifted: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counted {
    /// [`Counts::hidden`], so many.
    Hidden(usize),
    /// [`Counts::refused`].
    Refused,
    /// [`Counts::unchecked`].
    Unchecked,
}

impl Default for Sightings {
    fn default() -> Self {
        let (changed, _) = watch::channel(0);
        Self {
            inner: Mutex::default(),
            changed,
        }
    }
}

impl Sightings {
    /// Another policy: these servers are looked at, and what was seen of others is forgotten.
    pub fn follow(&self, servers: impl IntoIterator<Item = Followed>) {
        let mut inner = self.lock();
        let mut before = std::mem::take(&mut inner.servers);
        for followed in servers {
            if followed.pins.mode() == PinningMode::Off {
                continue;
            }
            let name = followed.name.clone();
            let known = before
                .remove(&name)
                .filter(|known| known.followed.place == followed.place);
            let sighted = match known {
                Some(known) => Sighted { followed, ..known },
                None => Sighted::new(followed),
            };
            inner.servers.insert(name, sighted);
        }
        inner.introduce();
        drop(inner);
        self.tell();
    }

    /// Servers that show all callers the same and whose tools nobody has listed yet, with their places.
    pub(crate) fn unseen(&self) -> Vec<(Arc<str>, String)> {
        let inner = self.lock();
        let unseen = inner
            .servers
            .values()
            .filter(|sighted| sighted.lists.is_empty() && !sighted.followed.per_caller);
        let unseen = unseen.map(|sighted| &sighted.followed);
        unseen
            .map(|followed| (followed.name.clone(), followed.place.clone()))
            .collect()
    }

    /// The names of tools of other servers than this one; the same until they change.
    pub fn foreign(&self, server: &str) -> Arc<Names> {
        let inner = self.lock();
        let sighted = inner.servers.get(server);
        sighted.map_or_else(Arc::default, |sighted| Arc::clone(&sighted.foreign))
    }

    /// A whole list was seen.
    pub(crate) fn note(&self, server: &str, seen: Seen, list: &Arc<List>) {
        let mut inner = self.lock();
        let Some(sighted) = inner.servers.get_mut(server) else {
            return;
        };
        if !sighted.note(seen, list) {
            return;
        }
        told::log(&sighted.told());
        inner.introduce();
        drop(inner);
        self.tell();
    }

    /// A server's instructions were seen; none when it has none.
    pub(crate) fn note_instructions(
        &self,
        server: &str,
        version: &'static str,
        seen: Option<(Digest, Vec<Suspicion>)>,
    ) {
        let mut inner = self.lock();
        let Some(sighted) = inner.servers.get_mut(server) else {
            return;
        };
        let known = sighted
            .instructions
            .iter_mut()
            .find(|known| known.version == version);
        let is_news = match (known, seen) {
            (Some(known), Some((digest, suspicions))) => {
                let is_news = known.digest != digest;
                (known.at, known.digest) = (SystemTime::now(), digest);
                known.suspicions = suspicions;
                is_news
            }
            (None, Some((digest, suspicions))) => {
                sighted.instructions.push(SeenWords {
                    version,
                    at: SystemTime::now(),
                    digest,
                    suspicions,
                });
                true
            }
            (Some(_), None) => {
                sighted
                    .instructions
                    .retain(|known| known.version != version);
                true
            }
            (None, None) => false,
        };
        if is_news {
            told::log(&sighted.told());
            drop(inner);
            self.tell();
        }
    }

    /// Counts.
    pub(crate) fn count(&self, server: &str, what: Counted) {
        let mut inner = self.lock();
        let Some(sighted) = inner.servers.get_mut(server) else {
            return;
        };
        let counts = &mut sighted.counts;
        match what {
            Counted::Hidden(entries) => counts.hidden += entries as u64,
            Counted::Refused => counts.refused += 1,
            Counted::Unchecked => counts.unchecked += 1,
        }
    }

    /// All that was seen, by server.
    pub fn told(&self) -> Vec<SeenServer> {
        self.lock().servers.values().map(Sighted::told).collect()
    }

    /// Changes whenever something else is seen, or looked at in another way.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Tells every server the others' tools, where they have changed.
    fn introduce(&mut self) {
        let names: BTreeMap<Arc<str>, Names> = self
            .servers
            .iter()
            .map(|(server, sighted)| (server.clone(), sighted.names()))
            .collect();
        for (server, sighted) in &mut self.servers {
            let others = names.iter().filter(|(other, _)| *other != server);
            let foreign: Names = others.flat_map(|(_, names)| names).cloned().collect();
            if *sighted.foreign != foreign {
                sighted.foreign = Arc::new(foreign);
            }
        }
    }
}

impl Sighted {
    fn new(followed: Followed) -> Self {
        Self {
            followed,
            lists: Vec::new(),
            instructions: Vec::new(),
            foreign: Arc::default(),
            counts: Counts::default(),
            counted: BTreeSet::new(),
        }
    }

    /// Whether it is news.
    fn note(&mut self, seen: Seen, list: &Arc<List>) -> bool {
        let Seen {
            scope,
            version,
            is_own_look,
        } = seen;
        let before = self.lists.len();
        if !is_own_look {
            // What clients see is told; what they would see in a version that none of them speaks is not.
            self.lists
                .retain(|one| one.scope == scope || !one.is_own_look);
        }
        let at = SystemTime::now();
        let known = self.lists.iter_mut().find(|known| known.scope == scope);
        let is_news = match known {
            Some(known) => {
                let same = Arc::ptr_eq(&known.list, list) || known.list == *list;
                known.at = at;
                known.list = Arc::clone(list);
                known.is_own_look &= is_own_look;
                !same
            }
            None => {
                if self.lists.len() >= MAX_LISTS {
                    let oldest = self.lists.iter().enumerate().min_by_key(|(_, one)| one.at);
                    let oldest = oldest.map(|(index, _)| index);
                    oldest.map(|index| self.lists.swap_remove(index));
                }
                self.lists.push(SeenList {
                    scope,
                    version,
                    is_own_look,
                    at,
                    list: Arc::clone(list),
                });
                true
            }
        };
        self.lists.retain(|one| one.at + FORGOTTEN > at);
        if is_news {
            self.count_drift(list);
        }
        is_news || self.lists.len() < before
    }

    fn count_drift(&mut self, list: &List) {
        for tool in &list.tools {
            let drifted = match self.followed.pins.state(tool) {
                State::Approved => false,
                // What was not approved yet is no drift while nothing is.
                State::New => !self.followed.pins.is_empty(),
                State::Changed | State::Ambiguous => true,
            };
            let of = (tool.name.clone(), tool.digest.to_string());
            if drifted && self.counted.len() < MAX_COUNTED && self.counted.insert(of) {
                self.counts.drifted += 1;
            }
        }
    }

    fn names(&self) -> Names {
        let tools = self.lists.iter().flat_map(|seen| &seen.list.tools);
        tools.map(|tool| tool.name.clone()).collect()
    }
}
