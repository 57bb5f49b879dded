//! Model accounts in their ready form: where to send, with which credentials.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use parapet_connect::{Origin, OriginError};
use zeroize::Zeroizing;

use super::demo::Demo;
pub use crate::llm::Dialect;

/// What is called at an upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Endpoint {
    /// OpenAI's `/chat/completions`.
    ChatCompletions,
    /// Anthropic's `/v1/messages`.
    Messages,
}

impl Endpoint {
    /// The dialect it belongs to.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::ChatCompletions => Dialect::OpenAi,
            Self::Messages => Dialect::Anthropic,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Messages => "/v1/messages",
        }
    }
}

/// A model account, ready to be called.
pub struct ReadyProvider {
    /// The account's name, as in `account/model`.
    pub account: Arc<str>,
    pub(super) backend: Backend,
}

pub(super) enum Backend {
    Http(Box<HttpBackend>),
    Demo(Demo),
}

/// An account behind HTTP.
pub(super) struct HttpBackend {
    pub(super) dialect: Dialect,
    pub(super) origin: Origin,
    pub(super) target: Target,
    /// Sent when the client has none.
    defaults: Option<(HeaderName, HeaderValue)>,
    /// Credentials and headers of the account; they replace what the client sent.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One endpoint's address in the two forms that the versions of HTTP want.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) path: Uri,
    pub(super) absolute: Uri,
}

/// An account that can't be called.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProviderError {
    /// The base URL.
    #[error("baseUrl: {0}")]
    BaseUrl(String),
    /// A header's name or value.
    #[error("the header {0:?} has a name or a value that HTTP does not allow")]
    Header(String),
    /// The key.
    #[error(
        "apiKey: the key has characters that a header cannot carry; is there a line break at its end?"
    )]
    Key,
}

impl From<OriginError> for ProviderError {
    fn from(error: OriginError) -> Self {
        Self::BaseUrl(error.to_string())
    }
}

/// OpenAI's own service.
pub const OPENAI_BASE: &str = "https://api.openai.com/v1";
/// Anthropic's own service.
pub const ANTHROPIC_BASE: &str = "https://api.anthropic.com";
/// The only version of the Messages API so far.
pub const ANTHROPIC_VERSION: &str = "2023-06-01";

/// How to call an account behind HTTP.
pub struct HttpAccount<'a> {
    /// The account's name.
    pub account: Arc<str>,
    /// What it speaks.
    pub dialect: Dialect,
    /// For OpenAI the URL before `/chat/completions`, for Anthropic the URL before `/v1/messages`; absent: the
    /// maker's own service.
    pub base_url: Option<&'a str>,
    /// Absent: none is sent.
    pub api_key: Option<Zeroizing<String>>,
    /// `anthropic-version` for clients that send none; absent: [`ANTHROPIC_VERSION`].
    pub anthropic_version: Option<&'a str>,
    /// More headers.
    pub headers: Vec<(String, Zeroizing<String>)>,
}

impl ReadyProvider {
    /// The models that are there whatever the account lists; other upstreams keep that to themselves.
    pub const fn built_in_models(&self) -> &'static [&'static str] {
        match self.backend {
            Backend::Demo(_) => Demo::models(),
            Backend::Http(_) => &[],
        }
    }

    /// What the account speaks, for records.
    pub const fn kind(&self) -> &'static str {
        match &self.backend {
            Backend::Demo(_) => "demo",
            Backend::Http(http) => match http.dialect {
                Dialect::OpenAi => "openai",
                Dialect::Anthropic => "anthropic",
            },
        }
    }

    /// Host and port; none for the demo provider.
    pub fn server(&self) -> Option<Arc<str>> {
        match &self.backend {
            Backend::Demo(_) => None,
            Backend::Http(http) => Some(http.origin.shared_name()),
        }
    }

    /// Makes an account behind HTTP ready.
    ///
    /// # Errors
    /// See [`ProviderError`]; no error repeats a secret.
    pub fn http(account: HttpAccount<'_>) -> Result<Self, ProviderError> {
        let (default, endpoint) = match account.dialect {
            Dialect::OpenAi => (OPENAI_BASE, Endpoint::ChatCompletions),
            Dialect::Anthropic => (ANTHROPIC_BASE, Endpoint::Messages),
        };
        let base = account.base_url.unwrap_or(default).trim();
        let uri: Uri = base
            .parse()
            .map_err(|_| ProviderError::BaseUrl("it is not a URL".to_owned()))?;
        let origin = Origin::of(&uri)?;
        if uri.query().is_some() {
            return Err(ProviderError::BaseUrl(
                "it must not have a query".to_owned(),
            ));
        }
        let mut prefix = uri.path().trim_end_matches('/');
        if account.dialect == Dialect::Anthropic {
            // Both spellings are in use; the SDK's own has no version.
            prefix = prefix.strip_suffix("/v1").unwrap_or(prefix);
        }
        let target = Target::new(&origin, &format!("{prefix}{}", endpoint.path()))
            .ok_or_else(|| ProviderError::BaseUrl("its path is not usable".to_owned()))?;
        let mut headers = Vec::with_capacity(account.headers.len() + 1);
        if let Some(key) = account.api_key {
            headers.push(match account.dialect {
                Dialect::OpenAi => {
                    let value = Zeroizing::new(format!("Bearer {}", key.as_str()));
                    (
                        http::header::AUTHORIZATION,
                        secret_value(value).ok_or(ProviderError::Key)?,
                    )
                }
                Dialect::Anthropic => (
                    HeaderName::from_static("x-api-key"),
                    secret_value(key).ok_or(ProviderError::Key)?,
                ),
            });
        }
        for (name, value) in account.headers {
            let header = HeaderName::try_from(name.as_str())
                .ok()
                .zip(secret_value(value));
            headers.push(header.ok_or(ProviderError::Header(name))?);
        }
        let defaults = match account.dialect {
            Dialect::OpenAi => None,
            Dialect::Anthropic => {
                let version = account.anthropic_version.unwrap_or(ANTHROPIC_VERSION);
                let value = HeaderValue::from_str(version)
                    .map_err(|_| ProviderError::Header("anthropic-version".to_owned()))?;
                Some((HeaderName::from_static("anthropic-version"), value))
            }
        };
        let backend = HttpBackend {
            dialect: account.dialect,
            origin,
            target,
            defaults,
            headers,
        };
        Ok(Self {
            account: account.account,
            backend: Backend::Http(Box::new(backend)),
        })
    }

    /// The provider inside the process.
    pub const fn demo(account: Arc<str>, demo: Demo) -> Self {
        Self {
            account,
            backend: Backend::Demo(demo),
        }
    }

    /// Whether requests of this dialect can be sent to it.
    pub fn speaks(&self, dialect: Dialect) -> bool {
        match &self.backend {
            Backend::Http(http) => http.dialect == dialect,
            Backend::Demo(_) => true,
        }
    }
}

impl std::fmt::Debug for ReadyProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadyProvider")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Target {
    pub(super) fn new(origin: &Origin, path: &str) -> Option<Self> {
        let path: PathAndQuery = path.parse().ok()?;
        Some(Self {
            path: Uri::from(path.clone()),
            absolute: origin.absolute(path),
        })
    }

    /// The same with the client's query.
    pub(super) fn with_query(&self, origin: &Origin, query: &str) -> Option<Self> {
        Self::new(origin, &format!("{}?{query}", self.path.path()))
    }
}

impl HttpBackend {
    /// Adds what the account sends.
    pub(super) fn sign(&self, headers: &mut HeaderMap) {
        if let Some((name, value)) = &self.defaults
            && !headers.contains_key(name)
        {
            headers.insert(name.clone(), value.clone());
        }
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// A header value that never shows in `Debug` and whose memory is wiped when the last copy is dropped.
pub(crate) fn secret_value(secret: Zeroizing<String>) -> Option<HeaderValue> {
    struct Owner(Zeroizing<String>);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(Owner(secret))).ok()?;
    value.set_sensitive(true);
    Some(value)
}
