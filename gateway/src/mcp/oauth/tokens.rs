//! Gets tokens and keeps them: for all threads of a process, over every change of the policy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderValue};
use parapet_connect::{Connector, SharedClient};
use parapet_guardrails::client::{ClientRequest, HttpClient};
use prometheus::IntCounterVec;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::OAuth;
use super::answer::{self, Token, TokenError};
use super::request::request;
use super::slot::{Landed, Next, Slot};

/// How long a token endpoint may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// Tokens that are kept: callers whose tokens are exchanged are many.
const MOST: usize = 10_000;
/// What is over is looked for so often.
const SWEEP: Duration = Duration::from_secs(60);

/// Whose token: the settings, and the caller's own token in an exchange.
type Key = ([u8; 32], Option<[u8; 32]>);

/// The tokens of a process.
pub(crate) struct Tokens {
    usual: Arc<dyn HttpClient>,
    connector: Connector,
    runtime: Handle,
    /// Ways to endpoints with which TLS is special, by what is special.
    special: Mutex<HashMap<[u8; 32], SharedClient, RandomState>>,
    kept: Mutex<Kept>,
    /// By server and how it ended.
    counts: IntCounterVec,
}

struct Kept {
    slots: HashMap<Key, Slot, RandomState>,
    swept: Instant,
}

/// What came of asking for a token.
pub(crate) struct Got {
    /// `Bearer` and the token.
    pub(crate) result: Result<HeaderValue, TokenError>,
    /// Whether the token endpoint was called for whoever asked, and not for somebody before.
    pub(crate) called: bool,
}

impl Got {
    /// The status of the endpoint's answer, when one arrived.
    pub(crate) fn status(&self) -> Option<u16> {
        match &self.result {
            Ok(_) => Some(200),
            Err(error) => error.status(),
        }
    }
}

impl Tokens {
    /// Fetches over `usual`, or over `connector` where TLS is special, in tasks on `runtime`.
    pub(crate) fn new(
        usual: Arc<dyn HttpClient>,
        connector: Connector,
        runtime: Handle,
        counts: IntCounterVec,
    ) -> Self {
        Self {
            usual,
            connector,
            runtime,
            special: Mutex::default(),
            kept: Mutex::new(Kept {
                slots: HashMap::default(),
                swept: Instant::now(),
            }),
            counts,
        }
    }

    /// The token for a server; for the caller with this token in an exchange. The trace goes with the call that may be made.
    pub(crate) async fn get(
        self: &Arc<Self>,
        oauth: &OAuth,
        subject: Option<&str>,
        trace: impl FnOnce(&mut HeaderMap),
    ) -> Got {
        let had = |result| Got {
            result,
            called: false,
        };
        let (mut flight, called) = match self.next(oauth, subject, trace) {
            Begun::Here(value) => return had(Ok(value)),
            Begun::Failed(error) => return had(Err(error)),
            Begun::Waiting { flight, called } => (flight, called),
        };
        let landed = flight.wait_for(Option::is_some).await;
        let result = landed.ok().and_then(|landed| landed.clone());
        Got {
            result: result.unwrap_or(Err(TokenError::Ending)),
            called,
        }
    }

    /// The server refused a token. Says whether another one may help.
    pub(crate) fn refuse(&self, oauth: &OAuth, subject: Option<&str>, value: &HeaderValue) -> bool {
        let mut kept = self.lock();
        let slot = kept.slots.get_mut(&key(oauth, subject));
        slot.is_none_or(|slot| slot.refuse(value, Instant::now()))
    }

    /// Looks, and begins to fetch when there is need.
    fn next(
        self: &Arc<Self>,
        oauth: &OAuth,
        subject: Option<&str>,
        trace: impl FnOnce(&mut HeaderMap),
    ) -> Begun {
        let key = key(oauth, subject);
        let now = Instant::now();
        let mut kept = self.lock();
        if !kept.slots.contains_key(&key) && !kept.make_room(now) {
            return Begun::Failed(TokenError::Bad("too many tokens are being fetched"));
        }
        let slot = kept.slots.entry(key).or_insert_with(|| Slot::new(now));
        let here = match slot.next(now) {
            Next::Here(value) => return Begun::Here(value),
            Next::Failed(error) => return Begun::Failed(error),
            Next::Wait(flight) => {
                return Begun::Waiting {
                    flight,
                    called: false,
                };
            }
            Next::Renew(value) => Some(value),
            Next::Fetch => None,
        };
        let (tell, flight) = watch::channel(None);
        slot.takes_off(flight.clone());
        drop(kept);
        let mut request = request(oauth, subject);
        if here.is_none() {
            trace(&mut request.headers);
        }
        self.runtime
            .spawn(Arc::clone(self).fly(key, Target::of(self, oauth), request, tell));
        here.map_or(
            Begun::Waiting {
                flight,
                called: true,
            },
            Begun::Here,
        )
    }

    /// Fetches, and tells those who wait. It goes on when they have gone.
    async fn fly(
        self: Arc<Self>,
        key: Key,
        target: Target,
        request: ClientRequest,
        tell: watch::Sender<Landed>,
    ) {
        let fetched = tokio::time::timeout(DEADLINE, fetch(&*target.client, request));
        let result = fetched.await.unwrap_or(Err(TokenError::TooSlow));
        let (server, host) = (&*target.server, &*target.host);
        let word = match &result {
            Ok(_) => "succeeded",
            Err(error) => {
                tracing::warn!(server, host, %error, "an MCP server's token endpoint gives no token");
                error.word()
            }
        };
        self.counts.with_label_values(&[server, word]).inc();
        let now = Instant::now();
        let landed = {
            let mut kept = self.lock();
            let slot = kept.slots.entry(key).or_insert_with(|| Slot::new(now));
            slot.lands(result, now)
        };
        tell.send_replace(Some(landed));
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

/// What was begun for somebody.
enum Begun {
    Here(HeaderValue),
    Failed(TokenError),
    Waiting {
        flight: watch::Receiver<Landed>,
        called: bool,
    },
}

/// The way to a token endpoint, and what it is called in the log.
struct Target {
    client: Arc<dyn HttpClient>,
    server: Arc<str>,
    host: Arc<str>,
}

impl Target {
    fn of(tokens: &Tokens, oauth: &OAuth) -> Self {
        let client = match &oauth.tls {
            None => Arc::clone(&tokens.usual),
            Some(tls) => {
                let special = &tokens.special;
                let mut special = special.lock().unwrap_or_else(PoisonError::into_inner);
                let client = special.entry(*tls.print()).or_insert_with(|| {
                    let connector = tokens.connector.to_peer(tls.clone());
                    SharedClient::new(connector, tokens.runtime.clone())
                });
                Arc::new(client.clone())
            }
        };
        Self {
            client,
            server: Arc::clone(&oauth.server),
            host: Arc::clone(&oauth.host),
        }
    }
}

impl Kept {
    /// Whether there is room for one more.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.slots.len() >= MOST || now >= self.swept + SWEEP {
            self.swept = now;
            self.slots.retain(|_, slot| !slot.is_over(now));
        }
        if self.slots.len() >= MOST {
            // Those that nobody has asked for the longest time; several at once, because looking for them takes time.
            let mut idle: Vec<_> = self
                .slots
                .iter()
                .filter_map(|(key, slot)| Some((slot.idle_since()?, *key)))
                .collect();
            let few = (MOST / 8).min(idle.len());
            if few < idle.len() {
                idle.select_nth_unstable(few);
            }
            for (_, key) in idle.into_iter().take(few) {
                self.slots.remove(&key);
            }
        }
        self.slots.len() < MOST
    }
}

fn key(oauth: &OAuth, subject: Option<&str>) -> Key {
    let digest = |token: &str| Sha256::digest(token.as_bytes()).into();
    (oauth.print, subject.map(digest))
}

async fn fetch(client: &dyn HttpClient, request: ClientRequest) -> Result<Token, TokenError> {
    answer::read(&client.send(request).await?)
}

#[cfg(test)]
mod tests;
