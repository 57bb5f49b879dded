//! The side that clients see: sockets, TLS, HTTP, limits, and going away in an orderly way.
//!
//! - [`Server::start`] runs a [`Handler`] on N threads, each with its own single-threaded runtime, its own
//!   `SO_REUSEPORT` socket and its own instance of the handler; nothing on the way needs to be `Send`.
//! - [`Body`] is a response body: whole, the upstream's as it comes, or made by a future. [`Body::on_end`] tells
//!   when it ended or the client went away. What a body holds is dropped with it, so a client's disconnect
//!   reaches the upstream call.
//! - [`read_body`] reads a request body within [`ReadLimits`].
//! - [`Server::drain`] ends: readiness off, no new connections, last answers, cut.

pub mod body;
mod connection;
pub mod drain;
pub mod limits;
pub mod listener;
pub mod read;
mod serve;
mod socket;
pub mod tls;
mod transport;

pub use body::{Body, Cut, Ended, Frames};
pub use drain::{DrainTimes, Readiness, asked_to_end};
pub use limits::{EdgeLimits, InFlight};
pub use listener::{Handler, ListenerConfig, Server, StartError};
pub(crate) use read::discard;
pub use read::{ReadError, ReadLimits, read_body};
pub use tls::{TlsError, TlsFiles};

pub(crate) use serve::LocalExecutor;

#[cfg(test)]
mod tests;
