//! One connection, kept up for good.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Auth, AuthError, Client, ConnectOptions, Event, ServerError};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::keys::key_lines;

/// Patience with a server that does not answer the first bytes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Patience with an answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How often silence is tested. Two that are not answered are a broken connection.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Messages that wait in one subscription. A bundle may have a megabyte, and only the newest counts.
const WAITING_MESSAGES: usize = 16;

/// Who connects: the permissions differ, and with them the inbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It publishes bundles.
    Operator,
    /// It reads them.
    Gateway,
    /// A gateway again, in the account of records and traces: it writes them.
    Recorder,
    /// An operator there: it reads records.
    Watcher,
    /// It reads traces there, and makes the stream that keeps them.
    Forwarder,
}

impl Role {
    /// The word in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Gateway => "gateway",
            Self::Recorder => "recorder",
            Self::Watcher => "watcher",
            Self::Forwarder => "forwarder",
        }
    }

    /// Answers come below this subject, so that no role can listen to another's.
    pub const fn inbox_prefix(self) -> &'static str {
        match self {
            Self::Operator => "_INBOX_op",
            Self::Gateway => "_INBOX_gw",
            Self::Recorder => "_INBOX_rec",
            Self::Watcher => "_INBOX_watch",
            Self::Forwarder => "_INBOX_fwd",
        }
    }
}

/// How somebody proves who they are. Files are read again at every connection.
#[derive(Clone, Debug, Default)]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// By a file with an nkey's seed (`SU...`); the first of several counts, see [`connect`].
    NkeySeedFile(PathBuf),
    /// By a file with a JWT and a seed, as `nsc` writes it.
    CredsFile(PathBuf),
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct ConnectConfig {
    /// Servers, e.g. `tls://nats:4222`; the others of their cluster are learned from them.
    pub urls: Vec<String>,
    /// What the server's monitoring calls the connection.
    pub name: String,
    /// Who connects.
    pub role: Role,
    /// How it is proved.
    pub credentials: Credentials,
    /// A PEM file with the authorities to trust, instead of the system's. With it TLS is demanded.
    pub ca_file: Option<PathBuf>,
}

/// A connection as it is now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LinkState {
    /// Whether it is up.
    pub connected: bool,
    /// How often it came up.
    pub connects: u64,
    /// How often something was sent or asked for that the server does not permit.
    pub refused: u64,
    /// How often messages were dropped because they were not taken up in time.
    pub slow: u64,
}

/// A connection that comes up by itself, again and again.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    state: watch::Receiver<LinkState>,
    said: Arc<Mutex<String>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// The client, for what this crate has no function for.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Why the connection is not up, for people; what went wrong last.
    pub fn trouble(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() {
            "there is no connection to NATS".to_owned()
        } else {
            said.clone()
        }
    }

    /// The connection as it is now; it can be waited for changes.
    pub const fn state(&self) -> &watch::Receiver<LinkState> {
        &self.state
    }
}

/// Why a connection cannot even be tried. It shows no secret.
#[derive(Debug, thiserror::Error)]
#[error("connecting to NATS: {0}")]
pub struct ConnectError(String);

/// Begins to connect, and returns at once: whether it is up says [`Connection::state`].
///
/// # Errors
/// When an address is none, or the file of authorities cannot be used.
pub async fn connect(config: &ConnectConfig) -> Result<Connection, ConnectError> {
    let (send, state) = watch::channel(LinkState::default());
    let said = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&said);
    let attempts = AtomicU64::new(u64::from(std::process::id()));
    let tried = Arc::new(AtomicUsize::new(0));
    let role = config.role.as_str();
    let mut options = options(&config.credentials, &tried)
        .name(&config.name)
        .custom_inbox_prefix(config.role.inbox_prefix())
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(WAITING_MESSAGES)
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(move |attempt| {
            pause(attempt, attempts.fetch_add(1, Ordering::Relaxed))
        })
        .event_callback(move |event| {
            if matches!(event, Event::Connected) {
                tried.store(0, Ordering::Relaxed);
            }
            note(role, &send, &noted, &event);
            std::future::ready(())
        });
    if let Some(file) = &config.ca_file {
        options = options
            .add_root_certificates(file.clone())
            .require_tls(true);
    }
    let client = options
        .connect(config.urls.as_slice())
        .await
        .map_err(|error| ConnectError(error.to_string()))?;
    Ok(Connection {
        client,
        state,
        said,
    })
}

/// Not all at once: after a restart of the server everybody comes back.
fn pause(attempt: usize, salt: u64) -> Duration {
    let doubled = Duration::from_millis(4 << attempt.min(7));
    let most = doubled.min(LONGEST_PAUSE);
    // Between a half and all of it.
    let part = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
    most / 2 + most.mul_f64(f64::from(u8::try_from(part).unwrap_or(0)) / 512.0)
}

/// What went wrong is said when it begins, not with every attempt: there are two a second.
fn note(role: &str, state: &watch::Sender<LinkState>, said: &Mutex<String>, event: &Event) {
    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
    match event {
        Event::Connected => {
            said.clear();
            tracing::info!(role, "connected to NATS");
            state.send_modify(|state| {
                state.connected = true;
                state.connects += 1;
            });
        }
        Event::Disconnected | Event::Closed => {
            tracing::warn!(role, "the connection to NATS is down");
            state.send_modify(|state| state.connected = false);
        }
        Event::SlowConsumer(_) | Event::ServerError(ServerError::SlowConsumer(_)) => {
            state.send_modify(|state| state.slow += 1);
        }
        Event::ServerError(ServerError::AuthorizationViolation) => {
            state.send_modify(|state| state.refused += 1);
            say(role, &mut said, NOT_ACCEPTED.to_owned());
        }
        Event::ServerError(ServerError::Other(error)) => {
            tracing::warn!(role, %error, "NATS refuses something");
            state.send_modify(|state| state.refused += 1);
        }
        Event::ClientError(error) => {
            let error = error.to_string();
            if error.to_lowercase().contains("authorization violation") {
                say(role, &mut said, NOT_ACCEPTED.to_owned());
            } else {
                say(role, &mut said, error);
            }
        }
        Event::LameDuckMode => tracing::info!(role, "the NATS server is about to end"),
        Event::Draining => {}
    }
}

/// What a server that knows no such user comes to.
const NOT_ACCEPTED: &str = "NATS does not accept the credentials";

fn say(role: &str, said: &mut String, error: String) {
    if *said != error {
        tracing::warn!(role, error, "NATS cannot be reached");
        *said = error;
    }
}

/// `tried` counts the attempts since the connection was last up.
fn options(credentials: &Credentials, tried: &Arc<AtomicUsize>) -> ConnectOptions {
    match credentials {
        Credentials::None => ConnectOptions::new(),
        Credentials::NkeySeedFile(path) => {
            let (path, tried) = (path.clone(), Arc::clone(tried));
            ConnectOptions::with_auth_callback(move |nonce| {
                let auth = nkey_auth(&path, &nonce, tried.fetch_add(1, Ordering::Relaxed));
                async move { auth }
            })
        }
        Credentials::CredsFile(path) => {
            let path = path.clone();
            ConnectOptions::with_auth_callback(move |nonce| {
                let auth = creds_auth(&path, &nonce);
                async move { auth }
            })
        }
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, AuthError> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| AuthError::new(format!("reading {}: {error}", path.display())))
}

fn key_pair(seed: &str) -> Result<nkeys::KeyPair, AuthError> {
    nkeys::KeyPair::from_seed(seed)
        .map_err(|_| AuthError::new("the file of credentials holds no seed of an nkey"))
}

fn signature(pair: &nkeys::KeyPair, nonce: &[u8]) -> Result<Vec<u8>, AuthError> {
    pair.sign(nonce)
        .map_err(|_| AuthError::new("the nkey cannot sign"))
}

/// The first seed counts. While users are rotated a second one stands there, and takes its turn when the first is not
/// admitted: a server may not know the new user yet, or the old one no more.
fn nkey_auth(path: &Path, nonce: &[u8], tried: usize) -> Result<Auth, AuthError> {
    let text = read(path)?;
    let seeds: Vec<_> = key_lines(&text).collect();
    let turn = tried.checked_rem(seeds.len()).unwrap_or(0);
    let pair = key_pair(seeds.get(turn).copied().unwrap_or_default())?;
    let mut auth = Auth::new();
    auth.signature = Some(signature(&pair, nonce)?);
    auth.nkey = Some(pair.public_key());
    Ok(auth)
}

fn creds_auth(path: &Path, nonce: &[u8]) -> Result<Auth, AuthError> {
    let text = read(path)?;
    let missing = || AuthError::new("the file of credentials holds no JWT and seed");
    let (jwt, seed) = (
        between(&text, "NATS USER JWT").ok_or_else(missing)?,
        between(&text, "USER NKEY SEED").ok_or_else(missing)?,
    );
    let mut auth = Auth::new();
    auth.signature = Some(signature(&key_pair(seed)?, nonce)?);
    auth.jwt = Some(jwt.to_owned());
    Ok(auth)
}

/// The line after `-----BEGIN <what>-----`.
fn between<'a>(text: &'a str, what: &str) -> Option<&'a str> {
    let begin = format!("BEGIN {what}");
    let mut lines = text.lines().skip_while(|line| !line.contains(&begin));
    lines.next()?;
    lines.next().map(str::trim).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::user::UserKey;
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_differ() {
        for attempt in 0..100 {
            for salt in 0..20 {
                let pause = pause(attempt, salt);
                assert!(pause >= Duration::from_millis(2) && pause <= LONGEST_PAUSE);
            }
        }
        assert_ne!(pause(9, 1), pause(9, 2));
    }

    #[test]
    fn credentials_are_read_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let user = UserKey::generate().unwrap();
        let seed = dir.path().join("seed");
        let next = UserKey::generate().unwrap();
        std::fs::write(&seed, format!("{}\n{}\n", *user.seed, *next.seed)).unwrap();
        for (tried, expected) in [(1, &next), (2, &user), (0, &user)] {
            let auth = nkey_auth(&seed, b"nonce", tried).unwrap();
            assert_eq!(auth.nkey.as_deref(), Some(expected.public.as_str()));
        }
        let auth = nkey_auth(&seed, b"nonce", 0).unwrap();
        let pair = nkeys::KeyPair::from_public_key(&user.public).unwrap();
        pair.verify(b"nonce", &auth.signature.unwrap()).unwrap();
        let creds = dir.path().join("creds");
        std::fs::write(
            &creds,
            format!(
                "-----BEGIN NATS USER JWT-----\nj.w.t\n------END NATS USER JWT------\n\n*** IMPORTANT ***\n\n\
                 -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
                *user.seed
            ),
        )
        .unwrap();
        let auth = creds_auth(&creds, b"nonce").unwrap();
        assert_eq!(auth.jwt.as_deref(), Some("j.w.t"));
        std::fs::write(&seed, "hush").unwrap();
        for result in [nkey_auth(&seed, b"", 0), creds_auth(&seed, b"")] {
            let error = result.err().unwrap().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
        assert!(!format!("{user:?}").contains(user.seed.as_str()));
    }
}
