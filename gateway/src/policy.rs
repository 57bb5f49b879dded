//! Policy in the gateway: where it is read from, and the form in which it is ready to run.
//!
//! *Written* (files) becomes *sent* (a bundle), or a bundle comes from an operator. Either becomes *ready*
//! ([`ready::Snapshot`]: patterns compiled, clients built). A snapshot is one revision; a request takes one and keeps it
//! to its end.

pub mod guardrail;
pub mod kinds;
pub mod live;
pub mod ready;
pub mod remote;
pub mod settings;
pub mod source;
pub mod watch;
