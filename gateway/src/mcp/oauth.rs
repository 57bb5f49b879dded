//! Tokens that the gateway shows MCP servers: what is asked for, and where.
//!
//! [`OAuth`] is what a resource says, ready; [`tokens::Tokens`] gets tokens and keeps them, beside the traffic where it can.

use std::sync::Arc;

use http::Uri;
use parapet_connect::PeerTls;
use parapet_crds::mcp_server::{ClientAuth, TokenType};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

mod answer;
mod request;
mod slot;
pub(crate) mod tokens;

pub(crate) use answer::TokenError;

/// How tokens for one server are got. It shows no secret in `Debug`.
pub(crate) struct OAuth {
    /// The server, for log and metrics.
    pub(crate) server: Arc<str>,
    endpoint: Uri,
    /// Host and port of the endpoint.
    pub(crate) host: Arc<str>,
    grant: Grant,
    client: Client,
    /// Parameters that say what the token is for, in the order in which they are sent.
    wanted: Vec<(&'static str, String)>,
    tls: Option<PeerTls>,
    /// The same for the same settings, credentials included.
    print: [u8; 32],
}

/// On whose behalf.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grant {
    /// The gateway's own.
    ClientCredentials,
    /// The caller's, whose token is exchanged.
    TokenExchange {
        /// What the caller's token is.
        subject: TokenType,
        /// What is asked for.
        requested: Option<TokenType>,
    },
}

/// The gateway's name at the authorization server.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Zeroizing<String>,
    pub(crate) auth: ClientAuth,
}

impl OAuth {
    /// Puts together what a resource says.
    pub(crate) fn new(
        server: Arc<str>,
        (endpoint, host): (Uri, Arc<str>),
        grant: Grant,
        client: Client,
        wanted: Vec<(&'static str, String)>,
        tls: Option<PeerTls>,
    ) -> Self {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(endpoint.to_string().as_bytes());
        part(format!("{grant:?} {:?}", client.auth).as_bytes());
        part(client.id.as_bytes());
        part(client.secret.as_bytes());
        for (name, value) in &wanted {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        part(tls.as_ref().map_or(&[][..], |tls| tls.print()));
        Self {
            server,
            endpoint,
            host,
            grant,
            client,
            wanted,
            tls,
            print: hash.finalize().into(),
        }
    }

    /// Whether each caller's own token is exchanged.
    pub(crate) const fn is_exchange(&self) -> bool {
        matches!(self.grant, Grant::TokenExchange { .. })
    }
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth")
            .field("server", &self.server)
            .field("host", &self.host)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) fn for_tests(grant: Grant, auth: ClientAuth) -> OAuth {
    OAuth::new(
        "test".into(),
        (
            Uri::from_static("https://id.example.com/token"),
            "id.example.com:443".into(),
        ),
        grant,
        Client {
            id: "gate way".to_owned(),
            secret: Zeroizing::new("s3cr&t:".to_owned()),
            auth,
        },
        vec![
            ("scope", "tools.read tools.write".to_owned()),
            ("resource", "https://mcp.example.com/mcp".to_owned()),
        ],
        None,
    )
}
