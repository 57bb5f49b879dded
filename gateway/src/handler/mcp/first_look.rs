//! Tools that no client has listed yet. Whoever is to approve them sees them all the same: the gateway lists them itself,
//! once for each server that is new or has moved, where that needs no caller's credentials.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use parapet_crds::mcp_server::PinningMode;
use parapet_policy::facts::{Caller, Subject};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Admitted;
use super::exchange::Exchange;
use crate::handler::Gateway;
use crate::identity::Identity;
use crate::mcp::backend::Backend;
use crate::mcp::version::MODERN_VERSION;
use crate::pipeline::recording::Recording;
use crate::route::request_id;

/// Servers that are asked at the same time.
const AT_ONCE: usize = 4;
/// After a failure; twice as long after each further one.
const AGAIN: Duration = Duration::from_secs(30);
/// The longest of these pauses.
const LONGEST: Duration = Duration::from_mins(30);
/// Who has asked, in records. No account can be called so.
const WHO: &str = "system:gateway";

/// A server whose tools nobody has listed.
#[derive(Debug)]
struct Unseen {
    place: String,
    at: Instant,
    failures: u32,
    is_asked: bool,
}

/// Looks as long as the policy changes, which is as long as the process runs. `after`: how long clients have to be first; many
/// gateways spread over half to one and a half of it.
pub(crate) async fn look(gateway: Gateway, after: Duration) {
    let gateway = Rc::new(gateway);
    let mut changed = gateway.sightings.changed();
    let mut servers: HashMap<Arc<str>, Unseen> = HashMap::new();
    let mut asked: JoinSet<Arc<str>> = JoinSet::new();
    loop {
        changed.mark_unchanged();
        let unseen: HashMap<Arc<str>, String> = gateway.sightings.unseen().into_iter().collect();
        servers.retain(|name, one| unseen.get(name) == Some(&one.place));
        for (name, place) in unseen {
            servers.entry(name).or_insert_with(|| Unseen {
                place,
                at: Instant::now() + spread(after),
                failures: 0,
                is_asked: false,
            });
        }
        let now = Instant::now();
        let waiting = servers.iter_mut().filter(|(_, one)| !one.is_asked);
        let due = waiting.filter(|(_, one)| one.at <= now);
        for (name, one) in due.take(AT_ONCE.saturating_sub(asked.len())) {
            one.is_asked = true;
            let (gateway, name, place) = (Rc::clone(&gateway), name.clone(), one.place.clone());
            asked.spawn_local(async move {
                gateway.list(&name, &place).await;
                name
            });
        }
        let waiting = servers.values().filter(|one| !one.is_asked);
        let next = waiting.map(|one| one.at).min();
        let next = next.filter(|_| asked.len() < AT_ONCE);
        tokio::select! {
            news = changed.changed() => if news.is_err() {
                return;
            },
            Some(done) = asked.join_next() => {
                // What has been seen is not looked at again; everything else later.
                if let Some(one) = done.ok().and_then(|name| servers.get_mut(&name)) {
                    one.is_asked = false;
                    one.at = Instant::now() + spread(pause(one.failures));
                    one.failures += 1;
                }
            }
            () = sleep_until(next.unwrap_or(now)), if next.is_some() => {}
        }
    }
}

/// How long to wait after so many failures before this one.
fn pause(failures: u32) -> Duration {
    AGAIN.saturating_mul(1 << failures.min(6)).min(LONGEST)
}

/// Half to one and a half of it, by chance.
fn spread(time: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0) % 1024;
    let share = u32::try_from(chance).unwrap_or_default();
    time / 2 + time * share / 1024
}

impl Gateway {
    /// Lists the tools of the server of this name, when it still is at this place and still is looked at. What comes of it is
    /// with the sightings.
    async fn list(&self, name: &str, place: &str) {
        let snapshot = self.policy.load_full();
        let server = snapshot.mcp.get(name).cloned();
        let is_there = |server: &Arc<crate::mcp::server::Server>| {
            let can_be_asked = match &server.backend {
                Some(Backend::Http(_) | Backend::OpenApi(_)) => true,
                Some(Backend::Virtual(_)) | None => false,
            };
            let mode = server.pinned.mode();
            can_be_asked && server.pinned.place == place && mode != PinningMode::Off
        };
        let Some(server) = server.filter(is_there) else {
            return;
        };
        let caller = Caller {
            subject: Subject::VirtualAccount(WHO.into()),
            teams: Vec::new(),
            roles: Vec::new(),
        };
        let identity = Identity {
            caller,
            metadata: Default::default(),
            fixed_metadata: Default::default(),
        };
        let admitted = Admitted {
            snapshot,
            identity: Arc::new(identity),
            server,
        };
        let Ok(mut exchange) = Exchange::new(self, admitted, HeaderMap::new(), MODERN_VERSION)
        else {
            return;
        };
        exchange.is_own_look = true;
        // The messages have records of their own; there is no request that they belong to.
        let none = Recording::begin(request_id::new(), "mcp", Rc::new(|_| {}));
        let listed = exchange.known_tools(None, &none).await;
        if let Err(error) = listed {
            let reason = &*error.message;
            tracing::info!(
                server = name,
                reason,
                "the tools of an MCP server cannot be listed yet"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        assert_eq!(pause(0), AGAIN);
        assert_eq!(pause(3), AGAIN * 8);
        assert_eq!(pause(u32::MAX), LONGEST);
        for _ in 0..100 {
            let time = spread(AGAIN);
            assert!((AGAIN / 2..AGAIN * 2).contains(&time), "{time:?}");
        }
    }
}
