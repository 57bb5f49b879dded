//! What answers for a server.

use std::sync::Arc;

use super::bridge::era::Speaks;
use super::command::Command;
use super::openapi::OpenApi;
use super::virtual_server::Virtual;
use crate::upstream::Location;

/// Where the messages of a server's clients go.
#[derive(Debug)]
pub(crate) enum Backend {
    /// A server that is reached over Streamable HTTP, or that looks like it.
    Http(Http),
    /// Several other servers.
    Virtual(Arc<Virtual>),
    /// An HTTP API whose operations are tools.
    OpenApi(Described),
}

/// A server that is reached over Streamable HTTP, or that looks like it.
#[derive(Debug)]
pub(crate) struct Http {
    /// Where it is.
    pub(crate) place: Place,
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

/// Where a server is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Behind HTTP.
    Url(Location),
    /// In processes that the gateway starts, and that answer as if they were behind HTTP.
    Program(Arc<Command>),
}

impl Place {
    /// Host and port; none of a process.
    pub(crate) fn server(&self) -> Option<Arc<str>> {
        match self {
            Self::Url(location) => Some(location.server()),
            Self::Program(_) => None,
        }
    }

    /// The program, when it is one.
    pub(crate) fn program(&self) -> Option<&Arc<Command>> {
        match self {
            Self::Url(_) => None,
            Self::Program(command) => Some(command),
        }
    }
}
