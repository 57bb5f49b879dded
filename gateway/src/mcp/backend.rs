//! What answers for a server.

use crate::upstream::Location;

/// Where the messages of a server's clients go.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    /// A server that is reached over Streamable HTTP.
    Http(Http),
}

/// A server that is reached over Streamable HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    /// Where it is.
    pub(crate) location: Location,
}
