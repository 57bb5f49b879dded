//! What answers for a server.

use super::bridge::era::Speaks;
use crate::upstream::Location;

/// Where the messages of a server's clients go.
#[derive(Debug)]
pub(crate) enum Backend {
    /// A server that is reached over Streamable HTTP.
    Http(Http),
}

/// A server that is reached over Streamable HTTP.
#[derive(Debug)]
pub(crate) struct Http {
    /// Where it is.
    pub(crate) location: Location,
    /// Which eras it speaks.
    pub(crate) speaks: Speaks,
}
