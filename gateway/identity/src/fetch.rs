//! One fetch of an issuer's keys, over the one way out: bounded in time and size, no redirects, nothing of a document in
//! an error.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use parapet_guardrails::client::{ClientError, ClientRequest, HttpClient};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::jwks;
use super::keys::{Bearer, KeySource, Place};

/// For discovery and keys together.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of a document. The largest discovery documents and key sets in use have some 20 KiB.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Kubernetes answers 406 to whoever does not take a key set's own type.
const ACCEPT: &str = "application/json, application/jwk-set+json, */*;q=0.1";

/// Keys, fresh.
pub(super) struct Fetched {
    pub(super) read: jwks::Read,
    /// The key set's hash.
    pub(super) document: [u8; 32],
    /// How long the answer may be kept, when it says so.
    pub(super) max_age: Option<Duration>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("{0}")]
    Call(#[from] ClientError),
    #[error("{host} did not answer within {} s", DEADLINE.as_secs())]
    TooSlow { host: String },
    #[error("{host} answered with status {status}")]
    Status { host: String, status: StatusCode },
    #[error("{host} redirects, which is not followed: set jwks.uri to where the keys are")]
    Redirect { host: String },
    #[error("the discovery document of {host} {reason}")]
    Discovery { host: String, reason: &'static str },
    #[error("the key set of {host} cannot be used: {reason}")]
    NotKeys { host: String, reason: String },
    #[error("the certificate authorities cannot be used: {0}")]
    Authorities(String),
}

/// Fetches the keys.
pub(super) async fn fetch(
    client: &dyn HttpClient,
    source: &KeySource,
) -> Result<Fetched, FetchError> {
    let host = match &source.place {
        Place::Discovered { issuer } => issuer
            .parse()
            .map_or_else(|_| String::new(), |uri| name(&uri)),
        Place::At(uri) => name(uri),
    };
    tokio::time::timeout(DEADLINE, fetch_unlimited(client, source))
        .await
        .unwrap_or(Err(FetchError::TooSlow { host }))
}

async fn fetch_unlimited(
    client: &dyn HttpClient,
    source: &KeySource,
) -> Result<Fetched, FetchError> {
    let mut token = source.token.as_ref();
    let uri = match &source.place {
        Place::Discovered { issuer } => {
            let (asked, uri) = discover(client, issuer, token).await?;
            // It is for the issuer, and for nobody that a document names.
            token = token
                .filter(|_| asked.scheme() == uri.scheme() && asked.authority() == uri.authority());
            uri
        }
        Place::At(uri) => uri.clone(),
    };
    let (headers, body) = get(client, &uri, token).await?;
    let read = jwks::read(&body).map_err(|reason| FetchError::NotKeys {
        host: name(&uri),
        reason,
    })?;
    Ok(Fetched {
        read,
        document: Sha256::digest(&body).into(),
        max_age: max_age(&headers),
    })
}

/// What is read of a discovery document.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// Where the issuer was asked, and where it says its keys are.
async fn discover(
    client: &dyn HttpClient,
    issuer: &str,
    token: Option<&Bearer>,
) -> Result<(Uri, Uri), FetchError> {
    let at = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let wrong = |host: String, reason| FetchError::Discovery { host, reason };
    let uri: Uri = at
        .parse()
        .map_err(|_| wrong("the issuer".to_owned(), "has no address"))?;
    let (_, body) = get(client, &uri, token).await?;
    let wrong = |reason| wrong(name(&uri), reason);
    let document: Document = serde_json::from_slice(&body)
        .map_err(|_| wrong("is not one: it has no issuer or no jwks_uri"))?;
    // OpenID Connect Discovery 4.3: whoever vouches for other issuers vouches for nobody.
    if document.issuer != issuer {
        return Err(wrong("names another issuer"));
    }
    let keys: Uri = document
        .jwks_uri
        .parse()
        .map_err(|_| wrong("has a jwks_uri that is no URL"))?;
    if uri.scheme_str() == Some("https") && keys.scheme_str() != Some("https") {
        return Err(wrong("leads from https to a jwks_uri without it"));
    }
    Ok((uri, keys))
}

async fn get(
    client: &dyn HttpClient,
    uri: &Uri,
    token: Option<&Bearer>,
) -> Result<(HeaderMap, Bytes), FetchError> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, token.header());
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
    let answer = client
        .send(ClientRequest {
            method: Method::GET,
            uri: uri.clone(),
            headers,
            body: Bytes::new(),
            max_answer: MAX_DOCUMENT,
        })
        .await?;
    if answer.status.is_redirection() {
        return Err(FetchError::Redirect { host: name(uri) });
    }
    if answer.status != StatusCode::OK {
        return Err(FetchError::Status {
            host: name(uri),
            status: answer.status,
        });
    }
    Ok((answer.headers, answer.body))
}

/// Host and port as they stand; nothing else of a URL is told.
fn name(uri: &Uri) -> String {
    let port = uri.port_u16().map(|port| format!(":{port}"));
    format!(
        "{}{}",
        uri.host().unwrap_or("the issuer"),
        port.unwrap_or_default()
    )
}

/// `max-age` of an answer that may be kept at all.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut found = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',') {
            let directive = directive.trim().to_ascii_lowercase();
            match directive.split_once('=') {
                Some(("max-age", seconds)) => {
                    found = seconds
                        .trim_matches('"')
                        .parse()
                        .ok()
                        .map(Duration::from_secs);
                }
                Some(_) => {}
                None if directive == "no-store" || directive == "no-cache" => {
                    return Some(Duration::ZERO);
                }
                None => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
