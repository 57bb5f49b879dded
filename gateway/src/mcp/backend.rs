//! What answers for a server.

use std::sync::Arc;

use super::bridge::era::Speaks;
use super::openapi::OpenApi;
use super::virtual_server::Virtual;
use crate::upstream::Location;

/// Where the messages of a server's clients go.
#[derive(Debug)]
pub(crate) enum Backend {
    /// A server that is reached over Streamable HTTP.
    Http(Http),
    /// Several other servers.
    Virtual(Arc<Virtual>),
    /// An HTTP API whose operations are tools.
    OpenApi(Described),
}

/// A server that is reached over Streamable HTTP.
#[derive(Debug)]
pub(crate) struct Http {
    /// Where it is.
    pub(crate) location: Location,
    /// Which eras it speaks.
    pub(crate) speaks: Speaks,
}

/// An HTTP API whose operations are tools.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// What its document says.
    pub(crate) api: Arc<OpenApi>,
    /// Where it is.
    pub(crate) base: Location,
}
